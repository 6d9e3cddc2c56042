//! The way from row to row: rounds of statements, each for many rows of one table and one key.

use super::{Edge, PLACES_AT_A_TIME, Place, ROWS_MAX, Rows, condition, conditions, hash, too_many};
use crate::base::Problem;
use crate::data::catalog::{Catalog, Table, ident};
use crate::data::postgres::{Snapshot, failed};
use crate::data::rules::Root;
use std::collections::{BTreeMap, HashMap};

/// Rows on whose account others are still looked for, by partition.
type Frontier = BTreeMap<String, Vec<Place>>;

/// What is known of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reached {
    /// Something refers to it.
    Up,
    /// It is a root, or refers to such a row: what refers to it comes along.
    Down,
}

pub(super) struct Walk<'a> {
    snapshot: &'a Snapshot,
    catalog: &'a Catalog,
    edges: &'a [Edge],
    children: u64,
    rows: Vec<BTreeMap<String, HashMap<Place, Reached>>>,
    count: usize,
    /// By table: rows whose own references are to be followed, and rows whose referrers are.
    up: Vec<Frontier>,
    down: Vec<Frontier>,
}

fn wrong(error: &tokio_postgres::Error) -> Problem {
    failed("cannot find the rows of the subset", error)
}

/// A table in a FROM: partitions belong to their root, what merely inherits does not.
fn from(table: &Table) -> String {
    let only = if table.partitioned { "" } else { "ONLY " };
    format!("{only}{}", table.sql())
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        snapshot: &'a Snapshot,
        catalog: &'a Catalog,
        edges: &'a [Edge],
        children: u64,
    ) -> Walk<'a> {
        let tables = catalog.tables.len();
        Walk {
            snapshot,
            catalog,
            edges,
            children,
            rows: vec![BTreeMap::new(); tables],
            count: 0,
            up: vec![Frontier::new(); tables],
            down: vec![Frontier::new(); tables],
        }
    }

    /// Begins with rows of a table.
    pub(super) async fn root(&mut self, table: usize, root: &Root) -> Result<(), Problem> {
        let described = &self.catalog.tables[table];
        let hash = hash(described, "ctid");
        let conditions = conditions(root, &hash);
        let mut select =
            format!("SELECT tableoid::regclass::text, ctid::text FROM {}", from(described));
        if !conditions.is_empty() {
            select.push_str(&format!(" WHERE {}", conditions.join(" AND ")));
        }
        if let Some(rows) = root.rows {
            select.push_str(&format!(" ORDER BY {hash} LIMIT {rows}"));
        }
        self.take(table, &select, &[], Reached::Down).await
    }

    /// Takes all rows of a table in; what refers to them does not come along.
    pub(super) async fn whole(&mut self, table: usize) -> Result<(), Problem> {
        let all = from(&self.catalog.tables[table]);
        let select = format!("SELECT tableoid::regclass::text, ctid::text FROM {all}");
        self.take(table, &select, &[], Reached::Up).await
    }

    /// Runs a statement that answers rows of a table.
    async fn take(
        &mut self,
        table: usize,
        select: &str,
        places: &[Place],
        reached: Reached,
    ) -> Result<(), Problem> {
        let client = self.snapshot.client();
        let written: Vec<String> = places.iter().map(|place| place.written()).collect();
        let rows = match places.is_empty() {
            true => client.query(select, &[]).await,
            false => client.query(select, &[&written]).await,
        };
        for row in rows.map_err(|e| wrong(&e))? {
            let (partition, place): (String, String) = (row.get(0), row.get(1));
            if let Some(place) = Place::read(&place) {
                self.reach(table, partition, place, reached);
            }
        }
        match self.count > ROWS_MAX {
            true => Err(too_many()),
            false => Ok(()),
        }
    }

    fn reach(&mut self, table: usize, partition: String, place: Place, reached: Reached) {
        let known = self.rows[table].entry(partition.clone()).or_default();
        let before = known.insert(place, reached);
        match (before, reached) {
            (Some(Reached::Down), Reached::Up) => {
                known.insert(place, Reached::Down);
            }
            (Some(Reached::Up), Reached::Down) => {
                self.down[table].entry(partition).or_default().push(place);
            }
            (Some(_), _) => {}
            (None, _) => {
                self.count += 1;
                self.up[table].entry(partition.clone()).or_default().push(place);
                if reached == Reached::Down {
                    self.down[table].entry(partition).or_default().push(place);
                }
            }
        }
    }

    /// Follows all keys until nothing new is reached.
    pub(super) async fn finish(mut self) -> Result<Vec<Rows>, Problem> {
        loop {
            let mut moved = false;
            for table in 0..self.catalog.tables.len() {
                let up = std::mem::take(&mut self.up[table]);
                let down = std::mem::take(&mut self.down[table]);
                moved |= !up.is_empty() || !down.is_empty();
                let edges = self.edges;
                for edge in edges.iter().filter(|e| e.from == table) {
                    self.follow(edge, &up, false).await?;
                }
                let children = self.children > 0;
                for edge in edges.iter().filter(|e| children && e.to == table) {
                    self.follow(edge, &down, true).await?;
                }
            }
            if !moved {
                break;
            }
        }
        let of_table = |rows: BTreeMap<String, HashMap<Place, Reached>>| {
            rows.into_iter().map(|(name, places)| (name, places.into_keys().collect())).collect()
        };
        Ok(self.rows.into_iter().map(of_table).collect())
    }

    async fn follow(&mut self, edge: &Edge, rows: &Frontier, down: bool) -> Result<(), Problem> {
        for (partition, places) in rows {
            let select = match down {
                true => self.referring(edge, partition),
                false => self.referred(edge, partition),
            };
            let (table, reached) =
                if down { (edge.from, Reached::Down) } else { (edge.to, Reached::Up) };
            for chunk in places.chunks(PLACES_AT_A_TIME) {
                self.take(table, &select, chunk, reached).await?;
            }
        }
        Ok(())
    }

    /// The rows that rows of `partition` refer to.
    fn referred(&self, edge: &Edge, partition: &str) -> String {
        let when = edge.when.as_ref().map(|sql| format!(" AND {}", condition(sql)));
        let when = when.unwrap_or_default();
        format!(
            "SELECT DISTINCT t.tableoid::regclass::text, t.ctid::text
               FROM (SELECT * FROM ONLY {partition} WHERE ctid = ANY ($1::text[]::tid[]){when}) f
               JOIN {} t ON {}",
            from(&self.catalog.tables[edge.to]),
            matched(edge, "t", "f"),
        )
    }

    /// The rows that refer to rows of `partition`, some for each.
    fn referring(&self, edge: &Edge, partition: &str) -> String {
        let when = edge.when.as_ref().map(|sql| format!(" AND {}", condition(sql)));
        let when = when.unwrap_or_default();
        let keys: Vec<String> = edge.to_columns.iter().map(|c| ident(c)).collect();
        format!(
            "SELECT c.part, c.place
               FROM (SELECT DISTINCT {} FROM ONLY {partition} WHERE ctid = ANY ($1::text[]::tid[])) p
              CROSS JOIN LATERAL (
                    SELECT x.tableoid::regclass::text AS part, x.ctid::text AS place FROM {} x
                     WHERE {}{when} ORDER BY x.tableoid, x.ctid LIMIT {}) c",
            keys.join(", "),
            from(&self.catalog.tables[edge.from]),
            matched(edge, "p", "x"),
            self.children,
        )
    }
}

/// The condition that a row refers to another.
fn matched(edge: &Edge, to: &str, from: &str) -> String {
    let text = if edge.as_text { "::text" } else { "" };
    let pairs = edge.from_columns.iter().zip(&edge.to_columns).enumerate();
    let equal = pairs.map(|(nth, (f, t))| {
        let equal = edge.equal.get(nth).map_or("=", String::as_str);
        format!("{to}.{}{text} {equal} {from}.{}{text}", ident(t), ident(f))
    });
    equal.collect::<Vec<_>>().join(" AND ")
}
