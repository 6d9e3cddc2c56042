//! The account's suppression list, and those of its tenants.
//! <https://docs.aws.amazon.com/ses/latest/dg/sending-email-suppression-list.html>

use super::kinds::{SUPPRESSED, TENANT};
use super::{Row, Work};
use crate::services::ses::address::{check, normal};
use crate::services::ses::error::Error;
use crate::services::ses::records::PART;
use serde_json::{Value, json};

pub(super) fn row(name: &str) -> Option<Row> {
    Some(match name {
        "PutSuppressedDestination" => Row::Own(put),
        "GetSuppressedDestination" => Row::Own(get),
        "DeleteSuppressedDestination" => Row::Own(delete),
        "ListSuppressedDestinations" => Row::Own(list),
        "PutTenantSuppressionAttributes" => {
            Row::Set(&TENANT, "TenantName", "SuppressionAttributes")
        }
        _ => return None,
    })
}

/// The key of an address on the list of a tenant, or of the account where none is named. Addresses
/// are compared without regard to case.
pub fn key_of(tenant: &str, address: &str) -> String {
    format!("{tenant}{PART}{}", normal(address).to_lowercase())
}

fn key(work: &Work<'_>) -> Result<String, Error> {
    if let Some(tenant) = work.some_text("TenantName") {
        work.need(&TENANT, tenant)?;
    }
    Ok(key_of(work.text("TenantName"), work.text("EmailAddress")))
}

fn missing(work: &Work<'_>) -> Error {
    let address = work.text("EmailAddress");
    Error::not_found(
        "",
        format!("Email address {address} does not exist on your suppression list."),
    )
}

fn put(work: &mut Work<'_>) -> Result<Value, Error> {
    check(work.text("EmailAddress"))?;
    let key = key(work)?;
    let mut record = work.input.clone();
    record.insert("LastUpdateTime".into(), work.timestamp());
    work.put(&SUPPRESSED, &key, record);
    Ok(json!({}))
}

fn get(work: &mut Work<'_>) -> Result<Value, Error> {
    let record = work.get(&SUPPRESSED, &key(work)?).ok_or_else(|| missing(work))?;
    Ok(json!({"SuppressedDestination": record}))
}

fn delete(work: &mut Work<'_>) -> Result<Value, Error> {
    let key = key(work)?;
    work.get(&SUPPRESSED, &key).ok_or_else(|| missing(work))?;
    work.delete(&SUPPRESSED, &key);
    Ok(json!({}))
}

fn list(work: &mut Work<'_>) -> Result<Value, Error> {
    let reasons = work.texts("Reasons");
    let instant = |name: &str| work.input.get(name).and_then(Value::as_f64);
    let (from, to) = (instant("StartDate"), instant("EndDate"));
    let prefix = format!("{}{PART}", work.text("TenantName"));
    let all = work.all(&SUPPRESSED, &prefix).into_iter().filter(|(_, record)| {
        let at = record["LastUpdateTime"].as_f64().unwrap_or_default();
        let reason = record["Reason"].as_str().unwrap_or_default();
        (reasons.is_empty() || reasons.iter().any(|r| r == reason))
            && from.is_none_or(|from| at >= from)
            && to.is_none_or(|to| at <= to)
    });
    let all = all.map(|(key, record)| (key, Value::Object(record.clone())));
    work.page("SuppressedDestinationSummaries", all)
}
