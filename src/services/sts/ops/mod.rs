//! The operations of STS.

mod get_caller_identity;
mod open_session;
mod wishes;

pub use get_caller_identity::get_caller_identity;
pub use open_session::{OpenSession, RANDOM_BYTES};
pub use wishes::{Role, Wish, role_in};
