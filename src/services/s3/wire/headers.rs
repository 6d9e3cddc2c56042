//! The headers of a request, which S3 asks for by dozens of names while most requests carry ten.

use http::{HeaderMap, HeaderValue};
use std::ops::Deref;

/// Headers, and a mark for each name: a name whose mark is missing is not there, which is seen without
/// looking it up.
#[derive(Debug, Clone, Default)]
pub(super) struct Headers {
    map: HeaderMap,
    marks: u64,
}

/// One of 64, by a name's length and three of its bytes; the same for capitals.
fn mark(name: &str) -> u64 {
    let bytes = name.as_bytes();
    let at = |n: usize| bytes.get(n).map_or(0, |b| usize::from(b | 0x20));
    let end = bytes.len().wrapping_sub(1);
    1 << ((bytes.len() * 7 + at(end) * 3 + at(bytes.len() / 2) * 5 + at(end.wrapping_sub(2))) % 64)
}

impl From<HeaderMap> for Headers {
    fn from(map: HeaderMap) -> Self {
        let marks = map.keys().fold(0, |marks, name| marks | mark(name.as_str()));
        Headers { map, marks }
    }
}

impl Deref for Headers {
    type Target = HeaderMap;

    fn deref(&self) -> &HeaderMap {
        &self.map
    }
}

impl Headers {
    /// The first value of a header.
    pub(super) fn get(&self, name: &str) -> Option<&HeaderValue> {
        if self.marks & mark(name) == 0 { None } else { self.map.get(name) }
    }

    /// Whether there is such a header.
    pub(super) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_found_whatever_its_case() {
        let names =
            ["a", "if-match", "x-amz-acl", "x-amz-meta-ab", "content-md5", "x-amz-copy-source"];
        for name in names {
            let mut map = HeaderMap::new();
            map.insert(name, HeaderValue::from_static("v"));
            let headers = Headers::from(map);
            assert!(headers.has(name) && headers.has(&name.to_uppercase()), "{name}");
            let others = names.iter().filter(|other| **other != name);
            assert!(!others.into_iter().any(|other| headers.has(other)));
        }
        assert!(!Headers::default().has("host") && !Headers::default().has(""));
    }
}
