//! What AWS checks of lifecycle and replication documents, and what it fills in.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketLifecycleConfiguration.html>,
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketReplication.html>

use super::error::{Error, Result};
use super::lifecycle::{Filter, date, is_midnight};
use super::xml::Element;

/// Rules of one document at the most.
const RULES_MAX: usize = 1000;
/// Characters of a rule's id at the most.
const ID_CHARS_MAX: usize = 255;
/// Days before which an object may not go to an infrequent-access class.
const INFREQUENT_DAYS_MIN: i64 = 30;
/// `NewerNoncurrentVersions` at the most.
const NEWER_VERSIONS_MAX: i64 = 100;

/// The actions of a lifecycle rule.
const ACTIONS: &[&str] = &[
    "Expiration",
    "Transition",
    "NoncurrentVersionExpiration",
    "NoncurrentVersionTransition",
    "AbortIncompleteMultipartUpload",
];
/// The classes that rules may move objects to.
const CLASSES: &[&str] =
    &["STANDARD_IA", "INTELLIGENT_TIERING", "ONEZONE_IA", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE"];

fn invalid(message: String) -> Error {
    Error::new(400, "InvalidArgument", message)
}

fn one_of(value: Option<&str>, known: &[&str]) -> Result<()> {
    match value {
        Some(value) if known.contains(&value) => Ok(()),
        _ => Err(Error::malformed_xml()),
    }
}

fn check_ids(rules: &[&Element]) -> Result<()> {
    if rules.is_empty() || rules.len() > RULES_MAX {
        return Err(Error::malformed_xml());
    }
    let mut ids: Vec<&str> = rules.iter().filter_map(|r| r.value("ID")).collect();
    ids.retain(|id| !id.is_empty());
    if ids.iter().any(|id| id.chars().count() > ID_CHARS_MAX) {
        return Err(invalid(format!(
            "ID length should not exceed allowed limit of {ID_CHARS_MAX}"
        )));
    }
    ids.sort_unstable();
    if ids.windows(2).any(|two| two[0] == two[1]) {
        let text = "Rule ID must be unique. Found same ID for more than one rule";
        return Err(invalid(text.into()));
    }
    Ok(())
}

/// Checks a lifecycle document.
pub fn lifecycle(document: &Element) -> Result<()> {
    let rules: Vec<&Element> = document.all("Rule").collect();
    check_ids(&rules)?;
    rules.into_iter().try_for_each(lifecycle_rule)
}

fn lifecycle_rule(rule: &Element) -> Result<()> {
    one_of(rule.value("Status"), &["Enabled", "Disabled"])?;
    let (filter, prefix) = (rule.child("Filter"), rule.child("Prefix"));
    if filter.is_some() == prefix.is_some() {
        return Err(Error::malformed_xml());
    }
    if let Some(filter) = filter {
        lifecycle_filter(filter)?;
    }
    let actions: Vec<&Element> =
        rule.children.iter().filter(|c| ACTIONS.contains(&c.name.as_str())).collect();
    if actions.is_empty() || actions.iter().any(|a| a.children.is_empty()) {
        return Err(Error::malformed_xml());
    }
    actions.iter().try_for_each(|action| lifecycle_action(action))?;
    if Filter::read(rule).has_tags() {
        let marker = |e: &Element| e.child("ExpiredObjectDeleteMarker").is_some();
        if rule.child("AbortIncompleteMultipartUpload").is_some() {
            let text = "AbortIncompleteMultipartUpload cannot be specified with Tags.";
            return Err(Error::invalid_request(text));
        }
        if rule.all("Expiration").any(marker) {
            let text = "ExpiredObjectDeleteMarker cannot be specified with Tags.";
            return Err(Error::invalid_request(text));
        }
    }
    lifecycle_order(rule)
}

fn lifecycle_filter(filter: &Element) -> Result<()> {
    if filter.children.len() > 1 {
        return Err(Error::malformed_xml());
    }
    let conditions = filter.child("And").unwrap_or(filter);
    let mut keys: Vec<&str> = Vec::new();
    for condition in &conditions.children {
        match condition.name.as_str() {
            "Prefix" => {}
            "Tag" => {
                let key = condition.value("Key").ok_or_else(Error::malformed_xml)?;
                condition.child("Value").ok_or_else(Error::malformed_xml)?;
                if keys.contains(&key) {
                    return Err(Error::invalid_request("Duplicate Tag Keys are not allowed."));
                }
                keys.push(key);
            }
            "ObjectSizeGreaterThan" | "ObjectSizeLessThan" => {
                condition.text.parse::<u64>().map_err(|_| Error::malformed_xml())?;
            }
            _ => return Err(Error::malformed_xml()),
        }
    }
    Ok(())
}

fn lifecycle_action(action: &Element) -> Result<()> {
    let name = action.name.as_str();
    let number = |element: &Element| -> Result<i64> {
        let days = element.text.parse().map_err(|_| Error::malformed_xml())?;
        let least = i64::from(!name.ends_with("Transition"));
        if days < least {
            let kind = if least == 1 { "positive" } else { "nonnegative" };
            let what = &element.name;
            return Err(invalid(format!("'{what}' for {name} action must be a {kind} integer")));
        }
        Ok(days)
    };
    for element in &action.children {
        match element.name.as_str() {
            "Days" | "NoncurrentDays" | "DaysAfterInitiation" => drop(number(element)?),
            "NewerNoncurrentVersions" => {
                let count = element.text.parse::<i64>().map_err(|_| Error::malformed_xml())?;
                if !(1..=NEWER_VERSIONS_MAX).contains(&count) {
                    return Err(invalid(format!(
                        "'NewerNoncurrentVersions' for {name} action must be between 1 and {NEWER_VERSIONS_MAX}"
                    )));
                }
            }
            "Date" => {
                let at = date(&element.text).ok_or_else(Error::malformed_xml)?;
                if !is_midnight(at) {
                    let text = "'Date' must be at midnight GMT";
                    return Err(Error::invalid_argument(text, "Date", at.iso8601()));
                }
            }
            "StorageClass" => one_of(Some(&element.text), CLASSES)?,
            "ExpiredObjectDeleteMarker" => one_of(Some(&element.text), &["true", "false"])?,
            _ => return Err(Error::malformed_xml()),
        }
    }
    let has = |element: &str| action.child(element).is_some();
    let moves = name.ends_with("Transition");
    let timed = has("Days") || has("Date") || has("NoncurrentDays") || has("DaysAfterInitiation");
    let marker = has("ExpiredObjectDeleteMarker");
    let contradicts = marker && timed || has("Days") && has("Date");
    if contradicts || !(timed || marker) || moves && !has("StorageClass") {
        return Err(Error::malformed_xml());
    }
    Ok(())
}

/// What the days of a rule's actions must be to each other.
fn lifecycle_order(rule: &Element) -> Result<()> {
    let days = |e: &Element, name: &str| e.value(name).and_then(|d| d.parse::<i64>().ok());
    for (transition, name) in
        [("Transition", "Days"), ("NoncurrentVersionTransition", "NoncurrentDays")]
    {
        for action in rule.all(transition) {
            let class = action.value("StorageClass").unwrap_or_default();
            let early = days(action, name).is_some_and(|d| d < INFREQUENT_DAYS_MIN);
            if early && ["STANDARD_IA", "ONEZONE_IA"].contains(&class) {
                return Err(invalid(format!(
                    "'{name}' in {transition} action must be greater than or equal to {INFREQUENT_DAYS_MIN} for storageClass '{class}'"
                )));
            }
        }
    }
    let prefix = rule.value("Prefix").or_else(|| rule.child("Filter")?.value("Prefix"));
    let prefix = prefix.unwrap_or_default();
    let by_date = |e: &&Element| e.child("Date").is_some();
    let dated = rule.all("Expiration").chain(rule.all("Transition")).filter(by_date).count();
    let by_days = |e: &&Element| e.child("Days").is_some();
    let counted = rule.all("Expiration").chain(rule.all("Transition")).filter(by_days).count();
    if dated > 0 && counted > 0 {
        return Err(Error::invalid_request(format!(
            "Found mixed 'Date' and 'Days' based Expiration and Transition actions in lifecycle rule for prefix '{prefix}'"
        )));
    }
    let expires = rule.all("Expiration").find_map(|e| days(e, "Days"));
    let moves = rule.all("Transition").filter_map(|t| days(t, "Days")).max();
    if let (Some(expires), Some(moves)) = (expires, moves)
        && expires <= moves
    {
        return Err(invalid(format!(
            "'Days' in the Expiration action for prefix '{prefix}' must be greater than 'Days' in the Transition action"
        )));
    }
    Ok(())
}

/// Checks a replication document.
pub fn replication(document: &Element) -> Result<()> {
    let rules: Vec<&Element> = document.all("Rule").collect();
    if document.value("Role").is_none_or(str::is_empty) {
        return Err(Error::malformed_xml());
    }
    check_ids(&rules)?;
    for rule in rules {
        one_of(rule.value("Status"), &["Enabled", "Disabled"])?;
        let destination = rule.child("Destination").ok_or_else(Error::malformed_xml)?;
        let bucket = destination.value("Bucket").ok_or_else(Error::malformed_xml)?;
        if !bucket.starts_with("arn:") || !bucket.contains(":s3:::") {
            return Err(Error::invalid_argument("Invalid bucket ARN", "Bucket", bucket));
        }
        let Some(filter) = rule.child("Filter") else { continue };
        lifecycle_filter(filter)?;
        for element in ["Priority", "DeleteMarkerReplication"] {
            if rule.child(element).is_none() {
                return Err(Error::invalid_request(format!(
                    "{element} must be specified for this version of Cross Region Replication configuration schema. Please refer to S3 Developer Guide for more information."
                )));
            }
        }
        let priority = rule.value("Priority").and_then(|p| p.parse::<u32>().ok());
        priority.ok_or_else(Error::malformed_xml)?;
        let markers = rule.child("DeleteMarkerReplication").and_then(|m| m.value("Status"));
        one_of(markers, &["Enabled", "Disabled"])?;
        if markers == Some("Enabled") && Filter::read(rule).has_tags() {
            let text = "Delete marker replication is not supported if any Tag filter is specified. Please refer to S3 Developer Guide for more information.";
            return Err(Error::invalid_request(text));
        }
    }
    Ok(())
}
