//! A write transaction on the one connection that writes. It may stay open over several groups of jobs
//! (`commit.rs`), so it is begun and ended by statements, and borrows the connection only for a job.

use rusqlite::Connection;
use std::ops::Deref;

/// The right to write within the transaction that is open on a connection.
pub struct Transaction<'c>(&'c Connection);

impl<'c> Transaction<'c> {
    /// Begins one, unless one is open already; whether it was begun.
    pub fn open(connection: &'c Connection) -> rusqlite::Result<(Self, bool)> {
        let begins = connection.is_autocommit();
        if begins {
            connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        }
        Ok((Transaction(connection), begins))
    }

    /// An error if it was lost meanwhile: SQLite undoes it after some errors, and whoever met one may not
    /// have passed it on.
    pub(super) fn still_open(&self) -> rusqlite::Result<()> {
        if self.0.is_autocommit() {
            let lost = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_ABORT_ROLLBACK);
            return Err(rusqlite::Error::SqliteFailure(lost, None));
        }
        Ok(())
    }

    /// Commits it. After an error it is still open.
    pub fn commit(self) -> rusqlite::Result<()> {
        self.0.prepare_cached("COMMIT")?.execute([]).map(drop)
    }
}

impl Deref for Transaction<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.0
    }
}

/// Undoes whatever is open on `connection`.
pub(super) fn roll_back(connection: &Connection) {
    // SQLite itself rolls back after some errors; what else could fail leaves nothing open.
    if !connection.is_autocommit()
        && let Err(error) = connection.execute_batch("ROLLBACK")
    {
        tracing::error!(%error, "state file: a transaction cannot be rolled back");
    }
}
