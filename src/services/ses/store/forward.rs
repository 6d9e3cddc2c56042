//! Which mails were passed on to a real mail server: a mark up to which all were looked at, and those
//! that did not go through at once.

use crate::base::Millis;
use crate::storage::Schema;
use crate::storage::Transaction;
use crate::storage::rusqlite::{self, Connection, OptionalExtension, params};

/// The tables. There is a mark only while mail is passed on.
pub const SCHEMA: Schema = Schema {
    name: "ses_forward",
    scripts: &["CREATE TABLE ses_forward_mark(seq INTEGER NOT NULL);
         CREATE TABLE ses_forward(
           seq INTEGER PRIMARY KEY, attempts INTEGER NOT NULL, due INTEGER NOT NULL, error TEXT NOT NULL);
         CREATE INDEX ses_forward_due ON ses_forward(due);"],
};

/// When a mail that was given up is due: never.
const NEVER: i64 = i64::MAX;

/// A mail that did not go through yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::services::ses) struct Delayed {
    pub(in crate::services::ses) seq: i64,
    pub(in crate::services::ses) attempts: u32,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::services::ses) enum Outcome {
    /// The server has it, or nobody wants it passed on.
    Done,
    /// To be tried again.
    Later { attempts: u32, due: Millis, error: String },
    /// Given up.
    Never { attempts: u32, error: String },
}

/// Up to which mail all were looked at.
pub(in crate::services::ses) fn mark(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    let sql = "SELECT seq FROM ses_forward_mark";
    connection.query_row(sql, [], |row| row.get(0)).optional()
}

/// Begins with the mails to come, unless it has begun already.
pub(in crate::services::ses) fn begin(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    let sql = "INSERT INTO ses_forward_mark SELECT coalesce((SELECT max(seq) FROM ses_mail), 0)
               WHERE NOT EXISTS (SELECT 1 FROM ses_forward_mark)";
    transaction.execute(sql, []).map(drop)
}

/// Forgets everything: nothing is passed on any more.
pub(in crate::services::ses) fn end(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute_batch("DELETE FROM ses_forward_mark; DELETE FROM ses_forward;")
}

/// When the next of the delayed mails is due.
pub(in crate::services::ses) fn due(connection: &Connection) -> rusqlite::Result<Option<Millis>> {
    let sql = "SELECT min(due) FROM ses_forward WHERE due < ?1";
    let due: Option<i64> = connection.query_row(sql, [NEVER], |row| row.get(0))?;
    Ok(due.map(Millis))
}

/// Delayed mails that are due.
pub(in crate::services::ses) fn delayed(
    connection: &Connection,
    now: Millis,
    limit: usize,
) -> rusqlite::Result<Vec<Delayed>> {
    let mut rows = connection.prepare_cached(
        "SELECT seq, attempts FROM ses_forward WHERE due <= ?1 ORDER BY due LIMIT ?2",
    )?;
    let all = rows.query_map(params![now.0, limit as i64], |row| {
        Ok(Delayed { seq: row.get(0)?, attempts: row.get(1)? })
    })?;
    all.collect()
}

/// Records how the attempt with mail `seq` ended; `fresh` moves the mark to it.
pub(in crate::services::ses) fn record(
    transaction: &Transaction<'_>,
    seq: i64,
    fresh: bool,
    outcome: &Outcome,
) -> rusqlite::Result<()> {
    let (attempts, due, error) = match outcome {
        Outcome::Done => {
            transaction.execute("DELETE FROM ses_forward WHERE seq=?1", [seq])?;
            return moved(transaction, seq, fresh);
        }
        Outcome::Later { attempts, due, error } => (attempts, due.0, error),
        Outcome::Never { attempts, error } => (attempts, NEVER, error),
    };
    transaction.execute(
        "INSERT OR REPLACE INTO ses_forward(seq, attempts, due, error) VALUES (?1, ?2, ?3, ?4)",
        params![seq, attempts, due, error],
    )?;
    moved(transaction, seq, fresh)
}

fn moved(transaction: &Transaction<'_>, seq: i64, fresh: bool) -> rusqlite::Result<()> {
    if !fresh {
        return Ok(());
    }
    transaction.execute("UPDATE ses_forward_mark SET seq=?1", [seq]).map(drop)
}

/// How the forwarding of a mail stands, if it was delayed or given up: attempts and the last error.
pub(in crate::services::ses) fn standing(
    connection: &Connection,
    seq: i64,
) -> rusqlite::Result<Option<(u32, bool, String)>> {
    let sql = "SELECT attempts, due, error FROM ses_forward WHERE seq=?1";
    let read =
        |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get::<_, i64>(1)? == NEVER, row.get(2)?));
    connection.prepare_cached(sql)?.query_row([seq], read).optional()
}
