//! <https://docs.aws.amazon.com/kms/latest/APIReference/API_ReplicateKey.html> and
//! `API_UpdatePrimaryRegion`. Keys of a set share id and material; all else is each one's own.

use super::create_key::put;
use super::metadata::KeyMetadata;
use super::policies;
use super::rotation::wrong_origin;
use super::tags::{self, Tag};
use crate::base::Context;
use crate::services::Operation;
use crate::services::kms::check::{Check, given};
use crate::services::kms::error::Error;
use crate::services::kms::key::{Key, KeyRef, KeyState, Record, default_policy};
use crate::services::kms::limits::*;
use crate::services::kms::spec::Origin;
use crate::services::kms::state::{Change, State};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

fn check_region(rules: &mut Check, at: &str, region: Option<&String>) {
    rules.there(at, region);
    rules.length(at, region, (1, 32));
    rules.chars(at, region, "^([a-z]+-){2,3}\\d+$", |c| {
        c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'
    });
}

/// The key, if it is a set's primary.
fn primary<'a>(
    state: &'a State,
    context: &Context<'_>,
    id: &str,
    operation: &'static str,
) -> Result<&'a Key, Error> {
    let key = state.own(context.caller, id, operation)?;
    if !key.is_primary() {
        let text = format!("{} is not a multi-region primary key.", key.arn());
        return Err(Error::Unsupported(text));
    }
    key.stays()?;
    if key.state() == KeyState::Disabled {
        return Err(Error::Disabled(key.arn()));
    }
    Ok(key)
}

/// `ReplicateKey`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ReplicateKey {
    key_id: Option<String>,
    replica_region: Option<String>,
    policy: Option<String>,
    bypass_policy_lockout_safety_check: Option<bool>,
    description: Option<String>,
    tags: Option<Vec<Tag>>,
}

/// What it answers.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Replicated {
    replica_key_metadata: KeyMetadata,
    replica_policy: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    replica_tags: Vec<Tag>,
}

impl ReplicateKey {
    fn check(&self) -> Result<(), Error> {
        let mut rules = Check::new();
        rules.key_id("keyId", self.key_id.as_ref());
        check_region(&mut rules, "replicaRegion", self.replica_region.as_ref());
        rules.length("policy", self.policy.as_ref(), (1, POLICY_CHARS_MAX));
        rules.length("description", self.description.as_ref(), (0, DESCRIPTION_CHARS_MAX));
        tags::check(&mut rules, self.tags.as_deref());
        rules.done()
    }
}

impl Operation for ReplicateKey {
    type State = State;
    type Output = Replicated;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "ReplicateKey";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<Replicated, Error> {
        self.check()?;
        let key = primary(state, context, &given(self.key_id)?, Self::NAME)?;
        let at = key.at.in_region(&given(self.replica_region)?);
        if state.key(&at).is_some() {
            return Err(Error::KeyExists(at.arn()));
        }
        let policy = match self.policy {
            Some(text) => policies::kept_open(text, self.bypass_policy_lockout_safety_check)?,
            None => default_policy(&at.account),
        };
        let replica_tags = self.tags.unwrap_or_default();
        let tags = tags::merged(Vec::new(), replica_tags.clone())?;
        let record = Record {
            created: context.now.0,
            description: self.description.unwrap_or_default(),
            policy: policy.clone(),
            tags,
            rotation: None,
            last_use: None,
            declared: None,
            ..key.record.clone()
        };
        // Imported material must be imported into each key of the set.
        let materials = match key.record.origin {
            Origin::Aws => key.materials.clone(),
            _ => Vec::new(),
        };
        let replica = put(state, Key { at, record, materials, grants: BTreeMap::new() }, changes);
        let replica_key_metadata = KeyMetadata::of(state, &replica).being_made();
        Ok(Replicated { replica_key_metadata, replica_policy: policy, replica_tags })
    }
}

/// `UpdatePrimaryRegion`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct UpdatePrimaryRegion {
    key_id: Option<String>,
    primary_region: Option<String>,
}

impl Operation for UpdatePrimaryRegion {
    type State = State;
    type Output = ();
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "UpdatePrimaryRegion";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<(), Error> {
        let mut rules = Check::new();
        rules.key_id("keyId", self.key_id.as_ref());
        check_region(&mut rules, "primaryRegion", self.primary_region.as_ref());
        rules.done()?;
        let key = primary(state, context, &given(self.key_id)?, Self::NAME)?;
        let region = given(self.primary_region)?;
        let next = state.key(&key.at.in_region(&region));
        let next = next.ok_or_else(|| Error::KeyNotFound(key.at.in_region(&region).arn()))?;
        if next.is_primary() {
            return Err(Error::invalid("The key is the primary key of its set already."));
        }
        next.stays()?;
        if next.record.origin != key.record.origin {
            return Err(wrong_origin(next));
        }
        let rotation = key.record.rotation;
        let set: Vec<KeyRef> = state.related(&key.at).iter().map(|k| k.at.clone()).collect();
        for at in set {
            state.amend(&at, changes, |key| {
                // Rotation goes with the primary key, which rotates the whole set.
                key.record.rotation = rotation.filter(|_| at.region == region);
                key.record.primary = Some(region.clone());
            });
        }
        Ok(())
    }
}
