//! A part of a source in which every foreign key still holds: from some rows on, downwards to what refers to
//! them (as many as `children` says), and upwards from every row to all that it refers to.
//!
//! Of a database, rows are known by their place in their table (`ctid`), which stands still in a snapshot, and
//! nothing is written at the source; of files by their number, and what is noted of them are hashes. Invariant:
//! rows that were reached upwards bring no further rows that refer to them, so the whole does not grow into
//! everything.

mod closure;
mod files;
mod keys;
mod notes;
mod walk;

use super::catalog::{Catalog, Reference, Table, ident};
use super::postgres::{Snapshot, failed};
use super::rules::{Root, Rules, SubsetRules, VirtualKey};
use super::source::Source;
use crate::base::{Exit, Problem};
use std::collections::{BTreeMap, BTreeSet};

pub(crate) use files::{Chosen, Sieve};

/// Rows of a subset at the most: which they are is kept in memory.
const ROWS_MAX: usize = 10_000_000;
/// Shares of a table are counted in so many parts.
const PARTS: u32 = 1_000_000;
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
    /// The operators by which columns are compared; `=` where there are none.
    equal: Vec<String>,
    /// Columns of unlike types are compared as texts.
    as_text: bool,
    /// Where the rules declare it, or the subset.
    line: usize,
}

/// The rows of one table, by the partition in which they lie.
type Rows = BTreeMap<String, BTreeSet<Place>>;

/// What the rules ask for, in numbers of the catalog's tables.
struct Wish<'a> {
    catalog: &'a Catalog,
    rules: &'a Rules,
    wanted: &'a SubsetRules,
    edges: Vec<Edge>,
    roots: Vec<(usize, &'a Root)>,
    whole: Vec<usize>,
}

impl<'a> Wish<'a> {
    fn of(
        catalog: &'a Catalog,
        rules: &'a Rules,
        wanted: &'a SubsetRules,
    ) -> Result<Wish<'a>, Problem> {
        let (edges, roots, whole) = (Vec::new(), Vec::new(), Vec::new());
        let mut wish = Wish { catalog, rules, wanted, edges, roots, whole };
        for root in &wanted.roots {
            wish.roots.push((wish.numbered(&root.table, root.line)?, root));
        }
        for label in &wanted.whole {
            wish.whole.push(wish.numbered(label, wanted.line)?);
        }
        wish.edges = wish.edges()?;
        Ok(wish)
    }

    fn wrong(&self, line: usize, message: &str) -> Problem {
        let message = format!("{}:{line}: {message}", self.rules.file);
        Problem::new(Exit::Usage, "data-rules", message)
    }

    fn numbered(&self, label: &str, line: usize) -> Result<usize, Problem> {
        let found = self.catalog.tables.iter().position(|t| t.label() == label);
        found.ok_or_else(|| self.wrong(line, &format!("the source has no table {label}")))
    }

    /// All keys: the database's own, and those that the rules declare.
    fn edges(&self) -> Result<Vec<Edge>, Problem> {
        let number = |label: &str| self.catalog.tables.iter().position(|t| t.label() == label);
        let own = self.catalog.references.iter().filter_map(|r: &Reference| {
            Some(Edge {
                from: number(&r.from)?,
                from_columns: r.from_columns.clone(),
                to: number(&r.to)?,
                to_columns: r.to_columns.clone(),
                equal: r.equal.clone(),
                when: None,
                as_text: false,
                line: self.wanted.line,
            })
        });
        let mut edges: Vec<Edge> = own.collect();
        for key in &self.wanted.keys {
            let missing = |name| self.wrong(key.line, &format!("the source has no column {name}"));
            edges.push(declared(self.catalog, key).map_err(missing)?);
        }
        Ok(edges)
    }
}

/// A condition of the rules, on lines of its own: a comment at its end takes nothing with it.
fn condition(sql: &str) -> String {
    format!("(\n{sql}\n)")
}

/// What picks the same rows each time, from all over a table; without a primary key by their `place`.
fn hash(table: &Table, place: &str) -> String {
    let key: Vec<String> = match table.primary.is_empty() {
        true => vec![format!("{place}::text")],
        false => table.primary.iter().map(|c| format!("{}::text", ident(c))).collect(),
    };
    format!("hashtextextended(concat_ws('|', {}), 0)", key.join(", "))
}

/// What rows fulfil that a root means, but for how many.
fn conditions(root: &Root, hash: &str) -> Vec<String> {
    let mut conditions: Vec<String> = root.filter.as_deref().map(condition).into_iter().collect();
    if let Some(percent) = root.percent {
        #[allow(clippy::cast_possible_truncation, reason = "at most all parts")]
        let parts = (percent / 100.0 * f64::from(PARTS)) as i64;
        conditions.push(format!("abs({hash} % {PARTS}) < {parts}"));
    }
    conditions
}

fn too_many() -> Problem {
    let message = format!("the subset has more than {ROWS_MAX} rows");
    Problem::new(Exit::Usage, "data-subset", message).hint("narrow its roots, or lower `children`")
}

/// Whether only Postgres can say which rows of files a subset has.
pub(crate) fn asks(catalog: &Catalog, rules: &Rules) -> bool {
    let Some(wanted) = &rules.subset else { return false };
    let sql =
        wanted.roots.iter().any(Root::says_sql) || wanted.keys.iter().any(|k| k.when.is_some());
    let keys = || {
        let wish = Wish::of(catalog, rules, wanted).ok()?;
        Some(wish.edges.iter().any(|edge| keys::judged(&catalog.tables, edge)))
    };
    sql || keys().unwrap_or(false)
}

/// The rows that are pulled.
pub(crate) enum Subset {
    /// Of a database.
    Places(Places),
    /// Of files.
    Chosen(Chosen),
}

impl Subset {
    /// Finds the rows that the rules ask for; `None`: all.
    pub(crate) async fn find(
        source: &Source,
        catalog: &Catalog,
        rules: &Rules,
    ) -> Result<Option<Subset>, Problem> {
        let Some(wanted) = &rules.subset else { return Ok(None) };
        let wish = Wish::of(catalog, rules, wanted)?;
        let mut found = match source {
            Source::Live(live) => Subset::Places(Places::find(&live.snapshot, &wish).await?),
            Source::Files(files) => Subset::Chosen(Chosen::find(files, &wish).await?),
        };
        for (number, table) in catalog.tables.iter().enumerate() {
            if rules.tables.get(&table.label()).is_some_and(|t| t.skip) {
                match &mut found {
                    Subset::Places(places) => places.rows[number].clear(),
                    Subset::Chosen(chosen) => chosen.clear(number),
                }
            }
        }
        Ok(Some(found))
    }

    /// Those of a database.
    pub(crate) fn places(&self) -> Option<&Places> {
        match self {
            Subset::Places(places) => Some(places),
            Subset::Chosen(_) => None,
        }
    }

    /// Those of files.
    pub(crate) fn chosen(&self) -> Option<&Chosen> {
        match self {
            Subset::Places(_) => None,
            Subset::Chosen(chosen) => Some(chosen),
        }
    }

    /// How many rows of a table, and how many there are, as far as that is known.
    pub(crate) fn count(&self, table: usize) -> (u64, Option<u64>) {
        match self {
            Subset::Places(places) => (places.count(table), None),
            Subset::Chosen(chosen) => (chosen.count(table), Some(chosen.there(table))),
        }
    }
}

/// The rows of a database that are pulled.
pub(crate) struct Places {
    rows: Vec<Rows>,
}

impl Places {
    async fn find(snapshot: &Snapshot, wish: &Wish<'_>) -> Result<Places, Problem> {
        let mut edges = wish.edges.clone();
        for edge in edges.iter_mut().filter(|edge| edge.equal.is_empty() && !edge.as_text) {
            edge.equal.extend(equal(snapshot, wish.catalog, edge).await?);
        }
        let children = wish.wanted.children;
        let mut walk = walk::Walk::new(snapshot, wish.catalog, &edges, children);
        for (table, root) in &wish.roots {
            walk.root(*table, root).await?;
        }
        for table in &wish.whole {
            walk.whole(*table).await?;
        }
        Ok(Places { rows: walk.finish().await? })
    }

    /// How many rows of a table.
    fn count(&self, table: usize) -> u64 {
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

/// The operator of a type of an extension, which `=` alone does not find in a snapshot; `None`: it does.
async fn equal(
    snapshot: &Snapshot,
    catalog: &Catalog,
    edge: &Edge,
) -> Result<Option<String>, Problem> {
    let column = |table: usize, names: &[String]| {
        let found = catalog.tables[table].columns.iter().find(|c| names.contains(&c.name));
        found.map(|c| (c.kind.clone(), c.name.clone()))
    };
    let from = column(edge.from, &edge.from_columns);
    let Some((kind, name)) = column(edge.to, &edge.to_columns) else { return Ok(None) };
    if from.is_none_or(|(other, _)| other.name != kind.name) {
        return Ok(None);
    }
    let query = "WITH RECURSIVE below AS (
             SELECT a.atttypid AS type FROM pg_attribute a WHERE a.attrelid = to_regclass($1) AND a.attname = $2
              UNION ALL SELECT t.typbasetype FROM below JOIN pg_type t ON t.oid = below.type WHERE t.typtype = 'd')
         SELECT format('OPERATOR(%I.%s)', n.nspname, o.oprname)
           FROM below JOIN pg_opclass c ON c.opcintype = below.type AND c.opcdefault
           JOIN pg_am m ON m.oid = c.opcmethod AND m.amname = 'btree'
           JOIN pg_amop a ON a.amopfamily = c.opcfamily AND a.amopstrategy = 3
                AND a.amoplefttype = c.opcintype AND a.amoprighttype = c.opcintype
           JOIN pg_operator o ON o.oid = a.amopopr
           JOIN pg_namespace n ON n.oid = o.oprnamespace AND n.nspname <> 'pg_catalog'";
    let table = catalog.tables[edge.to].sql();
    let found = snapshot.client().query_opt(query, &[&table, &name]).await;
    let found = found.map_err(|e| failed("cannot read how keys are compared", &e))?;
    Ok(found.map(|row| row.get(0)))
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
        equal: Vec::new(),
        when: key.when.clone(),
        as_text: from_column.kind.category != to_column.kind.category,
        line: key.line,
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
