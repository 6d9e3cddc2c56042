//! What went wrong, told so that a person can mend it and a machine can sort it.

use std::fmt;

/// How a command that met this problem ends: the exit codes of the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It failed (1).
    Failed,
    /// Usage, or a mistake in a profile (2).
    Usage,
    /// No environment runs here (3).
    NotRunning,
    /// Not ready in time (4).
    NotReady,
    /// Something needed is missing or in the way (5).
    InTheWay,
}

impl Exit {
    /// The process's exit code.
    pub fn code(self) -> u8 {
        match self {
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::NotRunning => 3,
            Exit::NotReady => 4,
            Exit::InTheWay => 5,
        }
    }
}

/// A failure with its cause and the way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Stable name for machines, in kebab-case (`port-taken`).
    pub code: &'static str,
    /// What failed, on which file, port or key, and why. No final full stop.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// How the command ends.
    pub exit: Exit,
    /// Whether the same command may succeed later without a change.
    pub retryable: bool,
}

impl Problem {
    /// A problem that ends a command with `exit`.
    pub fn new(exit: Exit, code: &'static str, message: impl Into<String>) -> Self {
        Problem { code, message: message.into(), hint: None, exit, retryable: false }
    }

    /// Something that failed.
    pub fn failed(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Exit::Failed, code, message)
    }

    /// Something that is missing or in the way.
    pub fn in_the_way(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Exit::InTheWay, code, message)
    }

    /// With advice.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Marked as worth another try.
    #[must_use]
    pub fn retryable(mut self) -> Self {
        self.retryable = true;
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Problem {}
