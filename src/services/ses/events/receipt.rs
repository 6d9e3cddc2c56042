//! Receipt rules at work: mail that comes by SMTP for a recipient of the active rule set.
//!
//! The rules act in their order, each on those of its recipients that no rule before has bounced, and
//! the actions of a rule in theirs. `S3Action` posts the mail for its bucket, `SNSAction` and the topics
//! of the others tell the queue behind the topic, `AddHeaderAction` adds to what later actions see,
//! `BounceAction` writes to the sender, `StopAction` ends it all. What another service would have to do
//! (Lambda, WorkMail) is recorded with the event.
//!
//! <https://docs.aws.amazon.com/ses/latest/dg/receiving-email-action.html>,
//! <https://docs.aws.amazon.com/ses/latest/dg/receiving-email-notifications-contents.html>

use super::{Deposit, Event, Occasion, mail_json, queue_of, sns_envelope};
use crate::base::Ids;
use crate::services::ses::address::normal;
use crate::services::ses::calls::kinds::{ACCOUNT, RULE_SET};
use crate::services::ses::mail::Body;
use crate::services::ses::state::{Change, Home, State};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

/// Bytes of a mail that a notification carries at the most.
const CONTENT_BYTES_MAX: usize = 150 * 1024;
/// The texts by which scanners are tested: GTUBE, and EICAR's.
const SPAM: &[u8] = b"XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X";
const VIRUS: &[u8] = b"$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!";

/// How a mail arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// Whose connection it was.
    pub peer: std::net::IpAddr,
    /// Whether it was encrypted.
    pub tls: bool,
    /// Whether somebody had logged in: then it is a mail that is sent, not one that comes.
    pub login: bool,
}

/// The mail as it came.
#[derive(Debug, Clone, Copy)]
pub struct Incoming<'a> {
    /// How.
    pub arrival: Arrival,
    /// Its header without what SES adds to mails that go out.
    pub head: &'a [u8],
    /// Its body.
    pub body: &'a Body,
    /// `\r\n` or `\n`.
    pub line_end: &'static str,
}

/// A bounce that the rules want written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounce {
    /// Who writes it.
    pub sender: String,
    /// The recipients that it is about.
    pub recipients: Vec<String>,
    /// `5.1.1`.
    pub status: String,
    /// What the reply would have said.
    pub diagnostic: String,
    /// What people read.
    pub explanation: String,
}

/// What follows from the rules.
#[derive(Debug, Default)]
pub struct Reception {
    /// The events.
    pub changes: Vec<Change>,
    /// Mails to the sender.
    pub bounces: Vec<Bounce>,
}

/// The rules of the active set that are switched on and for one of `recipients`, with those.
fn rules<'a>(
    state: &'a State,
    home: &Home,
    recipients: &[&'a String],
) -> Vec<(&'a Value, Vec<&'a String>)> {
    let account = state.records.get(home, ACCOUNT.name, "");
    let active = account.and_then(|a| a.get("ActiveRuleSet")?.as_str());
    let set = active.and_then(|name| state.records.get(home, RULE_SET.name, name));
    let all = set.and_then(|set| set.get("Rules")?.as_array()).into_iter().flatten();
    let on = all.filter(|rule| rule["Enabled"] == json!(true));
    let mine = on.map(|rule| {
        let mine = recipients.iter().filter(|r| matches(rule, r)).copied().collect::<Vec<_>>();
        (rule, mine)
    });
    mine.filter(|(_, mine)| !mine.is_empty()).collect()
}

/// Whether a rule for one of the recipients wants TLS.
pub fn wants_tls(state: &State, home: &Home, recipients: &[&String]) -> bool {
    rules(state, home, recipients).iter().any(|(rule, _)| rule["TlsPolicy"] == "Require")
}

/// What follows from the rules.
pub(super) fn received(
    occasion: &Occasion<'_>,
    incoming: &Incoming<'_>,
    ids: &mut Ids,
) -> Reception {
    let mail = occasion.mail;
    let recipients: Vec<&String> = mail.to.iter().chain(&mail.cc).chain(&mail.bcc).collect();
    let mut reception = Reception::default();
    let (mut gone, mut added) = (Vec::new(), Vec::new());
    for (rule, mut mine) in rules(occasion.state, occasion.home, &recipients) {
        mine.retain(|recipient| !gone.contains(recipient));
        if mine.is_empty() {
            continue;
        }
        for action in rule["Actions"].as_array().into_iter().flatten() {
            let Some((kind, detail)) = action.as_object().and_then(|a| a.iter().next()) else {
                continue;
            };
            let acting = Acting { occasion, incoming, rule, recipients: &mine, kind, detail };
            if kind == "AddHeaderAction" {
                added.extend_from_slice(acting.header_line().as_bytes());
            }
            let event = acting.event(&added, ids);
            let home = occasion.home.clone();
            reception.changes.push(Change::EventPut { home, event: Box::new(event) });
            match kind.as_str() {
                "StopAction" => return reception,
                "BounceAction" => {
                    reception.bounces.push(acting.bounce());
                    gone.extend(mine);
                    break;
                }
                _ => {}
            }
        }
    }
    reception
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

/// One action of a rule at work.
struct Acting<'a> {
    occasion: &'a Occasion<'a>,
    incoming: &'a Incoming<'a>,
    rule: &'a Value,
    recipients: &'a [&'a String],
    kind: &'a str,
    detail: &'a Value,
}

impl Acting<'_> {
    fn text(&self, member: &str) -> &str {
        self.detail[member].as_str().unwrap_or_default()
    }

    /// The line that `AddHeaderAction` adds; the model lets no line ends into it.
    fn header_line(&self) -> String {
        let value: String = self.text("HeaderValue").chars().filter(|c| !c.is_control()).collect();
        format!("{}: {value}{}", self.text("HeaderName"), self.incoming.line_end)
    }

    fn bounce(&self) -> Bounce {
        let reply = self.text("SmtpReplyCode");
        let status = match self.text("StatusCode") {
            "" if reply.starts_with('4') => "4.0.0",
            "" => "5.0.0",
            stated => stated,
        };
        let message = self.text("Message");
        Bounce {
            sender: self.text("Sender").to_owned(),
            recipients: self.recipients.iter().map(|r| (*r).clone()).collect(),
            status: status.to_owned(),
            diagnostic: format!("smtp; {reply} {status} {message}"),
            explanation: message.to_owned(),
        }
    }

    fn verdict(&self, tested_by: &[u8]) -> &'static str {
        let held = |body: &[u8]| memchr::memmem::find(body, tested_by).is_some();
        match self.rule["ScanEnabled"] == json!(true) {
            false => "DISABLED",
            true if self.incoming.body.held().is_some_and(|body| held(body)) => "FAIL",
            true => "PASS",
        }
    }

    fn receipt(&self) -> Value {
        let status = |status: &str| json!({ "status": status });
        json!({
            "timestamp": self.occasion.now.iso8601(), "processingTimeMillis": 0,
            "recipients": self.recipients,
            "spamVerdict": status(self.verdict(SPAM)), "virusVerdict": status(self.verdict(VIRUS)),
            "spfVerdict": status("GRAY"), "dkimVerdict": status("GRAY"),
            "dmarcVerdict": status("GRAY"), "action": self.action()})
    }

    /// The action as notifications tell of it.
    fn action(&self) -> Value {
        let mut action = Map::new();
        action.insert("type".into(), self.kind.trim_end_matches("Action").into());
        for (member, from) in [
            ("topicArn", "TopicArn"),
            ("encoding", "Encoding"),
            ("bucketName", "BucketName"),
            ("objectKeyPrefix", "ObjectKeyPrefix"),
            ("smtpReplyCode", "SmtpReplyCode"),
            ("statusCode", "StatusCode"),
            ("message", "Message"),
            ("sender", "Sender"),
            ("functionArn", "FunctionArn"),
            ("invocationType", "InvocationType"),
            ("organizationArn", "OrganizationArn"),
            ("headerName", "HeaderName"),
            ("headerValue", "HeaderValue"),
            ("scope", "Scope"),
        ] {
            if !self.detail[from].is_null() {
                action.insert(member.into(), self.detail[from].clone());
            }
        }
        if self.detail["BucketName"].is_string() {
            action.insert("objectKey".into(), self.key().into());
        }
        action.into()
    }

    fn key(&self) -> String {
        format!("{}{}", self.text("ObjectKeyPrefix"), self.occasion.mail.id)
    }

    /// The header as it is handed on: what SES says of the mail, what rules have added, and its own.
    fn head(&self, added: &[u8]) -> Vec<u8> {
        let (mail, end, home) = (self.occasion.mail, self.incoming.line_end, self.occasion.home);
        let date = self.occasion.now.http_date().replace("GMT", "+0000");
        let to = self.recipients.first().map_or("", |r| r.as_str());
        let mut head = format!(
            "Return-Path: <{}>{end}Received: from [{}] by inbound-smtp.{}.amazonaws.com with SMTP id {} for \
             {to}; {date}{end}X-SES-Spam-Verdict: {}{end}X-SES-Virus-Verdict: {}{end}",
            mail.source,
            self.incoming.arrival.peer,
            home.1,
            mail.id,
            self.verdict(SPAM),
            self.verdict(VIRUS)
        )
        .into_bytes();
        head.extend_from_slice(added);
        head.extend_from_slice(self.incoming.head);
        head.extend_from_slice(end.as_bytes());
        head
    }

    fn event(&self, added: &[u8], ids: &mut Ids) -> Event {
        let (occasion, body) = (self.occasion, self.incoming.body);
        let mut document = json!({
            "notificationType": "Received", "mail": mail_json(occasion, true, true),
            "receipt": self.receipt()});
        if self.kind == "SNSAction"
            && let Some(held) = body.held()
        {
            let whole = [&self.head(added)[..], held].concat();
            if whole.len() <= CONTENT_BYTES_MAX {
                document["content"] = match self.text("Encoding") {
                    "Base64" => STANDARD.encode(&whole).into(),
                    _ => String::from_utf8_lossy(&whole).into(),
                };
            }
        }
        let document = document.to_string();
        let (mut messages, mut targets, mut objects) = (Vec::new(), Vec::new(), Vec::new());
        if let Some(topic) = self.detail["TopicArn"].as_str() {
            targets.push(topic.to_owned());
            if let Some(queue) = queue_of(occasion.state, occasion.home, topic) {
                let subject = Some("Amazon SES Email Receipt Notification");
                let body = sns_envelope(topic, subject, &document, occasion.now, &ids.uuid());
                messages.push((queue, body));
            }
        }
        if let Some(bucket) = self.detail["BucketName"].as_str() {
            let (bucket, key) = (bucket.to_owned(), self.key());
            targets.push(format!("s3://{bucket}/{key}"));
            objects.push(Deposit { bucket, key, head: self.head(added), body: body.clone() });
        }
        let (mail, at) = (occasion.mail.id.clone(), occasion.now);
        Event { mail, at, kind: "Received", document, messages, objects, targets }
    }
}
