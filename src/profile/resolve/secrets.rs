//! Secrets: names, one source each, placeholders that can be filled. Never quotes a value.
//! Source: Secrets Manager API reference, `CreateSecret`.

use super::{Checks, rotation};
use crate::profile::document::shown;
use crate::profile::limits::{GENERATED_DEFAULT, SECRET_NAME_MAX, SECRET_VALUE_BYTES_MAX};
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
        let rotation = rotation::of_secret(&path, secret, raw, checks);
        let Some(source) = source(&path, secret, checks) else {
            continue;
        };
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
    let mut leaves = Vec::new();
    let text = match value {
        SecretValue::Text(text) => {
            leaves.push((Vec::new(), text.as_str()));
            text.clone()
        }
        SecretValue::Table(table) => {
            let mut inside = Vec::new();
            for (key, value) in table {
                inside.push(key.clone());
                texts(value, &mut inside, &mut leaves);
                inside.pop();
            }
            Value::Object(table.clone()).to_string()
        }
    };
    // One missing part is one mistake, however many of its fields are named.
    let mut absent: Vec<&str> = Vec::new();
    for (inside, text) in leaves {
        let inside: Vec<&str> = inside.iter().map(String::as_str).collect();
        placeholders(&[&place[..], &inside].concat(), text, &mut absent, checks);
    }
    if text.is_empty() || text.len() > SECRET_VALUE_BYTES_MAX {
        checks.value(&place, format!("must have 1 to {SECRET_VALUE_BYTES_MAX} bytes"));
    }
    text
}

/// All texts in a value, each with its path.
fn texts<'a>(value: &'a Value, path: &mut Vec<String>, into: &mut Vec<(Vec<String>, &'a str)>) {
    match value {
        Value::String(text) => into.push((path.clone(), text)),
        Value::Array(items) => {
            for (i, item) in items.iter().enumerate() {
                path.push(format!("\0{i}"));
                texts(item, path, into);
                path.pop();
            }
        }
        Value::Object(object) => {
            for (key, item) in object {
                path.push(key.clone());
                texts(item, path, into);
                path.pop();
            }
        }
        _ => {}
    }
}

/// Every `${part.field}` of one of devenv's parts can be filled; other `${…}` are the value's own.
fn placeholders<'a>(
    path: &[&str],
    text: &'a str,
    absent: &mut Vec<&'a str>,
    checks: &mut Checks<'_>,
) {
    for piece in text.split("${").skip(1) {
        let Some((name, _)) = piece.split_once('}') else { continue };
        let Some((part, _)) = name.split_once('.') else { continue };
        let runs = match part {
            "postgres" => checks.declared.postgres,
            "redis" => checks.declared.redis,
            "gateway" => true,
            _ => continue,
        };
        if !PLACEHOLDERS.contains(&name) {
            let suggestion = words::suggestion(name, &PLACEHOLDERS, "placeholders");
            checks.value(path, format!("holds `${{{name}}}`, which nothing fills in{suggestion}"));
        } else if !runs && !absent.contains(&part) {
            absent.push(part);
            // A file that cannot be edited here: say how to be rid of what it declares.
            let inherited = checks.document.value_at(path).file != 0;
            let cure = match inherited {
                true => format!("; if it is not wanted, write `{} = false`", shown(&path[..2])),
                false => String::new(),
            };
            let what = format!("holds `${{{name}}}`, but this profile has no `[{part}]`{cure}");
            checks.value(path, what);
        }
    }
}
