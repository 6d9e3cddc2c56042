//! The paths of a column's JSON documents, each with what its values look like.

use super::names;
use super::values;
use crate::data::mask::{Kind, Spec, written_path};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Values remembered of each path.
const VALUES_MAX: usize = 60;
/// An object with more different keys than this has data for keys.
const KEYS_MAX: usize = 200;
/// Values that are the same in so many documents are categories.
const CATEGORY_VALUES_MAX: usize = 8;
const CATEGORY_SAMPLE_MIN: usize = 40;

#[derive(Debug, Default)]
struct Leaf {
    values: Vec<String>,
    numbers: bool,
    texts: bool,
}

/// What documents hold.
#[derive(Debug, Default)]
pub(crate) struct Documents {
    leaves: BTreeMap<Vec<String>, Leaf>,
    seen: u64,
}

impl Documents {
    /// Takes a document in.
    pub(crate) fn add(&mut self, document: &str) {
        self.seen += 1;
        if let Ok(value) = serde_json::from_str(document) {
            self.walk(&value, &mut Vec::new());
        }
    }

    fn walk(&mut self, value: &Value, path: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                for (key, value) in members {
                    // A key that is an address or a UUID itself names data, not a member.
                    let is_data = values::by_value(key);
                    path.push(
                        is_data.map_or_else(|| key.clone(), |k| format!("\u{0}{}", k.name())),
                    );
                    self.walk(value, path);
                    path.pop();
                }
            }
            Value::Array(items) => {
                path.push("[*]".to_owned());
                items.iter().for_each(|item| self.walk(item, path));
                path.pop();
            }
            Value::Null | Value::Bool(_) => {}
            leaf => {
                let known = self.leaves.entry(path.clone()).or_default();
                known.numbers |= leaf.is_number();
                known.texts |= leaf.is_string();
                if known.values.len() < VALUES_MAX {
                    let text = leaf.as_str().map_or_else(|| leaf.to_string(), str::to_owned);
                    known.values.push(text);
                }
            }
        }
    }

    /// The rule of the column: one of each path.
    pub(crate) fn rule(&self) -> Spec {
        let mut spec = Spec::of(Kind::Json);
        let mut siblings: BTreeMap<&[String], BTreeSet<&String>> = BTreeMap::new();
        for path in self.leaves.keys() {
            for at in 0..path.len() {
                siblings.entry(&path[..at]).or_default().insert(&path[at]);
            }
        }
        for (path, leaf) in &self.leaves {
            let wide = |at: usize| siblings.get(&path[..at]).is_some_and(|s| s.len() > KEYS_MAX);
            let steps = path.iter().enumerate().map(|(at, key)| match key.strip_prefix('\u{0}') {
                Some(kind) => format!(".{{{kind}}}"),
                None if wide(at) && key != "[*]" => ".{text}".to_owned(),
                None => written_path(std::slice::from_ref(key))[1..].to_owned(),
            });
            let written = format!("${}", steps.collect::<String>());
            let name = path.iter().rev().find(|p| !p.starts_with('\u{0}') && *p != "[*]");
            spec.paths.insert(written, leaf_rule(name.map_or("", |n| n.as_str()), leaf));
        }
        if self.leaves.is_empty() {
            // Nothing was seen: whatever comes is masked.
            spec.rest = Some(Box::new(Spec::of(Kind::Text)));
        }
        spec
    }

    /// What the rule rests on.
    pub(crate) fn evidence(&self) -> String {
        format!("{} paths in {} documents", self.leaves.len(), self.seen)
    }
}

fn leaf_rule(name: &str, leaf: &Leaf) -> Spec {
    if leaf.numbers && !leaf.texts {
        let id = names::tokens(name).last().is_some_and(|t| t == "id");
        let whole = leaf.values.iter().all(|v| v.bytes().all(|b| b.is_ascii_digit()));
        return match names::by_name(name) {
            _ if id && whole => Spec::of(Kind::Id),
            Some((Kind::Geo, _)) => Spec::of(Kind::Geo),
            Some((Kind::Phone | Kind::Card, _)) if whole => Spec::of(Kind::Id),
            _ => Spec::of(Kind::Number),
        };
    }
    if let Some((kind, _)) = values::by_values(&leaf.values, super::SHARE_MIN) {
        return Spec::of(if leaf.numbers { Kind::Text } else { kind });
    }
    if let Some((kind, _)) = names::by_name(name).filter(|(k, _)| *k != Kind::Geo) {
        return Spec::of(kind);
    }
    let distinct: BTreeSet<&String> = leaf.values.iter().collect();
    let few = distinct.len() <= CATEGORY_VALUES_MAX && leaf.values.len() >= CATEGORY_SAMPLE_MIN;
    match (few, values::is_prose(&leaf.values)) {
        (true, _) => Spec::of(Kind::Keep),
        (_, true) => Spec::of(Kind::Prose),
        _ => Spec::of(Kind::Text),
    }
}
