//! A source's tables as rules are made for them: columns, types, keys. A description, no I/O.

use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What a column's type is at the bottom, below domains.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Type {
    /// `varchar`, `int4`, `jsonb`; for an array its element's, with [`Self::array`].
    pub(crate) name: String,
    /// `typcategory`: `S` text, `N` number, `D` time, `B` boolean, `E` enum, `I` network, `U` others.
    pub(crate) category: char,
    pub(crate) array: bool,
    /// Characters of `varchar(n)` and `char(n)`.
    pub(crate) max: Option<usize>,
    /// Digits before and behind the point of `numeric(p, s)`.
    pub(crate) digits: Option<(u32, u32)>,
}

/// A column that is pulled.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) kind: Type,
    /// As Postgres writes the type.
    pub(crate) written: String,
    pub(crate) not_null: bool,
    /// Computed by the server: it has no rule and is not pulled.
    pub(crate) generated: bool,
    /// A `CHECK` of its table or domain names it.
    pub(crate) checked: bool,
    /// The expression that is evaluated instead of handing out the column.
    pub(crate) by_sql: Option<String>,
}

impl Column {
    /// What is read instead of the column, if a rule says it in SQL.
    pub(crate) fn computed(&self) -> Option<String> {
        // On lines of its own: a comment at its end takes nothing with it.
        self.by_sql.as_ref().map(|expression| format!("(\n{expression}\n)::{}", self.written))
    }
}

/// A table with rows of its own: partitions belong to their root.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Table {
    pub(crate) schema: String,
    pub(crate) name: String,
    pub(crate) partitioned: bool,
    /// As the server estimates.
    pub(crate) rows: u64,
    pub(crate) columns: Vec<Column>,
    pub(crate) primary: Vec<String>,
    /// Columns of unique indexes, primary key included.
    pub(crate) uniques: Vec<Vec<String>>,
    /// Columns that say in which partition a row lies.
    pub(crate) partition_key: BTreeSet<String>,
}

/// A foreign key.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Reference {
    pub(crate) from: String,
    pub(crate) from_columns: Vec<String>,
    pub(crate) to: String,
    pub(crate) to_columns: Vec<String>,
    /// The operators by which it compares them, what is referred to on the left.
    pub(crate) equal: Vec<String>,
}

/// All tables and what joins them.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Catalog {
    pub(crate) tables: Vec<Table>,
    pub(crate) references: Vec<Reference>,
}

/// An identifier as SQL wants it, whatever characters it has.
pub(crate) fn ident(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

impl Table {
    /// `public.users`.
    pub(crate) fn label(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }

    /// Its name in a statement.
    pub(crate) fn sql(&self) -> String {
        format!("{}.{}", ident(&self.schema), ident(&self.name))
    }

    /// Columns whose values travel.
    pub(crate) fn pulled(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|c| !c.generated)
    }

    /// What is read of [`Self::pulled`] in a statement.
    pub(crate) fn column_list(&self) -> String {
        let read = |c: &Column| c.computed().unwrap_or_else(|| ident(&c.name));
        self.pulled().map(read).collect::<Vec<_>>().join(", ")
    }

    /// The statement that reads all rows.
    pub(crate) fn select(&self) -> String {
        let only = if self.partitioned { "" } else { "ONLY " };
        format!("SELECT {} FROM {only}{}", self.column_list(), self.sql())
    }

    /// Whether a unique index holds this column.
    pub(crate) fn is_key(&self, column: &str) -> bool {
        self.uniques.iter().flatten().chain(&self.primary).any(|c| c == column)
    }
}

impl Catalog {
    /// The table called `schema.table`.
    pub(crate) fn table(&self, label: &str) -> Option<&Table> {
        self.tables.iter().find(|t| t.label() == label)
    }

    /// What a column refers to directly.
    fn refers(&self, (table, column): &(String, String)) -> Option<(String, String)> {
        self.references.iter().find_map(|r| {
            let nth =
                (r.from == *table).then(|| r.from_columns.iter().position(|c| c == column))?;
            Some((r.to.clone(), r.to_columns.get(nth?)?.clone()))
        })
    }

    /// What a column refers to, followed to its end: the column that the key begins with. In a ring
    /// it is the first by name, for all of them.
    pub(crate) fn root(&self, table: &str, column: &str) -> Option<(String, String)> {
        let own = (table.to_owned(), column.to_owned());
        let mut way = vec![own.clone()];
        while let Some(next) = self.refers(&way[way.len() - 1]) {
            if let Some(begin) = way.iter().position(|seen| *seen == next) {
                let first = way[begin..].iter().min().filter(|first| **first != own);
                return first.cloned();
            }
            way.push(next);
        }
        way.pop().filter(|end| *end != own)
    }

    /// Columns that refer to this one, directly.
    pub(crate) fn referring(&self, table: &str, column: &str) -> Vec<(String, String)> {
        let of = |r: &Reference| {
            let nth = (r.to == table).then(|| r.to_columns.iter().position(|c| c == column))??;
            Some((r.from.clone(), r.from_columns.get(nth)?.clone()))
        };
        self.references.iter().filter_map(of).collect()
    }

    /// Tables in an order in which what is referred to comes first; rings in the order of names.
    pub(crate) fn ordered(&self) -> Vec<&Table> {
        let mut needs: BTreeMap<String, BTreeSet<&str>> =
            self.tables.iter().map(|t| (t.label(), BTreeSet::new())).collect();
        for r in self.references.iter().filter(|r| r.from != r.to) {
            if let Some(needed) = needs.get_mut(&r.from) {
                needed.insert(&r.to);
            }
        }
        let mut ordered = Vec::new();
        while !needs.is_empty() {
            let ready = needs.iter().find(|(_, n)| n.iter().all(|n| !needs.contains_key(*n)));
            let next = ready.or_else(|| needs.iter().next()).map(|(label, _)| label.clone());
            let Some(next) = next else { break };
            needs.remove(&next);
            ordered.extend(self.table(&next));
        }
        ordered
    }
}
