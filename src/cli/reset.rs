//! `devenv reset`: back to the seeded state, without a restart of the environment.

use super::choose;
use super::down::needs_yes;
use super::outcome::Outcome;
use super::printer::{Printer, SCHEMA};
use crate::base::Problem;
use crate::control::client;
use crate::control::{Ask, Update};
use serde_json::json;
use std::time::Duration;

/// Longest wait: a database may have to be made from scratch.
const RESET_WAIT: Duration = Duration::from_secs(180);

/// Back to the seeded state: everything, or the services named
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  devenv reset s3 sqs --yes")]
pub(super) struct Reset {
    /// Which services; all when none is named
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Make no snapshot before; `devenv undo` cannot bring the state back then
    #[arg(long)]
    no_snapshot: bool,
}

impl Reset {
    pub(super) fn run(self, printer: &Printer) -> Result<Outcome, Problem> {
        let home = choose::home()?;
        if client::connect(&home)?.is_none() {
            return Err(home.not_running());
        }
        let what = match self.services.is_empty() {
            true => "every service".to_owned(),
            false => self.services.join(", "),
        };
        if !self.yes {
            match printer.confirm(&format!("delete the state of {what}?")) {
                Some(true) => {}
                Some(false) => {
                    return Err(Problem::failed("not-confirmed", "nothing was deleted"));
                }
                None => return Err(needs_yes("deletes state", "devenv reset --yes")),
            }
        }
        let ask = Ask::Reset { services: self.services, no_snapshot: self.no_snapshot };
        match client::ask_once(&home, ask, RESET_WAIT)? {
            Update::Done if printer.json => {
                printer.object(&json!({"schema": SCHEMA, "reset": what}));
            }
            Update::Done => printer.out(format!("{what} back to the seeded state")),
            _ => return Err(client::daemon_left("it answered something else")),
        }
        Ok(Outcome::Done)
    }
}
