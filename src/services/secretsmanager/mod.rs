//! AWS Secrets Manager: secrets with versions, staging labels, recovery windows and tags.
//!
//! Invariants: a staging label sits on at most one version of a secret; a version's value never
//! changes; no value is ever printed, logged or quoted in an error.
//!
//! <https://docs.aws.amazon.com/secretsmanager/latest/apireference/Welcome.html>

pub mod asks;
pub mod error;
pub mod filters;
pub mod limits;
pub mod ops;
pub mod password;
pub mod policy;
pub mod replication;
pub mod rotation;
pub mod sealed;
pub mod state;
pub(super) mod store;
#[cfg(test)]
mod tests;
pub mod validate;
pub mod versions;
mod wire;

pub use ops::Provisioned;
pub use ops::{Event, function_name};
pub use wire::{Called, RotationFunctions, SecretsManager};
