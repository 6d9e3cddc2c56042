//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html>,
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulateCustomPolicy.html>,
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetContextKeysForCustomPolicy.html>
//!
//! With the evaluator that `auth = "enforce"` asks. Where in a document a matching statement stands is
//! not told.

use super::{Done, Work, invalid, no_entity};
use crate::policy::{Grammar, Keys, Policy};
use crate::services::access::{self, Ask, Reason, Subject, Verdict, evaluate};
use crate::services::iam::state::{Identity, Kind};
use crate::services::iam::{documents, subjects};
use crate::services::model::Refusal;
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn policies(work: &Work<'_>, member: &str) -> Result<Vec<Policy>, Refusal> {
    let texts = work.input.texts(member);
    texts.iter().map(|text| documents::check(text, Grammar::Identity).map_err(wrong)).collect()
}

fn wrong(refusal: Refusal) -> Refusal {
    invalid(refusal.text)
}

/// The identity that an ARN names.
fn source<'a>(work: &Work<'a>) -> Result<&'a Identity, Refusal> {
    let arn = work.input.text("PolicySourceArn");
    for kind in [Kind::User, Kind::Group, Kind::Role] {
        let named = subjects::parts(arn, &format!("{}/", kind.word()));
        let found = named.and_then(|(_, name)| work.account().identity(kind, name));
        if let Some(found) = found.filter(|found| found.arn == arn) {
            return Ok(found);
        }
    }
    Err(no_entity(format!("The principal {arn} cannot be found.")))
}

pub(super) fn principal(work: &mut Work<'_>) -> Done {
    let identity = source(work)?;
    let mut subject = subjects::subject(work.state, &work.caller.account, identity);
    subject.identity.extend(policies(work, "PolicyInputList")?);
    simulate(work, subject)
}

pub(super) fn custom(work: &mut Work<'_>) -> Done {
    let mut subject = Subject::root(&work.caller.account);
    subject.kind = access::Kind::User;
    subject.identity = policies(work, "PolicyInputList")?;
    simulate(work, subject)
}

fn simulate(work: &Work<'_>, mut subject: Subject) -> Done {
    if let Some(arn) = work.input.owned("CallerArn") {
        subject.arn = arn;
    }
    let boundary = policies(work, "PermissionsBoundaryPolicyInputList")?;
    if !boundary.is_empty() {
        let statements = boundary.into_iter().flat_map(|policy| policy.statements).collect();
        subject.boundary = Some(Policy { statements });
    }
    let resource_policy = match work.input.some("ResourcePolicy") {
        Some(text) => Some(documents::check(text, Grammar::Resource).map_err(wrong)?),
        None => None,
    };
    let mut keys = Keys::new();
    subject.add_keys(&mut keys);
    let mut given = BTreeSet::new();
    for entry in work.input.list("ContextEntries") {
        let name = entry["ContextKeyName"].as_str().unwrap_or_default();
        given.insert(name.to_ascii_lowercase());
        for value in entry["ContextKeyValues"].as_array().into_iter().flatten() {
            keys.add(name, value.as_str().unwrap_or_default());
        }
    }
    let resources = work.input.texts("ResourceArns");
    let resources = if resources.is_empty() { vec!["*".to_owned()] } else { resources };
    let missing: Vec<String> =
        asked_keys(&subject).into_iter().filter(|key| keys.get(key).is_none()).collect();
    let mut items = Vec::new();
    for action in work.input.texts("ActionNames") {
        for resource in &resources {
            let mut ask = Ask::new(action.clone(), resource.clone());
            ask.policy.clone_from(&resource_policy);
            ask.owner = None;
            let verdict = evaluate(&subject, &ask, &keys);
            let entry = result(&subject, &ask, verdict, &missing);
            items.push((format!("{:08}", items.len()), entry));
        }
    }
    work.paged("EvaluationResults", items)
}

fn result(subject: &Subject, ask: &Ask, verdict: Verdict, missing: &[String]) -> Value {
    let decision = match verdict {
        Verdict::Allowed => "allowed",
        Verdict::Denied(_) => "explicitDeny",
        Verdict::Missing(_) => "implicitDeny",
    };
    let bounded =
        !matches!(verdict, Verdict::Denied(Reason::Boundary) | Verdict::Missing(Reason::Boundary));
    let detail =
        subject.boundary.as_ref().map(|_| json!({"AllowedByPermissionsBoundary": bounded}));
    json!({
        "EvalActionName": ask.action,
        "EvalResourceName": ask.resource,
        "EvalDecision": decision,
        "MatchedStatements": [],
        "MissingContextValues": missing,
        "PermissionsBoundaryDecisionDetail": detail,
    })
}

/// The condition keys that policies ask for.
fn asked_keys(subject: &Subject) -> BTreeSet<String> {
    let policies = subject.identity.iter().chain(&subject.boundary);
    keys_of(policies)
}

fn keys_of<'a>(policies: impl Iterator<Item = &'a Policy>) -> BTreeSet<String> {
    let statements = policies.flat_map(|policy| &policy.statements);
    statements.flat_map(|s| s.conditions.iter().map(|c| c.key.clone())).collect()
}

pub(super) fn context_keys(work: &mut Work<'_>) -> Done {
    let mut all = policies(work, "PolicyInputList")?;
    if work.input.some("PolicySourceArn").is_some() {
        let identity = source(work)?;
        all.extend(subjects::subject(work.state, &work.caller.account, identity).identity);
    }
    Ok(json!({"ContextKeyNames": keys_of(all.iter())}))
}
