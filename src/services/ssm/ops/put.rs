//! <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html>

use super::Work;
use super::tags::check_tags;
use crate::services::model::Refusal;
use crate::services::ssm::limits::*;
use crate::services::ssm::state::{Change, Kept, Parameter, Version};
use crate::services::ssm::{names, policies};
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn invalid(text: impl Into<String>) -> Refusal {
    Refusal::new("ValidationException", text)
}

pub(super) fn put(work: &mut Work<'_>) -> Result<Value, Refusal> {
    let wanted = names::wanted(work.input.text("Name"));
    let name = wanted.names.first().cloned().unwrap_or_default();
    if wanted.selector.is_some() {
        names::check(work.input.text("Name"))?;
    }
    names::check(&name)?;
    let overwrite = work.input.flag("Overwrite");
    let tags = work.input.tags("Tags");
    if overwrite && !tags.is_empty() {
        return Err(invalid(
            "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please remove overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or RemoveTagsFromResource.",
        ));
    }
    let known = work.state.get(&work.home, &name);
    if known.is_some() && !overwrite {
        return Err(Refusal::new(
            "ParameterAlreadyExists",
            "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.",
        ));
    }
    let version = version(work, known)?;
    check_value(&version, work.input.text("Value"))?;
    let key = (work.home.clone(), name.clone());
    let number = version.number;
    let tier = version.tier.clone();
    make_room(work, &name, known)?;
    work.changes.push(Change::Version(key.clone(), Box::new(version)));
    if !tags.is_empty() {
        check_tags(&BTreeMap::new(), &tags)?;
        work.changes.push(Change::Tags(key, tags.into_iter().collect()));
    }
    Ok(json!({"Version": number, "Tier": tier}))
}

/// The version that a request makes. What it does not say stays as it was.
fn version(work: &Work<'_>, known: Option<&Parameter>) -> Result<Version, Refusal> {
    let old = known.and_then(Parameter::newest);
    let input = &work.input;
    let kind = match (input.some("Type"), old) {
        (Some(given), Some(old)) if given != old.kind => {
            return Err(Refusal::new(
                "HierarchyTypeMismatchException",
                "Parameter Store does not support changing a parameter type in a hierarchy. For example, you can't change a parameter from a String type to a SecureString type. You must create a new, unique parameter.",
            ));
        }
        (Some(given), _) => given,
        (None, Some(old)) => &old.kind,
        (None, None) => {
            return Err(invalid("A parameter type is required when you create a parameter."));
        }
    };
    let secure = kind == "SecureString";
    if !secure && input.some("KeyId").is_some() {
        return Err(invalid("KeyId is required for SecureString type parameter only."));
    }
    let policies = match input.some("Policies") {
        Some(text) => policies::read(text, work.now)?,
        None => old.map(|old| old.policies.clone()).unwrap_or_default(),
    };
    let value = input.text("Value");
    let tier = tier(work, old, value.chars().count(), policies.is_empty())?;
    let data_type = input.some("DataType").filter(|d| !d.is_empty());
    let data_type = data_type.or(old.map(|old| old.data_type.as_str())).unwrap_or("text");
    if !matches!(data_type, "text" | "aws:ec2:image" | "aws:ssm:integration") {
        return Err(invalid(format!(
            "The following data type is not supported: {data_type} (Data type names are all lowercase.)"
        )));
    }
    let key_id = || input.owned("KeyId").or_else(|| old.and_then(|old| old.key_id.clone()));
    let kept = if secure { work.sealed.clone().unwrap_or_default() } else { value.to_owned() };
    Ok(Version {
        number: old.map_or(1, |old| old.number + 1),
        kind: kind.to_owned(),
        value: Kept(kept),
        key_id: secure.then(|| key_id().unwrap_or_else(|| "alias/aws/ssm".into())),
        description: input.owned("Description").or_else(|| old.and_then(|o| o.description.clone())),
        allowed_pattern: input
            .owned("AllowedPattern")
            .or_else(|| old.and_then(|old| old.allowed_pattern.clone())),
        tier,
        policies,
        data_type: data_type.to_owned(),
        modified: work.now.0,
        user: format!("arn:aws:iam::{}:root", work.caller.account),
        labels: Default::default(),
    })
}

fn tier(
    work: &Work<'_>,
    old: Option<&Version>,
    chars: usize,
    no_policies: bool,
) -> Result<String, Refusal> {
    let was_advanced = old.is_some_and(|old| old.tier == "Advanced");
    let count = work.state.shelf(&work.home).map_or(0, BTreeMap::len);
    let asked = work.input.some("Tier");
    if asked == Some("Standard") && was_advanced {
        return Err(invalid(
            "This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the advanced-parameter tier to the standard-parameter tier. If necessary, you can delete the advanced parameter and recreate it as a standard parameter.",
        ));
    }
    let advanced = match asked {
        Some("Advanced") => true,
        Some("Intelligent-Tiering") => {
            was_advanced || chars > STANDARD_CHARS_MAX || !no_policies || count >= STANDARD_MAX
        }
        _ => was_advanced,
    };
    if !advanced && !no_policies {
        return Err(invalid(
            "Parameter policies are available only for parameters in the advanced-parameter tier.",
        ));
    }
    if chars > if advanced { ADVANCED_CHARS_MAX } else { STANDARD_CHARS_MAX } {
        return Err(invalid(if advanced {
            format!(
                "Advanced tier parameters support a maximum parameter value of {ADVANCED_CHARS_MAX} characters."
            )
        } else {
            format!(
                "Standard tier parameters support a maximum parameter value of {STANDARD_CHARS_MAX} characters. To create a larger parameter value, upgrade the parameter to use the advanced-parameter tier. For more information, see https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html"
            )
        }));
    }
    if old.is_none() && count >= if advanced { PARAMETERS_MAX } else { STANDARD_MAX } {
        return Err(Refusal::new(
            "ParameterLimitExceeded",
            "You have exceeded the number of parameters for this Amazon Web Services account. Delete one or more parameters and try again.",
        ));
    }
    Ok(if advanced { "Advanced" } else { "Standard" }.to_owned())
}

fn check_value(version: &Version, value: &str) -> Result<(), Refusal> {
    if value.is_empty() {
        return Err(invalid(
            "1 validation error detected: Value '' at 'value' failed to satisfy constraint: Member must have length greater than or equal to 1.",
        ));
    }
    if version.kind == "StringList" && value.split(',').any(str::is_empty) {
        return Err(invalid("Parameter list value cannot contain empty items."));
    }
    if version.data_type == "aws:ec2:image" {
        let id = value.strip_prefix("ami-").unwrap_or_default();
        let hex = id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if !matches!(id.len(), 8 | 17) || !hex {
            return Err(invalid(
                "The parameter value is not a valid EC2 image id: a value such as ami-12345abcdeEXAMPLE is required.",
            ));
        }
    }
    let Some(pattern) = version.allowed_pattern.as_deref().filter(|p| !p.is_empty()) else {
        return Ok(());
    };
    let whole = format!("\\A(?:{pattern})\\z");
    let regex = regex::RegexBuilder::new(&whole).size_limit(PATTERN_BYTES_MAX).build();
    let regex = regex.map_err(|_| {
        Refusal::new(
            "InvalidAllowedPatternException",
            "The request does not meet the regular expression requirement.",
        )
    })?;
    if regex.is_match(value) {
        return Ok(());
    }
    Err(Refusal::new(
        "ParameterPatternMismatchException",
        format!("Parameter value, cannot be validated against allowedPattern: {pattern}"),
    ))
}

/// The oldest of a hundred versions goes, unless it has a label.
fn make_room(work: &mut Work<'_>, name: &str, known: Option<&Parameter>) -> Result<(), Refusal> {
    let Some(known) = known.filter(|known| known.versions.len() >= VERSIONS_MAX) else {
        return Ok(());
    };
    let Some(oldest) = known.versions.first() else { return Ok(()) };
    if !oldest.labels.is_empty() {
        return Err(Refusal::new(
            "ParameterMaxVersionLimitExceeded",
            format!(
                "You attempted to create a new version of {name} by calling the PutParameter API with the overwrite flag. Version {}, the oldest version, can't be deleted because it has a label associated with it. Move the label to another version of the parameter, and try again.",
                oldest.number
            ),
        ));
    }
    work.changes.push(Change::VersionGone((work.home.clone(), name.to_owned()), oldest.number));
    Ok(())
}
