//! <https://docs.aws.amazon.com/kms/latest/APIReference/API_PutKeyPolicy.html>,
//! `API_GetKeyPolicy` and `API_ListKeyPolicies`. Every key has one policy, called `default`.

use super::page::{self, Paged};
use crate::base::Context;
use crate::policy::{Actions, Effect, Grammar, Keys, Pattern, Policy};
use crate::services::Operation;
use crate::services::kms::check::{Check, given};
use crate::services::kms::error::Error;
use crate::services::kms::limits::*;
use crate::services::kms::state::{Change, State};
use serde::{Deserialize, Serialize};

/// The only name that policies of keys have.
const NAME: &str = "default";

/// A policy that can be read and is not too long.
fn read(text: String) -> Result<String, Error> {
    if text.len() > POLICY_BYTES_MAX {
        return Err(Error::Limit(format!(
            "The key policy is longer than {POLICY_BYTES_MAX} bytes."
        )));
    }
    let policy = Policy::parse(text.trim_start(), Grammar::Resource);
    policy.map_err(|mistake| Error::MalformedPolicy(mistake.to_string())).map(|_| text)
}

/// The same, unless nobody could change the policy afterwards and the caller has not asked for that.
pub fn kept_open(text: String, bypass: Option<bool>) -> Result<String, Error> {
    let text = read(text)?;
    let policy = Policy::parse(text.trim_start(), Grammar::Resource);
    let opens = |policy: &Policy| {
        let change = |p: &Pattern| p.fits_any_case("kms:PutKeyPolicy", &Keys::new());
        let allows = policy.statements.iter().filter(|s| s.effect == Effect::Allow);
        allows.map(|s| &s.actions).any(|actions| match actions {
            Actions::Only(patterns) => patterns.iter().any(change),
            Actions::Except(patterns) => !patterns.iter().any(change),
        })
    };
    if bypass != Some(true) && !policy.is_ok_and(|policy| opens(&policy)) {
        return Err(Error::MalformedPolicy(
            "The new key policy will not allow you to update the key policy in the future.".into(),
        ));
    }
    Ok(text)
}

fn check_name(name: Option<&String>) -> Result<(), Error> {
    match name {
        Some(name) if name != NAME => Err(Error::NoSuchPolicy),
        _ => Ok(()),
    }
}

/// `PutKeyPolicy`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct PutKeyPolicy {
    key_id: Option<String>,
    policy_name: Option<String>,
    policy: Option<String>,
    bypass_policy_lockout_safety_check: Option<bool>,
}

impl Operation for PutKeyPolicy {
    type State = State;
    type Output = ();
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "PutKeyPolicy";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<(), Error> {
        let mut rules = Check::new();
        rules.key_id("keyId", self.key_id.as_ref());
        rules.there("policy", self.policy.as_ref());
        rules.length("policy", self.policy.as_ref(), (1, POLICY_CHARS_MAX));
        rules.done()?;
        let key = state.own(context.caller, &given(self.key_id)?, Self::NAME)?;
        key.is_customers(Self::NAME)?;
        check_name(self.policy_name.as_ref())?;
        let policy = kept_open(given(self.policy)?, self.bypass_policy_lockout_safety_check)?;
        state.amend(&key.at.clone(), changes, |key| key.record.policy = policy);
        Ok(())
    }
}

/// `GetKeyPolicy`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct GetKeyPolicy {
    key_id: Option<String>,
    policy_name: Option<String>,
}

/// A key's policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct KeyPolicy {
    policy: String,
    policy_name: &'static str,
}

impl Operation for GetKeyPolicy {
    type State = State;
    type Output = KeyPolicy;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "GetKeyPolicy";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        _: &mut Vec<Change>,
    ) -> Result<KeyPolicy, Error> {
        let mut rules = Check::new();
        rules.key_id("keyId", self.key_id.as_ref());
        rules.done()?;
        let key = state.own(context.caller, &given(self.key_id)?, Self::NAME)?;
        check_name(self.policy_name.as_ref())?;
        Ok(KeyPolicy { policy: key.record.policy.clone(), policy_name: NAME })
    }
}

/// `ListKeyPolicies`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ListKeyPolicies {
    key_id: Option<String>,
    limit: Option<i64>,
    marker: Option<String>,
}

/// The names of a key's policies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct PolicyNames {
    policy_names: Vec<String>,
    #[serde(flatten)]
    paged: Paged,
}

impl Operation for ListKeyPolicies {
    type State = State;
    type Output = PolicyNames;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "ListKeyPolicies";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        _: &mut Vec<Change>,
    ) -> Result<PolicyNames, Error> {
        let mut rules = Check::new();
        rules.key_id("keyId", self.key_id.as_ref());
        rules.page(self.limit, self.marker.as_ref());
        rules.done()?;
        state.own(context.caller, &given(self.key_id)?, Self::NAME)?;
        let wanted = (self.limit.unwrap_or(PAGE_SMALL_DEFAULT), self.marker);
        let names = std::iter::once(NAME.to_owned());
        let (policy_names, paged) = page::page(names, wanted, String::clone)?;
        Ok(PolicyNames { policy_names, paged })
    }
}
