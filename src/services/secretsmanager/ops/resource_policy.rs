//! <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutResourcePolicy.html> and its kin:
//! `GetResourcePolicy`, `ListResourcePolicies`, `DeleteResourcePolicy`, `ValidateResourcePolicy`.

use crate::base::Context;
use crate::services::secretsmanager::error::Error;
use crate::services::secretsmanager::limits::{PAGE_MAX, POLICY_CHARS_MAX, POLICY_NAME_CHARS_MAX};
use crate::services::secretsmanager::state::{Change, Key, Secret, State};
use crate::services::secretsmanager::{policy, validate};
use crate::services::{Operation, ServiceError};
use serde::{Deserialize, Serialize};

/// `PutResourcePolicy`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct PutResourcePolicy {
    /// Name or ARN.
    pub secret_id: Option<String>,
    /// The policy.
    pub resource_policy: Option<String>,
    /// `default`, the only policy that can be attached.
    pub policy_name: Option<String>,
    /// Refuse a policy that lets everybody in.
    pub block_public_policy: Option<bool>,
}

/// `GetResourcePolicy`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct GetResourcePolicy {
    /// Name or ARN.
    pub secret_id: Option<String>,
    /// `default`.
    pub policy_name: Option<String>,
}

/// `DeleteResourcePolicy`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DeleteResourcePolicy {
    /// Name or ARN.
    pub secret_id: Option<String>,
    /// `default`.
    pub policy_name: Option<String>,
}

/// `ValidateResourcePolicy`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ValidateResourcePolicy {
    /// Name or ARN.
    pub secret_id: Option<String>,
    /// The policy.
    pub resource_policy: Option<String>,
}

/// `ListResourcePolicies`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ListResourcePolicies {
    /// Name or ARN.
    pub secret_id: Option<String>,
    /// Entries of a page.
    pub max_results: Option<i64>,
    /// Where the page before ended.
    pub next_token: Option<String>,
}

/// The policies of a secret, by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Policies {
    /// There is one that can be attached, so it is this or none.
    pub resource_policies: Vec<PolicyName>,
}

/// A policy's name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct PolicyName {
    /// `default`.
    pub policy_name: &'static str,
}

/// The one policy that can be attached.
const DEFAULT: &str = "default";

/// A secret and its policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Policy {
    /// The whole ARN.
    #[serde(rename = "ARN")]
    pub arn: String,
    /// The friendly name.
    pub name: String,
    /// The policy, as given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_policy: Option<String>,
    /// Its name.
    pub policy_name: &'static str,
}

/// What a policy was found to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Validation {
    /// Whether nothing speaks against it.
    pub policy_validation_passed: bool,
    /// What does.
    pub validation_errors: Vec<ValidationError>,
}

/// Something that speaks against a policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ValidationError {
    /// Which check found it.
    pub check_name: String,
    /// What it found.
    pub error_message: String,
}

impl Policy {
    fn of(key: &Key, secret: &Secret, resource_policy: Option<String>) -> Self {
        Policy {
            arn: secret.meta.arn.clone(),
            name: key.name.clone(),
            resource_policy,
            policy_name: DEFAULT,
        }
    }
}

fn only_default(name: Option<&str>) -> Result<(), Error> {
    match name {
        None | Some(DEFAULT) => Ok(()),
        Some(other) => validate::length(other, "policyName", 1, POLICY_NAME_CHARS_MAX).and(Err(
            Error::InvalidParameter(format!(
                "The policy name {other} isn't valid: only the default policy can be attached."
            )),
        )),
    }
}

fn text(given: Option<String>) -> Result<String, Error> {
    let text = validate::required(given, "resourcePolicy")?;
    validate::length(&text, "resourcePolicy", 1, POLICY_CHARS_MAX)?;
    Ok(text)
}

/// Sets the policy of the secret `id`.
fn set(
    state: &mut State,
    context: &Context<'_>,
    id: &str,
    policy: Option<String>,
    changes: &mut Vec<Change>,
) -> Result<Policy, Error> {
    let (key, secret) = state.find_mut(context.caller, id)?;
    secret.writable()?;
    secret.meta.policy = policy;
    secret.meta.changed = context.now;
    changes.push(Change::Meta(key.clone(), Box::new(secret.meta.clone())));
    Ok(Policy::of(&key, secret, None))
}

macro_rules! operation {
    ($name:ident -> $output:ty, |$input:ident, $state:ident, $context:ident, $changes:ident| $body:block) => {
        impl Operation for $name {
            type State = State;
            type Output = $output;
            type Change = Change;
            type Error = Error;
            const NAME: &'static str = stringify!($name);

            fn apply(
                self,
                $state: &mut State,
                $context: &mut Context<'_>,
                $changes: &mut Vec<Change>,
            ) -> Result<$output, Error> {
                let $input = self;
                $body
            }
        }
    };
}

operation!(PutResourcePolicy -> Policy, |input, state, context, changes| {
    let id = validate::secret_id(input.secret_id)?;
    only_default(input.policy_name.as_deref())?;
    let text = text(input.resource_policy)?;
    let read = policy::read(&text)?;
    if input.block_public_policy.unwrap_or(false) && read.is_public() {
        return Err(Error::PublicPolicy);
    }
    set(state, context, &id, Some(text), changes)
});

operation!(DeleteResourcePolicy -> Policy, |input, state, context, changes| {
    let id = validate::secret_id(input.secret_id)?;
    only_default(input.policy_name.as_deref())?;
    set(state, context, &id, None, changes)
});

operation!(GetResourcePolicy -> Policy, |input, state, context, _changes| {
    let id = validate::secret_id(input.secret_id)?;
    only_default(input.policy_name.as_deref())?;
    let (key, secret) = state.find_mut(context.caller, &id)?;
    secret.alive()?;
    Ok(Policy::of(&key, secret, secret.meta.policy.clone()))
});

operation!(ListResourcePolicies -> Policies, |input, state, context, _changes| {
    let id = validate::secret_id(input.secret_id)?;
    validate::number(input.max_results, "maxResults", (1, PAGE_MAX), PAGE_MAX)?;
    if input.next_token.is_some() {
        // Every list fits on its first page.
        return Err(Error::InvalidNextToken);
    }
    let (_, secret) = state.find(context.caller, &id)?;
    secret.alive()?;
    let policy_name = PolicyName { policy_name: DEFAULT };
    Ok(Policies { resource_policies: secret.meta.policy.iter().map(|_| policy_name.clone()).collect() })
});

operation!(ValidateResourcePolicy -> Validation, |input, state, context, _changes| {
    let text = text(input.resource_policy)?;
    let mut resource = "*".to_owned();
    if let Some(id) = input.secret_id {
        let (_, secret) = state.find(context.caller, &validate::secret_id(Some(id))?)?;
        resource.clone_from(&secret.meta.arn);
    }
    let found = |check: &str, message: String| ValidationError {
        check_name: check.to_owned(),
        error_message: message,
    };
    let validation_errors = match policy::read(&text) {
        Err(error) => vec![found("SyntaxCheck", error.message())],
        Ok(policy) => {
            let mut errors = Vec::new();
            if policy.is_public() {
                errors.push(found("PublicAccessCheck", Error::PublicPolicy.message()));
            }
            if policy::locks_out(&policy, &context.caller.account, &resource) {
                let text = "This resource policy locks out the account that owns the secret.";
                errors.push(found("LockoutCheck", text.to_owned()));
            }
            errors
        }
    };
    Ok(Validation { policy_validation_passed: validation_errors.is_empty(), validation_errors })
});
