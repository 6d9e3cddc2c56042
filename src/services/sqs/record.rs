//! The changes that come with every message, as the journal keeps them: one list a job, in
//! postcard's compact form, behind the number of that form.
//!
//! What is rare (a queue made, purged or deleted, a move task) goes to the tables at once instead.

use super::dedup::Remembered;
use super::message::{AttributeValue, Content, Delivery};
use super::state::Change;
use crate::base::Millis;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// The form of the records. Any change of the types below changes their bytes, and needs a new number.
const FORM: u8 = 1;

/// A change, borrowed from the one that is written and owned by the one that is read.
#[derive(Serialize, Deserialize)]
enum Kept<'a> {
    Reserved {
        queue: u64,
        positions: u64,
    },
    Sent {
        row: u64,
        available: i64,
        #[serde(borrow)]
        content: KeptContent<'a>,
    },
    /// Row, receives, first received, received, until, nonce, released.
    Delivered(u64, u32, i64, i64, i64, u64, bool),
    Deleted {
        row: u64,
        frees: bool,
    },
    Remembered {
        row: u64,
        group: Option<Cow<'a, str>>,
        id: Cow<'a, str>,
        sent: i64,
        message_id: u128,
        sequence: u64,
    },
    Forgotten {
        row: u64,
    },
}

#[derive(Serialize, Deserialize)]
struct KeptContent<'a> {
    message_id: u128,
    body: Cow<'a, str>,
    sender: Cow<'a, str>,
    sent: i64,
    sequence: u64,
    attributes: Vec<KeptAttribute<'a>>,
    trace: Option<Cow<'a, str>>,
    group: Option<Cow<'a, str>>,
    deduplication: Option<Cow<'a, str>>,
    source: Option<Cow<'a, str>>,
}

/// A user attribute: name, type, text, and base64 of a binary one.
type KeptAttribute<'a> = (Cow<'a, str>, Cow<'a, str>, Option<Cow<'a, str>>, Option<Cow<'a, str>>);

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
    Ok(kept.into_iter().map(change).collect())
}

fn keep(change: &Change) -> Option<Kept<'_>> {
    Some(match change {
        Change::Reserved { queue, positions } => {
            Kept::Reserved { queue: *queue, positions: *positions }
        }
        Change::Sent { row, content, available } => {
            Kept::Sent { row: *row, available: available.0, content: keep_content(content) }
        }
        Change::Delivered { row, delivery } => {
            let Delivery { receives, first_received, received, until, nonce, released } = *delivery;
            Kept::Delivered(*row, receives, first_received.0, received.0, until.0, nonce, released)
        }
        Change::Deleted { row, frees } => Kept::Deleted { row: *row, frees: *frees },
        Change::Remembered { sent } => Kept::Remembered {
            row: sent.row,
            group: sent.group.as_deref().map(Cow::from),
            id: Cow::from(&sent.id),
            sent: sent.sent.0,
            message_id: sent.message_id,
            sequence: sent.sequence,
        },
        Change::Forgotten { row } => Kept::Forgotten { row: *row },
        Change::QueuePut { .. }
        | Change::QueueDeleted { .. }
        | Change::Purged { .. }
        | Change::TaskPut { .. }
        | Change::TaskForgotten { .. } => return None,
    })
}

fn keep_content(content: &Content) -> KeptContent<'_> {
    // The digest follows from the body.
    let Content { message_id, body, md5: _, attributes, trace, sender, sent, .. } = content;
    let Content { group, deduplication, sequence, source, .. } = content;
    KeptContent {
        message_id: *message_id,
        body: Cow::Borrowed(body),
        sender: Cow::Borrowed(sender),
        sent: sent.0,
        sequence: *sequence,
        attributes: attributes.iter().map(keep_attribute).collect(),
        trace: trace.as_deref().map(Cow::from),
        group: group.as_deref().map(Cow::from),
        deduplication: deduplication.as_deref().map(Cow::from),
        source: source.as_deref().map(Cow::from),
    }
}

fn keep_attribute<'a>((name, value): (&'a String, &'a AttributeValue)) -> KeptAttribute<'a> {
    let AttributeValue { data_type, string_value, binary_value } = value;
    let (text, binary) = (string_value.as_deref(), binary_value.as_deref());
    (name.into(), data_type.into(), text.map(Cow::from), binary.map(Cow::from))
}

fn attribute((name, data_type, text, binary): KeptAttribute<'_>) -> (String, AttributeValue) {
    let value = AttributeValue {
        data_type: data_type.into_owned(),
        string_value: text.map(Cow::into_owned),
        binary_value: binary.map(Cow::into_owned),
    };
    (name.into_owned(), value)
}

fn change(kept: Kept<'_>) -> Change {
    match kept {
        Kept::Reserved { queue, positions } => Change::Reserved { queue, positions },
        Kept::Sent { row, available, content } => Change::Sent {
            row,
            content: content.into_content().into(),
            available: Millis(available),
        },
        Kept::Delivered(row, receives, first_received, received, until, nonce, released) => {
            let (first_received, received) = (Millis(first_received), Millis(received));
            let until = Millis(until);
            let delivery = Delivery { receives, first_received, received, until, nonce, released };
            Change::Delivered { row, delivery }
        }
        Kept::Deleted { row, frees } => Change::Deleted { row, frees },
        Kept::Remembered { row, group, id, sent, message_id, sequence } => {
            let (group, id) = (group.map(Cow::into_owned), id.into_owned());
            let sent = Remembered { row, group, id, sent: Millis(sent), message_id, sequence };
            Change::Remembered { sent }
        }
        Kept::Forgotten { row } => Change::Forgotten { row },
    }
}

impl KeptContent<'_> {
    fn into_content(self) -> Content {
        Content {
            message_id: self.message_id,
            md5: super::message::md5_of(&self.body),
            body: self.body.into(),
            attributes: self.attributes.into_iter().map(attribute).collect(),
            trace: self.trace.map(Into::into),
            sender: self.sender.into(),
            sent: Millis(self.sent),
            group: self.group.map(Into::into),
            deduplication: self.deduplication.map(Into::into),
            sequence: self.sequence,
            source: self.source.map(Into::into),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::{Attributes, md5_of};
    use super::*;

    fn content() -> Content {
        Content {
            message_id: u128::MAX - 5,
            body: "\"quoted\" \u{1f4e8}\n".into(),
            md5: md5_of("\"quoted\" \u{1f4e8}\n"),
            attributes: [
                ("kind".to_owned(), AttributeValue::text("é")),
                (
                    "bytes".to_owned(),
                    AttributeValue {
                        data_type: "Binary.png".into(),
                        string_value: None,
                        binary_value: Some("AAE=".into()),
                    },
                ),
            ]
            .into(),
            trace: Some("Root=1".into()),
            sender: "AIDA".into(),
            sent: Millis(-1),
            group: Some("g".into()),
            deduplication: Some("d".into()),
            sequence: u64::MAX,
            source: Some("arn".into()),
        }
    }

    fn every_frequent_change() -> Vec<Change> {
        let plain = Content {
            attributes: Attributes::new(),
            trace: None,
            group: None,
            deduplication: None,
            source: None,
            ..content()
        };
        let delivery = Delivery {
            receives: 3,
            first_received: Millis(1),
            received: Millis(2),
            until: Millis(i64::MAX),
            nonce: u64::MAX,
            released: true,
        };
        let remembered = Remembered {
            row: 9,
            group: None,
            id: "i\"d".into(),
            sent: Millis(4),
            message_id: 1,
            sequence: 8,
        };
        vec![
            Change::Reserved { queue: 1, positions: u64::MAX },
            Change::Sent { row: u64::MAX, content: content().into(), available: Millis(7) },
            Change::Sent { row: 1, content: plain.into(), available: Millis(i64::MIN) },
            Change::Delivered { row: 2, delivery },
            Change::Deleted { row: 3, frees: true },
            Change::Remembered { sent: remembered.clone() },
            Change::Remembered { sent: Remembered { group: Some("g".into()), ..remembered } },
            Change::Forgotten { row: 4 },
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
        let mut all = every_frequent_change();
        all.push(Change::Purged { queue: 1 });
        assert!(recorded(&all).is_none());
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
