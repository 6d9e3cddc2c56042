//! devenv.data.toml as it is written: tables and columns in the source's order, each rule with its
//! evidence behind it.

use crate::data::mask::Spec;
use std::fmt::Write;

/// One column's line.
pub(crate) struct Written {
    pub(crate) column: String,
    pub(crate) spec: Spec,
    /// Why this rule.
    pub(crate) because: String,
}

/// A key as TOML wants it.
fn key(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    match !name.is_empty() && name.chars().all(bare) {
        true => name.to_owned(),
        false => quoted(name),
    }
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string().replace('\n', "\\n")
}

/// A rule as it is written: `"email"`, or a table.
pub(crate) fn written_spec(spec: &Spec) -> String {
    let mut members = Vec::new();
    let mut member = |name: &str, value: Option<String>| {
        members.extend(value.map(|value| format!("{name} = {value}")));
    };
    member("value", spec.value.as_deref().map(quoted));
    member("domain", spec.domain.as_deref().map(quoted));
    member("max", spec.max.map(|n| n.to_string()));
    member("days", spec.days.map(|n| n.to_string()));
    member("percent", spec.percent.map(|n| n.to_string()));
    member("degrees", spec.degrees.map(|n| n.to_string()));
    member("least", spec.bounds.0.map(|n| n.to_string()));
    member("most", spec.bounds.1.map(|n| n.to_string()));
    let words: Vec<String> = spec.run.iter().map(|word| quoted(word)).collect();
    member("run", (!words.is_empty()).then(|| format!("[{}]", words.join(", "))));
    member("seconds", spec.seconds.map(|n| n.to_string()));
    member("from", spec.from.as_deref().map(quoted));
    member("of", spec.of.as_deref().map(written_spec));
    if !spec.paths.is_empty() {
        let paths =
            spec.paths.iter().map(|(path, s)| format!("{} = {}", quoted(path), written_spec(s)));
        member("paths", Some(format!("{{ {} }}", paths.collect::<Vec<_>>().join(", "))));
    }
    member("rest", spec.rest.as_deref().map(written_spec));
    match members.is_empty() {
        true => quoted(spec.kind.name()),
        false => format!("{{ mask = {}, {} }}", quoted(spec.kind.name()), members.join(", ")),
    }
}

/// A table's section.
pub(crate) fn write(table: &str, subject: Option<&str>, columns: &[Written], out: &mut String) {
    let _ = writeln!(out, "\n[tables.{}]", quoted(table));
    if let Some(subject) = subject {
        let _ =
            writeln!(out, "subject = {}  # dates of one subject move together", quoted(subject));
    }
    for column in columns {
        let name = key(&column.column);
        let _ = write!(out, "columns.{name} = {}", written_spec(&column.spec));
        let _ = match column.because.is_empty() {
            true => writeln!(out),
            false => writeln!(out, "  # {}", column.because.replace('\n', " ")),
        };
    }
}
