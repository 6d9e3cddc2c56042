//! <https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateAlias.html>,
//! `API_UpdateAlias`, `API_DeleteAlias` and `API_ListAliases`.

use super::metadata::seconds;
use super::page::{self, Paged};
use crate::base::Context;
use crate::services::Operation;
use crate::services::kms::check::{Check, given};
use crate::services::kms::error::Error;
use crate::services::kms::key::{Key, KeyRef};
use crate::services::kms::limits::*;
use crate::services::kms::state::{ALIAS, Alias, Change, MANAGED_ALIAS, State, here};
use serde::{Deserialize, Serialize};

/// What aliases may look like, in AWS's words.
const PATTERN: &str = "^[a-zA-Z0-9:/_-]+$";

fn allowed(c: char) -> bool {
    c.is_ascii_alphanumeric() || ":/_-".contains(c)
}

/// What two operations ask.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct AliasInput {
    alias_name: Option<String>,
    target_key_id: Option<String>,
}

fn check_name(rules: &mut Check, name: Option<&String>) {
    rules.there("aliasName", name);
    rules.length("aliasName", name, (1, ALIAS_CHARS_MAX));
    rules.chars("aliasName", name, PATTERN, allowed);
}

/// A name that clients may give an alias.
fn own_name(name: &str) -> Result<(), Error> {
    if !name.starts_with(ALIAS) {
        return Err(Error::invalid(
            "Alias must start with the prefix \"alias/\". Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html",
        ));
    }
    if name.starts_with(MANAGED_ALIAS) || name == MANAGED_ALIAS.trim_end_matches('/') {
        return Err(Error::NotAuthorized);
    }
    if name.len() == ALIAS.len() || name.contains(':') {
        return Err(Error::InvalidAlias(name.to_owned()));
    }
    Ok(())
}

impl AliasInput {
    /// The checked name and the key it shall point to.
    fn read<'a>(
        self,
        state: &'a State,
        context: &Context<'_>,
        operation: &'static str,
    ) -> Result<(String, &'a Key), Error> {
        let mut rules = Check::new();
        check_name(&mut rules, self.alias_name.as_ref());
        rules.key_id("targetKeyId", self.target_key_id.as_ref());
        rules.done()?;
        let (name, target) = (given(self.alias_name)?, given(self.target_key_id)?);
        own_name(&name)?;
        if target.starts_with(ALIAS) {
            return Err(Error::invalid("Aliases must refer to keys. Not aliases"));
        }
        let key = state.own(context.caller, &target, operation)?;
        key.is_customers(operation)?;
        key.stays()?;
        Ok((name, key))
    }
}

fn alias_arn(at: &KeyRef) -> String {
    format!("arn:aws:kms:{}:{}:{}", at.region, at.account, at.id)
}

/// `CreateAlias`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct CreateAlias(pub AliasInput);

impl Operation for CreateAlias {
    type State = State;
    type Output = ();
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "CreateAlias";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<(), Error> {
        let (name, key) = self.0.read(state, context, Self::NAME)?;
        let (at, target) = (here(context.caller, &name), key.at.id.clone());
        let shelf = state.shelf(&at.account, &at.region);
        let aliases = || shelf.into_iter().flat_map(|s| s.aliases.iter());
        if aliases().any(|(known, _)| *known == name) {
            return Err(Error::AliasExists(alias_arn(&at)));
        }
        if aliases().filter(|(_, alias)| alias.target == target).count() >= ALIASES_MAX {
            return Err(Error::Limit(format!("A key may have at most {ALIASES_MAX} aliases.")));
        }
        put(state, at, Alias { target, created: context.now.0, updated: context.now.0 }, changes);
        Ok(())
    }
}

/// Sets an alias and records it.
pub fn put(state: &mut State, at: KeyRef, alias: Alias, changes: &mut Vec<Change>) {
    state.set_alias(&at, Some(alias.clone()));
    changes.push(Change::Alias(at, alias));
}

/// `UpdateAlias`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct UpdateAlias(pub AliasInput);

impl Operation for UpdateAlias {
    type State = State;
    type Output = ();
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "UpdateAlias";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<(), Error> {
        let (name, key) = self.0.read(state, context, Self::NAME)?;
        let at = here(context.caller, &name);
        let shelf = state.shelf(&at.account, &at.region);
        let alias = shelf.and_then(|s| s.aliases.get(&name));
        let alias = alias.ok_or_else(|| Error::AliasNotFound(alias_arn(&at)))?;
        let before = shelf.and_then(|s| s.keys.get(&alias.target));
        if before.is_some_and(|old| {
            (old.record.spec, old.record.usage) != (key.record.spec, key.record.usage)
        }) {
            return Err(Error::invalid(
                "The current and new KMS keys must have the same key type and key usage.",
            ));
        }
        let alias = Alias { target: key.at.id.clone(), updated: context.now.0, ..alias.clone() };
        put(state, at, alias, changes);
        Ok(())
    }
}

/// `DeleteAlias`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DeleteAlias {
    alias_name: Option<String>,
}

impl Operation for DeleteAlias {
    type State = State;
    type Output = ();
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "DeleteAlias";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<(), Error> {
        let mut rules = Check::new();
        check_name(&mut rules, self.alias_name.as_ref());
        rules.done()?;
        let name = given(self.alias_name)?;
        own_name(&name)?;
        let at = here(context.caller, &name);
        let shelf = state.shelf(&at.account, &at.region);
        if !shelf.is_some_and(|s| s.aliases.contains_key(&name)) {
            return Err(Error::AliasNotFound(alias_arn(&at)));
        }
        state.set_alias(&at, None);
        changes.push(Change::AliasGone(at));
        Ok(())
    }
}

/// `ListAliases`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ListAliases {
    key_id: Option<String>,
    limit: Option<i64>,
    marker: Option<String>,
}

/// An alias in a list.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AliasEntry {
    alias_name: String,
    alias_arn: String,
    target_key_id: String,
    creation_date: f64,
    last_updated_date: f64,
}

/// A page of aliases.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Aliases {
    aliases: Vec<AliasEntry>,
    #[serde(flatten)]
    paged: Paged,
}

impl Operation for ListAliases {
    type State = State;
    type Output = Aliases;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "ListAliases";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        _: &mut Vec<Change>,
    ) -> Result<Aliases, Error> {
        let mut rules = Check::new();
        rules.length("keyId", self.key_id.as_ref(), (1, KEY_ID_CHARS_MAX));
        rules.page(self.limit, self.marker.as_ref());
        rules.done()?;
        let caller = context.caller;
        let of = match &self.key_id {
            Some(id) => Some(state.own(caller, id, Self::NAME)?.at.id.clone()),
            None => None,
        };
        let shelf = state.shelf(&caller.account, &caller.region);
        let aliases = shelf.into_iter().flat_map(|s| &s.aliases);
        let aliases = aliases.filter(|(_, alias)| of.as_ref().is_none_or(|of| alias.target == *of));
        let aliases = aliases.map(|(name, alias)| AliasEntry {
            alias_arn: alias_arn(&here(caller, name)),
            alias_name: name.clone(),
            target_key_id: alias.target.clone(),
            creation_date: seconds(alias.created),
            last_updated_date: seconds(alias.updated),
        });
        let wanted = (self.limit.unwrap_or(PAGE_SMALL_DEFAULT), self.marker);
        let (aliases, paged) = page::page(aliases, wanted, |alias| alias.alias_name.clone())?;
        Ok(Aliases { aliases, paged })
    }
}
