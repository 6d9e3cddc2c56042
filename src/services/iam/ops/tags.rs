//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_TagRole.html> and its like: the input names
//! what is tagged.

use super::{Done, Work, invalid, no_entity};
use crate::services::iam::limits::TAGS_MAX;
use crate::services::iam::managed;
use crate::services::iam::state::{Entity, Kind, Tags};
use crate::services::model::Refusal;
use serde_json::{Value, json};

/// Adds `new` tags to those that there are.
pub(super) fn merge(tags: &mut Tags, new: Vec<(String, String)>) -> Result<(), Refusal> {
    let mut seen = std::collections::BTreeSet::new();
    for (key, value) in new {
        let lower = key.to_lowercase();
        if lower.starts_with("aws:") {
            return Err(invalid(
                "Tag keys beginning with aws: are reserved and can only be set by AWS.",
            ));
        }
        if !seen.insert(lower.clone()) {
            return Err(invalid(
                "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
            ));
        }
        tags.retain(|known, _| known.to_lowercase() != lower);
        tags.insert(key, value);
    }
    if tags.len() > TAGS_MAX {
        let text = "The number of tags has reached the maximum limit.";
        return Err(Refusal::of(409, "LimitExceeded", text));
    }
    Ok(())
}

/// What the input names: its kind, its key and itself.
fn find(work: &Work<'_>) -> Result<(&'static str, String, Entity), Refusal> {
    let given = |member: &str| work.input.some(member).map(str::to_owned);
    for kind in [Kind::User, Kind::Role] {
        if given(super::member_of(kind)).is_some() {
            let found = work.identity(kind)?.clone();
            let key = found.name.to_ascii_lowercase();
            return Ok((kind.word(), key, Entity::Identity(Box::new(found))));
        }
    }
    if let Some(arn) = given("PolicyArn") {
        if managed::find(&arn).is_some() {
            let text = format!("Policy {arn} is managed by AWS and cannot be altered.");
            return Err(Refusal::of(403, "AccessDenied", text));
        }
        let found = work.account().policies.get(&arn).cloned();
        let found = found.ok_or_else(|| no_entity(format!("Policy {arn} was not found.")))?;
        return Ok(("policy", arn, Entity::Managed(Box::new(found))));
    }
    if let Some(name) = given("InstanceProfileName") {
        let key = name.to_ascii_lowercase();
        let found = work.account().profiles.get(&key).cloned();
        let missing = || no_entity(format!("Instance Profile {name} cannot be found."));
        return Ok(("profile", key, Entity::Profile(found.ok_or_else(missing)?)));
    }
    let oidc = given("OpenIDConnectProviderArn");
    let arn = oidc.clone().or_else(|| given("SAMLProviderArn")).unwrap_or_default();
    let found = work.account().providers.get(&arn).filter(|p| p.url.is_some() == oidc.is_some());
    let missing = || no_entity(format!("Provider not found for arn {arn}"));
    let found = found.cloned().ok_or_else(missing)?;
    Ok(("provider", arn, Entity::Provider(found)))
}

fn tags_of(entity: &mut Entity) -> Option<&mut Tags> {
    match entity {
        Entity::Identity(identity) => Some(&mut identity.tags),
        Entity::Managed(policy) => Some(&mut policy.tags),
        Entity::Profile(profile) => Some(&mut profile.tags),
        Entity::Provider(provider) => Some(&mut provider.tags),
        Entity::Alias(_) | Entity::PasswordRules(_) => None,
    }
}

pub(super) fn tag(work: &mut Work<'_>) -> Done {
    let (kind, key, mut entity) = find(work)?;
    if let Some(tags) = tags_of(&mut entity) {
        merge(tags, work.input.tags("Tags"))?;
    }
    work.put(kind, &key, entity);
    Ok(json!({}))
}

pub(super) fn untag(work: &mut Work<'_>) -> Done {
    let (kind, key, mut entity) = find(work)?;
    let gone: Vec<String> = work.input.texts("TagKeys").iter().map(|k| k.to_lowercase()).collect();
    if let Some(tags) = tags_of(&mut entity) {
        tags.retain(|known, _| !gone.contains(&known.to_lowercase()));
    }
    work.put(kind, &key, entity);
    Ok(json!({}))
}

pub(super) fn list(work: &mut Work<'_>) -> Done {
    let (_, _, mut entity) = find(work)?;
    let tags = tags_of(&mut entity).cloned().unwrap_or_default();
    let shown = |(k, v): (&String, &String)| (k.clone(), json!({"Key": k, "Value": v}));
    let items: Vec<(String, Value)> = tags.iter().map(shown).collect();
    work.paged("Tags", items)
}
