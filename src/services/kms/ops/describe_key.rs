//! <https://docs.aws.amazon.com/kms/latest/APIReference/API_DescribeKey.html>,
//! `API_ListKeys` and `API_GetKeyLastUsage`.

use super::Described;
use super::metadata::{KeyMetadata, seconds};
use super::page::{self, Paged};
use crate::base::Context;
use crate::services::Operation;
use crate::services::kms::check::{Check, given};
use crate::services::kms::error::Error;
use crate::services::kms::limits::*;
use crate::services::kms::ops::grants;
use crate::services::kms::state::{Change, State};
use serde::{Deserialize, Serialize};

/// `DescribeKey`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DescribeKey {
    /// Key.
    pub key_id: Option<String>,
    /// Grant tokens.
    pub grant_tokens: Option<Vec<String>>,
}

impl Operation for DescribeKey {
    type State = State;
    type Output = Described;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "DescribeKey";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        _: &mut Vec<Change>,
    ) -> Result<Described, Error> {
        let mut rules = Check::new();
        rules.key_id("keyId", self.key_id.as_ref());
        rules.grant_tokens(self.grant_tokens.as_ref());
        rules.done()?;
        grants::known(state, &self.grant_tokens.unwrap_or_default())?;
        let key = state.find(context.caller, &given(self.key_id)?, true)?;
        Ok(Described { key_metadata: KeyMetadata::of(state, key) })
    }
}

/// `ListKeys`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ListKeys {
    limit: Option<i64>,
    marker: Option<String>,
    resource_owners: Option<Vec<String>>,
}

/// A key in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct KeyEntry {
    key_id: String,
    key_arn: String,
}

/// A page of keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Keys {
    keys: Vec<KeyEntry>,
    #[serde(flatten)]
    paged: Paged,
}

impl Operation for ListKeys {
    type State = State;
    type Output = Keys;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "ListKeys";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        _: &mut Vec<Change>,
    ) -> Result<Keys, Error> {
        let mut rules = Check::new();
        rules.page(self.limit, self.marker.as_ref());
        for owner in self.resource_owners.iter().flatten() {
            rules.one_of("resourceOwners", Some(owner), &["SELF", "OTHER_ACCOUNTS_VIA_RAM"]);
        }
        rules.done()?;
        // Nobody shares keys here: of other accounts' there are none.
        let own = self.resource_owners.is_none_or(|o| o.iter().any(|o| o == "SELF"));
        let shelf = state.shelf(&context.caller.account, &context.caller.region);
        let keys = shelf.filter(|_| own).into_iter().flat_map(|s| s.keys.values());
        let keys = keys.map(|key| KeyEntry { key_id: key.at.id.clone(), key_arn: key.arn() });
        let wanted = (self.limit.unwrap_or(PAGE_DEFAULT), self.marker);
        let (keys, paged) = page::page(keys, wanted, |key| key.key_id.clone())?;
        Ok(Keys { keys, paged })
    }
}

/// `GetKeyLastUsage`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct GetKeyLastUsage {
    key_id: Option<String>,
}

/// The last use of a key; empty if there was none.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct LastUsage {
    #[serde(skip_serializing_if = "Option::is_none")]
    operation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kms_request_id: Option<String>,
}

/// What it answers.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Used {
    key_id: String,
    key_last_usage: LastUsage,
    tracking_start_date: f64,
    key_creation_date: f64,
}

impl Operation for GetKeyLastUsage {
    type State = State;
    type Output = Used;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "GetKeyLastUsage";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        _: &mut Vec<Change>,
    ) -> Result<Used, Error> {
        let mut rules = Check::new();
        rules.key_id("keyId", self.key_id.as_ref());
        rules.done()?;
        let key = state.own(context.caller, &given(self.key_id)?, Self::NAME)?;
        let last = key.record.last_use.as_ref().map(|last| LastUsage {
            operation: Some(last.operation.clone()),
            timestamp: Some(seconds(last.at)),
            kms_request_id: Some(last.request.clone()),
        });
        Ok(Used {
            key_id: key.at.id.clone(),
            key_last_usage: last.unwrap_or_default(),
            tracking_start_date: seconds(key.record.created),
            key_creation_date: seconds(key.record.created),
        })
    }
}
