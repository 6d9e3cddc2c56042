//! <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html>

use crate::base::Context;
use crate::services::Operation;
use crate::services::secretsmanager::error::Error;
use crate::services::secretsmanager::limits::STAGES_MAX;
use crate::services::secretsmanager::sealed::{Blob, Text};
use crate::services::secretsmanager::state::{CURRENT, Change, State};
use crate::services::secretsmanager::validate;
use crate::services::secretsmanager::versions::{self, Draft};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// `PutSecretValue`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct PutSecretValue {
    /// Name or ARN.
    pub secret_id: Option<String>,
    /// The id of the new version.
    pub client_request_token: Option<String>,
    /// Text value.
    pub secret_string: Option<Text>,
    /// Binary value.
    pub secret_binary: Option<Blob>,
    /// What a rotation function was called with: not looked at.
    pub rotation_token: Option<Text>,
    /// Labels to move to the new version; `AWSCURRENT` unless asked otherwise.
    pub version_stages: Option<Vec<String>>,
}

/// What it answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Put {
    /// The whole ARN.
    #[serde(rename = "ARN")]
    pub arn: String,
    /// The friendly name.
    pub name: String,
    /// The version.
    pub version_id: String,
    /// Its labels.
    pub version_stages: BTreeSet<String>,
}

impl Operation for PutSecretValue {
    type State = State;
    type Output = Put;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "PutSecretValue";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<Put, Error> {
        let id = validate::secret_id(self.secret_id)?;
        let token = validate::token(self.client_request_token)?;
        let stages = self.version_stages.unwrap_or_else(|| vec![CURRENT.to_owned()]);
        if stages.is_empty() || stages.len() > STAGES_MAX {
            return Err(Error::Constraint {
                at: "versionStages",
                value: None,
                rule: format!("Member must have length between 1 and {STAGES_MAX}"),
            });
        }
        stages.iter().try_for_each(|s| validate::stage(s, "versionStages.member"))?;
        let value = validate::value(self.secret_string, self.secret_binary)?;
        let value = value.ok_or(Error::NoValue)?;
        let (key, secret) = state.find_mut(context.caller, &id)?;
        secret.writable()?;
        let arn = secret.meta.arn.clone();
        // What a rotation has made room for takes its value now.
        if let Some(version) = secret.version(&token).filter(|v| v.value.is_some()) {
            if version.value.as_ref() != Some(&value) {
                return Err(Error::TokenInUse { token, arn });
            }
            let version_stages = version.stages.clone();
            return Ok(Put { arn, name: key.name, version_id: token, version_stages });
        }
        let stages = stages.into_iter().collect();
        let draft = Draft { id: token.clone(), value: Some(value), stages };
        versions::check(secret, &draft, context.now)?;
        secret.meta.changed = context.now;
        if draft.stages.contains(CURRENT) {
            secret.meta.renewed(context.now);
        }
        changes.push(Change::Meta(key.clone(), Box::new(secret.meta.clone())));
        versions::add(&key, secret, draft, context.now, changes);
        let version_stages = secret.version(&token).map(|v| v.stages.clone()).unwrap_or_default();
        Ok(Put { arn, name: key.name, version_id: token, version_stages })
    }
}
