//! The request journal: the last requests with what became of them, in memory.
//!
//! Invariant: bounded by [`ENTRIES_MAX`] and [`BYTES_MAX`], whatever comes. A request costs it a copy of
//! the head's few telling parts and of a small body; what is read of it (operation, parameters) is found
//! out when somebody reads.

mod aws_line;
mod entry;
mod head;
mod members;
mod redact;
mod select;
mod view;

pub(super) use entry::{Entry, Kept};
pub(super) use select::{Wanted, matches};
pub(super) use view::View;

use super::proxy::Told;
use crate::base::{Caller, Millis};
use crate::protocol::{Answer, ErrorCode};
use bytes::Bytes;
use entry::{End, Rare, Slot};
use head::Head;
use http::Uri;
use http::request::Parts;
use http_body::Body as _;
use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::Notify;

/// Requests that are remembered.
pub(super) const ENTRIES_MAX: usize = 4096;
/// Bytes of heads and bodies that are remembered.
const BYTES_MAX: usize = 8 * 1024 * 1024;
/// Longest body that is kept whole.
const BODY_BYTES_MAX: usize = 4096;

/// The entries and their texts, in the same order: texts that come and go in a ring take no memory that
/// has gone cold, as a place of its own for each would.
#[derive(Default)]
struct Ring {
    entries: VecDeque<Slot>,
    texts: VecDeque<u8>,
    bytes: usize,
    last: u64,
}

impl Ring {
    fn push(&mut self, mut entry: Slot, texts: [&[u8]; 3]) {
        self.last += 1;
        entry.id = self.last;
        self.bytes += entry.bytes();
        self.entries.push_back(entry);
        texts.iter().for_each(|text| self.texts.extend(*text));
    }

    /// Forgets the oldest, if there are too many.
    fn shrink(&mut self) -> Option<Slot> {
        if self.entries.len() <= ENTRIES_MAX && self.bytes <= BYTES_MAX {
            return None;
        }
        let oldest = self.entries.pop_front()?;
        self.bytes -= oldest.bytes();
        self.texts.drain(..oldest.text_bytes());
        Some(oldest)
    }

    /// Those from the one at `from` on, `limit` at the most.
    fn open(&self, from: usize, limit: usize) -> Vec<Entry> {
        let before: usize = self.entries.iter().take(from).map(Slot::text_bytes).sum();
        let mut begin = before;
        let slots = self.entries.iter().skip(from).take(limit);
        slots
            .map(|slot| {
                let end = begin + slot.text_bytes();
                let texts: Vec<u8> = self.texts.range(begin..end).copied().collect();
                begin = end;
                slot.open(&texts)
            })
            .collect()
    }
}

/// The last requests. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Journal(Arc<Shared>);

#[derive(Default)]
struct Shared {
    ring: Mutex<Ring>,
    came: Notify,
    /// Whether anybody has ever waited for one.
    watched: AtomicBool,
}

impl Journal {
    /// A request begins: what its head tells is noted.
    pub(super) fn begin(&self, parts: &Parts, caller: &Arc<Caller>) -> Note {
        Note {
            journal: self.clone(),
            begun: Instant::now(),
            head: Head::of(parts, caller),
            content_length: head::content_length(parts),
            uri: parts.uri.clone(),
            caller: caller.clone(),
            service: None,
            body: None,
            end: End::default(),
            rare: None,
        }
    }

    /// A request to a server behind a proxy begins, on which a fault is done.
    pub(super) fn begin_wire(&self, service: &'static str, told: &Told, fault: String) -> Note {
        let (parts, ()) = http::Request::new(()).into_parts();
        let mut note = self.begin(&parts, &Arc::new(Caller::internal("", "", "")));
        note.service = Some(service);
        let rare = note.rare();
        (rare.told, rare.fault) = (Some(told.clone()), Some(fault));
        note
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        // Entries come and go in one step each: what a panicked holder leaves is whole.
        self.0.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, entry: Slot, texts: [&[u8]; 3]) {
        let mut ring = self.ring();
        ring.push(entry, texts);
        // As a rule one goes for each that comes: given back while nobody waits for it.
        let gone = ring.shrink();
        while ring.shrink().is_some() {}
        drop(ring);
        drop(gone);
        if self.0.watched.load(Ordering::SeqCst) {
            self.0.came.notify_waiters();
        }
    }

    /// Forgets all of them; ids go on.
    pub(super) fn clear(&self) {
        let mut ring = self.ring();
        ring.entries.clear();
        ring.texts.clear();
        ring.bytes = 0;
    }

    /// Those after `after`, oldest first.
    pub(super) fn since(&self, after: u64) -> Vec<Entry> {
        let ring = self.ring();
        let from = ring.entries.partition_point(|entry| entry.id <= after);
        ring.open(from, usize::MAX)
    }

    /// The one with this id.
    pub(super) fn one(&self, id: u64) -> Option<Entry> {
        let ring = self.ring();
        let at = ring.entries.binary_search_by_key(&id, |entry| entry.id).ok()?;
        ring.open(at, 1).pop()
    }

    /// The newest id so far.
    pub(super) fn last(&self) -> u64 {
        self.ring().last
    }

    /// Waits for the next entry.
    pub(super) fn next(&self) -> tokio::sync::futures::Notified<'_> {
        self.0.watched.store(true, Ordering::SeqCst);
        self.0.came.notified()
    }
}

/// A request under way. Dropped without an answer, it is written as one whose client left.
pub(super) struct Note {
    journal: Journal,
    begun: Instant,
    head: Head,
    content_length: Option<u64>,
    uri: Uri,
    caller: Arc<Caller>,
    service: Option<&'static str>,
    body: Option<Bytes>,
    end: End,
    rare: Option<Box<Rare>>,
}

impl Note {
    /// The head tells the service.
    pub(super) fn service(&mut self, name: Cow<'static, str>) {
        match name {
            Cow::Borrowed(name) => self.service = Some(name),
            Cow::Owned(name) => self.rare().service = Some(name),
        }
    }

    /// Its whole body has come.
    pub(super) fn body(&mut self, bytes: &Bytes) {
        if bytes.len() <= BODY_BYTES_MAX {
            self.body = Some(bytes.clone());
        } else if let Some(members) = members::short_members(bytes) {
            self.rare().members = Some(members);
        }
    }

    /// A fault was done to it.
    pub(super) fn fault(&mut self, what: String) {
        self.rare().fault = Some(what);
    }

    /// Another emulator, or AWS, answers it.
    pub(super) fn forwarded(&mut self, to: &str) {
        self.rare().forwarded = Some(to.to_owned());
    }

    fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// As it stands.
    pub(super) fn so_far(&self) -> Entry {
        let (address, id, body) = self.texts();
        self.slot(self.rare.clone()).open(&[address.as_bytes(), id, body].concat())
    }

    /// It is answered.
    pub(super) fn end(mut self, answer: &Answer) {
        let status = answer.status().as_u16();
        self.end.status = Some(status);
        self.end.bytes = answer.body().size_hint().exact();
        if status >= 300
            && let Some(error) = error_of(answer)
        {
            self.rare().error = Some(error.to_owned());
        }
    }

    fn slot(&self, rare: Option<Box<Rare>>) -> Slot {
        let took = self.begun.elapsed();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let (address, id, _) = self.texts();
        Slot {
            id: 0,
            at: Millis(now.saturating_sub(took).as_millis() as i64),
            head: self.head.clone(),
            content_length: self.content_length,
            service: self.service,
            address_bytes: address.len(),
            id_bytes: id.len(),
            body_bytes: self.body.as_ref().map(Bytes::len),
            end: End { took, ..self.end },
            rare,
        }
    }

    /// Address, request id and body.
    fn texts(&self) -> (Cow<'_, str>, &[u8], &[u8]) {
        let address = match (self.uri.authority(), self.uri.path_and_query()) {
            (None, Some(path)) => Cow::Borrowed(path.as_str()),
            // HTTP/2 has the host here.
            _ => Cow::Owned(self.uri.to_string()),
        };
        (address, self.caller.request_id.as_bytes(), self.body.as_deref().unwrap_or_default())
    }
}

impl Drop for Note {
    fn drop(&mut self) {
        let rare = self.rare.take();
        let (address, id, body) = self.texts();
        self.journal.write(self.slot(rare), [address.as_bytes(), id, body]);
    }
}

fn error_of(answer: &Answer) -> Option<&str> {
    if let Some(code) = answer.extensions().get::<ErrorCode>() {
        return Some(code.0.as_str());
    }
    answer.headers().get("x-amzn-errortype")?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::members::{MEMBER_BYTES_MAX, MEMBERS_MAX};
    use super::*;
    use serde_json::Value;

    fn request(journal: &Journal, uri: &str, body: Option<String>) {
        let (parts, ()) = http::Request::get(uri).body(()).unwrap().into_parts();
        let mut note = journal.begin(&parts, &Arc::new(Caller::internal("1", "r", "http://h")));
        body.iter().for_each(|body| note.body(&Bytes::from(body.clone())));
    }

    #[test]
    fn it_is_bounded_whatever_comes() {
        let journal = Journal::default();
        let long = format!("/{}", "x".repeat(60_000));
        (0..300).for_each(|_| request(&journal, &long, None));
        let held = journal.since(0);
        assert!(held.len() < 150 && held.last().unwrap().id == 300, "{}", held.len());
        (0..ENTRIES_MAX + 5).for_each(|_| request(&journal, "/", None));
        assert_eq!(journal.since(0).len(), ENTRIES_MAX);
        let ring = journal.ring();
        assert_eq!(ring.bytes, ring.entries.iter().map(Slot::bytes).sum::<usize>());
        assert_eq!(ring.texts.len(), ring.entries.iter().map(Slot::text_bytes).sum::<usize>());
        drop(ring);
        journal.clear();
        assert_eq!(journal.ring().bytes, 0);
        assert_eq!(journal.last(), 300 + ENTRIES_MAX as u64 + 5);
    }

    #[test]
    fn each_is_found_with_its_own_texts_however_many_went_before() {
        let journal = Journal::default();
        let name = |n: usize| format!("/{n}/{}", "x".repeat(n % 977));
        let body = |n: usize| (!n.is_multiple_of(3)).then(|| format!("{{\"n\":{n}}}"));
        (1..=ENTRIES_MAX * 2).for_each(|n| request(&journal, &name(n), body(n)));
        let is_own = |entry: &Entry| {
            let n = entry.id as usize;
            assert_eq!(entry.uri.to_string(), name(n));
            match (&entry.body, body(n)) {
                (Kept::Whole(kept), Some(sent)) => assert_eq!(kept, sent.as_bytes()),
                (kept, sent) => assert!(matches!(kept, Kept::Not) && sent.is_none()),
            }
        };
        let all = journal.since(0);
        assert!(!all.is_empty());
        all.iter().for_each(is_own);
        let first = all[0].id;
        assert!(journal.one(first - 1).is_none());
        [first, first + 7, journal.last()].iter().for_each(|id| is_own(&journal.one(*id).unwrap()));
        assert_eq!(journal.since(journal.last() - 2).len(), 2);
    }

    #[test]
    fn of_a_long_body_only_a_few_short_members_are_kept() {
        let journal = Journal::default();
        let members: Vec<String> = (0..5000).map(|n| format!("\"m{n:04}\":{n}")).collect();
        let name = "n".repeat(MEMBER_BYTES_MAX + 1);
        let body = format!(
            "{{\"{name}\":1,\"long\":\"{name}\",\"QueueUrl\":\"q\",{}}}",
            members.join(",")
        );
        request(&journal, "/", Some(body));
        let Kept::Members(kept) = &journal.one(1).unwrap().body else { panic!("not members") };
        assert_eq!((kept.len(), &kept["QueueUrl"]), (MEMBERS_MAX, &Value::from("q")));
        assert!(!kept.contains_key("long") && !kept.contains_key(&name));
    }
}
