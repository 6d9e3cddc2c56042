//! `devenv start`: starts services of a running environment, and returns when they answer.

use super::choose;
use super::outcome::Outcome;
use super::printer::Printer;
use super::settle::{self, Goal, USUAL_TIMEOUT};
use crate::base::Problem;
use crate::control::Ask;

/// Start services, and what they need
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  devenv start postgres")]
pub(super) struct Start {
    /// Which services
    #[arg(required = true, value_name = "SERVICE")]
    services: Vec<String>,
}

impl Start {
    pub(super) fn run(self, printer: &Printer) -> Result<Outcome, Problem> {
        let ask = Ask::Start { parts: self.services.clone() };
        let home = choose::home()?;
        let status = settle::to(&home, ask, &self.services, Goal::Healthy, USUAL_TIMEOUT, printer)?;
        Ok(settle::report(&status, &self.services, printer))
    }
}
