//! <https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateKey.html>
//!
//! The material is made outside, where there is time and randomness, and comes in closed.

use super::Described;
use super::metadata::KeyMetadata;
use super::tags::{self, Tag};
use crate::base::Context;
use crate::services::Operation;
use crate::services::kms::check::Check;
use crate::services::kms::error::Error;
use crate::services::kms::key::{Key, Record, default_policy};
use crate::services::kms::limits::*;
use crate::services::kms::material::{Fresh, Material};
use crate::services::kms::ops::policies;
use crate::services::kms::spec::{Origin, Spec, Usage};
use crate::services::kms::state::{Change, State, here};
use serde::Deserialize;
use std::collections::BTreeMap;

/// `CreateKey` as it comes.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct CreateKey {
    /// The key policy.
    pub policy: Option<String>,
    /// Description.
    pub description: Option<String>,
    /// What it is for.
    pub key_usage: Option<String>,
    /// Its kind, by the old name of the member.
    pub customer_master_key_spec: Option<String>,
    /// Its kind.
    pub key_spec: Option<String>,
    /// Where its material comes from.
    pub origin: Option<String>,
    /// Not served.
    pub custom_key_store_id: Option<String>,
    /// Tags.
    pub tags: Option<Vec<Tag>>,
    /// Whether it can have replicas.
    pub multi_region: Option<bool>,
    /// Not served.
    pub xks_key_id: Option<String>,
    /// Whether the policy may leave nobody who can change it.
    pub bypass_policy_lockout_safety_check: Option<bool>,
}

/// What a key shall be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Its kind.
    pub spec: Spec,
    /// What it is for.
    pub usage: Usage,
    /// Where its material comes from.
    pub origin: Origin,
    /// Whether it can have replicas.
    pub multi_region: bool,
}

impl CreateKey {
    /// Checks the request and says what material it needs.
    pub fn plan(&self) -> Result<Plan, Error> {
        let mut check = Check::new();
        check.length("policy", self.policy.as_ref(), (1, POLICY_CHARS_MAX));
        check.length("description", self.description.as_ref(), (0, DESCRIPTION_CHARS_MAX));
        check.one_of("keyUsage", self.key_usage.as_ref(), Usage::NAMES);
        let old = self.customer_master_key_spec.as_ref();
        check.one_of("customerMasterKeySpec", old, Spec::OF_OLD_MEMBER);
        check.one_of("keySpec", self.key_spec.as_ref(), Spec::NAMES);
        check.one_of("origin", self.origin.as_ref(), Origin::NAMES);
        tags::check(&mut check, self.tags.as_deref());
        check.done()?;
        if old.is_some() && self.key_spec.is_some() {
            return Err(Error::invalid(
                "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is deprecated.",
            ));
        }
        let spec = old.or(self.key_spec.as_ref());
        let spec = spec.and_then(|s| Spec::of(s)).unwrap_or(Spec::Symmetric);
        let usage = match self.key_usage.as_deref().and_then(Usage::of) {
            Some(usage) => usage,
            None if spec == Spec::Symmetric => Usage::EncryptDecrypt,
            None => {
                return Err(Error::invalid(
                    "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.",
                ));
            }
        };
        if !spec.usages().contains(&usage) {
            return Err(Error::invalid(format!(
                "KeyUsage {} is not compatible with KeySpec {}",
                usage.name(),
                spec.name()
            )));
        }
        if spec == Spec::Sm2 {
            // AWS has such keys in its regions in China only.
            return Err(Error::Unsupported("KeySpec SM2 is not supported in this region.".into()));
        }
        let origin = self.origin.as_deref().and_then(Origin::of).unwrap_or(Origin::Aws);
        let stores = [&self.custom_key_store_id, &self.xks_key_id];
        if matches!(origin, Origin::CloudHsm | Origin::ExternalStore)
            || stores.iter().any(|member| member.is_some())
        {
            return Err(Error::NotServed("custom key stores".into()));
        }
        if origin == Origin::External
            && matches!(spec, Spec::MlKem512 | Spec::MlKem768 | Spec::MlKem1024)
        {
            return Err(Error::NotServed(format!("imported keys of spec {}", spec.name())));
        }
        Ok(Plan { spec, usage, origin, multi_region: self.multi_region == Some(true) })
    }
}

/// A key to be made, with what was made for it.
#[derive(Debug, Clone)]
pub struct MakeKey {
    /// What was asked for.
    pub create: CreateKey,
    /// Its id.
    pub id: String,
    /// Its material, unless it will be imported.
    pub fresh: Option<Fresh>,
}

impl Operation for MakeKey {
    type State = State;
    type Output = Described;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "CreateKey";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<Described, Error> {
        let MakeKey { create, id, fresh } = self;
        let plan = create.plan()?;
        let account = &context.caller.account;
        let policy = match create.policy {
            Some(policy) => policies::kept_open(policy, create.bypass_policy_lockout_safety_check)?,
            None => default_policy(account),
        };
        let tags = tags::merged(Vec::new(), create.tags.unwrap_or_default())?;
        let shelf = state.shelf(account, &context.caller.region);
        if shelf.is_some_and(|s| s.keys.len() >= KEYS_MAX) {
            return Err(Error::Limit(format!("You have reached the limit of {KEYS_MAX} keys.")));
        }
        let record = Record {
            spec: plan.spec,
            usage: plan.usage,
            origin: plan.origin,
            managed: false,
            created: context.now.0,
            description: create.description.unwrap_or_default(),
            disabled: false,
            policy,
            tags,
            deletion: None,
            rotation: None,
            primary: plan.multi_region.then(|| context.caller.region.clone()),
            last_use: None,
            declared: None,
        };
        let materials = fresh.into_iter().map(Material::first).collect();
        let at = here(context.caller, &id);
        let key = Key { at, record, materials, grants: BTreeMap::new() };
        let key = put(state, key, changes);
        Ok(Described { key_metadata: KeyMetadata::of(state, &key) })
    }
}

/// Puts a new key into the state and records it.
pub fn put(state: &mut State, key: Key, changes: &mut Vec<Change>) -> Key {
    changes.push(Change::Key(key.at.clone(), Box::new(key.record.clone())));
    for (place, material) in key.materials.iter().enumerate() {
        changes.push(Change::Material(key.at.clone(), place, Box::new(material.clone())));
    }
    state.insert(key.clone());
    key
}
