//! What a request asks to be allowed, as policies name it.

use super::Subject;
use crate::base::Caller;
use crate::policy::{Grammar, Keys, Policy};
use serde_json::Value;

/// A request to a service before its operation is carried out.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// The operation (`SendMessage`), where the protocol names it.
    pub operation: &'a str,
    /// The method and path of a REST protocol's request.
    pub rest: (&'a str, &'a str),
    /// The input as it came: a JSON document, or a form whose dots became objects.
    pub input: &'a Value,
    /// Who calls.
    pub caller: &'a Caller,
}

impl<'a> Asked<'a> {
    /// The text `member` of the input; empty if it is not there.
    pub fn text(&self, member: &str) -> &'a str {
        self.input.get(member).and_then(Value::as_str).unwrap_or_default()
    }

    /// The texts of the list `member`, of either protocol.
    pub fn texts(&self, member: &str) -> Vec<&'a str> {
        let list = self.input.get(member);
        match list {
            Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect(),
            Some(Value::Object(form)) => {
                let inner = form.get("member").and_then(Value::as_object).unwrap_or(form);
                inner.values().filter_map(Value::as_str).collect()
            }
            _ => Vec::new(),
        }
    }

    /// `arn:aws:{service}:{region}:{account}:{resource}` of the caller.
    pub fn arn(&self, service: &str, resource: &str) -> String {
        let Caller { region, account, .. } = self.caller;
        format!("arn:aws:{service}:{region}:{account}:{resource}")
    }
}

/// What a resource's own policy means for those of its account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rule {
    /// It adds to what their own policies allow.
    #[default]
    Adds,
    /// Nothing is allowed without it: KMS keys, and the trust policies of roles.
    Decides,
}

/// One thing that a request asks to be allowed.
#[derive(Debug, Clone, Default)]
pub struct Ask {
    /// `sqs:SendMessage`.
    pub action: String,
    /// The ARN of what it is done to, or `*`.
    pub resource: String,
    /// The account that owns the resource; the caller's unless the ARN says otherwise.
    pub owner: Option<String>,
    /// Condition keys of the service's own.
    pub keys: Keys,
    /// The resource's policy.
    pub policy: Option<Policy>,
    /// What that means for those of the resource's account.
    pub rule: Rule,
    /// The service that asks for its caller, where it is not the resource's own.
    pub via: Option<&'static str>,
}

impl Ask {
    /// All condition keys of a request that has these: the ask's own and the account of what it is done to
    /// with them.
    pub fn all_keys(&self, subject: &Subject, keys: &Keys) -> Keys {
        let mut all = keys.clone();
        all.extend(&self.keys);
        all.add("aws:ResourceAccount", self.owner.as_ref().unwrap_or(&subject.account));
        all
    }

    /// `action` on `resource`, which belongs to the account of its ARN.
    pub fn new(action: impl Into<String>, resource: impl Into<String>) -> Ask {
        let resource = resource.into();
        let account = resource.split(':').nth(4).filter(|account| !account.is_empty());
        let owner = account.map(str::to_owned);
        Ask { action: action.into(), resource, owner, ..Ask::default() }
    }

    /// With the text of the resource's policy. One that cannot be read denies.
    #[must_use]
    pub fn with_policy(mut self, text: Option<&str>) -> Ask {
        self.policy =
            text.map(|text| Policy::parse(text, Grammar::Resource).unwrap_or_else(|_| deny()));
        self
    }

    /// With a condition key.
    #[must_use]
    pub fn with_key(mut self, name: &str, value: impl Into<String>) -> Ask {
        self.keys.add(name, value);
        self
    }

    /// With the resource's tags as condition keys.
    #[must_use]
    pub fn with_tags<'a>(
        mut self,
        service: &str,
        tags: impl IntoIterator<Item = (&'a String, &'a String)>,
    ) -> Ask {
        for (key, value) in tags {
            self.keys.add(&format!("aws:ResourceTag/{key}"), value);
            self.keys.add(&format!("{service}:ResourceTag/{key}"), value);
        }
        self
    }
}

/// The policy that denies everything to everybody: a Deny may stand in what cannot be read.
fn deny() -> Policy {
    let text = r#"{"Statement":{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}}"#;
    Policy::parse(text, Grammar::Resource).unwrap_or(Policy { statements: Vec::new() })
}
