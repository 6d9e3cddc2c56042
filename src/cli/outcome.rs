//! How a command ended that met no problem.

use std::process::ExitCode;

/// What to exit with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Done.
    Done,
    /// Another code: another program's own, or what a check found.
    Code(u8),
}

impl Outcome {
    pub(super) fn exit_code(self) -> ExitCode {
        match self {
            Outcome::Done => ExitCode::SUCCESS,
            Outcome::Code(code) => ExitCode::from(code),
        }
    }
}
