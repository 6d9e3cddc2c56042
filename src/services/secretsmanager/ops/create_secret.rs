//! <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html>
//!
//! A token that already names a version with the same content makes the call a repetition; any
//! other call for a name that exists is refused.

use crate::base::{Context, Millis};
use crate::services::Operation;
use crate::services::secretsmanager::error::Error;
use crate::services::secretsmanager::limits::*;
use crate::services::secretsmanager::sealed::{Blob, Text, Value};
use crate::services::secretsmanager::state::{CURRENT, Change, Meta, Secret, State, key};
use crate::services::secretsmanager::validate::{self, Tag};
use crate::services::secretsmanager::versions::{self, Draft};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// `CreateSecret`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct CreateSecret {
    /// The friendly name.
    pub name: Option<String>,
    /// The id of the first version.
    pub client_request_token: Option<String>,
    /// Description.
    pub description: Option<String>,
    /// KMS key.
    pub kms_key_id: Option<String>,
    /// Text value.
    pub secret_string: Option<Text>,
    /// Binary value.
    pub secret_binary: Option<Blob>,
    /// Tags.
    pub tags: Option<Vec<Tag>>,
    /// Replicas: not served.
    pub add_replica_regions: Option<Vec<serde_json::Value>>,
    /// Kind of an external secret: not served.
    pub r#type: Option<String>,
    /// Replica of another account: not served.
    #[serde(rename = "CrossAccountPrimaryARN")]
    pub cross_account_primary_arn: Option<String>,
}

/// What it answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Created {
    /// The whole ARN.
    #[serde(rename = "ARN")]
    pub arn: String,
    /// The friendly name.
    pub name: String,
    /// The first version, if a value came along.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version_id: Option<String>,
}

impl CreateSecret {
    fn refuse_what_is_not_served(&self) -> Result<(), Error> {
        if self.add_replica_regions.is_some() || self.cross_account_primary_arn.is_some() {
            return Err(Error::NotServed("replicas of secrets"));
        }
        if self.r#type.is_some() {
            return Err(Error::NotServed("managed external secrets"));
        }
        Ok(())
    }
}

impl Operation for CreateSecret {
    type State = State;
    type Output = Created;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "CreateSecret";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<Created, Error> {
        self.refuse_what_is_not_served()?;
        let name = validate::required(self.name, "name")?;
        validate::name(&name)?;
        let token = validate::token(self.client_request_token)?;
        let description = self.description;
        if let Some(text) = &description {
            validate::length(text, "description", 0, DESCRIPTION_CHARS_MAX)?;
        }
        if let Some(text) = &self.kms_key_id {
            validate::length(text, "kmsKeyId", 0, KMS_KEY_ID_CHARS_MAX)?;
        }
        validate::tags(self.tags.as_deref().unwrap_or_default())?;
        let value = validate::value(self.secret_string, self.secret_binary)?;
        if let Some(existing) = state.shelf(context.caller).and_then(|s| s.get(&name)) {
            return repeated(&name, existing, token, value.as_ref());
        }
        if state.shelf(context.caller).is_some_and(|s| s.len() >= SECRETS_MAX) {
            return Err(Error::TooManySecrets);
        }
        let suffix = context.ids.alphanumeric(6);
        let meta = Meta {
            arn: context.arn("secretsmanager", &format!("secret:{name}-{suffix}")),
            description: description.filter(|d| !d.is_empty()),
            kms_key_id: self.kms_key_id.filter(|k| !k.is_empty()),
            tags: self
                .tags
                .filter(|t| !t.is_empty())
                .map(|tags| tags.into_iter().map(|t| (t.key, t.value)).collect()),
            ..new_meta(context.now)
        };
        let key = key(context.caller, &name);
        let mut secret = Secret { meta, versions: Vec::new() };
        changes.push(Change::Meta(key.clone(), Box::new(secret.meta.clone())));
        let version_id = value.is_some().then(|| token.clone());
        if let Some(value) = value {
            let stages = BTreeSet::from([CURRENT.to_owned()]);
            let draft = Draft { id: token, value, stages };
            versions::add(&key, &mut secret, draft, context.now, changes);
        }
        let arn = secret.meta.arn.clone();
        state.insert(key, secret);
        Ok(Created { arn, name, version_id })
    }
}

/// The data of a secret that was just made.
fn new_meta(now: Millis) -> Meta {
    Meta {
        arn: String::new(),
        description: None,
        kms_key_id: None,
        tags: None,
        policy: None,
        created: now,
        changed: now,
        accessed: None,
        deletion: None,
        provisioned: None,
    }
}

fn repeated(
    name: &str,
    existing: &Secret,
    token: String,
    value: Option<&Value>,
) -> Result<Created, Error> {
    if existing.meta.deletion.is_some() {
        return Err(Error::NameScheduledForDeletion);
    }
    match existing.version(&token) {
        Some(version) if Some(&version.value) == value => Ok(Created {
            arn: existing.meta.arn.clone(),
            name: name.to_owned(),
            version_id: Some(token),
        }),
        Some(_) => Err(Error::TokenInUse { token, arn: existing.meta.arn.clone() }),
        None => Err(Error::SecretExists(name.to_owned())),
    }
}
