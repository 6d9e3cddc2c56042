//! Verification of a request's signature against the secret that its access key stands for.

use super::canonical::{self, PathRule};
use super::refusal::{Refusal, SKEW_MAX_MS};
use super::time;
use super::{ALGORITHM, Chunks, Credential, Credentials, is_hmac, sha256_hex, signing_key};
use crate::base::Millis;
use http::request::Parts;

/// Seconds that a presigned request may be valid at the most: a week.
const EXPIRES_SECONDS_MAX: i64 = 604_800;
/// What S3 says when a presigned query lacks a part.
const QUERY_PARTS: &str = "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.";

/// The body, as far as it is known when the signature is verified.
#[derive(Debug, Clone, Copy)]
pub enum Body<'a> {
    /// All of it.
    Whole(&'a [u8]),
    /// Still arriving: `x-amz-content-sha256` says what was signed, and the service holds it to that.
    Arriving,
}

/// The time by the clocks that count.
#[derive(Debug, Clone, Copy)]
pub struct Instants {
    /// The machine's clock, by which clients sign.
    pub real: Millis,
    /// The environment's clock, by which presigned requests expire.
    pub virtual_now: Millis,
}

/// What the signature says of the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// It has this SHA-256 (hex).
    Sha256(String),
    /// Nothing.
    Unsigned,
    /// Each chunk is signed; with trailers or without.
    Chunked {
        /// Whether trailers follow, and are signed too.
        trailer: bool,
    },
    /// Chunked, without signatures, with trailers.
    UnsignedChunked,
}

/// A signature that was found right. It stands in the request's extensions.
#[derive(Debug, Clone)]
pub struct Verified {
    /// Who signed.
    pub credential: Credential,
    /// What of the body is still to be checked.
    pub payload: Payload,
    /// The checker of chunk signatures, for [`Payload::Chunked`].
    pub chunks: Chunks,
}

/// A signature's parts, from the header or the query.
struct Claim {
    credential: Credential,
    headers: Vec<String>,
    signature: String,
    at: Millis,
    /// As it stands in the string to sign.
    timestamp: String,
    /// Seconds of validity of a presigned request.
    expires: Option<i64>,
}

/// Whether the request carries a Version 4 signature in its query.
pub fn signed_with_query(parts: &Parts) -> bool {
    let query = parts.uri.query().unwrap_or_default();
    query.split('&').any(|p| p.starts_with("X-Amz-Algorithm=") || p.starts_with("X-Amz-Signature="))
}

/// Verifies the signature of a request for `service` (the signing name).
pub fn verify(
    parts: &Parts,
    body: Body<'_>,
    service: &str,
    credentials: &dyn Credentials,
    now: Instants,
) -> Result<Verified, Refusal> {
    let authorization = header(parts, http::header::AUTHORIZATION.as_str());
    let claim = match authorization {
        Some(text) if service == "s3" && text.starts_with("AWS ") => return Err(Refusal::Version2),
        Some(text) => from_header(parts, text)?,
        None if signed_with_query(parts) => from_query(parts)?,
        None => return Err(Refusal::Anonymous),
    };
    let presigned = claim.expires.is_some();
    let secret = credentials
        .lookup(&claim.credential.access_key, token(parts).as_deref())
        .ok_or_else(|| Refusal::UnknownKey(claim.credential.access_key.clone()))?;
    check_scope(&claim, service, presigned)?;
    check_time(&claim, now)?;
    let s3 = service == "s3";
    check_headers(parts, &claim, s3)?;
    let declared = header(parts, "x-amz-content-sha256");
    let hash = match (s3, declared, body) {
        (true, Some(declared), _) => declared.to_owned(),
        (true, None, _) if presigned => "UNSIGNED-PAYLOAD".to_owned(),
        (_, _, Body::Whole(bytes)) => sha256_hex(bytes),
        (_, _, Body::Arriving) => {
            let what = "Missing required header for this request: x-amz-content-sha256";
            return Err(Refusal::Malformed { what: what.to_owned(), presigned });
        }
    };
    let rule = if s3 { PathRule::Once } else { PathRule::Twice };
    let canonical_request = canonical::request(parts, rule, &claim.headers, &hash);
    let string_to_sign = format!(
        "{ALGORITHM}\n{}\n{}\n{}",
        claim.timestamp,
        claim.credential.scope(),
        sha256_hex(canonical_request.as_bytes())
    );
    let key = signing_key(&secret, &claim.credential);
    if !is_hmac(&key, string_to_sign.as_bytes(), &claim.signature) {
        return Err(Refusal::Mismatch {
            access_key: claim.credential.access_key,
            signature: claim.signature,
            string_to_sign,
            canonical_request,
        });
    }
    let scope = claim.credential.scope();
    let chunks = Chunks::new(key, &claim.timestamp, scope, &claim.signature);
    Ok(Verified { credential: claim.credential, payload: payload_of(&hash), chunks })
}

/// The session token of temporary credentials.
fn token(parts: &Parts) -> Option<String> {
    let in_query = || {
        let query = parts.uri.query().unwrap_or_default();
        let raw = query.split('&').find_map(|p| p.strip_prefix("X-Amz-Security-Token="))?;
        percent_encoding::percent_decode_str(raw).decode_utf8().ok().map(String::from)
    };
    header(parts, "x-amz-security-token").map(str::to_owned).or_else(in_query)
}

fn payload_of(hash: &str) -> Payload {
    match hash {
        "UNSIGNED-PAYLOAD" => Payload::Unsigned,
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER" => Payload::UnsignedChunked,
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" => Payload::Chunked { trailer: false },
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER" => Payload::Chunked { trailer: true },
        other => Payload::Sha256(other.to_ascii_lowercase()),
    }
}

fn header<'a>(parts: &'a Parts, name: &str) -> Option<&'a str> {
    parts.headers.get(name).and_then(|value| value.to_str().ok())
}

fn from_header(parts: &Parts, text: &str) -> Result<Claim, Refusal> {
    let malformed = |what: String| Refusal::Malformed { what, presigned: false };
    let Some(fields) = text.strip_prefix(ALGORITHM) else {
        return Err(malformed(format!("only {ALGORITHM} signatures are accepted")));
    };
    let field = |name: &str| {
        let found = fields.split(',').find_map(|f| f.trim().strip_prefix(name)?.strip_prefix('='));
        found
            .filter(|f| !f.is_empty())
            .ok_or_else(|| malformed(format!("Authorization header requires '{name}' parameter.")))
    };
    let credential = Credential::parse(field("Credential")?).ok_or_else(|| {
        malformed("the Credential is mal-formed; expecting \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".".into())
    })?;
    let (signature, headers) = (field("Signature")?, field("SignedHeaders")?);
    let at = match header(parts, "x-amz-date") {
        Some(text) => time::basic(text),
        None => header(parts, http::header::DATE.as_str()).and_then(time::date_header),
    };
    let at = at.ok_or_else(|| {
        malformed(
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
                .into(),
        )
    })?;
    Ok(Claim {
        credential,
        headers: names(headers),
        signature: signature.to_owned(),
        at,
        timestamp: time::write_basic(at),
        expires: None,
    })
}

fn from_query(parts: &Parts) -> Result<Claim, Refusal> {
    let malformed = |what: &str| Refusal::Malformed { what: what.to_owned(), presigned: true };
    let query = parts.uri.query().unwrap_or_default();
    let field = |name: &str| {
        let raw = query.split('&').find_map(|p| p.strip_prefix(name)?.strip_prefix('='));
        let text = percent_encoding::percent_decode_str(raw.unwrap_or_default()).decode_utf8();
        let text = text.ok().map(std::borrow::Cow::into_owned).filter(|t| !t.is_empty());
        text.ok_or_else(|| malformed(QUERY_PARTS))
    };
    if field("X-Amz-Algorithm")? != ALGORITHM {
        return Err(malformed("X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\""));
    }
    let credential = Credential::parse(&field("X-Amz-Credential")?).ok_or_else(|| {
        malformed("Error parsing the X-Amz-Credential parameter; the Credential is mal-formed; expecting \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".")
    })?;
    let timestamp = field("X-Amz-Date")?;
    let at = time::basic(&timestamp).ok_or_else(|| {
        malformed("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"")
    })?;
    let expires: i64 = field("X-Amz-Expires")?
        .parse()
        .map_err(|_| malformed("X-Amz-Expires should be a number"))?;
    if expires < 0 {
        return Err(malformed("X-Amz-Expires must be non-negative"));
    }
    if expires > EXPIRES_SECONDS_MAX {
        return Err(malformed(
            "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds",
        ));
    }
    Ok(Claim {
        credential,
        headers: names(&field("X-Amz-SignedHeaders")?),
        signature: field("X-Amz-Signature")?,
        at,
        timestamp,
        expires: Some(expires),
    })
}

fn names(list: &str) -> Vec<String> {
    list.split(';').map(str::to_ascii_lowercase).collect()
}

fn check_scope(claim: &Claim, service: &str, presigned: bool) -> Result<(), Refusal> {
    let scope = &claim.credential;
    let same = scope.service == service
        || matches!((scope.service.as_str(), service), ("email", "ses") | ("s3express", "s3"));
    if !same {
        let what = format!("Credential should be scoped to correct service: '{service}'.");
        return Err(Refusal::Malformed { what, presigned });
    }
    if !claim.timestamp.starts_with(&scope.date) {
        let what = format!(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{}' != '{}', from '{}'.",
            scope.date,
            claim.timestamp.get(..8).unwrap_or_default(),
            claim.timestamp
        );
        return Err(Refusal::Malformed { what, presigned });
    }
    Ok(())
}

fn check_time(claim: &Claim, now: Instants) -> Result<(), Refusal> {
    let far = |clock: Millis| (claim.at.0 - clock.0).abs() > SKEW_MAX_MS;
    match claim.expires {
        // Clients sign by the machine's clock, wherever the environment's has been moved to.
        None if far(now.real) && far(now.virtual_now) => {
            Err(Refusal::Skewed { signed: claim.at, now: now.real })
        }
        None => Ok(()),
        Some(seconds) => {
            let until = claim.at.plus_seconds(seconds);
            if now.virtual_now > until {
                return Err(Refusal::Expired {
                    seconds: Some(seconds),
                    until,
                    now: now.virtual_now,
                });
            }
            let latest = now.real.max(now.virtual_now);
            if claim.at.0 - latest.0 > SKEW_MAX_MS { Err(Refusal::NotYet) } else { Ok(()) }
        }
    }
}

/// The host and every `x-amz-` header must be under the signature.
fn check_headers(parts: &Parts, claim: &Claim, s3: bool) -> Result<(), Refusal> {
    let signed = |name: &str| claim.headers.iter().any(|h| h == name);
    if !signed("host") {
        return Err(Refusal::Unsigned(vec!["host".to_owned()]));
    }
    let mut unsigned: Vec<String> = parts
        .headers
        .keys()
        .map(http::HeaderName::as_str)
        .filter(|name| name.starts_with("x-amz-") && !signed(name))
        // Presigned requests may say what their payload is without having signed it.
        .filter(|name| claim.expires.is_none() || *name != "x-amz-content-sha256")
        .map(str::to_owned)
        .collect();
    unsigned.sort_unstable();
    if s3 && !unsigned.is_empty() { Err(Refusal::Unsigned(unsigned)) } else { Ok(()) }
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;
