//! The policy of a form upload: which fields a signed form may have, and until when.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html>; the texts are
//! those with which S3 refuses.

use super::error::{Error, Result};
use crate::base::Millis;
use serde_json::Value;

/// Fields that no condition has to name.
const UNNAMED: &[&str] =
    &["x-amz-signature", "signature", "awsaccesskeyid", "policy", "file", "bucket"];
/// Beginning of fields that nobody heeds.
const IGNORED: &str = "x-ignore-";

/// A condition.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Condition {
    /// The field must be this.
    Equal(String, String),
    /// The field must begin so.
    Starts(String, String),
    /// Bytes of the file, as written; they may be no numbers.
    Length(Value, Value),
}

/// A policy that can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormPolicy {
    expires: Millis,
    conditions: Vec<Condition>,
}

fn invalid(what: &str) -> Error {
    Error::new(400, "InvalidPolicyDocument", format!("Invalid Policy: {what}"))
}

fn against(what: &str) -> Error {
    Error::new(403, "AccessDenied", format!("Invalid according to Policy: {what}"))
}

fn failed(condition: &str) -> Error {
    against(&format!("Policy Condition failed: {condition}"))
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

impl Condition {
    fn read(value: &Value) -> Result<Condition> {
        match value {
            Value::Object(members) => {
                let mut members = members.iter();
                match (members.next(), members.next()) {
                    (Some((name, wanted)), None) => {
                        Ok(Condition::Equal(format!("${name}"), shown(wanted)))
                    }
                    _ => Err(invalid(
                        "Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.",
                    )),
                }
            }
            Value::Array(parts) => {
                let [operator, first, second] = parts.as_slice() else {
                    return Err(invalid("Invalid Condition: wrong number of arguments."));
                };
                let name = operator.as_str().unwrap_or_default().to_ascii_lowercase();
                match name.as_str() {
                    "eq" => Ok(Condition::Equal(shown(first), shown(second))),
                    "starts-with" => Ok(Condition::Starts(shown(first), shown(second))),
                    "content-length-range" => Ok(Condition::Length(first.clone(), second.clone())),
                    _ => Err(invalid(&format!("Invalid Condition: unknown operation '{name}'."))),
                }
            }
            _ => Err(invalid("Invalid Condition: Conditions must be objects or arrays.")),
        }
    }

    /// As S3 shows it.
    fn text(&self) -> String {
        match self {
            Condition::Equal(name, value) => format!("[\"eq\", \"{name}\", \"{value}\"]"),
            Condition::Starts(name, value) => format!("[\"starts-with\", \"{name}\", \"{value}\"]"),
            Condition::Length(least, most) => {
                let (least, most) = (shown(least), shown(most));
                format!("[\"content-length-range\", \"{least}\", \"{most}\"]")
            }
        }
    }

    /// The field that it names, in lower case; `None` if what it names is no field.
    fn field(&self) -> Option<String> {
        match self {
            Condition::Equal(name, _) | Condition::Starts(name, _) => {
                name.strip_prefix('$').map(str::to_ascii_lowercase)
            }
            Condition::Length(..) => None,
        }
    }

    fn holds(&self, fields: &[(String, String)], bucket: &str) -> bool {
        if matches!(self, Condition::Length(..)) {
            return true;
        }
        let Some(name) = self.field() else { return false };
        let given = if name == "bucket" {
            Some(bucket)
        } else {
            fields.iter().find(|(n, _)| *n == name).map(|(_, value)| value.as_str())
        };
        match self {
            Condition::Equal(_, wanted) => given == Some(wanted.as_str()),
            // Several values of a content type each must begin so.
            Condition::Starts(_, wanted) if name == "content-type" => {
                given.unwrap_or_default().split(',').all(|one| one.starts_with(wanted.as_str()))
            }
            Condition::Starts(_, wanted) => {
                given.is_some_and(|given| given.starts_with(wanted.as_str()))
            }
            Condition::Length(..) => true,
        }
    }
}

impl FormPolicy {
    /// Reads a policy's JSON.
    pub fn parse(text: &[u8]) -> Result<FormPolicy> {
        let value: Value = serde_json::from_slice(text).map_err(|_| invalid("Invalid JSON."))?;
        let expiration =
            value.get("expiration").ok_or_else(|| invalid("Policy missing expiration."))?;
        let expiration = shown(expiration);
        let expires = super::lock::instant(&expiration)
            .ok_or_else(|| invalid(&format!("Invalid 'expiration' value: '{expiration}'")))?;
        let conditions = value.get("conditions").and_then(Value::as_array);
        let conditions = conditions.ok_or_else(|| invalid("Policy missing conditions."))?;
        let conditions = conditions.iter().map(Condition::read).collect::<Result<_>>()?;
        Ok(FormPolicy { expires, conditions })
    }

    /// Holds a form for `bucket` against it; names of fields are in lower case.
    pub fn check(&self, fields: &[(String, String)], bucket: &str, now: Millis) -> Result<()> {
        if now > self.expires {
            return Err(against("Policy expired."));
        }
        for condition in &self.conditions {
            if !condition.holds(fields, bucket) {
                return Err(failed(&condition.text()));
            }
        }
        let named: Vec<String> = self.conditions.iter().filter_map(Condition::field).collect();
        let extra: Vec<&str> = fields
            .iter()
            .map(|(name, _)| name.as_str())
            .filter(|name| !UNNAMED.contains(name) && !name.starts_with(IGNORED))
            .filter(|name| !named.iter().any(|n| n == name))
            .collect();
        if extra.is_empty() {
            return Ok(());
        }
        Err(against(&format!("Extra input fields: {}", extra.join(", "))))
    }

    /// Holds the file's size against it.
    pub fn check_size(&self, size: u64) -> Result<()> {
        for condition in &self.conditions {
            let Condition::Length(least, most) = condition else { continue };
            let number = |value: &Value| match value {
                Value::String(text) => text.parse().ok(),
                other => other.as_u64(),
            };
            let (Some(least), Some(most)) = (number(least), number(most)) else {
                return Err(failed(&condition.text()));
            };
            if size > most {
                return Err(Error::entity_too_large(size, most));
            }
            if size < least {
                return Err(Error::new(
                    400,
                    "EntityTooSmall",
                    "Your proposed upload is smaller than the minimum allowed size",
                )
                .with("ProposedSize", size.to_string())
                .with("MinSizeAllowed", least.to_string()));
            }
        }
        Ok(())
    }
}

/// Entry point of the fuzzer: reads `data` as a policy and holds a form against it.
pub fn fuzz(data: &[u8]) {
    if let Ok(policy) = FormPolicy::parse(data) {
        let fields = [("key".to_owned(), "k".to_owned()), ("acl".to_owned(), "private".to_owned())];
        let _ = policy.check(&fields, "b", Millis(0));
        let _ = policy.check_size(5);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(conditions: &str, fields: &[(&str, &str)]) -> std::result::Result<(), String> {
        let text = format!(
            "{{\"expiration\":\"2030-01-01T00:00:00.000Z\",\"conditions\":[{conditions}]}}"
        );
        let fields: Vec<(String, String)> =
            fields.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let policy = FormPolicy::parse(text.as_bytes()).map_err(|e| e.message.into_owned())?;
        policy.check(&fields, "b", Millis(0)).map_err(|e| e.message.into_owned())
    }

    #[test]
    fn conditions_hold_or_are_named() {
        assert_eq!(
            check(r#"{"bucket":"b"},["starts-with","$key","in/"]"#, &[("key", "in/k")]),
            Ok(())
        );
        let wrong = |conditions, fields: &[(&str, &str)]| check(conditions, fields).unwrap_err();
        assert_eq!(
            wrong(r#"["starts-with","$key","in/"]"#, &[("key", "k")]),
            "Invalid according to Policy: Policy Condition failed: [\"starts-with\", \"$key\", \"in/\"]"
        );
        assert_eq!(
            wrong(r#"{"acl":"private"}"#, &[("acl", "public-read")]),
            "Invalid according to Policy: Policy Condition failed: [\"eq\", \"$acl\", \"private\"]"
        );
        assert!(wrong(r#"["eq","key","k"]"#, &[("key", "k")]).contains("[\"eq\", \"key\", \"k\"]"));
        assert!(wrong(r#"{"bucket":"c"}"#, &[]).contains("$bucket"));
        assert_eq!(
            wrong(r#"{"key":"k"}"#, &[("key", "k"), ("content-type", "a/b"), ("x-ignore-me", "1")]),
            "Invalid according to Policy: Extra input fields: content-type"
        );
        assert!(wrong(r#"{"a":"1","b":"2"}"#, &[]).contains("exactly one property"));
        assert!(wrong(r#"["near","$key","k"]"#, &[]).contains("Invalid Policy"));
    }

    #[test]
    fn sizes_and_time_have_their_bounds() {
        let text = br#"{"expiration":"2030-01-01T00:00:00Z","conditions":[["content-length-range",5,"10"]]}"#;
        let policy = FormPolicy::parse(text).unwrap();
        assert_eq!(policy.check_size(5), Ok(()));
        assert_eq!(policy.check_size(4).unwrap_err().code, "EntityTooSmall");
        assert_eq!(policy.check_size(11).unwrap_err().code, "EntityTooLarge");
        let late = policy.check(&[], "b", Millis(i64::MAX)).unwrap_err();
        assert_eq!(late.message, "Invalid according to Policy: Policy expired.");
        let test = br#"{"expiration":"2030-01-01T00:00:00Z","conditions":[["content-length-range","test",10]]}"#;
        let error = FormPolicy::parse(test).unwrap().check_size(5).unwrap_err();
        assert!(error.message.ends_with("[\"content-length-range\", \"test\", \"10\"]"), "{error}");
        for wrong in
            ["", "{}", "{\"expiration\":\"soon\"}", "{\"expiration\":\"2030-01-01T00:00:00Z\"}"]
        {
            assert_eq!(
                FormPolicy::parse(wrong.as_bytes()).unwrap_err().code,
                "InvalidPolicyDocument"
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in ".{0,200}") {
            fuzz(text.as_bytes());
        }
    }
}
