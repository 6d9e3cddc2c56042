//! Resource policies: whether one can be read, and whether it would let everybody in.
//!
//! Stored and shown, not yet enforced. <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>

use super::error::Error;
use serde_json::Value;

/// Reads a policy and checks its form: statements with an effect, a principal, actions and resources.
pub fn read(text: &str) -> Result<Value, Error> {
    let malformed = |what: &str| Error::MalformedPolicy(what.to_owned());
    let policy: Value = serde_json::from_str(text).map_err(|e| malformed(&e.to_string()))?;
    let members = policy.as_object().ok_or_else(|| malformed("the policy is not an object"))?;
    let known = |version: &Value| matches!(version.as_str(), Some("2012-10-17" | "2008-10-17"));
    if !members.get("Version").is_none_or(known) {
        return Err(malformed("Version must be 2012-10-17 or 2008-10-17"));
    }
    let statements = statements(&policy);
    if statements.is_empty() {
        return Err(malformed("the policy has no Statement"));
    }
    for statement in statements {
        let members = statement.as_object().ok_or_else(|| malformed("a Statement is no object"))?;
        if !matches!(members.get("Effect").and_then(Value::as_str), Some("Allow" | "Deny")) {
            return Err(malformed("the Effect of a Statement must be Allow or Deny"));
        }
        for pair in
            [["Principal", "NotPrincipal"], ["Action", "NotAction"], ["Resource", "NotResource"]]
        {
            if pair.iter().filter(|name| members.contains_key(**name)).count() != 1 {
                return Err(malformed(&format!(
                    "a Statement must have exactly one of {} and {}",
                    pair[0], pair[1]
                )));
            }
        }
    }
    Ok(policy)
}

/// Whether a statement allows any principal without a condition.
pub fn is_public(policy: &Value) -> bool {
    statements(policy).into_iter().any(|statement| {
        statement.get("Effect").and_then(Value::as_str) == Some("Allow")
            && statement.get("Condition").is_none()
            && (statement.get("NotPrincipal").is_some()
                || statement.get("Principal").is_some_and(is_anyone))
    })
}

fn statements(policy: &Value) -> Vec<&Value> {
    match policy.get("Statement") {
        Some(Value::Array(many)) => many.iter().collect(),
        Some(one) => vec![one],
        None => Vec::new(),
    }
}

fn is_anyone(principal: &Value) -> bool {
    match principal {
        Value::String(text) => text == "*",
        Value::Array(many) => many.iter().any(is_anyone),
        Value::Object(by_kind) => by_kind.get("AWS").is_some_and(is_anyone),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["*"]},"Action":"secretsmanager:GetSecretValue","Resource":"*"}]}"#;

    #[test]
    fn a_wildcard_principal_is_public_unless_a_condition_narrows_it() {
        assert!(is_public(&read(OPEN).unwrap()));
        let narrowed = OPEN.replace(
            "\"Resource\"",
            "\"Condition\":{\"StringEquals\":{\"aws:PrincipalOrgID\":\"o-1\"}},\"Resource\"",
        );
        assert!(!is_public(&read(&narrowed).unwrap()));
        let named = OPEN.replace("[\"*\"]", "\"arn:aws:iam::123456789012:root\"");
        assert!(!is_public(&read(&named).unwrap()));
    }

    #[test]
    fn what_is_no_policy_is_refused() {
        for text in [
            "",
            "[]",
            "{}",
            "{\"Statement\":[]}",
            &OPEN.replace("Allow", "May"),
            &OPEN.replace("Action", "Act"),
        ] {
            assert!(matches!(read(text), Err(Error::MalformedPolicy(_))), "{text}");
        }
    }
}
