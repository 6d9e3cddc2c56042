//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateAccessKey.html>,
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateLoginProfile.html>
//!
//! Nobody signs in to a console here: of a password only the fact is kept.

use super::{Done, Work, exists, no_entity, quota};
use crate::services::access::keys::access_key;
use crate::services::iam::limits::KEYS_PER_USER_MAX;
use crate::services::iam::state::{AccessKey, Identity, Kind};
use crate::services::model::Refusal;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

fn shown(user: &Identity, key: &AccessKey) -> Value {
    json!({
        "UserName": user.name,
        "AccessKeyId": key.id,
        "Status": if key.active { "Active" } else { "Inactive" },
        "CreateDate": key.created,
    })
}

pub(super) fn create(work: &mut Work<'_>) -> Done {
    let mut user = work.identity(Kind::User)?.clone();
    if user.keys.len() >= KEYS_PER_USER_MAX {
        return Err(quota("AccessKeysPerUser", KEYS_PER_USER_MAX));
    }
    let mut id = [0; 10];
    id.copy_from_slice(&work.random[..10]);
    let key = AccessKey {
        id: access_key("AKIA", &work.caller.account, id),
        secret: STANDARD.encode(&work.random[10..]),
        active: true,
        created: work.now,
    };
    let mut answer = shown(&user, &key);
    answer["SecretAccessKey"] = key.secret.clone().into();
    user.keys.push(key);
    work.put_identity(user);
    Ok(json!({"AccessKey": answer}))
}

pub(super) fn list(work: &mut Work<'_>) -> Done {
    let user = work.identity(Kind::User)?;
    let items = user.keys.iter().map(|key| (key.id.clone(), shown(user, key))).collect();
    work.paged("AccessKeyMetadata", items)
}

/// The user and the place of the key that the input names.
fn find(work: &Work<'_>) -> Result<(Identity, usize), Refusal> {
    let id = work.input.text("AccessKeyId");
    let user = match work.input.some("UserName") {
        None => work
            .state
            .key(id)
            .map(|(_, user, _)| user)
            .map_or_else(|| work.identity(Kind::User), Ok)?,
        Some(_) => work.identity(Kind::User)?,
    };
    let at = user.keys.iter().position(|key| key.id == id);
    let missing = || no_entity(format!("The Access Key with id {id} cannot be found."));
    Ok((user.clone(), at.ok_or_else(missing)?))
}

pub(super) fn update(work: &mut Work<'_>) -> Done {
    let (mut user, at) = find(work)?;
    user.keys[at].active = work.input.text("Status") == "Active";
    work.put_identity(user);
    Ok(json!({}))
}

pub(super) fn delete(work: &mut Work<'_>) -> Done {
    let (mut user, at) = find(work)?;
    user.keys.remove(at);
    work.put_identity(user);
    Ok(json!({}))
}

/// Uses of keys are not kept: each looks as if it had never been used.
pub(super) fn last_used(work: &mut Work<'_>) -> Done {
    let id = work.input.text("AccessKeyId");
    let own = work.state.key(id).filter(|(account, ..)| *account == work.caller.account);
    let missing = || no_entity(format!("The Access Key with id {id} cannot be found."));
    let (_, user, _) = own.ok_or_else(missing)?;
    Ok(json!({
        "UserName": user.name, "AccessKeyLastUsed": {"ServiceName": "N/A", "Region": "N/A"},
    }))
}

pub(super) fn create_login(work: &mut Work<'_>) -> Done {
    let mut user = work.identity(Kind::User)?.clone();
    if user.login.is_some() {
        return Err(exists(format!("Login Profile for user {} already exists.", user.name)));
    }
    user.login = Some((work.now, work.input.flag("PasswordResetRequired")));
    let answer = shown_login(&user);
    work.put_identity(user);
    answer
}

fn shown_login(user: &Identity) -> Done {
    let missing = || no_entity(format!("Login Profile for User {} cannot be found.", user.name));
    let (created, reset) = user.login.ok_or_else(missing)?;
    Ok(json!({"LoginProfile": {
        "UserName": user.name, "CreateDate": created, "PasswordResetRequired": reset,
    }}))
}

pub(super) fn login(work: &mut Work<'_>) -> Done {
    shown_login(work.identity(Kind::User)?)
}

pub(super) fn update_login(work: &mut Work<'_>) -> Done {
    let mut user = work.identity(Kind::User)?.clone();
    shown_login(&user)?;
    if let (Some((_, reset)), Some(wanted)) =
        (user.login.as_mut(), work.input.get("PasswordResetRequired").and_then(Value::as_bool))
    {
        *reset = wanted;
    }
    work.put_identity(user);
    Ok(json!({}))
}

pub(super) fn delete_login(work: &mut Work<'_>) -> Done {
    let mut user = work.identity(Kind::User)?.clone();
    shown_login(&user)?;
    user.login = None;
    work.put_identity(user);
    Ok(json!({}))
}
