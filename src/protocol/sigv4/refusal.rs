//! Why a request's signature is not accepted, and how each protocol says so.
//!
//! S3's codes: <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>; the others':
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html>.

use super::super::Failure;
use super::time::{write_basic, write_extended};
use crate::base::Millis;
use serde_json::Value;

/// What the difference between the clocks may be, in milliseconds.
pub(super) const SKEW_MAX_MS: i64 = 15 * 60 * 1000;

/// Why a signature is not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The request is not signed.
    Anonymous,
    /// The signature cannot be read, in words.
    Malformed {
        /// What is wrong.
        what: String,
        /// Whether the signature is in the query.
        presigned: bool,
    },
    /// There is no such access key.
    UnknownKey(String),
    /// Headers that must be signed are not.
    Unsigned(Vec<String>),
    /// The signature is another one than ours.
    Mismatch {
        /// Access key.
        access_key: String,
        /// What came.
        signature: String,
        /// What we signed.
        string_to_sign: String,
        /// What is hashed in it.
        canonical_request: String,
    },
    /// Signed too long ago or too far ahead.
    Skewed {
        /// When it was signed.
        signed: Millis,
        /// The time now.
        now: Millis,
    },
    /// The presigned request is no longer valid.
    Expired {
        /// For how many seconds it was signed, where the query says so.
        seconds: Option<i64>,
        /// Until when.
        until: Millis,
        /// The time now.
        now: Millis,
    },
    /// The presigned request is not valid yet.
    NotYet,
    /// It is signed by Signature Version 2.
    Version2,
    /// The access key's session has ended.
    Ended,
}

/// What S3 says to Signature Version 2.
pub const ONLY_VERSION_4: &str =
    "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.";

const NO_SUCH_TOKEN: &str = "The security token included in the request is invalid.";
const MISMATCH: &str = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.";
const S3_MISMATCH: &str = "The request signature we calculated does not match the signature you provided. Check your key and signing method.";

impl Refusal {
    /// In S3's words.
    pub fn for_s3(&self) -> Failure {
        let denied = |text: &str| Failure::new(403, "AccessDenied", text);
        match self {
            Refusal::Anonymous => denied("Access Denied"),
            Refusal::Malformed { what, presigned: true } => {
                Failure::new(400, "AuthorizationQueryParametersError", what)
            }
            Refusal::Malformed { what, presigned: false } => Failure::new(
                400,
                "AuthorizationHeaderMalformed",
                format!("The authorization header is malformed; {what}"),
            ),
            Refusal::UnknownKey(key) => with(
                Failure::new(
                    403,
                    "InvalidAccessKeyId",
                    "The AWS Access Key Id you provided does not exist in our records.",
                ),
                vec![("AWSAccessKeyId", key.clone())],
            ),
            Refusal::Unsigned(names) => with(
                denied("There were headers present in the request which were not signed"),
                vec![("HeadersNotSigned", names.join(", "))],
            ),
            Refusal::Mismatch { access_key, signature, string_to_sign, canonical_request } => {
                let mut members = vec![
                    ("AWSAccessKeyId", access_key.clone()),
                    ("StringToSign", string_to_sign.clone()),
                    ("SignatureProvided", signature.clone()),
                    ("StringToSignBytes", spaced_hex(string_to_sign)),
                ];
                if !canonical_request.is_empty() {
                    members.push(("CanonicalRequest", canonical_request.clone()));
                    members.push(("CanonicalRequestBytes", spaced_hex(canonical_request)));
                }
                with(Failure::new(403, "SignatureDoesNotMatch", S3_MISMATCH), members)
            }
            Refusal::Skewed { signed, now } => with(
                Failure::new(
                    403,
                    "RequestTimeTooSkewed",
                    "The difference between the request time and the current time is too large.",
                ),
                vec![
                    ("RequestTime", write_basic(*signed)),
                    ("ServerTime", write_extended(*now)),
                    ("MaxAllowedSkewMilliseconds", SKEW_MAX_MS.to_string()),
                ],
            ),
            Refusal::Expired { seconds, until, now } => {
                let seconds = seconds.map(|s| ("X-Amz-Expires", s.to_string()));
                let instants =
                    [("Expires", write_extended(*until)), ("ServerTime", write_extended(*now))];
                with(denied("Request has expired"), seconds.into_iter().chain(instants).collect())
            }
            Refusal::NotYet => denied("Request is not valid yet"),
            Refusal::Version2 => Failure::new(400, "InvalidRequest", ONLY_VERSION_4),
            Refusal::Ended => Failure::new(400, "ExpiredToken", "The provided token has expired."),
        }
    }

    /// In the words of awsQuery services.
    pub fn for_query(&self) -> Failure {
        let (code, message) = self.common();
        let code = match code {
            "UnrecognizedClientException" => "InvalidClientTokenId",
            "InvalidSignatureException" => "SignatureDoesNotMatch",
            "MissingAuthenticationTokenException" => "MissingAuthenticationToken",
            "ExpiredTokenException" => "ExpiredToken",
            _ => "IncompleteSignature",
        };
        let message = if code == "MissingAuthenticationToken" {
            "Request is missing Authentication Token".to_owned()
        } else {
            message
        };
        Failure::new(403, code, message)
    }

    /// In the words of JSON services; `status` is 400 in awsJson and 403 in restJson. Clients that
    /// come from the query protocol find its code beside.
    pub fn for_json(&self, status: u16) -> Failure {
        let (code, message) = self.common();
        Failure::new(status, code, message).query_code(self.for_query().code)
    }

    fn common(&self) -> (&'static str, String) {
        match self {
            Refusal::Anonymous => {
                ("MissingAuthenticationTokenException", "Missing Authentication Token".to_owned())
            }
            Refusal::Malformed { what, .. } => ("IncompleteSignatureException", what.clone()),
            Refusal::UnknownKey(_) => ("UnrecognizedClientException", NO_SUCH_TOKEN.to_owned()),
            Refusal::Unsigned(names) => (
                "InvalidSignatureException",
                format!(
                    "'{}' must be a 'SignedHeader' in the AWS Authorization.",
                    names.join("', '")
                ),
            ),
            Refusal::Mismatch { .. } => ("InvalidSignatureException", MISMATCH.to_owned()),
            Refusal::Skewed { signed, now } => {
                ("InvalidSignatureException", skew_in_words(*signed, *now))
            }
            Refusal::Expired { until, now, .. } => (
                "InvalidSignatureException",
                format!(
                    "Signature expired: {} is now earlier than {} ({} - 15 min.)",
                    write_basic(*until),
                    write_basic(Millis(now.0 - SKEW_MAX_MS)),
                    write_basic(*now)
                ),
            ),
            Refusal::Ended => (
                "ExpiredTokenException",
                "The security token included in the request is expired".to_owned(),
            ),
            Refusal::NotYet => {
                ("InvalidSignatureException", "Signature not yet current".to_owned())
            }
            Refusal::Version2 => ("IncompleteSignatureException", ONLY_VERSION_4.to_owned()),
        }
    }
}

fn skew_in_words(signed: Millis, now: Millis) -> String {
    let (at, clock) = (write_basic(signed), write_basic(now));
    if signed < now {
        let edge = write_basic(Millis(now.0 - SKEW_MAX_MS));
        format!("Signature expired: {at} is now earlier than {edge} ({clock} - 15 min.)")
    } else {
        let edge = write_basic(Millis(now.0 + SKEW_MAX_MS));
        format!("Signature not yet current: {at} is still later than {edge} ({clock} + 15 min.)")
    }
}

fn with(mut failure: Failure, members: Vec<(&'static str, String)>) -> Failure {
    failure.members = members.into_iter().map(|(name, text)| (name, Value::String(text))).collect();
    failure
}

/// `41 57 53`: S3 shows what it signed byte by byte.
fn spaced_hex(text: &str) -> String {
    let bytes: Vec<String> = text.bytes().map(|b| format!("{b:02x}")).collect();
    bytes.join(" ")
}
