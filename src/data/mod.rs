//! Fills an environment: the resources that a profile declares.

mod facts;

pub use facts::{Facts, Server};
