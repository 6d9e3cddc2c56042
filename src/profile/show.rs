//! A resolved profile for people and machines, in the keys of `devenv.toml`. What is secret is hidden.

use crate::profile::resolve::ATTRIBUTES;
use crate::profile::resolved::{Bucket, Faults, Port, Profile, Queue, Secret, SecretSource};
use serde_json::{Map, Value, json};

/// What stands in a secret's place.
const HIDDEN: &str = "(hidden)";

/// The resolved profile as JSON; values of secrets, passwords and key material hidden.
pub fn show_json(profile: &Profile) -> Value {
    let mut shown = typed(profile);
    hide(&mut shown, false);
    let mut whole = Map::new();
    whole.insert("name".into(), json!(profile.name));
    whole.insert("project_dir".into(), json!(profile.project_dir));
    whole.extend(shown.as_object().cloned().unwrap_or_default());
    Value::Object(whole)
}

/// The resolved profile as a `devenv.toml` with everything filled in; secrets hidden as in `show_json`.
pub fn show_toml(profile: &Profile) -> String {
    let mut shown = typed(profile);
    hide(&mut shown, false);
    let head = format!("# {}: {}\n", profile.name, profile.project_dir.display())
        .replace(|c: char| c.is_control() && c != '\n', "?");
    head + &to_toml(&shown)
}

/// The profile of a container that holds the gateway alone, as TOML; nothing is hidden. What runs beside
/// it, and what is of this machine (ports, files, commands), is left out.
pub(crate) fn gateway_toml(profile: &Profile) -> String {
    let mut shown = typed(profile);
    if let Some(whole) = shown.as_object_mut() {
        let apart = ["port", "postgres", "redis", "containers", "seed", "hooks"];
        whole.retain(|key, _| !apart.contains(&key.as_str()));
        for bucket in whole.get_mut("s3").into_iter().flat_map(buckets) {
            bucket.remove("seed");
        }
        if let Some(ses) = whole.get_mut("ses").and_then(Value::as_object_mut) {
            ses.remove("smtps");
        }
    }
    to_toml(&shown)
}

/// The settings of all buckets.
fn buckets(s3: &mut Value) -> impl Iterator<Item = &mut Map<String, Value>> {
    let all = s3.get_mut("buckets").and_then(Value::as_object_mut);
    all.into_iter().flat_map(Map::values_mut).filter_map(Value::as_object_mut)
}

/// JSON without nulls as TOML.
fn to_toml(value: &Value) -> String {
    // No number of a profile exceeds what TOML can hold, and nulls were never put in.
    toml::to_string_pretty(value).unwrap_or_else(|error| format!("# cannot be shown: {error}\n"))
}

/// Hides values below keys that hold secrets.
fn hide(value: &mut Value, in_secret: bool) {
    let Value::Object(object) = value else { return };
    for (key, value) in object.iter_mut() {
        match key.as_str() {
            "password" | "material" => *value = HIDDEN.into(),
            "value" if in_secret => *value = HIDDEN.into(),
            "secrets" if value.is_object() => {
                for secret in value.as_object_mut().into_iter().flat_map(Map::values_mut) {
                    hide(secret, true);
                }
            }
            _ => hide(value, false),
        }
    }
}

/// The profile in the keys of `devenv.toml`, nothing hidden.
fn typed(profile: &Profile) -> Value {
    let port = |port: Port| match port {
        Port::Fixed(number) => json!(number),
        Port::Auto(_) => json!("auto"),
    };
    let mut whole = Map::new();
    let mut put = |key: &str, value: Value| {
        let empty = value.as_object().is_some_and(Map::is_empty);
        if !value.is_null() && !empty {
            whole.insert(key.into(), value);
        }
    };
    put("auth", json!(profile.auth));
    put("account", json!(profile.account));
    put("region", json!(profile.region));
    let ports = profile.ports.clone();
    put(
        "port",
        json!({ "gateway": port(ports.gateway), "postgres": port(ports.postgres), "redis": port(ports.redis), "smtp": port(ports.smtp) }),
    );
    put("postgres", without_nulls(json!(profile.postgres)));
    let mut redis = without_nulls(json!(profile.redis));
    prune(&mut redis, "settings");
    put("redis", redis);
    put("s3", within("buckets", profile.buckets.iter().map(|(name, b)| (name.clone(), bucket(b)))));
    let mut sqs = within("queues", profile.queues.iter().map(|(name, q)| (name.clone(), queue(q))));
    if profile.sqs_strict {
        sqs["mode"] = "strict".into();
    }
    put("sqs", sqs);
    let mut ses = Map::from_iter([("identities".to_owned(), json!(profile.ses.identities))]);
    ses.insert("mode".into(), mode_of(&profile.ses).into());
    for (key, of) in
        [("outcomes", &profile.ses.outcomes), ("subscriptions", &profile.ses.subscriptions)]
    {
        if !of.is_empty() {
            ses.insert(key.to_owned(), json!(of));
        }
    }
    if let Some(smtps) = profile.ses.smtps {
        ses.insert("smtps".into(), port(smtps));
    }
    ses.extend(profile.ses.settings.clone());
    put("ses", Value::Object(ses));
    put("secrets", profile.secrets.iter().map(|(name, s)| (name.clone(), secret(s))).collect());
    put("rotators", json!(profile.rotators));
    put("upstream", json!(profile.upstreams));
    put("kms", within("keys", profile.kms_keys.clone().into_iter()));
    let containers = &profile.containers;
    if !(containers.compose.is_empty()
        && containers.replace.is_empty()
        && containers.catalog.is_empty())
    {
        put("containers", json!(containers));
    }
    put("seed", seed(&profile.seed));
    if profile.faults != Faults::default() {
        put("faults", json!(profile.faults));
    }
    put("hooks", json!(profile.hooks));
    Value::Object(whole)
}

fn bucket(bucket: &Bucket) -> Value {
    let mut shown = Map::from_iter([
        ("versioning".to_owned(), json!(bucket.versioning)),
        ("public".to_owned(), json!(bucket.public)),
        ("object_lock".to_owned(), json!(bucket.object_lock)),
    ]);
    shown.extend(bucket.settings.clone());
    Value::Object(shown)
}

fn secret(secret: &Secret) -> Value {
    let (key, value) = match &secret.source {
        SecretSource::Value(text) => ("value", json!(text)),
        SecretSource::Generate { length } => ("generate", json!(length)),
    };
    without_nulls(
        json!({ "description": secret.description, key: value, "rotation": secret.rotation }),
    )
}

fn queue(queue: &Queue) -> Value {
    let mut shown = Map::from_iter([("fifo".to_owned(), json!(queue.fifo))]);
    for (key, attribute) in ATTRIBUTES {
        let Some(text) = queue.attributes.get(attribute) else {
            continue;
        };
        let value = serde_json::from_str(text).unwrap_or_else(|_| json!(text));
        shown.insert(key.into(), value);
    }
    if let Some(dead) = &queue.dead_letter {
        shown.insert(
            "dead_letter".into(),
            json!({ "queue": dead.queue, "max_receive_count": dead.max_receive_count }),
        );
    }
    if !queue.tags.is_empty() {
        shown.insert("tags".into(), json!(queue.tags));
    }
    Value::Object(shown)
}

/// The steps back in their table: `{"sql": [..], "objects": [..]}`.
fn seed(steps: &[Value]) -> Value {
    let mut table: Map<String, Value> = Map::new();
    for (key, value) in steps.iter().filter_map(Value::as_object).flatten() {
        if let Value::Array(list) = table.entry(key.clone()).or_insert_with(|| json!([])) {
            list.push(value.clone());
        }
    }
    Value::Object(table)
}

/// `{key: {…}}`, or nothing for nothing.
fn within(key: &str, entries: impl Iterator<Item = (String, Value)>) -> Value {
    let inner: Map<String, Value> = entries.collect();
    if inner.is_empty() { Value::Null } else { json!({ key: inner }) }
}

fn prune(value: &mut Value, key: &str) {
    if let Some(object) = value.as_object_mut()
        && object.get(key).and_then(Value::as_object).is_some_and(Map::is_empty)
    {
        object.remove(key);
    }
}

fn without_nulls(mut value: Value) -> Value {
    if let Some(object) = value.as_object_mut() {
        object.retain(|_, v| !v.is_null());
    }
    value
}

/// The mode as a profile spells it.
fn mode_of(ses: &super::resolved::Ses) -> &'static str {
    match (ses.strict, ses.sandbox) {
        (_, true) => "sandbox",
        (true, false) => "strict",
        _ => "lenient",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{Source, load, shipped};

    fn loaded(text: &str) -> Profile {
        let source =
            Source::Text { file: "t.toml".into(), text: text.into(), project_dir: "/p".into() };
        load(&source).unwrap_or_else(|m| panic!("{}", m.render()))
    }

    #[test]
    fn what_is_shown_is_the_same_profile_written_out() {
        let example = include_str!("../../docs/profile-example.toml");
        let texts = shipped().iter().map(|s| s.text).chain([example]);
        for text in texts {
            let profile = loaded(text);
            assert_eq!(loaded(&to_toml(&typed(&profile))), profile);
        }
    }
}
