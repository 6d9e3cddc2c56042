//! What an environment holds: the resources that a profile declares, and snapshots of all of it.

mod facts;
pub mod leftovers;
mod provision;
mod rotation;
pub mod snapshot;

pub use facts::{Facts, Server};
pub use provision::{Note, Provisioned, provision};
pub use rotation::{Surroundings, install as install_rotators};
