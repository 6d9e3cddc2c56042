//! Values inside values: elements of Postgres arrays, members of JSON documents by path.

use super::paths::{Found, Paths};
use super::{Beside, Mask, Reason, Refused};
use serde_json::{Map, Value};

/// Arrays in Postgres' own writing, of any number of dimensions.
pub(super) struct Array(pub(super) Box<dyn Mask>);

impl Mask for Array {
    fn mask(&self, value: &str, beside: &Beside<'_>, out: &mut String) -> Result<(), Reason> {
        let mut rest = value;
        // Bounds that do not begin at one: `[0:2]={…}`.
        if let Some((bounds, list)) = value.split_once("={").filter(|_| value.starts_with('[')) {
            out.push_str(bounds);
            out.push('=');
            rest = &value[value.len() - list.len() - 1..];
        }
        let mut element = String::new();
        let mut masked = String::new();
        while let Some(c) = rest.chars().next() {
            match c {
                '{' | '}' | ',' => {
                    out.push(c);
                    rest = &rest[1..];
                    continue;
                }
                '"' => rest = quoted(&rest[1..], &mut element)?,
                _ => {
                    let end = rest.find([',', '}']).ok_or(Reason("is no array"))?;
                    let bare = &rest[..end];
                    rest = &rest[end..];
                    if bare == "NULL" {
                        out.push_str(bare);
                        continue;
                    }
                    element.clear();
                    element.push_str(bare);
                }
            }
            masked.clear();
            self.0.mask(&element, beside, &mut masked)?;
            quote(&masked, out);
        }
        Ok(())
    }
}

fn quoted<'a>(text: &'a str, element: &mut String) -> Result<&'a str, Reason> {
    element.clear();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => element.extend(chars.next().map(|(_, c)| c)),
            '"' => return Ok(&text[at + 1..]),
            c => element.push(c),
        }
    }
    Err(Reason("is no array"))
}

fn quote(element: &str, out: &mut String) {
    let plain = |c: char| !matches!(c, '{' | '}' | ',' | '"' | '\\') && !c.is_whitespace();
    if !element.is_empty() && element.chars().all(plain) && !element.eq_ignore_ascii_case("null") {
        return out.push_str(element);
    }
    out.push('"');
    for c in element.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
}

/// JSON documents: each leaf by the rule of its path.
pub(super) struct Json(pub(super) Paths);

impl Mask for Json {
    fn mask(&self, value: &str, beside: &Beside<'_>, out: &mut String) -> Result<(), Reason> {
        self.mask_or_say(value, beside, out).map_err(Refused::reason)
    }

    fn mask_or_say(
        &self,
        value: &str,
        beside: &Beside<'_>,
        out: &mut String,
    ) -> Result<(), Refused> {
        let document: Value =
            serde_json::from_str(value).map_err(|_| Refused::Value(Reason("is no JSON")))?;
        let mut path = Vec::new();
        let masked = self.walk(document, &mut path, beside)?;
        out.push_str(&masked.to_string());
        Ok(())
    }
}

impl Json {
    fn walk(
        &self,
        value: Value,
        path: &mut Vec<String>,
        beside: &Beside<'_>,
    ) -> Result<Value, Refused> {
        match value {
            Value::Object(members) => {
                let mut masked = Map::new();
                for (key, value) in members {
                    path.push(key);
                    let key = self.key(path, beside)?;
                    let value = self.walk(value, path, beside)?;
                    path.pop();
                    masked.insert(key, value);
                }
                Ok(Value::Object(masked))
            }
            Value::Array(items) => {
                path.push("[*]".to_owned());
                let items = items.into_iter().map(|item| self.walk(item, path, beside));
                let items = items.collect::<Result<Vec<_>, _>>()?;
                path.pop();
                Ok(Value::Array(items))
            }
            Value::Null | Value::Bool(_) => Ok(value),
            leaf => self.leaf(leaf, path, beside),
        }
    }

    /// The last key of `path`, masked where its rule says that keys are data.
    fn key(&self, path: &mut [String], beside: &Beside<'_>) -> Result<String, Refused> {
        let key = path.last().cloned().unwrap_or_default();
        match self.0.key(path) {
            None => Ok(key),
            Some(mask) => {
                let mut masked = String::new();
                mask.mask(&key, beside, &mut masked)?;
                Ok(masked)
            }
        }
    }

    fn leaf(&self, leaf: Value, path: &[String], beside: &Beside<'_>) -> Result<Value, Refused> {
        let mask = match self.0.find(path) {
            Found::Keep => return Ok(leaf),
            Found::Null => return Ok(Value::Null),
            Found::Mask(mask) => mask,
            Found::Nothing => return Err(Refused::Path(super::paths::written(path))),
        };
        let text = match &leaf {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let mut masked = String::new();
        mask.mask(&text, beside, &mut masked)?;
        // A number stays one if its mask made one of it.
        let number = leaf.is_number().then(|| serde_json::from_str::<Value>(&masked).ok());
        let number = number.flatten().filter(Value::is_number);
        Ok(number.unwrap_or(Value::String(masked)))
    }
}
