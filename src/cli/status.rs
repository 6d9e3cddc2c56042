//! `devenv status`: what runs, where, since when, health and its reason.

use super::choose;
use super::clock;
use super::outcome::Outcome;
use super::printer::Printer;
use super::table;
use crate::base::Problem;
use crate::control::client::{self, Silence};
use crate::control::{Ask, ClockNote, Home, Status as Report, Update};
use serde_json::json;
use std::time::Duration;

/// Longest wait for the daemon's answer.
const ANSWER_WAIT: Duration = Duration::from_secs(10);

/// Show what runs, where, since when, its health and why
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  devenv status --json")]
pub(super) struct Status {
    /// Again at every change, until the environment ends
    #[arg(long)]
    watch: bool,
}

impl Status {
    pub(super) fn run(self, printer: &Printer) -> Result<Outcome, Problem> {
        let home = choose::home()?;
        if self.watch {
            return watch(&home, printer);
        }
        match client::ask_once(&home, Ask::Status, ANSWER_WAIT)? {
            Update::Status(status) => print(&status, printer),
            _ => return Err(client::daemon_left("it answered something else")),
        }
        Ok(Outcome::Done)
    }
}

fn watch(home: &Home, printer: &Printer) -> Result<Outcome, Problem> {
    let updates = client::ask(home, Ask::Follow)?;
    loop {
        match updates.next(None) {
            Ok(Update::Status(status)) => print(&status, printer),
            Ok(Update::Failed(told)) => return Err(told.into()),
            Ok(_) => {}
            Err(Silence::Closed | Silence::TimedOut) => return Ok(Outcome::Done),
        }
    }
}

fn print(status: &Report, printer: &Printer) {
    if printer.json {
        return printer.object(&json!(status));
    }
    printer.out(format!("{} is {}", status.profile, status.state.word()));
    printer.out(table::services(status));
    match &status.clock {
        Some(ClockNote { frozen_at: Some(at), .. }) => {
            printer.out(format!("clock: stands still at {at}"));
        }
        Some(ClockNote { offset_ms, .. }) => {
            printer.out(format!("clock: {}", clock::ahead(offset_ms.unwrap_or_default())));
        }
        None => {}
    }
}
