//! The parameters of every account and region.
//!
//! Invariants: a parameter has at least one version, the newest last; a label sits on at most one.

use super::names::Wanted;
use super::policies::Policy;
use crate::base::{Caller, Millis};
use crate::services::model::Refusal;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

/// Account and region.
pub type Home = (String, String);
/// Where a parameter is, and its name.
pub type Key = (Home, String);

/// A value as it is kept: text, or what KMS made of it in base64. Never printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Kept(pub String);

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// One version of a parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// From 1 on.
    pub number: i64,
    /// `String`, `StringList` or `SecureString`.
    pub kind: String,
    /// The value.
    pub value: Kept,
    /// The KMS key of a `SecureString`, as given.
    pub key_id: Option<String>,
    /// Description.
    pub description: Option<String>,
    /// What its value had to match.
    pub allowed_pattern: Option<String>,
    /// `Standard` or `Advanced`.
    pub tier: String,
    /// Policies.
    pub policies: Vec<Policy>,
    /// `text`, `aws:ec2:image` or `aws:ssm:integration`.
    pub data_type: String,
    /// When it was put, in milliseconds since the epoch.
    pub modified: i64,
    /// Who put it.
    pub user: String,
    /// Its labels.
    pub labels: BTreeSet<String>,
}

/// A parameter.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parameter {
    /// Oldest first.
    pub versions: Vec<Version>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

/// What an operation records for the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A version is this.
    Version(Key, Box<Version>),
    /// A version is gone.
    VersionGone(Key, i64),
    /// A parameter's tags are these.
    Tags(Key, BTreeMap<String, String>),
    /// A parameter is gone with all its versions.
    Gone(Key),
}

/// All parameters.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct State {
    shelves: HashMap<Home, BTreeMap<String, Parameter>>,
    /// Expiries to come, soonest first.
    due: BTreeSet<(i64, Key)>,
}

impl Parameter {
    /// The newest version. There is always one.
    pub fn newest(&self) -> Option<&Version> {
        self.versions.last()
    }

    fn expires(&self) -> Option<i64> {
        self.newest()?.policies.iter().find_map(|policy| policy.expires)
    }

    /// The version that `selector` means: a number or a label; the newest without one.
    pub fn select(&self, name: &str, selector: Option<&str>) -> Result<&Version, Refusal> {
        let Some(selector) = selector else { return self.newest().ok_or_else(not_found) };
        let number = selector.parse::<i64>().ok();
        let found = match number {
            Some(number) => self.versions.iter().find(|v| v.number == number),
            None => self.versions.iter().find(|v| v.labels.contains(selector)),
        };
        found.ok_or_else(|| match number {
            Some(number) => no_version(name, number),
            None => version_not_found(&format!("label {selector}"), name),
        })
    }
}

/// There is no such parameter. AWS gives no text.
pub fn not_found() -> Refusal {
    Refusal::new("ParameterNotFound", "")
}

/// There is no such version.
pub fn no_version(name: &str, number: i64) -> Refusal {
    version_not_found(&format!("version {number}"), name)
}

fn version_not_found(what: &str, name: &str) -> Refusal {
    let text = format!(
        "Systems Manager could not find {what} of {name}. Verify the version and try again."
    );
    Refusal::new("ParameterVersionNotFound", text)
}

/// The caller's account and region.
pub fn home(caller: &Caller) -> Home {
    (caller.account.clone(), caller.region.clone())
}

impl State {
    /// The parameters of an account and region, by name.
    pub fn shelf(&self, home: &Home) -> Option<&BTreeMap<String, Parameter>> {
        self.shelves.get(home)
    }

    /// The parameter called `name`.
    pub fn get(&self, home: &Home, name: &str) -> Option<&Parameter> {
        self.shelves.get(home)?.get(name)
    }

    /// The parameter that `wanted` means to the owner of `home`. Those of others are not shared.
    pub fn find(&self, home: &Home, wanted: &Wanted) -> Option<(String, &Parameter)> {
        if wanted.home.as_ref().is_some_and(|named| named != home) {
            return None;
        }
        wanted.names.iter().find_map(|name| Some((name.clone(), self.get(home, name)?)))
    }

    /// Makes a change.
    pub fn absorb(&mut self, change: &Change) {
        let key = match change {
            Change::Version(key, _)
            | Change::VersionGone(key, _)
            | Change::Tags(key, _)
            | Change::Gone(key) => key,
        };
        let shelf = self.shelves.entry(key.0.clone()).or_default();
        let before = shelf.get(&key.1).and_then(Parameter::expires);
        match change {
            Change::Version(_, version) => {
                let versions = &mut shelf.entry(key.1.clone()).or_default().versions;
                match versions.iter_mut().find(|v| v.number == version.number) {
                    Some(known) => known.clone_from(version),
                    None => versions.push((**version).clone()),
                }
            }
            Change::VersionGone(_, number) => {
                if let Some(parameter) = shelf.get_mut(&key.1) {
                    parameter.versions.retain(|v| v.number != *number);
                }
            }
            Change::Tags(_, tags) => {
                if let Some(parameter) = shelf.get_mut(&key.1) {
                    parameter.tags.clone_from(tags);
                }
            }
            Change::Gone(_) => drop(shelf.remove(&key.1)),
        }
        let after = shelf.get(&key.1).and_then(Parameter::expires);
        if before != after {
            before.map(|at| self.due.remove(&(at, key.clone())));
            after.map(|at| self.due.insert((at, key.clone())));
        }
    }

    /// A parameter whose expiry is due at `now`.
    pub fn due(&self, now: Millis) -> Option<Key> {
        self.due.first().filter(|(at, _)| *at <= now.0).map(|(_, key)| key.clone())
    }
}
