//! The changes that come with every mail, as the journal keeps them: one list a job, in postcard's
//! compact form, behind the number of that form.
//!
//! What is rare (an identity, an event, a mail thrown away) goes to the tables at once instead, and so does
//! a mail whose body lies in a file: its row is what keeps that file.

use super::finish::Finish;
use super::mail::{Body, Mail, Via};
use super::state::Change;
use crate::base::Millis;
use serde::{Deserialize, Serialize, Serializer};
use std::borrow::Cow;

/// The form of the records. Any change of the types below changes their bytes, and needs a new number.
const FORM: u8 = 1;

/// A change, borrowed from the one that is written and owned by the one that is read.
#[derive(Serialize, Deserialize)]
enum Kept<'a> {
    Mail(#[serde(borrow)] Box<KeptMail<'a>>),
    /// Account, region, start of the quarter of an hour, recipients, whether they are its first.
    Sent(Cow<'a, str>, Cow<'a, str>, i64, u64, bool),
}

#[derive(Serialize, Deserialize)]
struct KeptMail<'a> {
    seq: i64,
    id: Cow<'a, str>,
    received: i64,
    account: Cow<'a, str>,
    region: Cow<'a, str>,
    via: Cow<'a, str>,
    source: Cow<'a, str>,
    to: Cow<'a, [String]>,
    cc: Cow<'a, [String]>,
    bcc: Cow<'a, [String]>,
    subject: Cow<'a, str>,
    config_set: Option<Cow<'a, str>>,
    tags: Cow<'a, [(String, String)]>,
    size: u64,
    #[serde(borrow, serialize_with = "bytes")]
    head: &'a [u8],
    #[serde(serialize_with = "bytes")]
    body: &'a [u8],
    /// As JSON, as it lies in the row.
    finish: Option<Cow<'a, str>>,
}

/// Bytes at once: serde takes a slice for a list of numbers.
fn bytes<S: Serializer>(bytes: &&[u8], to: S) -> Result<S::Ok, S::Error> {
    to.serialize_bytes(bytes)
}

/// Appends the record of these changes; whether none of them is of the rare kind.
pub(super) fn record(changes: &[Change], into: &mut Vec<u8>) -> bool {
    let Some(kept) = changes.iter().map(keep).collect::<Option<Vec<Kept<'_>>>>() else {
        return false;
    };
    into.push(FORM);
    let written = postcard::to_extend(&kept, std::mem::take(into));
    written.map(|bytes| *into = bytes).is_ok()
}

/// The changes of a record.
pub(super) fn changes(record: &[u8]) -> Result<Vec<Change>, String> {
    let Some((&FORM, bytes)) = record.split_first() else {
        return Err(format!("it is not of form {FORM}, which this devenv writes"));
    };
    let kept: Vec<Kept<'_>> = postcard::from_bytes(bytes).map_err(|e| e.to_string())?;
    kept.into_iter().map(change).collect()
}

fn keep(change: &Change) -> Option<Kept<'_>> {
    match change {
        Change::MailPut { mail, head, body, finish } => {
            let finish = finish.as_deref().map(serde_json::to_string).transpose().ok()?;
            Some(Kept::Mail(Box::new(keep_mail(mail, head, body.held()?, finish))))
        }
        Change::SentPut { home: (account, region), slot, recipients, first } => {
            Some(Kept::Sent(account.into(), region.into(), *slot, *recipients, *first))
        }
        Change::IdentityPut { .. }
        | Change::IdentityDelete { .. }
        | Change::KeyPut { .. }
        | Change::RecordPut { .. }
        | Change::RecordDelete { .. }
        | Change::EventPut { .. }
        | Change::MailsDelete { .. } => None,
    }
}

fn keep_mail<'a>(
    mail: &'a Mail,
    head: &'a [u8],
    body: &'a [u8],
    finish: Option<String>,
) -> KeptMail<'a> {
    let Mail { seq, id, received, account, region, via, source, to, cc, bcc, .. } = mail;
    let Mail { subject, config_set, tags, size, .. } = mail;
    KeptMail {
        seq: *seq,
        id: id.into(),
        received: received.0,
        account: account.into(),
        region: region.into(),
        via: via.name().into(),
        source: source.into(),
        to: to.into(),
        cc: cc.into(),
        bcc: bcc.into(),
        subject: subject.into(),
        config_set: config_set.as_deref().map(Cow::from),
        tags: tags.into(),
        size: *size as u64,
        head,
        body,
        finish: finish.map(Cow::from),
    }
}

fn change(kept: Kept<'_>) -> Result<Change, String> {
    let mail = match kept {
        Kept::Mail(mail) => *mail,
        Kept::Sent(account, region, slot, recipients, first) => {
            let home = (account.into_owned(), region.into_owned());
            return Ok(Change::SentPut { home, slot, recipients, first });
        }
    };
    let finish = mail.finish.as_deref().map(serde_json::from_str::<Box<Finish>>).transpose();
    let finish = finish.map_err(|e| e.to_string())?;
    let (head, body) = (mail.head.to_vec(), Body::Held(mail.body.to_vec().into()));
    Ok(Change::MailPut { mail: Box::new(mail.into_mail()), head, body, finish })
}

impl KeptMail<'_> {
    fn into_mail(self) -> Mail {
        Mail {
            seq: self.seq,
            id: self.id.into_owned(),
            received: Millis(self.received),
            account: self.account.into_owned(),
            region: self.region.into_owned(),
            via: Via::named(&self.via),
            source: self.source.into_owned(),
            to: self.to.into_owned(),
            cc: self.cc.into_owned(),
            bcc: self.bcc.into_owned(),
            subject: self.subject.into_owned(),
            config_set: self.config_set.map(Cow::into_owned),
            tags: self.tags.into_owned(),
            size: self.size as usize,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail() -> Mail {
        Mail {
            seq: i64::MAX,
            id: "0100-é".into(),
            received: Millis(-1),
            account: "000000000000".into(),
            region: "eu-west-1".into(),
            via: Via::SesV2,
            source: String::new(),
            to: vec!["a@example.com".into(), "\"b, c\"@example.com".into()],
            cc: vec!["d@example.com".into()],
            bcc: vec!["e@example.com".into()],
            subject: "line\n\u{1f4e8}".into(),
            config_set: Some("set".into()),
            tags: vec![("name".into(), "value".into())],
            size: 1 << 20,
        }
    }

    fn every_frequent_change() -> Vec<Change> {
        let plain = Mail {
            to: Vec::new(),
            cc: Vec::new(),
            bcc: Vec::new(),
            config_set: None,
            tags: Vec::new(),
            via: Via::Smtp,
            ..mail()
        };
        let finish = r#"{"sign":{"domain":"example.com","selector":"s","bits":2048}}"#;
        let finish: Finish = serde_json::from_str(finish).unwrap();
        let held = Body::Held(vec![0, 255, b'\r', b'\n'].into());
        let home = ("000000000000".to_owned(), "us-east-1".to_owned());
        vec![
            Change::MailPut {
                mail: Box::new(mail()),
                head: b"Subject: \xff\r\n\r\n".to_vec(),
                body: held,
                finish: Some(Box::new(finish)),
            },
            Change::MailPut {
                mail: Box::new(plain),
                head: Vec::new(),
                body: Body::Held(Vec::new().into()),
                finish: None,
            },
            Change::SentPut { home, slot: -900_000, recipients: u64::MAX, first: true },
        ]
    }

    fn recorded(all: &[Change]) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        record(all, &mut bytes).then_some(bytes)
    }

    #[test]
    fn what_is_recorded_is_read_back_as_it_was() {
        let all = every_frequent_change();
        assert_eq!(changes(&recorded(&all).unwrap()).unwrap(), all);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(mut bytes: Vec<u8>) {
            bytes.insert(0, FORM);
            let _ = changes(&bytes);
        }
    }

    #[test]
    fn a_rare_change_goes_to_the_tables_with_all_beside_it() {
        let body = Body::Stored { file: "0a".into(), bytes: 9 << 20 };
        let (mail, head) = (Box::new(mail()), Vec::new());
        for rare in
            [Change::MailsDelete { id: None }, Change::MailPut { mail, head, body, finish: None }]
        {
            let mut all = every_frequent_change();
            all.push(rare);
            assert!(recorded(&all).is_none());
        }
    }

    #[test]
    fn a_record_of_something_else_is_refused() {
        let mut other = recorded(&every_frequent_change()).unwrap();
        other[0] += 1;
        assert!(changes(&other).unwrap_err().contains("form 1"));
        assert!(changes(&[FORM, 1, 99]).is_err());
        assert!(changes(&[]).is_err());
    }
}
