//! The one way in: every mail, whether by v1, v2 or SMTP, is accepted here.
//!
//! The id and the fields that SES adds: <https://docs.aws.amazon.com/ses/latest/dg/header-fields.html>.

use crate::base::{Context, Millis};
use crate::services::Operation;
use crate::services::ses::draft::Draft;
use crate::services::ses::error::Error;
use crate::services::ses::mail::{Mail, Via};
use crate::services::ses::state::{Change, Mode, State, home, slot_of};
use serde::Serialize;

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
}

/// What the sender hears.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Accepted {
    /// SES's message id.
    pub message_id: String,
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
        if self.mode == Mode::Strict {
            let unverified = |a: &&String| !state.is_verified(context.caller, a);
            let identities: Vec<_> =
                self.draft.senders.iter().filter(unverified).cloned().collect();
            if !identities.is_empty() {
                return Err(Error::Unverified { identities, region: region.clone() });
            }
        }
        let draft = self.draft;
        let id = message_id(region, context.now, &context.ids.uuid());
        let head = finished_head(&draft, region, context.now, &id);
        let home = home(context.caller);
        let recipients = draft.recipients() as u64;
        let slot = slot_of(context.now);
        state.last_mail += 1;
        let mail = Mail {
            seq: state.last_mail,
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
            config_set: self.config_set,
            tags: self.tags,
        };
        changes.push(Change::MailPut { mail: Box::new(mail), head, body: draft.body });
        changes.push(state.count_sent(home, slot, recipients));
        Ok(Accepted { message_id: id })
    }
}

/// The header as it is delivered, with the empty line.
fn finished_head(draft: &Draft, region: &str, now: Millis, id: &str) -> Vec<u8> {
    let end = draft.line_end;
    let mut head = Vec::with_capacity(draft.head.len() + 320);
    if !draft.has_date {
        let date = now.http_date().replace("GMT", "+0000");
        head.extend_from_slice(format!("Date: {date}{end}").as_bytes());
    }
    if !draft.has_id {
        let host = if region == "us-east-1" { "email" } else { region };
        head.extend_from_slice(format!("Message-ID: <{id}@{host}.amazonses.com>{end}").as_bytes());
    }
    // What every mail from SES carries: where complaints belong, and when and where it went out.
    let (year, month, day, ..) = now.civil();
    head.extend_from_slice(
        format!(
            "Feedback-ID: ::1.{region}.devenv:AmazonSES{end}\
             X-SES-Outgoing: {year:04}.{month:02}.{day:02}-127.0.0.1{end}"
        )
        .as_bytes(),
    );
    head.extend_from_slice(&draft.head);
    head.extend_from_slice(end.as_bytes());
    head
}

/// `0100018c8a0f5d3a-6a4c7c5c-…-000000`: four digits for the region, twelve for the instant, a UUID.
fn message_id(region: &str, now: Millis, uuid: &str) -> String {
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
    use crate::base::{Caller, Ids};
    use bytes::Bytes;

    fn accept(mode: Mode, raw: &'static str) -> (State, Result<Accepted, Error>, Vec<Change>) {
        let caller = Caller::internal("000000000000", "us-east-1", "");
        let mut ids = Ids::seeded(1);
        let now = Millis(1_693_000_803_000);
        let mut context = Context { now, ids: &mut ids, caller: &caller };
        let draft = Draft::of_raw(Bytes::from_static(raw.as_bytes()), None, &[]).unwrap();
        let mail = AcceptMail { draft, via: Via::Ses, mode, tags: vec![], config_set: None };
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
        let Change::MailPut { mail, head, body } = &changes[0] else { panic!("no mail") };
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
