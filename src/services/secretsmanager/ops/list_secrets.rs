//! <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_ListSecrets.html>

use super::describe_secret::Common;
use crate::base::{Context, Millis};
use crate::services::Operation;
use crate::services::secretsmanager::error::Error;
use crate::services::secretsmanager::filters;
pub use crate::services::secretsmanager::filters::Filter;
use crate::services::secretsmanager::limits::PAGE_MAX;
use crate::services::secretsmanager::state::{Change, Secret, Shelf, State};
use crate::services::secretsmanager::validate;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// `ListSecrets`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ListSecrets {
    /// Those that wait for their deletion too.
    pub include_planned_deletion: Option<bool>,
    /// Entries of a page.
    pub max_results: Option<i64>,
    /// Where the page before ended.
    pub next_token: Option<String>,
    /// Filters.
    pub filters: Option<Vec<Filter>>,
    /// `asc` or `desc`.
    pub sort_order: Option<String>,
    /// `created-date`, `last-accessed-date`, `last-changed-date` or `name`.
    pub sort_by: Option<String>,
}

/// What it answers.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Secrets {
    /// The page.
    pub secret_list: Vec<SecretEntry>,
    /// Where the next page begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// A secret in the list.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct SecretEntry {
    /// What `DescribeSecret` says of it too.
    #[serde(flatten)]
    pub common: Common,
    /// Versions that have labels.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub secret_versions_to_stages: BTreeMap<String, BTreeSet<String>>,
}

/// The order of a list. Names tell apart what is else alike.
#[derive(Debug, Clone, Copy)]
pub(super) struct Order {
    by: fn(&Secret) -> i64,
    descending: bool,
}

impl Order {
    /// By the day of creation, oldest first.
    pub(super) const DEFAULT: Order = Order { by: |s| s.meta.created.0, descending: false };

    fn read(by: Option<&str>, order: Option<&str>) -> Result<Order, Error> {
        let by: fn(&Secret) -> i64 = match by.unwrap_or("created-date") {
            "created-date" => Order::DEFAULT.by,
            "last-accessed-date" => |s| s.meta.accessed.map_or(i64::MIN, |at| at.0),
            "last-changed-date" => |s| s.meta.changed.0,
            "name" => |_| 0,
            other => {
                let keys = "[created-date, last-accessed-date, last-changed-date, name]";
                return Err(not_in("sortBy", other, keys));
            }
        };
        match order.unwrap_or("asc") {
            "asc" => Ok(Order { by, descending: false }),
            "desc" => Ok(Order { by, descending: true }),
            other => Err(not_in("sortOrder", other, "[asc, desc]")),
        }
    }
}

fn not_in(at: &'static str, value: &str, set: &str) -> Error {
    let rule = format!("Member must satisfy enum value set: {set}");
    Error::Constraint { at, value: Some(value.to_owned()), rule }
}

/// Secrets by name, and the token of the page after them.
pub(super) type Page<'a> = (Vec<(&'a str, &'a Secret)>, Option<String>);

/// A page of a shelf: what passes `keep`, in `order`, after `token`; and the token of the next page.
pub(super) fn page<'a>(
    shelf: Option<&'a Shelf>,
    keep: impl Fn(&str, &Secret) -> bool,
    order: Order,
    token: Option<&str>,
    size: usize,
) -> Result<Page<'a>, Error> {
    let after = token.map(|t| read_token(t).ok_or(Error::InvalidNextToken)).transpose()?;
    let mut found: Vec<(i64, &str, &Secret)> = shelf
        .into_iter()
        .flatten()
        .filter(|(name, secret)| keep(name, secret))
        .map(|(name, secret)| ((order.by)(secret), name.as_str(), secret))
        .filter(|(at, name, _)| match &after {
            Some((last, last_name)) if order.descending => (*at, *name) < (*last, last_name),
            Some((last, last_name)) => (*at, *name) > (*last, last_name),
            None => true,
        })
        .collect();
    found.sort_unstable_by_key(|(at, name, _)| (*at, *name));
    if order.descending {
        found.reverse();
    }
    let more = found.len() > size;
    found.truncate(size);
    let next = found.last().filter(|_| more);
    let next = next.map(|(at, name, _)| URL_SAFE_NO_PAD.encode(format!("{at}:{name}")));
    Ok((found.into_iter().map(|(_, name, secret)| (name, secret)).collect(), next))
}

fn read_token(token: &str) -> Option<(i64, String)> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    let (at, name) = text.split_once(':')?;
    Some((at.parse().ok()?, name.to_owned()))
}

impl Operation for ListSecrets {
    type State = State;
    type Output = Secrets;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "ListSecrets";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        _: &mut Vec<Change>,
    ) -> Result<Secrets, Error> {
        let size = validate::number(self.max_results, "maxResults", (1, PAGE_MAX), PAGE_MAX)?;
        let filters = self.filters.unwrap_or_default();
        filters::check(&filters)?;
        let order = Order::read(self.sort_by.as_deref(), self.sort_order.as_deref())?;
        let deleted_too = self.include_planned_deletion.unwrap_or(false);
        let keep = |name: &str, secret: &Secret| {
            (deleted_too || secret.meta.deletion.is_none()) && filters::fits(&filters, name, secret)
        };
        let shelf = state.shelf(context.caller);
        let (found, next_token) = page(shelf, keep, order, self.next_token.as_deref(), size)?;
        let entry = |(name, secret): (&str, &Secret)| {
            let deleted: Option<Millis> = secret.meta.deletion.map(|d| d.requested);
            let common = Common::of(name, secret, deleted);
            SecretEntry { common, secret_versions_to_stages: secret.staged() }
        };
        Ok(Secrets { secret_list: found.into_iter().map(entry).collect(), next_token })
    }
}
