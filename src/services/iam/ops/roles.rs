//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateRole.html>,
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateAssumeRolePolicy.html>,
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateServiceLinkedRole.html>

use super::identities::{check_trust, new, shown};
use super::{Done, Work, invalid, no_entity};
use crate::services::iam::state::Kind;
use serde_json::json;

/// Services whose role is not called after the first part of their name.
const LINKED: &[(&str, &str)] = &[
    ("autoscaling", "AutoScaling"),
    ("ecs", "ECS"),
    ("eks", "AmazonEKS"),
    ("elasticache", "ElastiCache"),
    ("elasticloadbalancing", "ElasticLoadBalancing"),
    ("es", "AmazonElasticsearchService"),
    ("opensearchservice", "AmazonOpenSearchService"),
    ("rds", "RDS"),
    ("ssm", "AmazonSSM"),
    ("support", "Support"),
];

pub(super) fn update(work: &mut Work<'_>) -> Done {
    let mut role = work.identity(Kind::Role)?.clone();
    if let Some(text) = work.input.owned("Description") {
        role.description = Some(text);
    }
    if let Some(seconds) = work.input.number("MaxSessionDuration") {
        role.max_session = seconds;
    }
    work.put_identity(role);
    Ok(json!({}))
}

pub(super) fn update_description(work: &mut Work<'_>) -> Done {
    let mut role = work.identity(Kind::Role)?.clone();
    role.description = work.input.owned("Description");
    let answer = json!({"Role": shown(&role, true)});
    work.put_identity(role);
    Ok(answer)
}

pub(super) fn update_trust(work: &mut Work<'_>) -> Done {
    let mut role = work.identity(Kind::Role)?.clone();
    let trust = work.input.text("PolicyDocument").to_owned();
    check_trust(&trust)?;
    role.trust = trust;
    work.put_identity(role);
    Ok(json!({}))
}

pub(super) fn create_linked(work: &mut Work<'_>) -> Done {
    let service = work.input.text("AWSServiceName").to_owned();
    let Some(short) = service.strip_suffix(".amazonaws.com").filter(|s| !s.is_empty()) else {
        return Err(invalid(format!("{service} is not a valid service principal")));
    };
    let short = short.split('.').next_back().unwrap_or(short);
    let known = LINKED.iter().find(|(name, _)| *name == short).map(|(_, title)| *title);
    let mut title = known.unwrap_or(short).to_owned();
    if known.is_none() {
        title[..1].make_ascii_uppercase();
    }
    let suffix = work.input.some("CustomSuffix").map(|s| format!("_{s}")).unwrap_or_default();
    let name = format!("AWSServiceRoleFor{title}{suffix}");
    if work.account().identity(Kind::Role, &name).is_some() {
        return Err(invalid(format!(
            "Service role name {name} has been taken in this account, please try a different suffix."
        )));
    }
    let mut role = new(work, Kind::Role, &name, format!("/aws-service-role/{service}/"))?;
    role.trust = json!({"Version": "2012-10-17", "Statement": [{
        "Action": ["sts:AssumeRole"], "Effect": "Allow", "Principal": {"Service": [service]}}]})
    .to_string();
    role.description = work.input.owned("Description");
    let answer = json!({"Role": shown(&role, true)});
    work.put_identity(role);
    Ok(answer)
}

pub(super) fn delete_linked(work: &mut Work<'_>) -> Done {
    let role = work.identity(Kind::Role)?;
    if !role.path.starts_with("/aws-service-role/") {
        return Err(no_entity(format!("The role with name {} cannot be found.", role.name)));
    }
    let task = format!("task{}{}/{}", role.path, role.name, work.ids.uuid());
    let key = role.name.to_ascii_lowercase();
    work.gone("role", &key);
    Ok(json!({"DeletionTaskId": task}))
}

/// A deletion is done as soon as it was asked for; its task's id names the role.
pub(super) fn deletion_status(work: &mut Work<'_>) -> Done {
    let task = work.input.text("DeletionTaskId");
    let parts: Vec<&str> = task.split('/').collect();
    let ["task", "aws-service-role", _, role, _] = parts.as_slice() else {
        return Err(no_entity(format!("Deletion task {task} cannot be found.")));
    };
    let gone = work.account().identity(Kind::Role, role).is_none();
    Ok(json!({"Status": if gone { "SUCCEEDED" } else { "NOT_STARTED" }}))
}
