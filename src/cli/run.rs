//! `devenv run`: one run of a service that has a schedule, now and to its end. What it writes is ours, and so
//! is its exit code.

use super::choose;
use super::outcome::Outcome;
use super::printer::{Printer, SCHEMA};
use crate::base::Problem;
use crate::control::client::{self, Silence};
use crate::control::{Ask, Update};
use crate::runtime::logs::{Follower, Line};
use crate::runtime::{Dirs, dirs::user_cache_dir};
use serde_json::json;
use std::path::Path;
use std::time::{Duration, Instant};

/// Between looks for new lines.
const PACE: Duration = Duration::from_millis(60);
/// How lines of devenv's own begin in a service's log.
const OWN: &str = "devenv: ";

/// Run a service that has a schedule once, now; its output and its exit code are ours
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  devenv run invoices")]
pub(super) struct Run {
    /// Which service
    #[arg(value_name = "SERVICE")]
    service: String,
}

impl Run {
    pub(super) fn run(self, printer: &Printer) -> Result<Outcome, Problem> {
        let home = choose::home()?;
        let state = std::fs::read_to_string(home.ephemeral_pointer());
        let state = state.map_or(home.dir.clone(), |dir| Path::new(&dir).join(".devenv"));
        let dirs = Dirs::at(&state, user_cache_dir()?);
        // From before it begins, so that no line is missed.
        let mut log = Follower::at_end(&dirs, &self.service);
        let mut lines: Vec<Line> = Vec::new();
        let mut told = |log: &mut Follower| {
            let new = log.poll().into_iter().filter(|line| !line.text.starts_with(OWN));
            for line in new {
                match printer.json {
                    true => lines.push(line),
                    false => printer.out(&line.text),
                }
            }
        };
        let updates = client::ask(&home, Ask::Run { service: self.service.clone() })?;
        let (number, code) = loop {
            match updates.next(Some(Instant::now() + PACE)) {
                Ok(Update::Ran { number, code }) => break (number, code),
                Ok(Update::Failed(told)) => return Err(told.into()),
                Ok(_) => {}
                Err(Silence::TimedOut) => told(&mut log),
                Err(Silence::Closed) => {
                    return Err(client::daemon_left("it closed the connection"));
                }
            }
        };
        told(&mut log);
        if printer.json {
            let lines: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
            let run = json!({ "service": self.service, "number": number, "exit_code": code, "lines": lines });
            printer.object(&json!({ "schema": SCHEMA, "run": run }));
        } else {
            printer.say(format!("run {number} of {} ended with {code}", self.service));
        }
        Ok(Outcome::Code(u8::try_from(code).unwrap_or(1)))
    }
}
