//! <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameter.html>,
//! <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html>,
//! <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParametersByPath.html>
//!
//! Values of `SecureString`s come out as they are kept; the wire has them decrypted where asked.

use super::{Work, page, seconds};
use crate::base::Millis;
use crate::services::model::Refusal;
use crate::services::ssm::filters::{self, Of, is_below};
use crate::services::ssm::limits::PATH_PAGE;
use crate::services::ssm::names;
use crate::services::ssm::state::{Version, not_found};
use serde_json::{Value, json};
use std::ops::Bound;

pub(super) fn one(work: &mut Work<'_>) -> Result<Value, Refusal> {
    Ok(json!({"Parameter": read(work, work.input.text("Name"))?}))
}

pub(super) fn several(work: &mut Work<'_>) -> Result<Value, Refusal> {
    let mut names = work.input.texts("Names");
    let mut seen = std::collections::BTreeSet::new();
    names.retain(|name| seen.insert(name.clone()));
    let (mut found, mut invalid) = (Vec::new(), Vec::new());
    for name in names {
        match read(work, &name) {
            Ok(parameter) => found.push(parameter),
            Err(_) => invalid.push(name),
        }
    }
    Ok(json!({"Parameters": found, "InvalidParameters": invalid}))
}

fn read(work: &Work<'_>, text: &str) -> Result<Value, Refusal> {
    let wanted = names::wanted(text);
    let (name, parameter) = work.state.find(&work.home, &wanted).ok_or_else(not_found)?;
    let version = parameter.select(&name, wanted.selector.as_deref())?;
    let selector = wanted.selector.map(|selector| format!(":{selector}"));
    Ok(shown(work, &name, version, selector))
}

fn shown(work: &Work<'_>, name: &str, version: &Version, selector: Option<String>) -> Value {
    json!({
        "Name": name,
        "Type": version.kind,
        "Value": version.value,
        "Version": version.number,
        "Selector": selector,
        "LastModifiedDate": seconds(Millis(version.modified)),
        "ARN": names::arn_of(work.caller, name),
        "DataType": version.data_type,
    })
}

pub(super) fn by_path(work: &mut Work<'_>) -> Result<Value, Refusal> {
    let wanted = names::wanted(work.input.text("Path"));
    let path = wanted.names.first().cloned().unwrap_or_default();
    names::check_path(&path)?;
    let recursive = work.input.flag("Recursive");
    let filters = filters::read(work.input.list("ParameterFilters"), Of::Path)?;
    let size = work.page(PATH_PAGE);
    let after = work.after()?;
    // Those below a path lie together in the names' order; the root's are all of them.
    let prefix =
        if path == "/" { String::new() } else { format!("{}/", path.trim_end_matches('/')) };
    let from = match after {
        Some(after) => Bound::Excluded(after),
        None => Bound::Included(prefix.clone()),
    };
    let shelf = work.state.shelf(&work.home).into_iter();
    let range = shelf.flat_map(|all| all.range((from.clone(), Bound::Unbounded)));
    let below = range
        .take_while(|(name, _)| name.starts_with(&prefix))
        .filter(|(name, _)| is_below(name, &path, recursive))
        .filter(|(name, parameter)| filters.iter().all(|f| f.passes(name, parameter)));
    let entries = below.filter_map(|(name, parameter)| {
        let labelled = filters.iter().find_map(|f| f.label(parameter));
        let version = labelled.or(parameter.newest())?;
        Some((name.clone(), shown(work, name, version, None)))
    });
    let (parameters, next) = page(entries, size);
    Ok(json!({"Parameters": parameters, "NextToken": next}))
}
