//! Secrets: names, one source each, placeholders that can be filled. Never quotes a value.
//! Source: Secrets Manager API reference, `CreateSecret`.

use super::Checks;
use crate::profile::limits::{
    GENERATED_DEFAULT, ROTATION_DAYS, SECRET_NAME_MAX, SECRET_VALUE_BYTES_MAX,
};
use crate::profile::raw::{self, Generate, RawProfile, SecretValue};
use crate::profile::resolved::{Secret, SecretSource};
use crate::profile::words;
use serde_json::Value;
use std::collections::BTreeMap;

/// What `${…}` can name.
const PLACEHOLDERS: [&str; 8] = [
    "postgres.host",
    "postgres.port",
    "postgres.user",
    "postgres.password",
    "postgres.database",
    "redis.host",
    "redis.port",
    "gateway.endpoint",
];

/// All secrets by name.
pub(super) fn secrets(raw: &RawProfile, checks: &mut Checks<'_>) -> BTreeMap<String, Secret> {
    let mut secrets = BTreeMap::new();
    for (name, secret) in raw.secrets.iter().flatten() {
        let path = ["secrets", name.as_str()];
        let shaped = name.chars().all(|c| c.is_ascii_alphanumeric() || "/_+=.@-".contains(c));
        if name.is_empty() || name.len() > SECRET_NAME_MAX || !shaped {
            checks.key(
                &path,
                format!(
                    "secret name `{}`: 1 to {SECRET_NAME_MAX} letters, digits and `/_+=.@-`",
                    name.escape_debug()
                ),
            );
        }
        rotation(&path, secret, checks);
        let Some(source) = source(&path, secret, checks) else {
            continue;
        };
        let rotation =
            checks.document.get(&[&path[..], &["rotation"]].concat()).map(|node| node.to_json());
        secrets.insert(
            name.clone(),
            Secret { source, description: secret.description.clone(), rotation },
        );
    }
    secrets
}

fn source(path: &[&str], secret: &raw::Secret, checks: &mut Checks<'_>) -> Option<SecretSource> {
    let generate_path = [path, &["generate"]].concat();
    match (&secret.value, &secret.generate) {
        (Some(_), Some(_)) => {
            checks.value(&generate_path, "stands beside `value`; a secret has one of them");
            None
        }
        (None, None) => {
            checks.missing(path, "needs `value` or `generate`");
            None
        }
        (Some(value), None) => Some(SecretSource::Value(text(path, value, checks))),
        (None, Some(generate)) => {
            let length = match generate {
                Generate::Yes(true) => GENERATED_DEFAULT,
                Generate::Yes(false) => {
                    checks.value(
                        &generate_path,
                        "cannot be `false`; it is a length, or leave it out",
                    );
                    GENERATED_DEFAULT
                }
                Generate::Length(length) => *length,
                Generate::Table(table) => table.length.unwrap_or(GENERATED_DEFAULT),
            };
            Some(SecretSource::Generate { length })
        }
    }
}

/// The value as text, its placeholders checked.
fn text(path: &[&str], value: &SecretValue, checks: &mut Checks<'_>) -> String {
    let place = [path, &["value"]].concat();
    let text = match value {
        SecretValue::Text(text) => {
            placeholders(&place, text, checks);
            text.clone()
        }
        SecretValue::Table(table) => {
            for (key, value) in table {
                if let Value::String(text) = value {
                    placeholders(&[&place[..], &[key]].concat(), text, checks);
                }
            }
            Value::Object(table.clone()).to_string()
        }
    };
    if text.is_empty() || text.len() > SECRET_VALUE_BYTES_MAX {
        checks.value(&place, format!("must have 1 to {SECRET_VALUE_BYTES_MAX} bytes"));
    }
    text
}

/// Every `${part.field}` of one of devenv's parts can be filled; other `${…}` are the value's own.
fn placeholders(path: &[&str], text: &str, checks: &mut Checks<'_>) {
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        rest = &rest[start + 2..];
        let Some(end) = rest.find('}') else { return };
        let (name, after) = (&rest[..end], &rest[end + 1..]);
        rest = after;
        let part = name.split('.').next().unwrap_or_default();
        if !name.contains('.') || !matches!(part, "postgres" | "redis" | "gateway") {
            continue;
        }
        if !PLACEHOLDERS.contains(&name) {
            let suggestion = words::suggestion(name, &PLACEHOLDERS, "placeholders");
            checks.value(path, format!("holds `${{{name}}}`, which nothing fills in{suggestion}"));
        } else if (part == "postgres" && !checks.declared.postgres)
            || (part == "redis" && !checks.declared.redis)
        {
            checks.value(path, format!("holds `${{{name}}}`, but this profile has no `[{part}]`"));
        }
    }
}

fn rotation(path: &[&str], secret: &raw::Secret, checks: &mut Checks<'_>) {
    let Some(rotation) = &secret.rotation else {
        return;
    };
    let place = [path, &["rotation"]].concat();
    match (&rotation.schedule, rotation.days) {
        (Some(_), Some(_)) => checks.value(&place, "has `days` and `schedule`; one of them"),
        (None, None) => checks.missing(&place, "needs `days` or `schedule`"),
        (Some(schedule), None) => {
            let shaped = (schedule.starts_with("rate(") || schedule.starts_with("cron("))
                && schedule.ends_with(')');
            if !shaped {
                checks.value(
                    &[&place[..], &["schedule"]].concat(),
                    "is no schedule; it looks like `rate(10 days)` or `cron(0 8 1 * ? *)`",
                );
            }
        }
        (None, Some(days)) => debug_assert!(ROTATION_DAYS.contains(&u64::from(days))),
    }
}
