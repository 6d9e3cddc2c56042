//! `[subset]` of devenv.data.toml: which rows are pulled, and what joins them where the database does not say.

use super::read::Reader;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Rows that refer to one row, of each foreign key, when nothing is said.
const CHILDREN: u64 = 100;

/// Which rows are pulled.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SubsetRules {
    /// Where the section begins in the file.
    pub(crate) line: usize,
    pub(crate) roots: Vec<Root>,
    /// Tables of which all rows are pulled, by `schema.table`.
    pub(crate) whole: Vec<String>,
    /// Rows that refer to a row, of each foreign key, at the most.
    pub(crate) children: u64,
    /// Keys that the database does not know.
    pub(crate) keys: Vec<VirtualKey>,
}

/// Rows to begin with.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Root {
    /// Where it stands in the file.
    pub(crate) line: usize,
    pub(crate) table: String,
    /// A condition in SQL.
    pub(crate) filter: Option<String>,
    pub(crate) percent: Option<f64>,
    /// At the most.
    pub(crate) rows: Option<u64>,
}

/// A key that is kept by the application: `from` refers to `to`, both `schema.table.column`.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct VirtualKey {
    /// Where it stands in the file.
    pub(crate) line: usize,
    pub(crate) from: String,
    pub(crate) to: String,
    /// A condition on the rows that refer, in SQL: for columns that refer to several tables.
    pub(crate) when: Option<String>,
}

impl Root {
    /// Whether Postgres must say which rows it means.
    pub(crate) fn says_sql(&self) -> bool {
        self.filter.is_some() || self.percent.is_some() || self.rows.is_some()
    }
}

impl Reader<'_> {
    /// Reads the section.
    pub(super) fn subset(&mut self, at: usize, section: &DeTable<'_>) -> SubsetRules {
        let mut rules = SubsetRules {
            line: self.line(at),
            roots: Vec::new(),
            whole: Vec::new(),
            children: CHILDREN,
            keys: Vec::new(),
        };
        for (key, value) in section {
            let at = key.span().start;
            match (key.get_ref().as_ref(), value.get_ref()) {
                ("children", DeValue::Integer(i)) if i.as_str().parse::<u64>().is_ok() => {
                    rules.children = i.as_str().parse().unwrap_or(CHILDREN);
                }
                ("whole", DeValue::Array(all)) => {
                    for one in all {
                        match one.get_ref() {
                            DeValue::String(table) => rules.whole.push(table.to_string()),
                            _ => self.mistake(at, "`whole` is a list of tables"),
                        }
                    }
                }
                ("roots", DeValue::Array(all)) => {
                    rules.roots.extend(all.iter().filter_map(|one| self.root(one)));
                }
                ("keys", DeValue::Array(all)) => {
                    rules.keys.extend(all.iter().filter_map(|one| self.key(one)));
                }
                (other, _) => {
                    let message = format!(
                        "`{other}` does not fit into [subset]: it has roots, whole, children, keys"
                    );
                    self.mistake(at, message);
                }
            }
        }
        if rules.roots.is_empty() {
            self.mistake(at, "[subset] has no `roots` to begin with");
        }
        rules
    }

    fn root(&mut self, written: &Spanned<DeValue<'_>>) -> Option<Root> {
        let at = written.span().start;
        let mut root = Root { line: self.line(at), ..Root::default() };
        let DeValue::Table(members) = written.get_ref() else {
            self.mistake(
                at,
                "a root is { table = \"public.users\", where = \"…\", percent = 5, rows = 100 }",
            );
            return None;
        };
        for (key, value) in members {
            let number = match value.get_ref() {
                DeValue::Integer(i) => i.as_str().parse::<f64>().ok(),
                DeValue::Float(f) => f.as_str().parse().ok(),
                _ => None,
            };
            match (key.get_ref().as_ref(), value.get_ref(), number) {
                ("table", DeValue::String(table), _) => root.table = table.to_string(),
                ("where", DeValue::String(sql), _) => root.filter = Some(sql.to_string()),
                ("percent", _, Some(n)) if n > 0.0 && n <= 100.0 => root.percent = Some(n),
                #[allow(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "checked"
                )]
                ("rows", _, Some(n)) if (1.0..1e12).contains(&n) => root.rows = Some(n as u64),
                (other, _, _) => {
                    let message =
                        format!("`{other}` does not fit into a root, or its value does not");
                    self.mistake(key.span().start, message);
                }
            }
        }
        if root.table.is_empty() {
            self.mistake(at, "a root has no `table`");
        }
        Some(root)
    }

    fn key(&mut self, written: &Spanned<DeValue<'_>>) -> Option<VirtualKey> {
        let at = written.span().start;
        let mut found = VirtualKey { line: self.line(at), ..VirtualKey::default() };
        let DeValue::Table(members) = written.get_ref() else {
            self.mistake(at, "a key is { from = \"public.notes.owner_id\", to = \"public.users.id\", when = \"…\" }");
            return None;
        };
        for (key, value) in members {
            match (key.get_ref().as_ref(), value.get_ref()) {
                ("from", DeValue::String(text)) => found.from = text.to_string(),
                ("to", DeValue::String(text)) => found.to = text.to_string(),
                ("when", DeValue::String(sql)) => found.when = Some(sql.to_string()),
                (other, _) => {
                    self.mistake(key.span().start, format!("`{other}` does not fit into a key"));
                }
            }
        }
        if found.from.is_empty() || found.to.is_empty() {
            self.mistake(at, "a key has `from` and `to`");
        }
        Some(found)
    }
}
