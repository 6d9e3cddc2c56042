//! devenv.toml as typed, and the resolved profile.

mod resolved;

pub use resolved::*;
