//! A denial in AWS's words, and the message that `DecodeAuthorizationMessage` reads.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>

use super::{Ask, Reason, Subject, Verdict};
use crate::policy::Keys;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Bytes of the digest in an encoded message.
const DIGEST_BYTES: usize = 16;

/// Why somebody may not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// For people.
    pub text: String,
    /// What `DecodeAuthorizationMessage` turns into JSON.
    pub encoded: String,
    /// The service that asked another one for its caller.
    pub via: Option<&'static str>,
}

impl Denial {
    /// Of a verdict that is no allowance.
    pub fn new(subject: &Subject, ask: &Ask, keys: &Keys, verdict: Verdict) -> Denial {
        let Ask { action, resource, .. } = ask;
        let kind = |reason| match reason {
            Reason::Identity => "identity-based policy",
            Reason::Resource => "resource-based policy",
            Reason::Boundary => "permissions boundary",
            Reason::Session => "session policy",
        };
        let why = match verdict {
            Verdict::Denied(reason @ Reason::Identity) => {
                format!("with an explicit deny in an {}", kind(reason))
            }
            Verdict::Denied(reason) => format!("with an explicit deny in a {}", kind(reason)),
            Verdict::Missing(reason) => {
                format!("because no {} allows the {action} action", kind(reason))
            }
            Verdict::Allowed => String::new(),
        };
        let arn = &subject.arn;
        // SES has words of its own for those who send.
        let text = if action.starts_with("ses:Send") {
            format!("User `{arn}' is not authorized to perform `{action}' on resource `{resource}'")
        } else {
            format!(
                "User: {arn} is not authorized to perform: {action} on resource: {resource} {why}"
            )
        };
        let text = match ask.via {
            // It does not say which key.
            Some("secretsmanager") => "Access to KMS is not allowed".to_owned(),
            Some("ssm" | "sqs") => format!(
                "{text} (Service: AWSKMS; Status Code: 400; Error Code: AccessDeniedException)"
            ),
            _ => text,
        };
        let items: Vec<Value> = keys
            .iter()
            .map(|(key, values)| {
                let values: Vec<Value> = values.iter().map(|v| json!({"value": v})).collect();
                json!({"key": key, "values": {"items": values}})
            })
            .collect();
        let decoded = json!({
            "allowed": false,
            "explicitDeny": matches!(verdict, Verdict::Denied(_)),
            "matchedStatements": {"items": []},
            "failures": {"items": []},
            "context": {
                "principal": {"id": subject.user_id, "arn": arn},
                "action": action,
                "resource": resource,
                "conditions": {"items": items},
            },
        });
        Denial { text, encoded: encode(&decoded), via: ask.via }
    }
}

fn encode(message: &Value) -> String {
    let text = message.to_string();
    let mut bytes = Sha256::digest(text.as_bytes())[..DIGEST_BYTES].to_vec();
    bytes.extend(text.into_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The JSON in an encoded message, if it is one of ours.
pub fn decode(encoded: &str) -> Option<String> {
    let bytes = URL_SAFE_NO_PAD.decode(encoded).ok()?;
    let (digest, text) = bytes.split_at_checked(DIGEST_BYTES)?;
    let right = Sha256::digest(text)[..DIGEST_BYTES] == *digest;
    right.then(|| String::from_utf8(text.to_vec()).ok()).flatten()
}
