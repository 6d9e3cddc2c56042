//! <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DescribeSecret.html>

use crate::base::{Context, Millis};
use crate::services::Operation;
use crate::services::secretsmanager::error::Error;
use crate::services::secretsmanager::state::{Change, Secret, State};
use crate::services::secretsmanager::validate::{self, Tag};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// `DescribeSecret`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DescribeSecret {
    /// Name or ARN.
    pub secret_id: Option<String>,
}

/// What it answers.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Description {
    /// What lists say of it too.
    #[serde(flatten)]
    pub common: Common,
    /// Versions that have labels.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub version_ids_to_stages: BTreeMap<String, BTreeSet<String>>,
}

/// What `DescribeSecret` and `ListSecrets` both say of a secret.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Common {
    /// The whole ARN.
    #[serde(rename = "ARN")]
    pub arn: String,
    /// The friendly name.
    pub name: String,
    /// Description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// KMS key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kms_key_id: Option<String>,
    /// When anything of it last changed.
    pub last_changed_date: f64,
    /// The day of the last read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_accessed_date: Option<f64>,
    /// Present while it waits for its deletion.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted_date: Option<f64>,
    /// Tags.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<Tag>>,
    /// When it was made.
    pub created_date: f64,
}

impl Common {
    /// What is said of `secret`; `deleted` chooses the instant that stands for its deletion.
    pub(super) fn of(name: &str, secret: &Secret, deleted: Option<Millis>) -> Self {
        let meta = &secret.meta;
        let tag = |(key, value): &(String, String)| Tag { key: key.clone(), value: value.clone() };
        Common {
            arn: meta.arn.clone(),
            name: name.to_owned(),
            description: meta.description.clone(),
            kms_key_id: meta.kms_key_id.clone(),
            last_changed_date: meta.changed.as_seconds_f64(),
            last_accessed_date: meta.accessed.map(Millis::as_seconds_f64),
            deleted_date: deleted.map(Millis::as_seconds_f64),
            tags: meta.tags.as_ref().map(|tags| tags.iter().map(tag).collect()),
            created_date: meta.created.as_seconds_f64(),
        }
    }
}

impl Operation for DescribeSecret {
    type State = State;
    type Output = Description;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "DescribeSecret";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        _: &mut Vec<Change>,
    ) -> Result<Description, Error> {
        let id = validate::secret_id(self.secret_id)?;
        let (name, secret) = state.find(context.caller, &id)?;
        // Here AWS documents the day after which the secret is gone, in lists the day of the request.
        let deleted = secret.meta.deletion.map(|d| d.due);
        let common = Common::of(name, secret, deleted);
        Ok(Description { common, version_ids_to_stages: secret.staged() })
    }
}
