//! devenv.data.toml as it is read: all mistakes at once, each with file and line.

use super::{ColumnRule, Rules, TableRules};
use crate::base::{Exit, Problem};
use crate::data::mask::{Kind, Locale, Spec};
use crate::profile::nearest;
use std::collections::BTreeMap;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The only version of the file there is.
const VERSION: &str = "1";

pub(super) struct Reader<'a> {
    file: &'a str,
    /// Where its lines end: a file has as many rules as lines.
    ends: Vec<usize>,
    mistakes: Vec<String>,
}

/// The rules in `text`.
pub(crate) fn read(file: &str, text: &str) -> Result<Rules, Problem> {
    let (document, errors) = DeTable::parse_recoverable(text);
    let ends = memchr::memchr_iter(b'\n', text.as_bytes()).collect();
    let mut reader = Reader { file, ends, mistakes: Vec::new() };
    for error in &errors {
        let at = error.span().map_or(0, |s| s.start);
        reader.mistake(at, format!("not TOML: {}", error.message()));
    }
    let mut rules = Rules {
        file: file.into(),
        locale: Locale::En,
        tables: BTreeMap::new(),
        files: Vec::new(),
        subset: None,
        text: text.into(),
    };
    for (key, value) in document.get_ref() {
        let at = key.span().start;
        match (key.get_ref().as_ref(), value.get_ref()) {
            ("version", DeValue::Integer(i)) if i.as_str() == VERSION => {}
            ("version", _) => reader.mistake(at, format!("`version` is not {VERSION}")),
            ("locale", DeValue::String(name)) => match Locale::named(name) {
                Some(locale) => rules.locale = locale,
                None => reader.mistake(at, "`locale` is none of `en`, `de`, `fr`, `es`"),
            },
            ("tables", DeValue::Table(tables)) => {
                rules.tables = reader.tables(tables);
            }
            ("files", DeValue::Table(sections)) => rules.files = reader.files(sections),
            ("subset", DeValue::Table(section)) => {
                rules.subset = Some(reader.subset(at, section));
            }
            (other, _) => {
                let known = ["version", "locale", "tables", "files", "subset"];
                reader.mistake(
                    at,
                    format!("`{other}` is no key of this file{}", hint(other, &known)),
                );
            }
        }
    }
    match reader.mistakes.is_empty() {
        true => Ok(rules),
        false => Err(Problem::new(Exit::Usage, "data-rules", reader.mistakes.join("\n"))),
    }
}

fn hint(word: &str, known: &[&str]) -> String {
    nearest(word, known.iter().copied())
        .map(|n| format!("; did you mean `{n}`?"))
        .unwrap_or_default()
}

impl Reader<'_> {
    pub(super) fn line(&self, at: usize) -> usize {
        self.ends.partition_point(|end| *end < at) + 1
    }

    pub(super) fn mistake(&mut self, at: usize, message: impl AsRef<str>) {
        let line = self.line(at);
        self.mistakes.push(format!("{}:{line}: {}", self.file, message.as_ref()));
    }

    fn tables(&mut self, tables: &DeTable<'_>) -> BTreeMap<String, TableRules> {
        let mut all = BTreeMap::new();
        for (name, value) in tables {
            let at = name.span().start;
            match value.get_ref() {
                DeValue::Table(table) => {
                    let line = self.line(at);
                    all.insert(name.get_ref().to_string(), self.table(line, table));
                }
                _ => self.mistake(at, format!("`{}` is no table of rules", name.get_ref())),
            }
        }
        all
    }

    fn table(&mut self, line: usize, table: &DeTable<'_>) -> TableRules {
        let mut rules = TableRules { line, ..TableRules::default() };
        for (key, value) in table {
            let at = key.span().start;
            match (key.get_ref().as_ref(), value.get_ref()) {
                ("subject", DeValue::String(column)) => rules.subject = Some(column.to_string()),
                ("skip", DeValue::Boolean(skip)) => rules.skip = *skip,
                ("rows", DeValue::Integer(i)) if i.as_str().parse::<u64>().is_ok() => {
                    rules.rows = i.as_str().parse().ok();
                }
                ("columns", DeValue::Table(columns)) => {
                    for (name, value) in columns {
                        let line = self.line(name.span().start);
                        if let Some(spec) = self.spec(value) {
                            let rule = ColumnRule { line, spec };
                            rules.columns.insert(name.get_ref().to_string(), rule);
                        }
                    }
                }
                (other, _) => {
                    let known = ["subject", "skip", "rows", "columns"];
                    let message = format!("`{other}` is no key of a table{}", hint(other, &known));
                    self.mistake(at, message);
                }
            }
        }
        rules
    }

    fn kind(&mut self, at: usize, name: &str) -> Option<Kind> {
        let kind = Kind::named(name);
        if kind.is_none() {
            let known: Vec<&str> = Kind::ALL.iter().map(|k| k.name()).collect();
            self.mistake(at, format!("`{name}` is no mask{}", hint(name, &known)));
        }
        kind
    }

    pub(super) fn spec(&mut self, value: &Spanned<DeValue<'_>>) -> Option<Spec> {
        let at = value.span().start;
        let table = match value.get_ref() {
            DeValue::String(name) => return self.kind(at, name).map(Spec::of),
            DeValue::Table(table) => table,
            _ => {
                self.mistake(at, "a rule is a mask's name, or a table with `mask`");
                return None;
            }
        };
        let name = match table.get("mask").map(Spanned::get_ref) {
            Some(DeValue::String(name)) => name.clone(),
            _ => {
                self.mistake(at, "this rule has no `mask`");
                return None;
            }
        };
        let mut spec = Spec::of(self.kind(at, &name)?);
        for (key, value) in table {
            self.member(&mut spec, key.get_ref(), value);
        }
        let missing = match spec.kind {
            Kind::Constant | Kind::Pattern | Kind::Sql if spec.value.is_none() => Some("value"),
            Kind::Array if spec.of.is_none() => Some("of"),
            Kind::Command if spec.run.is_empty() => Some("run"),
            _ => None,
        };
        if let Some(missing) = missing {
            self.mistake(at, format!("`{}` needs `{missing}`", spec.kind.name()));
        }
        Some(spec)
    }

    fn member(&mut self, spec: &mut Spec, key: &str, value: &Spanned<DeValue<'_>>) {
        let at = value.span().start;
        let number = match value.get_ref() {
            DeValue::Integer(i) => {
                i64::from_str_radix(i.as_str(), i.radix()).ok().map(|n| n as f64)
            }
            DeValue::Float(f) => f.as_str().parse().ok(),
            _ => None,
        };
        let whole = number.filter(|n| *n >= 1.0 && n.fract() == 0.0 && *n < 1e9);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above")]
        match (key, value.get_ref()) {
            ("mask", _) => {}
            ("value", DeValue::String(text)) => spec.value = Some(text.to_string()),
            ("value", _) if number.is_some() => spec.value = number.map(|n| n.to_string()),
            ("domain", DeValue::String(text)) => spec.domain = Some(text.to_string()),
            ("locale", DeValue::String(name)) if Locale::named(name).is_some() => {
                spec.locale = Locale::named(name);
            }
            ("run", DeValue::Array(words)) if spec.kind == Kind::Command => {
                spec.run =
                    words.iter().filter_map(|w| w.get_ref().as_str()).map(str::to_owned).collect();
                if spec.run.len() != words.len() {
                    self.mistake(at, "`run` is a program and its arguments, all of them texts");
                }
            }
            ("seconds", _) if whole.is_some() => spec.seconds = whole.map(|n| n as u32),
            ("from", DeValue::String(column)) if spec.kind == Kind::Command => {
                spec.from = Some(column.to_string());
            }
            ("max", _) if whole.is_some() => spec.max = whole.map(|n| n as usize),
            ("days", _) if whole.is_some() => spec.days = whole.map(|n| n as u32),
            ("percent", _) if number.is_some() => spec.percent = number,
            ("degrees", _) if number.is_some() => spec.degrees = number,
            ("least", _) if number.is_some() => spec.bounds.0 = number,
            ("most", _) if number.is_some() => spec.bounds.1 = number,
            ("rest", _) => spec.rest = self.spec(value).map(Box::new),
            ("of", _) => spec.of = self.spec(value).map(Box::new),
            ("paths", DeValue::Table(paths)) => {
                for (path, value) in paths {
                    if let Some(inner) = self.spec(value) {
                        spec.paths.insert(path.get_ref().to_string(), inner);
                    }
                }
            }
            _ => {
                let known = [
                    "mask", "value", "domain", "locale", "max", "days", "percent", "degrees",
                    "least", "most", "rest", "of", "paths", "run", "seconds", "from",
                ];
                let message = format!("`{key}` does not fit into a rule{}", hint(key, &known));
                self.mistake(at, message);
            }
        }
    }
}
