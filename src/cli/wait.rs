//! `devenv wait`: returns when a service is as wanted.

use super::choose;
use super::outcome::Outcome;
use super::printer::Printer;
use super::settle::{self, Goal};
use crate::base::Problem;
use crate::base::duration;
use crate::control::Ask;
use std::time::Duration;

/// Wait until a service answers, runs, or does not run
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  devenv wait postgres --for healthy --timeout 30s")]
pub(super) struct Wait {
    /// Which service
    service: String,
    /// What to wait for
    #[arg(long = "for", value_enum, default_value = "healthy", value_name = "STATE")]
    goal: Goal,
    /// How long
    #[arg(long, value_parser = duration::parse, default_value = "60s")]
    timeout: Duration,
}

impl Wait {
    pub(super) fn run(self, printer: &Printer) -> Result<Outcome, Problem> {
        let names = [self.service];
        let home = choose::home()?;
        let status = settle::to(&home, Ask::Follow, &names, self.goal, self.timeout, printer)?;
        Ok(settle::report(&status, &names, printer))
    }
}
