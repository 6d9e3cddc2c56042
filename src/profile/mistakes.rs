//! Everything that is wrong with a profile, said at once: one `file:line:column: message` a mistake.
//! A mistake never quotes a secret: lines that may hold one are shown up to their `=`.

use crate::base::{Exit, Problem};
use crate::profile::limits::MISTAKES_MAX;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt::{self, Write as _};

/// Characters of a source line that are shown.
const EXCERPT_MAX: usize = 160;
/// Words in a line that make its value one not to be shown.
const SENSITIVE: [&str; 5] = ["password", "secret", "token", "material", "value"];

/// One mistake in one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mistake {
    /// The file as the user named it.
    pub file: String,
    /// Line, from 1; 0 when the mistake is the file itself (it cannot be read).
    pub line: usize,
    /// Column in characters, from 1; 0 like `line`.
    pub column: usize,
    /// What is wrong, and what was probably meant.
    pub message: String,
    /// The source line with its caret line, when it may be shown.
    #[serde(skip)]
    excerpt: Option<(String, String)>,
    /// A syntax error: what else is said about its line only follows from it.
    #[serde(skip)]
    syntax: bool,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file, self.message),
            line => write!(f, "{}:{line}:{}: {}", self.file, self.column, self.message),
        }
    }
}

impl Mistake {
    /// A mistake that concerns a whole file.
    pub(crate) fn of_file(file: impl Into<String>, message: impl AsRef<str>) -> Self {
        let message = printable(message.as_ref());
        Mistake { file: file.into(), line: 0, column: 0, message, excerpt: None, syntax: false }
    }

    /// A mistake at the bytes `start..end` of `text`.
    pub(crate) fn at(file: &str, text: &str, start: usize, end: usize, message: &str) -> Self {
        let start = floor(text, start);
        let line_start = text[..start].rfind('\n').map_or(0, |i| i + 1);
        let line_text = text[line_start..].split('\n').next().unwrap_or_default();
        let column = text[line_start..start].chars().count() + 1;
        let width = floor(text, end.max(start)).saturating_sub(start);
        let shown = if sensitive(text, line_start, line_text) {
            masked(line_text)
        } else {
            line_text.to_owned()
        };
        Mistake {
            file: file.to_owned(),
            line: text[..line_start].matches('\n').count() + 1,
            column,
            message: printable(message),
            excerpt: excerpt(&shown, column, width),
            syntax: false,
        }
    }

    /// Marked as a syntax error.
    pub(crate) fn syntax(mut self) -> Self {
        self.syntax = true;
        self
    }

    /// The source line, once known, with a caret below the place; empty for a whole file.
    fn source(&self) -> String {
        let Some((line, caret)) = &self.excerpt else {
            return String::new();
        };
        let number = self.line.to_string();
        let gutter = " ".repeat(number.len());
        format!("\n {gutter} |\n {number} | {line}\n {gutter} | {caret}")
    }
}

/// All mistakes of a profile, in the order of files and lines. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistakes {
    list: Vec<Mistake>,
}

impl Mistakes {
    /// `list` sorted; one of two that are alike, and of a line with syntax errors the first of those.
    pub(crate) fn new(files: &[String], mut list: Vec<Mistake>) -> Self {
        let rank = |m: &Mistake| files.iter().position(|f| *f == m.file).unwrap_or(usize::MAX);
        list.sort_by_key(|m| (rank(m), m.line, m.column));
        list.dedup();
        let broken: BTreeSet<(String, usize)> =
            list.iter().filter(|m| m.syntax).map(|m| (m.file.clone(), m.line)).collect();
        let mut told: BTreeSet<(String, usize)> = BTreeSet::new();
        list.retain(|m| {
            let line = (m.file.clone(), m.line);
            !broken.contains(&line) || (m.syntax && told.insert(line))
        });
        Mistakes { list }
    }

    /// The mistakes.
    pub fn iter(&self) -> std::slice::Iter<'_, Mistake> {
        self.list.iter()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Always false: a profile without mistakes is a `Profile`.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// For people: each mistake with its source line and a caret.
    pub fn render(&self) -> String {
        let mut out = String::new();
        for mistake in self.list.iter().take(MISTAKES_MAX) {
            let _ = writeln!(out, "{mistake}{}", mistake.source());
        }
        if self.list.len() > MISTAKES_MAX {
            out.push_str("and more");
        }
        out.truncate(out.trim_end().len());
        out
    }

    /// For machines: `[{"file", "line", "column", "message"}, …]`.
    pub fn to_json(&self) -> Value {
        json!(self.list)
    }
}

impl fmt::Display for Mistakes {
    /// One line a mistake.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, mistake) in self.list.iter().take(MISTAKES_MAX).enumerate() {
            write!(f, "{}{mistake}", if i == 0 { "" } else { "\n" })?;
        }
        if self.list.len() > MISTAKES_MAX { f.write_str("\nand more") } else { Ok(()) }
    }
}

impl std::error::Error for Mistakes {}

impl From<Mistakes> for Problem {
    fn from(mistakes: Mistakes) -> Self {
        let count = match mistakes.len() {
            1 => "1 mistake in the profile".to_owned(),
            n => format!("{n} mistakes in the profile"),
        };
        Problem::new(
            Exit::Usage,
            "profile-mistakes",
            format!("{count}\n\n{}", mistakes.render()),
        )
        .hint(
            "mend what is listed; `devenv profile validate` checks again without starting anything",
        )
    }
}

/// The greatest character boundary of `text` at or before `index`.
fn floor(text: &str, index: usize) -> usize {
    let mut index = index.min(text.len());
    while !text.is_char_boundary(index) {
        index -= 1;
    }
    index
}

/// Text that cannot steer a terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}

/// Whether a line may hold a secret: by its own words, or because it stands below a `[secrets…]` header.
fn sensitive(text: &str, line_start: usize, line: &str) -> bool {
    let lower = line.to_lowercase();
    let below = |header: &str| header.contains("secrets") || header.contains("kms");
    (SENSITIVE.iter().any(|word| lower.contains(word)) && !lower.trim_start().starts_with('['))
        || text[..line_start]
            .lines()
            .rev()
            .find(|l| l.trim_start().starts_with('['))
            .is_some_and(|header| below(header) && !lower.trim_start().starts_with('['))
}

/// A line up to its first `=`; the value is not shown. A line without one is part of a longer value.
fn masked(line: &str) -> String {
    line.find('=').map_or_else(|| "…".to_owned(), |i| format!("{} …", &line[..=i]))
}

/// The shown line and the caret line below it; nothing when the place is too far right to be shown.
fn excerpt(line: &str, column: usize, width: usize) -> Option<(String, String)> {
    let line: String = printable_line(line.trim_end()).chars().take(EXCERPT_MAX).collect();
    let length = line.chars().count();
    if column > length + 1 {
        return (length > 0 && length < EXCERPT_MAX).then(|| (line, "^".to_owned()));
    }
    let pad: String =
        line.chars().take(column - 1).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
    let carets = width.clamp(1, (length + 1 - (column - 1)).max(1));
    Some((line, format!("{pad}{}", "^".repeat(carets))))
}

/// Like `printable`, but tabs stay so that carets line up.
fn printable_line(line: &str) -> String {
    line.chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_points_at_its_characters() {
        let text = "a = 1\n\tbö = 'x'\n";
        let start = text.find("'x'").unwrap();
        let m = Mistake::at("f.toml", text, start, start + 3, "no");
        assert_eq!(m.to_string(), "f.toml:2:7: no");
        assert_eq!(m.source(), "\n   |\n 2 | \tbö = 'x'\n   | \t     ^^^");
    }

    #[test]
    fn lines_that_may_hold_a_secret_are_masked() {
        for text in [
            "[secrets.a]\nvalue = 'hunter2'\n",
            "[secrets.a]\nx = 'hunter2'",
            "[postgres]\npassword = 'hunter2'",
        ] {
            let start = text.find('\n').unwrap() + 1;
            let rendered =
                Mistakes::new(&[], vec![Mistake::at("f", text, start, start + 2, "no")]).render();
            assert!(!rendered.contains("hunter2"), "{rendered}");
        }
    }

    #[test]
    fn nothing_in_a_mistake_steers_the_terminal() {
        let m = Mistake::at("f", "a\u{1b}[31m = 1", 0, 1, "key `\u{1b}`");
        assert!(!format!("{m}{}", m.source()).contains('\u{1b}'));
    }
}
