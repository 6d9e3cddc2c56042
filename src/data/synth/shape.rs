//! What rows that are made up must keep to, from Postgres' catalog: the labels of enums, the expressions of
//! `CHECK`s of tables and domains, the bounds of partitions, and the values that those expressions name.

use super::hints::{Hints, hints, with_value};
use crate::base::Problem;
use crate::data::catalog::{Table, ident};
use crate::data::postgres::failed;
use std::collections::HashMap;
use tokio_postgres::{Client, Row};

/// Of a column.
#[derive(Debug, Clone, Default)]
pub(super) struct ColumnShape {
    /// As Postgres writes the type below domains.
    pub(super) base: String,
    /// A domain says that it is not null.
    pub(super) not_null: bool,
    /// Labels of its enum, in order.
    pub(super) labels: Vec<String>,
    pub(super) hints: Hints,
}

/// Of a table.
#[derive(Debug, Clone, Default)]
pub(super) struct TableShape {
    /// By name.
    pub(super) columns: HashMap<String, ColumnShape>,
    /// Columns of a table for candidates: of types without domains, and with what the server computes.
    pub(super) candidates: String,
    /// What a row must fulfil; an expression that is null lets it pass.
    pub(super) checks: Vec<String>,
    /// What a row must fulfil to lie in a partition.
    pub(super) routed: Option<String>,
}

const COLUMNS: &str = "SELECT a.attname::text, base.written, a.attgenerated::text <> '', pg_get_expr(d.adbin, d.adrelid), base.strict,
        ARRAY(SELECT e.enumlabel::text FROM pg_enum e WHERE e.enumtypid IN (base.oid, base.element) ORDER BY e.enumsortorder),
        base.checks
   FROM pg_attribute a
   LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
  CROSS JOIN LATERAL (
        WITH RECURSIVE way AS (
            SELECT a.atttypid AS oid, a.atttypmod AS modifier, false AS strict
            UNION ALL
            SELECT t.typbasetype, t.typtypmod, way.strict OR t.typnotnull FROM way JOIN pg_type t ON t.oid = way.oid AND t.typtype = 'd')
        SELECT t.oid, t.typelem AS element, format_type(t.oid, way.modifier) AS written, way.strict,
               ARRAY(SELECT pg_get_expr(k.conbin, 0) FROM pg_constraint k WHERE k.contype = 'c' AND k.contypid IN (SELECT w.oid FROM way w)) AS checks
          FROM way JOIN pg_type t ON t.oid = way.oid AND t.typtype <> 'd') base
  WHERE a.attrelid = $1::text::regclass AND a.attnum > 0 AND NOT a.attisdropped
  ORDER BY a.attnum";

const CHECKS: &str = "SELECT pg_get_expr(conbin, conrelid) FROM pg_constraint
  WHERE contype = 'c' AND conrelid = $1::text::regclass ORDER BY conname";

const PARTITIONS: &str = "SELECT pg_get_partition_constraintdef(p.relid) FROM pg_partition_tree($1::text::regclass) p WHERE p.isleaf AND p.level > 0";

/// The shape of a table, as the database that holds it tells it.
pub(super) async fn shape(client: &Client, table: &Table) -> Result<TableShape, Problem> {
    let wrong = |e: tokio_postgres::Error| failed("cannot read what a table demands", &e);
    let name = table.sql();
    let mut shape = TableShape::default();
    let mut candidates = vec!["devenv_n int".to_owned()];
    for row in client.query(COLUMNS, &[&name]).await.map_err(wrong)? {
        column(&row, &mut shape, &mut candidates);
    }
    shape.candidates = candidates.join(", ");
    for row in client.query(CHECKS, &[&name]).await.map_err(wrong)? {
        shape.checks.push(row.get(0));
    }
    if table.partitioned {
        let bounds = client.query(PARTITIONS, &[&name]).await.map_err(wrong)?;
        let bounds: Vec<Option<String>> = bounds.iter().map(|row| row.get(0)).collect();
        // A partition without a bound takes everything.
        if !bounds.is_empty() && bounds.iter().all(Option::is_some) {
            let all: Vec<String> = bounds.into_iter().flatten().collect();
            shape.routed = Some(all.join(" OR "));
        }
    }
    for (name, column) in &mut shape.columns {
        for check in shape.checks.iter().chain(&shape.routed) {
            column.hints.add(hints(check, name));
        }
    }
    Ok(shape)
}

fn column(row: &Row, shape: &mut TableShape, candidates: &mut Vec<String>) {
    let (name, base, generated): (String, String, bool) = (row.get(0), row.get(1), row.get(2));
    let computed: Option<String> = row.get(3);
    let mut column = ColumnShape {
        base: base.clone(),
        not_null: row.get(4),
        labels: row.get(5),
        hints: Hints::default(),
    };
    for check in row.get::<_, Vec<String>>(6) {
        column.hints.add(hints(&check, "VALUE"));
        shape.checks.push(with_value(&check, &ident(&name)));
    }
    let written = format!("{} {base}", ident(&name));
    candidates.push(match computed.filter(|_| generated) {
        Some(expression) => format!("{written} GENERATED ALWAYS AS ({expression}) STORED"),
        None => written,
    });
    shape.columns.insert(name, column);
}
