//! <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutResourcePolicy.html> and its kin:
//! `GetResourcePolicy`, `DeleteResourcePolicy`, `ValidateResourcePolicy`.

use crate::base::Context;
use crate::services::secretsmanager::error::Error;
use crate::services::secretsmanager::limits::POLICY_CHARS_MAX;
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
        Policy { arn: secret.meta.arn.clone(), name: key.name.clone(), resource_policy }
    }
}

fn only_default(name: Option<&str>) -> Result<(), Error> {
    match name {
        None | Some("default") => Ok(()),
        Some(other) => Err(Error::InvalidParameter(format!(
            "The policy name {other} isn't valid: only the default policy can be attached."
        ))),
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
    secret.alive()?;
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
    if input.block_public_policy.unwrap_or(false) && policy::is_public(&read) {
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

operation!(ValidateResourcePolicy -> Validation, |input, state, context, _changes| {
    let text = text(input.resource_policy)?;
    if let Some(id) = input.secret_id {
        state.find(context.caller, &validate::secret_id(Some(id))?)?;
    }
    let found = |check: &str, message: String| ValidationError {
        check_name: check.to_owned(),
        error_message: message,
    };
    let validation_errors = match policy::read(&text) {
        Err(error) => vec![found("SyntaxCheck", error.message())],
        Ok(policy) if policy::is_public(&policy) => {
            vec![found("PublicAccessCheck", Error::PublicPolicy.message())]
        }
        Ok(_) => Vec::new(),
    };
    Ok(Validation { policy_validation_passed: validation_errors.is_empty(), validation_errors })
});
