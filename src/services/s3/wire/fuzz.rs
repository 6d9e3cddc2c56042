//! Entry points for fuzzing: what a stranger's bytes reach first. `fuzz/` drives them with libFuzzer,
//! `tests/it/fuzz.rs` with proptest for a moment. Each holds more than "does not panic".

use super::chunked::Chunked;
use super::head::Head;
use super::{attributes, copy, presign};
use crate::base::Millis;
use crate::protocol::Credential;
use crate::protocol::sigv4::LegacyQuery;
use crate::services::s3::documents::KINDS;
use crate::services::s3::error::Result;
use crate::services::s3::range;
use crate::services::s3::xml::Element;
use bytes::Bytes;
use http::{HeaderValue, Request};

/// Documents that have a root of their own in `wire`, besides those of [`Kind`].
const ROOTS: &[&str] = &[
    "Delete",
    "CompleteMultipartUpload",
    "Tagging",
    "VersioningConfiguration",
    "CreateBucketConfiguration",
    "AccessControlPolicy",
];

type Decoded = (Vec<u8>, Vec<(String, String)>);

fn decoded(pieces: &[&[u8]]) -> Result<Decoded> {
    let (mut chunked, mut out) = (Chunked::new(), Vec::new());
    for piece in pieces {
        chunked.decode(Bytes::copy_from_slice(piece), |data| out.extend_from_slice(&data))?;
    }
    Ok((out, chunked.finish()?))
}

/// A body in `aws-chunked`: where it is cut does not change what is read, and nothing is made up.
pub fn chunked(data: &[u8]) {
    let Some((cut, body)) = data.split_first() else { return };
    let whole = decoded(&[body]);
    if let Ok((content, _)) = &whole {
        assert!(content.len() <= body.len(), "more came out than went in");
    }
    let step = usize::from(*cut) + 1;
    let cuts: Vec<&[u8]> = body.chunks(step).collect();
    match (&whole, decoded(&cuts)) {
        (Ok(whole), Ok(pieces)) => assert_eq!(*whole, pieces, "cuts of {step}"),
        (Err(_), Err(_)) => {}
        (whole, pieces) => panic!("{whole:?} whole, {pieces:?} in cuts of {step}"),
    }
}

/// An XML document: what was taken is written such that it is read as the same again.
pub fn xml(data: &[u8]) {
    let Some((which, body)) = data.split_first() else { return };
    let which = usize::from(*which) % (KINDS.len() + ROOTS.len());
    let read = |body: &[u8]| match KINDS.get(which) {
        Some(kind) => kind.accept(body),
        None => Element::parse(body, ROOTS[which - KINDS.len()]),
    };
    let Ok(element) = read(body) else { return };
    let written = element.document();
    let again = Element::parse(written.as_bytes(), &element.name);
    assert_eq!(again.as_ref(), Ok(&element), "written as {written}");
}

/// The query of a presigned URL, of either signature version, on a path and a host.
pub fn presigned(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = Credential::from_query(text);
    let _ = LegacyQuery::from_query(text);
    let (host, path) = text.split_once(' ').unwrap_or(("h", text));
    let Ok(uri) = format!("/{path}").parse::<http::Uri>() else { return };
    let mut request = Request::new(());
    *request.uri_mut() = uri;
    if let Ok(host) = HeaderValue::from_str(host) {
        request.headers_mut().insert(http::header::HOST, host);
    }
    let Ok(head) = Head::read(request.into_parts().0) else { return };
    let now = Millis(1_795_256_130_000);
    if presign::check(&head, |_| now).is_ok() {
        // A URL that lives now has not lived for longer than a week, or says nothing of time.
        let later = Millis(now.0 + 8 * 86_400_000);
        assert!(
            !head.has("X-Amz-Signature") || head.has("Signature") || {
                presign::check(&head, |_| later).is_err() || presign_begins_later(&head, now)
            }
        );
    }
}

fn presign_begins_later(head: &Head, now: Millis) -> bool {
    let date = head.param("X-Amz-Date").and_then(presign::compact_date);
    date.is_some_and(|date| date > now)
}

/// `Range` and `x-amz-copy-source-range` on an object of a size: what is granted lies inside it.
pub fn ranges(data: &[u8]) {
    let Some((size, header)) = data.split_first_chunk::<8>() else { return };
    let Ok(header) = std::str::from_utf8(header) else { return };
    let size = u64::from_le_bytes(*size) >> (size[7] % 64);
    if let Ok(Some((first, last))) = range::read(header, size) {
        assert!(first <= last && last < size, "{header}: {first}-{last} of {size}");
    }
    if let Ok((first, last)) = range::of_source(header, size) {
        assert!(first <= last && last < size, "{header}: {first}-{last} of {size}");
    }
}

/// Headers of a write and of a copy, one a line: `name: value`.
pub fn headers(data: &[u8]) {
    let mut request = Request::new(());
    *request.method_mut() = http::Method::PUT;
    *request.uri_mut() = http::Uri::from_static("/bucket/key");
    for line in data.split(|b| *b == b'\n').take(32) {
        let Some(at) = line.iter().position(|b| *b == b':') else { continue };
        let name = http::HeaderName::from_bytes(&line[..at]);
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(&line[at + 1..])) {
            request.headers_mut().append(name, value);
        }
    }
    let Ok(head) = Head::read(request.into_parts().0) else { return };
    let _ = attributes::read(&head, crate::base::Millis(0));
    let _ = attributes::Promised::read(&head);
    let _ = attributes::write_conditions(&head);
    let _ = attributes::read_conditions(&head, true);
    let _ = super::receive::Plan::read(&head);
    let _ = copy::source_bucket(&head);
}
