//! Of a long JSON body, the short members: what it is about (`QueueUrl`, `Bucket`), not what it carries.

use bytes::Bytes;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Longest body whose short members are kept when it is not.
const READ_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Longest member of such a body that is kept.
pub(super) const MEMBER_BYTES_MAX: usize = 512;
/// Members of such a body that are kept.
pub(super) const MEMBERS_MAX: usize = 64;

/// The short members of a long JSON object. Long ones are passed over unread.
pub(super) fn short_members(bytes: &Bytes) -> Option<Map<String, Value>> {
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
