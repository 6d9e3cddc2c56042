//! Replicas: copies of a secret in other regions, and one in another account. Each is a secret of its
//! own that can be read and not written, and follows its primary in the same commit.
//!
//! <https://docs.aws.amazon.com/secretsmanager/latest/userguide/replicate-secrets.html>

use super::state::{Change, Key, Meta, Secret, State};
use crate::base::Millis;
use serde::{Deserialize, Serialize};

/// The key that is shown where none was named.
pub const DEFAULT_KEY: &str = "alias/aws/secretsmanager";
/// The status of a copy that is like its primary.
pub const IN_SYNC: &str = "InSync";
/// The status of a copy that could not be made.
pub const FAILED: &str = "Failed";
/// The status of a copy in another account before its primary knows of it.
pub const PENDING: &str = "Pending";
/// The status of a copy in another account that was let go.
pub const DETACHED: &str = "Detached";

/// A copy, as its primary knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replica {
    /// Where it lives.
    pub region: String,
    /// Whose it is, if not the primary's account's.
    pub account: Option<String>,
    /// Its ARN.
    pub arn: String,
    /// Its KMS key.
    pub kms_key_id: Option<String>,
    /// One of the model's words.
    pub status: String,
    /// More of it.
    pub message: Option<String>,
    /// The role that was named for a copy in another account.
    pub role: Option<String>,
}

/// The secret of which this one is a copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Primary {
    /// Where it lives.
    pub region: String,
    /// Its ARN.
    pub arn: String,
    /// Set where it belongs to another account: the status of the copy.
    pub across: Option<String>,
}

impl Replica {
    /// Whether it is a copy that follows.
    pub fn follows(&self) -> bool {
        self.status == IN_SYNC
    }

    /// Its place, for the primary at `primary`.
    pub fn key(&self, primary: &Key) -> Key {
        Key {
            account: self.account.clone().unwrap_or_else(|| primary.account.clone()),
            region: self.region.clone(),
            // A copy in another account may have a name of its own.
            name: name_of(&self.arn).unwrap_or(&primary.name).to_owned(),
        }
    }
}

/// The name in a whole ARN.
pub fn name_of(arn: &str) -> Option<&str> {
    let rest = arn.splitn(7, ':').nth(6)?;
    rest.len().checked_sub(7).and_then(|at| rest.get(..at))
}

/// The ARN of the copy of `arn` in `region`: alike but for the region.
pub fn arn_in(arn: &str, region: &str) -> String {
    let parts: Vec<&str> = arn.splitn(5, ':').collect();
    match parts.as_slice() {
        [a, b, c, _, rest] => format!("{a}:{b}:{c}:{region}:{rest}"),
        _ => arn.to_owned(),
    }
}

/// Makes the copies of the secret at `key` as it is.
pub fn sync(state: &mut State, key: &Key, now: Millis, changes: &mut Vec<Change>) {
    let Some(primary) = state.at(key) else { return };
    let copies: Vec<Key> =
        primary.meta.replicas.iter().filter(|r| r.follows()).map(|r| r.key(key)).collect();
    if copies.is_empty() {
        return;
    }
    let primary = primary.clone();
    for copy in copies {
        follow(state, &primary, copy, now, changes);
    }
}

fn follow(state: &mut State, primary: &Secret, key: Key, now: Millis, changes: &mut Vec<Change>) {
    let Some(copy) = state.at_mut(&key) else { return };
    let mut altered = false;
    for gone in copy.versions.iter().filter(|v| primary.version(&v.id).is_none()) {
        changes.push(Change::VersionGone(key.clone(), gone.id.clone()));
        altered = true;
    }
    let before = std::mem::take(&mut copy.versions);
    for version in &primary.versions {
        let old = before.iter().find(|v| v.id == version.id);
        let mut new = version.clone();
        new.accessed = old.and_then(|v| v.accessed);
        if old != Some(&new) {
            changes.push(Change::Version(key.clone(), new.clone()));
            altered = true;
        }
        copy.versions.push(new);
    }
    let meta = Meta {
        description: primary.meta.description.clone(),
        tags: primary.meta.tags.clone(),
        policy: primary.meta.policy.clone(),
        kind: primary.meta.kind.clone(),
        ..copy.meta.clone()
    };
    if altered || meta != copy.meta {
        copy.meta = Meta { changed: now, ..meta };
        changes.push(Change::Meta(key, Box::new(copy.meta.clone())));
    }
}
