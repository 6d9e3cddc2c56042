//! The rules of a receipt rule set, in their order.
//! <https://docs.aws.amazon.com/ses/latest/APIReference/API_CreateReceiptRule.html>

use super::kinds::{RECEIPT_RULE, RULE_SET};
use super::{Row, Work};
use crate::services::ses::error::Error;
use crate::services::ses::events::Deposit;
use bytes::Bytes;
use serde_json::{Value, json};

const SET: &str = "RuleSetName";
/// The object that a bucket gets when a rule names it.
const SETUP_NOTIFICATION: &str = "AMAZON_SES_SETUP_NOTIFICATION";

/// The members of an action that say what it is.
const ACTIONS: [&str; 8] = [
    "S3Action",
    "SNSAction",
    "LambdaAction",
    "BounceAction",
    "StopAction",
    "AddHeaderAction",
    "WorkmailAction",
    "ConnectAction",
];

pub(super) fn row(name: &str) -> Option<Row> {
    Some(match name {
        "CreateReceiptRule" => Row::Own(create),
        "DescribeReceiptRule" => Row::Own(describe),
        "UpdateReceiptRule" => Row::Own(update),
        "DeleteReceiptRule" => Row::Own(delete),
        "ReorderReceiptRuleSet" => Row::Own(reorder),
        "SetReceiptRulePosition" => Row::Own(set_position),
        _ => return None,
    })
}

fn rules(work: &Work<'_>) -> Result<Vec<Value>, Error> {
    let record = work.need(&RULE_SET, work.text(SET))?;
    Ok(record["Rules"].as_array().cloned().unwrap_or_default())
}

fn put(work: &mut Work<'_>, rules: Vec<Value>) -> Result<Value, Error> {
    let name = work.text(SET).to_owned();
    let mut record = work.need(&RULE_SET, &name)?.clone();
    record.insert("Rules".into(), rules.into());
    work.put(&RULE_SET, &name, record);
    Ok(json!({}))
}

fn position(rules: &[Value], name: &str) -> Result<usize, Error> {
    let found = rules.iter().position(|rule| rule["Name"] == name);
    found.ok_or_else(|| RECEIPT_RULE.missing(name))
}

/// A rule as it is kept: whole, with each action being one.
fn checked(work: &Work<'_>) -> Result<Value, Error> {
    let mut rule = work.input["Rule"].clone();
    RECEIPT_RULE.check_name(rule["Name"].as_str().unwrap_or_default())?;
    for action in rule["Actions"].as_array().into_iter().flatten() {
        if ACTIONS.iter().filter(|name| !action[**name].is_null()).count() != 1 {
            let text = "A receipt action must have exactly one action type.";
            return Err(Error::bad("InvalidParameterValue", text));
        }
    }
    for (member, default) in
        [("Enabled", json!(false)), ("TlsPolicy", json!("Optional")), ("ScanEnabled", json!(false))]
    {
        if rule[member].is_null() {
            rule[member] = default;
        }
    }
    Ok(rule)
}

/// Each bucket of a rule gets the object by which SES shows that it may write there.
fn announce(work: &mut Work<'_>, rule: &Value) {
    for action in rule["Actions"].as_array().into_iter().flatten() {
        let text = |member: &str| action["S3Action"][member].as_str().unwrap_or_default();
        if text("BucketName").is_empty() {
            continue;
        }
        let date = work.now.http_date().replace("GMT", "+0000");
        let head = format!(
            "Date: {date}\r\nFrom: Amazon Web Services <no-reply-aws@amazon.com>\r\n\
             Subject: Amazon SES Setup Notification\r\nMIME-Version: 1.0\r\n\
             Content-Type: text/plain; charset=UTF-8\r\n\r\n"
        );
        let body = "Hello,\r\n\r\nYou received this message because you attempted to set up Amazon SES to \
                    deliver emails to this S3 bucket.\r\n\r\nPlease ignore this message.\r\n";
        let deposit = Deposit {
            bucket: text("BucketName").to_owned(),
            key: format!("{}{SETUP_NOTIFICATION}", text("ObjectKeyPrefix")),
            head: head.into_bytes(),
            body: Bytes::from_static(body.as_bytes()).into(),
        };
        work.deposit(deposit, "Successfully validated S3 bucket for Amazon SES email receiving.");
    }
}

fn create(work: &mut Work<'_>) -> Result<Value, Error> {
    let (mut rules, rule) = (rules(work)?, checked(work)?);
    let name = rule["Name"].as_str().unwrap_or_default();
    if position(&rules, name).is_ok() {
        return Err(RECEIPT_RULE.exists(name));
    }
    if rules.len() >= RECEIPT_RULE.max {
        return Err(Error::limit(format!("A rule set may have {} rules.", RECEIPT_RULE.max)));
    }
    let at = match work.some_text("After") {
        Some(after) => position(&rules, after)? + 1,
        None => 0,
    };
    announce(work, &rule);
    rules.insert(at, rule);
    put(work, rules)
}

fn describe(work: &mut Work<'_>) -> Result<Value, Error> {
    let rules = rules(work)?;
    let at = position(&rules, work.text("RuleName"))?;
    Ok(json!({"Rule": rules[at]}))
}

fn update(work: &mut Work<'_>) -> Result<Value, Error> {
    let (mut rules, rule) = (rules(work)?, checked(work)?);
    let at = position(&rules, rule["Name"].as_str().unwrap_or_default())?;
    announce(work, &rule);
    rules[at] = rule;
    put(work, rules)
}

/// That there is no such rule is no error.
fn delete(work: &mut Work<'_>) -> Result<Value, Error> {
    let mut rules = rules(work)?;
    rules.retain(|rule| rule["Name"] != work.text("RuleName"));
    put(work, rules)
}

fn reorder(work: &mut Work<'_>) -> Result<Value, Error> {
    let (mut rules, names) = (rules(work)?, work.texts("RuleNames"));
    let mut ordered = Vec::with_capacity(rules.len());
    for name in &names {
        let at = position(&rules, name)?;
        ordered.push(rules.remove(at));
    }
    if !rules.is_empty() {
        let text = "All the rules of the rule set must be named.";
        return Err(Error::bad("InvalidParameterValue", text));
    }
    put(work, ordered)
}

fn set_position(work: &mut Work<'_>) -> Result<Value, Error> {
    let mut rules = rules(work)?;
    let at = position(&rules, work.text("RuleName"))?;
    let rule = rules.remove(at);
    let to = match work.some_text("After") {
        Some(after) => position(&rules, after)? + 1,
        None => 0,
    };
    rules.insert(to, rule);
    put(work, rules)
}
