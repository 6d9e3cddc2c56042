//! The secrets of every account and region, and how a `SecretId` finds one.
//!
//! Invariants: a staging label sits on at most one version of a secret; exactly one version bears
//! `AWSCURRENT` as soon as a version has a value.

use super::error::Error;
use super::replication::{DEFAULT_KEY, Primary, Replica};
use super::rotation::Rotation;
use super::sealed::Value;
use super::validate;
use crate::base::{Caller, Millis};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The label of the version that is read by default.
pub const CURRENT: &str = "AWSCURRENT";
/// The label of the version that was current before.
pub const PREVIOUS: &str = "AWSPREVIOUS";
/// The label of the version that a rotation prepares.
pub const PENDING: &str = "AWSPENDING";

/// Where a secret lives.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Twelve digits.
    pub account: String,
    /// `us-east-1`.
    pub region: String,
    /// The friendly name.
    pub name: String,
}

impl Key {
    /// The place of the secret with this whole ARN.
    pub fn of_arn(arn: &str) -> Option<Key> {
        let parts: Vec<&str> = arn.splitn(7, ':').collect();
        let &["arn", _, "secretsmanager", region, account, "secret", rest] = parts.as_slice()
        else {
            return None;
        };
        let name = rest.len().checked_sub(7).and_then(|at| rest.get(..at))?;
        Some(Key { account: account.into(), region: region.into(), name: name.into() })
    }
}

/// All that is known of a secret but its versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meta {
    /// With the six random characters.
    pub arn: String,
    /// Description.
    pub description: Option<String>,
    /// As given; `None` is `aws/secretsmanager`.
    pub kms_key_id: Option<String>,
    /// `None` until the first tag came: AWS then lists even an empty set.
    pub tags: Option<Vec<(String, String)>>,
    /// The resource policy, as given.
    pub policy: Option<String>,
    /// When it was made.
    pub created: Millis,
    /// When anything of it last changed.
    pub changed: Millis,
    /// The day on which its value was last read.
    pub accessed: Option<Millis>,
    /// Set while it waits for its deletion.
    pub deletion: Option<Deletion>,
    /// SHA-256 of what the profile last put here, in hex.
    pub provisioned: Option<String>,
    /// The partner of a managed external secret.
    pub kind: Option<String>,
    /// Rotation, once it was configured.
    pub rotation: Option<Box<Rotation>>,
    /// Its copies elsewhere.
    pub replicas: Vec<Replica>,
    /// The secret of which it is a copy.
    pub primary: Option<Primary>,
}

impl Meta {
    /// The data of a secret that is made at `now`.
    pub fn new(arn: String, now: Millis) -> Meta {
        Meta {
            arn,
            description: None,
            kms_key_id: None,
            tags: None,
            policy: None,
            created: now,
            changed: now,
            accessed: None,
            deletion: None,
            provisioned: None,
            kind: None,
            rotation: None,
            replicas: Vec::new(),
            primary: None,
        }
    }

    /// The KMS key that was chosen, where it is not AWS's own for Secrets Manager.
    pub fn own_key(&self) -> Option<&str> {
        let is_own = |key: &&str| !matches!(*key, DEFAULT_KEY | "aws/secretsmanager");
        self.kms_key_id.as_deref().filter(is_own)
    }

    /// A new current value was put at `now`.
    pub fn renewed(&mut self, now: Millis) {
        if let Some(rotation) = &mut self.rotation {
            rotation.renewed(now);
        }
    }
}

/// A deletion to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deletion {
    /// When it was asked for.
    pub requested: Millis,
    /// When the secret goes for good.
    pub due: Millis,
}

/// One version of a secret. Its value never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The client request token that made it.
    pub id: String,
    /// The order in which versions came.
    pub seq: i64,
    /// The value; `None` while a rotation has not made it.
    pub value: Option<Value>,
    /// When it was made.
    pub created: Millis,
    /// The day on which it was last read.
    pub accessed: Option<Millis>,
    /// Its staging labels.
    pub stages: BTreeSet<String>,
}

/// A secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    /// What is known of it.
    pub meta: Meta,
    /// Oldest first.
    pub versions: Vec<Version>,
}

/// What an operation records for the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A secret's own data are these.
    Meta(Key, Box<Meta>),
    /// A new version.
    Version(Key, Version),
    /// A version's labels and day of access are these.
    Marks {
        /// The secret.
        key: Key,
        /// The version.
        id: String,
        /// Labels.
        stages: BTreeSet<String>,
        /// Day of access.
        accessed: Option<Millis>,
    },
    /// A version is gone.
    VersionGone(Key, String),
    /// A secret is gone with all its versions.
    SecretGone(Key),
}

impl Change {
    /// The secret that it is about.
    pub fn key(&self) -> &Key {
        match self {
            Change::Meta(key, _)
            | Change::Version(key, _)
            | Change::Marks { key, .. }
            | Change::VersionGone(key, _)
            | Change::SecretGone(key) => key,
        }
    }
}

/// The secrets of one account and region, by name.
pub type Shelf = BTreeMap<String, Secret>;

/// All secrets.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct State {
    /// By account and region: few of each, so that comparing is cheaper than hashing.
    shelves: BTreeMap<String, BTreeMap<String, Shelf>>,
    /// Deletions to come, soonest first.
    due: BTreeSet<(Millis, Key)>,
    /// Rotations to come or under way, soonest first.
    rotations: Rotations,
    /// The rotation functions that this environment has; `None` until somebody says.
    pub functions: Option<BTreeSet<String>>,
}

/// When there is something to do for the rotation of which secret.
#[derive(Debug, Clone, Default, PartialEq)]
struct Rotations {
    by_instant: BTreeSet<(Millis, Key)>,
    by_key: HashMap<Key, Millis>,
}

impl Rotations {
    fn set(&mut self, key: &Key, due: Option<Millis>) {
        if self.by_key.get(key).copied() == due {
            return;
        }
        if let Some(old) = self.by_key.remove(key) {
            self.by_instant.remove(&(old, key.clone()));
        }
        if let Some(due) = due {
            self.by_key.insert(key.clone(), due);
            self.by_instant.insert((due, key.clone()));
        }
    }
}

impl Secret {
    /// The version that bears `stage`.
    pub fn at_stage(&self, stage: &str) -> Option<&Version> {
        self.versions.iter().find(|v| v.stages.contains(stage))
    }

    /// The version `id`.
    pub fn version(&self, id: &str) -> Option<&Version> {
        self.versions.iter().find(|v| v.id == id)
    }

    /// `Err` while the secret waits for its deletion.
    pub fn alive(&self) -> Result<(), Error> {
        if self.meta.deletion.is_some() { Err(Error::MarkedForDeletion) } else { Ok(()) }
    }

    /// `Err` unless it may be changed.
    pub fn writable(&self) -> Result<(), Error> {
        self.alive()?;
        if self.meta.primary.is_some() { Err(Error::ReplicaReadOnly) } else { Ok(()) }
    }

    /// Version ids and their labels, for those that have any.
    pub fn staged(&self) -> BTreeMap<String, BTreeSet<String>> {
        let labelled = self.versions.iter().filter(|v| !v.stages.is_empty());
        labelled.map(|v| (v.id.clone(), v.stages.clone())).collect()
    }
}

impl State {
    /// The secrets of the caller's account and region.
    pub fn shelf(&self, caller: &Caller) -> Option<&Shelf> {
        self.shelves.get(&caller.account)?.get(&caller.region)
    }

    /// The secret that `id` means for `caller`: a name, an ARN, or an ARN without its random end.
    pub fn find(&self, caller: &Caller, id: &str) -> Result<(&str, &Secret), Error> {
        let wanted = Wanted::read(caller, id)?;
        let found = self.shelf(caller).and_then(|s| s.get_key_value(wanted.name));
        let found = found.filter(|(_, secret)| wanted.fits(secret));
        found.map(|(name, secret)| (name.as_str(), secret)).ok_or(Error::SecretNotFound)
    }

    /// The same, to be changed.
    pub fn find_mut(&mut self, caller: &Caller, id: &str) -> Result<(Key, &mut Secret), Error> {
        let wanted = Wanted::read(caller, id)?;
        let regions = self.shelves.get_mut(&caller.account);
        let shelf = regions.and_then(|r| r.get_mut(&caller.region));
        let found = shelf.and_then(|s| s.get_mut(wanted.name)).filter(|s| wanted.fits(s));
        let secret = found.ok_or(Error::SecretNotFound)?;
        Ok((key(caller, wanted.name), secret))
    }

    /// Puts a secret in its place.
    pub fn insert(&mut self, key: Key, secret: Secret) {
        if let Some(deletion) = secret.meta.deletion {
            self.due.insert((deletion.due, key.clone()));
        }
        self.rotations.set(&key, rotation_due(&secret));
        let regions = self.shelves.entry(key.account).or_default();
        regions.entry(key.region).or_default().insert(key.name, secret);
    }

    /// The secret at `key`.
    pub fn at(&self, key: &Key) -> Option<&Secret> {
        self.shelves.get(&key.account)?.get(&key.region)?.get(&key.name)
    }

    /// The same, to be changed.
    pub fn at_mut(&mut self, key: &Key) -> Option<&mut Secret> {
        self.shelves.get_mut(&key.account)?.get_mut(&key.region)?.get_mut(&key.name)
    }

    /// Takes note of when the rotation of the secret at `key` is due, after an operation on it.
    pub fn note_rotation(&mut self, key: &Key) {
        let due = self.at(key).and_then(rotation_due);
        self.rotations.set(key, due);
    }

    /// Secrets whose rotation has something to do, soonest first.
    pub fn rotations(&self) -> impl Iterator<Item = &(Millis, Key)> {
        self.rotations.by_instant.iter()
    }

    /// When a secret is to be deleted next.
    pub fn next_deletion(&self) -> Option<Millis> {
        self.due.first().map(|(due, _)| *due)
    }

    /// Takes a secret away.
    pub fn remove(&mut self, key: &Key) -> Option<Secret> {
        let shelf = self.shelves.get_mut(&key.account)?.get_mut(&key.region)?;
        let secret = shelf.remove(&key.name)?;
        self.rotations.set(key, None);
        if let Some(deletion) = secret.meta.deletion {
            self.due.remove(&(deletion.due, key.clone()));
        }
        Some(secret)
    }

    /// Sets or lifts the deletion of the secret `key`.
    pub fn schedule(&mut self, key: &Key, deletion: Option<Deletion>) {
        let shelf = self.shelves.get_mut(&key.account).and_then(|r| r.get_mut(&key.region));
        let Some(secret) = shelf.and_then(|s| s.get_mut(&key.name)) else { return };
        if let Some(old) = std::mem::replace(&mut secret.meta.deletion, deletion) {
            self.due.remove(&(old.due, key.clone()));
        }
        if let Some(new) = deletion {
            self.due.insert((new.due, key.clone()));
        }
    }

    /// Whether a deletion is due at `now`.
    pub fn is_due(&self, now: Millis) -> bool {
        self.due.first().is_some_and(|(due, _)| *due <= now)
    }

    /// A secret whose deletion is due at `now`.
    pub fn next_due(&self, now: Millis) -> Option<Key> {
        self.due.first().filter(|(due, _)| *due <= now).map(|(_, key)| key.clone())
    }
}

fn rotation_due(secret: &Secret) -> Option<Millis> {
    let rotation = secret.meta.rotation.as_ref().filter(|_| secret.meta.deletion.is_none());
    rotation.and_then(|rotation| rotation.due())
}

/// The place of `name` for `caller`.
pub fn key(caller: &Caller, name: &str) -> Key {
    Key { account: caller.account.clone(), region: caller.region.clone(), name: name.to_owned() }
}

/// What a `SecretId` asks for.
struct Wanted<'a> {
    name: &'a str,
    /// The whole ARN where one was given.
    arn: Option<&'a str>,
}

impl<'a> Wanted<'a> {
    fn read(caller: &Caller, id: &'a str) -> Result<Self, Error> {
        if !id.starts_with("arn:") {
            validate::name(id)?;
            return Ok(Wanted { name: id, arn: None });
        }
        let parts: Vec<&str> = id.splitn(7, ':').collect();
        let &[_, _, "secretsmanager", region, account, "secret", rest] = parts.as_slice() else {
            return Err(Error::SecretNotFound);
        };
        if region != caller.region || account != caller.account {
            return Err(Error::SecretNotFound);
        }
        // What ends in a hyphen and six characters is taken for complete, as AWS warns:
        // https://docs.aws.amazon.com/secretsmanager/latest/userguide/troubleshoot.html#ARN_secretnamehyphen
        match rest.len().checked_sub(7).map(|at| (at, rest.as_bytes())) {
            Some((at, bytes))
                if bytes[at] == b'-' && bytes[at + 1..].iter().all(u8::is_ascii_alphanumeric) =>
            {
                Ok(Wanted { name: &rest[..at], arn: Some(id) })
            }
            _ => Ok(Wanted { name: rest, arn: None }),
        }
    }

    fn fits(&self, secret: &Secret) -> bool {
        self.arn.is_none_or(|arn| arn == secret.meta.arn)
    }
}
