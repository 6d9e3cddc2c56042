//! <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_AddTagsToResource.html>,
//! <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_ListTagsForResource.html>
//!
//! Of the kinds of resources there are parameters alone.

use super::Work;
use crate::services::model::Refusal;
use crate::services::ssm::limits::TAGS_MAX;
use crate::services::ssm::names;
use crate::services::ssm::state::{Change, Key};
use serde_json::{Value, json};
use std::collections::BTreeMap;

type Tags = BTreeMap<String, String>;

fn find(work: &Work<'_>) -> Result<(Key, Tags), Refusal> {
    let refused = || {
        Refusal::new(
            "InvalidResourceId",
            "The resource ID isn't valid. Verify that you entered the correct ID and try again.",
        )
    };
    if work.input.text("ResourceType") != "Parameter" {
        return Err(refused());
    }
    let wanted = names::wanted(work.input.text("ResourceId"));
    let (name, parameter) = work.state.find(&work.home, &wanted).ok_or_else(refused)?;
    Ok(((work.home.clone(), name), parameter.tags.clone()))
}

/// Checks new tags beside those that are there.
pub(super) fn check_tags(known: &Tags, new: &[(String, String)]) -> Result<(), Refusal> {
    if new.iter().any(|(key, _)| key.to_ascii_lowercase().starts_with("aws:")) {
        return Err(Refusal::new(
            "ValidationException",
            "Tag keys that begin with \"aws:\" are reserved for AWS.",
        ));
    }
    let added = new.iter().filter(|(key, _)| !known.contains_key(key)).count();
    if known.len() + added > TAGS_MAX {
        return Err(Refusal::new(
            "TooManyTagsError",
            "The Targets parameter includes too many tags. Remove one or more tags and try the command again.",
        ));
    }
    Ok(())
}

pub(super) fn add(work: &mut Work<'_>) -> Result<Value, Refusal> {
    let (key, mut tags) = find(work)?;
    let new = work.input.tags("Tags");
    check_tags(&tags, &new)?;
    tags.extend(new);
    work.changes.push(Change::Tags(key, tags));
    Ok(json!({}))
}

pub(super) fn remove(work: &mut Work<'_>) -> Result<Value, Refusal> {
    let (key, mut tags) = find(work)?;
    work.input.texts("TagKeys").iter().for_each(|key| drop(tags.remove(key)));
    work.changes.push(Change::Tags(key, tags));
    Ok(json!({}))
}

pub(super) fn list(work: &mut Work<'_>) -> Result<Value, Refusal> {
    let (_, tags) = find(work)?;
    let tags: Vec<Value> = tags.iter().map(|(k, v)| json!({"Key": k, "Value": v})).collect();
    Ok(json!({"TagList": tags}))
}
