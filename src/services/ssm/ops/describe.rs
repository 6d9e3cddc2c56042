//! <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DescribeParameters.html>

use super::history::shown;
use super::{Work, page, seconds};
use crate::base::Millis;
use crate::services::model::Refusal;
use crate::services::ssm::filters::{self, Of};
use crate::services::ssm::limits::PAGE;
use crate::services::ssm::names;
use serde_json::{Value, json};
use std::ops::Bound;

pub(super) fn describe(work: &mut Work<'_>) -> Result<Value, Refusal> {
    let given = |member| work.input.list(member).next().is_some();
    if given("Filters") && given("ParameterFilters") {
        return Err(Refusal::new(
            "ValidationException",
            "You can use either Filters or ParameterFilters in a single request.",
        ));
    }
    let mut filters = filters::read(work.input.list("ParameterFilters"), Of::Describe)?;
    filters.extend(filters::old(work.input.list("Filters")));
    if work.input.flag("Shared") {
        // Nobody shares parameters here.
        return Ok(json!({"Parameters": []}));
    }
    let size = work.page(PAGE);
    let from = work.after()?.map_or(Bound::Unbounded, Bound::Excluded);
    let shelf = work.state.shelf(&work.home).into_iter();
    let range = shelf.flat_map(|all| all.range((from.clone(), Bound::Unbounded)));
    let passing = range.filter(|(name, p)| filters.iter().all(|f| f.passes(name, p)));
    let entries = passing.filter_map(|(name, parameter)| {
        let v = parameter.newest()?;
        let entry = json!({
            "Name": name,
            "ARN": names::arn_of(work.caller, name),
            "Type": v.kind,
            "KeyId": v.key_id,
            "LastModifiedDate": seconds(Millis(v.modified)),
            "LastModifiedUser": v.user,
            "Description": v.description,
            "AllowedPattern": v.allowed_pattern,
            "Version": v.number,
            "Tier": v.tier,
            "Policies": shown(&v.policies),
            "DataType": v.data_type,
        });
        Some((name.clone(), entry))
    });
    let (parameters, next) = page(entries, size);
    Ok(json!({"Parameters": parameters, "NextToken": next}))
}
