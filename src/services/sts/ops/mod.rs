//! The operations of STS, one a file.

mod get_caller_identity;

pub use get_caller_identity::{CallerIdentity, get_caller_identity};
