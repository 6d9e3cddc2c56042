//! One snapshot of a source: a read-only transaction in which everything is read, exported so that pg_dump
//! reads the same.

use super::connect::{Link, connect_tapped, failed};
use super::origin::{Origin, origin};
use super::tap::Tap;
use crate::base::Problem;
use crate::data::catalog::Table;
use futures_util::{StreamExt, TryStreamExt};
use tokio_postgres::Config;

/// A sample of fewer rows is taken from the beginning of a table.
const SPREAD_ROWS_MIN: u64 = 500;

/// A source, standing still.
pub(crate) struct Snapshot {
    link: Link,
    /// Takes rows off the wire as they come.
    tap: Option<Tap>,
    /// Its name for other sessions.
    pub(crate) id: String,
    /// The database, and how far its log had come before the snapshot; `None`: it does not say.
    pub(crate) origin: Option<(Origin, i64)>,
}

impl Snapshot {
    /// Opens a source. Nothing that is done through it can write.
    pub(crate) async fn open(config: &Config) -> Result<Snapshot, Problem> {
        let (link, tap) = connect_tapped(config).await?;
        let settings = "SET client_encoding = 'UTF8'; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres';
             SET TimeZone = 'UTC'; SET extra_float_digits = 1; SET bytea_output = 'hex'; SET lock_timeout = '30s';
             SET statement_timeout = 0; SET search_path = 'pg_catalog'";
        let wrong = |e: tokio_postgres::Error| failed("cannot begin a snapshot", &e);
        link.client.batch_execute(settings).await.map_err(wrong)?;
        let origin = origin(&link.client).await;
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        link.client.batch_execute(begin).await.map_err(wrong)?;
        let exported = link.client.query_one("SELECT pg_export_snapshot()", &[]).await;
        let id = exported.map_err(|e| failed("cannot export the snapshot", &e))?.get(0);
        Ok(Snapshot { link, tap, id, origin })
    }

    /// Its session.
    pub(crate) fn client(&self) -> &tokio_postgres::Client {
        &self.link.client
    }

    /// Rows in COPY's text format; `sink` takes batches of whole rows, of about `batch` bytes.
    pub(crate) async fn copy_out(
        &self,
        select: &str,
        batch: usize,
        mut sink: impl AsyncFnMut(Vec<u8>) -> Result<(), Problem>,
    ) -> Result<(), Problem> {
        let statement = format!("COPY ({select}) TO STDOUT");
        let broken =
            |e: tokio_postgres::Error| failed("reading the source broke off", &e).retryable();
        let taken = self.tap.as_ref().map(|tap| tap.take(batch));
        let rows = self.link.client.copy_out(&statement).await.map_err(broken)?;
        let mut rows = std::pin::pin!(rows);
        if let Some(mut taken) = taken {
            while let Some(batch) = taken.next().await {
                sink(batch).await?;
            }
            // All of them went by: what is left is how it ended.
            return rows.try_next().await.map(drop).map_err(broken);
        }
        let room = || Vec::with_capacity(batch + batch / 4);
        let mut held = room();
        while let Some(row) = rows.try_next().await.map_err(broken)? {
            held.extend_from_slice(&row);
            if held.len() >= batch && held.ends_with(b"\n") {
                sink(std::mem::replace(&mut held, room())).await?;
            }
        }
        match held.is_empty() {
            true => Ok(()),
            false => sink(held).await,
        }
    }

    /// Up to `limit` rows of a table, from all over it where it is large.
    pub(crate) async fn sample(&self, table: &Table, limit: u64) -> Result<Vec<u8>, Problem> {
        let mut select = table.select();
        // Of few pages a random share may be none.
        if limit >= SPREAD_ROWS_MIN && table.rows > limit * 50 && !table.partitioned {
            #[allow(clippy::cast_precision_loss, reason = "a share of a table")]
            let percent = (limit as f64 * 300.0 / table.rows as f64).clamp(0.01, 100.0);
            select.push_str(&format!(" TABLESAMPLE SYSTEM ({percent})"));
        }
        select.push_str(&format!(" LIMIT {limit}"));
        let mut all = Vec::new();
        let sink = async |batch: Vec<u8>| {
            all.extend_from_slice(&batch);
            Ok(())
        };
        self.copy_out(&select, 1 << 20, sink).await?;
        Ok(all)
    }
}
