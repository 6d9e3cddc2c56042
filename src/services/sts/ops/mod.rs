//! The operations of STS, one a file.

mod get_caller_identity;
mod open_session;

pub use get_caller_identity::{CallerIdentity, get_caller_identity};
pub use open_session::{
    AssumeRole, AssumeRoleInput, AssumedRole, AssumedRoleUser, GetSessionToken,
    GetSessionTokenInput, RANDOM_BYTES, SessionCredentials, SessionToken,
};
