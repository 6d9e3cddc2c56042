//! Whether a table of a database holds the very rows that it held in an earlier snapshot, which is gone.
//!
//! A version of a row is made by a transaction, whose number it bears (`xmin`), and is never changed after. So
//! rows that a later snapshot sees, and that no transaction since the earlier one made, were there then; and
//! if they are as many as were read then, none of those has gone. That is a proof, if the later snapshot sees
//! all that the earlier one saw (the log had come as far before it), if no crash took back what was seen (the
//! log was on the disk as far, or the server has run ever since), and if the rows are still in the same file
//! (`TRUNCATE` and `ALTER TABLE` write another one). What cannot be proven counts as changed.

use crate::base::Problem;
use crate::data::catalog::Table;
use crate::data::postgres::{self, LOG, Snapshot, failed};
use serde::{Deserialize, Serialize};

/// Transactions between two snapshots at the most: their numbers come round after twice as many.
const TRANSACTIONS_MAX: i64 = 1 << 31;

/// Where rows come from, as far as it must be the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Origin {
    /// Files, whose batches tell whether they are the same.
    Files,
    /// A database.
    Database(postgres::Origin),
}

/// What a later snapshot must know of a table that was read whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Proof {
    /// The oldest transaction that the snapshot may not have seen.
    pub(super) since: i64,
    /// How far the log had come behind the snapshot.
    log: i64,
    /// The log was on the disk as far.
    pub(super) durable: bool,
    /// The server's life, which ends with a crash; `None`: it may not be known.
    life: Option<String>,
    /// The files of the table and its partitions.
    files: String,
}

/// A snapshot, looked at for proofs.
pub(super) struct Watch<'a> {
    snapshot: &'a Snapshot,
    pub(super) origin: postgres::Origin,
    /// How far the log had come before the snapshot, and behind it.
    before: i64,
    log: i64,
    /// The oldest transaction that it may not see, and the first that it cannot.
    since: i64,
    end: i64,
    durable: bool,
    life: Option<String>,
}

/// When the server and its checkpointer began, which does so again after a crash.
const LIFE: &str = "(SELECT extract(epoch FROM pg_postmaster_start_time()) || ' ' || extract(epoch FROM backend_start)
                       FROM pg_stat_activity WHERE backend_type = 'checkpointer' LIMIT 1)";

fn wrong(error: &tokio_postgres::Error) -> Problem {
    failed("reading the source broke off", error)
}

impl<'a> Watch<'a> {
    /// `None`: the source does not say enough of itself.
    pub(super) async fn begin(snapshot: &'a Snapshot) -> Result<Option<Watch<'a>>, Problem> {
        let Some((origin, before)) = snapshot.origin.clone() else { return Ok(None) };
        let query = format!(
            "SELECT txid_snapshot_xmin(txid_current_snapshot()), txid_snapshot_xmax(txid_current_snapshot()), {LOG}, pg_is_in_recovery(), {LIFE}"
        );
        let row = snapshot.client().query_one(&query, &[]).await.map_err(|e| wrong(&e))?;
        let Some(log) = row.get::<_, Option<i64>>(2) else { return Ok(None) };
        // What a copy carries out lies on its disk.
        let (since, end, durable) = (row.get(0), row.get(1), row.get(3));
        let life = row.get(4);
        Ok(Some(Watch { snapshot, origin, before, log, since, end, durable, life }))
    }

    /// What is to be known of a table all of whose rows were just read; `None`: nothing proves anything of it.
    pub(super) async fn proof(&mut self, table: &Table) -> Result<Option<Proof>, Problem> {
        // What an expression gives may hang on other tables.
        if table.columns.iter().any(|c| c.by_sql.is_some()) {
            return Ok(None);
        }
        if !self.durable {
            let query = "SELECT (pg_current_wal_flush_lsn() - '0/0'::pg_lsn)::bigint";
            let row = self.snapshot.client().query_one(query, &[]).await.map_err(|e| wrong(&e))?;
            self.durable = row.get::<_, i64>(0) >= self.log;
        }
        let (since, log, durable) = (self.since, self.log, self.durable);
        let (files, life) = (self.files(table).await?, self.life.clone());
        Ok(files.map(|files| Proof { since, log, durable, life, files }))
    }

    /// The files in which a table's rows lie; `None`: not all of them are files of Postgres' own that show
    /// every row to everybody.
    async fn files(&self, table: &Table) -> Result<Option<String>, Problem> {
        let query = "SELECT string_agg(c.oid || ' ' || coalesce(pg_relation_filenode(c.oid), 0), ', ' ORDER BY c.oid),
                            bool_and(NOT c.relrowsecurity AND (c.relkind = 'p' OR c.relkind = 'r' AND m.amname = 'heap'))
                       FROM pg_class c LEFT JOIN pg_am m ON m.oid = c.relam
                      WHERE c.oid = to_regclass($1) OR c.oid IN (SELECT relid FROM pg_partition_tree(to_regclass($1)))";
        let row = self.snapshot.client().query_one(query, &[&table.sql()]).await;
        let row = row.map_err(|e| wrong(&e))?;
        let ordinary: Option<bool> = row.get(1);
        Ok(row.get::<_, Option<String>>(0).filter(|_| ordinary == Some(true)))
    }

    /// Whether this snapshot sees the same rows of a table as the earlier one that read `rows` of it.
    pub(super) async fn unchanged(
        &self,
        table: &Table,
        rows: u64,
        proof: &Proof,
    ) -> Result<bool, Problem> {
        let passed = self.end - proof.since;
        let stands = proof.durable || proof.life.is_some() && proof.life == self.life;
        if !stands || self.before < proof.log || !(0..TRANSACTIONS_MAX).contains(&passed) {
            return Ok(false);
        }
        // First: a file that is not there any more is not read.
        if self.files(table).await?.as_ref() != Some(&proof.files) {
            return Ok(false);
        }
        let only = if table.partitioned { "" } else { "ONLY " };
        let query = format!(
            "SELECT count(*), count(*) FILTER (WHERE ((xmin::text::bigint - ($1::bigint & 4294967295)) & 4294967295) < $2::bigint)
               FROM {only}{}",
            table.sql()
        );
        let row = self.snapshot.client().query_one(&query, &[&proof.since, &passed]).await;
        let row = row.map_err(|e| wrong(&e))?;
        let (all, new): (i64, i64) = (row.get(0), row.get(1));
        // Read under a lock that lets nobody exchange the file.
        let same = self.files(table).await?.as_ref() == Some(&proof.files);
        Ok(same && new == 0 && u64::try_from(all) == Ok(rows))
    }
}
