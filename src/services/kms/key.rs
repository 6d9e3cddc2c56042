//! A key: what is known of it, its state, and how it is found by what clients call it.

use super::error::Error;
use super::grants::Grant;
use super::material::{Material, Standing};
use super::spec::{Origin, Spec, Usage};
use crate::base::Millis;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Where a key lives.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyRef {
    /// Twelve digits.
    pub account: String,
    /// `us-east-1`.
    pub region: String,
    /// A UUID, or `mrk-` and 32 digits.
    pub id: String,
}

impl KeyRef {
    /// The key's ARN.
    pub fn arn(&self) -> String {
        format!("arn:aws:kms:{}:{}:key/{}", self.region, self.account, self.id)
    }

    /// The same key of a multi-region set in another region.
    pub fn in_region(&self, region: &str) -> KeyRef {
        KeyRef { region: region.to_owned(), ..self.clone() }
    }
}

/// A deletion to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deletion {
    /// When, in milliseconds; `None` while replicas keep a primary key waiting.
    pub due: Option<i64>,
    /// The window that was asked for.
    pub days: i64,
}

/// Automatic rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotation {
    /// Days between two.
    pub days: i64,
    /// When the next is due, in milliseconds.
    pub next: i64,
}

/// The last use of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastUse {
    /// The operation.
    pub operation: String,
    /// When, in milliseconds.
    pub at: i64,
    /// The request's id.
    pub request: String,
}

/// All that is known of a key beside its material and grants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Its kind.
    pub spec: Spec,
    /// What it is for.
    pub usage: Usage,
    /// Where its material comes from.
    pub origin: Origin,
    /// Whether it is AWS's own.
    pub managed: bool,
    /// When it was made, in milliseconds.
    pub created: i64,
    /// Description.
    pub description: String,
    /// Whether somebody disabled it.
    pub disabled: bool,
    /// The key policy, as given.
    pub policy: String,
    /// Tags.
    pub tags: Vec<(String, String)>,
    /// Set while it waits for its deletion.
    pub deletion: Option<Deletion>,
    /// Set while it rotates by itself.
    pub rotation: Option<Rotation>,
    /// The region of the primary key, for keys of a multi-region set.
    pub primary: Option<String>,
    /// Its last use, as of the last time that it was written down.
    pub last_use: Option<LastUse>,
    /// The name in the profile that declared it.
    pub declared: Option<String>,
}

/// A key's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// It works.
    Enabled,
    /// Somebody disabled it.
    Disabled,
    /// It waits for its deletion.
    PendingDeletion,
    /// It waits for its replicas' deletion, and then for its own.
    PendingReplicaDeletion,
    /// It waits for material to be imported.
    PendingImport,
}

impl KeyState {
    /// AWS's name of it.
    pub fn name(self) -> &'static str {
        match self {
            KeyState::Enabled => "Enabled",
            KeyState::Disabled => "Disabled",
            KeyState::PendingDeletion => "PendingDeletion",
            KeyState::PendingReplicaDeletion => "PendingReplicaDeletion",
            KeyState::PendingImport => "PendingImport",
        }
    }

    /// As sentences of AWS's errors say it.
    pub fn words(self) -> &'static str {
        match self {
            KeyState::Enabled => "enabled",
            KeyState::Disabled => "disabled",
            KeyState::PendingDeletion => "pending deletion",
            KeyState::PendingReplicaDeletion => "pending replica deletion",
            KeyState::PendingImport => "pending import",
        }
    }
}

/// A key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Where it lives.
    pub at: KeyRef,
    /// What is known of it.
    pub record: Record,
    /// Its material, oldest first.
    pub materials: Vec<Material>,
    /// Its grants by id.
    pub grants: BTreeMap<String, Grant>,
}

impl Key {
    /// Its ARN.
    pub fn arn(&self) -> String {
        self.at.arn()
    }

    /// Its state.
    pub fn state(&self) -> KeyState {
        let lacks = |m: &Material| m.record.standing != Standing::Pending && m.sealed.is_none();
        match self.record.deletion {
            Some(Deletion { due: Some(_), .. }) => KeyState::PendingDeletion,
            Some(Deletion { due: None, .. }) => KeyState::PendingReplicaDeletion,
            None if self.current().is_none() || self.materials.iter().any(lacks) => {
                KeyState::PendingImport
            }
            None if self.record.disabled => KeyState::Disabled,
            None => KeyState::Enabled,
        }
    }

    /// Refuses unless it is enabled.
    pub fn works(&self) -> Result<(), Error> {
        match self.state() {
            KeyState::Enabled => Ok(()),
            KeyState::Disabled => Err(Error::Disabled(self.arn())),
            state => Err(Error::State(self.arn(), state.words())),
        }
    }

    /// Refuses in one of these states.
    pub fn not_in(&self, states: &[KeyState]) -> Result<(), Error> {
        let state = self.state();
        if states.contains(&state) { Err(Error::State(self.arn(), state.words())) } else { Ok(()) }
    }

    /// Refuses while it waits for its deletion.
    pub fn stays(&self) -> Result<(), Error> {
        self.not_in(&[KeyState::PendingDeletion, KeyState::PendingReplicaDeletion])
    }

    /// Refuses if it is AWS's own.
    pub fn is_customers(&self, operation: &'static str) -> Result<(), Error> {
        if self.record.managed { Err(Error::Managed(operation, self.arn())) } else { Ok(()) }
    }

    /// The material in use.
    pub fn current(&self) -> Option<&Material> {
        self.materials.iter().find(|m| m.record.standing == Standing::Current)
    }

    /// When something of it is due next.
    pub fn due(&self) -> Option<Millis> {
        let deletion = self.record.deletion.and_then(|d| d.due);
        // A key that does not work does not rotate; AWS makes up for it afterwards, and so does this.
        let rotates = self.state() == KeyState::Enabled;
        let rotation = self.record.rotation.filter(|_| rotates).map(|r| r.next);
        let expiry = self.materials.iter().filter_map(Material::expires);
        deletion.into_iter().chain(rotation).map(Millis).chain(expiry).min()
    }

    /// Whether it is of a multi-region set, and there the primary.
    pub fn is_primary(&self) -> bool {
        self.record.primary.as_ref() == Some(&self.at.region)
    }
}

/// The policy that AWS gives a key for which none came.
pub fn default_policy(account: &str) -> String {
    format!(
        "{{\n  \"Version\" : \"2012-10-17\",\n  \"Id\" : \"key-default-1\",\n  \"Statement\" : [ {{\n    \
         \"Sid\" : \"Enable IAM User Permissions\",\n    \"Effect\" : \"Allow\",\n    \
         \"Principal\" : {{\n      \"AWS\" : \"arn:aws:iam::{account}:root\"\n    }},\n    \
         \"Action\" : \"kms:*\",\n    \"Resource\" : \"*\"\n  }} ]\n}}"
    )
}

/// Whether `id` has the form of a key's id.
pub fn is_key_id(id: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_hexdigit());
    if let Some(rest) = id.strip_prefix("mrk-") {
        return rest.len() == 32 && digits(rest);
    }
    let groups: Vec<&str> = id.split('-').collect();
    groups.iter().map(|g| g.len()).eq([8, 4, 4, 4, 12]) && groups.iter().all(|g| digits(g))
}
