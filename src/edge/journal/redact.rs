//! What of a request is a secret and is shown to nobody.
//!
//! Source: the members that the services' Smithy models call `@sensitive`, and signatures.

use serde_json::Value;

/// What stands in a secret's place.
pub(super) const HIDDEN: &str = "[redacted]";

/// Members that are secrets in every service.
const SECRETS: &[&str] = &[
    "SecretString",
    "SecretBinary",
    "RotationToken",
    "Plaintext",
    "PrivateKeyPlaintext",
    "SharedSecret",
    "KeyMaterial",
    "Password",
    "NewPassword",
    "OldPassword",
    "PrivateKey",
    "DomainSigningPrivateKey",
    "WebIdentityToken",
    "SAMLAssertion",
    "TokenCode",
    "AuthenticationCode1",
    "AuthenticationCode2",
    "SecretAccessKey",
    "SessionToken",
];

/// Query parameters that sign.
const SIGNING: &[&str] =
    &["x-amz-signature", "x-amz-security-token", "signature", "x-amz-credential", "awsaccesskeyid"];

/// Takes the secrets out of an input of `service`.
pub(super) fn members(service: &str, input: &mut Value) {
    match input {
        Value::Object(object) => {
            for (name, value) in object {
                // A parameter's value may be a SecureString, whatever this request calls it.
                let is_parameter = service == "ssm" && name == "Value";
                match SECRETS.contains(&name.as_str()) || is_parameter {
                    true => *value = HIDDEN.into(),
                    false => members(service, value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| members(service, item)),
        _ => {}
    }
}

/// Path and query without what signs.
pub(super) fn address(uri: &http::Uri) -> String {
    let Some(query) = uri.query() else { return uri.path().to_owned() };
    let pairs = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name, _)) if SIGNING.contains(&name.to_ascii_lowercase().as_str()) => {
            format!("{name}={HIDDEN}")
        }
        _ => pair.to_owned(),
    });
    format!("{}?{}", uri.path(), pairs.collect::<Vec<_>>().join("&"))
}
