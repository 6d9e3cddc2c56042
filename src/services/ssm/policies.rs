//! Policies of parameters: expiry and notifications.
//!
//! <https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-policies.html>. An
//! expiry deletes the parameter by the clock; notifications are events of EventBridge, which devenv
//! does not have: they are kept and shown.

use super::limits::POLICIES_MAX;
use crate::base::Millis;
use crate::services::model::Refusal;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A policy as it is kept and shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Its JSON.
    pub text: String,
    /// `Expiration`, `ExpirationNotification` or `NoChangeNotification`.
    pub kind: String,
    /// When the parameter expires by it.
    pub expires: Option<i64>,
}

fn attribute() -> Refusal {
    Refusal::new("InvalidPolicyAttributeException", "A policy attribute or its value is invalid.")
}

/// Reads the `Policies` of a request: a JSON array, which may be empty.
pub fn read(text: &str, now: Millis) -> Result<Vec<Policy>, Refusal> {
    let list: Value = serde_json::from_str(text).map_err(|_| attribute())?;
    let list = list.as_array().ok_or_else(attribute)?;
    if list.len() > POLICIES_MAX {
        return Err(Refusal::new(
            "PoliciesLimitExceededException",
            "You specified more than the maximum number of allowed policies for the parameter. The maximum is 10.",
        ));
    }
    let read: Vec<Policy> = list.iter().map(|one| policy(one, now)).collect::<Result<_, _>>()?;
    let expirations = read.iter().filter(|p| p.kind == "Expiration").count();
    let notices = read.iter().any(|p| p.kind == "ExpirationNotification");
    if expirations > 1 || notices && expirations == 0 {
        return Err(Refusal::new(
            "IncompatiblePolicyException",
            "There is a conflict in the policies specified for this parameter. You can't, for example, specify two Expiration policies for a parameter. Review your policies, and try again.",
        ));
    }
    Ok(read)
}

fn policy(one: &Value, now: Millis) -> Result<Policy, Refusal> {
    let kind = one["Type"].as_str().unwrap_or_default();
    let attributes = one["Attributes"].as_object().ok_or_else(attribute);
    let text_of = |name: &str| -> Result<String, Refusal> {
        let found = attributes.as_ref().map_err(Clone::clone)?.get(name);
        let text = found.and_then(|v| v.as_str().map(str::to_owned));
        text.or_else(|| found?.as_i64().map(|n| n.to_string())).ok_or_else(attribute)
    };
    let mut expires = None;
    match kind {
        "Expiration" => {
            let at: jiff::Timestamp = text_of("Timestamp")?.parse().map_err(|_| attribute())?;
            if at.as_millisecond() <= now.0 {
                return Err(attribute());
            }
            expires = Some(at.as_millisecond());
        }
        "ExpirationNotification" | "NoChangeNotification" => {
            let name = if kind == "NoChangeNotification" { "After" } else { "Before" };
            let count: u32 = text_of(name)?.parse().map_err(|_| attribute())?;
            if count == 0 || !matches!(text_of("Unit")?.as_str(), "Days" | "Hours") {
                return Err(attribute());
            }
        }
        _ => {
            return Err(Refusal::new(
                "InvalidPolicyTypeException",
                "The policy type isn't supported. Parameter Store supports the following policy types: Expiration, ExpirationNotification, and NoChangeNotification.",
            ));
        }
    }
    if one.get("Version").and_then(Value::as_str) != Some("1.0") {
        return Err(attribute());
    }
    Ok(Policy { text: one.to_string(), kind: kind.to_owned(), expires })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_read_and_each_mistake_named() {
        let expiry = r#"{"Type":"Expiration","Version":"1.0","Attributes":{"Timestamp":"2030-01-01T00:00:00.000Z"}}"#;
        let notice = r#"{"Type":"ExpirationNotification","Version":"1.0","Attributes":{"Before":"15","Unit":"Days"}}"#;
        let both = read(&format!("[{expiry},{notice}]"), Millis(0)).unwrap();
        assert_eq!(both[0].expires, Some(1_893_456_000_000));
        assert_eq!(read("[]", Millis(0)), Ok(vec![]));
        for (text, code) in [
            (format!("[{notice}]"), "IncompatiblePolicyException"),
            (format!("[{expiry},{expiry}]"), "IncompatiblePolicyException"),
            (expiry.to_owned(), "InvalidPolicyAttributeException"),
            (r#"[{"Type":"Rain"}]"#.into(), "InvalidPolicyTypeException"),
            (format!("[{}]", expiry.replace("2030", "1930")), "InvalidPolicyAttributeException"),
            (format!("[{}]", [notice; 11].join(",")), "PoliciesLimitExceededException"),
        ] {
            assert_eq!(read(&text, Millis(0)).unwrap_err().code, code, "{text}");
        }
    }
}
