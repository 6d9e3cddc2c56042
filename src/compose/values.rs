//! Readers of single values: text, numbers, durations, sizes, lists, mappings. Each tells what it
//! wanted where it did not get it.

use super::merge::pairs;
use super::node::{Findings, Node};
use std::collections::BTreeMap;

impl Findings {
    fn wrong(&mut self, node: &Node, what: &str, wanted: &str) {
        let found = match node.scalar() {
            Some(text) => format!("`{text}`"),
            None => node.kind().to_owned(),
        };
        self.mistake(node.at, format!("`{what}` takes {wanted}, not {found}"));
    }

    pub(super) fn text(&mut self, node: &Node, what: &str) -> Option<String> {
        if node.is_null() {
            return None;
        }
        let text = node.scalar().map(str::to_owned);
        if text.is_none() {
            self.wrong(node, what, "a text");
        }
        text
    }

    pub(super) fn flag(&mut self, node: &Node, what: &str) -> Option<bool> {
        match node.scalar().map(str::to_ascii_lowercase).as_deref() {
            Some("true" | "yes" | "on" | "y" | "1") => Some(true),
            Some("false" | "no" | "off" | "n" | "0") => Some(false),
            _ if node.is_null() => None,
            _ => {
                self.wrong(node, what, "true or false");
                None
            }
        }
    }

    pub(super) fn number<T: std::str::FromStr>(&mut self, node: &Node, what: &str) -> Option<T> {
        if node.is_null() {
            return None;
        }
        let number = node.scalar().and_then(|text| text.trim().parse().ok());
        if number.is_none() {
            self.wrong(node, what, "a number");
        }
        number
    }

    /// Bytes: `64m`, `1.5gb`, `1024`.
    pub(super) fn bytes(&mut self, node: &Node, what: &str) -> Option<i64> {
        if node.is_null() {
            return None;
        }
        let bytes = node.scalar().and_then(bytes);
        if bytes.is_none() {
            self.wrong(node, what, "a size such as 64m");
        }
        bytes
    }

    /// Milliseconds: `1m30s`, `500ms`.
    pub(super) fn duration(&mut self, node: &Node, what: &str) -> Option<u64> {
        if node.is_null() {
            return None;
        }
        let duration = node.scalar().and_then(duration_ms);
        if duration.is_none() {
            self.wrong(node, what, "a duration such as 1m30s");
        }
        duration
    }

    /// A text or a list of texts.
    pub(super) fn texts(&mut self, node: &Node, what: &str) -> Vec<String> {
        if node.is_null() {
            return vec![];
        }
        match (node.scalar(), node.list()) {
            (Some(text), _) => vec![text.to_owned()],
            (_, Some(items)) => items.iter().filter_map(|item| self.text(item, what)).collect(),
            _ => {
                self.wrong(node, what, "a text or a list of texts");
                vec![]
            }
        }
    }

    /// A command: a list, or a text that is split as a shell would.
    pub(super) fn words(&mut self, node: &Node, what: &str) -> Option<Vec<String>> {
        if node.is_null() {
            return None;
        }
        if let Some(text) = node.scalar() {
            let words = split(text);
            if words.is_none() {
                self.mistake(node.at, format!("a quote in `{what}` is not closed"));
            }
            return words;
        }
        Some(self.texts(node, what))
    }

    /// A mapping, or a list of `name=value`; a name without a value has none.
    pub(super) fn table(
        &mut self,
        node: &Node,
        what: &str,
        separator: char,
    ) -> Vec<(String, Option<String>, Node)> {
        if node.is_null() {
            return vec![];
        }
        let node = pairs(node.clone(), separator);
        let Some(entries) = node.map() else {
            self.wrong(&node, what, "a mapping or a list");
            return vec![];
        };
        let mut all = Vec::new();
        for (key, value) in entries {
            all.push((key.name.clone(), self.text(value, &key.name), value.clone()));
        }
        all
    }

    /// A mapping of texts; what has no value has an empty one.
    pub(super) fn labels(&mut self, node: &Node, what: &str) -> BTreeMap<String, String> {
        let table = self.table(node, what, '=');
        table.into_iter().map(|(name, value, _)| (name, value.unwrap_or_default())).collect()
    }

    /// The entries of a mapping.
    pub(super) fn entries<'n>(
        &mut self,
        node: &'n Node,
        what: &str,
    ) -> &'n [(super::node::Key, Node)] {
        match node.map() {
            Some(entries) => entries,
            None if node.is_null() => &[],
            None => {
                self.wrong(node, what, "a mapping");
                &[]
            }
        }
    }

    /// The items of a list.
    pub(super) fn items<'n>(&mut self, node: &'n Node, what: &str) -> &'n [Node] {
        match node.list() {
            Some(items) => items,
            None if node.is_null() => &[],
            None => {
                self.wrong(node, what, "a list");
                &[]
            }
        }
    }
}

/// Bytes of a size: a number with `b`, `k`, `kb`, `m`, `mb`, `g`, `gb`, also `KiB` and the like.
pub(super) fn bytes(text: &str) -> Option<i64> {
    let text = text.trim().to_ascii_lowercase();
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '-'));
    let (number, unit) = text.split_at(end.unwrap_or(text.len()));
    let factor: f64 = match unit.trim() {
        "" | "b" => 1.0,
        "k" | "kb" | "kib" => 1024.0,
        "m" | "mb" | "mib" => 1024.0 * 1024.0,
        "g" | "gb" | "gib" => 1024.0 * 1024.0 * 1024.0,
        "t" | "tb" | "tib" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        _ => return None,
    };
    let bytes = number.parse::<f64>().ok()? * factor;
    #[expect(clippy::cast_possible_truncation, reason = "a cast of a float stays in range")]
    bytes.is_finite().then_some(bytes as i64)
}

/// Milliseconds of `1h2m3.5s`, `100ms`, `20us`.
pub(super) fn duration_ms(text: &str) -> Option<u64> {
    let mut rest = text.trim();
    let mut total = 0.0_f64;
    if rest.is_empty() {
        return None;
    }
    if rest == "0" {
        return Some(0);
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
        let (number, tail) = rest.split_at(end);
        let unit_end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        let factor = match unit {
            "h" => 3_600_000.0,
            "m" => 60_000.0,
            "s" => 1_000.0,
            "ms" => 1.0,
            "us" | "µs" => 0.001,
            "ns" => 0.000_001,
            _ => return None,
        };
        total += number.parse::<f64>().ok()? * factor;
        rest = tail;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "never negative")]
    total.is_finite().then_some(total as u64)
}

/// Words as a POSIX shell splits them, without variables; `None` where a quote is open. A `#` is no
/// comment, as it is none to Compose (the crate `shlex` cuts there).
pub(super) fn split(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            c if c.is_whitespace() => words.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next()? {
                        '\'' => break,
                        c => word.push(c),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next()? {
                        '"' => break,
                        '\\' => match chars.next()? {
                            c @ ('"' | '\\' | '$' | '`') => word.push(c),
                            '\n' => {}
                            c => word.extend(['\\', c]),
                        },
                        c => word.push(c),
                    }
                }
            }
            '\\' => match chars.next()? {
                '\n' => {}
                c => word.get_or_insert_default().push(c),
            },
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Some(words)
}
