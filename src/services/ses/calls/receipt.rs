//! Receipt rule sets and filters: what happens to mail that comes in by SMTP.
//! <https://docs.aws.amazon.com/ses/latest/dg/receiving-email-concepts.html>

use super::kinds::{ACCOUNT, FILTER, RULE_SET};
use super::rows::dated;
use super::{Row, Work};
use crate::services::ses::error::Error;
use crate::services::ses::records::Record;
use serde_json::{Value, json};

const KEY: &str = "RuleSetName";

pub(super) fn row(name: &str) -> Option<Row> {
    Some(match name {
        "CreateReceiptRuleSet" => Row::Own(create),
        "CloneReceiptRuleSet" => Row::Own(clone),
        "DeleteReceiptRuleSet" => Row::Own(delete),
        "DescribeReceiptRuleSet" => Row::Own(describe),
        "DescribeActiveReceiptRuleSet" => Row::Own(describe_active),
        "ListReceiptRuleSets" => Row::Own(list),
        "SetActiveReceiptRuleSet" => Row::Own(set_active),
        "CreateReceiptFilter" => Row::Own(create_filter),
        "DeleteReceiptFilter" => Row::Forget(&FILTER, "FilterName"),
        "ListReceiptFilters" => Row::Own(list_filters),
        _ => return None,
    })
}

/// The name of the rule set that acts.
pub(super) fn active(account: &Record) -> Option<&str> {
    account.get("ActiveRuleSet").and_then(Value::as_str)
}

fn fresh(work: &Work<'_>, rules: Value) -> Record {
    let mut record = dated(work);
    record.insert("Name".into(), work.text(KEY).into());
    record.insert("Rules".into(), rules);
    record
}

fn create(work: &mut Work<'_>) -> Result<Value, Error> {
    let name = work.text(KEY).to_owned();
    RULE_SET.check_name(&name)?;
    work.create(&RULE_SET, &name, fresh(work, json!([]))).map(|()| json!({}))
}

fn clone(work: &mut Work<'_>) -> Result<Value, Error> {
    let name = work.text(KEY).to_owned();
    RULE_SET.check_name(&name)?;
    let rules = work.need(&RULE_SET, work.text("OriginalRuleSetName"))?["Rules"].clone();
    work.create(&RULE_SET, &name, fresh(work, rules)).map(|()| json!({}))
}

/// The set that acts cannot be deleted; that there is none of this name is no error.
fn delete(work: &mut Work<'_>) -> Result<Value, Error> {
    let name = work.text(KEY).to_owned();
    if active(&work.single(&ACCOUNT)) == Some(&name) {
        let text = format!("Cannot delete active rule set: {name}");
        return Err(Error::conflict("CannotDelete", text));
    }
    work.delete(&RULE_SET, &name);
    Ok(json!({}))
}

fn shown(record: &Record) -> Value {
    json!({"Metadata": record, "Rules": record["Rules"]})
}

fn describe(work: &mut Work<'_>) -> Result<Value, Error> {
    work.need(&RULE_SET, work.text(KEY)).map(shown)
}

fn describe_active(work: &mut Work<'_>) -> Result<Value, Error> {
    let account = work.single(&ACCOUNT);
    let record = active(&account).and_then(|name| work.get(&RULE_SET, name));
    Ok(record.map_or_else(|| json!({}), shown))
}

fn list(work: &mut Work<'_>) -> Result<Value, Error> {
    let all = work.all(&RULE_SET, "").into_iter();
    work.page("RuleSets", all.map(|(key, record)| (key, record.clone().into())))
}

/// Without a name none acts.
fn set_active(work: &mut Work<'_>) -> Result<Value, Error> {
    let mut account = work.single(&ACCOUNT);
    match work.some_text(KEY) {
        Some(name) => {
            work.need(&RULE_SET, name)?;
            account.insert("ActiveRuleSet".into(), name.into());
        }
        None => drop(account.remove("ActiveRuleSet")),
    }
    work.put(&ACCOUNT, "", account);
    Ok(json!({}))
}

fn create_filter(work: &mut Work<'_>) -> Result<Value, Error> {
    let filter = work.input["Filter"].clone();
    let cidr = filter["IpFilter"]["Cidr"].as_str().unwrap_or_default();
    let (address, bits) = cidr.split_once('/').unwrap_or((cidr, "32"));
    let address: Option<std::net::IpAddr> = address.parse().ok();
    let most = if address.is_some_and(|a| a.is_ipv6()) { 128 } else { 32 };
    if address.is_none() || bits.parse::<u8>().ok().is_none_or(|bits| bits > most) {
        let text = format!("Invalid CIDR block: {cidr}");
        return Err(Error::bad("InvalidParameterValue", text));
    }
    let name = filter["Name"].as_str().unwrap_or_default().to_owned();
    FILTER.check_name(&name)?;
    let record = filter.as_object().cloned().unwrap_or_default();
    work.create(&FILTER, &name, record).map(|()| json!({}))
}

fn list_filters(work: &mut Work<'_>) -> Result<Value, Error> {
    let all = work.all(&FILTER, "").into_iter();
    Ok(json!({"Filters": all.map(|(_, record)| record.clone().into()).collect::<Vec<Value>>()}))
}
