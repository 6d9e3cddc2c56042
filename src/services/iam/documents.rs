//! Policy documents of IAM: checked, counted, and written as IAM sends them.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>,
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>: white space does not count.

use crate::policy::{Grammar, Mistake, Policy};
use crate::services::model::Refusal;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What RFC 3986 leaves as it is.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Reads a document, or says what is wrong in IAM's words.
pub fn check(text: &str, grammar: Grammar) -> Result<Policy, Refusal> {
    let refused = |text: String| Refusal::new("MalformedPolicyDocument", text);
    Policy::parse(text.trim(), grammar).map_err(|mistake| {
        refused(match mistake {
            Mistake::InvalidJson if grammar == Grammar::Trust => mistake.to_string(),
            Mistake::Version => "Policy document must be version 2012-10-17 or greater.".into(),
            Mistake::Missing("Resource") => "Policy statement must contain resources.".into(),
            Mistake::Missing("Action") => "Policy statement must contain actions.".into(),
            Mistake::Action(_) => {
                "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.".into()
            }
            Mistake::Resource(text) => format!("Resource {text} must be in ARN format or \"*\"."),
            Mistake::Principal(kind, name) => {
                format!("Invalid principal in policy: \"{kind}\":\"{name}\"")
            }
            Mistake::PrincipalForbidden | Mistake::ResourceForbidden | Mistake::DuplicateSid(_) => {
                mistake.to_string()
            }
            _ => "Syntax errors in policy.".into(),
        })
    })
}

/// Characters that count.
pub fn size(text: &str) -> usize {
    text.chars().filter(|c| !c.is_whitespace()).count()
}

/// As IAM sends it: percent-encoded by RFC 3986.
pub fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}
