//! The documents: a mail as events describe it, and the envelope in which SNS carries them to a queue.

use super::Occasion;
use crate::base::Millis;
use crate::services::ses::mail::Via;
use mail_parser::MessageParser;
use serde_json::{Map, Value, json};

/// Bytes of headers that an event carries at the most; SES cuts them off beyond 10 KB.
const HEADERS_BYTES_MAX: usize = 10 * 1024;

/// The `mail` of an event; `notification`: as identities' topics get it, which say other things of the
/// sender and have headers only on demand.
pub fn mail_json(occasion: &Occasion<'_>, notification: bool, headers: bool) -> Value {
    let mail = occasion.mail;
    let destination: Vec<&String> = mail.to.iter().chain(&mail.cc).chain(&mail.bcc).collect();
    let (account, region) = occasion.home;
    let identity = format!("arn:aws:ses:{region}:{account}:identity/{}", mail.source);
    let mut out = json!({
        "timestamp": mail.received.iso8601(),
        "source": mail.source,
        "sourceArn": identity,
        "sendingAccountId": account,
        "messageId": mail.id,
        "destination": destination,
    });
    if notification {
        out["sourceIp"] = "127.0.0.1".into();
        out["callerIdentity"] = caller_name(occasion).into();
    }
    if headers {
        let (fields, cut) = fields(occasion.head);
        out["headersTruncated"] = cut.into();
        out["commonHeaders"] = common(&fields, occasion);
        let named = fields.into_iter().map(|(name, value)| json!({"name": name, "value": value}));
        out["headers"] = named.collect();
    }
    if !notification {
        out["tags"] = tags(occasion).into();
    }
    out
}

fn caller_name(occasion: &Occasion<'_>) -> String {
    let key = &occasion.caller.access_key;
    if key.is_empty() || *key == occasion.home.0 { "root".into() } else { key.clone() }
}

/// The header's fields, unfolded, and whether some were left out.
fn fields(head: &[u8]) -> (Vec<(String, String)>, bool) {
    let parsed = MessageParser::new().default_header_raw().parse_headers(head);
    let Some(parsed) = parsed else { return (Vec::new(), false) };
    let (mut found, mut bytes) = (Vec::new(), 0);
    for (name, value) in parsed.headers_raw() {
        let value = value.split(['\r', '\n']).map(str::trim).collect::<Vec<_>>().join(" ");
        bytes += name.len() + value.len();
        if bytes > HEADERS_BYTES_MAX {
            return (found, true);
        }
        found.push((name.to_owned(), value.trim().to_owned()));
    }
    (found, false)
}

fn common(fields: &[(String, String)], occasion: &Occasion<'_>) -> Value {
    let get = |name: &str| {
        fields.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, v)| v.clone())
    };
    let mut common = Map::new();
    for (member, field) in [("from", "From"), ("to", "To"), ("cc", "Cc"), ("replyTo", "Reply-To")] {
        if let Some(value) = get(field) {
            let list = crate::services::ses::address::read_header(value.as_bytes());
            let shown = list.into_iter().map(|mailbox| match mailbox.name {
                Some(name) => format!("{name} <{}>", mailbox.address),
                None => mailbox.address,
            });
            common.insert(member.into(), shown.collect::<Vec<_>>().into());
        }
    }
    if let Some(date) = get("Date") {
        common.insert("date".into(), date.into());
    }
    common.insert("messageId".into(), occasion.mail.id.clone().into());
    if !occasion.mail.subject.is_empty() {
        common.insert("subject".into(), occasion.mail.subject.clone().into());
    }
    common.into()
}

/// SES's own tags, and those that the sender gave.
fn tags(occasion: &Occasion<'_>) -> Map<String, Value> {
    let mail = occasion.mail;
    let mut all = Map::new();
    let mut put = |name: &str, value: String| drop(all.insert(name.into(), json!([value])));
    let operation = if mail.via == Via::Smtp { "SendSmtpEmail" } else { occasion.operation };
    put("ses:operation", operation.to_owned());
    if let Some(set) = &mail.config_set {
        put("ses:configuration-set", set.clone());
    }
    put("ses:source-ip", "127.0.0.1".into());
    put("ses:from-domain", mail.source.rsplit('@').next().unwrap_or_default().to_owned());
    put("ses:caller-identity", caller_name(occasion));
    mail.tags.iter().for_each(|(name, value)| put(name, value.clone()));
    all
}

/// A notification as a queue gets it from the topic `arn`.
pub fn sns_envelope(
    arn: &str,
    subject: Option<&str>,
    message: &str,
    now: Millis,
    id: &str,
) -> String {
    let region = arn.split(':').nth(3).unwrap_or("us-east-1");
    let mut envelope = json!({"Type": "Notification", "MessageId": id, "TopicArn": arn});
    if let Some(subject) = subject {
        envelope["Subject"] = subject.into();
    }
    envelope["Message"] = message.into();
    envelope["Timestamp"] = now.iso8601().into();
    envelope["SignatureVersion"] = "1".into();
    envelope["Signature"] = "EXAMPLE".into();
    let host = format!("https://sns.{region}.amazonaws.com");
    envelope["SigningCertURL"] = format!("{host}/SimpleNotificationService-devenv.pem").into();
    envelope["UnsubscribeURL"] =
        format!("{host}/?Action=Unsubscribe&SubscriptionArn={arn}:0").into();
    envelope.to_string()
}
