//! What requests of one client have in common - method, caller, telling headers - packed into one text
//! that the entries share. A client sends the same again and again: a request then costs a comparison
//! with what is at hand, and the journal keeps its hands off memory that has gone cold.

use crate::base::Caller;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use std::cell::RefCell;
use std::sync::Arc;

/// Heads that a thread has at hand.
const RECENT: usize = 16;
/// Longest head that is kept at hand.
const RECENT_BYTES_MAX: usize = 4096;

/// Whether a header is kept. Of those that begin with `x-amz-` credentials are not, nor what belongs to
/// one signature only. `content-length` is kept beside the head, since it differs most often.
fn is_telling(name: &str) -> bool {
    match name {
        "host" | "content-type" | "content-encoding" => true,
        "content-disposition" | "content-language" | "cache-control" | "range" => true,
        "if-match" | "if-none-match" | "if-modified-since" | "if-unmodified-since" => true,
        "x-amz-security-token" | "x-amz-date" | "x-amz-content-sha256" | "x-amz-trailer" => false,
        "x-amz-server-side-encryption-customer-key"
        | "x-amz-copy-source-server-side-encryption-customer-key" => false,
        other => other.starts_with("x-amz-"),
    }
}

/// A packed head: texts, each with its length before it.
#[derive(Debug, Clone)]
pub(super) struct Head(Arc<[u8]>);

/// A head unpacked.
pub(super) struct Unpacked {
    pub(super) caller: Caller,
    pub(super) method: Method,
    pub(super) headers: HeaderMap,
}

#[derive(Default)]
struct Heads {
    packed: Vec<u8>,
    recent: [Option<Arc<[u8]>>; RECENT],
}

impl Head {
    /// The head of a request.
    pub(super) fn of(parts: &Parts, caller: &Caller) -> Head {
        thread_local! {
            static HEADS: RefCell<Heads> = RefCell::default();
        }
        HEADS.with_borrow_mut(|heads| {
            heads.packed.clear();
            pack(parts, caller, &mut heads.packed);
            Head(heads.shared())
        })
    }

    pub(super) fn bytes(&self) -> usize {
        self.0.len()
    }

    /// What it says; the caller is the one with this request id.
    pub(super) fn unpack(&self, request_id: &str) -> Unpacked {
        let mut texts = Texts(&self.0);
        let mut text = || String::from_utf8_lossy(texts.next().unwrap_or_default()).into_owned();
        let method = Method::from_bytes(text().as_bytes()).unwrap_or_default();
        let (account, region, access_key, endpoint) = (text(), text(), text(), text());
        let request_id = request_id.to_owned();
        let caller = Caller { account, region, access_key, endpoint, request_id };
        let mut headers = HeaderMap::new();
        while let (Some(name), Some(value)) = (texts.next(), texts.next()) {
            let pair = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value));
            if let (Ok(name), Ok(value)) = pair {
                headers.append(name, value);
            }
        }
        Unpacked { caller, method, headers }
    }
}

impl Heads {
    /// What is packed, as the text that others with the same share where there is one.
    fn shared(&mut self) -> Arc<[u8]> {
        if self.packed.len() > RECENT_BYTES_MAX {
            return std::mem::take(&mut self.packed).into();
        }
        // Operations differ in the length of their names: that tells the usual ones apart.
        let place = &mut self.recent[self.packed.len() % RECENT];
        match place {
            Some(known) if **known == *self.packed => known.clone(),
            _ => place.insert(self.packed.as_slice().into()).clone(),
        }
    }
}

fn pack(parts: &Parts, caller: &Caller, to: &mut Vec<u8>) {
    put(parts.method.as_str().as_bytes(), to);
    for text in [&caller.account, &caller.region, &caller.access_key, &caller.endpoint] {
        put(text.as_bytes(), to);
    }
    for (name, value) in parts.headers.iter().filter(|(name, _)| is_telling(name.as_str())) {
        put(name.as_str().as_bytes(), to);
        put(value.as_bytes(), to);
    }
}

fn put(text: &[u8], to: &mut Vec<u8>) {
    // A head is bounded by the server's read buffer, far below 4 GiB.
    to.extend_from_slice(&(text.len() as u32).to_le_bytes());
    to.extend_from_slice(text);
}

/// The texts of a packed head.
struct Texts<'a>(&'a [u8]);

impl<'a> Iterator for Texts<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = self.0.split_first_chunk()?;
        let (text, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        self.0 = rest;
        Some(text)
    }
}

/// The bytes that the body is said to have.
pub(super) fn content_length(parts: &Parts) -> Option<u64> {
    parts.headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(headers: &[(&str, &str)]) -> Parts {
        let mut request = http::Request::post("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn a_head_comes_back_without_what_signs() {
        let caller = Caller::internal("111122223333", "eu-west-1\n", "http://h:1");
        let sent = parts(&[
            ("host", "h:1"),
            ("authorization", "AWS4 x"),
            ("x-amz-date", "20261122T000000Z"),
            ("x-amz-target", "AmazonSQS.SendMessage"),
            ("x-amz-meta-a", "1"),
            ("x-amz-meta-a", ""),
        ]);
        let told = Head::of(&sent, &caller).unpack("r");
        assert_eq!(told.caller, Caller { request_id: "r".into(), ..caller });
        assert_eq!(told.method, Method::POST);
        let names: Vec<_> = told.headers.iter().map(|(n, v)| (n.as_str(), v.as_bytes())).collect();
        let wanted: [(&str, &[u8]); 4] = [
            ("host", b"h:1"),
            ("x-amz-target", b"AmazonSQS.SendMessage"),
            ("x-amz-meta-a", b"1"),
            ("x-amz-meta-a", b""),
        ];
        assert_eq!(names, wanted);
    }

    #[test]
    fn equal_heads_are_one_and_others_are_not() {
        let caller = Caller::internal("1", "r", "http://h");
        let first = Head::of(&parts(&[("range", "bytes=0-1")]), &caller);
        let again = Head::of(&parts(&[("range", "bytes=0-1")]), &caller);
        let other = Head::of(&parts(&[("range", "bytes=0-2")]), &caller);
        assert!(Arc::ptr_eq(&first.0, &again.0) && !Arc::ptr_eq(&first.0, &other.0));
        assert_eq!(other.unpack("").headers["range"], "bytes=0-2");
        let long = "x".repeat(RECENT_BYTES_MAX);
        let long = parts(&[("x-amz-meta-long", &long)]);
        let (one, two) = (Head::of(&long, &caller), Head::of(&long, &caller));
        assert!(!Arc::ptr_eq(&one.0, &two.0) && one.bytes() > RECENT_BYTES_MAX);
    }
}
