//! <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_LabelParameterVersion.html>,
//! <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_UnlabelParameterVersion.html>

use super::Work;
use crate::services::model::Refusal;
use crate::services::ssm::limits::LABELS_MAX;
use crate::services::ssm::names;
use crate::services::ssm::state::{Change, Key, Parameter, Version, no_version, not_found};
use serde_json::{Value, json};

fn find<'a>(work: &Work<'a>) -> Result<(Key, &'a Parameter), Refusal> {
    let wanted = names::wanted(work.input.text("Name"));
    let (name, parameter) = work.state.find(&work.home, &wanted).ok_or_else(not_found)?;
    Ok(((work.home.clone(), name), parameter))
}

/// Whether a label is one: letters, digits, `.-_`, not beginning with a digit, `aws` or `ssm`.
fn is_label(label: &str) -> bool {
    let lower = label.to_ascii_lowercase();
    !lower.starts_with("aws")
        && !lower.starts_with("ssm")
        && !lower.starts_with(|c: char| c.is_ascii_digit())
        && lower.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

pub(super) fn label(work: &mut Work<'_>) -> Result<Value, Refusal> {
    let (key, parameter) = find(work)?;
    let newest = parameter.newest().ok_or_else(not_found)?;
    let number = work.input.number("ParameterVersion").unwrap_or(newest.number);
    let version = parameter.versions.iter().find(|v| v.number == number);
    let version = version.ok_or_else(|| no_version(&key.1, number))?;
    let (good, bad): (Vec<String>, Vec<String>) =
        work.input.texts("Labels").into_iter().partition(|label| is_label(label));
    let mut labels = version.labels.clone();
    labels.extend(good.iter().cloned());
    if labels.len() > LABELS_MAX {
        return Err(Refusal::new(
            "ParameterVersionLabelLimitExceeded",
            "A parameter version can have maximum 10 labels.Move one or more labels to another version and try again.",
        ));
    }
    // A label that sits elsewhere moves.
    for other in parameter.versions.iter().filter(|v| v.number != number) {
        if other.labels.iter().any(|label| good.contains(label)) {
            let mut other = other.clone();
            other.labels.retain(|label| !good.contains(label));
            work.changes.push(Change::Version(key.clone(), Box::new(other)));
        }
    }
    let version = Version { labels, ..version.clone() };
    work.changes.push(Change::Version(key, Box::new(version)));
    Ok(json!({"InvalidLabels": bad, "ParameterVersion": number}))
}

pub(super) fn unlabel(work: &mut Work<'_>) -> Result<Value, Refusal> {
    let (key, parameter) = find(work)?;
    let number = work.input.number("ParameterVersion").unwrap_or_default();
    let version = parameter.versions.iter().find(|v| v.number == number);
    let mut version = version.ok_or_else(|| no_version(&key.1, number))?.clone();
    let (removed, invalid): (Vec<String>, Vec<String>) =
        work.input.texts("Labels").into_iter().partition(|label| version.labels.remove(label));
    if !removed.is_empty() {
        work.changes.push(Change::Version(key, Box::new(version)));
    }
    Ok(json!({"RemovedLabels": removed, "InvalidLabels": invalid}))
}
