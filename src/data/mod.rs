//! Fills an environment: the resources that a profile declares.

mod facts;
mod provision;

pub use facts::{Facts, Server};
pub use provision::{Note, Provisioned, provision};
