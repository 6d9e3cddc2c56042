//! The sessions: temporary credentials that were handed out and have not expired.

use crate::base::Millis;
use std::collections::HashMap;
use std::fmt;

/// Sessions kept at the most.
pub const SESSIONS_MAX: usize = 10_000;

/// Temporary credentials and who they stand for.
#[derive(Clone, PartialEq, Eq)]
pub struct Session {
    /// `ASIA…`.
    pub access_key: String,
    /// The secret access key.
    pub secret: String,
    /// The session token.
    pub token: String,
    /// The account that it acts in.
    pub account: String,
    /// What `GetCallerIdentity` says.
    pub arn: String,
    /// The same.
    pub user_id: String,
    /// When it ends.
    pub expires: Millis,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("arn", &self.arn).finish_non_exhaustive()
    }
}

/// All sessions by access key.
#[derive(Debug, Default)]
pub struct State {
    /// By access key.
    pub sessions: HashMap<String, Session>,
}

/// What is recorded for the disk.
#[derive(Debug)]
pub enum Change {
    /// A new session.
    Opened(Session),
    /// Sessions that ended before this instant are gone.
    Expired(Millis),
}

impl State {
    /// The session of `access_key`, unless it has ended.
    pub fn session(&self, access_key: &str, now: Millis) -> Option<&Session> {
        self.sessions.get(access_key).filter(|session| session.expires > now)
    }
}
