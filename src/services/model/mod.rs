//! The shapes of an AWS API as data: what each operation takes and answers, read once from a service's
//! table (`*.model`). One reader ([`read`]) checks every input by them, one writer ([`write`]) shapes
//! every answer, so that the operations see nothing but what the model allows.
//!
//! Source: botocore's service models (see the tables' headers); the grammar is one line a shape, its
//! members indented below it, `!` for those that are required. Decision 005 says who reads so.

mod input;
mod read;
mod write;

pub use input::{Input, Refusal};
pub use read::{Fault, Faults, read};
pub use write::write;

use regex::Regex;
use std::collections::HashMap;
use std::sync::OnceLock;

/// How values travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// awsQuery: everything is text, lists are numbered, timestamps are written by ISO 8601.
    Query,
    /// The JSON protocols.
    Json,
}

/// The operations and shapes of one API.
#[derive(Debug)]
pub struct Model {
    dialect: Dialect,
    /// Operations that AWS has and whose shapes are not here.
    others: Vec<&'static str>,
    /// By name.
    pub operations: HashMap<&'static str, Operation>,
    shapes: HashMap<&'static str, Shape>,
}

/// An operation's shapes.
#[derive(Debug, Clone, Copy)]
pub struct Operation {
    /// What it takes.
    pub input: Option<&'static str>,
    /// What it answers; `None` where the answer has no result at all.
    pub output: Option<&'static str>,
}

/// What a value may be.
#[derive(Debug)]
struct Shape {
    kind: Kind,
    min: Option<i64>,
    max: Option<i64>,
    values: Vec<&'static str>,
    /// Whether a value is never shown.
    sensitive: bool,
    pattern: Option<&'static str>,
    compiled: OnceLock<Option<Regex>>,
}

#[derive(Debug)]
enum Kind {
    Structure(Vec<Member>),
    List(&'static str),
    Map(&'static str, &'static str),
    String,
    Boolean,
    Whole,
    Real,
    Timestamp,
    Blob,
}

#[derive(Debug)]
struct Member {
    name: &'static str,
    /// Its name on the wire.
    sent: &'static str,
    required: bool,
    shape: &'static str,
    /// Whether it travels in the path or the query, as text.
    outside: bool,
}

impl Model {
    /// Reads a table.
    pub fn parse(dialect: Dialect, text: &'static str) -> Model {
        let (operations, shapes) = (HashMap::new(), HashMap::new());
        let others = Vec::new();
        let mut model = Model { dialect, others, operations, shapes };
        for plain in ["string", "boolean", "integer", "long", "double", "timestamp", "blob"] {
            model.shapes.insert(plain, Shape::of(kind_of(plain, &[])));
        }
        let mut open: Option<&'static str> = None;
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            if let Some(member) = line.strip_prefix("  ") {
                let shape = open.and_then(|name| model.shapes.get_mut(name));
                if let Some(Shape { kind: Kind::Structure(members), .. }) = shape {
                    members.extend(Member::parse(member));
                }
                continue;
            }
            // A pattern stands last, for it may hold spaces.
            let (line, pattern) = match line.split_once(" pattern=") {
                Some((line, pattern)) => (line, Some(pattern)),
                None => (line, None),
            };
            let words: Vec<&'static str> = line.split(' ').collect();
            match words[..] {
                ["operation", name, .., input, output] => {
                    let named = |shape| if shape == "-" { None } else { Some(shape) };
                    let operation = Operation { input: named(input), output: named(output) };
                    model.operations.insert(name, operation);
                }
                ["other", name] => model.others.push(name),
                [kind, name, ref rest @ ..] => {
                    let shape = Shape { pattern, ..Shape::parse(kind, rest) };
                    model.shapes.insert(name, shape);
                    open = Some(name);
                }
                _ => {}
            }
        }
        model
    }

    /// The names of all operations that AWS has.
    pub fn names(&self) -> Vec<&'static str> {
        self.operations.keys().chain(&self.others).copied().collect()
    }

    fn shape(&self, name: &str) -> Option<&Shape> {
        self.shapes.get(name)
    }

    /// Names of what the table does not hold to its own grammar: shapes that are missing, patterns
    /// that are none. For the tests of the services that bring a table.
    pub fn faults(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let named = self.operations.values().flat_map(|o| [o.input, o.output]).flatten();
        let missing = |name: &&str| self.shape(name).is_none();
        wrong.extend(named.filter(missing).map(|name| format!("no shape {name}")));
        for (name, shape) in &self.shapes {
            let parts = match &shape.kind {
                Kind::Structure(members) => members.iter().map(|m| m.shape).collect(),
                Kind::List(element) => vec![*element],
                Kind::Map(key, value) => vec![*key, *value],
                _ => vec![],
            };
            wrong.extend(parts.into_iter().filter(missing).map(|part| format!("{name}: {part}")));
            shape.matches("");
            if shape.pattern.is_some() && !shape.compiled.get().is_some_and(Option::is_some) {
                wrong.push(format!("{name}: the pattern does not compile"));
            }
        }
        wrong
    }
}

impl Shape {
    fn of(kind: Kind) -> Shape {
        let compiled = OnceLock::new();
        Shape {
            kind,
            min: None,
            max: None,
            values: Vec::new(),
            sensitive: false,
            pattern: None,
            compiled,
        }
    }

    fn parse(kind: &'static str, rest: &[&'static str]) -> Shape {
        let mut shape = Shape::of(kind_of(kind, rest));
        for word in rest {
            match word.split_once('=') {
                Some(("min", number)) => shape.min = number.parse().ok(),
                Some(("max", number)) => shape.max = number.parse().ok(),
                Some(("enum", values)) => shape.values = values.split('|').collect(),
                None if *word == "sensitive" => shape.sensitive = true,
                _ => {}
            }
        }
        shape
    }

    /// Whether `text` as a whole is of the shape's pattern.
    fn matches(&self, text: &str) -> bool {
        let Some(pattern) = self.pattern else { return true };
        let compiled = self.compiled.get_or_init(|| {
            // Java's `\uXXXX` means the same here; its `\w` and `\d` know ASCII alone.
            let pattern = pattern.replace("\\w", "[A-Za-z0-9_]").replace("\\d", "[0-9]");
            Regex::new(&format!("\\A(?:{pattern})\\z")).ok()
        });
        compiled.as_ref().is_none_or(|regex| regex.is_match(text))
    }
}

fn kind_of(kind: &str, rest: &[&'static str]) -> Kind {
    match (kind, rest) {
        ("structure", _) => Kind::Structure(Vec::new()),
        ("list", [element, ..]) => Kind::List(element),
        ("map", [key, value, ..]) => Kind::Map(key, value),
        ("boolean", _) => Kind::Boolean,
        ("integer" | "long", _) => Kind::Whole,
        ("double" | "float", _) => Kind::Real,
        ("timestamp", _) => Kind::Timestamp,
        ("blob", _) => Kind::Blob,
        _ => Kind::String,
    }
}

impl Member {
    fn parse(line: &'static str) -> Option<Member> {
        let mut words = line.split(' ');
        let (name, shape) = (words.next()?, words.next()?);
        let required = name.ends_with('!');
        let name = name.trim_end_matches('!');
        let mut member = Member { name, sent: name, required, shape, outside: false };
        for word in words {
            if let Some((place, sent)) = word.split_once('=') {
                member.sent = sent;
                member.outside = place == "query" || place == "path";
            }
        }
        Some(member)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_mean_what_they_mean_to_java() {
        let fits = |pattern: &'static str, text: &str| {
            let shape = Shape { pattern: Some(pattern), ..Shape::of(Kind::String) };
            shape.matches(text)
        };
        assert!(fits(r"[\w+=,.@-]+", "a_Z9@x"));
        assert!(!fits(r"[\w+=,.@-]+", "ä"), "letters of ASCII alone");
        assert!(fits(r"^\d{12}$", "012345678901"));
        assert!(!fits(r"^\d{12}$", "٠١٢٣٤٥٦٧٨٩٠١"), "digits of ASCII alone");
        let text = r"[\u0009\u000A\u000D\u0020-\u007E\u00A1-\u00FF]+";
        assert!(fits(text, "Grüße\n") && !fits(text, "\u{7f}") && !fits(text, "€"));
        assert!(!fits("[a-z]+", "abc\n"), "the text as a whole");
    }
}
