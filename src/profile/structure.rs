//! Checks a document against the schema: unknown keys, types, ranges, words, missing keys. Reports
//! all of it and takes away what is wrong, so that the rest can be read and checked further.
//!
//! Understands the part of JSON Schema that `schema` produces, no more.

use crate::profile::document::{At, Files, Node, Value};
use crate::profile::resolve::ATTRIBUTES;
use crate::profile::schema;
use crate::profile::words;
use serde_json::{Map, Value as Json};
use std::collections::BTreeSet;

/// Paths of tables and arrays that something wrong was taken from: what is missing there now may
/// only be misspelt, and that has been said.
#[derive(Debug, Default)]
pub(crate) struct Broken(BTreeSet<Vec<String>>);

impl Broken {
    /// Whether something was taken from the table or array at `path`.
    pub(crate) fn contains(&self, path: &[&str]) -> bool {
        self.0.contains(&path.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>())
    }
}

/// Checks the whole document and prunes it.
pub(crate) fn check(document: &mut Node, files: &mut Files) -> Broken {
    let mut walk = Walk { files, path: Vec::new(), broken: Broken::default() };
    walk.node(document, None, schema::built());
    walk.broken
}

struct Walk<'a> {
    files: &'a mut Files,
    path: Vec<String>,
    broken: Broken,
}

impl Walk<'_> {
    /// Checks one value; `false` when it must go.
    fn node(&mut self, node: &mut Node, key: Option<At>, schema: &Json) -> bool {
        let mut leaves = Vec::new();
        alternatives(schema, &mut leaves);
        if leaves.iter().any(|leaf| leaf.is_empty() || leaf.keys().all(|k| k == "description")) {
            return true;
        }
        if removed(node, &leaves) {
            return false;
        }
        let fitting: Vec<&Map<String, Json>> =
            leaves.iter().copied().filter(|leaf| fits(node, leaf)).collect();
        let Some(leaf) = fitting.first() else {
            self.wrong_type(node, key, &leaves);
            return false;
        };
        match &mut node.value {
            Value::Text(text) => {
                let text = text.clone();
                self.word(node.at, &text, &fitting)
            }
            Value::Integer(number) => {
                let number = *number;
                self.range(node.at, number, leaf)
            }
            Value::Array(items) => self.array(node.at, items, leaf),
            Value::Table(_) => self.table(node, key, leaf),
            Value::Float(_) | Value::Boolean(_) => true,
        }
    }

    fn wrong_type(&mut self, node: &Node, key: Option<At>, leaves: &[&Map<String, Json>]) {
        let mut expected: Vec<String> = Vec::new();
        for leaf in leaves {
            let name = wanted(leaf);
            if !expected.contains(&name) {
                expected.push(name);
            }
        }
        let at = if node.entries().is_some() { key.unwrap_or(node.at) } else { node.at };
        let found = match node.value {
            Value::Boolean(b) => format!("`{b}`"),
            _ => node.kind().to_owned(),
        };
        let quotes = match node.value {
            Value::Integer(_) if expected.iter().any(|e| e == "a string") => "; write it in quotes",
            _ => "",
        };
        let path = words::path(&self.path);
        self.files
            .mistake(at, format!("`{path}` must be {}, not {found}{quotes}", words::or(&expected)));
    }

    /// A text among the words that are allowed, if only words are.
    fn word(&mut self, at: At, text: &str, fitting: &[&Map<String, Json>]) -> bool {
        let words: Vec<&str> =
            fitting.iter().flat_map(|leaf| constants(leaf)).filter_map(Json::as_str).collect();
        let free = fitting.iter().any(|leaf| constants(leaf).is_empty());
        if free || words.contains(&text) {
            return true;
        }
        let path = words::path(&self.path);
        let suggestion = words::suggestion(text, &words, "it takes");
        self.files.mistake(at, format!("`{path}` cannot be `{text}`{suggestion}"));
        false
    }

    fn range(&mut self, at: At, number: i64, leaf: &Map<String, Json>) -> bool {
        let bound = |key: &str| leaf.get(key).and_then(Json::as_f64).map(|b| b as i64);
        let (low, high) = (bound("minimum"), bound("maximum"));
        if low.is_none_or(|low| number >= low) && high.is_none_or(|high| number <= high) {
            return true;
        }
        let path = words::path(&self.path);
        let range = match (low, high) {
            (Some(low), Some(high)) if high < i64::from(u32::MAX) => {
                format!("between {low} and {high}")
            }
            (Some(low), _) if number < low => format!("at least {low}"),
            (_, high) => format!("at most {}", high.unwrap_or(i64::MAX)),
        };
        self.files.mistake(at, format!("`{path}` must be {range}, not {number}"));
        false
    }

    fn array(&mut self, at: At, items: &mut Vec<Node>, leaf: &Map<String, Json>) -> bool {
        let least = leaf.get("minItems").and_then(Json::as_u64).unwrap_or(0);
        if (items.len() as u64) < least {
            let path = words::path(&self.path);
            self.files.mistake(at, format!("`{path}` must not be empty"));
            return false;
        }
        let Some(schema) = leaf.get("items") else {
            return true;
        };
        let mut index = 0;
        items.retain_mut(|item| {
            self.path.push(format!("\0{index}"));
            index += 1;
            let keep = self.node(item, None, schema);
            self.path.pop();
            if !keep {
                self.broken.0.insert(self.path.clone());
            }
            keep
        });
        true
    }

    fn table(&mut self, node: &mut Node, key: Option<At>, leaf: &Map<String, Json>) -> bool {
        let at = key.unwrap_or(node.at);
        let Value::Table(entries) = &mut node.value else {
            return true;
        };
        let properties = leaf.get("properties").and_then(Json::as_object);
        let others = leaf.get("additionalProperties").filter(|o| **o != Json::Bool(false));
        let closed = leaf.get("additionalProperties") == Some(&Json::Bool(false));
        let required =
            leaf.get("required").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
        let missing: Vec<String> = required
            .iter()
            .filter_map(Json::as_str)
            .filter(|name| !entries.contains_key(*name))
            .map(|name| format!("`{name}`"))
            .collect();
        entries.retain(|name, entry| {
            let schema = properties.and_then(|p| p.get(name)).or(others);
            let deliberate = matches!(entry.node.value, Value::Boolean(false));
            self.path.push(name.clone());
            let keep = match schema {
                Some(schema) => self.node(&mut entry.node, Some(entry.key), schema),
                None if closed => {
                    self.unknown_key(entry.key, name, properties);
                    false
                }
                None => true,
            };
            self.path.pop();
            if !keep && !deliberate {
                self.broken.0.insert(self.path.clone());
            }
            keep
        });
        if !missing.is_empty() {
            let path = words::path(&self.path);
            self.files.mistake(at, format!("`{path}` needs {}", missing.join(" and ")));
            return false;
        }
        // A required key whose value was wrong takes its table along: the mistake has been said.
        required.iter().filter_map(Json::as_str).all(|name| entries.contains_key(name))
    }

    fn unknown_key(&mut self, at: At, name: &str, properties: Option<&Map<String, Json>>) {
        let known: Vec<&str> =
            properties.map(|p| p.keys().map(String::as_str).collect()).unwrap_or_default();
        let (_, parent) = self.path.split_last().map_or(("", &[][..]), |(l, p)| (l.as_str(), p));
        let place = if parent.is_empty() {
            String::new()
        } else {
            format!(" in `{}`", words::path(parent))
        };
        let suggestion =
            match words::nearest(name, known.iter().copied()).or(attribute(name, &known)) {
                Some(meant) => format!("; did you mean `{meant}`?"),
                None => match elsewhere(name, parent.is_empty()) {
                    Some(hint) => hint,
                    None => words::suggestion(name, &known, "known keys"),
                },
            };
        self.files.mistake(
            at,
            format!("unknown key `{}`{place}{suggestion}", words::path(&[name.to_owned()])),
        );
    }
}

/// The key that is this attribute of SQS's, for people who know AWS's names.
fn attribute<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let (key, _) = ATTRIBUTES.iter().find(|(_, aws)| aws.eq_ignore_ascii_case(name))?;
    known.iter().copied().find(|k| k == key)
}

/// Where a key would be known: at the top, or (from the top) one table down, as `s3.buckets`.
fn elsewhere(name: &str, at_top: bool) -> Option<String> {
    let root = schema::built().get("properties")?.as_object()?;
    if !at_top {
        return root
            .contains_key(name)
            .then(|| "; it belongs above the first `[section]`".to_owned());
    }
    let mut below = root.iter().filter_map(|(section, schema)| {
        let mut leaves = Vec::new();
        alternatives(schema, &mut leaves);
        let keys =
            leaves.into_iter().filter_map(|l| l.get("properties")).filter_map(Json::as_object);
        let meant = words::nearest(name, keys.flat_map(|p| p.keys()).map(String::as_str))?;
        Some(format!("; did you mean `{section}.{meant}`?"))
    });
    below.next()
}

/// The alternatives of a schema, references followed.
fn alternatives<'a>(schema: &'a Json, into: &mut Vec<&'a Map<String, Json>>) {
    static EMPTY: std::sync::OnceLock<Map<String, Json>> = std::sync::OnceLock::new();
    let Json::Object(object) = schema else {
        // `true`: anything.
        into.push(EMPTY.get_or_init(Map::new));
        return;
    };
    if let Some(target) = object.get("$ref").and_then(Json::as_str) {
        let target = target.strip_prefix('#').and_then(|pointer| schema::built().pointer(pointer));
        if let Some(target) = target {
            alternatives(target, into);
        }
        return;
    }
    match object.get("anyOf").or_else(|| object.get("oneOf")).and_then(Json::as_array) {
        Some(list) => list.iter().for_each(|alternative| alternatives(alternative, into)),
        None => into.push(object),
    }
}

/// Whether this is the `false` that removes an inherited part.
fn removed(node: &Node, leaves: &[&Map<String, Json>]) -> bool {
    matches!(node.value, Value::Boolean(false))
        && leaves.iter().any(|l| l.get("const") == Some(&Json::Bool(false)))
}

/// The constants of a leaf.
fn constants(leaf: &Map<String, Json>) -> Vec<&Json> {
    match (leaf.get("const"), leaf.get("enum").and_then(Json::as_array)) {
        (Some(one), _) => vec![one],
        (None, Some(list)) => list.iter().collect(),
        (None, None) => Vec::new(),
    }
}

/// The types of a leaf.
fn types(leaf: &Map<String, Json>) -> Vec<&str> {
    match leaf.get("type") {
        Some(Json::String(one)) => vec![one],
        Some(Json::Array(list)) => list.iter().filter_map(Json::as_str).collect(),
        _ => Vec::new(),
    }
}

fn fits(node: &Node, leaf: &Map<String, Json>) -> bool {
    let types = types(leaf);
    let is = |name: &str| types.contains(&name);
    match &node.value {
        Value::Text(_) => {
            is("string") || (types.is_empty() && constants(leaf).iter().any(|c| c.is_string()))
        }
        Value::Integer(_) => is("integer") || is("number"),
        Value::Float(_) => is("number"),
        Value::Boolean(_) => is("boolean"),
        Value::Array(_) => is("array"),
        Value::Table(_) => is("object"),
    }
}

/// What a leaf wants, for a sentence.
fn wanted(leaf: &Map<String, Json>) -> String {
    let constants = constants(leaf);
    if !constants.is_empty() && constants.len() <= 3 {
        let words: Vec<String> = constants
            .iter()
            .map(|c| format!("`{}`", c.as_str().map_or(c.to_string(), str::to_owned)))
            .collect();
        return words::or(&words);
    }
    let names: Vec<String> = types(leaf)
        .iter()
        .map(|t| match *t {
            "string" => "a string",
            "integer" => "an integer",
            "number" => "a number",
            "boolean" => "`true` or `false`",
            "array" => "an array",
            "object" => "a table",
            _ => "a value",
        })
        .map(str::to_owned)
        .collect();
    words::or(&names)
}
