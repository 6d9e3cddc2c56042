//! JSON values as YAML for people: block style, keys in their order, long texts as literal blocks.
//!
//! Invariant: whatever is written reads back as the same value in YAML 1.1 and 1.2. A string stands
//! plain only where no reader could take it for anything else; else it is JSON's string, which is YAML's.

use serde_json::Value;

/// Words that some reader takes for no string.
const WORDS: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];

/// The document's text.
pub fn to_yaml(value: &Value) -> String {
    let mut text = String::new();
    block(value, 0, &mut text);
    text
}

/// A value that begins on a line of its own, at this depth.
fn block(value: &Value, depth: usize, out: &mut String) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                indent(depth, out);
                out.push_str(&scalar(key));
                out.push(':');
                nested(value, depth + 1, out);
            }
        }
        Value::Array(list) if !list.is_empty() => {
            for value in list {
                indent(depth, out);
                out.push('-');
                // A mapping's first key stands behind the dash.
                if matches!(value, Value::Object(map) if !map.is_empty()) {
                    let mut inner = String::new();
                    block(value, depth + 1, &mut inner);
                    out.push(' ');
                    out.push_str(inner.trim_start());
                } else {
                    nested(value, depth + 1, out);
                }
            }
        }
        other => {
            indent(depth, out);
            out.push_str(&inline(other));
            out.push('\n');
        }
    }
}

/// A value behind `key:` or `-`.
fn nested(value: &Value, depth: usize, out: &mut String) {
    let is_block = match value {
        Value::Object(map) => !map.is_empty(),
        Value::Array(list) => !list.is_empty(),
        _ => false,
    };
    if is_block {
        out.push('\n');
        return block(value, depth, out);
    }
    if let Some(text) = value.as_str().filter(|text| is_literal(text)) {
        out.push_str(if text.ends_with('\n') { " |\n" } else { " |-\n" });
        for line in text.lines() {
            if !line.is_empty() {
                indent(depth, out);
                out.push_str(line);
            }
            out.push('\n');
        }
        return;
    }
    out.push(' ');
    out.push_str(&inline(value));
    out.push('\n');
}

fn inline(value: &Value) -> String {
    match value {
        Value::String(text) => scalar(text),
        other => other.to_string(),
    }
}

fn scalar(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_./-".contains(c))
        && !WORDS.contains(&text.to_ascii_lowercase().as_str());
    if plain {
        return text.to_owned();
    }
    let json = Value::String(text.to_owned()).to_string();
    json.chars()
        .map(|c| if is_printable(c) { c.to_string() } else { format!("\\U{:08x}", u32::from(c)) })
        .collect()
}

/// Several lines that come back as they are from a literal block.
fn is_literal(text: &str) -> bool {
    let lines = text.strip_suffix('\n').unwrap_or(text);
    text.contains('\n')
        && !lines.starts_with([' ', '\n'])
        && !lines.ends_with(['\n', ' '])
        && !lines.is_empty()
        && text.chars().all(|c| c == '\n' || is_printable(c))
}

/// What YAML allows to stand unescaped, the rarer of it aside.
fn is_printable(c: char) -> bool {
    matches!(c, ' '..='~' | '\u{a0}'..='\u{2027}' | '\u{2030}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}')
}

fn indent(depth: usize, out: &mut String) {
    (0..depth).for_each(|_| out.push_str("  "));
}
