//! An input as it came, checked by its shape: what is required is there, every value is of its kind,
//! length, range, pattern and set. What the model does not know is left out.
//!
//! The texts are those of AWS's own validator: `1 validation error detected: Value null at 'template'
//! failed to satisfy constraint: Member must not be null`.

use super::{Dialect, Kind, Member, Model, Shape};
use serde_json::{Map, Number, Value};

/// Faults named in one refusal at the most.
const FAULTS_MAX: usize = 10;

/// One value that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where it stands (`tags.1.member.key`).
    pub at: String,
    /// `'value'` or `null`; nothing for what is not shown.
    pub shown: String,
    /// `Member must not be null`.
    pub rule: String,
}

/// Why an input is not what the model says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults(pub Vec<Fault>);

impl Faults {
    /// In the words of AWS's validator.
    pub fn text(&self) -> String {
        let count = self.0.len();
        let noun = if count == 1 { "error" } else { "errors" };
        let each = self.0.iter().map(|fault| {
            let shown = if fault.shown.is_empty() { "" } else { " " };
            let Fault { at, shown: value, rule } = fault;
            format!("Value{shown}{value} at '{at}' failed to satisfy constraint: {rule}")
        });
        let each: Vec<String> = each.collect();
        format!("{count} validation {noun} detected: {}", each.join("; "))
    }
}

/// Reads the input of `operation` from the tree that the protocol made of it. Timestamps become
/// seconds since the epoch, whatever the wire has.
pub fn read(
    model: &'static Model,
    operation: &str,
    tree: &Value,
) -> Result<Map<String, Value>, Faults> {
    let shape = model.operations.get(operation).and_then(|o| o.input).and_then(|n| model.shape(n));
    let Some(shape) = shape else { return Ok(Map::new()) };
    let mut reader = Reader { model, faults: Vec::new() };
    let value = reader.value(shape, tree, &mut Vec::new(), false);
    if reader.faults.is_empty() {
        return Ok(match value {
            Some(Value::Object(members)) => members,
            _ => Map::new(),
        });
    }
    Err(Faults(reader.faults))
}

struct Reader {
    model: &'static Model,
    faults: Vec<Fault>,
}

type Path = Vec<String>;

impl Reader {
    /// `outside`: the value came in the path or the query, as text.
    fn value(
        &mut self,
        shape: &Shape,
        tree: &Value,
        at: &mut Path,
        outside: bool,
    ) -> Option<Value> {
        match &shape.kind {
            Kind::Structure(members) => self.structure(members, tree, at),
            Kind::List(element) => self.list(shape, element, tree, at, outside),
            Kind::Map(key, value) => self.map(key, value, tree, at),
            _ => self.scalar(shape, tree, at, outside),
        }
    }

    fn structure(&mut self, members: &[Member], tree: &Value, at: &mut Path) -> Option<Value> {
        let empty = Map::new();
        let given = match tree {
            Value::Object(given) => given,
            // `Message=` is a structure without members.
            Value::String(text) if text.is_empty() => &empty,
            _ => return self.mistyped(at, "a structure"),
        };
        let mut out = Map::new();
        for member in members {
            at.push(lower_first(member.name));
            let sent = given.get(member.sent).filter(|value| !value.is_null());
            match (sent, self.model.shape(member.shape)) {
                (Some(sent), Some(shape)) => {
                    if let Some(value) = self.value(shape, sent, at, member.outside) {
                        out.insert(member.name.to_owned(), value);
                    }
                }
                (None, _) if member.required => {
                    self.fault(at, "null", "Member must not be null");
                }
                _ => {}
            }
            at.pop();
        }
        Some(Value::Object(out))
    }

    fn list(
        &mut self,
        shape: &Shape,
        element: &str,
        tree: &Value,
        at: &mut Path,
        outside: bool,
    ) -> Option<Value> {
        let items: Vec<&Value> = match tree {
            Value::Array(items) => items.iter().collect(),
            Value::Object(_) if self.model.dialect == Dialect::Query => numbered(tree, "member"),
            Value::String(text) if self.model.dialect == Dialect::Query && text.is_empty() => {
                Vec::new()
            }
            Value::String(_) if outside => vec![tree],
            _ => return self.mistyped(at, "a list"),
        };
        let element = self.model.shape(element)?;
        let mut out = Vec::with_capacity(items.len());
        for (n, item) in items.iter().enumerate() {
            at.push(format!("{}.member", n + 1));
            out.extend(self.value(element, item, at, outside));
            at.pop();
        }
        let shown = || serde_json::to_string(tree).unwrap_or_default();
        self.length(shape, out.len(), at, &shown);
        Some(Value::Array(out))
    }

    fn map(&mut self, key: &str, value: &str, tree: &Value, at: &mut Path) -> Option<Value> {
        let entries: Vec<(&str, &Value)> = match tree {
            Value::Object(_) if self.model.dialect == Dialect::Query => numbered(tree, "entry")
                .into_iter()
                .filter_map(|entry| Some((entry["key"].as_str()?, entry.get("value")?)))
                .collect(),
            Value::Object(entries) => entries.iter().map(|(k, v)| (k.as_str(), v)).collect(),
            _ => return self.mistyped(at, "a map"),
        };
        let (key, shape) = (self.model.shape(key)?, self.model.shape(value)?);
        let mut out = Map::new();
        for (name, value) in entries {
            self.text(key, name, at);
            at.push(format!("{name}.member"));
            if let Some(value) = self.value(shape, value, at, false) {
                out.insert(name.to_owned(), value);
            }
            at.pop();
        }
        Some(Value::Object(out))
    }

    fn scalar(
        &mut self,
        shape: &Shape,
        tree: &Value,
        at: &mut Path,
        outside: bool,
    ) -> Option<Value> {
        let as_text = outside || self.model.dialect == Dialect::Query;
        match (&shape.kind, tree) {
            (Kind::String, Value::String(text)) => {
                self.text(shape, text, at);
                Some(tree.clone())
            }
            (Kind::Blob, Value::String(_)) | (Kind::Boolean, Value::Bool(_)) => Some(tree.clone()),
            (Kind::Boolean, Value::String(text)) if as_text => match text.as_str() {
                "true" | "True" | "1" => Some(Value::Bool(true)),
                "false" | "False" | "0" => Some(Value::Bool(false)),
                _ => self.mistyped(at, "true or false"),
            },
            (Kind::Whole, _) => {
                let text = tree.as_str().filter(|_| as_text);
                let whole = tree.as_i64().or_else(|| text?.parse().ok());
                let Some(whole) = whole else { return self.mistyped(at, "a whole number") };
                self.range(shape, whole, at);
                Some(whole.into())
            }
            (Kind::Real, _) => {
                let text = tree.as_str().filter(|_| as_text);
                let real = tree.as_f64().or_else(|| text?.parse().ok()).and_then(Number::from_f64);
                real.map(Value::Number).or_else(|| self.mistyped(at, "a number"))
            }
            (Kind::Timestamp, _) => {
                let seconds = tree.as_f64().or_else(|| instant(tree.as_str()?));
                let seconds = seconds.and_then(Number::from_f64);
                seconds.map(Value::Number).or_else(|| self.mistyped(at, "a timestamp"))
            }
            _ => self.mistyped(at, "of the type that the API names"),
        }
    }

    fn text(&mut self, shape: &Shape, text: &str, at: &Path) {
        let shown = || if shape.sensitive { String::new() } else { text.to_owned() };
        if !shape.values.is_empty() && !shape.values.contains(&text) {
            let set = shape.values.join(", ");
            self.fault_of(at, &shown, &format!("Member must satisfy enum value set: [{set}]"));
        }
        self.length(shape, text.chars().count(), at, &shown);
        if !shape.matches(text) {
            let pattern = shape.pattern.unwrap_or_default();
            let rule = format!("Member must satisfy regular expression pattern: {pattern}");
            self.fault_of(at, &shown, &rule);
        }
    }

    fn length(&mut self, shape: &Shape, length: usize, at: &Path, shown: &dyn Fn() -> String) {
        let (min, max) = (shape.min.unwrap_or(0), shape.max.unwrap_or(i64::MAX));
        let length = length as i64;
        if length < min {
            let rule = format!("Member must have length greater than or equal to {min}");
            self.fault_of(at, shown, &rule);
        } else if length > max {
            let rule = format!("Member must have length less than or equal to {max}");
            self.fault_of(at, shown, &rule);
        }
    }

    fn range(&mut self, shape: &Shape, whole: i64, at: &Path) {
        let shown = || whole.to_string();
        if let Some(min) = shape.min.filter(|min| whole < *min) {
            let rule = format!("Member must have value greater than or equal to {min}");
            self.fault_of(at, &shown, &rule);
        } else if let Some(max) = shape.max.filter(|max| whole > *max) {
            let rule = format!("Member must have value less than or equal to {max}");
            self.fault_of(at, &shown, &rule);
        }
    }

    fn mistyped(&mut self, at: &Path, wanted: &str) -> Option<Value> {
        self.fault(at, "of another type", &format!("Member must be {wanted}"));
        None
    }

    fn fault_of(&mut self, at: &Path, shown: &dyn Fn() -> String, rule: &str) {
        let shown = shown();
        let shown = if shown.is_empty() { shown } else { format!("'{shown}'") };
        self.fault(at, &shown, rule);
    }

    fn fault(&mut self, at: &Path, shown: &str, rule: &str) {
        if self.faults.len() < FAULTS_MAX {
            let (at, shown, rule) = (at.join("."), shown.to_owned(), rule.to_owned());
            self.faults.push(Fault { at, shown, rule });
        }
    }
}

/// The items of awsQuery's `Name.member.1`, `Name.member.2`, in the order of their numbers.
fn numbered<'a>(tree: &'a Value, wrapper: &str) -> Vec<&'a Value> {
    let inner = tree.get(wrapper).unwrap_or(tree);
    let items = inner.as_object().into_iter().flatten();
    let mut items: Vec<(u64, &Value)> =
        items.filter_map(|(key, value)| Some((key.parse().ok()?, value))).collect();
    items.sort_by_key(|(number, _)| *number);
    items.into_iter().map(|(_, value)| value).collect()
}

/// Seconds since the epoch of `2026-11-21T10:15:30Z` or of a number as text.
fn instant(text: &str) -> Option<f64> {
    let parsed: Option<jiff::Timestamp> = text.parse().ok();
    parsed.map(|t| t.as_millisecond() as f64 / 1000.0).or_else(|| text.parse().ok())
}

fn lower_first(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map_or_else(String::new, |c| c.to_lowercase().chain(chars).collect())
}
