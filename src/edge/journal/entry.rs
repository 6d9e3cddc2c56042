//! A remembered request: packed, as it is kept, and opened, as somebody looks at it.

use super::head::{Head, Unpacked};
use crate::base::{Caller, Millis};
use crate::edge::proxy::Told;
use bytes::Bytes;
use http::{HeaderMap, Method, Uri, header};
use serde_json::Value;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

/// What a member of a long body takes besides its texts, about.
const MEMBER_BYTES: usize = 100;
/// What an entry takes besides its texts, about.
const ENTRY_BYTES: usize = 250;

/// The body of a remembered request.
#[derive(Debug, Clone)]
pub(in crate::edge) enum Kept {
    /// All of it.
    Whole(Bytes),
    /// It was too long: its short members, where it was a JSON object.
    Members(serde_json::Map<String, Value>),
    /// It passed as a stream, or was no JSON.
    Not,
}

/// What became of a request.
#[derive(Debug, Clone, Default)]
pub(super) struct End {
    /// HTTP status; none if the client left or the connection was cut.
    pub(super) status: Option<u16>,
    pub(super) bytes: Option<u64>,
    pub(super) took: Duration,
}

/// What few requests have.
#[derive(Debug, Clone, Default)]
pub(super) struct Rare {
    /// The code of the error that it was answered with.
    pub(super) error: Option<String>,
    /// A service that is none of ours.
    pub(super) service: Option<String>,
    /// What was done to it on purpose: the fault's id and kind.
    pub(super) fault: Option<String>,
    /// Where it was forwarded to.
    pub(super) forwarded: Option<String>,
    /// Of a body that was too long.
    pub(super) members: Option<serde_json::Map<String, Value>>,
    /// What it was, where it was no HTTP request but one to Postgres or Redis.
    pub(super) told: Option<Told>,
}

/// A remembered request as somebody looks at it.
#[derive(Debug, Clone)]
pub(in crate::edge) struct Entry {
    pub(in crate::edge) id: u64,
    pub(super) at: Millis,
    pub(in crate::edge) caller: Arc<Caller>,
    pub(in crate::edge) method: Method,
    pub(in crate::edge) uri: Uri,
    /// The telling ones.
    pub(in crate::edge) headers: HeaderMap,
    /// The service, where the head tells it.
    pub(super) service: Option<Cow<'static, str>>,
    pub(in crate::edge) body: Kept,
    pub(super) end: End,
    pub(super) rare: Rare,
}

/// A remembered request as it is kept: little, and in few places. Its texts (address, request id and body,
/// one behind the other) lie with all others'.
pub(super) struct Slot {
    pub(super) id: u64,
    pub(super) at: Millis,
    pub(super) head: Head,
    pub(super) content_length: Option<u64>,
    pub(super) service: Option<&'static str>,
    pub(super) address_bytes: usize,
    pub(super) id_bytes: usize,
    /// Of a body that is kept.
    pub(super) body_bytes: Option<usize>,
    pub(super) end: End,
    pub(super) rare: Option<Box<Rare>>,
}

impl Entry {
    /// Whether it went to Postgres or Redis.
    pub(in crate::edge) fn is_wire(&self) -> bool {
        self.rare.told.is_some()
    }
}

impl Slot {
    pub(super) fn bytes(&self) -> usize {
        let members = self.rare.as_ref().and_then(|rare| rare.members.as_ref());
        let size = |(name, value): (&String, &Value)| {
            MEMBER_BYTES + name.len() + value.as_str().map_or(0, str::len)
        };
        let members = members.map_or(0, |members| members.iter().map(size).sum());
        let told = self.rare.as_ref().and_then(|rare| rare.told.as_ref()).map_or(0, Told::bytes);
        ENTRY_BYTES + self.head.bytes() + self.text_bytes() + members + told
    }

    /// Bytes of its texts.
    pub(super) fn text_bytes(&self) -> usize {
        self.address_bytes + self.id_bytes + self.body_bytes.unwrap_or(0)
    }

    /// As it is looked at, with its texts.
    pub(super) fn open(&self, texts: &[u8]) -> Entry {
        let (address, rest) = texts.split_at(self.address_bytes);
        let (request_id, body) = rest.split_at(self.id_bytes);
        let Unpacked { caller, method, mut headers } =
            self.head.unpack(&String::from_utf8_lossy(request_id));
        if let Some(length) = self.content_length {
            headers.insert(header::CONTENT_LENGTH, length.into());
        }
        let mut rare = self.rare.as_deref().cloned().unwrap_or_default();
        let service = rare.service.take().map(Cow::Owned);
        Entry {
            id: self.id,
            at: self.at,
            caller: Arc::new(caller),
            method,
            uri: Uri::try_from(address).unwrap_or_default(),
            headers,
            service: service.or(self.service.map(Cow::Borrowed)),
            body: match rare.members.take() {
                Some(members) => Kept::Members(members),
                None if self.body_bytes.is_some() => Kept::Whole(Bytes::copy_from_slice(body)),
                None => Kept::Not,
            },
            end: self.end.clone(),
            rare,
        }
    }
}
