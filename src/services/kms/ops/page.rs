//! Pages of lists: a marker names the last entry of the page before.

use crate::services::kms::error::Error;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

/// What every list says of its page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Paged {
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
    truncated: bool,
}

/// The page of `entries` that `limit` and `marker` ask for; `name` tells entries apart. An entry that
/// is gone by the next page must not lose others, so lists in the order of their names go on behind
/// the marker's name, whether it is there or not.
pub fn page<T>(
    entries: impl Iterator<Item = T>,
    (limit, marker): (i64, Option<String>),
    name: impl Fn(&T) -> String,
) -> Result<(Vec<T>, Paged), Error> {
    let mut entries: Vec<T> = entries.collect();
    if let Some(marker) = marker {
        let after = STANDARD.decode(marker).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let after = after.ok_or(Error::InvalidMarker)?;
        match entries.iter().position(|entry| name(entry) == after) {
            Some(at) => drop(entries.drain(..=at)),
            None => entries.retain(|entry| name(entry) > after),
        }
    }
    let truncated = entries.len() as i64 > limit;
    entries.truncate(limit as usize);
    let next_marker = entries.last().filter(|_| truncated).map(|last| STANDARD.encode(name(last)));
    Ok((entries, Paged { next_marker, truncated }))
}
