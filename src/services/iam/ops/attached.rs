//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_AttachRolePolicy.html>,
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutRolePermissionsBoundary.html>,
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListEntitiesForPolicy.html>

use super::{Done, Work, no_entity, quota};
use crate::services::iam::limits::ATTACHED_MAX;
use crate::services::iam::managed;
use crate::services::iam::state::Kind;
use crate::services::model::Refusal;
use serde_json::{Value, json};

/// Refuses the ARN of no policy.
pub(super) fn check_attachable(work: &Work<'_>, arn: &str) -> Result<(), Refusal> {
    if work.account().policies.contains_key(arn) || managed::find(arn).is_some() {
        return Ok(());
    }
    if !arn.starts_with("arn:") || !arn.contains(":policy/") {
        return Err(Refusal::new("ValidationError", format!("ARN {arn} is not valid.")));
    }
    Err(no_entity(format!("Policy {arn} does not exist or is not attachable.")))
}

/// The name of a policy, from its ARN.
pub(super) fn name_of(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

pub(super) fn attach(work: &mut Work<'_>, kind: Kind) -> Done {
    let mut identity = work.identity(kind)?.clone();
    let arn = work.input.text("PolicyArn").to_owned();
    check_attachable(work, &arn)?;
    identity.attached.insert(arn);
    if identity.attached.len() > ATTACHED_MAX {
        let word = ["User", "Group", "Role"][kind as usize];
        return Err(quota(&format!("PoliciesPer{word}"), ATTACHED_MAX));
    }
    work.put_identity(identity);
    Ok(json!({}))
}

pub(super) fn detach(work: &mut Work<'_>, kind: Kind) -> Done {
    let mut identity = work.identity(kind)?.clone();
    let arn = work.input.text("PolicyArn");
    if !identity.attached.remove(arn) {
        return Err(no_entity(format!("Policy {arn} was not found.")));
    }
    work.put_identity(identity);
    Ok(json!({}))
}

pub(super) fn list(work: &mut Work<'_>, kind: Kind) -> Done {
    let identity = work.identity(kind)?;
    let prefix = work.input.some("PathPrefix").unwrap_or("/").to_owned();
    let below =
        |arn: &&String| arn.split_once(":policy").is_some_and(|(_, p)| p.starts_with(&prefix));
    let items = identity.attached.iter().filter(below);
    let items =
        items.map(|arn| (arn.clone(), json!({"PolicyName": name_of(arn), "PolicyArn": arn})));
    work.paged("AttachedPolicies", items.collect())
}

pub(super) fn bound(work: &mut Work<'_>, kind: Kind) -> Done {
    let mut identity = work.identity(kind)?.clone();
    let arn = work.input.text("PermissionsBoundary").to_owned();
    check_attachable(work, &arn)?;
    identity.boundary = Some(arn);
    work.put_identity(identity);
    Ok(json!({}))
}

pub(super) fn unbound(work: &mut Work<'_>, kind: Kind) -> Done {
    let mut identity = work.identity(kind)?.clone();
    if identity.boundary.take().is_none() {
        let word = kind.word();
        return Err(no_entity(format!(
            "The {word} {} does not have a permissions boundary.",
            identity.name
        )));
    }
    work.put_identity(identity);
    Ok(json!({}))
}

pub(super) fn entities(work: &mut Work<'_>) -> Done {
    let arn = work.input.text("PolicyArn").to_owned();
    check_attachable(work, &arn)?;
    let filter = work.input.some("EntityFilter");
    let prefix = work.input.some("PathPrefix").unwrap_or("/");
    let boundary = work.input.some("PolicyUsageFilter") == Some("PermissionsBoundary");
    let permissions = work.input.some("PolicyUsageFilter") == Some("PermissionsPolicy");
    let mut found: [Vec<Value>; 3] = Default::default();
    for identity in work.account().identities.values() {
        let word = ["User", "Group", "Role"][identity.kind as usize];
        let uses = !boundary && identity.attached.contains(&arn)
            || !permissions && identity.boundary.as_ref() == Some(&arn);
        if uses && identity.path.starts_with(prefix) && filter.is_none_or(|f| f == word) {
            found[identity.kind as usize].push(json!({
                format!("{word}Name"): identity.name, format!("{word}Id"): identity.id,
            }));
        }
    }
    let [users, groups, roles] = found;
    Ok(json!({
        "PolicyUsers": users, "PolicyGroups": groups, "PolicyRoles": roles, "IsTruncated": false,
    }))
}
