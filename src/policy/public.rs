//! Whether a policy opens something to everybody, as S3 and Secrets Manager count it.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html#access-control-block-public-access-policy-status>:
//! public is an allowing statement for everybody, unless a condition on one of certain keys narrows it
//! to fixed values.

use super::condition::{Address, Kind};
use super::{Condition, Effect, Policy, Statement};

/// Condition keys that narrow a statement to people who can be counted.
const NARROWING: &[&str] = &[
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:sourcearn",
    "aws:sourceaccount",
    "aws:sourceip",
    "aws:sourceorgid",
    "aws:sourceorgpaths",
    "aws:sourceowner",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:userid",
    "aws:vpcsourceip",
    "s3:dataaccesspointaccount",
    "s3:dataaccesspointarn",
    "s3:x-amz-server-side-encryption-aws-kms-key-id",
    "saml:namequalifier",
];
/// Bits of a network of IPv4 below which it is as good as everybody.
const BITS_V4_MIN: u32 = 8;
/// The same for IPv6.
const BITS_V6_MIN: u32 = 32;

impl Policy {
    /// Whether a statement allows something to everybody.
    pub fn is_public(&self) -> bool {
        self.statements.iter().any(Statement::is_public)
    }
}

impl Statement {
    /// Whether it allows something to everybody.
    pub fn is_public(&self) -> bool {
        self.effect == Effect::Allow
            && self.principals.are_open()
            && !self.conditions.iter().any(narrows)
    }
}

fn narrows(condition: &Condition) -> bool {
    let key = condition.key.to_ascii_lowercase();
    if !NARROWING.contains(&key.as_str()) || condition.if_exists || condition.of_all {
        return false;
    }
    if condition.values.is_empty() {
        return false;
    }
    match condition.kind {
        Kind::Address { not: false } => condition.values.iter().all(|value| {
            Address::read(value.text()).is_some_and(|network| match network.is_v4() {
                true => network.bits() >= BITS_V4_MIN,
                false => network.bits() >= BITS_V6_MIN,
            })
        }),
        Kind::Text { not: false, .. } => !condition.values.iter().any(super::Pattern::is_open),
        // An ARN may hold wildcards, but its account must be fixed.
        Kind::Arn { not: false } => condition.values.iter().all(|value| {
            let account = value.text().split(':').nth(4).unwrap_or_default();
            !value.has_variables() && !account.is_empty() && !account.contains(['*', '?'])
        }),
        _ => false,
    }
}
