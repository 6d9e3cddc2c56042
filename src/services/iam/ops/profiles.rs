//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateInstanceProfile.html>

use super::identities::shown as shown_role;
use super::{Done, Work, conflict, exists, no_entity, quota, shown_tags};
use crate::services::iam::limits::PROFILES_MAX;
use crate::services::iam::state::{Entity, Kind, Profile};
use crate::services::model::Refusal;
use serde_json::{Value, json};

pub(super) fn shown(work: &Work<'_>, profile: &Profile, whole: bool) -> Value {
    let role = profile.role.as_ref().and_then(|role| work.account().identity(Kind::Role, role));
    let roles: Vec<Value> = role.map(|role| shown_role(role, false)).into_iter().collect();
    json!({
        "Path": profile.path,
        "InstanceProfileName": profile.name,
        "InstanceProfileId": profile.id,
        "Arn": profile.arn,
        "CreateDate": profile.created,
        "Roles": roles,
        "Tags": if whole { shown_tags(&profile.tags) } else { Value::Null },
    })
}

fn find(work: &Work<'_>) -> Result<Profile, Refusal> {
    let name = work.input.text("InstanceProfileName");
    let found = work.account().profiles.get(&name.to_ascii_lowercase()).cloned();
    found.ok_or_else(|| no_entity(format!("Instance Profile {name} cannot be found.")))
}

fn put(work: &mut Work<'_>, profile: Profile) {
    let key = profile.name.to_ascii_lowercase();
    work.put("profile", &key, Entity::Profile(profile));
}

pub(super) fn create(work: &mut Work<'_>) -> Done {
    let name = work.input.text("InstanceProfileName").to_owned();
    if find(work).is_ok() {
        return Err(exists(format!("Instance Profile {name} already exists.")));
    }
    if work.account().profiles.len() >= PROFILES_MAX {
        return Err(quota("InstanceProfilesPerAccount", PROFILES_MAX));
    }
    let path = work.path();
    let profile = Profile {
        id: work.id("AIPA"),
        arn: work.arn(&format!("instance-profile{path}{name}")),
        path,
        name,
        created: work.now,
        role: None,
        tags: work.tags()?,
    };
    let answer = json!({"InstanceProfile": shown(work, &profile, true)});
    put(work, profile);
    Ok(answer)
}

pub(super) fn get(work: &mut Work<'_>) -> Done {
    let profile = find(work)?;
    Ok(json!({"InstanceProfile": shown(work, &profile, true)}))
}

pub(super) fn list(work: &mut Work<'_>) -> Done {
    let prefix = work.input.some("PathPrefix").unwrap_or("/").to_owned();
    let below = work.account().profiles.iter().filter(|(_, p)| p.path.starts_with(&prefix));
    let items = below.map(|(key, p)| (key.clone(), shown(work, p, false))).collect();
    work.paged("InstanceProfiles", items)
}

pub(super) fn of_role(work: &mut Work<'_>) -> Done {
    let role = work.identity(Kind::Role)?.name.to_ascii_lowercase();
    let of = work.account().profiles.iter().filter(|(_, p)| p.role.as_ref() == Some(&role));
    let items = of.map(|(key, p)| (key.clone(), shown(work, p, false))).collect();
    work.paged("InstanceProfiles", items)
}

pub(super) fn delete(work: &mut Work<'_>) -> Done {
    let profile = find(work)?;
    if profile.role.is_some() {
        return Err(conflict(
            "Cannot delete entity, must remove roles from instance profile first.",
        ));
    }
    work.gone("profile", &profile.name.to_ascii_lowercase());
    Ok(json!({}))
}

pub(super) fn add_role(work: &mut Work<'_>) -> Done {
    let mut profile = find(work)?;
    let role = work.identity(Kind::Role)?.name.to_ascii_lowercase();
    if profile.role.is_some() {
        return Err(quota("InstanceSessionsPerInstanceProfile", 1));
    }
    profile.role = Some(role);
    put(work, profile);
    Ok(json!({}))
}

pub(super) fn remove_role(work: &mut Work<'_>) -> Done {
    let mut profile = find(work)?;
    let name = work.input.text("RoleName");
    if profile.role.as_ref() != Some(&name.to_ascii_lowercase()) {
        return Err(no_entity(format!("The role with name {name} cannot be found.")));
    }
    profile.role = None;
    put(work, profile);
    Ok(json!({}))
}
