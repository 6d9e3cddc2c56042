//! The request journal: the last requests with what became of them, in memory.
//!
//! Invariant: bounded by [`ENTRIES_MAX`] and [`BYTES_MAX`], whatever comes. A request costs it a copy of
//! the head's few telling parts and of a small body; what is read of it (operation, parameters) is found
//! out when somebody reads.

mod aws_line;
mod redact;
mod select;
mod view;

pub(super) use select::{Wanted, matches};
pub(super) use view::View;

use super::proxy::Told;
use crate::base::{Caller, Millis};
use crate::protocol::{Answer, ErrorCode};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use http_body::Body as _;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::Notify;

/// Requests that are remembered.
pub(super) const ENTRIES_MAX: usize = 4096;
/// Bytes of heads and bodies that are remembered.
const BYTES_MAX: usize = 8 * 1024 * 1024;
/// Longest body that is kept whole.
const BODY_BYTES_MAX: usize = 4096;
/// Longest body whose short members are kept when it is not.
const READ_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Longest member of such a body that is kept.
const MEMBER_BYTES_MAX: usize = 512;
/// Members of such a body that are kept.
const MEMBERS_MAX: usize = 64;
/// What a member takes besides its texts, about.
const MEMBER_BYTES: usize = 100;
/// What an entry takes besides its texts, about.
const ENTRY_BYTES: usize = 400;

/// Whether a header is kept. Of those that begin with `x-amz-` credentials are not, nor what belongs to
/// one signature only.
fn is_telling(name: &str) -> bool {
    match name {
        "host" | "content-type" | "content-length" | "content-encoding" => true,
        "content-disposition" | "content-language" | "cache-control" | "range" => true,
        "if-match" | "if-none-match" | "if-modified-since" | "if-unmodified-since" => true,
        "x-amz-security-token" | "x-amz-date" | "x-amz-content-sha256" | "x-amz-trailer" => false,
        "x-amz-server-side-encryption-customer-key"
        | "x-amz-copy-source-server-side-encryption-customer-key" => false,
        other => other.starts_with("x-amz-"),
    }
}

/// The body of a remembered request.
#[derive(Debug, Clone)]
pub(super) enum Kept {
    /// All of it.
    Whole(Box<[u8]>),
    /// It was too long: its short members, where it was a JSON object.
    Members(serde_json::Map<String, Value>),
    /// It passed as a stream, or was no JSON.
    Not,
}

/// What became of a request.
#[derive(Debug, Clone)]
pub(super) struct End {
    /// HTTP status; none if the client left or the connection was cut.
    status: Option<u16>,
    error: Option<Box<str>>,
    bytes: Option<u64>,
    took: Duration,
}

/// A remembered request.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) id: u64,
    at: Millis,
    pub(super) caller: Arc<Caller>,
    pub(super) method: Method,
    pub(super) uri: Uri,
    headers: Packed,
    /// The service, where the head tells it.
    service: Option<Cow<'static, str>>,
    pub(super) body: Kept,
    /// What was done to it on purpose: the fault's id and kind.
    fault: Option<String>,
    /// Where it was forwarded to.
    forwarded: Option<String>,
    /// What it was, where it was no HTTP request but one to Postgres or Redis.
    told: Option<Box<Told>>,
    end: End,
}

impl Entry {
    /// Whether it went to Postgres or Redis.
    pub(super) fn is_wire(&self) -> bool {
        self.told.is_some()
    }

    /// Its telling headers.
    pub(super) fn headers(&self) -> HeaderMap {
        let lines = self.headers.0.split(|byte| *byte == b'\n');
        let pairs = lines.filter_map(|line| {
            let at = line.iter().position(|byte| *byte == b':')?;
            let name = HeaderName::from_bytes(&line[..at]).ok()?;
            Some((name, HeaderValue::from_bytes(&line[at + 1..]).ok()?))
        });
        pairs.collect()
    }

    fn bytes(&self) -> usize {
        let body = match &self.body {
            Kept::Whole(bytes) => bytes.len(),
            Kept::Members(members) => {
                let text = |value: &Value| value.as_str().map_or(0, str::len);
                members.iter().map(|(name, value)| MEMBER_BYTES + name.len() + text(value)).sum()
            }
            Kept::Not => 0,
        };
        let address = self.uri.path_and_query().map_or(0, |p| p.as_str().len());
        let told = self.told.as_ref().map_or(0, |told| told.bytes());
        ENTRY_BYTES + told + address + self.headers.0.len() + body
    }
}

#[derive(Default)]
struct Ring {
    /// In boxes, which do not move.
    entries: VecDeque<Box<Entry>>,
    bytes: usize,
    last: u64,
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
        let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Note {
            journal: self.clone(),
            begun: Instant::now(),
            entry: Some(Box::new(Entry {
                id: 0,
                at: Millis(at.as_millis() as i64),
                caller: caller.clone(),
                method: parts.method.clone(),
                uri: own(&parts.uri),
                headers: telling(&parts.headers),
                service: None,
                body: Kept::Not,
                fault: None,
                forwarded: None,
                told: None,
                end: End { status: None, error: None, bytes: None, took: Duration::ZERO },
            })),
        }
    }

    /// A request to a server behind a proxy begins, on which a fault is done.
    pub(super) fn begin_wire(&self, service: &'static str, told: &Told, fault: String) -> Note {
        let (parts, ()) = http::Request::new(()).into_parts();
        let mut note = self.begin(&parts, &Arc::new(Caller::internal("", "", "")));
        note.edit(|entry| {
            entry.service = Some(service.into());
            entry.told = Some(Box::new(told.clone()));
            entry.fault = Some(fault);
        });
        note
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        // Entries come and go in one step each: what a panicked holder leaves is whole.
        self.0.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, mut entry: Box<Entry>) {
        let mut ring = self.ring();
        ring.last += 1;
        entry.id = ring.last;
        ring.bytes += entry.bytes();
        ring.entries.push_back(entry);
        let mut gone = Vec::new();
        while ring.entries.len() > ENTRIES_MAX || ring.bytes > BYTES_MAX {
            let Some(oldest) = ring.entries.pop_front() else { break };
            ring.bytes -= oldest.bytes();
            gone.push(oldest);
        }
        drop(ring);
        // Given back while nobody waits for it.
        drop(gone);
        if self.0.watched.load(Ordering::SeqCst) {
            self.0.came.notify_waiters();
        }
    }

    /// Forgets all of them; ids go on.
    pub(super) fn clear(&self) {
        let mut ring = self.ring();
        ring.entries.clear();
        ring.bytes = 0;
    }

    /// Those after `after`, oldest first.
    pub(super) fn since(&self, after: u64) -> Vec<Entry> {
        let ring = self.ring();
        let from = ring.entries.partition_point(|entry| entry.id <= after);
        ring.entries.iter().skip(from).map(|entry| entry.as_ref().clone()).collect()
    }

    /// The one with this id.
    pub(super) fn one(&self, id: u64) -> Option<Entry> {
        let ring = self.ring();
        let at = ring.entries.binary_search_by_key(&id, |entry| entry.id).ok()?;
        ring.entries.get(at).map(|entry| entry.as_ref().clone())
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
    entry: Option<Box<Entry>>,
}

impl Note {
    /// The head tells the service.
    pub(super) fn service(&mut self, name: Cow<'static, str>) {
        self.edit(|entry| entry.service = Some(name));
    }

    /// Its whole body has come.
    pub(super) fn body(&mut self, bytes: &Bytes) {
        self.edit(|entry| {
            entry.body = match bytes.len() {
                0..=BODY_BYTES_MAX => Kept::Whole(bytes.as_ref().into()),
                _ => short_members(bytes).map_or(Kept::Not, Kept::Members),
            };
        });
    }

    /// A fault was done to it.
    pub(super) fn fault(&mut self, what: String) {
        self.edit(|entry| entry.fault = Some(what));
    }

    /// Another emulator, or AWS, answers it.
    pub(super) fn forwarded(&mut self, to: &str) {
        self.edit(|entry| entry.forwarded = Some(to.to_owned()));
    }

    /// As it stands.
    pub(super) fn so_far(&self) -> Option<&Entry> {
        self.entry.as_deref()
    }

    /// It is answered.
    pub(super) fn end(mut self, answer: &Answer) {
        let took = self.begun.elapsed();
        self.edit(|entry| {
            let error = answer.status().as_u16() >= 300;
            entry.end = End {
                status: Some(answer.status().as_u16()),
                error: if error { error_of(answer) } else { None },
                bytes: answer.body().size_hint().exact(),
                took,
            };
        });
    }

    fn edit(&mut self, act: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.entry.as_deref_mut() {
            act(entry);
        }
    }
}

impl Drop for Note {
    fn drop(&mut self) {
        let Some(mut entry) = self.entry.take() else { return };
        if entry.end.status.is_none() {
            entry.end.took = self.begun.elapsed();
        }
        self.journal.write(entry);
    }
}

fn error_of(answer: &Answer) -> Option<Box<str>> {
    if let Some(code) = answer.extensions().get::<ErrorCode>() {
        return Some(code.0.as_str().into());
    }
    let code = answer.headers().get("x-amzn-errortype").and_then(|code| code.to_str().ok());
    code.map(Into::into)
}

/// A copy that does not keep the connection's read buffer alive.
fn own(uri: &Uri) -> Uri {
    match (uri.path(), uri.query()) {
        ("/", None) => Uri::from_static("/"),
        _ => uri.to_string().parse().unwrap_or_default(),
    }
}

/// Headers in one piece: `name:value`, a line each. Neither can hold a line's end.
#[derive(Debug, Clone)]
struct Packed(Box<[u8]>);

fn telling(headers: &HeaderMap) -> Packed {
    let mut packed = Vec::with_capacity(256);
    for (name, value) in headers.iter().filter(|(name, _)| is_telling(name.as_str())) {
        packed.extend_from_slice(name.as_str().as_bytes());
        packed.push(b':');
        packed.extend_from_slice(value.as_bytes());
        packed.push(b'\n');
    }
    Packed(packed.into_boxed_slice())
}

/// The short members of a long JSON object. Long ones are passed over unread.
fn short_members(bytes: &Bytes) -> Option<serde_json::Map<String, Value>> {
    if bytes.len() > READ_BYTES_MAX || bytes.first() != Some(&b'{') {
        return None;
    }
    let members: BTreeMap<String, Brief> = serde_json::from_slice(bytes).ok()?;
    let short = members.into_iter().filter(|(name, _)| name.len() <= MEMBER_BYTES_MAX);
    Some(short.filter_map(|(name, brief)| Some((name, brief.0?))).take(MEMBERS_MAX).collect())
}

/// A short text, a number or a truth; nothing of what is longer or has parts.
struct Brief(Option<Value>);

impl<'de> Deserialize<'de> for Brief {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Brief, D::Error> {
        deserializer.deserialize_any(BriefVisitor)
    }
}

struct BriefVisitor;

impl<'de> Visitor<'de> for BriefVisitor {
    type Value = Brief;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Brief, E> {
        Ok(Brief(Some(value.into())))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Brief, E> {
        Ok(Brief(Some(value.into())))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Brief, E> {
        Ok(Brief(Some(value.into())))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Brief, E> {
        Ok(Brief(Some(value.into())))
    }

    fn visit_str<E>(self, value: &str) -> Result<Brief, E> {
        Ok(Brief((value.len() <= MEMBER_BYTES_MAX).then(|| value.into())))
    }

    fn visit_unit<E>(self) -> Result<Brief, E> {
        Ok(Brief(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Brief, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Brief(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Brief, A::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Brief(None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let held = journal.since(0).iter().map(Entry::bytes).sum::<usize>();
        assert_eq!(journal.ring().bytes, held);
        journal.clear();
        assert_eq!(journal.ring().bytes, 0);
        assert_eq!(journal.last(), 300 + ENTRIES_MAX as u64 + 5);
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
