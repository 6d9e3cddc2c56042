//! AWS Identity and Access Management, as much of it as the tools of a project need: users, groups,
//! roles, policies, access keys, instance profiles, identity providers. Global: an account has one.
//!
//! Invariants: names differ without regard to case; what is attached or a member exists; an access
//! key's secret is shown once, when it is made, and is never printed.
//!
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/welcome.html>

pub mod asks;
pub mod documents;
pub mod limits;
pub mod managed;
pub mod ops;
pub mod state;
mod store;
pub mod subjects;
mod wire;

pub use wire::Iam;

use crate::services::model::{Dialect, Model};
use std::sync::OnceLock;

/// Operations and shapes.
pub fn model() -> &'static Model {
    static MODEL: OnceLock<Model> = OnceLock::new();
    MODEL.get_or_init(|| Model::parse(Dialect::Query, include_str!("model/iam.model")))
}
