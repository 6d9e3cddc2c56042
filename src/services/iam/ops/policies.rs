//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreatePolicy.html>,
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreatePolicyVersion.html>

use super::{Done, Work, conflict, exists, no_entity, quota, shown_tags};
use crate::policy::Grammar;
use crate::services::iam::limits::*;
use crate::services::iam::state::{Entity, Managed};
use crate::services::iam::{documents, managed};
use crate::services::model::Refusal;
use serde_json::{Value, json};

fn check(text: &str) -> Result<(), Refusal> {
    documents::check(text, Grammar::Identity)?;
    if documents::size(text) > POLICY_CHARS_MAX {
        return Err(quota("PolicySize", POLICY_CHARS_MAX));
    }
    Ok(())
}

fn put(work: &mut Work<'_>, policy: Managed) {
    let arn = policy.arn.clone();
    work.put("policy", &arn, Entity::Managed(Box::new(policy)));
}

pub(super) fn create(work: &mut Work<'_>) -> Done {
    let name = work.input.text("PolicyName").to_owned();
    let path = work.path();
    let arn = work.arn(&format!("policy{path}{name}"));
    let taken = |p: &Managed| p.name.eq_ignore_ascii_case(&name);
    if work.account().policies.values().any(taken) {
        return Err(exists(format!(
            "A policy called {name} already exists. Duplicate names are not allowed."
        )));
    }
    if work.account().policies.len() >= POLICIES_MAX {
        return Err(quota("PoliciesPerAccount", POLICIES_MAX));
    }
    let document = work.input.text("PolicyDocument").to_owned();
    check(&document)?;
    let policy = Managed {
        arn,
        path,
        name,
        id: work.id("ANPA"),
        description: work.input.owned("Description"),
        created: work.now,
        updated: work.now,
        versions: vec![(1, document, work.now)],
        default: 1,
        next: 2,
        tags: work.tags()?,
    };
    let mut answer = shown(work, &policy);
    if let Some(members) = answer.as_object_mut() {
        members.remove("Description");
    }
    put(work, policy);
    Ok(json!({"Policy": answer}))
}

pub(super) fn shown(work: &Work<'_>, policy: &Managed) -> Value {
    json!({
        "PolicyName": policy.name,
        "PolicyId": policy.id,
        "Arn": policy.arn,
        "Path": policy.path,
        "DefaultVersionId": format!("v{}", policy.default),
        "AttachmentCount": work.account().attachments(&policy.arn),
        "PermissionsBoundaryUsageCount": work.account().bounds(&policy.arn),
        "IsAttachable": true,
        "Description": policy.description,
        "CreateDate": policy.created,
        "UpdateDate": policy.updated,
        "Tags": shown_tags(&policy.tags),
    })
}

/// A policy of AWS's own.
pub(super) fn shown_known(work: &Work<'_>, known: managed::Known) -> Value {
    let arn = known.arn();
    json!({
        "PolicyName": known.name(),
        "PolicyId": format!("ANPA{}", id_of(&arn)),
        "Arn": arn,
        "Path": known.path(),
        "DefaultVersionId": "v1",
        "AttachmentCount": work.account().attachments(&arn),
        "PermissionsBoundaryUsageCount": work.account().bounds(&arn),
        "IsAttachable": true,
        "CreateDate": 1_423_180_800,
        "UpdateDate": 1_423_180_800,
    })
}

/// Always the same for the same ARN.
fn id_of(arn: &str) -> String {
    use sha2::{Digest, Sha256};
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let digest = Sha256::digest(arn.as_bytes());
    digest.iter().take(17).map(|byte| letters[usize::from(byte & 31)] as char).collect()
}

/// The account's own policy that the input names.
fn own<'a>(work: &Work<'a>) -> Result<&'a Managed, Refusal> {
    let arn = work.input.text("PolicyArn");
    let missing = || no_entity(format!("Policy {arn} was not found."));
    if managed::find(arn).is_some() {
        let text = format!("Policy {arn} is managed by AWS and cannot be altered.");
        return Err(Refusal::of(403, "AccessDenied", text));
    }
    work.account().policies.get(arn).ok_or_else(missing)
}

pub(super) fn get(work: &mut Work<'_>) -> Done {
    if let Some(known) = managed::find(work.input.text("PolicyArn")) {
        return Ok(json!({"Policy": shown_known(work, known)}));
    }
    Ok(json!({"Policy": shown(work, own(work)?)}))
}

pub(super) fn list(work: &mut Work<'_>) -> Done {
    let scope = work.input.some("Scope").unwrap_or("All").to_owned();
    let attached = work.input.flag("OnlyAttached");
    let prefix = work.input.some("PathPrefix").unwrap_or("/").to_owned();
    let mut items = Vec::new();
    if scope != "AWS" {
        for policy in work.account().policies.values() {
            let mut entry = shown(work, policy);
            entry["Description"] = Value::Null;
            items.push((policy.arn.clone(), entry));
        }
    }
    if scope != "Local" {
        items.extend(managed::all().map(|known| (known.arn(), shown_known(work, known))));
    }
    items.retain(|(_, entry)| {
        entry["Path"].as_str().is_some_and(|path| path.starts_with(&prefix))
            && (!attached || entry["AttachmentCount"] != 0)
    });
    items.sort_by(|(a, _), (b, _)| a.cmp(b));
    work.paged("Policies", items)
}

pub(super) fn delete(work: &mut Work<'_>) -> Done {
    let policy = own(work)?;
    if work.account().attachments(&policy.arn) + work.account().bounds(&policy.arn) > 0 {
        return Err(conflict("Cannot delete a policy attached to entities."));
    }
    if policy.versions.len() > 1 {
        return Err(conflict(
            "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.",
        ));
    }
    work.gone("policy", &policy.arn);
    Ok(json!({}))
}

pub(super) fn create_version(work: &mut Work<'_>) -> Done {
    let mut policy = own(work)?.clone();
    let document = work.input.text("PolicyDocument").to_owned();
    check(&document)?;
    if policy.versions.len() >= VERSIONS_MAX {
        return Err(Refusal::of(
            409,
            "LimitExceeded",
            "A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing version.",
        ));
    }
    let number = policy.next;
    policy.next += 1;
    policy.versions.push((number, document, work.now));
    policy.updated = work.now;
    if work.input.flag("SetAsDefault") {
        policy.default = number;
    }
    let version = shown_version(&policy, number, false);
    put(work, policy);
    Ok(json!({"PolicyVersion": version}))
}

fn shown_version(policy: &Managed, number: u32, whole: bool) -> Value {
    let found = policy.versions.iter().find(|(n, ..)| *n == number);
    found.map_or(Value::Null, |(_, document, created)| {
        json!({
            "Document": whole.then(|| documents::encoded(document)),
            "VersionId": format!("v{number}"),
            "IsDefaultVersion": policy.default == number,
            "CreateDate": created,
        })
    })
}

/// The version's number that the input names.
fn number(work: &Work<'_>, policy: &Managed) -> Result<u32, Refusal> {
    let id = work.input.text("VersionId");
    let number = id.strip_prefix('v').and_then(|n| n.parse().ok());
    let found = number.filter(|n| policy.versions.iter().any(|(known, ..)| known == n));
    let arn = &policy.arn;
    found.ok_or_else(|| {
        no_entity(format!("Policy {arn} version {id} does not exist or is not attachable."))
    })
}

pub(super) fn version(work: &mut Work<'_>) -> Done {
    if let Some(known) = managed::find(work.input.text("PolicyArn")) {
        let document = known.document().ok_or_else(|| {
            Refusal::of(
                501,
                "NotImplemented",
                format!(
                    "devenv knows {} by name and does not have its document; see docs/iam.md",
                    known.arn()
                ),
            )
        })?;
        return Ok(json!({"PolicyVersion": {
            "Document": documents::encoded(&document), "VersionId": "v1",
            "IsDefaultVersion": true, "CreateDate": 1_423_180_800,
        }}));
    }
    let policy = own(work)?;
    Ok(json!({"PolicyVersion": shown_version(policy, number(work, policy)?, true)}))
}

pub(super) fn versions(work: &mut Work<'_>) -> Done {
    if managed::find(work.input.text("PolicyArn")).is_some() {
        let only =
            json!({"VersionId": "v1", "IsDefaultVersion": true, "CreateDate": 1_423_180_800});
        return work.paged("Versions", vec![("v1".into(), only)]);
    }
    let policy = own(work)?;
    let newest_first = policy.versions.iter().rev();
    let items = newest_first
        .map(|(n, ..)| (format!("{:010}", u32::MAX - n), shown_version(policy, *n, false)));
    work.paged("Versions", items.collect())
}

pub(super) fn delete_version(work: &mut Work<'_>) -> Done {
    let mut policy = own(work)?.clone();
    let number = number(work, &policy)?;
    if number == policy.default {
        return Err(conflict("Cannot delete the default version of a policy."));
    }
    policy.versions.retain(|(n, ..)| *n != number);
    put(work, policy);
    Ok(json!({}))
}

pub(super) fn set_default(work: &mut Work<'_>) -> Done {
    let mut policy = own(work)?.clone();
    policy.default = number(work, &policy)?;
    policy.updated = work.now;
    put(work, policy);
    Ok(json!({}))
}
