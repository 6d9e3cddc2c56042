//! What a FIFO queue remembers of ids for five minutes, so that a repeated send is one message.
//!
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/using-messagededuplicationid-property.html>

use super::limits;
use super::positions::{Row, Runs, runs};
use crate::base::Millis;
use std::collections::{HashMap, VecDeque};

/// What was sent under an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    /// The row of the message, which names this memory on disk too.
    pub row: Row,
    /// Its group, when ids count within groups.
    pub group: Option<String>,
    /// `MessageDeduplicationId`.
    pub id: String,
    /// When it was sent.
    pub sent: Millis,
    /// Its message id.
    pub message_id: u128,
    /// Its position.
    pub sequence: u64,
}

/// The memory of one queue.
#[derive(Debug, Clone, Default)]
pub struct Deduplication {
    by_key: HashMap<(Option<String>, String), Remembered>,
    oldest: VecDeque<(Millis, (Option<String>, String), u64)>,
}

impl Deduplication {
    /// What was sent under `id` within the last five minutes. An id that was sent while it counted
    /// for the whole queue also counts for every group.
    pub fn find(&self, group: Option<&str>, id: &str, now: Millis) -> Option<&Remembered> {
        let live = |key: (Option<String>, String)| {
            self.by_key
                .get(&key)
                .filter(|r| r.sent.plus_seconds(limits::DEDUPLICATION_SECONDS) > now)
        };
        let whole_queue = live((None, id.to_owned()));
        whole_queue.or_else(|| live((Some(group?.to_owned()), id.to_owned())))
    }

    /// Remembers a send.
    pub fn remember(&mut self, sent: Remembered) {
        let key = (sent.group.clone(), sent.id.clone());
        self.oldest.push_back((sent.sent, key.clone(), sent.row.position));
        self.by_key.insert(key, sent);
    }

    /// Forgets one send whose time is over; hands back its position.
    pub fn forget_one(&mut self, now: Millis) -> Option<u64> {
        let (sent, ..) = self.oldest.front()?;
        if sent.plus_seconds(limits::DEDUPLICATION_SECONDS) > now {
            return None;
        }
        let (_, key, position) = self.oldest.pop_front()?;
        // A later send under the same id may have taken the place.
        if self.by_key.get(&key).is_some_and(|r| r.row.position == position) {
            self.by_key.remove(&key);
        }
        Some(position)
    }

    /// Positions of all that is remembered.
    pub fn positions(&self) -> Runs {
        runs(self.oldest.iter().map(|(_, _, position)| *position))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(position: u64, group: Option<&str>, at: i64) -> Remembered {
        Remembered {
            row: Row { queue: 1, position },
            group: group.map(str::to_owned),
            id: "d".into(),
            sent: Millis(at),
            message_id: u128::from(position),
            sequence: position,
        }
    }

    #[test]
    fn an_id_is_remembered_for_five_minutes_in_its_scope() {
        let mut memory = Deduplication::default();
        memory.remember(sent(1, Some("a"), 0));
        assert!(memory.find(Some("a"), "d", Millis(299_999)).is_some());
        assert!(memory.find(Some("a"), "d", Millis(300_000)).is_none());
        assert!(memory.find(Some("b"), "d", Millis(1)).is_none());
        assert!(memory.find(None, "d", Millis(1)).is_none());
        memory.remember(sent(2, None, 10));
        assert_eq!(memory.find(Some("b"), "d", Millis(11)).map(|r| r.row.position), Some(2));
        assert_eq!(memory.forget_one(Millis(299_999)), None);
        assert_eq!(memory.forget_one(Millis(400_000)), Some(1));
        assert_eq!(memory.forget_one(Millis(400_000)), Some(2));
        assert_eq!(memory.forget_one(Millis(400_000)), None);
    }
}
