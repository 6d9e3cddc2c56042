//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateUser.html>,
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateGroup.html>,
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html>, and their like to get,
//! list, rename and delete.

use super::{Done, Work, attached, conflict, exists, member_of, quota, shown_tags};
use crate::policy::Grammar;
use crate::services::iam::documents;
use crate::services::iam::limits::*;
use crate::services::iam::state::{Identity, Kind};
use crate::services::model::Refusal;
use serde_json::{Map, Value, json};

/// Seconds of a role's session unless it says otherwise.
const SESSION_SECONDS: i64 = 3600;

pub(super) fn create(work: &mut Work<'_>, kind: Kind) -> Done {
    let name = work.input.text(member_of(kind)).to_owned();
    let (word, most, counted) = match kind {
        Kind::User => ("User", USERS_MAX, "UsersPerAccount"),
        Kind::Group => ("Group", GROUPS_MAX, "GroupsPerAccount"),
        Kind::Role => ("Role", ROLES_MAX, "RolesPerAccount"),
    };
    if work.account().identity(kind, &name).is_some() {
        return Err(exists(format!("{word} with name {name} already exists.")));
    }
    if work.account().all(kind).count() >= most {
        return Err(quota(counted, most));
    }
    let mut identity = new(work, kind, &name, work.path())?;
    if kind == Kind::Role {
        let trust = work.input.text("AssumeRolePolicyDocument").to_owned();
        check_trust(&trust)?;
        identity.trust = trust;
        identity.description = work.input.owned("Description");
        let seconds = work.input.number("MaxSessionDuration");
        identity.max_session = seconds.unwrap_or(SESSION_SECONDS);
    }
    if let Some(boundary) = work.input.owned("PermissionsBoundary") {
        attached::check_attachable(work, &boundary)?;
        identity.boundary = Some(boundary);
    }
    let answer = json!({word: shown(&identity, true)});
    work.put_identity(identity);
    Ok(answer)
}

/// An identity without anything attached.
pub(super) fn new(
    work: &mut Work<'_>,
    kind: Kind,
    name: &str,
    path: String,
) -> Result<Identity, Refusal> {
    Ok(Identity {
        kind,
        arn: work.arn(&format!("{}{path}{name}", kind.word())),
        path,
        name: name.to_owned(),
        id: work.id(kind.prefix()),
        created: work.now,
        tags: work.tags()?,
        boundary: None,
        inline: Default::default(),
        attached: Default::default(),
        keys: Vec::new(),
        groups: Default::default(),
        login: None,
        trust: String::new(),
        description: None,
        max_session: SESSION_SECONDS,
    })
}

/// Checks a trust policy.
pub(super) fn check_trust(text: &str) -> Result<(), Refusal> {
    documents::check(text, Grammar::Trust)?;
    if documents::size(text) > TRUST_CHARS_MAX {
        return Err(quota("ACLSizePerRole", TRUST_CHARS_MAX));
    }
    Ok(())
}

/// As the API shows it; lists leave tags and boundaries out.
pub(super) fn shown(identity: &Identity, whole: bool) -> Value {
    let word = match identity.kind {
        Kind::User => "User",
        Kind::Group => "Group",
        Kind::Role => "Role",
    };
    let mut out = Map::new();
    let mut add = |name: &str, value: Value| drop(out.insert(name.to_owned(), value));
    add("Path", identity.path.clone().into());
    add(&format!("{word}Name"), identity.name.clone().into());
    add(&format!("{word}Id"), identity.id.clone().into());
    add("Arn", identity.arn.clone().into());
    add("CreateDate", identity.created.into());
    if identity.kind == Kind::Role {
        add("AssumeRolePolicyDocument", documents::encoded(&identity.trust).into());
        add("Description", identity.description.clone().into());
        add("MaxSessionDuration", identity.max_session.into());
    }
    if whole {
        add("Tags", shown_tags(&identity.tags));
        if let Some(arn) = &identity.boundary {
            let boundary = json!({
                "PermissionsBoundaryType": "PermissionsBoundaryPolicy",
                "PermissionsBoundaryArn": arn,
            });
            add("PermissionsBoundary", boundary);
        }
        if identity.kind == Kind::Role {
            add("RoleLastUsed", json!({}));
        }
    }
    Value::Object(out)
}

pub(super) fn get(work: &mut Work<'_>, kind: Kind) -> Done {
    if kind == Kind::Role {
        return Ok(json!({"Role": shown(work.identity(kind)?, true)}));
    }
    if work.input.some("UserName").is_none() && work.user.is_none() {
        let account = &work.caller.account;
        return Ok(json!({"User": {
            "Path": "/", "UserId": account, "Arn": work.arn("root"), "CreateDate": 0,
        }}));
    }
    Ok(json!({"User": shown(work.identity(kind)?, true)}))
}

pub(super) fn list(work: &mut Work<'_>, kind: Kind) -> Done {
    let prefix = work.input.some("PathPrefix").unwrap_or("/").to_owned();
    let member = match kind {
        Kind::User => "Users",
        Kind::Group => "Groups",
        Kind::Role => "Roles",
    };
    let below = work.account().all(kind).filter(|i| i.path.starts_with(&prefix));
    let items = below.map(|i| (i.name.to_ascii_lowercase(), shown(i, false))).collect();
    work.paged(member, items)
}

/// UpdateUser and UpdateGroup: another name or path.
pub(super) fn rename(work: &mut Work<'_>, kind: Kind) -> Done {
    let old = work.identity(kind)?;
    let (new_name, new_path, word) = match kind {
        Kind::Group => ("NewGroupName", "NewPath", "Group"),
        _ => ("NewUserName", "NewPath", "User"),
    };
    let name = work.input.some(new_name).unwrap_or(&old.name).to_owned();
    let same = name.eq_ignore_ascii_case(&old.name);
    if !same && work.account().identity(kind, &name).is_some() {
        return Err(exists(format!("{word} with name {name} already exists.")));
    }
    let path = work.input.some(new_path).unwrap_or(&old.path).to_owned();
    let arn = work.arn(&format!("{}{path}{name}", kind.word()));
    let old_key = old.name.to_ascii_lowercase();
    work.gone(kind.word(), &old_key);
    let new_key = name.to_ascii_lowercase();
    if kind == Kind::Group && !same {
        for user in work.account().all(Kind::User).filter(|u| u.groups.contains(&old_key)) {
            let mut user = user.clone();
            user.groups.remove(&old_key);
            user.groups.insert(new_key.clone());
            work.put_identity(user);
        }
    }
    work.put_identity(Identity { name, path, arn, ..old.clone() });
    Ok(json!({}))
}

pub(super) fn delete(work: &mut Work<'_>, kind: Kind) -> Done {
    let identity = work.identity(kind)?;
    let key = identity.name.to_ascii_lowercase();
    let first = |text: &str| Err(conflict(format!("Cannot delete entity, must {text} first.")));
    if kind == Kind::Group && work.account().all(Kind::User).any(|u| u.groups.contains(&key)) {
        return first("remove users from group");
    }
    let mut profiles = work.account().profiles.values();
    if kind == Kind::Role && profiles.any(|p| p.role.as_deref() == Some(&key)) {
        return first("remove roles from instance profile");
    }
    if kind == Kind::Role && identity.path.starts_with("/aws-service-role/") {
        return Err(Refusal::new(
            "UnmodifiableEntity",
            format!(
                "Cannot perform the operation on the protected role '{}' - this role is only modifiable by AWS",
                identity.name
            ),
        ));
    }
    if !identity.attached.is_empty() {
        return first("detach all policies");
    }
    if !identity.inline.is_empty() {
        return first("delete policies");
    }
    if !identity.keys.is_empty() {
        return first("delete access keys");
    }
    if identity.login.is_some() {
        return first("delete login profile");
    }
    if !identity.groups.is_empty() {
        return first("remove user from group");
    }
    work.gone(kind.word(), &key);
    Ok(json!({}))
}
