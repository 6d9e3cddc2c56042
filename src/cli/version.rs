//! `devenv version`: which devenv this is.

use super::outcome::Outcome;
use super::printer::{Printer, SCHEMA};
use crate::base::Problem;
use serde_json::json;

/// Print the version
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  devenv version --json")]
pub(super) struct Version {}

impl Version {
    pub(super) fn run(self, printer: &Printer) -> Result<Outcome, Problem> {
        let version = env!("CARGO_PKG_VERSION");
        match printer.json {
            true => printer.object(&json!({"schema": SCHEMA, "version": version})),
            false => printer.out(format!("devenv {version}")),
        }
        Ok(Outcome::Done)
    }
}
