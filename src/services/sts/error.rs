//! Why STS refuses. <https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html>

use crate::services::ServiceError;

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// A parameter breaks a rule, in AWS's words.
    Invalid(String),
    /// More sessions than are kept.
    TooManySessions,
    /// The machine gave no randomness.
    NoEntropy,
}

impl ServiceError for Error {
    fn code(&self) -> &'static str {
        match self {
            Error::Invalid(_) => "ValidationError",
            Error::TooManySessions => "Throttling",
            Error::NoEntropy => "InternalFailure",
        }
    }

    fn status(&self) -> u16 {
        if matches!(self, Error::NoEntropy) { 500 } else { 400 }
    }

    fn message(&self) -> String {
        match self {
            Error::Invalid(text) => text.clone(),
            Error::TooManySessions => "Rate exceeded".into(),
            Error::NoEntropy => "devenv could not get random bytes from the system.".into(),
        }
    }
}
