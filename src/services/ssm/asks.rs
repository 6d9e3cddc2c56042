//! What requests to Parameter Store ask to be allowed: an action on each parameter.
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssystemsmanager.html>

use super::names::{self, SECRETS};
use super::state::{State, Version, home};
use crate::services::access::{Ask, Asked, KeyUse, READS};
use serde_json::Value;

/// What `asked` asks of Parameter Store itself.
pub fn asks(state: &State, asked: &Asked<'_>) -> Vec<Ask> {
    let action = format!("ssm:{}", asked.operation);
    if asked.operation == "DescribeParameters" {
        return vec![Ask::new(action, asked.arn("ssm", "*"))];
    }
    if asked.operation == "GetParametersByPath" {
        let wanted = names::wanted(asked.text("Path"));
        let path = wanted.names.first().map_or("", String::as_str);
        return vec![Ask::new(action, names::arn_of(asked.caller, path))];
    }
    let mut texts = asked.texts("Names");
    for member in ["Name", "ResourceId"] {
        texts.extend(Some(asked.text(member)).filter(|text| !text.is_empty()));
    }
    if texts.is_empty() {
        return vec![Ask::new(action, "*")];
    }
    let ask = |text: &&str| {
        let wanted = names::wanted(text);
        let found = state.find(&home(asked.caller), &wanted);
        let name = wanted.names.first().map_or("", String::as_str);
        let ask = Ask::new(action.clone(), names::arn_of(asked.caller, name));
        match found {
            Some((_, parameter)) => ask.with_tags("ssm", &parameter.tags),
            None => ask,
        }
    };
    texts.iter().map(ask).collect()
}

/// The secrets that a request reads as parameters.
pub fn secrets<'a>(asked: &Asked<'a>) -> Vec<&'a str> {
    let names = asked.texts("Names").into_iter().chain([asked.text("Name")]);
    let of_secret = |name: &'a str| {
        let rest = name.strip_prefix(SECRETS)?;
        Some(if rest.starts_with("arn:") { rest } else { rest.split(':').next().unwrap_or(rest) })
    };
    names.filter_map(of_secret).collect()
}

/// The keys that `asked` uses: whoever reads or writes a `SecureString` needs the key that it lies under.
/// <https://docs.aws.amazon.com/kms/latest/developerguide/services-parameter-store.html>
pub fn key_uses(state: &State, asked: &Asked<'_>) -> Vec<KeyUse> {
    if asked.operation == "PutParameter" {
        return put(state, asked).into_iter().collect();
    }
    if asked.input.get("WithDecryption").and_then(Value::as_bool) != Some(true) {
        return Vec::new();
    }
    let home = home(asked.caller);
    if asked.operation == "GetParametersByPath" {
        let wanted = names::wanted(asked.text("Path"));
        let path = wanted.names.first().map_or("", |path| path.trim_end_matches('/'));
        let below = |name: &&String| name.strip_prefix(path).is_some_and(|r| r.starts_with('/'));
        let shelf = state.shelf(&home).into_iter().flatten().filter(|(name, _)| below(name));
        let each = shelf.filter_map(|(name, kept)| reads(asked, name, kept.newest()?));
        return each.collect();
    }
    let names = asked.texts("Names").into_iter().chain([asked.text("Name")]);
    let each = names.filter_map(|name| {
        let (name, kept) = state.find(&home, &names::wanted(name))?;
        reads(asked, &name, kept.newest()?)
    });
    each.collect()
}

fn reads(asked: &Asked<'_>, name: &str, version: &Version) -> Option<KeyUse> {
    (version.kind == "SecureString").then_some(())?;
    Some(of_key(asked, name, version.key_id.as_deref()?, READS))
}

/// What a `SecureString` is put under: the key that is named, else the one it has.
fn put(state: &State, asked: &Asked<'_>) -> Option<KeyUse> {
    let name = asked.text("Name");
    let found = state.find(&home(asked.caller), &names::wanted(name));
    let old = found.as_ref().and_then(|(_, kept)| kept.newest());
    let kind = Some(asked.text("Type")).filter(|kind| !kind.is_empty());
    let kind = kind.or(old.map(|version| version.kind.as_str()));
    let named = Some(asked.text("KeyId")).filter(|key| !key.is_empty());
    let key = named.or(old.and_then(|version| version.key_id.as_deref()))?;
    (kind == Some("SecureString")).then(|| of_key(asked, name, key, &["Encrypt"]))
}

fn of_key(asked: &Asked<'_>, name: &str, key: &str, operations: &'static [&'static str]) -> KeyUse {
    let context = vec![("PARAMETER_ARN", names::arn_of(asked.caller, name))];
    KeyUse { service: "ssm", key: key.to_owned(), operations, context }
}
