//! <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DeleteParameter.html>,
//! <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DeleteParameters.html>

use super::Work;
use crate::services::model::Refusal;
use crate::services::ssm::names;
use crate::services::ssm::state::{Change, not_found};
use serde_json::{Value, json};

pub(super) fn one(work: &mut Work<'_>) -> Result<Value, Refusal> {
    let name = work.input.text("Name").to_owned();
    delete(work, &name)?;
    Ok(json!({}))
}

pub(super) fn several(work: &mut Work<'_>) -> Result<Value, Refusal> {
    let mut names = work.input.texts("Names");
    names.sort();
    names.dedup();
    let (deleted, invalid): (Vec<String>, Vec<String>) =
        names.into_iter().partition(|name| delete(work, name).is_ok());
    Ok(json!({"DeletedParameters": deleted, "InvalidParameters": invalid}))
}

fn delete(work: &mut Work<'_>, text: &str) -> Result<(), Refusal> {
    let wanted = names::wanted(text);
    if wanted.selector.is_some() {
        return Err(not_found());
    }
    let (name, _) = work.state.find(&work.home, &wanted).ok_or_else(not_found)?;
    work.changes.push(Change::Gone((work.home.clone(), name)));
    Ok(())
}
