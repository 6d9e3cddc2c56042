//! The changes that come with every message, as the journal keeps them: one list a job, in
//! postcard's compact form, behind the number of that form.
//!
//! What is rare (a queue made, purged or deleted, a move task) goes to the tables at once instead.

use super::dedup::Remembered;
use super::message::{AttributeValue, Content, Delivery};
use super::positions::Row;
use super::state::Change;
use crate::base::Millis;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// The form of the records. Any change of the types below changes their bytes, and needs a new number.
const FORM: u8 = 1;

/// A change, borrowed from the one that is written and owned by the one that is read. Those `Before` are of
/// the time when positions were counted by queue; they are read and no longer written.
#[derive(Serialize, Deserialize)]
enum Kept<'a> {
    ReservedBefore(u64, u64),
    SentBefore(u64, i64, #[serde(borrow)] KeptContent<'a>),
    DeliveredBefore(u64, KeptDelivery),
    DeletedBefore(u64, bool),
    RememberedBefore(u64, #[serde(borrow)] KeptMemory<'a>),
    /// The position.
    Forgotten(u64),
    /// The first position that is not in use.
    Reserved(u64),
    /// Where, when it can be received first, and what.
    Sent(KeptRow, i64, #[serde(borrow)] KeptContent<'a>),
    Delivered(KeptRow, KeptDelivery),
    /// Where, and whether that frees others.
    Deleted(KeptRow, bool),
    Remembered(KeptRow, #[serde(borrow)] KeptMemory<'a>),
}

/// Queue and position.
type KeptRow = (u64, u64);

/// Receives, first received, received, until, nonce, released.
type KeptDelivery = (u32, i64, i64, i64, u64, bool);

#[derive(Serialize, Deserialize)]
struct KeptMemory<'a> {
    group: Option<Cow<'a, str>>,
    id: Cow<'a, str>,
    sent: i64,
    message_id: u128,
    sequence: u64,
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
    Ok(kept.into_iter().filter_map(change).collect())
}

fn keep(change: &Change) -> Option<Kept<'_>> {
    Some(match change {
        Change::Reserved { positions } => Kept::Reserved(*positions),
        Change::Sent { row, content, available } => {
            Kept::Sent(keep_row(*row), available.0, keep_content(content))
        }
        Change::Delivered { row, delivery } => {
            Kept::Delivered(keep_row(*row), keep_delivery(*delivery))
        }
        Change::Deleted { row, frees } => Kept::Deleted(keep_row(*row), *frees),
        Change::Remembered { sent } => Kept::Remembered(keep_row(sent.row), keep_memory(sent)),
        Change::Forgotten { position } => Kept::Forgotten(*position),
        Change::QueuePut { .. }
        | Change::QueueDeleted { .. }
        | Change::Purged { .. }
        | Change::TaskPut { .. }
        | Change::TaskForgotten { .. } => return None,
    })
}

fn keep_row(Row { queue, position }: Row) -> KeptRow {
    (queue, position)
}

fn keep_delivery(delivery: Delivery) -> KeptDelivery {
    let Delivery { receives, first_received, received, until, nonce, released } = delivery;
    (receives, first_received.0, received.0, until.0, nonce, released)
}

fn keep_memory(sent: &Remembered) -> KeptMemory<'_> {
    let Remembered { row: _, group, id, sent, message_id, sequence } = sent;
    KeptMemory {
        group: group.as_deref().map(Cow::from),
        id: id.into(),
        sent: sent.0,
        message_id: *message_id,
        sequence: *sequence,
    }
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

/// The change; `None` for what no longer counts.
fn change(kept: Kept<'_>) -> Option<Change> {
    Some(match kept {
        // The tables count on behind all positions of that time.
        Kept::ReservedBefore(..) => return None,
        Kept::SentBefore(row, available, content) => sent(row_before(row), available, content),
        Kept::DeliveredBefore(row, delivery) => delivered(row_before(row), delivery),
        Kept::DeletedBefore(row, frees) => Change::Deleted { row: row_before(row), frees },
        Kept::RememberedBefore(row, memory) => remembered(row_before(row), memory),
        Kept::Forgotten(position) => Change::Forgotten { position },
        Kept::Reserved(positions) => Change::Reserved { positions },
        Kept::Sent(row, available, content) => sent(row_of(row), available, content),
        Kept::Delivered(row, delivery) => delivered(row_of(row), delivery),
        Kept::Deleted(row, frees) => Change::Deleted { row: row_of(row), frees },
        Kept::Remembered(row, memory) => remembered(row_of(row), memory),
    })
}

fn row_of((queue, position): KeptRow) -> Row {
    Row { queue, position }
}

/// A row of the time when it held its queue in its upper bits.
fn row_before(row: u64) -> Row {
    Row { queue: row >> 40, position: row }
}

fn sent(row: Row, available: i64, content: KeptContent<'_>) -> Change {
    Change::Sent { row, content: content.into_content().into(), available: Millis(available) }
}

fn delivered(row: Row, kept: KeptDelivery) -> Change {
    let (receives, first_received, received, until, nonce, released) = kept;
    let [first_received, received, until] = [first_received, received, until].map(Millis);
    let delivery = Delivery { receives, first_received, received, until, nonce, released };
    Change::Delivered { row, delivery }
}

fn remembered(row: Row, kept: KeptMemory<'_>) -> Change {
    let KeptMemory { group, id, sent, message_id, sequence } = kept;
    let (group, id) = (group.map(Cow::into_owned), id.into_owned());
    let sent = Remembered { row, group, id, sent: Millis(sent), message_id, sequence };
    Change::Remembered { sent: sent.into() }
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
            row: Row { queue: 7, position: 9 },
            group: None,
            id: "i\"d".into(),
            sent: Millis(4),
            message_id: 1,
            sequence: 8,
        };
        let row = |position| Row { queue: 7, position };
        vec![
            Change::Reserved { positions: u64::MAX },
            Change::Sent { row: row(u64::MAX), content: content().into(), available: Millis(7) },
            Change::Sent { row: row(1), content: plain.into(), available: Millis(i64::MIN) },
            Change::Delivered { row: row(2), delivery },
            Change::Deleted { row: row(3), frees: true },
            Change::Remembered { sent: remembered.clone().into() },
            Change::Remembered {
                sent: Remembered { group: Some("g".into()), ..remembered }.into(),
            },
            Change::Forgotten { position: 4 },
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
        all.push(Change::Purged { messages: vec![(1, 2)] });
        assert!(recorded(&all).is_none());
    }

    /// The changes as they were recorded before, with the fields that they had.
    #[derive(Serialize)]
    #[allow(dead_code, reason = "the first ones stand for their numbers")]
    enum Before<'a> {
        Reserved {
            queue: u64,
            positions: u64,
        },
        Sent {
            row: u64,
            available: i64,
            content: KeptContent<'a>,
        },
        Delivered(u64, u32, i64, i64, i64, u64, bool),
        Deleted {
            row: u64,
            frees: bool,
        },
        Remembered {
            row: u64,
            group: Option<&'a str>,
            id: &'a str,
            sent: i64,
            message_id: u128,
            sequence: u64,
        },
        Forgotten {
            row: u64,
        },
    }

    #[test]
    fn what_was_recorded_before_positions_counted_over_all_queues_is_read() {
        let (content, row) = (content(), 7 << 40 | 3);
        let before = [
            Before::Reserved { queue: 7, positions: 9 },
            Before::Sent { row, available: 5, content: keep_content(&content) },
            Before::Delivered(row, 2, 3, 4, 5, 6, true),
            Before::Deleted { row, frees: false },
            Before::Remembered {
                row,
                group: Some("g"),
                id: "i",
                sent: 8,
                message_id: 9,
                sequence: 10,
            },
            Before::Forgotten { row },
        ];
        let bytes = postcard::to_extend(before.as_slice(), vec![FORM]).unwrap();
        let place = Row { queue: 7, position: row };
        let [first_received, received, until] = [3, 4, 5].map(Millis);
        let delivery =
            Delivery { receives: 2, first_received, received, until, nonce: 6, released: true };
        let (group, id) = (Some("g".to_owned()), "i".to_owned());
        let memory =
            Remembered { row: place, group, id, sent: Millis(8), message_id: 9, sequence: 10 };
        let wanted = [
            Change::Sent { row: place, content: content.clone().into(), available: Millis(5) },
            Change::Delivered { row: place, delivery },
            Change::Deleted { row: place, frees: false },
            Change::Remembered { sent: memory.into() },
            Change::Forgotten { position: row },
        ];
        assert_eq!(changes(&bytes).unwrap(), wanted);
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
