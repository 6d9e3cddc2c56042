//! Fills an environment: the resources that a profile declares.

mod facts;
mod provision;
mod rotation;

pub use facts::{Facts, Server};
pub use provision::{Note, Provisioned, provision};
pub use rotation::{Surroundings, install as install_rotators};
