//! AWS Security Token Service: who a caller is, and temporary credentials.
//!
//! Invariant: no secret and no session token is ever printed.
//!
//! <https://docs.aws.amazon.com/STS/latest/APIReference/welcome.html>

pub mod error;
pub mod ops;
pub mod state;
mod store;
mod wire;

pub use wire::Sts;
