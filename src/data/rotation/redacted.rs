//! What a rotation function printed, without the values of the secret that it rotates.

use crate::base::Caller;
use crate::services::secretsmanager::ops::GetSecretValue;
use crate::services::secretsmanager::{Event, SecretsManager};
use serde_json::Value;

/// Shorter values are too common in ordinary text to be looked for.
const VALUE_CHARS_MIN: usize = 4;
/// What stands for a value.
const HIDDEN: &str = "[redacted]";

/// The texts that may not be shown: the secret's values at every label, and the strings in them.
pub(super) async fn values(
    secrets: &SecretsManager,
    event: &Event,
    caller: &Caller,
) -> Vec<String> {
    let mut texts = Vec::new();
    for stage in ["AWSCURRENT", "AWSPENDING", "AWSPREVIOUS"] {
        let read = GetSecretValue {
            secret_id: Some(event.secret_id.clone()),
            version_stage: Some(stage.to_owned()),
            ..GetSecretValue::default()
        };
        let Ok(value) = secrets.run(read, caller).await else { continue };
        let Some(text) = value.secret_string else { continue };
        if let Ok(json) = serde_json::from_str::<Value>(&text.0) {
            strings(&json, &mut texts);
        }
        texts.push(text.0.to_string());
    }
    texts.retain(|text| text.chars().count() >= VALUE_CHARS_MIN);
    // A longer text may hold a shorter one.
    texts.sort_by_key(|text| std::cmp::Reverse(text.len()));
    texts.dedup();
    texts
}

fn strings(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::String(text) => into.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| strings(item, into)),
        Value::Object(members) => members.values().for_each(|item| strings(item, into)),
        _ => {}
    }
}

/// `text` with each of `values` taken out.
pub(super) fn hide(text: &str, values: &[String]) -> String {
    values.iter().fold(text.to_owned(), |text, value| text.replace(value.as_str(), HIDDEN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_the_strings_in_them_are_taken_out() {
        let mut texts = Vec::new();
        let json = serde_json::json!({"password": "hunter22", "n": 5, "more": ["other-one"]});
        strings(&json, &mut texts);
        let shown = hide("set hunter22, then other-one", &texts);
        assert_eq!(shown, "set [redacted], then [redacted]");
    }
}
