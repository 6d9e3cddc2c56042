//! <https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateGrant.html>,
//! `API_ListGrants`, `API_ListRetirableGrants`, `API_RetireGrant` and `API_RevokeGrant`.

use super::metadata::seconds;
use super::page::{self, Paged};
use crate::base::{Context, hex_text};
use crate::services::Operation;
use crate::services::kms::check::{Check, given};
use crate::services::kms::error::Error;
use crate::services::kms::grants::{Constraints, Grant, OPERATIONS};
use crate::services::kms::key::{Key, KeyRef};
use crate::services::kms::limits::*;
use crate::services::kms::state::{Change, State};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// Bytes of a grant's id, and of what its token ends in.
const ID_BYTES: usize = 32;

/// A grant's token: where it is, and a text that nobody guesses.
fn token(at: &KeyRef, grant: &Grant) -> String {
    let parts = [&at.account, &at.region, &at.id, &grant.id, &grant.secret];
    STANDARD.encode(parts.map(String::as_str).join(" "))
}

/// The grant that a token stands for.
fn by_token<'a>(state: &'a State, token: &str) -> Result<(&'a Key, &'a Grant), Error> {
    let read = || {
        let text = String::from_utf8(STANDARD.decode(token).ok()?).ok()?;
        let parts: Vec<String> = text.split(' ').map(str::to_owned).collect();
        let [account, region, id, grant, secret] = <[String; 5]>::try_from(parts).ok()?;
        let key = state.key(&KeyRef { account, region, id })?;
        key.grants.get(&grant).filter(|g| g.secret == secret).map(|grant| (key, grant))
    };
    read().ok_or(Error::InvalidGrantToken)
}

/// Refuses tokens of no grant.
pub fn known(state: &State, tokens: &[String]) -> Result<(), Error> {
    tokens.iter().try_for_each(|token| by_token(state, token).map(drop))
}

/// `CreateGrant`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct CreateGrant {
    key_id: Option<String>,
    grantee_principal: Option<String>,
    retiring_principal: Option<String>,
    operations: Option<Vec<String>>,
    constraints: Option<Constraints>,
    grant_tokens: Option<Vec<String>>,
    name: Option<String>,
    dry_run: Option<bool>,
    grantee_service_principal: Option<String>,
    retiring_service_principal: Option<String>,
}

/// What it answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Granted {
    grant_token: String,
    grant_id: String,
}

fn check_principal(rules: &mut Check, at: &str, name: Option<&String>) {
    rules.length(at, name, (1, PRINCIPAL_CHARS_MAX));
    rules.chars(at, name, "^[\\w+=,.@:/-]+$", |c| c.is_alphanumeric() || "_+=,.@:/-".contains(c));
}

impl CreateGrant {
    fn check(&self) -> Result<(), Error> {
        let mut rules = Check::new();
        rules.key_id("keyId", self.key_id.as_ref());
        check_principal(&mut rules, "granteePrincipal", self.grantee_principal.as_ref());
        check_principal(&mut rules, "retiringPrincipal", self.retiring_principal.as_ref());
        rules.there("operations", self.operations.as_ref());
        for operation in self.operations.iter().flatten() {
            rules.one_of("operations", Some(operation), OPERATIONS);
        }
        rules.grant_tokens(self.grant_tokens.as_ref());
        rules.length("name", self.name.as_ref(), (1, PRINCIPAL_CHARS_MAX));
        rules.chars("name", self.name.as_ref(), "^[a-zA-Z0-9:/_-]+$", |c| {
            c.is_ascii_alphanumeric() || ":/_-".contains(c)
        });
        rules.done()?;
        if self.grantee_principal.is_none() && self.grantee_service_principal.is_none() {
            return Err(Error::invalid(
                "Either GranteePrincipal or GranteeServicePrincipal must be specified.",
            ));
        }
        Ok(())
    }
}

impl Operation for CreateGrant {
    type State = State;
    type Output = Granted;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "CreateGrant";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<Granted, Error> {
        self.check()?;
        known(state, self.grant_tokens.as_deref().unwrap_or_default())?;
        let key = state.find(context.caller, &given(self.key_id)?, false)?;
        key.works()?;
        let mut bytes = [0; ID_BYTES];
        context.ids.fill(&mut bytes);
        let id = hex_text(&bytes);
        context.ids.fill(&mut bytes);
        let grant = Grant {
            id,
            secret: hex_text(&bytes),
            name: self.name,
            created: context.now.0,
            grantee: self.grantee_principal,
            grantee_service: self.grantee_service_principal,
            retiring: self.retiring_principal,
            retiring_service: self.retiring_service_principal,
            issuer: context.caller.account.clone(),
            operations: given(self.operations)?,
            constraints: self.constraints,
        };
        let at = key.at.clone();
        // A named grant is made once: the same call finds it again.
        let same = |held: &&Grant| {
            let as_new = Grant {
                id: grant.id.clone(),
                secret: grant.secret.clone(),
                created: grant.created,
                ..(*held).clone()
            };
            grant.name.is_some() && as_new == grant
        };
        if self.dry_run == Some(true) {
            return Err(Error::DryRun);
        }
        if let Some(held) = key.grants.values().find(same) {
            return Ok(Granted { grant_token: token(&at, held), grant_id: held.id.clone() });
        }
        if key.grants.len() >= GRANTS_MAX {
            return Err(Error::Limit(format!("A key may have at most {GRANTS_MAX} grants.")));
        }
        let granted = Granted { grant_token: token(&at, &grant), grant_id: grant.id.clone() };
        changes.push(Change::Grant(at.clone(), Box::new(grant.clone())));
        state.set_grant(&at, &granted.grant_id, Some(grant));
        Ok(granted)
    }
}

/// A grant in a list.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct GrantEntry {
    key_id: String,
    grant_id: String,
    name: String,
    creation_date: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    grantee_principal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retiring_principal: Option<String>,
    issuing_account: String,
    operations: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    constraints: Option<Constraints>,
    #[serde(skip_serializing_if = "Option::is_none")]
    grantee_service_principal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retiring_service_principal: Option<String>,
}

impl GrantEntry {
    fn of(key: &Key, grant: &Grant) -> GrantEntry {
        GrantEntry {
            key_id: key.arn(),
            grant_id: grant.id.clone(),
            name: grant.name.clone().unwrap_or_default(),
            creation_date: seconds(grant.created),
            grantee_principal: grant.grantee.clone(),
            retiring_principal: grant.retiring.clone(),
            issuing_account: format!("arn:aws:iam::{}:root", grant.issuer),
            operations: grant.operations.clone(),
            constraints: grant.constraints.clone(),
            grantee_service_principal: grant.grantee_service.clone(),
            retiring_service_principal: grant.retiring_service.clone(),
        }
    }
}

/// A page of grants.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Grants {
    grants: Vec<GrantEntry>,
    #[serde(flatten)]
    paged: Paged,
}

/// `ListGrants`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ListGrants {
    limit: Option<i64>,
    marker: Option<String>,
    key_id: Option<String>,
    grant_id: Option<String>,
    grantee_principal: Option<String>,
    grantee_service_principal: Option<String>,
}

impl Operation for ListGrants {
    type State = State;
    type Output = Grants;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "ListGrants";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        _: &mut Vec<Change>,
    ) -> Result<Grants, Error> {
        let mut rules = Check::new();
        rules.key_id("keyId", self.key_id.as_ref());
        rules.page(self.limit, self.marker.as_ref());
        rules.length("grantId", self.grant_id.as_ref(), (1, GRANT_ID_CHARS_MAX));
        check_principal(&mut rules, "granteePrincipal", self.grantee_principal.as_ref());
        rules.done()?;
        let key = state.find(context.caller, &given(self.key_id)?, false)?;
        let is = |wanted: &Option<String>, held: Option<&String>| {
            wanted.as_ref().is_none_or(|wanted| Some(wanted) == held)
        };
        let grants = key.grants.values().filter(|grant| {
            is(&self.grant_id, Some(&grant.id))
                && is(&self.grantee_principal, grant.grantee.as_ref())
                && is(&self.grantee_service_principal, grant.grantee_service.as_ref())
        });
        let grants = grants.map(|grant| GrantEntry::of(key, grant));
        let wanted = (self.limit.unwrap_or(PAGE_SMALL_DEFAULT), self.marker);
        let (grants, paged) = page::page(grants, wanted, |grant| grant.grant_id.clone())?;
        Ok(Grants { grants, paged })
    }
}

/// `ListRetirableGrants`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ListRetirableGrants {
    limit: Option<i64>,
    marker: Option<String>,
    retiring_principal: Option<String>,
    retiring_service_principal: Option<String>,
}

impl Operation for ListRetirableGrants {
    type State = State;
    type Output = Grants;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "ListRetirableGrants";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        _: &mut Vec<Change>,
    ) -> Result<Grants, Error> {
        let mut rules = Check::new();
        rules.page(self.limit, self.marker.as_ref());
        check_principal(&mut rules, "retiringPrincipal", self.retiring_principal.as_ref());
        rules.done()?;
        if self.retiring_principal.is_none() == self.retiring_service_principal.is_none() {
            return Err(Error::invalid(
                "Either RetiringPrincipal or RetiringServicePrincipal must be specified.",
            ));
        }
        let caller = context.caller;
        let shelf = state.shelf(&caller.account, &caller.region);
        let keys = shelf.into_iter().flat_map(|s| s.keys.values());
        let grants = keys.flat_map(|key| key.grants.values().map(move |grant| (key, grant)));
        let grants = grants.filter(|(_, grant)| {
            let of = |wanted: &Option<String>, held| wanted.is_some() && wanted == held;
            of(&self.retiring_principal, &grant.retiring)
                || of(&self.retiring_service_principal, &grant.retiring_service)
        });
        let entries = grants.map(|(key, grant)| GrantEntry::of(key, grant));
        let wanted = (self.limit.unwrap_or(PAGE_SMALL_DEFAULT), self.marker);
        let name = |entry: &GrantEntry| format!("{} {}", entry.key_id, entry.grant_id);
        let (grants, paged) = page::page(entries, wanted, name)?;
        Ok(Grants { grants, paged })
    }
}

/// `RetireGrant`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct RetireGrant {
    grant_token: Option<String>,
    key_id: Option<String>,
    grant_id: Option<String>,
    dry_run: Option<bool>,
}

impl Operation for RetireGrant {
    type State = State;
    type Output = ();
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "RetireGrant";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<(), Error> {
        let mut rules = Check::new();
        rules.length("grantToken", self.grant_token.as_ref(), (1, GRANT_TOKEN_CHARS_MAX));
        rules.length("keyId", self.key_id.as_ref(), (1, KEY_ID_CHARS_MAX));
        rules.length("grantId", self.grant_id.as_ref(), (1, GRANT_ID_CHARS_MAX));
        rules.done()?;
        let (at, id) = match (self.grant_token, self.key_id, self.grant_id) {
            (Some(token), None, None) => {
                let (key, grant) = by_token(state, &token)?;
                (key.at.clone(), grant.id.clone())
            }
            (None, Some(key), Some(id)) => {
                let key = state.find(context.caller, &key, false)?;
                (key.at.clone(), id)
            }
            _ => {
                return Err(Error::invalid(
                    "You must specify either a grant token, or a combination of a key ID and a grant ID.",
                ));
            }
        };
        end(state, at, id, self.dry_run, changes)
    }
}

/// `RevokeGrant`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct RevokeGrant {
    key_id: Option<String>,
    grant_id: Option<String>,
    dry_run: Option<bool>,
}

impl Operation for RevokeGrant {
    type State = State;
    type Output = ();
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "RevokeGrant";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<(), Error> {
        let mut rules = Check::new();
        rules.key_id("keyId", self.key_id.as_ref());
        rules.there("grantId", self.grant_id.as_ref());
        rules.length("grantId", self.grant_id.as_ref(), (1, GRANT_ID_CHARS_MAX));
        rules.done()?;
        let key = state.find(context.caller, &given(self.key_id)?, false)?;
        let at = key.at.clone();
        end(state, at, given(self.grant_id)?, self.dry_run, changes)
    }
}

/// Ends a grant.
fn end(
    state: &mut State,
    at: KeyRef,
    id: String,
    dry_run: Option<bool>,
    changes: &mut Vec<Change>,
) -> Result<(), Error> {
    if !state.key(&at).is_some_and(|key| key.grants.contains_key(&id)) {
        return Err(Error::GrantNotFound);
    }
    if dry_run == Some(true) {
        return Err(Error::DryRun);
    }
    state.set_grant(&at, &id, None);
    changes.push(Change::GrantGone(at, id));
    Ok(())
}
