//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateAccountAlias.html>,
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountSummary.html>,
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateAccountPasswordPolicy.html>

use super::{Done, Work, exists, no_entity};
use crate::services::iam::limits::*;
use crate::services::iam::state::{Entity, Kind};
use serde_json::{Map, Value, json};

pub(super) fn create_alias(work: &mut Work<'_>) -> Done {
    let alias = work.input.text("AccountAlias").to_owned();
    if work.account().alias.as_ref() == Some(&alias) {
        return Err(exists(format!("The account alias {alias} already exists.")));
    }
    work.put("alias", "", Entity::Alias(alias));
    Ok(json!({}))
}

pub(super) fn delete_alias(work: &mut Work<'_>) -> Done {
    let alias = work.input.text("AccountAlias");
    if work.account().alias.as_deref() != Some(alias) {
        return Err(no_entity(format!("The account alias {alias} cannot be found.")));
    }
    work.gone("alias", "");
    Ok(json!({}))
}

pub(super) fn aliases(work: &mut Work<'_>) -> Done {
    let alias: Vec<&String> = work.account().alias.iter().collect();
    Ok(json!({"AccountAliases": alias, "IsTruncated": false}))
}

/// The list called `member` of something that nobody can make here: it is empty.
pub(super) fn none(work: &mut Work<'_>, member: &str) -> Done {
    if work.input.some("UserName").is_some() {
        work.identity(Kind::User)?;
    }
    Ok(json!({member: [], "IsTruncated": false}))
}

pub(super) fn summary(work: &mut Work<'_>) -> Done {
    let account = work.account();
    let count = |kind| account.all(kind).count();
    let versions: usize = account.policies.values().map(|p| p.versions.len()).sum();
    Ok(json!({"SummaryMap": {
        "AccessKeysPerUserQuota": KEYS_PER_USER_MAX,
        "AccountAccessKeysPresent": 0,
        "AccountMFAEnabled": 0,
        "AccountPasswordPresent": 0,
        "AccountSigningCertificatesPresent": 0,
        "AssumeRolePolicySizeQuota": TRUST_CHARS_MAX,
        "AttachedPoliciesPerGroupQuota": ATTACHED_MAX,
        "AttachedPoliciesPerRoleQuota": ATTACHED_MAX,
        "AttachedPoliciesPerUserQuota": ATTACHED_MAX,
        "GlobalEndpointTokenVersion": 1,
        "GroupPolicySizeQuota": INLINE_CHARS_MAX[Kind::Group as usize],
        "Groups": count(Kind::Group),
        "GroupsPerUserQuota": GROUPS_PER_USER_MAX,
        "GroupsQuota": GROUPS_MAX,
        "InstanceProfiles": account.profiles.len(),
        "InstanceProfilesQuota": PROFILES_MAX,
        "MFADevices": 0,
        "MFADevicesInUse": 0,
        "Policies": account.policies.len(),
        "PoliciesQuota": POLICIES_MAX,
        "PolicySizeQuota": POLICY_CHARS_MAX,
        "PolicyVersionsInUse": versions,
        "PolicyVersionsInUseQuota": 10_000,
        "Providers": account.providers.len(),
        "RolePolicySizeQuota": INLINE_CHARS_MAX[Kind::Role as usize],
        "Roles": count(Kind::Role),
        "RolesQuota": ROLES_MAX,
        "ServerCertificates": 0,
        "ServerCertificatesQuota": 20,
        "SigningCertificatesPerUserQuota": 2,
        "UserPolicySizeQuota": INLINE_CHARS_MAX[Kind::User as usize],
        "Users": count(Kind::User),
        "UsersQuota": USERS_MAX,
        "VersionsPerPolicyQuota": VERSIONS_MAX,
    }}))
}

/// What the rules are where a request does not say.
const DEFAULTS: &[(&str, bool)] = &[
    ("RequireSymbols", false),
    ("RequireNumbers", false),
    ("RequireUppercaseCharacters", false),
    ("RequireLowercaseCharacters", false),
    ("AllowUsersToChangePassword", false),
    ("HardExpiry", false),
];

pub(super) fn update_password_rules(work: &mut Work<'_>) -> Done {
    let mut rules = Map::new();
    for (name, default) in DEFAULTS {
        let given = work.input.get(name).and_then(Value::as_bool);
        rules.insert((*name).to_owned(), given.unwrap_or(*default).into());
    }
    let length = work.input.number("MinimumPasswordLength").unwrap_or(6);
    rules.insert("MinimumPasswordLength".into(), length.into());
    let age = work.input.number("MaxPasswordAge").filter(|age| *age > 0);
    rules.insert("ExpirePasswords".into(), age.is_some().into());
    if let Some(age) = age {
        rules.insert("MaxPasswordAge".into(), age.into());
    }
    if let Some(count) = work.input.number("PasswordReusePrevention").filter(|n| *n > 0) {
        rules.insert("PasswordReusePrevention".into(), count.into());
    }
    work.put("password", "", Entity::PasswordRules(rules.into()));
    Ok(json!({}))
}

pub(super) fn password_rules(work: &mut Work<'_>) -> Done {
    let account = &work.caller.account;
    let missing =
        || no_entity(format!("The Password Policy with domain name {account} cannot be found."));
    let rules = work.account().password_rules.clone().ok_or_else(missing)?;
    Ok(json!({"PasswordPolicy": rules}))
}

pub(super) fn delete_password_rules(work: &mut Work<'_>) -> Done {
    let account = &work.caller.account;
    if work.account().password_rules.is_none() {
        return Err(no_entity(format!(
            "The account policy with name PasswordPolicy cannot be found. ({account})"
        )));
    }
    work.gone("password", "");
    Ok(json!({}))
}
