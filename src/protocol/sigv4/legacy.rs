//! Presigned URLs of Signature Version 2, which boto3 still makes for S3 unless told otherwise.
//!
//! Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/RESTAuthentication.html#RESTAuthenticationQueryStringAuth>.

use super::refusal::Refusal;
use super::{Credential, Credentials, Instants};
use crate::base::Millis;
use base64::Engine;
use hmac::{Hmac, KeyInit, Mac};
use http::request::Parts;
use sha1::Sha1;
use std::collections::BTreeMap;

/// Query parameters that name what is asked for, and so are signed.
const SUBRESOURCES: &[&str] = &[
    "accelerate",
    "acl",
    "analytics",
    "cors",
    "defaultObjectAcl",
    "delete",
    "inventory",
    "lifecycle",
    "location",
    "logging",
    "metrics",
    "notification",
    "object-lock",
    "partNumber",
    "policy",
    "replication",
    "requestPayment",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
    "restore",
    "select",
    "select-type",
    "storageClass",
    "tagging",
    "torrent",
    "uploadId",
    "uploads",
    "versionId",
    "versioning",
    "versions",
    "website",
];

/// The signature of a Version 2 presigned URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegacyQuery {
    access_key: String,
    signature: String,
    /// Seconds since the epoch.
    expires: String,
}

impl LegacyQuery {
    /// Reads `AWSAccessKeyId`, `Signature` and `Expires` of a query; `None` if one is missing.
    pub fn from_query(query: &str) -> Option<LegacyQuery> {
        let field = |name: &str| {
            let raw = query.split('&').find_map(|p| p.strip_prefix(name)?.strip_prefix('='))?;
            percent_encoding::percent_decode_str(raw).decode_utf8().ok().map(String::from)
        };
        Some(LegacyQuery {
            access_key: field("AWSAccessKeyId")?,
            signature: field("Signature")?,
            expires: field("Expires")?,
        })
    }

    /// Whose key it is. Version 2 knows no scope: it is S3's alone here, in the default region.
    pub fn credential(&self) -> Credential {
        Credential {
            access_key: self.access_key.clone(),
            date: String::new(),
            region: String::new(),
            service: "s3".to_owned(),
        }
    }

    /// Verifies it.
    pub fn verify(
        &self,
        parts: &Parts,
        credentials: &dyn Credentials,
        now: Instants,
    ) -> Result<Credential, Refusal> {
        let secret = credentials
            .lookup(&self.access_key, None)
            .ok_or_else(|| Refusal::UnknownKey(self.access_key.clone()))?;
        let expires: i64 = self.expires.parse().map_err(|_| Refusal::Malformed {
            what: format!("Invalid date (should be seconds since epoch): {}", self.expires),
            presigned: true,
        })?;
        let until = Millis(expires.saturating_mul(1000));
        if now.virtual_now > until {
            return Err(Refusal::Expired { seconds: None, until, now: now.virtual_now });
        }
        let given = base64::engine::general_purpose::STANDARD.decode(&self.signature);
        let given = given.unwrap_or_default();
        let candidates = self.strings_to_sign(parts);
        let right = candidates.iter().any(|text| {
            let mac = <Hmac<Sha1> as KeyInit>::new_from_slice(secret.as_bytes());
            let mut mac = mac.unwrap_or_else(|_| unreachable!());
            mac.update(text.as_bytes());
            mac.verify_slice(&given).is_ok()
        });
        if right {
            return Ok(self.credential());
        }
        Err(Refusal::Mismatch {
            access_key: self.access_key.clone(),
            signature: self.signature.clone(),
            string_to_sign: candidates.into_iter().next().unwrap_or_default(),
            canonical_request: String::new(),
        })
    }

    /// What may have been signed: the bucket may stand in the path or in the host.
    fn strings_to_sign(&self, parts: &Parts) -> Vec<String> {
        let query = pairs(parts.uri.query().unwrap_or_default());
        let header = |name: &str| {
            let value = parts.headers.get(name).and_then(|v| v.to_str().ok());
            value.map(str::to_owned).or_else(|| query.get(name).cloned()).unwrap_or_default()
        };
        let mut amz: BTreeMap<String, String> =
            query.iter().filter(|(n, _)| n.starts_with("x-amz-")).map(own).collect();
        for (name, value) in &parts.headers {
            if name.as_str().starts_with("x-amz-") {
                let text = String::from_utf8_lossy(value.as_bytes()).trim().to_owned();
                amz.insert(name.as_str().to_owned(), text);
            }
        }
        let amz: String = amz.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let named: Vec<String> = SUBRESOURCES
            .iter()
            .filter_map(|name| query.get_key_value(*name))
            .map(
                |(name, value)| {
                    if value.is_empty() { name.clone() } else { format!("{name}={value}") }
                },
            )
            .collect();
        let tail = if named.is_empty() { String::new() } else { format!("?{}", named.join("&")) };
        let head = format!(
            "{}\n{}\n{}\n{}\n{amz}",
            parts.method,
            header("content-md5"),
            header("content-type"),
            self.expires
        );
        let path = parts.uri.path();
        let in_host = bucket_in_host(parts).map(|bucket| format!("{head}/{bucket}{path}{tail}"));
        // boto3 signs a bucket with a slash behind it, and sends it without.
        let bucket = (path.matches('/').count() == 1 && path.len() > 1)
            .then(|| format!("{head}{path}/{tail}"));
        in_host.into_iter().chain([format!("{head}{path}{tail}")]).chain(bucket).collect()
    }
}

fn own((name, value): (&String, &String)) -> (String, String) {
    (name.clone(), value.clone())
}

fn pairs(query: &str) -> BTreeMap<String, String> {
    let decode =
        |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    let pairs = query.split('&').filter(|p| !p.is_empty());
    let pairs = pairs.map(|p| p.split_once('=').unwrap_or((p, "")));
    pairs.map(|(name, value)| (decode(name), decode(value))).collect()
}

fn bucket_in_host(parts: &Parts) -> Option<&str> {
    let host = parts.headers.get(http::header::HOST).and_then(|h| h.to_str().ok());
    let host = parts.uri.authority().map(http::uri::Authority::as_str).or(host)?;
    let name = host.split(':').next().unwrap_or(host);
    let at = name.find(".s3.").or_else(|| name.find(".s3-"));
    at.or_else(|| name.strip_suffix(".localhost").map(str::len)).map(|at| &name[..at])
}

#[cfg(test)]
mod tests {
    use super::super::TestCredentials;
    use super::*;

    /// What boto3 1.44 made for `get_object` of `k a/ü+` in bucket `b`, with the secret `test`.
    const MADE: &str = "/b/k%20a/%C3%BC%2B?AWSAccessKeyId=test&Signature=MHAL7ngqRSBtawee35OJ7LGJ0FY%3D&Expires=1795267898";

    fn verify(method: &str, uri: &str, at_seconds: i64) -> Result<Credential, Refusal> {
        let request = http::Request::builder().method(method).uri(uri);
        let parts = request.header("host", "localhost:4566").body(()).unwrap().into_parts().0;
        let now = Millis(at_seconds * 1000);
        let instants = Instants { real: now, virtual_now: now };
        let legacy = LegacyQuery::from_query(parts.uri.query().unwrap()).unwrap();
        legacy.verify(&parts, &TestCredentials, instants)
    }

    #[test]
    fn boto3s_url_is_right_until_it_expires_or_is_tampered_with() {
        assert_eq!(verify("GET", MADE, 1_795_267_898).unwrap().access_key, "test");
        assert!(matches!(verify("GET", MADE, 1_795_267_899), Err(Refusal::Expired { .. })));
        let other = MADE.replace("/b/", "/c/");
        assert!(matches!(verify("GET", &other, 0), Err(Refusal::Mismatch { .. })));
        assert!(matches!(verify("PUT", MADE, 0), Err(Refusal::Mismatch { .. })));
        let acl = format!("{MADE}&acl");
        assert!(matches!(verify("GET", &acl, 0), Err(Refusal::Mismatch { .. })));
        let stranger = MADE.replace("=test", "=AKIAIOSFODNN7EXAMPLE");
        assert!(matches!(verify("GET", &stranger, 0), Err(Refusal::UnknownKey(_))));
    }
}
