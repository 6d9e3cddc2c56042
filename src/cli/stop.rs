//! `devenv stop`: stops services of a running environment, and returns when they are down.

use super::choose;
use super::outcome::Outcome;
use super::printer::Printer;
use super::settle::{self, Goal, USUAL_TIMEOUT};
use crate::base::Problem;
use crate::control::Ask;

/// Stop services, and what needs them
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  devenv stop postgres")]
pub(super) struct Stop {
    /// Which services
    #[arg(required = true, value_name = "SERVICE")]
    services: Vec<String>,
}

impl Stop {
    pub(super) fn run(self, printer: &Printer) -> Result<Outcome, Problem> {
        let ask = Ask::Stop { parts: self.services.clone() };
        let home = choose::home()?;
        let status = settle::to(&home, ask, &self.services, Goal::Down, USUAL_TIMEOUT, printer)?;
        Ok(settle::report(&status, &self.services, printer))
    }
}
