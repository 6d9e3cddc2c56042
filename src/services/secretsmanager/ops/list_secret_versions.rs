//! <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_ListSecretVersionIds.html>

use crate::base::{Context, Millis};
use crate::services::Operation;
use crate::services::secretsmanager::error::Error;
use crate::services::secretsmanager::limits::PAGE_MAX;
use crate::services::secretsmanager::state::{Change, State, Version};
use crate::services::secretsmanager::validate;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// `ListSecretVersionIds`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ListSecretVersionIds {
    /// Name or ARN.
    pub secret_id: Option<String>,
    /// Entries of a page.
    pub max_results: Option<i64>,
    /// Where the page before ended.
    pub next_token: Option<String>,
    /// Versions without label too.
    pub include_deprecated: Option<bool>,
}

/// What it answers.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Versions {
    /// Oldest first.
    pub versions: Vec<VersionEntry>,
    /// Where the next page begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
    /// The whole ARN.
    #[serde(rename = "ARN")]
    pub arn: String,
    /// The friendly name.
    pub name: String,
}

/// A version in the list.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct VersionEntry {
    /// Its id.
    pub version_id: String,
    /// Its labels.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub version_stages: BTreeSet<String>,
    /// The day of the last read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_accessed_date: Option<f64>,
    /// When it was made.
    pub created_date: f64,
    /// The keys that encrypt it.
    pub kms_key_ids: Vec<String>,
}

impl Operation for ListSecretVersionIds {
    type State = State;
    type Output = Versions;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "ListSecretVersionIds";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        _: &mut Vec<Change>,
    ) -> Result<Versions, Error> {
        let id = validate::secret_id(self.secret_id)?;
        let page = validate::number(self.max_results, "maxResults", (1, PAGE_MAX), PAGE_MAX)?;
        let after = match &self.next_token {
            Some(token) => token.parse::<i64>().map_err(|_| Error::InvalidNextToken)?,
            None => -1,
        };
        let (name, secret) = state.find(context.caller, &id)?;
        let deprecated = self.include_deprecated.unwrap_or(false);
        let shown: Vec<&Version> = secret
            .versions
            .iter()
            .filter(|v| v.seq > after && (deprecated || !v.stages.is_empty()))
            .take(page + 1)
            .collect();
        let more = shown.len() > page;
        let shown = &shown[..shown.len().min(page)];
        let next_token = shown.last().filter(|_| more).map(|v| v.seq.to_string());
        let key = secret.meta.kms_key_id.clone();
        let key = key.unwrap_or_else(|| "DefaultEncryptionKey".to_owned());
        let entry = |version: &&Version| VersionEntry {
            version_id: version.id.clone(),
            version_stages: version.stages.clone(),
            last_accessed_date: version.accessed.map(Millis::as_seconds_f64),
            created_date: version.created.as_seconds_f64(),
            kms_key_ids: vec![key.clone()],
        };
        Ok(Versions {
            versions: shown.iter().map(entry).collect(),
            next_token,
            arn: secret.meta.arn.clone(),
            name: name.to_owned(),
        })
    }
}
