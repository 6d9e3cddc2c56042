//! <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html>
//!
//! A token that already names a version with the same content makes the call a repetition; any
//! other call for a name that exists is refused.

use super::replicate::{self, ReplicaRegion, ReplicationStatus};
use crate::base::Context;
use crate::services::Operation;
use crate::services::secretsmanager::error::Error;
use crate::services::secretsmanager::limits::*;
use crate::services::secretsmanager::replication::{PENDING, Primary};
use crate::services::secretsmanager::sealed::{Blob, Text, Value};
use crate::services::secretsmanager::state::{CURRENT, Change, Key, Meta, Secret, State, key};
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
    /// Regions to copy it to.
    pub add_replica_regions: Option<Vec<ReplicaRegion>>,
    /// Whether secrets of the same name are overwritten there.
    pub force_overwrite_replica_secret: bool,
    /// The partner of a managed external secret: kept and shown.
    pub r#type: Option<String>,
    /// The secret of another account of which it becomes a copy.
    #[serde(rename = "CrossAccountPrimaryARN")]
    pub cross_account_primary_arn: Option<String>,
}

/// What it answers.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
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
    /// Its copies, if there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replication_status: Option<Vec<ReplicationStatus>>,
}

impl CreateSecret {
    /// Checks what says where copies are or come from.
    fn primary(&self, context: &Context<'_>) -> Result<Option<Primary>, Error> {
        if let Some(regions) = &self.add_replica_regions {
            replicate::check_regions(regions, &context.caller.region)?;
        }
        if let Some(kind) = &self.r#type {
            validate::length(kind, "type", 0, KIND_CHARS_MAX)?;
        }
        let Some(arn) = self.cross_account_primary_arn.clone() else { return Ok(None) };
        validate::length(&arn, "crossAccountPrimaryARN", ARN_CHARS_MIN, SECRET_ID_CHARS_MAX)?;
        let wrong = |text: &str| Err(Error::InvalidParameter(text.to_owned()));
        let more = self.secret_string.is_some()
            || self.secret_binary.is_some()
            || self.description.is_some()
            || self.add_replica_regions.is_some()
            || self.r#type.is_some();
        if more {
            return wrong(
                "You can't include SecretString, SecretBinary, Description, AddReplicaRegions, or Type with CrossAccountPrimaryARN.",
            );
        }
        if self.kms_key_id.as_deref().unwrap_or_default().is_empty() {
            return wrong("A cross-account replica needs a customer managed KMS key in KmsKeyId.");
        }
        let place = Key::of_arn(&arn).filter(|place| {
            place.region == context.caller.region && place.account != context.caller.account
        });
        let Some(place) = place else {
            return wrong(
                "CrossAccountPrimaryARN must be a secret of another account in the same Region.",
            );
        };
        Ok(Some(Primary { region: place.region, arn, across: Some(PENDING.to_owned()) }))
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
        let primary = self.primary(context)?;
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
        let arn = context.arn("secretsmanager", &format!("secret:{name}-{suffix}"));
        let meta = Meta {
            description: description.filter(|d| !d.is_empty()),
            kms_key_id: self.kms_key_id.filter(|k| !k.is_empty()),
            tags: self
                .tags
                .filter(|t| !t.is_empty())
                .map(|tags| tags.into_iter().map(|t| (t.key, t.value)).collect()),
            kind: self.r#type.filter(|kind| !kind.is_empty()),
            primary,
            ..Meta::new(arn.clone(), context.now)
        };
        let key = key(context.caller, &name);
        let mut secret = Secret { meta, versions: Vec::new() };
        changes.push(Change::Meta(key.clone(), Box::new(secret.meta.clone())));
        let version_id = value.is_some().then(|| token.clone());
        if let Some(value) = value {
            let stages = BTreeSet::from([CURRENT.to_owned()]);
            let draft = Draft { id: token, value: Some(value), stages };
            versions::add(&key, &mut secret, draft, context.now, changes);
        }
        state.insert(key.clone(), secret);
        let mut replication_status = None;
        if let Some(regions) = self.add_replica_regions {
            let force = self.force_overwrite_replica_secret;
            replicate::replicate(state, &key, regions, force, context, changes);
            replication_status = state.at(&key).map(|s| replicate::statuses(state, &key, s));
        }
        Ok(Created { arn, name, version_id, replication_status })
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
        Some(version) if version.value.as_ref() == value => Ok(Created {
            arn: existing.meta.arn.clone(),
            name: name.to_owned(),
            version_id: Some(token),
            ..Created::default()
        }),
        Some(_) => Err(Error::TokenInUse { token, arn: existing.meta.arn.clone() }),
        None => Err(Error::SecretExists(name.to_owned())),
    }
}
