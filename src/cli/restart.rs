//! `devenv restart`: stops and starts services, and returns when they answer again.

use super::choose;
use super::outcome::Outcome;
use super::printer::Printer;
use super::settle::{self, Goal, USUAL_TIMEOUT};
use crate::base::Problem;
use crate::control::Ask;

/// Restart services
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  devenv restart postgres")]
pub(super) struct Restart {
    /// Which services
    #[arg(required = true, value_name = "SERVICE")]
    services: Vec<String>,
}

impl Restart {
    pub(super) fn run(self, printer: &Printer) -> Result<Outcome, Problem> {
        let ask = Ask::Restart { parts: self.services.clone() };
        let home = choose::home()?;
        let status = settle::to(&home, ask, &self.services, Goal::Healthy, USUAL_TIMEOUT, printer)?;
        Ok(settle::report(&status, &self.services, printer))
    }
}
