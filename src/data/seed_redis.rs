//! Keys into the environment's Redis: each is replaced in one step, so that what is there afterwards is what
//! the file says, however often it is loaded.
//!
//! JSON or YAML: `{"session:1": "open", "user:1": {"hash": {"name": "Ada"}, "expires": 3600}}`, with `string`,
//! `hash`, `list`, `set` or `sorted`. Text: a key and its value a line, with a space between.

use super::seed_database::file;
use crate::base::{Exit, Problem};
use crate::runtime::redis::Talk;
use serde_json::{Map, Value};
use std::path::Path;

/// Replaces a key: `ARGV` is the command that fills it, the seconds after which it expires (0: never), and
/// the command's arguments, of which so many are handed over at a time as the server's stack holds.
const REPLACE: &str = "redis.call('DEL', KEYS[1]) \
for i = 3, #ARGV, 1000 do redis.call(ARGV[1], KEYS[1], unpack(ARGV, i, math.min(i + 999, #ARGV))) end \
if tonumber(ARGV[2]) > 0 then redis.call('EXPIRE', KEYS[1], ARGV[2]) end return 1";

/// A key as it will be.
#[derive(Debug, PartialEq, Eq)]
struct Entry {
    key: String,
    command: &'static str,
    expires: u64,
    arguments: Vec<String>,
}

/// Puts the keys of a file into the server on `port`; answers how many.
pub(crate) fn keys(path: &Path, port: u16) -> Result<usize, Problem> {
    let text = file(path)?;
    let wrong =
        |why: String| Problem::new(Exit::Usage, "seed-redis", format!("{}: {why}", path.display()));
    let entries = match path.extension().and_then(|e| e.to_str()) {
        Some("json") => serde_json::from_str(&text)
            .map_err(|e| format!("is no object of keys: {e}"))
            .and_then(|keys| documented(&keys)),
        Some("yaml" | "yml") => super::yaml::parse(&text)
            .and_then(|value| serde_json::from_value(value).map_err(|e| e.to_string()))
            .map_err(|e| format!("is no mapping of keys: {e}"))
            .and_then(|keys| documented(&keys)),
        Some("txt") => lined(&text),
        _ => Err("keys for Redis are in a file that ends with .json, .yaml or .txt".to_owned()),
    };
    let entries = entries.map_err(wrong)?;
    let mut talk = Talk::with(port)?;
    for entry in &entries {
        let expires = entry.expires.to_string();
        let mut words = vec!["EVAL", REPLACE, "1", &entry.key, entry.command, &expires];
        words.extend(entry.arguments.iter().map(String::as_str));
        talk.run(&words)?.map_err(|why| {
            let message = format!("{}: Redis refuses the key {}: {why}", path.display(), entry.key);
            Problem::failed("seed-redis", message)
        })?;
    }
    Ok(entries.len())
}

/// A key and its value a line.
fn lined(text: &str) -> Result<Vec<Entry>, String> {
    let filled = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let entry = |(nth, line): (usize, &str)| {
        let (key, value) = line
            .split_once(' ')
            .filter(|(key, _)| !key.is_empty())
            .ok_or_else(|| format!("line {}: no value behind the key", nth + 1))?;
        Ok(Entry { key: key.into(), command: "SET", expires: 0, arguments: vec![value.into()] })
    };
    filled.map(entry).collect()
}

fn documented(keys: &Map<String, Value>) -> Result<Vec<Entry>, String> {
    keys.iter().map(|(key, value)| entry(key, value)).collect()
}

fn entry(key: &str, value: &Value) -> Result<Entry, String> {
    const HOW: &str = "a key has a text, or one of `string`, `hash`, `list`, `set`, `sorted`";
    let wrong = |why: &str| format!("{key}: {why}");
    let mut made = Entry { key: key.into(), command: "SET", expires: 0, arguments: Vec::new() };
    let Value::Object(members) = value else {
        made.arguments = vec![text(value).ok_or_else(|| wrong(HOW))?];
        return Ok(made);
    };
    let mut kinds = 0;
    for (name, value) in members {
        if name == "expires" {
            made.expires = value.as_u64().filter(|n| *n > 0).ok_or_else(|| {
                wrong("`expires` is the number of seconds after which the key is gone")
            })?;
            continue;
        }
        kinds += 1;
        let (command, arguments) = match name.as_str() {
            "string" => ("SET", text(value).map(|text| vec![text])),
            "list" => ("RPUSH", texts(value)),
            "set" => ("SADD", texts(value)),
            "hash" => ("HSET", pairs(value, |field, value| [field, value])),
            "sorted" => ("ZADD", pairs(value, |member, score| [score, member])),
            _ => return Err(wrong(HOW)),
        };
        made.command = command;
        made.arguments = arguments
            .filter(|all| !all.is_empty())
            .ok_or_else(|| wrong(&format!("`{name}` holds something else, or nothing")))?;
    }
    match kinds {
        1 => Ok(made),
        _ => Err(wrong(HOW)),
    }
}

/// A text, a number or a boolean.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

fn texts(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(text).collect()
}

fn pairs(value: &Value, order: fn(String, String) -> [String; 2]) -> Option<Vec<String>> {
    let pairs = value.as_object()?.iter();
    let all: Option<Vec<[String; 2]>> =
        pairs.map(|(name, value)| Some(order(name.clone(), text(value)?))).collect();
    all.map(|all| all.concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_kind_of_key_becomes_a_command() {
        for (value, command, expires, arguments) in [
            (json!("a b"), "SET", 0, vec!["a b"]),
            (json!(7), "SET", 0, vec!["7"]),
            (json!({"string": true, "expires": 60}), "SET", 60, vec!["true"]),
            (json!({"hash": {"a": 1, "b": "x"}}), "HSET", 0, vec!["a", "1", "b", "x"]),
            (json!({"list": ["b", "a", "b"]}), "RPUSH", 0, vec!["b", "a", "b"]),
            (json!({"set": ["a"]}), "SADD", 0, vec!["a"]),
            (json!({"sorted": {"ada": 1.5}}), "ZADD", 0, vec!["1.5", "ada"]),
        ] {
            let arguments = arguments.into_iter().map(str::to_owned).collect();
            let expected = Entry { key: "k".into(), command, expires, arguments };
            assert_eq!(entry("k", &value), Ok(expected), "{value}");
        }
        for wrong in [
            json!(null),
            json!([1]),
            json!({}),
            json!({"hash": {}}),
            json!({"hash": {"a": [1]}}),
            json!({"list": "a"}),
            json!({"string": "a", "list": ["a"]}),
            json!({"string": "a", "expires": "soon"}),
            json!({"name": "Ada"}),
        ] {
            assert!(entry("k", &wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn lines_are_keys_with_their_values() {
        let found = lined("session:1 open since today\n\nn 1\n").expect("lines");
        let shown: Vec<_> = found.iter().map(|e| (e.key.as_str(), &e.arguments[0][..])).collect();
        assert_eq!(shown, [("session:1", "open since today"), ("n", "1")]);
        assert_eq!(lined("a 1\nalone\n"), Err("line 2: no value behind the key".to_owned()));
    }
}
