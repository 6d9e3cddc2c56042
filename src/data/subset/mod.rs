//! A part of a source in which every foreign key still holds: from some rows on, downwards to what refers to
//! them (as many as `children` says), and upwards from every row to all that it refers to.
//!
//! Rows are known by their place in their table (`ctid`), which stands still in a snapshot; nothing is
//! written at the source. Invariant: rows that were reached upwards bring no further rows that refer to
//! them, so the whole does not grow into everything.

mod walk;

use super::catalog::{Catalog, Reference, Table};
use super::postgres::Snapshot;
use super::rules::{Rules, SubsetRules, VirtualKey};
use crate::base::{Exit, Problem};
use std::collections::{BTreeMap, BTreeSet};

/// Places in one statement.
const PLACES_AT_A_TIME: usize = 2_000;

/// A row's place: block and number in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place(u64);

impl Place {
    /// `(12,3)`.
    fn read(written: &str) -> Option<Place> {
        let inner = written.strip_prefix('(')?.strip_suffix(')')?;
        let (block, number) = inner.split_once(',')?;
        Some(Place(block.parse::<u64>().ok()? << 16 | u64::from(number.parse::<u16>().ok()?)))
    }

    fn written(self) -> String {
        format!("({},{})", self.0 >> 16, self.0 & 0xffff)
    }
}

/// A key along which rows are followed.
#[derive(Debug, Clone)]
struct Edge {
    from: usize,
    from_columns: Vec<String>,
    to: usize,
    to_columns: Vec<String>,
    /// A condition on the rows that refer.
    when: Option<String>,
    /// Columns of unlike types are compared as texts.
    as_text: bool,
}

/// The rows of one table, by the partition in which they lie.
type Rows = BTreeMap<String, BTreeSet<Place>>;

/// The rows that are pulled.
pub(crate) struct Subset {
    rows: Vec<Rows>,
}

impl Subset {
    /// Finds the rows of a snapshot that the rules ask for.
    pub(crate) async fn find(
        snapshot: &Snapshot,
        catalog: &Catalog,
        rules: &Rules,
        wanted: &SubsetRules,
    ) -> Result<Subset, Problem> {
        let edges = edges(catalog, rules, wanted)?;
        let skipped = |label: &str| rules.tables.get(label).is_some_and(|t| t.skip);
        let mut walk = walk::Walk::new(snapshot, catalog, &edges, wanted.children);
        for root in &wanted.roots {
            let table = numbered(catalog, rules, wanted, &root.table)?;
            walk.root(table, root).await?;
        }
        for whole in &wanted.whole {
            let table = numbered(catalog, rules, wanted, whole)?;
            walk.whole(table).await?;
        }
        let mut rows = walk.finish().await?;
        for (table, rows) in catalog.tables.iter().zip(&mut rows) {
            if skipped(&table.label()) {
                rows.clear();
            }
        }
        Ok(Subset { rows })
    }

    /// How many rows of a table.
    pub(crate) fn count(&self, table: usize) -> u64 {
        self.rows[table].values().map(|places| places.len() as u64).sum()
    }

    /// The statements that read its rows of a table.
    pub(crate) fn selects(&self, number: usize, table: &Table) -> Vec<String> {
        let mut all = Vec::new();
        for (partition, places) in &self.rows[number] {
            let places: Vec<Place> = places.iter().copied().collect();
            for chunk in places.chunks(PLACES_AT_A_TIME) {
                let list: Vec<String> =
                    chunk.iter().map(|place| format!("\"{}\"", place.written())).collect();
                all.push(format!(
                    "SELECT {} FROM ONLY {partition} WHERE ctid = ANY ('{{{}}}'::tid[])",
                    table.column_list(),
                    list.join(",")
                ));
            }
        }
        all
    }
}

fn wrong(rules: &Rules, wanted: &SubsetRules, message: &str) -> Problem {
    let message = format!("{}:{}: {message}", rules.file, wanted.line);
    Problem::new(Exit::Usage, "data-rules", message)
}

fn numbered(
    catalog: &Catalog,
    rules: &Rules,
    wanted: &SubsetRules,
    label: &str,
) -> Result<usize, Problem> {
    let found = catalog.tables.iter().position(|t| t.label() == label);
    found.ok_or_else(|| wrong(rules, wanted, &format!("the source has no table {label}")))
}

/// All keys: the database's own, and those that the rules declare.
fn edges(catalog: &Catalog, rules: &Rules, wanted: &SubsetRules) -> Result<Vec<Edge>, Problem> {
    let number = |label: &str| catalog.tables.iter().position(|t| t.label() == label);
    let own = catalog.references.iter().filter_map(|r: &Reference| {
        Some(Edge {
            from: number(&r.from)?,
            from_columns: r.from_columns.clone(),
            to: number(&r.to)?,
            to_columns: r.to_columns.clone(),
            when: None,
            as_text: false,
        })
    });
    let mut edges: Vec<Edge> = own.collect();
    for key in &wanted.keys {
        edges.push(
            declared(catalog, key).map_err(|name| {
                wrong(rules, wanted, &format!("the source has no column {name}"))
            })?,
        );
    }
    Ok(edges)
}

fn declared(catalog: &Catalog, key: &VirtualKey) -> Result<Edge, String> {
    let find = |written: &str| {
        let (label, column) = written.rsplit_once('.').ok_or_else(|| written.to_owned())?;
        let table = catalog.tables.iter().position(|t| t.label() == label);
        let table = table.ok_or_else(|| written.to_owned())?;
        let found = catalog.tables[table].columns.iter().find(|c| c.name == column);
        let found = found.ok_or_else(|| written.to_owned())?;
        Ok::<_, String>((table, found))
    };
    let ((from, from_column), (to, to_column)) = (find(&key.from)?, find(&key.to)?);
    Ok(Edge {
        from,
        from_columns: vec![from_column.name.clone()],
        to,
        to_columns: vec![to_column.name.clone()],
        when: key.when.clone(),
        as_text: from_column.kind.category != to_column.kind.category,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_and_written() {
        for written in ["(0,1)", "(4294967294,65535)"] {
            assert_eq!(Place::read(written).expect("place").written(), written);
        }
        assert_eq!(Place::read("0,1"), None);
    }
}
