//! <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html>
//!
//! The day of access is all that a read changes, so only the first read of a day is written down.

use crate::base::{Caller, Context, Millis};
use crate::services::Operation;
use crate::services::secretsmanager::error::Error;
use crate::services::secretsmanager::limits::{TOKEN_CHARS_MAX, TOKEN_CHARS_MIN};
use crate::services::secretsmanager::sealed::{Blob, Text, Value};
use crate::services::secretsmanager::state::{CURRENT, Change, Secret, State, Version};
use crate::services::secretsmanager::{validate, versions};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// `GetSecretValue`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct GetSecretValue {
    /// Name or ARN.
    pub secret_id: Option<String>,
    /// A version by its id.
    pub version_id: Option<String>,
    /// A version by its label; `AWSCURRENT` unless asked otherwise.
    pub version_stage: Option<String>,
}

/// What it answers.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct SecretValue {
    /// The whole ARN.
    #[serde(rename = "ARN")]
    pub arn: String,
    /// The friendly name.
    pub name: String,
    /// The version.
    pub version_id: String,
    /// Text value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_string: Option<Text>,
    /// Binary value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_binary: Option<Blob>,
    /// The version's labels.
    pub version_stages: BTreeSet<String>,
    /// When the version was made.
    pub created_date: f64,
    /// The KMS key under which it is kept, where it is not AWS's own.
    #[serde(skip)]
    pub key: Option<String>,
}

impl Operation for GetSecretValue {
    type State = State;
    type Output = SecretValue;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "GetSecretValue";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<SecretValue, Error> {
        let id = validate::secret_id(self.secret_id)?;
        if let Some(version) = &self.version_id {
            validate::length(version, "versionId", TOKEN_CHARS_MIN, TOKEN_CHARS_MAX)?;
        }
        if let Some(stage) = &self.version_stage {
            validate::stage(stage, "versionStage")?;
        }
        let (name, secret) = state.find(context.caller, &id)?;
        secret.alive()?;
        let version = pick(secret, self.version_id.as_deref(), self.version_stage.as_deref())?;
        let answer = SecretValue::of(name, secret, version)
            .ok_or_else(|| no_value(version, self.version_stage.as_deref()))?;
        let day = day_of(context.now);
        if version.accessed != Some(day) || secret.meta.accessed != Some(day) {
            mark(state, context.caller, &id, &answer.version_id, day, changes)?;
        }
        Ok(answer)
    }
}

impl SecretValue {
    fn of(name: &str, secret: &Secret, version: &Version) -> Option<Self> {
        let (secret_string, secret_binary) = match version.value.as_ref()? {
            Value::Text(text) => (Some(Text(text.clone())), None),
            Value::Bytes(bytes) => (None, Some(Blob(bytes.clone()))),
        };
        Some(SecretValue {
            arn: secret.meta.arn.clone(),
            name: name.to_owned(),
            version_id: version.id.clone(),
            secret_string,
            secret_binary,
            version_stages: version.stages.clone(),
            created_date: version.created.as_seconds_f64(),
            key: secret.meta.own_key().map(str::to_owned),
        })
    }
}

/// A rotation has made room for the version and not made its value yet.
fn no_value(version: &Version, stage: Option<&str>) -> Error {
    match stage {
        Some(stage) => Error::StageNotFound(stage.to_owned()),
        None => Error::VersionNotFound(version.id.clone()),
    }
}

fn pick<'a>(
    secret: &'a Secret,
    id: Option<&str>,
    stage: Option<&str>,
) -> Result<&'a Version, Error> {
    let Some(id) = id else {
        let stage = stage.unwrap_or(CURRENT);
        return secret.at_stage(stage).ok_or_else(|| Error::StageNotFound(stage.to_owned()));
    };
    let version = secret.version(id).ok_or_else(|| Error::VersionNotFound(id.to_owned()))?;
    match stage {
        Some(stage) if !version.stages.contains(stage) => Err(Error::StageNotOfVersion),
        _ => Ok(version),
    }
}

fn mark(
    state: &mut State,
    caller: &Caller,
    id: &str,
    version: &str,
    day: Millis,
    changes: &mut Vec<Change>,
) -> Result<(), Error> {
    let (key, secret) = state.find_mut(caller, id)?;
    secret.meta.accessed = Some(day);
    if let Some(version) = secret.versions.iter_mut().find(|v| v.id == version) {
        version.accessed = Some(day);
    }
    changes.push(Change::Meta(key.clone(), Box::new(secret.meta.clone())));
    versions::record(&key, secret, &BTreeSet::from([version.to_owned()]), changes);
    Ok(())
}

/// Midnight (UTC) of the day that holds `now`.
fn day_of(now: Millis) -> Millis {
    Millis(now.0 - now.0.rem_euclid(86_400_000))
}
