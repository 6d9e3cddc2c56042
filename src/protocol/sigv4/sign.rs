//! Signing: what a request needs to be taken for its caller's elsewhere.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html>

use super::canonical::{self, PathRule};
use super::{ALGORITHM, Credential, hmac, sha256_hex, signing_key, time};
use crate::base::Millis;
use http::header::{AUTHORIZATION, HOST, HeaderValue, InvalidHeaderValue};
use http::request::Parts;

/// Signs a request whose body is `body`, for everything but S3: sets its `x-amz-date` and
/// `authorization`. Its `host` header must be the one that goes out.
pub fn sign(
    parts: &mut Parts,
    body: &[u8],
    access_key: &str,
    secret: &str,
    (region, service): (&str, &str),
    at: Millis,
) -> Result<(), InvalidHeaderValue> {
    let timestamp = time::write_basic(at);
    let credential = Credential {
        access_key: access_key.to_owned(),
        date: timestamp.get(..8).unwrap_or_default().to_owned(),
        region: region.to_owned(),
        service: service.to_owned(),
    };
    parts.headers.insert("x-amz-date", HeaderValue::from_str(&timestamp)?);
    parts.headers.remove("x-amz-security-token");
    let is_signed = |name: &str| name.starts_with("x-amz-") || name == "content-type";
    let mut names: Vec<String> =
        parts.headers.keys().map(|n| n.as_str().to_owned()).filter(|n| is_signed(n)).collect();
    names.push(HOST.as_str().to_owned());
    names.sort_unstable();
    let canonical = canonical::request(parts, PathRule::Twice, &names, &sha256_hex(body));
    let scope = credential.scope();
    let text = format!("{ALGORITHM}\n{timestamp}\n{scope}\n{}", sha256_hex(canonical.as_bytes()));
    let signature = hex::encode(hmac(&signing_key(secret, &credential), text.as_bytes()));
    let authorization = format!(
        "{ALGORITHM} Credential={access_key}/{scope}, SignedHeaders={}, Signature={signature}",
        names.join(";")
    );
    let mut value = HeaderValue::from_str(&authorization)?;
    value.set_sensitive(true);
    parts.headers.insert(AUTHORIZATION, value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::{Body, Instants, TestCredentials, verify};
    use super::*;

    #[test]
    fn what_is_signed_is_verified() {
        let at = Millis(1_795_000_000_000);
        let request = http::Request::post("http://127.0.0.1:5000/a//b?x=1&a=%20")
            .header("host", "127.0.0.1:5000")
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", "DynamoDB_20120810.ListTables");
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        sign(&mut parts, b"{}", "test", "test", ("us-east-1", "dynamodb"), at).unwrap();
        let now = Instants { real: at, virtual_now: at };
        let bytes = bytes::Bytes::from_static(b"{}");
        verify(&parts, Body::Whole(&bytes), "dynamodb", &TestCredentials, now).unwrap();
        let other = bytes::Bytes::from_static(b"{ }");
        assert!(verify(&parts, Body::Whole(&other), "dynamodb", &TestCredentials, now).is_err());
    }
}
