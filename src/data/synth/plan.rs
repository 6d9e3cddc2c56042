//! What is to be made up: how many rows of each table, and where each column's value comes from. Tables are
//! made in the order of foreign keys; in a ring, the keys that are asked for too early are made beforehand.

use super::shape::{ColumnShape, TableShape};
use crate::base::{Exit, Problem};
use crate::data::catalog::{Catalog, Reference, Table};
use crate::data::detect::names;
use crate::data::mask::{Kind, Spec};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};

/// How many rows, of which tables.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counts {
    /// Of tables that are not named.
    pub(crate) each: u64,
    /// By `schema.table`.
    pub(crate) named: BTreeMap<String, u64>,
}

/// A column whose values are made.
#[derive(Debug, Clone)]
pub(super) struct ColumnPlan {
    pub(super) name: String,
    pub(super) words: Vec<String>,
    pub(super) kind: crate::data::catalog::Type,
    pub(super) spec: Spec,
    pub(super) shape: ColumnShape,
    pub(super) not_null: bool,
    /// Alone in a unique key.
    pub(super) unique: bool,
    /// Something refers to it.
    pub(super) key: bool,
    /// The seed of its values.
    pub(super) base: u64,
}

/// A foreign key that is kept by choosing a row.
#[derive(Debug, Clone)]
pub(super) struct ReferencePlan {
    /// The table that is referred to, by number.
    pub(super) to: usize,
    /// Column here and there, by number.
    pub(super) columns: Vec<(usize, usize)>,
    /// Of them, those that another key has set before.
    pub(super) shared: Vec<(usize, usize)>,
    pub(super) nullable: bool,
    /// At most one row may refer to one.
    pub(super) once: bool,
    pub(super) base: u64,
}

/// A table.
#[derive(Debug, Clone)]
pub(super) struct TablePlan {
    pub(super) label: String,
    pub(super) rows: u64,
    pub(super) columns: Vec<ColumnPlan>,
    pub(super) references: Vec<ReferencePlan>,
    /// Unique keys of several columns or one, by number.
    pub(super) uniques: Vec<Vec<usize>>,
    pub(super) shape: TableShape,
    /// The seed of its rows' people.
    pub(super) base: u64,
}

/// Everything, and the order.
pub(super) struct Plan {
    pub(super) tables: Vec<TablePlan>,
    pub(super) order: Vec<usize>,
}

fn seed_of(seed: &str, parts: &[&str]) -> u64 {
    let mut hash = Sha256::new();
    for part in [&["devenv synth 1", seed], parts].concat() {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let bytes: [u8; 32] = hash.finalize().into();
    u64::from_le_bytes([
        bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5], bytes[6], bytes[7],
    ])
}

/// Plans the rows of all tables. `specs` are rules by table and column; `skipped` has no rows.
pub(super) fn plan(
    catalog: &Catalog,
    shapes: Vec<TableShape>,
    specs: &HashMap<(String, String), Spec>,
    counts: &Counts,
    skipped: &dyn Fn(&str) -> bool,
    seed: &str,
) -> Result<Plan, Problem> {
    let numbers: HashMap<String, usize> =
        catalog.tables.iter().enumerate().map(|(i, t)| (t.label(), i)).collect();
    let unknown = counts.named.keys().find(|name| !numbers.contains_key(*name));
    if let Some(name) = unknown {
        let message = format!("there is no table {name} to make rows of");
        return Err(Problem::new(Exit::Usage, "no-such-table", message));
    }
    let order: Vec<usize> =
        catalog.ordered().iter().filter_map(|t| numbers.get(&t.label()).copied()).collect();
    let mut tables = Vec::new();
    for (table, shape) in catalog.tables.iter().zip(shapes) {
        let label = table.label();
        let rows = match skipped(&label) {
            true => 0,
            false => counts.named.get(&label).copied().unwrap_or(counts.each),
        };
        tables.push(TablePlan {
            rows,
            columns: columns(catalog, table, &shape, specs, seed),
            references: Vec::new(),
            uniques: uniques(table),
            base: seed_of(seed, &[&label]),
            label,
            shape,
        });
    }
    for &number in &order {
        let references = references(catalog, &tables, &numbers, number, seed)?;
        for reference in references.iter().filter(|r| r.once && r.to != number) {
            let most = tables[reference.to].rows;
            if tables[number].rows > most && counts.named.contains_key(&tables[number].label) {
                let message = format!(
                    "{} cannot have {} rows: each refers to another one of {}, which has {most}",
                    tables[number].label, tables[number].rows, tables[reference.to].label
                );
                return Err(Problem::new(Exit::Usage, "synth-rows", message));
            }
            tables[number].rows = tables[number].rows.min(most);
        }
        tables[number].references = references;
    }
    Ok(Plan { tables, order })
}

fn columns(
    catalog: &Catalog,
    table: &Table,
    shape: &TableShape,
    specs: &HashMap<(String, String), Spec>,
    seed: &str,
) -> Vec<ColumnPlan> {
    let label = table.label();
    let of = |column: &crate::data::catalog::Column| {
        let shape = shape.columns.get(&column.name).cloned().unwrap_or_default();
        let at = (label.clone(), column.name.clone());
        ColumnPlan {
            words: names::tokens(&column.name),
            kind: column.kind.clone(),
            spec: specs.get(&at).cloned().unwrap_or_else(|| Spec::of(Kind::Text)),
            not_null: column.not_null || shape.not_null || table.primary.contains(&column.name),
            unique: table
                .uniques
                .iter()
                .chain([&table.primary])
                .any(|key| *key == [column.name.clone()]),
            key: !catalog.referring(&label, &column.name).is_empty(),
            base: seed_of(seed, &[&label, &column.name]),
            name: column.name.clone(),
            shape,
        }
    };
    table.pulled().map(of).collect()
}

fn uniques(table: &Table) -> Vec<Vec<usize>> {
    let names: Vec<&String> = table.pulled().map(|c| &c.name).collect();
    let at = |name: &String| names.iter().position(|n| *n == name);
    let mut all: Vec<Vec<usize>> = table
        .uniques
        .iter()
        .filter_map(|key| key.iter().map(at).collect::<Option<Vec<_>>>())
        .filter(|key| !key.is_empty())
        .collect();
    all.sort();
    all.dedup();
    all
}

/// The foreign keys of a table that choose rows: wide ones first, so that what they share agrees.
fn references(
    catalog: &Catalog,
    tables: &[TablePlan],
    numbers: &HashMap<String, usize>,
    number: usize,
    seed: &str,
) -> Result<Vec<ReferencePlan>, Problem> {
    let table = &tables[number];
    let mut own: Vec<&Reference> =
        catalog.references.iter().filter(|r| r.from == table.label).collect();
    own.sort_by_key(|r| std::cmp::Reverse(r.from_columns.len()));
    let mut set: Vec<usize> = Vec::new();
    let mut all = Vec::new();
    for reference in own {
        let Some(&to) = numbers.get(&reference.to) else { continue };
        let at =
            |plan: &TablePlan, name: &String| plan.columns.iter().position(|c| c.name == *name);
        let pairs = reference.from_columns.iter().zip(&reference.to_columns);
        let columns: Option<Vec<(usize, usize)>> =
            pairs.map(|(from, there)| at(table, from).zip(at(&tables[to], there))).collect();
        let Some(columns) = columns else { continue };
        // A column that refers to itself by way of a ring has a value of its own.
        let root = |c: &String| catalog.root(&table.label, c);
        if to != number && reference.from_columns.iter().all(|c| root(c).is_none()) {
            continue;
        }
        let (shared, free): (Vec<_>, Vec<_>) =
            columns.iter().partition(|(from, _)| set.contains(from));
        if free.is_empty() {
            continue;
        }
        let nullable = free.iter().all(|(from, _)| !table.columns[*from].not_null);
        if tables[to].rows == 0 && !nullable && table.rows > 0 {
            let message = format!(
                "{} gets rows, but {}, to which each of them refers, gets none",
                table.label, tables[to].label
            );
            return Err(Problem::new(Exit::Usage, "synth-rows", message));
        }
        let mut from: Vec<usize> = columns.iter().map(|(from, _)| *from).collect();
        from.sort_unstable();
        let once = table.uniques.iter().any(|key| {
            let mut key = key.clone();
            key.sort_unstable();
            key == from
        });
        set.extend(free.iter().map(|(from, _)| *from));
        let base = seed_of(seed, &[&table.label, &reference.from_columns.join("\u{0}"), "refers"]);
        all.push(ReferencePlan { to, columns, shared, nullable, once, base });
    }
    Ok(all)
}
