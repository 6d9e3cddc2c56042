//! A mail on its way in: the envelope, and the bytes as they will be delivered but for the lines that
//! acceptance adds (`Date`, `Message-ID`). Raw mails keep their bytes; only whole header fields are
//! taken out.
//!
//! What SES takes out and overrides:
//! <https://docs.aws.amazon.com/ses/latest/dg/header-fields.html>

use super::address::{self, Mailbox};
use super::error::Error;
use super::limits::RECIPIENTS_MAX;
use super::mail::Body;
use super::ops::content::{MessageTag, tags as checked_tags};
use bytes::Bytes;
use mail_parser::{Address, Message, MessageParser};

/// How the fields begin that are meant for SES.
const OWN: &str = "x-ses-";

/// A mail that is complete but for its id and its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The envelope's sender.
    pub source: String,
    /// Whom strict mode wants verified.
    pub senders: Vec<String>,
    /// Recipients in `To`.
    pub to: Vec<String>,
    /// Recipients in `Cc`.
    pub cc: Vec<String>,
    /// Recipients that no header names.
    pub bcc: Vec<String>,
    /// Decoded subject.
    pub subject: String,
    /// Header fields, each with its line end.
    pub head: Vec<u8>,
    /// Whether `head` has a `Date`.
    pub has_date: bool,
    /// Whether `head` has a `Message-ID`.
    pub has_id: bool,
    /// `\r\n` or `\n`.
    pub line_end: &'static str,
    /// Everything behind the empty line.
    pub body: Body,
    /// What fields of the header asked SES for.
    pub asked: Asked,
}

/// What a raw mail asks SES for in its header; SES takes these fields out.
///
/// <https://docs.aws.amazon.com/ses/latest/dg/event-publishing-send-email.html>
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// `X-SES-CONFIGURATION-SET`.
    pub config_set: Option<String>,
    /// `X-SES-MESSAGE-TAGS`.
    pub tags: Vec<(String, String)>,
    /// `X-SES-SOURCE-ARN`, or `X-SES-FROM-ARN` where that is not there.
    pub source_arn: Option<String>,
}

impl Draft {
    /// How many recipients there are.
    pub fn recipients(&self) -> usize {
        self.to.len() + self.cc.len() + self.bcc.len()
    }

    /// Bytes so far.
    pub fn size(&self) -> usize {
        self.head.len() + self.body.len()
    }

    /// A raw mail given to SES's API. `source` and `destinations` override what the header says.
    pub fn of_raw(
        raw: Bytes,
        source: Option<&str>,
        destinations: &[String],
    ) -> Result<Draft, Error> {
        let mut split = Split::new(&raw);
        if split.fields.iter().any(|field| field.whole.starts_with(b":")) {
            return Err(Error::EmptyHeaderName);
        }
        split.drop_fields(&["bcc", "resent-bcc", "date", "message-id", "return-path"]);
        let header = Header::of(&raw[..split.body_at]);
        let from = header.addresses(Message::from);
        let source = source.map(address::parse_one).transpose()?.map(|m| m.address);
        let sender = source.clone().or_else(|| from.first().cloned());
        let sender = sender.ok_or(Error::HeaderMissing { name: "From" })?;
        from.iter().try_for_each(|a| address::check(a))?;
        let mut named = Vec::new();
        for text in destinations {
            named.extend(address::parse(text)?.into_iter().map(|m| m.address));
        }
        let (to, cc) = (header.addresses(Message::to), header.addresses(Message::cc));
        if named.is_empty() {
            named = [to.clone(), cc.clone(), header.addresses(Message::bcc)].concat();
        }
        if named.is_empty() {
            return Err(Error::HeaderMissing { name: "To" });
        }
        named.iter().try_for_each(|a| address::check(a))?;
        let mut draft = split.draft(&raw, sender.clone(), named, &to, &cc, header.subject())?;
        if from.is_empty() {
            let line = format!("From: {sender}{}", draft.line_end);
            draft.head.splice(0..0, line.into_bytes());
        }
        draft.senders = [from, source.into_iter().collect()].concat();
        draft.senders.dedup();
        Ok(draft)
    }

    /// A mail that came by SMTP with its envelope. Its `Date` and `Message-ID` stay, if it has them.
    pub fn of_smtp(raw: Bytes, source: &str, recipients: Vec<String>) -> Result<Draft, Error> {
        let mut split = Split::new(&raw);
        split.drop_fields(&["bcc", "resent-bcc"]);
        let header = Header::of(&raw[..split.body_at]);
        let (to, cc) = (header.addresses(Message::to), header.addresses(Message::cc));
        let mut draft =
            split.draft(&raw, source.to_owned(), recipients, &to, &cc, header.subject())?;
        draft.senders = header.addresses(Message::from);
        if draft.senders.is_empty() {
            draft.senders = vec![source.to_owned()];
        }
        Ok(draft)
    }
}

/// Refuses more recipients than SES serves with one mail.
pub fn check_recipients(count: usize) -> Result<(), Error> {
    if count > RECIPIENTS_MAX { Err(Error::TooManyRecipients) } else { Ok(()) }
}

/// The length of the header with which a mail begins, if it ends within `beginning`.
pub fn header_length(beginning: &[u8]) -> Option<usize> {
    let lines = beginning.iter().rposition(|b| *b == b'\n').map_or(0, |n| n + 1);
    let header = &beginning[..Split::new(&beginning[..lines]).body_at];
    let empty_line = header.ends_with(b"\n\n") || header.ends_with(b"\n\r\n");
    let ended = header.len() < lines || empty_line || matches!(header, b"\n" | b"\r\n");
    ended.then_some(header.len())
}

/// The addresses of mailboxes.
pub fn addresses(mailboxes: &[Mailbox]) -> Vec<String> {
    mailboxes.iter().map(|m| m.address.clone()).collect()
}

/// A parsed header, for what it says of the mail.
struct Header<'x>(Option<Message<'x>>);

impl<'x> Header<'x> {
    fn of(bytes: &'x [u8]) -> Self {
        Header(MessageParser::default().parse_headers(bytes))
    }

    fn addresses<'a>(
        &'a self,
        field: impl FnOnce(&'a Message<'x>) -> Option<&'a Address<'x>>,
    ) -> Vec<String> {
        let Some(list) = self.0.as_ref().and_then(field) else { return Vec::new() };
        // A text that is no address is kept: the check names what is wrong with it.
        list.iter().filter_map(|a| a.address().or(a.name())).map(|a| a.trim().to_owned()).collect()
    }

    fn subject(&self) -> String {
        self.0.as_ref().and_then(|m| m.subject()).unwrap_or_default().to_owned()
    }
}

/// One field with its continuation lines.
pub(super) struct Field<'a> {
    /// In lower case.
    pub(super) name: String,
    pub(super) whole: &'a [u8],
}

/// A raw mail cut into fields and body.
pub(super) struct Split<'a> {
    pub(super) fields: Vec<Field<'a>>,
    pub(super) body_at: usize,
    pub(super) line_end: &'static str,
}

impl<'a> Split<'a> {
    pub(super) fn new(raw: &'a [u8]) -> Self {
        let first = raw.iter().position(|b| *b == b'\n');
        let crlf = first.is_none_or(|n| n > 0 && raw[n - 1] == b'\r');
        let mut split =
            Split { fields: Vec::new(), body_at: 0, line_end: if crlf { "\r\n" } else { "\n" } };
        let mut field_at = 0;
        while split.body_at < raw.len() {
            let at = split.body_at;
            let end = raw[at..].iter().position(|b| *b == b'\n').map_or(raw.len(), |n| at + n + 1);
            let line = &raw[at..end];
            let folded = line.starts_with(b" ") || line.starts_with(b"\t");
            let mbox = at == 0 && line.starts_with(b"From ");
            if line == b"\r\n" || line == b"\n" {
                split.body_at = end;
                break;
            } else if folded && let Some(field) = split.fields.last_mut() {
                field.whole = &raw[field_at..end];
            } else if let Some(name) = field_name(line) {
                split.fields.push(Field { name, whole: line });
                field_at = at;
            } else if !mbox {
                // No field, no continuation: the body has begun without an empty line.
                break;
            }
            split.body_at = end;
        }
        split
    }

    fn drop_fields(&mut self, names: &[&str]) {
        self.fields.retain(|field| !names.contains(&field.name.as_str()));
    }

    /// Takes out the fields that are meant for SES.
    fn take_asked(&mut self) -> Result<Asked, Error> {
        let mut asked = Asked::default();
        let (own, rest) =
            std::mem::take(&mut self.fields).into_iter().partition(|f| f.name.starts_with(OWN));
        self.fields = rest;
        let own: Vec<Field<'_>> = own;
        for field in own {
            let value = String::from_utf8_lossy(field.whole);
            let value = value.split_once(':').map_or("", |(_, value)| value).trim();
            match &field.name[OWN.len()..] {
                "configuration-set" => asked.config_set = Some(value.to_owned()),
                "source-arn" => asked.source_arn = Some(value.to_owned()),
                "from-arn" if asked.source_arn.is_none() => {
                    asked.source_arn = Some(value.to_owned());
                }
                "message-tags" => {
                    let pairs =
                        value.split(',').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
                    let tags = pairs.map(|(name, value)| MessageTag {
                        name: name.trim().to_owned(),
                        value: value.trim().to_owned(),
                    });
                    asked.tags = checked_tags(tags.collect())?;
                }
                _ => {}
            }
        }
        Ok(asked)
    }

    fn draft(
        mut self,
        raw: &Bytes,
        source: String,
        recipients: Vec<String>,
        to: &[String],
        cc: &[String],
        subject: String,
    ) -> Result<Draft, Error> {
        check_recipients(recipients.len())?;
        let asked = self.take_asked()?;
        let mut head = Vec::with_capacity(self.body_at + 128);
        for field in &self.fields {
            head.extend_from_slice(field.whole);
            if !field.whole.ends_with(b"\n") {
                head.extend_from_slice(self.line_end.as_bytes());
            }
        }
        let has = |name: &str| self.fields.iter().any(|f| f.name == name);
        let among = |list: &[String], a: &String| list.iter().any(|b| b.eq_ignore_ascii_case(a));
        let (in_to, rest): (Vec<_>, Vec<_>) = recipients.into_iter().partition(|a| among(to, a));
        let (in_cc, bcc): (Vec<_>, Vec<_>) = rest.into_iter().partition(|a| among(cc, a));
        Ok(Draft {
            source,
            senders: Vec::new(),
            to: in_to,
            cc: in_cc,
            bcc,
            subject,
            has_date: has("date"),
            has_id: has("message-id"),
            head,
            line_end: self.line_end,
            body: raw.slice(self.body_at..).into(),
            asked,
        })
    }
}

/// The name before the colon, in lower case; empty if the line begins with the colon.
fn field_name(line: &[u8]) -> Option<String> {
    let colon = line.iter().position(|b| *b == b':')?;
    let name = std::str::from_utf8(&line[..colon]).ok()?.trim_end();
    name.bytes().all(|b| b.is_ascii_graphic()).then(|| name.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    const RAW: &str = "From: Jane <jane@example.com>\r\nTo: a@x.org\r\nCc: b@x.org\r\nbcc: c@x.org,\r\n\
        \td@x.org\r\nMessage-Id: <own@x>\r\nSubject: =?UTF-8?Q?caf=C3=A9?=\r\n\r\nBody\r\nBcc: not a header\r\n";

    fn raw(text: &str, source: Option<&str>, to: &[&str]) -> Result<Draft, Error> {
        let to: Vec<String> = to.iter().map(|t| (*t).to_owned()).collect();
        Draft::of_raw(Bytes::copy_from_slice(text.as_bytes()), source, &to)
    }

    #[test]
    fn blind_copies_leave_the_header_and_stay_in_the_envelope() {
        let draft = raw(RAW, None, &[]).unwrap();
        let head = String::from_utf8(draft.head).unwrap();
        assert_eq!(
            head,
            "From: Jane <jane@example.com>\r\nTo: a@x.org\r\nCc: b@x.org\r\nSubject: =?UTF-8?Q?caf=C3=A9?=\r\n"
        );
        assert_eq!((draft.to, draft.cc), (vec!["a@x.org".to_owned()], vec!["b@x.org".to_owned()]));
        assert_eq!(draft.bcc, ["c@x.org", "d@x.org"]);
        assert_eq!((draft.subject.as_str(), draft.source.as_str()), ("café", "jane@example.com"));
        assert_eq!(draft.body.held().unwrap(), &b"Body\r\nBcc: not a header\r\n"[..]);
        assert!(!draft.has_id);
    }

    #[test]
    fn destinations_and_source_override_the_header() {
        let draft = raw(RAW, Some("bounce@example.com"), &["z@x.org", "a@x.org"]).unwrap();
        assert_eq!((draft.to, draft.bcc), (vec!["a@x.org".into()], vec!["z@x.org".to_owned()]));
        assert_eq!(draft.senders, ["jane@example.com", "bounce@example.com"]);
        let bare = raw("Subject: x\n\nhi", Some("s@example.com"), &["z@x.org"]).unwrap();
        assert_eq!(bare.head, b"From: s@example.com\nSubject: x\n");
    }

    #[test]
    fn what_is_missing_is_named() {
        let of = |text, to: &[&str]| raw(text, None, to).unwrap_err();
        assert_eq!(of("To: a@b.c\r\n\r\n", &[]), Error::HeaderMissing { name: "From" });
        assert_eq!(of("From: a@b.c\r\n\r\nTo: x@y.z", &[]), Error::HeaderMissing { name: "To" });
        assert_eq!(of("\r\nFrom: a@b.c\r\n", &["a@b.c"]), Error::HeaderMissing { name: "From" });
        assert_eq!(of(": x\r\nFrom: a@b.c\r\n\r\n", &["a@b.c"]), Error::EmptyHeaderName);
        let many: Vec<String> = (0..51).map(|n| format!("u{n}@example.com")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(of("From: a@b.c\r\n\r\n", &many), Error::TooManyRecipients);
        assert!(matches!(of("From: nobody\r\n\r\n", &["a@b.c"]), Error::Address(_)));
    }

    #[test]
    fn a_body_without_a_header_stays_a_body() {
        for text in ["just text\r\n", ".first\r\nBcc: a@b.c\r\n", " folded: x\r\n"] {
            let raw = Bytes::from_static(text.as_bytes());
            let draft = Draft::of_smtp(raw.clone(), "", vec![]).unwrap();
            assert_eq!((draft.head.len(), draft.body), (0, Body::from(raw)));
        }
        let mbox = b"From a@b.c Mon Nov 23 10:00:00 2026\nSubject : s\n\nx";
        let draft = Draft::of_smtp(Bytes::from_static(mbox), "", vec![]).unwrap();
        assert_eq!(&draft.head[..], &b"Subject : s\n"[..]);
        assert_eq!(draft.body.held().unwrap(), &b"x"[..]);
    }

    #[test]
    fn fields_for_ses_are_heard_and_taken_out() {
        let mail = "From: a@b.c\r\nTo: d@e.f\r\nX-SES-CONFIGURATION-SET: set-1\r\nX-SES-MESSAGE-TAGS: a=1,\r\n b=2\r\n\
            X-Ses-From-Arn: arn\r\nX-Other: stays\r\n\r\nX-SES-BODY: stays\r\n";
        let draft = raw(mail, None, &[]).unwrap();
        assert_eq!(draft.head, b"From: a@b.c\r\nTo: d@e.f\r\nX-Other: stays\r\n");
        assert_eq!(draft.asked.config_set.as_deref(), Some("set-1"));
        assert_eq!(draft.asked.tags, [("a".into(), "1".into()), ("b".into(), "2".to_owned())]);
        let wrong = mail.replace("a=1", "a:b=1");
        assert!(matches!(raw(&wrong, None, &[]), Err(Error::TagNameInvalid { .. })));
    }

    #[test]
    fn a_header_ends_where_it_ends_in_the_whole_mail() {
        let mails =
            [RAW, "no header\r\nat all\r\n", "A: b\nC: d\n\nbody\n\nmore\n", "\r\nbody\r\n"];
        for mail in mails.map(str::as_bytes) {
            let whole = Split::new(mail).body_at;
            for end in 0..=mail.len() {
                let length = header_length(&mail[..end]);
                assert!(length.is_none_or(|length| length == whole), "{end}");
            }
            assert_eq!(header_length(mail), Some(whole));
        }
    }

    #[test]
    fn a_mail_by_smtp_keeps_its_own_id() {
        let draft = Draft::of_smtp(Bytes::from_static(RAW.as_bytes()), "", vec!["q@x.org".into()]);
        let draft = draft.unwrap();
        assert!(draft.has_id && !draft.has_date);
        assert_eq!(draft.bcc, ["q@x.org"]);
        assert!(!String::from_utf8_lossy(&draft.head).contains("c@x.org"));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(raw in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
            let bytes = Bytes::from(raw);
            let _ = Draft::of_raw(bytes.clone(), None, &[]);
            let draft = Draft::of_smtp(bytes.clone(), "a@b.c", vec!["a@b.c".into()]).unwrap();
            proptest::prop_assert!(bytes.ends_with(draft.body.held().unwrap()));
        }

        #[test]
        fn no_header_panics(raw in "(From|To|Bcc|Date|Subject|X|)[:;]?[ -~é\r\n\t]{0,80}\r?\n\r?\n?[ -~]{0,20}") {
            let bytes = Bytes::from(raw.into_bytes());
            let _ = Draft::of_raw(bytes.clone(), Some("a@b.c"), &["b@c.d".to_owned()]);
            let _ = Draft::of_smtp(bytes, "", vec![]);
        }
    }
}
