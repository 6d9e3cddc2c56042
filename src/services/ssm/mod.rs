//! AWS Systems Manager Parameter Store: parameters in hierarchies, with versions, labels and policies.
//!
//! Invariants: versions of a parameter count up and never change; a label sits on at most one version;
//! the value of a `SecureString` is kept as what KMS made of it, and no value is ever printed, logged
//! or quoted in an error.
//!
//! <https://docs.aws.amazon.com/systems-manager/latest/userguide/systems-manager-parameter-store.html>

pub mod asks;
pub mod filters;
pub mod limits;
pub mod names;
pub mod ops;
pub mod policies;
pub mod state;
mod store;
#[cfg(test)]
mod tests;
mod wire;

pub use wire::Ssm;

use crate::services::model::{Dialect, Model};
use std::sync::OnceLock;

/// Operations and shapes.
pub fn model() -> &'static Model {
    static MODEL: OnceLock<Model> = OnceLock::new();
    MODEL.get_or_init(|| Model::parse(Dialect::Json, include_str!("model/ssm.model")))
}
