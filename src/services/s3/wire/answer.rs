//! Answers: status, headers and documents as S3 writes them.

use super::head::Head;
use crate::protocol::{Answer, ErrorCode, body};
use crate::services::s3::error::Error;
pub(super) use crate::services::s3::names::url_encoded;
use crate::services::s3::names::{host_id, short_id};
use crate::services::s3::xml::Xml;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};

/// An answer without a body.
pub(super) fn empty(status: StatusCode) -> Answer {
    let mut answer = http::Response::new(body(""));
    *answer.status_mut() = status;
    answer
}

/// An answer with an XML document.
pub(super) fn document(text: String) -> Answer {
    let mut answer = http::Response::new(body(text));
    let xml = HeaderValue::from_static("application/xml");
    answer.headers_mut().insert(header::CONTENT_TYPE, xml);
    answer
}

/// Names that stand in most answers, which need not be read anew for each.
static COMMON: [(&str, HeaderName); 11] = [
    ("etag", header::ETAG),
    ("content-type", header::CONTENT_TYPE),
    ("content-length", header::CONTENT_LENGTH),
    ("last-modified", header::LAST_MODIFIED),
    ("accept-ranges", header::ACCEPT_RANGES),
    ("x-amz-request-id", HeaderName::from_static("x-amz-request-id")),
    ("x-amz-id-2", HeaderName::from_static("x-amz-id-2")),
    ("x-amz-version-id", HeaderName::from_static("x-amz-version-id")),
    ("x-amz-server-side-encryption", HeaderName::from_static("x-amz-server-side-encryption")),
    ("x-amz-checksum-crc64nvme", HeaderName::from_static("x-amz-checksum-crc64nvme")),
    ("x-amz-checksum-type", HeaderName::from_static("x-amz-checksum-type")),
];

fn named(name: &str) -> Option<HeaderName> {
    match COMMON.iter().find(|(common, _)| *common == name) {
        Some((_, common)) => Some(common.clone()),
        None => HeaderName::from_bytes(name.as_bytes()).ok(),
    }
}

/// Sets a header; text that a header cannot carry is left out.
pub(super) fn set(headers: &mut HeaderMap, name: &str, value: &str) {
    if let (Some(name), Ok(value)) = (named(name), HeaderValue::from_bytes(value.as_bytes())) {
        headers.insert(name, value);
    }
}

/// Sets a header if there is a value.
pub(super) fn maybe(headers: &mut HeaderMap, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        set(headers, name, value);
    }
}

/// The error's answer; without its document where HTTP allows none.
pub(super) fn refusal(error: &Error, head: Option<&Head>, request_id: &str) -> Answer {
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let bodiless =
        status == StatusCode::NOT_MODIFIED || head.is_some_and(|h| h.method == Method::HEAD);
    let mut answer = if bodiless {
        empty(status)
    } else {
        let mut xml = Xml::plain("Error");
        xml.leaf("Code", &error.code);
        xml.leaf("Message", &error.message);
        error.members.iter().for_each(|(name, value)| xml.leaf(name, value));
        if !error.members.iter().any(|(name, _)| name == "Resource") {
            xml.maybe("Resource", head.map(Head::resource).as_deref());
        }
        xml.leaf("RequestId", &short_id(request_id));
        xml.leaf("HostId", &host_id(request_id));
        document(xml.finish())
    };
    *answer.status_mut() = status;
    answer.extensions_mut().insert(ErrorCode(error.code.to_string()));
    error.headers.iter().for_each(|(name, value)| set(answer.headers_mut(), name, value));
    answer
}

/// What every answer carries.
pub(super) fn finish(mut answer: Answer, request_id: &str) -> Answer {
    let headers = answer.headers_mut();
    set(headers, "x-amz-request-id", &short_id(request_id));
    set(headers, "x-amz-id-2", &host_id(request_id));
    headers.entry(header::SERVER).or_insert(HeaderValue::from_static("AmazonS3"));
    answer
}
