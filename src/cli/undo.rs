//! `devenv undo`: the state before the last reset or restore.

use super::choose;
use super::outcome::Outcome;
use super::printer::Printer;
use super::snapshot;
use crate::base::Problem;
use crate::data::snapshot::Store;

/// Bring back what was there before the last `reset` or `snapshot restore`; a second one takes that back
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  devenv undo")]
pub(super) struct Undo {}

impl Undo {
    pub(super) fn run(self, printer: &Printer) -> Result<Outcome, Problem> {
        let home = choose::home()?;
        let Some(last) = Store::of(&home.project).last_automatic()? else {
            let message = "there is nothing to undo: no reset and no restore has left a snapshot";
            return Err(Problem::failed("nothing-to-undo", message));
        };
        snapshot::restore(&home, &last.manifest.name, printer)
    }
}
