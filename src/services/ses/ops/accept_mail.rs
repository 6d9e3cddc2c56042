//! The one way in: every mail, whether by v1, v2 or SMTP, is accepted here.
//!
//! The id and the fields that SES adds: <https://docs.aws.amazon.com/ses/latest/dg/header-fields.html>.

use crate::base::{Caller, Context, Millis};
use crate::services::Operation;
use crate::services::ses::address::normal;
use crate::services::ses::calls::kinds::{ACCOUNT, CONFIG_SET};
use crate::services::ses::delegation::Delegation;
use crate::services::ses::draft::Draft;
use crate::services::ses::dsn::{Failed, Report};
use crate::services::ses::error::Error;
use crate::services::ses::events::{
    Arrival, Bounce, Fate, Happening, Incoming, Occasion, blocked, wants_tls,
};
use crate::services::ses::finish::Finish;
use crate::services::ses::mail::{Mail, Via};
use crate::services::ses::records::Record;
use crate::services::ses::state::{Change, Mode, State, home, slot_of};
use bytes::Bytes;
use serde::Serialize;
use serde_json::json;

/// A mail to accept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptMail {
    /// The mail.
    pub draft: Draft,
    /// The way it came.
    pub via: Via,
    /// How strictly senders are checked.
    pub mode: Mode,
    /// Message tags, checked.
    pub tags: Vec<(String, String)>,
    /// Configuration set.
    pub config_set: Option<String>,
    /// What only some ways of sending say.
    pub options: SendOptions,
}

/// What only some ways of sending say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendOptions {
    /// The operation, as events name it.
    pub operation: &'static str,
    /// The template that could not be filled in, and why: SES finds out after it has accepted the mail.
    pub unrendered: Option<(String, String)>,
    /// The recipient left the contact list: the mail is accepted and goes nowhere.
    pub unsubscribed: bool,
    /// How it arrived, of mail by SMTP.
    pub arrival: Option<Arrival>,
    /// The identity on whose behalf it is sent, by ARN; another account's wants a policy.
    pub source_arn: Option<String>,
}

impl Default for SendOptions {
    fn default() -> Self {
        SendOptions {
            operation: "SendEmail",
            unrendered: None,
            unsubscribed: false,
            arrival: None,
            source_arn: None,
        }
    }
}

/// What the sender hears.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Accepted {
    /// SES's message id.
    pub message_id: String,
    /// Whether other services are to be called.
    #[serde(skip)]
    pub posted: bool,
}

/// Whether any of these events goes to another service.
fn posts(changes: &[Change]) -> bool {
    changes.iter().any(|c| matches!(c, Change::EventPut { event, .. } if event.posts()))
}

impl Operation for AcceptMail {
    type State = State;
    type Output = Accepted;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "SendEmail";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<Accepted, Error> {
        let region = &context.caller.region;
        let config_set = self.config_set.clone().filter(|set| !set.is_empty());
        let config_set = config_set.or_else(|| default_set(state, context.caller, &self.draft));
        check_arrival(state, context.caller, &self)?;
        check_sender(state, context.caller, &self, config_set.as_deref(), context.now)?;
        let draft = self.draft;
        let id = message_id(region, context.now, &context.ids.uuid());
        let head = finished_head(&draft, region, context.now, &id);
        let home = home(context.caller);
        let recipients = draft.recipients() as u64;
        let slot = slot_of(context.now);
        let mail = Mail {
            seq: state.last_mail + 1,
            id: id.clone(),
            received: context.now,
            account: home.0.clone(),
            region: home.1.clone(),
            via: self.via,
            size: head.len() + draft.body.len(),
            source: draft.source,
            to: draft.to,
            cc: draft.cc,
            bcc: draft.bcc,
            subject: draft.subject,
            config_set,
            tags: self.tags,
        };
        let operation = self.options.operation;
        let (caller, now) = (context.caller, context.now);
        let occasion =
            Occasion { state, home: &home, caller, mail: &mail, head: &head, operation, now };
        if let Some((template, why)) = self.options.unrendered {
            let detail = json!({"templateName": template, "errorMessage": why});
            let failed = Happening::plain("Rendering Failure", "failure", detail);
            let events = occasion.happened(vec![failed], context.ids);
            events.iter().for_each(|change| state.absorb(change));
            let posted = posts(&events);
            changes.extend(events);
            return Ok(Accepted { message_id: id, posted });
        }
        let fate = self.options.unsubscribed.then_some(Fate::Unsubscribed);
        let mut events = occasion.accepted(fate, context.ids);
        let mut bounces = Vec::new();
        if let Some(arrival) = self.options.arrival {
            let (head, body, line_end) = (&draft.head[..], &draft.body, draft.line_end);
            let incoming = Incoming { arrival, head, body, line_end };
            let reception = occasion.received(&incoming, context.ids);
            events.extend(reception.changes);
            bounces = reception.bounces;
        }
        let finish =
            Finish::of(state, caller, &home, draft.senders.first(), mail.config_set.as_deref());
        let source = mail.source.clone();
        state.last_mail += 1;
        events.iter().for_each(|change| state.absorb(change));
        changes.push(Change::MailPut { mail: Box::new(mail), head, body: draft.body, finish });
        changes.push(state.count_sent(home, slot, recipients));
        let mut posted = posts(&events);
        changes.extend(events);
        for bounce in bounces {
            posted |= write_bounce(state, context, changes, &id, &source, bounce)?;
        }
        Ok(Accepted { message_id: id, posted })
    }
}

/// Sends the bounce that a receipt rule wants, unless the mail is one itself.
fn write_bounce(
    state: &mut State,
    context: &mut Context<'_>,
    changes: &mut Vec<Change>,
    original: &str,
    source: &str,
    bounce: Bounce,
) -> Result<bool, Error> {
    if source.is_empty() {
        return Ok(false);
    }
    let failed = |recipient: String| Failed {
        recipient,
        action: "failed".into(),
        status: bounce.status.clone(),
        diagnostic: bounce.diagnostic.clone(),
        extensions: Vec::new(),
    };
    let report = Report {
        sender: &bounce.sender,
        to: source,
        original,
        explanation: &bounce.explanation,
        mta: "dns; inbound-smtp.amazonaws.com",
        failed: bounce.recipients.into_iter().map(failed).collect(),
    };
    let (raw, to) = (Bytes::from(report.mail()), [source.to_owned()]);
    // A sender or a rule whose address is none: there is nobody to write to, or to write.
    let Ok(draft) = Draft::of_raw(raw, Some(&bounce.sender), &to) else { return Ok(false) };
    let options = SendOptions { operation: "SendBounce", ..SendOptions::default() };
    let (via, mode, tags) = (Via::Ses, Mode::Lenient, Vec::new());
    let mail = AcceptMail { draft, via, mode, tags, config_set: None, options };
    mail.apply(state, context, changes).map(|accepted| accepted.posted)
}

/// Whether the filters and rules of the account let a mail in that comes by SMTP.
fn check_arrival(state: &State, caller: &Caller, mail: &AcceptMail) -> Result<(), Error> {
    let Some(arrival) = mail.options.arrival else { return Ok(()) };
    let home = home(caller);
    if state.records.none(&home) {
        return Ok(());
    }
    let refused = |code, text| Err(Error::Refused { code, query: code, status: 400, text });
    if !arrival.login && blocked(state, &home, arrival.peer) {
        let text = format!("Mail from {} is blocked by an IP address filter", arrival.peer);
        return refused("IpAddressBlocked", text);
    }
    let draft = &mail.draft;
    let recipients: Vec<&String> = draft.to.iter().chain(&draft.cc).chain(&draft.bcc).collect();
    if !arrival.tls && wants_tls(state, &home, &recipients) {
        return refused("TlsRequired", "Must issue a STARTTLS command first".to_owned());
    }
    Ok(())
}

/// The configuration set of the identity that sends.
fn default_set(state: &State, caller: &Caller, draft: &Draft) -> Option<String> {
    let known = state.identities.get(&home(caller))?;
    let source = normal(draft.senders.first().unwrap_or(&draft.source));
    let domain = source.rsplit('@').next().unwrap_or_default();
    known.get(&source).or_else(|| known.get(domain))?.config_set.clone()
}

/// Whether the account, its sandbox and the configuration set let this mail pass.
fn check_sender(
    state: &State,
    caller: &Caller,
    mail: &AcceptMail,
    set: Option<&str>,
    now: Millis,
) -> Result<(), Error> {
    let home = home(caller);
    let paused = |record: Option<&Record>, member: &str| {
        record.and_then(|r| r.get(member)).is_some_and(|o| o["SendingEnabled"] == json!(false))
    };
    let refused = |query, text: String| Error::Refused {
        code: "SendingPausedException",
        query,
        status: 400,
        text,
    };
    if paused(state.records.get(&home, ACCOUNT.name, ""), "Sending") {
        let text = "Email sending is disabled for your account.".to_owned();
        return Err(refused("AccountSendingPausedException", text));
    }
    if let Some(set) = set {
        let record = state.records.get(&home, CONFIG_SET.name, set);
        if record.is_none() && mail.mode != Mode::Lenient {
            return Err(CONFIG_SET.missing(set));
        }
        if paused(record, "SendingOptions") {
            let text = format!("Sending is disabled for configuration set <{set}>.");
            return Err(refused("ConfigurationSetSendingPausedException", text));
        }
    }
    if mail.mode == Mode::Lenient {
        return Ok(());
    }
    let draft = &mail.draft;
    let mut checked: Vec<&String> = draft.senders.iter().collect();
    if let Some(arn) = &mail.options.source_arn {
        let action = if mail.via == Via::Smtp { "SendRawEmail" } else { mail.options.operation };
        Delegation { arn, caller, draft, action, now }.check(state)?;
        checked.clear();
    }
    if mail.mode == Mode::Sandbox {
        let simulated = |a: &&String| !a.to_lowercase().ends_with("@simulator.amazonses.com");
        checked.extend(draft.to.iter().chain(&draft.cc).chain(&draft.bcc).filter(simulated));
    }
    let unverified = checked.into_iter().filter(|a| !state.is_verified(caller, a));
    let identities: Vec<String> = unverified.cloned().collect();
    if identities.is_empty() {
        return Ok(());
    }
    Err(Error::Unverified { identities, region: caller.region.clone() })
}

/// The header as it is delivered, with the empty line.
fn finished_head(draft: &Draft, region: &str, now: Millis, id: &str) -> Vec<u8> {
    let end = draft.line_end;
    let mut head = Vec::with_capacity(draft.head.len() + 320);
    let mut put = |parts: &[&str]| {
        parts.iter().for_each(|part| head.extend_from_slice(part.as_bytes()));
    };
    if !draft.has_date {
        let date = now.http_date();
        put(&["Date: ", date.trim_end_matches("GMT"), "+0000", end]);
    }
    if !draft.has_id {
        let host = if region == "us-east-1" { "email" } else { region };
        put(&["Message-ID: <", id, "@", host, ".amazonses.com>", end]);
    }
    // What every mail from SES carries: where complaints belong, and when and where it went out.
    put(&["Feedback-ID: ::1.", region, ".devenv:AmazonSES", end, "X-SES-Outgoing: "]);
    let (year, month, day, ..) = now.civil();
    put(&[&format!("{year:04}.{month:02}.{day:02}"), "-127.0.0.1", end]);
    head.extend_from_slice(&draft.head);
    head.extend_from_slice(end.as_bytes());
    head
}

/// `0100018c8a0f5d3a-6a4c7c5c-…-000000`: four digits for the region, twelve for the instant, a UUID.
pub fn message_id(region: &str, now: Millis, uuid: &str) -> String {
    let prefix = match region {
        "us-west-2" => "0101",
        "eu-west-1" => "0102",
        "ap-northeast-1" => "0106",
        "eu-central-1" => "0107",
        "ap-southeast-2" => "0108",
        "ap-south-1" => "0109",
        "eu-west-2" => "010b",
        "ap-northeast-2" => "010c",
        "ca-central-1" => "010d",
        "ap-southeast-1" => "010e",
        "us-east-2" => "010f",
        _ => "0100",
    };
    format!("{prefix}{:012x}-{uuid}-000000", now.0.max(0) & 0xffff_ffff_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Ids;
    use bytes::Bytes;

    fn accept(mode: Mode, raw: &'static str) -> (State, Result<Accepted, Error>, Vec<Change>) {
        let caller = Caller::internal("000000000000", "us-east-1", "");
        let mut ids = Ids::seeded(1);
        let now = Millis(1_693_000_803_000);
        let mut context = Context { now, ids: &mut ids, caller: &caller };
        let draft = Draft::of_raw(Bytes::from_static(raw.as_bytes()), None, &[]).unwrap();
        let mail = AcceptMail {
            draft,
            via: Via::Ses,
            mode,
            tags: vec![],
            config_set: None,
            options: SendOptions::default(),
        };
        let (mut state, mut changes) = (State::default(), Vec::new());
        let result = mail.apply(&mut state, &mut context, &mut changes);
        (state, result, changes)
    }

    #[test]
    fn the_id_and_the_date_are_added_as_ses_does() {
        let (state, result, changes) =
            accept(Mode::Lenient, "From: a@b.c\r\nTo: d@e.f\r\nDate: x\r\n\r\nhi");
        let id = result.unwrap().message_id;
        assert!(id.starts_with("01000") && id.ends_with("-000000"), "{id}");
        assert_eq!(id.len(), "0100018a2ed2cbb8-6a4c7c5c-0b4f-4f3e-9d0a-5f8b9d7a1b2c-000000".len());
        let Change::MailPut { mail, head, body, finish: None } = &changes[0] else {
            panic!("no mail")
        };
        assert_eq!(
            String::from_utf8_lossy(head),
            format!(
                "Date: Fri, 25 Aug 2023 22:00:03 +0000\r\nMessage-ID: <{id}@email.amazonses.com>\r\n\
                 Feedback-ID: ::1.us-east-1.devenv:AmazonSES\r\n\
                 X-SES-Outgoing: 2023.08.25-127.0.0.1\r\nFrom: a@b.c\r\nTo: d@e.f\r\n\r\n"
            )
        );
        assert_eq!((mail.size, mail.seq), (head.len() + 2, 1));
        assert_eq!(body.held().unwrap(), &b"hi"[..]);
        assert_eq!(state.sent.values().next().unwrap().values().sum::<u64>(), 1);
    }

    #[test]
    fn strict_mode_names_the_senders_that_nobody_verified() {
        let (state, result, changes) =
            accept(Mode::Strict, "From: a@b.c, z@b.c\r\nTo: d@e.f\r\n\r\nhi");
        use crate::services::ServiceError;
        let error = result.unwrap_err();
        assert_eq!(error.code(), "MessageRejected");
        assert_eq!(
            error.message(),
            "Email address is not verified. The following identities failed the check in region US-EAST-1: a@b.c, z@b.c"
        );
        assert_eq!((state, changes.len()), (State::default(), 0));
    }
}
