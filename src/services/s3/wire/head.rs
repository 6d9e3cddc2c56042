//! What a request says before its body: bucket and key from path or host, query, headers.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html>

use super::headers::Headers;
use super::website::is_website;
use crate::base::Caller;
use crate::protocol::Form;
use crate::protocol::sigv4::{Anonymous, Chunks, Keys, Payload, Verified};
use crate::services::access::{Subject, Vouch};
use crate::services::s3::checksum::Algorithm;
use crate::services::s3::error::{Error, Result};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Version};
use percent_encoding::percent_decode_str;
use std::sync::Arc;

/// Domains below which a bucket may stand in the host name.
const DOMAINS: &[&str] = &["localhost.localstack.cloud", "localhost"];

/// The head of a request.
#[derive(Debug, Clone)]
pub(super) struct Head {
    pub(super) method: Method,
    /// Empty for requests to the service itself.
    pub(super) bucket: String,
    /// Empty for requests to the bucket itself.
    pub(super) key: String,
    /// Decoded parameters, in their order.
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: Headers,
    /// Path and query as they came.
    pub(super) target: PathAndQuery,
    pub(super) version: Version,
    pub(super) caller: Arc<Caller>,
    /// Whether the host names the bucket's website.
    pub(super) website: bool,
    /// Whether nobody signed the request.
    pub(super) anonymous: bool,
    /// Who signed it, where policies are held to.
    pub(super) subject: Option<Arc<Subject>>,
    /// The same for a form, which says in its body who signed it.
    pub(super) vouch: Option<Arc<Vouch>>,
    /// The environment's keys, for a form that carries its own signature.
    pub(super) keys: Option<Arc<Keys>>,
    /// The checker of the body's chunks, where each is signed; and whether trailers are too.
    pub(super) chunks: Option<(Chunks, bool)>,
}

impl Head {
    pub(super) fn read(parts: Parts) -> Result<Head> {
        let caller = parts.extensions.get::<Arc<Caller>>().cloned();
        let caller = caller.unwrap_or_else(|| Arc::new(Caller::internal("", "", "")));
        let invalid = || Error::new(400, "InvalidURI", "Couldn't parse the specified URI.");
        let path = percent_decode_str(parts.uri.path()).decode_utf8().map_err(|_| invalid())?;
        let query = Form::parse(parts.uri.query().unwrap_or_default().as_bytes());
        let query = query.map_err(|_| invalid())?.into_pairs();
        let path = path.strip_prefix('/').unwrap_or(&path);
        let (bucket, key, website) = match bucket_of_host(&parts) {
            Some((bucket, website)) => (bucket, path.to_owned(), website),
            None => {
                let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
                (bucket.to_owned(), key.to_owned(), false)
            }
        };
        let anonymous = parts.extensions.get::<Anonymous>().is_some();
        let vouch = parts.extensions.get::<Arc<Vouch>>().cloned();
        let subject = parts.extensions.get::<Arc<Subject>>().filter(|_| !anonymous).cloned();
        let chunks = parts.extensions.get::<Verified>().and_then(|v| match v.payload {
            Payload::Chunked { trailer } => Some((v.chunks.clone(), trailer)),
            _ => None,
        });
        let keys = parts.extensions.get::<Arc<Keys>>().cloned();
        let target = parts.uri.path_and_query().cloned();
        let target = target.unwrap_or_else(|| PathAndQuery::from_static("/"));
        let headers = headers_of_query(parts.headers, &query).into();
        let (method, version) = (parts.method, parts.version);
        Ok(Head {
            method,
            bucket,
            key,
            query,
            headers,
            target,
            version,
            caller,
            website,
            anonymous,
            subject,
            vouch,
            keys,
            chunks,
        })
    }

    /// The value of a query parameter.
    pub(super) fn param(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// Whether a query parameter is there at all.
    pub(super) fn has(&self, name: &str) -> bool {
        self.param(name).is_some()
    }

    /// The value of a header, if it is text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// `x-amz-copy-source`, in the query or not.
    pub(super) fn is_copy(&self) -> bool {
        self.headers.has("x-amz-copy-source")
    }

    /// `x-amz-checksum-mode: ENABLED`.
    pub(super) fn wants_checksum(&self) -> bool {
        self.header("x-amz-checksum-mode").is_some_and(|m| m.eq_ignore_ascii_case("enabled"))
    }

    /// What an answer calls the resource.
    pub(super) fn resource(&self) -> String {
        if self.bucket.is_empty() {
            return "/".into();
        }
        format!("/{}/{}", self.bucket, self.key).trim_end_matches('/').to_owned()
    }
}

/// A presigned URL may carry headers in its query. Checksums in it are ignored, as AWS does: the
/// JavaScript SDK signs the CRC32 of an empty body into each URL for an upload, whose body whoever
/// uses the URL chooses (<https://github.com/localstack/localstack/issues/12169>).
fn headers_of_query(mut headers: HeaderMap, query: &[(String, String)]) -> HeaderMap {
    if !query.iter().any(|(name, _)| name == "X-Amz-Signature") {
        return headers;
    }
    for (name, value) in query {
        let name = name.to_ascii_lowercase();
        let signing = matches!(
            name.as_str(),
            "x-amz-algorithm"
                | "x-amz-credential"
                | "x-amz-date"
                | "x-amz-expires"
                | "x-amz-signature"
                | "x-amz-signedheaders"
                | "x-amz-security-token"
        );
        let checksum = name == "x-amz-sdk-checksum-algorithm"
            || Algorithm::ALL.iter().any(|algorithm| algorithm.header() == name);
        if signing || checksum || !name.starts_with("x-amz-") || headers.contains_key(&name) {
            continue;
        }
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value)) {
            headers.insert(name, value);
        }
    }
    headers
}

/// The bucket that the host names (`b.s3.localhost`, `b.s3.us-east-1.localhost`, `b.localhost`), and
/// whether it means the bucket's website (`b.s3-website.localhost`).
fn bucket_of_host(parts: &Parts) -> Option<(String, bool)> {
    let authority = parts.uri.authority().map(|a| a.as_str());
    let host = authority.or_else(|| parts.headers.get(http::header::HOST)?.to_str().ok())?;
    let host = host.split(':').next()?.to_ascii_lowercase();
    let before = DOMAINS.iter().find_map(|d| host.strip_suffix(d)?.strip_suffix('.'))?;
    let labels: Vec<&str> = before.split('.').collect();
    let service = labels.iter().rposition(|l| *l == "s3" || l.starts_with("s3-"));
    match service {
        Some(0) => None,
        Some(at) => Some((labels[..at].join("."), is_website(labels[at]))),
        // An address of the gateway itself, not of a bucket.
        None if matches!(before, "gateway" | "devenv" | "aws") => None,
        None => Some((before.to_owned(), false)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(uri: &str, host: &str) -> Head {
        let request = http::Request::builder().uri(uri).header("host", host).body(()).unwrap();
        Head::read(request.into_parts().0).unwrap()
    }

    fn target(uri: &str, host: &str) -> (String, String) {
        let head = read(uri, host);
        (head.bucket, head.key)
    }

    #[test]
    fn bucket_and_key_come_from_path_or_host() {
        let both = |b: &str, k: &str| (b.to_owned(), k.to_owned());
        assert_eq!(target("/b/k", "127.0.0.1:4566"), both("b", "k"));
        assert_eq!(target("/b", "localhost:4566"), both("b", ""));
        assert_eq!(target("/", "localhost"), both("", ""));
        assert_eq!(target("/b//a//b/../c", "s3.localhost"), both("b", "/a//b/../c"));
        assert_eq!(target("/b/a%2Fb%20+c%25", "h:1"), both("b", "a/b +c%"));
        assert_eq!(target("/k", "b.s3.localhost.localstack.cloud:4566"), both("b", "k"));
        assert_eq!(target("/k", "b.s3.eu-west-1.localhost"), both("b", "k"));
        assert_eq!(target("/k", "a.b.s3.localhost"), both("a.b", "k"));
        assert_eq!(target("/k", "b.localhost:4566"), both("b", "k"));
        assert_eq!(target("/b/k", "s3.us-east-1.localhost"), both("b", "k"));
        for host in ["b.s3-website.localhost", "b.s3-website-us-east-1.localhost.localstack.cloud"]
        {
            assert_eq!(target("/k", host), both("b", "k"));
            assert!(read("/k", host).website, "{host}");
        }
    }

    #[test]
    fn a_presigned_query_carries_headers() {
        let head = read("/b/k?X-Amz-Signature=0&x-amz-acl=private&X-Amz-Expires=5", "h");
        assert_eq!(head.header("x-amz-acl"), Some("private"));
        assert_eq!(head.header("x-amz-expires"), None);
        let uri = "/b/k?X-Amz-Signature=0&x-amz-checksum-mode=ENABLED&x-amz-checksum-crc32=AAAAAA%3D%3D&x-amz-sdk-checksum-algorithm=CRC32";
        let head = read(uri, "h");
        assert_eq!(head.header("x-amz-checksum-mode"), Some("ENABLED"));
        assert_eq!(head.header("x-amz-checksum-crc32"), None);
        assert_eq!(head.header("x-amz-sdk-checksum-algorithm"), None);
        assert_eq!(read("/b/k?x-amz-acl=private", "h").header("x-amz-acl"), None);
    }
}
