//! Looks through a database: every column of every table, statistics, comments, sequences, names and
//! definitions, and the data files.

use super::crew::{Crew, rows};
use super::files;
use super::looker::Looker;
use crate::base::Problem;
use crate::data::postgres::{Snapshot, connect, failed};
use crate::data::prints::sequence_value;
use std::path::Path;
use std::sync::Arc;
use tokio_postgres::{Client, Config};

/// Texts of the catalog that may hold what somebody wrote: place and value.
const TEXTS: &[(&str, &str)] = &[
    (
        "pg_statistic",
        "SELECT schemaname || '.' || tablename || '.' || attname, concat_ws(' ', most_common_vals::text, histogram_bounds::text, most_common_elems::text)
           FROM pg_stats WHERE schemaname !~ '^pg_' AND schemaname <> 'information_schema'",
    ),
    ("comment", "SELECT coalesce(c.relname, d.objoid::text), d.description FROM pg_description d LEFT JOIN pg_class c ON c.oid = d.objoid WHERE d.objoid >= 16384"),
    ("shared comment", "SELECT objoid::text, description FROM pg_shdescription WHERE objoid >= 16384"),
    ("default", "SELECT c.relname, pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef d JOIN pg_class c ON c.oid = d.adrelid"),
    ("constraint", "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'c' AND oid >= 16384"),
    ("view", "SELECT relname, pg_get_viewdef(oid) FROM pg_class WHERE relkind IN ('v', 'm') AND oid >= 16384"),
    ("function", "SELECT proname, prosrc FROM pg_proc WHERE oid >= 16384"),
    ("enum", "SELECT enumtypid::regtype::text, enumlabel FROM pg_enum"),
];

/// Looks through everything that `config` leads to.
pub(super) async fn scan(config: &Config, looker: &mut Looker) -> Result<(), Problem> {
    let link = connect(config).await?;
    let client = &link.client;
    // What is in memory only is in no file yet.
    client.batch_execute("CHECKPOINT").await.map_err(|e| failed("cannot make a checkpoint", &e))?;
    tables(config, client, looker).await?;
    for (what, query) in TEXTS {
        let rows = client.query(*query, &[]).await;
        for row in rows.map_err(|e| failed(&format!("cannot read each {what}"), &e))? {
            let (name, text): (Option<String>, Option<String>) = (row.get(0), row.get(1));
            let place = format!("database: {what} of {}", name.unwrap_or_default());
            looker.look(&place, &text.unwrap_or_default());
        }
    }
    let sequences = "SELECT schemaname || '.' || sequencename, last_value FROM pg_sequences WHERE last_value IS NOT NULL";
    let rows = client.query(sequences, &[]).await;
    for row in rows.map_err(|e| failed("cannot read the sequences", &e))? {
        let (name, value): (String, i64) = (row.get(0), row.get(1));
        let place = format!("database: sequence {name}");
        looker.wholes(&place, std::iter::once(sequence_value(&name, value).as_str()));
    }
    let place = "SELECT current_setting('data_directory'), (SELECT oid FROM pg_database WHERE datname = current_database())";
    let row = client.query_one(place, &[]).await;
    let row = row.map_err(|e| failed("cannot ask where the data lies", &e))?;
    let (directory, oid): (String, u32) = (row.get(0), row.get(1));
    files::scan(Path::new(&directory), oid, looker)
}

/// Every row of every table, partitions and materialised views included.
async fn tables(config: &Config, client: &Client, looker: &mut Looker) -> Result<(), Problem> {
    let query = "SELECT n.nspname || '.' || c.relname, format('%I.%I', n.nspname, c.relname),
                        ARRAY(SELECT attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND attnum > 0 AND NOT attisdropped ORDER BY attnum)
                   FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                  WHERE c.relkind IN ('r', 'm') AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'devenv_seed')
                    AND (c.relkind = 'r' OR c.relispopulated)";
    let snapshot = Snapshot::open(config).await?;
    let crew = Crew::of(looker);
    let all = client.query(query, &[]).await;
    for row in all.map_err(|e| failed("cannot list the tables", &e))? {
        let (label, sql, columns): (String, String, Vec<String>) =
            (row.get(0), row.get(1), row.get(2));
        let places: Arc<[String]> =
            columns.iter().map(|c| format!("database: {label}.{c}")).collect();
        let sink = async |batch: Vec<u8>| {
            let places = places.clone();
            crew.hand(move |looker| {
                rows(&batch, &places, looker);
                Ok(())
            });
            Ok(())
        };
        snapshot.copy_out(&format!("SELECT * FROM ONLY {sql}"), 1 << 20, sink).await?;
    }
    crew.finish(looker)
}
