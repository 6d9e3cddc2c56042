//! Loads a seed archive into a database, in one transaction: either all of it is there or nothing.
//!
//! An empty database gets the schema, the rows, then indexes and constraints. Where the archive's tables
//! are there already (made by migrations, or loaded before), their rows are replaced and everything else
//! stays; loading the same archive twice changes nothing.

use super::archive::{Ahead, Frame, FrameKind, Manifest, Reader, TableEntry};
use super::catalog::{Table, ident};
use super::postgres::{Link, catalog, connect, failed};
use crate::base::Problem;
use crate::runtime::Progress;
use bytes::Bytes;
use futures_util::SinkExt;
use std::path::Path;
use std::pin::pin;
use tokio_postgres::{Client, Config};

/// Where devenv notes what it loaded.
pub(crate) const NOTE: &str = "CREATE SCHEMA IF NOT EXISTS devenv_seed;
    CREATE TABLE IF NOT EXISTS devenv_seed.loaded (content text PRIMARY KEY, at timestamptz NOT NULL DEFAULT now());
    COMMENT ON SCHEMA devenv_seed IS 'what devenv seed has loaded'";
/// Bytes sent at a time.
const SEND_BYTES: usize = 256 * 1024;

/// What became of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loaded {
    /// Its schema and rows are there.
    Whole,
    /// The rows of tables that were there are replaced.
    Rows,
    /// It was there already.
    Already,
}

/// Brings the archive at `path` into a database.
pub(crate) async fn load(
    path: &Path,
    config: &Config,
    progress: &dyn Progress,
) -> Result<(Loaded, Manifest), Problem> {
    let reader = Reader::open(path)?;
    let manifest = reader.manifest.clone();
    let link = connect(config).await?;
    let client = &link.client;
    let settings = "SET client_min_messages = 'warning'; SET client_encoding = 'UTF8'; SET DateStyle = 'ISO, YMD';
         SET IntervalStyle = 'postgres'; SET standard_conforming_strings = on; SET synchronous_commit = off; BEGIN";
    client.batch_execute(settings).await.map_err(|e| failed("cannot begin to load", &e))?;
    client.batch_execute(NOTE).await.map_err(|e| failed("cannot note what is loaded", &e))?;
    let content = manifest.content_hash.clone();
    let there = catalog(client).await?;
    let missing: Vec<&TableEntry> =
        manifest.tables.iter().filter(|t| there.table(&t.label()).is_none()).collect();
    let known = "SELECT EXISTS (SELECT FROM devenv_seed.loaded WHERE content = $1)";
    let known = client.query_one(known, &[&content]).await;
    let known: bool = known.map_err(|e| failed("cannot see what is loaded", &e))?.get(0);
    if known && missing.is_empty() {
        return Ok((Loaded::Already, manifest));
    }
    let fresh = missing.len() == manifest.tables.len();
    if !fresh {
        fits(&manifest, &missing, &there.tables)?;
        empty(client, &manifest).await?;
    }
    frames(Ahead::of(reader)?, (client, &manifest), fresh, progress).await?;
    if fresh {
        refresh(client).await?;
    }
    sequences(client, &manifest).await?;
    let note = "INSERT INTO devenv_seed.loaded (content) VALUES ($1) ON CONFLICT DO NOTHING";
    client
        .execute(note, &[&content])
        .await
        .map_err(|e| failed("cannot note what is loaded", &e))?;
    client.batch_execute("COMMIT").await.map_err(|e| failed("cannot commit the load", &e))?;
    analyse(&link, &manifest).await?;
    Ok((if fresh { Loaded::Whole } else { Loaded::Rows }, manifest))
}

/// Whether rows of the archive go into the tables that are there.
fn fits(manifest: &Manifest, missing: &[&TableEntry], there: &[Table]) -> Result<(), Problem> {
    let hint = "`devenv seed --fresh` makes the database anew";
    if let Some(table) = missing.first() {
        let message = format!("some tables of the archive are there, but not {}", table.label());
        return Err(Problem::failed("seed-schema", message).hint(hint));
    }
    for entry in &manifest.tables {
        let table = there.iter().find(|t| t.label() == entry.label());
        let lacks = entry
            .columns
            .iter()
            .find(|c| table.is_none_or(|t| !t.pulled().any(|there| there.name == c.name)));
        if let Some(column) = lacks {
            let message = format!(
                "{} has no column `{}`, which the archive fills",
                entry.label(),
                column.name
            );
            return Err(Problem::failed("seed-schema", message).hint(hint));
        }
    }
    Ok(())
}

/// Empties the archive's tables; triggers and foreign keys rest while they are filled.
async fn empty(client: &Client, manifest: &Manifest) -> Result<(), Problem> {
    let names: Vec<String> = manifest.tables.iter().map(sql).collect();
    let wrong = |e: tokio_postgres::Error| failed("cannot empty the tables", &e);
    client.batch_execute("SET LOCAL session_replication_role = replica").await.map_err(wrong)?;
    match names.is_empty() {
        true => Ok(()),
        false => {
            let truncate = format!("TRUNCATE {}", names.join(", "));
            client.batch_execute(&truncate).await.map_err(wrong)
        }
    }
}

fn sql(entry: &TableEntry) -> String {
    format!("{}.{}", ident(&entry.schema), ident(&entry.name))
}

/// Carries out the archive's frames in their order.
async fn frames(
    mut archive: Ahead,
    (client, manifest): (&Client, &Manifest),
    fresh: bool,
    progress: &dyn Progress,
) -> Result<(), Problem> {
    let mut pending = archive.next().await?;
    while let Some((frame, bytes)) = pending.take() {
        match frame.kind {
            FrameKind::Before | FrameKind::Behind if fresh => {
                script(client, &bytes, frame.kind == FrameKind::Before).await?;
            }
            FrameKind::Rows => {
                let table = (frame.table, &manifest.tables[frame.table as usize]);
                pending = rows(&mut archive, client, table, bytes, progress).await?;
                continue;
            }
            _ => {}
        }
        pending = archive.next().await?;
    }
    Ok(())
}

async fn script(client: &Client, bytes: &[u8], before: bool) -> Result<(), Problem> {
    let what = if before { "the archive's schema" } else { "indexes and constraints" };
    let text = std::str::from_utf8(bytes);
    let text =
        text.map_err(|_| Problem::failed("archive-corrupt", format!("{what} is no text")))?;
    client.batch_execute(text).await.map_err(|e| {
        failed(&format!("cannot make {what}"), &e).hint(
            "extensions of the source must be there too (`extensions` in [postgres]); `devenv seed --fresh` makes the database anew",
        )
    })?;
    // pg_dump's scripts leave no schema on the path.
    let path = "SET search_path = pg_catalog";
    client.batch_execute(path).await.map_err(|e| failed("cannot set the path", &e))
}

/// Fills one table; returns the first frame that is not its.
async fn rows(
    archive: &mut Ahead,
    client: &Client,
    (number, entry): (u32, &TableEntry),
    first: Vec<u8>,
    progress: &dyn Progress,
) -> Result<Option<(Frame, Vec<u8>)>, Problem> {
    let label = entry.label();
    let wrong = |e: tokio_postgres::Error| failed(&format!("cannot fill {label}"), &e);
    let columns = entry.columns.iter().map(|c| ident(&c.name)).collect::<Vec<_>>().join(", ");
    let statement = match columns.is_empty() {
        true => format!("COPY {} FROM STDIN", sql(entry)),
        false => format!("COPY {} ({columns}) FROM STDIN", sql(entry)),
    };
    progress.begin(&label, &label, Some(entry.bytes));
    let sink = client.copy_in(&statement).await.map_err(wrong)?;
    let mut sink = pin!(sink);
    let mut bytes = Bytes::from(first);
    let rest = loop {
        while !bytes.is_empty() {
            let piece = bytes.split_to(bytes.len().min(SEND_BYTES));
            progress.advance(&label, piece.len() as u64);
            sink.send(piece).await.map_err(wrong)?;
        }
        match archive.next().await? {
            Some((frame, next)) if frame.kind == FrameKind::Rows && frame.table == number => {
                bytes = Bytes::from(next);
            }
            other => break other,
        }
    };
    sink.finish().await.map_err(wrong)?;
    progress.end(&label);
    Ok(rest)
}

/// Fills materialised views, those first that the others read.
async fn refresh(client: &Client) -> Result<(), Problem> {
    let wrong = |e: tokio_postgres::Error| failed("cannot fill a materialised view", &e);
    let views = "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                  WHERE c.relkind = 'm' AND NOT c.relispopulated ORDER BY c.oid";
    for row in client.query(views, &[]).await.map_err(wrong)? {
        let statement = format!("REFRESH MATERIALIZED VIEW {}", row.get::<_, String>(0));
        client.batch_execute(&statement).await.map_err(wrong)?;
    }
    Ok(())
}

/// Sequences go on behind the greatest value of their columns, and tell nothing of the source's.
async fn sequences(client: &Client, manifest: &Manifest) -> Result<(), Problem> {
    let wrong = |e: tokio_postgres::Error| failed("cannot set a sequence", &e);
    let query = "SELECT format('%I.%I', sn.nspname, s.relname), format('%I.%I', tn.nspname, t.relname), quote_ident(a.attname),
                        tn.nspname || '.' || t.relname, q.seqmin, q.seqmax
                   FROM pg_depend d JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
                   JOIN pg_namespace sn ON sn.oid = s.relnamespace JOIN pg_class t ON t.oid = d.refobjid
                   JOIN pg_namespace tn ON tn.oid = t.relnamespace JOIN pg_sequence q ON q.seqrelid = s.oid
                   JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
                   JOIN pg_type y ON y.oid = a.atttypid AND y.typcategory = 'N'
                  WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')";
    for row in client.query(query, &[]).await.map_err(wrong)? {
        let (sequence, table, column, label): (String, String, String, String) =
            (row.get(0), row.get(1), row.get(2), row.get(3));
        if !manifest.tables.iter().any(|t| t.label() == label) {
            continue;
        }
        let (least, most): (i64, i64) = (row.get(4), row.get(5));
        let set = format!(
            "SELECT setval('{}'::regclass, greatest(least(max({column})::numeric, {most}), {least})::bigint, max({column}) IS NOT NULL) FROM {table}",
            sequence.replace('\'', "''")
        );
        client.query_one(&set, &[]).await.map_err(wrong)?;
    }
    Ok(())
}

/// Statistics for the planner, of the masked rows.
async fn analyse(link: &Link, manifest: &Manifest) -> Result<(), Problem> {
    for entry in manifest.tables.iter().filter(|t| t.rows > 0) {
        let statement = format!("ANALYZE {}", sql(entry));
        let done = link.client.batch_execute(&statement).await;
        done.map_err(|e| failed("cannot analyse a table", &e))?;
    }
    Ok(())
}
