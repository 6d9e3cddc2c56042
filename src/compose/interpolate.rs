//! Variables in the texts of a Compose file.
//!
//! `$X`, `${X}`, `${X:-default}`, `${X-default}`, `${X:?error}`, `${X?error}`, `${X:+other}`, `${X+other}`,
//! nested to any depth of sense, and `$$` for a dollar. Source: Compose Specification, interpolation.

use super::node::{Findings, Node, Value};
use std::collections::BTreeMap;

/// Braces within braces.
const NESTED_MAX: usize = 32;

/// The variables that texts may name.
pub(super) type Variables = BTreeMap<String, String>;

/// Replaces the variables in every value below `node`; keys stay.
pub(super) fn interpolate(node: &mut Node, variables: &Variables, findings: &mut Findings) {
    let at = node.at;
    match &mut node.value {
        Value::Scalar(text, plain) if text.contains('$') => {
            let mut unset = Vec::new();
            match expand(text, variables, &mut unset, 0) {
                Ok(expanded) => {
                    // `""` out of an unset variable is an empty text, not nothing.
                    *plain = *plain && !expanded.is_empty();
                    *text = expanded;
                }
                Err(why) => findings.mistake(at, why),
            }
            for name in unset {
                findings
                    .note(at, format!("the variable `{name}` is not set; it is taken as empty"));
            }
        }
        Value::Scalar(..) => {}
        Value::List(items) => {
            items.iter_mut().for_each(|item| interpolate(item, variables, findings));
        }
        Value::Map(entries) => {
            entries.iter_mut().for_each(|(_, node)| interpolate(node, variables, findings));
        }
    }
}

/// `text` with its variables replaced; names that have no value go to `unset`.
pub(super) fn expand(
    text: &str,
    variables: &Variables,
    unset: &mut Vec<String>,
    depth: usize,
) -> Result<String, String> {
    if depth > NESTED_MAX {
        return Err(format!("variables are nested deeper than {NESTED_MAX}"));
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some(after) = rest.strip_prefix('{') {
            let end = closing(after).ok_or_else(|| invalid(text))?;
            out.push_str(&braced(&after[..end], text, variables, unset, depth)?);
            rest = &after[end + 1..];
        } else {
            let name = name_of(rest);
            if name.is_empty() {
                return Err(invalid(text));
            }
            out.push_str(&value(name, variables, unset));
            rest = &rest[name.len()..];
        }
    }
    out.push_str(rest);
    Ok(out)
}

fn braced(
    inner: &str,
    text: &str,
    variables: &Variables,
    unset: &mut Vec<String>,
    depth: usize,
) -> Result<String, String> {
    let name = name_of(inner);
    let operator = &inner[name.len()..];
    if name.is_empty() {
        return Err(invalid(text));
    }
    let set = variables.get(name);
    let filled = set.filter(|value| !value.is_empty());
    let mut more = |other: &str| expand(other, variables, unset, depth + 1);
    let missing = |message: String| match message.is_empty() {
        true => format!("the variable `{name}` is required"),
        false => format!("the variable `{name}` is required: {message}"),
    };
    if operator.is_empty() {
        return Ok(value(name, variables, unset));
    }
    let (strict, operator) = match operator.strip_prefix(':') {
        Some(operator) => (true, operator),
        None => (false, operator),
    };
    let there = if strict { filled } else { set };
    let mut rest = operator.chars();
    match (rest.next(), there) {
        (Some('-' | '?'), Some(value)) => Ok(value.clone()),
        (Some('-'), None) => more(rest.as_str()),
        (Some('?'), None) => Err(missing(more(rest.as_str())?)),
        (Some('+'), Some(_)) => more(rest.as_str()),
        (Some('+'), None) => Ok(String::new()),
        _ => Err(invalid(text)),
    }
}

fn value(name: &str, variables: &Variables, unset: &mut Vec<String>) -> String {
    variables.get(name).cloned().unwrap_or_else(|| {
        unset.push(name.to_owned());
        String::new()
    })
}

/// The variable's name that `text` begins with.
fn name_of(text: &str) -> &str {
    let digit_first = text.starts_with(|c: char| c.is_ascii_digit());
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(text.len());
    if digit_first { "" } else { &text[..end] }
}

/// Where the brace that was opened before `text` is closed.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut before = '\0';
    for (at, c) in text.char_indices() {
        match c {
            '{' if before == '$' => depth += 1,
            '}' if depth == 0 => return Some(at),
            '}' => depth -= 1,
            _ => {}
        }
        before = c;
    }
    None
}

fn invalid(text: &str) -> String {
    format!("`{text}` is no valid use of variables; a dollar itself is written `$$`")
}
