//! AWS Security Token Service: who a caller is.
//!
//! <https://docs.aws.amazon.com/STS/latest/APIReference/welcome.html>

pub mod ops;
mod wire;

pub use wire::Sts;
