//! A database's tables, columns, keys and references, from Postgres' own catalog.

use super::connect::failed;
use crate::base::Problem;
use crate::data::catalog::{Catalog, Column, Reference, Table, Type};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use tokio_postgres::{Client, Row};

/// Schemas that are never pulled: the server's, and where devenv notes what it loaded.
const NOT_PULLED: &str =
    "n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'devenv_seed')";

struct RawType {
    name: String,
    category: char,
    kind: char,
    base: u32,
    element: u32,
    modifier: i32,
    checked: bool,
}

/// What the database holds.
pub(crate) async fn catalog(client: &Client) -> Result<Catalog, Problem> {
    let wrong = |e: tokio_postgres::Error| failed("cannot read the catalog", &e);
    let types = types(client).await.map_err(wrong)?;
    let tables = format!(
        "SELECT c.oid, n.nspname, c.relname, c.relkind = 'p', greatest(c.reltuples, 0)::float8
           FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
          WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND {NOT_PULLED} AND c.relpersistence <> 't'
            AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.classid = 'pg_class'::regclass AND d.deptype = 'e')
          ORDER BY 2, 3"
    );
    let mut by_oid: BTreeMap<u32, Table> = BTreeMap::new();
    for row in client.query(&tables, &[]).await.map_err(wrong)? {
        let estimate: f64 = row.get(4);
        let table = Table {
            schema: row.get(1),
            name: row.get(2),
            partitioned: row.get(3),
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "an estimate"
            )]
            rows: estimate as u64,
            columns: Vec::new(),
            primary: Vec::new(),
            uniques: Vec::new(),
            partition_key: BTreeSet::new(),
        };
        by_oid.insert(row.get(0), table);
    }
    columns(client, &types, &mut by_oid).await.map_err(wrong)?;
    keys(client, &mut by_oid).await.map_err(wrong)?;
    let references = references(client, &by_oid).await.map_err(wrong)?;
    let mut tables: Vec<Table> = by_oid.into_values().collect();
    tables.sort_by_key(Table::label);
    Ok(Catalog { tables, references })
}

async fn types(client: &Client) -> Result<HashMap<u32, RawType>, tokio_postgres::Error> {
    let query = "SELECT t.oid, t.typname, t.typcategory, t.typtype, t.typbasetype, t.typelem, t.typtypmod,
                        EXISTS (SELECT FROM pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'c')
                   FROM pg_type t";
    let char_of = |row: &Row, i| char::from(row.get::<_, i8>(i).cast_unsigned());
    let rows = client.query(query, &[]).await?;
    let all = rows.iter().map(|row| {
        let raw = RawType {
            name: row.get(1),
            category: char_of(row, 2),
            kind: char_of(row, 3),
            base: row.get(4),
            element: row.get(5),
            modifier: row.get(6),
            checked: row.get(7),
        };
        (row.get(0), raw)
    });
    Ok(all.collect())
}

/// The type below domains, whether a domain checks it, and its modifier.
fn resolve(types: &HashMap<u32, RawType>, oid: u32, modifier: i32) -> (Type, bool) {
    let (mut oid, mut modifier, mut checked) = (oid, modifier, false);
    let mut array = false;
    while let Some(raw) = types.get(&oid) {
        checked |= raw.checked;
        match raw.kind {
            'd' => {
                (oid, modifier) =
                    (raw.base, if raw.modifier >= 0 { raw.modifier } else { modifier })
            }
            _ if raw.category == 'A' && !array && raw.element != 0 => {
                (array, oid) = (true, raw.element)
            }
            _ => break,
        }
    }
    let raw = types.get(&oid);
    let name = raw.map_or_else(|| "unknown".to_owned(), |r| r.name.clone());
    let size = usize::try_from(modifier - 4).ok();
    let max = size.filter(|_| matches!(name.as_str(), "varchar" | "bpchar"));
    let digits = (name == "numeric" && modifier >= 4).then(|| {
        let packed = (modifier - 4).cast_unsigned();
        let (precision, scale) = (packed >> 16, packed & 0x7ff);
        (precision.saturating_sub(scale), scale)
    });
    (Type { category: raw.map_or('U', |r| r.category), name, array, max, digits }, checked)
}

async fn columns(
    client: &Client,
    types: &HashMap<u32, RawType>,
    tables: &mut BTreeMap<u32, Table>,
) -> Result<(), tokio_postgres::Error> {
    let query = "SELECT a.attrelid, a.attname, a.atttypid, a.atttypmod, format_type(a.atttypid, a.atttypmod),
                        a.attnotnull, a.attgenerated::text <> '',
                        EXISTS (SELECT FROM pg_constraint k
                                 WHERE k.conrelid = a.attrelid AND k.contype = 'c' AND a.attnum = ANY (k.conkey))
                   FROM pg_attribute a
                  WHERE a.attrelid = ANY ($1) AND a.attnum > 0 AND NOT a.attisdropped
                  ORDER BY a.attrelid, a.attnum";
    let oids: Vec<u32> = tables.keys().copied().collect();
    for row in client.query(query, &[&oids]).await? {
        let (kind, by_domain) = resolve(types, row.get(2), row.get(3));
        let column = Column {
            name: row.get(1),
            kind,
            written: row.get(4),
            not_null: row.get(5),
            generated: row.get(6),
            checked: row.get::<_, bool>(7) || by_domain,
            by_sql: None,
        };
        if let Some(table) = tables.get_mut(&row.get::<_, u32>(0)) {
            table.columns.push(column);
        }
    }
    Ok(())
}

async fn keys(
    client: &Client,
    tables: &mut BTreeMap<u32, Table>,
) -> Result<(), tokio_postgres::Error> {
    let oids: Vec<u32> = tables.keys().copied().collect();
    // Columns inside the expressions of an index count as its columns: `lower(email)`.
    let indexes = "SELECT i.indrelid, i.indisprimary,
                          ARRAY(SELECT DISTINCT a.attname::text FROM pg_attribute a
                                 WHERE a.attrelid = i.indrelid AND a.attnum > 0
                                   AND (a.attnum = ANY (i.indkey) OR EXISTS (
                                        SELECT FROM pg_depend d WHERE d.objid = i.indexrelid AND d.refobjid = i.indrelid
                                           AND d.classid = 'pg_class'::regclass AND d.refobjsubid = a.attnum
                                           AND i.indexprs IS NOT NULL)))
                     FROM pg_index i WHERE i.indrelid = ANY ($1) AND (i.indisunique OR i.indisexclusion)";
    for row in client.query(indexes, &[&oids]).await? {
        if let Some(table) = tables.get_mut(&row.get::<_, u32>(0)) {
            let columns: Vec<String> = row.get(2);
            if row.get(1) {
                table.primary.clone_from(&columns);
            }
            table.uniques.push(columns);
        }
    }
    // Partition keys of every level count: rows are routed through all of them.
    let partitions = "WITH RECURSIVE tree AS (
                          SELECT c.oid AS root, c.oid AS oid FROM pg_class c WHERE c.oid = ANY ($1)
                          UNION ALL SELECT t.root, i.inhrelid FROM tree t JOIN pg_inherits i ON i.inhparent = t.oid)
                      SELECT DISTINCT t.root, a.attname::text FROM tree t
                        JOIN pg_partitioned_table p ON p.partrelid = t.oid
                        JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0
                         AND (a.attnum = ANY (p.partattrs) OR (p.partexprs IS NOT NULL AND 0 = ANY (p.partattrs)
                              AND pg_get_partkeydef(t.oid) ~ ('\\m' || a.attname || '\\M')))";
    for row in client.query(partitions, &[&oids]).await? {
        if let Some(table) = tables.get_mut(&row.get::<_, u32>(0)) {
            table.partition_key.insert(row.get(1));
        }
    }
    Ok(())
}

async fn references(
    client: &Client,
    tables: &BTreeMap<u32, Table>,
) -> Result<Vec<Reference>, tokio_postgres::Error> {
    let names = |rel: &str, keys: &str| {
        format!(
            "ARRAY(SELECT a.attname::text FROM unnest(k.{keys}) WITH ORDINALITY u(n, o)
                     JOIN pg_attribute a ON a.attrelid = k.{rel} AND a.attnum = u.n ORDER BY u.o)"
        )
    };
    let query = format!(
        "SELECT k.conrelid, {}, k.confrelid, {},
                ARRAY(SELECT format('OPERATOR(%I.%s)', n.nspname, o.oprname)
                        FROM unnest(k.conpfeqop) WITH ORDINALITY u(oid, nth)
                        JOIN pg_operator o ON o.oid = u.oid JOIN pg_namespace n ON n.oid = o.oprnamespace
                       ORDER BY u.nth)
           FROM pg_constraint k
          WHERE k.contype = 'f' AND k.conrelid = ANY ($1) AND k.confrelid = ANY ($1) ORDER BY k.conname",
        names("conrelid", "conkey"),
        names("confrelid", "confkey")
    );
    let oids: Vec<u32> = tables.keys().copied().collect();
    let label = |oid: u32| tables.get(&oid).map(Table::label).unwrap_or_default();
    let rows = client.query(&query, &[&oids]).await?;
    let all = rows.iter().map(|row| Reference {
        from: label(row.get(0)),
        from_columns: row.get(1),
        to: label(row.get(2)),
        to_columns: row.get(3),
        equal: row.get(4),
    });
    Ok(all.collect())
}
