//! A checked input with its members by name and kind, and what an operation may answer to it.

use crate::services::ServiceError;
use serde_json::{Map, Value};

/// The members of an input that [`super::read`] has passed. Never printed: values may be secret.
#[derive(Clone, Default)]
pub struct Input(pub Map<String, Value>);

impl Input {
    /// The text `member`; empty if it is not there.
    pub fn text(&self, member: &str) -> &str {
        self.get(member).and_then(Value::as_str).unwrap_or_default()
    }

    /// The text `member`, if it is there.
    pub fn some(&self, member: &str) -> Option<&str> {
        self.get(member).and_then(Value::as_str)
    }

    /// The text `member` as an own value, if it is there.
    pub fn owned(&self, member: &str) -> Option<String> {
        self.some(member).map(str::to_owned)
    }

    /// The flag `member`; false if it is not there.
    pub fn flag(&self, member: &str) -> bool {
        self.get(member).and_then(Value::as_bool).unwrap_or_default()
    }

    /// The whole number `member`.
    pub fn number(&self, member: &str) -> Option<i64> {
        self.get(member).and_then(Value::as_i64)
    }

    /// The list of texts `member`.
    pub fn texts(&self, member: &str) -> Vec<String> {
        self.list(member).filter_map(|item| item.as_str().map(str::to_owned)).collect()
    }

    /// The items of the list `member`.
    pub fn list(&self, member: &str) -> impl Iterator<Item = &Value> {
        self.get(member).and_then(Value::as_array).into_iter().flatten()
    }

    /// The tags of the list `member`: keys and values.
    pub fn tags(&self, member: &str) -> Vec<(String, String)> {
        let text = |tag: &Value, name: &str| tag[name].as_str().unwrap_or_default().to_owned();
        self.list(member).map(|tag| (text(tag, "Key"), text(tag, "Value"))).collect()
    }

    /// The member as it stands.
    pub fn get(&self, member: &str) -> Option<&Value> {
        self.0.get(member)
    }
}

/// Why an operation refuses: AWS's code, status and text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// `ParameterNotFound`.
    pub code: &'static str,
    /// HTTP status.
    pub status: u16,
    /// For people; never a secret.
    pub text: String,
}

impl Refusal {
    /// A refusal with status 400.
    pub fn new(code: &'static str, text: impl Into<String>) -> Refusal {
        Refusal::of(400, code, text)
    }

    /// A refusal with a status of its own.
    pub fn of(status: u16, code: &'static str, text: impl Into<String>) -> Refusal {
        Refusal { code, status, text: text.into() }
    }
}

impl ServiceError for Refusal {
    fn code(&self) -> &'static str {
        self.code
    }

    fn status(&self) -> u16 {
        self.status
    }

    fn message(&self) -> String {
        self.text.clone()
    }
}
