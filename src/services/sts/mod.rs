//! AWS Security Token Service: who a caller is, and temporary credentials.
//!
//! Invariant: no secret and no session token is ever printed.
//!
//! <https://docs.aws.amazon.com/STS/latest/APIReference/welcome.html>

pub mod ops;
pub mod state;
mod store;
pub mod token;
mod wire;

pub use wire::{Judge, Sts};

use crate::services::model::{Dialect, Model};
use std::sync::OnceLock;

/// Operations and shapes.
pub fn model() -> &'static Model {
    static MODEL: OnceLock<Model> = OnceLock::new();
    MODEL.get_or_init(|| Model::parse(Dialect::Query, include_str!("model/sts.model")))
}
