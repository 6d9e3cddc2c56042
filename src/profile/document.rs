//! A TOML text as a tree in which each key and value knows where it stands, so that every check
//! can name file, line and column, also after several files were merged. Parsing recovers from
//! syntax errors and reports all of them.

use crate::profile::limits::MISTAKES_KEPT_MAX;
use crate::profile::mistakes::Mistake;
use crate::profile::words;
use std::collections::BTreeMap;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// How a syntax error starts.
const NOT_TOML: &str = "not TOML";

/// A place: bytes of one of the files read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct At {
    pub(crate) file: usize,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// A value and its place.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) at: At,
    pub(crate) value: Value,
}

/// A TOML value. Dates are texts: no key of a profile takes a date.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Text(String),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    Array(Vec<Node>),
    Table(BTreeMap<String, Entry>),
}

/// A key's place and its value.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: At,
    pub(crate) node: Node,
}

/// The files read so far and what is wrong in them.
#[derive(Debug, Default)]
pub(crate) struct Files {
    /// Name as shown, and text.
    files: Vec<(String, String)>,
    pub(crate) mistakes: Vec<Mistake>,
    /// A bracket was never closed, so that it swallowed what follows: nothing more can be said.
    pub(crate) swallowed: bool,
}

impl Files {
    /// Reports a mistake at a place.
    pub(crate) fn mistake(&mut self, at: At, message: impl AsRef<str>) {
        // Placing a mistake reads the file up to it: a hostile file must not make that quadratic.
        let spurious = self.swallowed && !message.as_ref().starts_with(NOT_TOML);
        if self.mistakes.len() < MISTAKES_KEPT_MAX && !spurious {
            let (name, text) = &self.files[at.file];
            let mistake = Mistake::at(name, text, at.start, at.end, message.as_ref());
            self.mistakes.push(mistake);
        }
    }

    /// Reports syntax errors; those that only follow from a bracket never closed are left out.
    fn syntax(&mut self, file: usize, errors: &[toml::de::Error]) {
        // Texts of toml's parser; `a_bracket_never_closed_is_one_mistake` notices if they change.
        let text = |m: &str| m.starts_with("invalid multi-line");
        let unclosed =
            |m: &str| m.starts_with("unclosed array") || m.starts_with("unclosed inline");
        let inside = |m: &str| {
            unclosed(m)
                || m.contains("array element")
                || m.contains("in array")
                || m.contains("inline table")
        };
        let swallowed = errors.iter().any(|e| unclosed(e.message()) || text(e.message()));
        self.swallowed |= swallowed;
        for error in errors {
            let span = error.span().unwrap_or(0..0);
            let message = error.message();
            let last = swallowed && (inside(message) || text(message));
            let hint = match last {
                true if text(message) => "; a text of several lines before this is not closed",
                true => "; a `[` or `{` before this is not closed",
                false => "",
            };
            let at = At { file, start: span.start, end: span.end };
            let before = self.mistakes.len();
            self.mistake(at, format!("{NOT_TOML}: {message}{hint}"));
            let told = self.mistakes.drain(before..).map(Mistake::syntax).collect::<Vec<_>>();
            self.mistakes.extend(told);
            if last {
                break;
            }
        }
    }

    /// The files' names in the order in which they were read.
    pub(crate) fn names(&self) -> Vec<String> {
        self.files.iter().map(|(name, _)| name.clone()).collect()
    }

    /// Reads `text`, reports its syntax errors, returns what could be understood.
    pub(crate) fn parse(&mut self, name: String, text: String) -> Node {
        let file = self.files.len();
        // A byte order mark is legal at the start of a file and no part of a position.
        let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
        self.files.push((name, text.clone()));
        let (table, errors) = DeTable::parse_recoverable(&text);
        self.syntax(file, &errors);
        let at = At { file, start: 0, end: 0 };
        Node { at, value: self.table(file, table.get_ref()) }
    }

    fn table(&mut self, file: usize, table: &DeTable<'_>) -> Value {
        let entries = table.iter().map(|(key, value)| {
            let span = key.span();
            let key_at = At { file, start: span.start, end: span.end };
            (key.get_ref().to_string(), Entry { key: key_at, node: self.node(file, value) })
        });
        Value::Table(entries.collect())
    }

    fn node(&mut self, file: usize, value: &Spanned<DeValue<'_>>) -> Node {
        let span = value.span();
        let at = At { file, start: span.start, end: span.end };
        let value = match value.get_ref() {
            DeValue::String(s) => Value::Text(s.to_string()),
            DeValue::Integer(i) => match i64::from_str_radix(i.as_str(), i.radix()) {
                Ok(i) => Value::Integer(i),
                Err(_) => {
                    self.mistake(at, "this number does not fit into 64 bits");
                    Value::Integer(0)
                }
            },
            DeValue::Float(f) => match f.as_str().parse::<f64>() {
                Ok(f) if f.is_finite() => Value::Float(f),
                _ => {
                    self.mistake(at, "this number is not finite, which no key takes");
                    Value::Float(0.0)
                }
            },
            DeValue::Boolean(b) => Value::Boolean(*b),
            DeValue::Datetime(d) => Value::Text(d.to_string()),
            DeValue::Array(items) => {
                Value::Array(items.iter().map(|item| self.node(file, item)).collect())
            }
            DeValue::Table(table) => self.table(file, table),
        };
        Node { at, value }
    }
}

impl Node {
    /// The table's entries, if this is a table.
    pub(crate) fn entries(&self) -> Option<&BTreeMap<String, Entry>> {
        match &self.value {
            Value::Table(entries) => Some(entries),
            _ => None,
        }
    }

    /// The value at `path`, where `\0N` is the N-th element of an array.
    pub(crate) fn get<'a>(&'a self, path: &[&str]) -> Option<&'a Node> {
        path.iter().try_fold(self, |node, segment| match &node.value {
            Value::Table(entries) => entries.get(*segment).map(|e| &e.node),
            Value::Array(items) => items.get(segment.strip_prefix('\0')?.parse::<usize>().ok()?),
            _ => None,
        })
    }

    /// The place of the key that ends `path`, or of the nearest thing around it.
    pub(crate) fn key_at(&self, path: &[&str]) -> At {
        let Some((last, parent)) = path.split_last() else {
            return self.at;
        };
        let entry = self.get(parent).and_then(Node::entries).and_then(|e| e.get(*last));
        match entry {
            Some(entry) => entry.key,
            None => self.value_at(path),
        }
    }

    /// The place of the value at `path`, or of the nearest key around it.
    pub(crate) fn value_at(&self, path: &[&str]) -> At {
        match self.get(path) {
            // A table's own span may be a whole section: its key says it better.
            Some(Node { value: Value::Table(_), .. }) if !path.is_empty() => {
                let (last, parent) = path.split_last().unwrap_or((&"", &[]));
                let entry = self.get(parent).and_then(Node::entries).and_then(|e| e.get(*last));
                entry.map_or_else(|| self.get(path).map_or(self.at, |n| n.at), |e| e.key)
            }
            Some(node) => node.at,
            None => match path.split_last() {
                Some((_, parent)) => self.key_at(parent),
                None => self.at,
            },
        }
    }

    /// The tree as JSON.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Text(s) => s.as_str().into(),
            Value::Integer(i) => (*i).into(),
            Value::Float(f) => (*f).into(),
            Value::Boolean(b) => (*b).into(),
            Value::Array(items) => items.iter().map(Node::to_json).collect(),
            Value::Table(entries) => {
                entries.iter().map(|(k, e)| (k.clone(), e.node.to_json())).collect()
            }
        }
    }

    /// What this is, for a sentence.
    pub(crate) fn kind(&self) -> &'static str {
        match self.value {
            Value::Text(_) => "a string",
            Value::Integer(_) => "an integer",
            Value::Float(_) => "a float",
            Value::Boolean(_) => "a boolean",
            Value::Array(_) => "an array",
            Value::Table(_) => "a table",
        }
    }
}

/// `path` as one would type it.
pub(crate) fn shown(path: &[&str]) -> String {
    words::path(&path.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>())
}
