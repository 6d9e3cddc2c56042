//! A YAML document as a tree in which every node knows its file and line.

use std::fmt;
use std::path::PathBuf;

/// Where a node stands: a file by its number, and the line, counted from one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Spot {
    pub(super) file: usize,
    pub(super) line: usize,
}

/// A node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) at: Spot,
    pub(super) value: Value,
    /// Compose's own tags for merging.
    pub(super) mark: Option<Mark>,
}

/// What a node says about what it is merged over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// `!reset`: the key is taken away.
    Reset,
    /// `!override`: the value replaces, whatever the key's rule.
    Override,
}

/// A node's value. Scalars stay text until somebody wants a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// Text, and whether it stood without quotes.
    Scalar(String, bool),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

/// A key and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) at: Spot,
    pub(super) name: String,
}

impl Node {
    pub(super) fn new(at: Spot, value: Value) -> Node {
        Node { at, value, mark: None }
    }

    pub(super) fn text(at: Spot, text: impl Into<String>) -> Node {
        Node::new(at, Value::Scalar(text.into(), false))
    }

    /// Nothing: an empty value, `~` or `null`.
    pub(super) fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar(text, true) if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    pub(super) fn scalar(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(text, _) if !self.is_null() => Some(text),
            _ => None,
        }
    }

    pub(super) fn list(&self) -> Option<&[Node]> {
        match &self.value {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    pub(super) fn map(&self) -> Option<&[(Key, Node)]> {
        match &self.value {
            Value::Map(entries) => Some(entries),
            _ => None,
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&Node> {
        self.map()?.iter().find(|(key, _)| key.name == name).map(|(_, node)| node)
    }

    /// What it is, for people.
    pub(super) fn kind(&self) -> &'static str {
        match &self.value {
            _ if self.is_null() => "nothing",
            Value::Scalar(..) => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }
}

/// A file that was read.
#[derive(Debug, Clone)]
pub(super) struct File {
    /// As shown.
    pub(super) name: String,
    /// What its relative paths are relative to.
    pub(super) base: PathBuf,
}

/// Something wrong in a Compose file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mistake {
    /// The file as the profile names it.
    pub file: String,
    /// The line, counted from one; 0 when it is the whole file.
    pub line: usize,
    /// What is wrong.
    pub text: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file, self.text),
            line => write!(f, "{}:{line}: {}", self.file, self.text),
        }
    }
}

/// Files by number, with all that was found in them.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) files: Vec<File>,
    /// What `~` stands for.
    pub(super) home: String,
    pub(super) mistakes: Vec<Mistake>,
    pub(super) notes: Vec<Mistake>,
}

impl Findings {
    pub(super) fn mistake(&mut self, at: Spot, text: impl Into<String>) {
        let found = self.found(at, text.into());
        if !self.mistakes.contains(&found) {
            self.mistakes.push(found);
        }
    }

    pub(super) fn note(&mut self, at: Spot, text: impl Into<String>) {
        let found = self.found(at, text.into());
        if !self.notes.contains(&found) {
            self.notes.push(found);
        }
    }

    fn found(&self, at: Spot, text: String) -> Mistake {
        let file = self.files.get(at.file).map(|file| file.name.clone()).unwrap_or_default();
        Mistake { file, line: at.line, text }
    }

    /// A path of that place, absolute.
    pub(super) fn path(&self, at: Spot, text: &str) -> PathBuf {
        let base = self.files.get(at.file).map(|file| file.base.clone()).unwrap_or_default();
        plain(&base.join(text))
    }
}

/// A path without `.` and, where that is safe by text alone, without `..`.
pub(super) fn plain(path: &std::path::Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir => {
                if !out.pop() {
                    out.push("..");
                }
            }
            other => out.push(other),
        }
    }
    out
}
