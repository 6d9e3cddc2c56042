//! devenv: an AWS-shaped platform on a laptop, in one binary.
//!
//! The modules are the layers of `docs/architecture.md`; which may name which
//! is enforced by `tests/it/tidy.rs`.

pub mod base;
pub mod cli;
pub mod compose;
pub mod control;
pub mod data;
pub mod edge;
pub mod export;
pub mod policy;
pub mod profile;
pub mod protocol;
pub mod runtime;
pub mod services;
pub mod storage;
pub mod supervisor;
