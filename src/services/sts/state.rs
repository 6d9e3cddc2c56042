//! The sessions: temporary credentials that were handed out. Those that have ended are kept for a
//! while, so that whoever still uses them is told so.

use crate::base::Millis;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fmt;

/// Sessions kept at the most.
pub const SESSIONS_MAX: usize = 10_000;
/// Seconds for which a session that has ended is remembered.
pub const REMEMBERED_SECONDS: i64 = 36 * 3600;

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
    /// What it may.
    pub facts: Facts,
}

/// What follows for policies from how a session was opened.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// The ARN of its role.
    pub role: Option<String>,
    /// The name of the user whose session it is; root's without one.
    pub user: Option<String>,
    /// Whether it is somebody else's, who has only what its policies allow.
    pub federated: bool,
    /// Documents of session policies.
    pub policies: Vec<String>,
    /// ARNs of managed session policies.
    pub policy_arns: Vec<String>,
    /// Session tags.
    pub tags: Vec<(String, String)>,
    /// Keys of those that the next role inherits.
    pub transitive: Vec<String>,
    /// Who asked for it at first.
    pub source_identity: Option<String>,
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
    Opened(Box<Session>),
    /// Sessions that ended before this instant are gone.
    Expired(Millis),
}

impl State {
    /// The session of `access_key`, unless it has ended.
    pub fn session(&self, access_key: &str, now: Millis) -> Option<&Session> {
        self.sessions.get(access_key).filter(|session| session.expires > now)
    }
}
