//! <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameterHistory.html>

use super::{Work, page, seconds};
use crate::base::Millis;
use crate::services::model::Refusal;
use crate::services::ssm::limits::PAGE;
use crate::services::ssm::names;
use crate::services::ssm::policies::Policy;
use crate::services::ssm::state::not_found;
use serde_json::{Value, json};

pub(super) fn history(work: &mut Work<'_>) -> Result<Value, Refusal> {
    let wanted = names::wanted(work.input.text("Name"));
    let (name, parameter) = work.state.find(&work.home, &wanted).ok_or_else(not_found)?;
    let after = work.after()?.and_then(|after| after.parse::<i64>().ok()).unwrap_or(0);
    let size = work.page(PAGE);
    let entries = parameter.versions.iter().filter(|v| v.number > after).map(|v| {
        let entry = json!({
            "Name": name,
            "Type": v.kind,
            "KeyId": v.key_id,
            "LastModifiedDate": seconds(Millis(v.modified)),
            "LastModifiedUser": v.user,
            "Description": v.description,
            "Value": v.value,
            "AllowedPattern": v.allowed_pattern,
            "Version": v.number,
            "Labels": v.labels,
            "Tier": v.tier,
            "Policies": shown(&v.policies),
            "DataType": v.data_type,
        });
        (v.number.to_string(), entry)
    });
    let (parameters, next) = page(entries, size);
    Ok(json!({"Parameters": parameters, "NextToken": next}))
}

/// Policies as they are shown.
pub(super) fn shown(policies: &[Policy]) -> Vec<Value> {
    let one =
        |p: &Policy| json!({"PolicyText": p.text, "PolicyType": p.kind, "PolicyStatus": "Pending"});
    policies.iter().map(one).collect()
}
