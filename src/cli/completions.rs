//! `devenv completions`: the script that completes commands in a shell.

use super::outcome::Outcome;
use super::printer::Printer;
use crate::base::Problem;
use clap_complete::{Shell, generate};

/// Print a shell's completion script
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  devenv completions bash > ~/.local/share/bash-completion/completions/devenv"
)]
pub(super) struct Completions {
    /// Which shell
    shell: Shell,
}

impl Completions {
    pub(super) fn run(
        self,
        printer: &Printer,
        command: &mut clap::Command,
    ) -> Result<Outcome, Problem> {
        let mut script = Vec::new();
        generate(self.shell, command, "devenv", &mut script);
        printer.out(String::from_utf8_lossy(&script).trim_end());
        Ok(Outcome::Done)
    }
}
