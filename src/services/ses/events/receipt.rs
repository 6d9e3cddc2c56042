//! Receipt rules at work: mail that comes by SMTP for a recipient of the active rule set.
//!
//! `SNSAction` and the topics of the other actions tell the queue behind the topic; `StopAction` and a
//! rule that stops end the way. What another service would have to do is recorded with the event.
//!
//! <https://docs.aws.amazon.com/ses/latest/dg/receiving-email-notifications-contents.html>

use super::{Event, Occasion, mail_json, queue_of, sns_envelope};
use crate::base::Ids;
use crate::services::ses::address::normal;
use crate::services::ses::calls::kinds::{ACCOUNT, RULE_SET};
use crate::services::ses::state::Change;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// Bytes of a mail that a notification carries at the most.
const CONTENT_BYTES_MAX: usize = 150 * 1024;

/// The changes that follow from the rules; `body` where it is at hand.
pub(super) fn received(occasion: &Occasion<'_>, body: Option<&[u8]>, ids: &mut Ids) -> Vec<Change> {
    let (state, home, mail) = (occasion.state, occasion.home, occasion.mail);
    let account = state.records.get(home, ACCOUNT.name, "");
    let active = account.and_then(|a| a.get("ActiveRuleSet")?.as_str());
    let Some(set) = active.and_then(|name| state.records.get(home, RULE_SET.name, name)) else {
        return Vec::new();
    };
    let recipients: Vec<&String> = mail.to.iter().chain(&mail.cc).chain(&mail.bcc).collect();
    let mut changes = Vec::new();
    for rule in set.get("Rules").and_then(Value::as_array).into_iter().flatten() {
        let mine: Vec<&&String> = recipients.iter().filter(|r| matches(rule, r)).collect();
        if rule["Enabled"] != json!(true) || mine.is_empty() {
            continue;
        }
        for action in rule["Actions"].as_array().into_iter().flatten() {
            let Some((kind, detail)) = action.as_object().and_then(|a| a.iter().next()) else {
                continue;
            };
            let receipt = json!({
                "timestamp": occasion.now.iso8601(), "processingTimeMillis": 0, "recipients": mine,
                "spamVerdict": {"status": "PASS"}, "virusVerdict": {"status": "PASS"},
                "spfVerdict": {"status": "GRAY"}, "dkimVerdict": {"status": "GRAY"},
                "dmarcVerdict": {"status": "GRAY"}, "action": action_json(kind, detail)});
            let event = event(occasion, kind, detail, receipt, body, ids);
            changes.push(Change::EventPut { home: home.clone(), event: Box::new(event) });
            if kind == "StopAction" {
                return changes;
            }
        }
    }
    changes
}

/// Whether a rule is for this recipient: its address, its domain, or `.example.com` for domains below.
fn matches(rule: &Value, recipient: &str) -> bool {
    let address = normal(recipient).to_lowercase();
    let domain = address.rsplit('@').next().unwrap_or_default();
    let all = rule["Recipients"].as_array();
    all.is_none_or(Vec::is_empty)
        || all.into_iter().flatten().filter_map(Value::as_str).any(|wanted| {
            let wanted = wanted.to_lowercase();
            wanted == address
                || wanted == domain
                || wanted.starts_with('.') && domain.ends_with(&wanted)
        })
}

fn action_json(kind: &str, detail: &Value) -> Value {
    json!({"type": kind.trim_end_matches("Action"), "topicArn": detail["TopicArn"],
           "bucketName": detail["BucketName"], "objectKeyPrefix": detail["ObjectKeyPrefix"]})
}

fn event(
    occasion: &Occasion<'_>,
    kind: &str,
    detail: &Value,
    receipt: Value,
    body: Option<&[u8]>,
    ids: &mut Ids,
) -> Event {
    let mut document = json!({
        "notificationType": "Received", "mail": mail_json(occasion, true, true),
        "receipt": receipt});
    let whole = body.map(|body| [occasion.head, body].concat());
    if kind == "SNSAction"
        && let Some(whole) = whole.filter(|whole| whole.len() <= CONTENT_BYTES_MAX)
    {
        document["content"] = match detail["Encoding"].as_str() {
            Some("Base64") => STANDARD.encode(&whole).into(),
            _ => String::from_utf8_lossy(&whole).into(),
        };
    }
    let document = document.to_string();
    let (mut messages, mut targets) = (Vec::new(), Vec::new());
    if let Some(topic) = detail["TopicArn"].as_str() {
        targets.push(topic.to_owned());
        if let Some(queue) = queue_of(occasion.state, occasion.home, topic) {
            let subject = Some("Amazon SES Email Receipt Notification");
            let body = sns_envelope(topic, subject, &document, occasion.now, &ids.uuid());
            messages.push((queue, body));
        }
    }
    if let Some(bucket) = detail["BucketName"].as_str() {
        let prefix = detail["ObjectKeyPrefix"].as_str().unwrap_or_default();
        targets.push(format!("s3://{bucket}/{prefix}{}", occasion.mail.id));
    }
    let (mail, at) = (occasion.mail.id.clone(), occasion.now);
    Event { mail, at, kind: "Received", document, messages, targets }
}
