//! Policy documents of AWS: reading, checking and evaluating them. Pure.
//!
//! Grammar: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>;
//! evaluation: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html>.
//! Knows no service: which actions and resources there are, each service checks itself over
//! [`Policy::statements`]. Invariants: an explicit deny wins over every allow, and what cannot be read
//! (a value that is no number, a variable without a value) fits nothing.

mod condition;
mod document;
mod mistake;
mod pattern;
mod principal;
mod public;
#[cfg(test)]
mod tests;

pub use condition::Condition;
pub use document::{Actions, Effect, Grammar, Policy, Resources, Statement};
pub use mistake::Mistake;
pub use pattern::{Pattern, fits};
pub use principal::{Principal, Principals, Who};

use crate::base::Millis;
use std::collections::BTreeMap;

/// What a policy says to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// A statement allows it and none denies it.
    Allow,
    /// A statement denies it.
    Deny,
    /// No statement speaks of it.
    Implicit,
}

impl Decision {
    /// The decision of two policies together.
    #[must_use]
    pub fn and(self, other: Decision) -> Decision {
        match (self, other) {
            (Decision::Deny, _) | (_, Decision::Deny) => Decision::Deny,
            (Decision::Allow, _) | (_, Decision::Allow) => Decision::Allow,
            _ => Decision::Implicit,
        }
    }
}

/// The values of condition keys, by the keys' names, which are told apart without regard to case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keys(BTreeMap<String, Vec<String>>);

impl Keys {
    /// No values.
    pub fn new() -> Self {
        Keys::default()
    }

    /// Those that every request has, at the time `now`
    /// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html>).
    pub fn of_request(now: Millis) -> Self {
        Keys::new()
            .with("aws:CurrentTime", now.iso8601())
            .with("aws:EpochTime", now.seconds().to_string())
            .with("aws:SourceIp", "127.0.0.1")
            // Nothing leaves the machine, and policies that ask for TLS mean what AWS itself offers.
            .with("aws:SecureTransport", "true")
    }

    /// With one more value of `name`.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.add(name, value);
        self
    }

    /// Adds a value of `name`.
    pub fn add(&mut self, name: &str, value: impl Into<String>) {
        self.0.entry(name.to_ascii_lowercase()).or_default().push(value.into());
    }

    /// All of them: names in lower case, and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.0.iter().map(|(name, values)| (name.as_str(), values.as_slice()))
    }

    /// Takes over those of `others`.
    pub fn extend(&mut self, others: &Keys) {
        for (name, values) in &others.0 {
            self.0.entry(name.clone()).or_default().extend(values.iter().cloned());
        }
    }

    /// The values of `name`; `None` where the request has none.
    pub fn get(&self, name: &str) -> Option<&[String]> {
        self.0.get(&name.to_ascii_lowercase()).map(Vec::as_slice)
    }
}

/// A request as policies see it.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Who asks.
    pub who: &'a Who,
    /// `s3:GetObject`.
    pub action: &'a str,
    /// The ARN of what it is done to.
    pub resource: &'a str,
    /// Condition keys.
    pub keys: &'a Keys,
}

/// Entry point of the fuzzer: reads `data` as a policy and asks it things. Must not panic.
pub fn fuzz(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let grammars = [Grammar::Resource, Grammar::Identity, Grammar::Trust];
    for policy in grammars.iter().filter_map(|grammar| Policy::parse(text, *grammar).ok()) {
        ask_things(&policy);
    }
}

fn ask_things(policy: &Policy) {
    let keys = Keys::new()
        .with("aws:SourceIp", "127.0.0.1")
        .with("aws:CurrentTime", "2026-11-21T00:00:00Z")
        .with("s3:prefix", "a/b");
    for who in [Who::anonymous(), Who::account("000000000000")] {
        for resource in ["arn:aws:s3:::bucket/key", "*", ""] {
            let request = Request { who: &who, action: "s3:GetObject", resource, keys: &keys };
            let _ = (policy.decide(&request), policy.allows_directly(&request));
        }
    }
    let _ = policy.is_public();
}
