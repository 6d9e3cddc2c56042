//! Fixtures in YAML 1.2, as the JSON that they stand for: mappings, lists and scalars of one document. Anchors,
//! aliases and tags are refused rather than half understood.

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Value};

/// Nested lists and mappings.
const DEPTH_MAX: usize = 64;

enum Open {
    List(Vec<Value>),
    Mapping(Map<String, Value>, Option<String>),
}

/// The document in `text`.
pub(crate) fn parse(text: &str) -> Result<Value, String> {
    let mut open: Vec<Open> = Vec::new();
    let mut root = None;
    for event in Parser::new_from_str(text) {
        let (event, span) =
            event.map_err(|e| format!("line {}: {}", e.marker().line(), e.info()))?;
        let line = span.start.line();
        let wrong = |why: &str| Err(format!("line {line}: {why}"));
        let done = match event {
            Event::MappingStart(anchor, tag) | Event::SequenceStart(anchor, tag)
                if anchor > 0 || tag.is_some() =>
            {
                return wrong("anchors and tags are not read here");
            }
            Event::Alias(_) => return wrong("aliases are not read here"),
            Event::MappingStart(..) => {
                open.push(Open::Mapping(Map::new(), None));
                None
            }
            Event::SequenceStart(..) => {
                open.push(Open::List(Vec::new()));
                None
            }
            Event::MappingEnd | Event::SequenceEnd => match open.pop() {
                Some(Open::List(items)) => Some(Value::Array(items)),
                Some(Open::Mapping(members, _)) => Some(Value::Object(members)),
                None => None,
            },
            Event::Scalar(text, style, anchor, tag) => {
                if anchor > 0 || tag.is_some() {
                    return wrong("anchors and tags are not read here");
                }
                if let Some(Open::Mapping(members, key @ None)) = open.last_mut() {
                    if members.contains_key(text.as_ref()) {
                        return wrong("a key stands there twice");
                    }
                    *key = Some(text.into_owned());
                    continue;
                }
                Some(scalar(&text, style == ScalarStyle::Plain))
            }
            _ => None,
        };
        if open.len() > DEPTH_MAX {
            return wrong("is nested too deeply");
        }
        let Some(value) = done else { continue };
        match open.last_mut() {
            None if root.is_some() => return wrong("a second document begins"),
            None => root = Some(value),
            Some(Open::List(items)) => items.push(value),
            Some(Open::Mapping(members, key)) => match key.take() {
                Some(key) => {
                    members.insert(key, value);
                }
                None => return wrong("a key is no text"),
            },
        }
    }
    root.ok_or_else(|| "is empty".to_owned())
}

/// A scalar by the core schema of YAML 1.2.
fn scalar(text: &str, plain: bool) -> Value {
    if !plain {
        return Value::String(text.to_owned());
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => {
            let digit = |c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | 'e' | 'E' | '+');
            // What JSON takes for a number is one; `007` and `1_000` are texts.
            let number = text.chars().all(digit).then(|| serde_json::from_str(text).ok());
            number.flatten().unwrap_or_else(|| Value::String(text.to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixtures_are_read_and_what_is_not_understood_is_refused() {
        let text = "people:\n  - id: 1\n    name: Ada\n    zip: 01234\n    tags: [a, 'null']\n    at: 2024-01-01\n    gone: ~\n    ok: true\n";
        let expected = serde_json::json!({"people": [{
            "id": 1, "name": "Ada", "zip": "01234", "tags": ["a", "null"], "at": "2024-01-01", "gone": null, "ok": true,
        }]});
        assert_eq!(parse(text), Ok(expected));
        for wrong in
            ["a: &x 1\nb: *x\n", "a: 1\na: 2\n", "a: [1\n", "--- 1\n--- 2\n", "a: !t 1\n", ""]
        {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
