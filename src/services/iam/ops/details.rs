//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountAuthorizationDetails.html>

use super::attached::name_of;
use super::identities::shown;
use super::{Done, Work, policies, profiles};
use crate::services::iam::state::{Identity, Kind};
use crate::services::iam::{documents, managed};
use serde_json::{Value, json};

pub(super) fn details(work: &mut Work<'_>) -> Done {
    let filter = work.input.texts("Filter");
    let wanted = |word: &str| filter.is_empty() || filter.iter().any(|f| f == word);
    // One list of all, so that pages have one order.
    let mut all = Vec::new();
    for identity in work.account().identities.values() {
        let word = ["User", "Group", "Role"][identity.kind as usize];
        if wanted(word) {
            let key = format!("{word}/{}", identity.name.to_ascii_lowercase());
            all.push((key, json!([format!("{word}DetailList"), detail(work, identity)])));
        }
    }
    if wanted("LocalManagedPolicy") {
        for policy in work.account().policies.values() {
            let versions: Vec<Value> = policy
                .versions
                .iter()
                .map(|(number, document, created)| {
                    json!({"Document": documents::encoded(document), "VersionId": format!("v{number}"),
                           "IsDefaultVersion": *number == policy.default, "CreateDate": created})
                })
                .collect();
            let mut entry = policies::shown(work, policy);
            entry["PolicyVersionList"] = versions.into();
            all.push((format!("Z/{}", policy.arn), json!(["Policies", entry])));
        }
    }
    if wanted("AWSManagedPolicy") {
        for known in managed::all().filter(|known| work.account().attachments(&known.arn()) > 0) {
            let mut entry = policies::shown_known(work, known);
            let document = known.document().map(|document| documents::encoded(&document));
            entry["PolicyVersionList"] = json!([{"Document": document, "VersionId": "v1",
                "IsDefaultVersion": true, "CreateDate": entry["CreateDate"]}]);
            all.push((format!("Z/{}", known.arn()), json!(["Policies", entry])));
        }
    }
    all.sort_by(|(a, _), (b, _)| a.cmp(b));
    let mut answer = work.paged("All", all)?;
    for list in ["UserDetailList", "GroupDetailList", "RoleDetailList", "Policies"] {
        answer[list] = json!([]);
    }
    let page = answer["All"].take();
    for entry in page.as_array().into_iter().flatten() {
        let list = entry[0].as_str().unwrap_or_default();
        if let Some(list) = answer[list].as_array_mut() {
            list.push(entry[1].clone());
        }
    }
    Ok(answer)
}

fn detail(work: &Work<'_>, identity: &Identity) -> Value {
    let mut entry = shown(identity, true);
    let inline: Vec<Value> = identity
        .inline
        .iter()
        .map(|(name, text)| json!({"PolicyName": name, "PolicyDocument": documents::encoded(text)}))
        .collect();
    let word = ["User", "Group", "Role"][identity.kind as usize];
    entry[format!("{word}PolicyList")] = inline.into();
    let attached = identity.attached.iter();
    let attached: Vec<Value> =
        attached.map(|arn| json!({"PolicyName": name_of(arn), "PolicyArn": arn})).collect();
    entry["AttachedManagedPolicies"] = attached.into();
    let key = identity.name.to_ascii_lowercase();
    if identity.kind == Kind::User {
        let groups = identity.groups.iter().filter_map(|g| work.account().identity(Kind::Group, g));
        let groups: Vec<&String> = groups.map(|group| &group.name).collect();
        entry["GroupList"] = json!(groups);
    }
    if identity.kind == Kind::Role {
        let of = work.account().profiles.values().filter(|p| p.role.as_ref() == Some(&key));
        let list: Vec<Value> = of.map(|p| profiles::shown(work, p, false)).collect();
        entry["InstanceProfileList"] = list.into();
    }
    entry
}
