//! `.env` and `env_file` texts: `NAME=value` lines with quotes, comments and variables.
//! Source: Docker's documentation of env files; the parser that Compose uses reads the same forms.

use super::interpolate::{Variables, expand};

/// A name, and its value where it has one.
pub(super) type Pair = (String, Option<String>);

/// Reads `text` over `known`; a line that is none is told with its number. A name without `=` has no
/// value: `None`, for the surroundings to give.
pub(super) fn parse(text: &str, known: &Variables) -> Result<Vec<Pair>, (usize, String)> {
    let mut all: Vec<Pair> = Vec::new();
    let mut seen = known.clone();
    let lines: Vec<&str> = text.lines().collect();
    let mut at = 0;
    while at < lines.len() {
        let first = at + 1;
        let line = lines[at].trim_start_matches('\u{feff}').trim();
        at += 1;
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
        let Some((name, value)) = line.split_once('=') else {
            all.push((checked(line, first)?, None));
            continue;
        };
        let name = checked(name.trim(), first)?;
        let value = value.trim();
        let value = match value.chars().next() {
            Some(quote @ ('\'' | '"')) => {
                let inner = quoted(&value[1..], quote, &lines, &mut at)
                    .ok_or_else(|| (first, format!("`{name}`'s quote is not closed")))?;
                if quote == '\'' { inner } else { filled(&escapes(&inner), &seen, first)? }
            }
            _ => {
                let comment = value.find(" #").or_else(|| value.starts_with('#').then_some(0));
                let bare = comment.map_or(value, |end| value[..end].trim_end());
                filled(bare, &seen, first)?
            }
        };
        if !known.contains_key(&name) {
            seen.insert(name.clone(), value.clone());
        }
        all.push((name, Some(value)));
    }
    Ok(all)
}

fn checked(name: &str, line: usize) -> Result<String, (usize, String)> {
    let sound = !name.is_empty() && !name.contains(char::is_whitespace);
    sound.then(|| name.to_owned()).ok_or_else(|| (line, format!("`{name}` is no variable's name")))
}

fn filled(value: &str, known: &Variables, line: usize) -> Result<String, (usize, String)> {
    expand(value, known, &mut Vec::new(), 0).map_err(|why| (line, why))
}

/// The text up to the closing quote, over further lines if need be.
fn quoted(first: &str, quote: char, lines: &[&str], at: &mut usize) -> Option<String> {
    let mut out = String::new();
    let mut rest = first;
    loop {
        let mut escaped = false;
        for c in rest.chars() {
            if c == quote && !escaped {
                return Some(out);
            }
            escaped = c == '\\' && !escaped && quote == '"';
            out.push(c);
        }
        out.push('\n');
        rest = lines.get(*at)?;
        *at += 1;
    }
}

fn escapes(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, c == '\\') {
            (_, true) => match chars.next() {
                Some('n') => out.push('\n'),
                Some('r') => out.push('\r'),
                Some('t') => out.push('\t'),
                Some('$') => out.push_str("$$"),
                Some(other) => out.push(other),
                None => out.push('\\'),
            },
            (c, false) => out.push(c),
        }
    }
    out
}
