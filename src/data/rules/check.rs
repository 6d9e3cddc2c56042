//! What is wrong between rules and tables: columns without a rule, masks that would break a key. Nothing
//! is pulled while anything is.

use super::write::{Written, write, written_spec};
use super::{ColumnRule, Rules};
use crate::base::{Exit, Problem};
use crate::data::catalog::{Catalog, Column, Table};
use crate::data::mask::{Certainty, Kind};

/// One finding, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wrong {
    /// `devenv.data.toml:12`.
    pub(crate) place: String,
    pub(crate) message: String,
    /// The column that has no rule.
    pub(crate) missing: Option<(String, String)>,
}

/// Everything that stands against pulling `catalog` by `rules`.
pub(crate) fn check(rules: &Rules, catalog: &Catalog) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    for table in &catalog.tables {
        let label = table.label();
        let Some(of_table) = rules.tables.get(&label) else {
            for column in table.pulled() {
                let at = rules.text.lines().count().max(1);
                wrong.push(missing(rules, at, &label, &column.name));
            }
            continue;
        };
        if of_table.skip {
            continue;
        }
        for column in table.pulled() {
            match of_table.columns.get(&column.name) {
                None => wrong.push(missing(rules, of_table.line, &label, &column.name)),
                Some(rule) => {
                    let mut say = |message: String| {
                        let place = format!("{}:{}", rules.file, rule.line);
                        wrong.push(Wrong { place, message, missing: None });
                    };
                    against_key(table, column, rule, &mut say);
                    against_root(rules, catalog, table, column, rule, &mut say);
                }
            }
        }
        let known = |name: &str| table.columns.iter().any(|c| c.name == name);
        for (name, rule) in of_table.columns.iter().filter(|(name, _)| !known(name)) {
            let place = format!("{}:{}", rules.file, rule.line);
            let message = format!("{label} has no column `{name}`");
            wrong.push(Wrong { place, message, missing: None });
        }
        if let Some(subject) = of_table.subject.as_deref().filter(|s| !known(s)) {
            let place = format!("{}:{}", rules.file, of_table.line);
            let message = format!("the subject of {label}, `{subject}`, is no column of it");
            wrong.push(Wrong { place, message, missing: None });
        }
    }
    wrong
}

fn missing(rules: &Rules, line: usize, table: &str, column: &str) -> Wrong {
    Wrong {
        place: format!("{}:{line}", rules.file),
        message: format!("{table}.{column} has no rule"),
        missing: Some((table.to_owned(), column.to_owned())),
    }
}

fn against_key(table: &Table, column: &Column, rule: &ColumnRule, say: &mut impl FnMut(String)) {
    let (label, name) = (table.label(), &column.name);
    let kind = rule.spec.kind;
    if rule.spec.certainty() == Certainty::Lossy && table.is_key(name) {
        say(format!(
            "{label}.{name} is part of a unique key, and `{}` is lossy: two rows could become the same; use a mask that is preserved, such as `text`",
            kind.name()
        ));
    }
    if kind == Kind::Null && (column.not_null || table.primary.contains(name)) {
        say(format!("{label}.{name} is not null, which the rule `null` would break"));
    }
    if matches!(kind, Kind::Json | Kind::Hstore | Kind::Xml | Kind::Array) {
        let fits = match kind {
            Kind::Array => column.kind.array,
            _ => !column.kind.array,
        };
        if !fits {
            say(format!(
                "{label}.{name} is {}, which `{}` does not fit",
                column.written,
                kind.name()
            ));
        }
    }
}

/// A foreign key's column must go the way of the column that it refers to.
fn against_root(
    rules: &Rules,
    catalog: &Catalog,
    table: &Table,
    column: &Column,
    rule: &ColumnRule,
    say: &mut impl FnMut(String),
) {
    let Some((to, key)) = catalog.root(&table.label(), &column.name) else { return };
    let root = rules.tables.get(&to).and_then(|t| t.columns.get(&key));
    if let Some(root) = root.filter(|root| !root.spec.agrees(&rule.spec)) {
        say(format!(
            "{}.{} refers to {to}.{key}, whose rule is {} ({}:{}), and has another one: {}",
            table.label(),
            column.name,
            written_spec(&root.spec),
            rules.file,
            root.line,
            written_spec(&rule.spec),
        ));
    }
}

/// The problem of all findings, with what to paste where rules are missing; `proposed` knows a safe
/// rule of every column.
pub(crate) fn patch(
    rules: &Rules,
    wrong: &[Wrong],
    proposed: &[(String, Vec<Written>)],
) -> Problem {
    const SHOWN_MAX: usize = 50;
    let mut lines: Vec<String> =
        wrong.iter().take(SHOWN_MAX).map(|w| format!("{}: {}", w.place, w.message)).collect();
    if wrong.len() > SHOWN_MAX {
        lines.push(format!("and {} more", wrong.len() - SHOWN_MAX));
    }
    let mut paste = String::new();
    for (table, columns) in proposed {
        let is_missing = |c: &&Written| {
            let wanted = Some((table.clone(), c.column.clone()));
            wrong.iter().any(|w| w.missing == wanted)
        };
        let lacking: Vec<&Written> = columns.iter().filter(is_missing).collect();
        if lacking.is_empty() {
            continue;
        }
        let copies: Vec<Written> = lacking
            .into_iter()
            .map(|w| Written {
                column: w.column.clone(),
                spec: w.spec.clone(),
                because: w.because.clone(),
            })
            .collect();
        let mut section = String::new();
        write(table, None, &copies, &mut section);
        // A table that is there already gets lines, and no second heading.
        match rules.tables.get(table) {
            Some(_) => {
                let body = section.trim_start().split_once('\n').map_or("", |(_, body)| body);
                paste.push_str(&format!("\n# into [tables.\"{table}\"]\n{body}"));
            }
            None => paste.push_str(&section),
        }
    }
    let problem = Problem::new(Exit::Usage, "data-rules", lines.join("\n"));
    match paste.is_empty() {
        true => problem.hint(format!("edit {}; nothing was pulled", rules.file)),
        false => problem.hint(format!(
            "nothing was pulled; paste into {} and look it over:\n{paste}",
            rules.file
        )),
    }
}
