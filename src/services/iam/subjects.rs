//! Users and roles as those who ask: with every policy that is theirs.

use super::managed;
use super::state::{Account, Identity, Kind, State};
use crate::policy::{Grammar, Policy};
use crate::services::access::{self, Subject};

/// The policy with this ARN, of the account or of AWS.
pub fn policy(account: &Account, arn: &str) -> Option<Policy> {
    let own = account.policies.get(arn).map(|policy| policy.document().to_owned());
    let text = own.or_else(|| managed::find(arn)?.document())?;
    Policy::parse(text.trim(), Grammar::Identity).ok()
}

/// The policies of an identity itself.
fn own(account: &Account, identity: &Identity) -> Vec<Policy> {
    let inline =
        identity.inline.values().filter_map(|t| Policy::parse(t.trim(), Grammar::Identity).ok());
    inline.chain(identity.attached.iter().filter_map(|arn| policy(account, arn))).collect()
}

/// A user or role of `account_id` as the one who asks.
pub fn subject(state: &State, account_id: &str, identity: &Identity) -> Subject {
    let empty = Account::default();
    let account = state.account(account_id).unwrap_or(&empty);
    let mut policies = own(account, identity);
    for group in identity.groups.iter().filter_map(|g| account.identity(Kind::Group, g)) {
        policies.extend(own(account, group));
    }
    // A boundary that cannot be found allows nothing.
    let boundary = identity
        .boundary
        .as_ref()
        .map(|arn| policy(account, arn).unwrap_or(Policy { statements: Vec::new() }));
    Subject {
        kind: if identity.kind == Kind::Role { access::Kind::Role } else { access::Kind::User },
        arn: identity.arn.clone(),
        user_id: identity.id.clone(),
        role: None,
        identity: policies,
        boundary,
        tags: identity.tags.iter().map(|(k, v)| (k.clone(), v.clone())).collect(),
        ..Subject::root(account_id)
    }
}

/// The role with this ARN, of whatever path.
pub fn role<'a>(state: &'a State, arn: &str) -> Option<(&'a str, &'a Identity)> {
    let (account, name) = parts(arn, "role/")?;
    let (account, role) = state.account_named(account)?;
    let found = role.identity(Kind::Role, name).filter(|role| role.arn == arn)?;
    Some((account, found))
}

/// Account and last part of the name of an ARN of IAM.
pub fn parts<'a>(arn: &'a str, prefix: &str) -> Option<(&'a str, &'a str)> {
    let mut parts = arn.splitn(6, ':');
    let (service, account) = (parts.nth(2)?, parts.nth(1)?);
    let resource = parts.next()?.strip_prefix(prefix)?;
    let name = resource.rsplit('/').next().unwrap_or(resource);
    (service == "iam").then_some((account, name))
}
