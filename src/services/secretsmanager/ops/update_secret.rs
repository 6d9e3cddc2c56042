//! <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_UpdateSecret.html>
//!
//! A value makes a new current version; a token that names an existing version is refused, since
//! versions cannot be modified.

use super::create_secret::Created;
use crate::base::Context;
use crate::services::Operation;
use crate::services::secretsmanager::error::Error;
use crate::services::secretsmanager::limits::*;
use crate::services::secretsmanager::sealed::{Blob, Text};
use crate::services::secretsmanager::state::{CURRENT, Change, State};
use crate::services::secretsmanager::validate;
use crate::services::secretsmanager::versions::{self, Draft};
use serde::Deserialize;
use std::collections::BTreeSet;

/// `UpdateSecret`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct UpdateSecret {
    /// Name or ARN.
    pub secret_id: Option<String>,
    /// The id of the new version.
    pub client_request_token: Option<String>,
    /// Description.
    pub description: Option<String>,
    /// KMS key; empty goes back to `aws/secretsmanager`.
    pub kms_key_id: Option<String>,
    /// Text value.
    pub secret_string: Option<Text>,
    /// Binary value.
    pub secret_binary: Option<Blob>,
    /// The partner of a managed external secret: kept and shown.
    pub r#type: Option<String>,
}

impl Operation for UpdateSecret {
    type State = State;
    type Output = Created;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "UpdateSecret";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<Created, Error> {
        if let Some(kind) = &self.r#type {
            validate::length(kind, "type", 0, KIND_CHARS_MAX)?;
        }
        let id = validate::secret_id(self.secret_id)?;
        let token = validate::token(self.client_request_token)?;
        if let Some(text) = &self.description {
            validate::length(text, "description", 0, DESCRIPTION_CHARS_MAX)?;
        }
        if let Some(text) = &self.kms_key_id {
            validate::length(text, "kmsKeyId", 0, KMS_KEY_ID_CHARS_MAX)?;
        }
        let value = validate::value(self.secret_string, self.secret_binary)?;
        let (key, secret) = state.find_mut(context.caller, &id)?;
        secret.writable()?;
        let arn = secret.meta.arn.clone();
        let stages = BTreeSet::from([CURRENT.to_owned()]);
        let draft = value.map(|value| Draft { id: token.clone(), value: Some(value), stages });
        if let Some(draft) = &draft {
            if secret.version(&token).is_some() {
                return Err(Error::TokenInUse { token, arn });
            }
            versions::check(secret, draft, context.now)?;
        }
        if let Some(text) = self.description {
            secret.meta.description = Some(text).filter(|t| !t.is_empty());
        }
        if let Some(text) = self.kms_key_id {
            secret.meta.kms_key_id = Some(text).filter(|t| !t.is_empty());
        }
        if let Some(kind) = self.r#type {
            secret.meta.kind = Some(kind).filter(|k| !k.is_empty());
        }
        secret.meta.changed = context.now;
        if draft.is_some() {
            secret.meta.renewed(context.now);
        }
        changes.push(Change::Meta(key.clone(), Box::new(secret.meta.clone())));
        let version_id = draft.is_some().then_some(token);
        if let Some(draft) = draft {
            versions::add(&key, secret, draft, context.now, changes);
        }
        Ok(Created { arn, name: key.name, version_id, ..Created::default() })
    }
}
