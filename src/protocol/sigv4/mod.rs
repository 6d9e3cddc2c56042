//! Signature Version 4: who signed a request, and whether the signature is right.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>, and for
//! S3 <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html>.

mod canonical;
mod chunks;
mod credential;
mod keys;
mod legacy;
mod refusal;
mod sign;
mod time;
mod verify;

pub use chunks::Chunks;
pub use credential::Credential;
pub use keys::Keys;
pub use legacy::LegacyQuery;
pub use refusal::{ONLY_VERSION_4, Refusal};
pub use sign::sign;
pub use verify::{Body, Instants, Payload, Verified, signed_with_query, verify};

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// The algorithm's name, in headers and in strings to sign.
pub const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// The SHA-256 of nothing.
pub const EMPTY_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// The secrets behind access keys.
pub trait Credentials: Send + Sync {
    /// The secret access key of `access_key`, if there is such a key and `token` is its session's.
    fn lookup(&self, access_key: &str, token: Option<&str>) -> Option<String>;

    /// The account that `access_key` acts in, where the key does not say it itself.
    fn account(&self, _access_key: &str) -> Option<String> {
        None
    }

    /// Whether `access_key` was a session's that has ended.
    fn has_ended(&self, _access_key: &str) -> bool {
        false
    }
}

/// The keys of an environment that declares none: `test` and every account id, with the secret `test`.
#[derive(Debug, Clone, Copy, Default)]
pub struct TestCredentials;

impl Credentials for TestCredentials {
    fn lookup(&self, access_key: &str, _: Option<&str>) -> Option<String> {
        let account = access_key.len() == 12 && access_key.bytes().all(|b| b.is_ascii_digit());
        (account || access_key == "test").then(|| "test".to_owned())
    }
}

/// Stands in the extensions of a request to S3 that nobody signed.
#[derive(Debug, Clone, Copy)]
pub struct Anonymous;

/// Whether a request claims to be signed, by its head or its query, in either version.
pub fn is_signed(parts: &http::request::Parts) -> bool {
    const PARAMETERS: &[&str] =
        &["X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "AWSAccessKeyId", "Signature"];
    let query = parts.uri.query().unwrap_or_default();
    let mut names = query.split('&').map(|p| p.split_once('=').map_or(p, |(name, _)| name));
    parts.headers.contains_key(http::header::AUTHORIZATION)
        || names.any(|name| PARAMETERS.contains(&name))
}

fn hmac(key: &[u8], text: &[u8]) -> [u8; 32] {
    // HMAC takes keys of any length.
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).unwrap_or_else(|_| unreachable!());
    mac.update(text);
    mac.finalize().into_bytes().into()
}

/// Whether `signature` (hex) is the HMAC of `text`, in a time that does not depend on where they differ.
fn is_hmac(key: &[u8], text: &[u8], signature: &str) -> bool {
    let Ok(given) = hex::decode(signature) else { return false };
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).unwrap_or_else(|_| unreachable!());
    mac.update(text);
    mac.verify_slice(&given).is_ok()
}

/// The key that signs for one day, region and service.
fn signing_key(secret: &str, scope: &Credential) -> [u8; 32] {
    let day = hmac(format!("AWS4{secret}").as_bytes(), scope.date.as_bytes());
    let region = hmac(&day, scope.region.as_bytes());
    let service = hmac(&region, scope.service.as_bytes());
    hmac(&service, b"aws4_request")
}

fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
