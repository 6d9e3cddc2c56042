//! How staging labels move between the versions of a secret, and which old versions go.
//!
//! <https://docs.aws.amazon.com/secretsmanager/latest/userguide/whats-in-a-secret.html#term_version>

use super::error::Error;
use super::limits::*;
use super::sealed::Value;
use super::state::{CURRENT, Change, Key, PENDING, PREVIOUS, Secret, Version};
use crate::base::Millis;
use std::collections::BTreeSet;

/// What a version to come is made of.
pub struct Draft {
    /// Its id.
    pub id: String,
    /// Its value; `None` for a rotation that has yet to make it.
    pub value: Option<Value>,
    /// The labels that it takes over.
    pub stages: BTreeSet<String>,
}

/// Whether `draft` may become a version of `secret`.
pub fn check(secret: &Secret, draft: &Draft, now: Millis) -> Result<(), Error> {
    let mut labels: BTreeSet<&str> = draft.stages.iter().map(String::as_str).collect();
    labels.extend(secret.versions.iter().flat_map(|v| &v.stages).map(String::as_str));
    if labels.len() > STAGES_MAX {
        return Err(Error::TooManyStages);
    }
    let stay = secret.versions.len() - outdated(secret, now).len();
    if stay >= VERSIONS_MAX { Err(Error::TooManyVersions) } else { Ok(()) }
}

/// Adds a version and moves its labels to it. The first version is current whatever it asks for.
pub fn add(
    key: &Key,
    secret: &mut Secret,
    mut draft: Draft,
    now: Millis,
    changes: &mut Vec<Change>,
) {
    if draft.value.is_some() && secret.at_stage(CURRENT).is_none() {
        draft.stages.insert(CURRENT.to_owned());
    }
    let version = match secret.versions.iter_mut().find(|v| v.id == draft.id) {
        // A rotation has made room for it.
        Some(empty) => {
            empty.value = draft.value;
            empty.clone()
        }
        None => {
            let seq = secret.versions.last().map_or(0, |v| v.seq + 1);
            let version = Version {
                id: draft.id.clone(),
                seq,
                value: draft.value,
                created: now,
                accessed: None,
                stages: BTreeSet::new(),
            };
            secret.versions.push(version.clone());
            version
        }
    };
    changes.push(Change::Version(key.clone(), version));
    // A new current value ends what was pending on the version that it replaces.
    if draft.stages.contains(CURRENT) {
        for replaced in secret.versions.iter_mut().filter(|v| v.stages.contains(CURRENT)) {
            replaced.stages.remove(PENDING);
        }
    }
    let mut touched = BTreeSet::new();
    for stage in &draft.stages {
        touched.extend(attach(secret, stage, &draft.id));
    }
    record(key, secret, &touched, changes);
    for id in outdated(secret, now) {
        secret.versions.retain(|v| v.id != id);
        changes.push(Change::VersionGone(key.clone(), id));
    }
}

/// Moves `stage` to the version `id`, and `AWSPREVIOUS` behind `AWSCURRENT`. Hands back whom it touched.
pub fn attach(secret: &mut Secret, stage: &str, id: &str) -> BTreeSet<String> {
    let mut touched = BTreeSet::from([id.to_owned()]);
    let mut left = None;
    for version in &mut secret.versions {
        if version.id == id {
            version.stages.insert(stage.to_owned());
        } else if version.stages.remove(stage) {
            touched.insert(version.id.clone());
            left = Some(version.id.clone());
        }
    }
    if let (CURRENT, Some(left)) = (stage, left) {
        touched.extend(attach(secret, PREVIOUS, &left));
    }
    touched
}

/// Records labels and days of access of the versions `ids`.
pub fn record(key: &Key, secret: &Secret, ids: &BTreeSet<String>, changes: &mut Vec<Change>) {
    for version in secret.versions.iter().filter(|v| ids.contains(&v.id)) {
        changes.push(Change::Marks {
            key: key.clone(),
            id: version.id.clone(),
            stages: version.stages.clone(),
            accessed: version.accessed,
        });
    }
}

/// Versions that AWS would have removed: without label, older than a day, beyond the newest hundred.
fn outdated(secret: &Secret, now: Millis) -> Vec<String> {
    let surplus = secret.versions.len().saturating_sub(VERSIONS_KEPT);
    let old = secret.versions.iter().filter(|v| {
        v.stages.is_empty() && now.since(v.created) >= VERSION_KEPT_SECONDS.saturating_mul(1000)
    });
    old.take(surplus).map(|v| v.id.clone()).collect()
}
