//! One transaction for a group of jobs, on the one connection that writes.
//!
//! A full disk costs the group that meets it, and the reserve. Until there is room again jobs run one
//! by one: what makes the file grow is refused, what frees space is committed.

use super::error::StorageError;
use super::reserve::Reserve;
use super::writer::{Job, lock};
use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};
use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Jobs in one transaction at the most; bounds how long the first of them waits.
const GROUP_MAX: usize = 512;

/// The writing connection, until it is closed.
pub(super) struct Committer {
    connection: Option<Connection>,
    /// The jobs of the transaction under way; some are left here only by a leader that panicked.
    group: Vec<Job>,
}

impl Committer {
    pub(super) fn new(connection: Connection) -> Committer {
        Committer { connection: Some(connection), group: Vec::new() }
    }

    /// Commits the head of `queue`; whether anything was written.
    pub(super) fn commit(
        &mut self,
        queue: &Mutex<VecDeque<Job>>,
        epoch: &AtomicU64,
        reserve: &Reserve,
    ) -> bool {
        if !self.group.is_empty() {
            tracing::error!(jobs = self.group.len(), "state file: a commit was broken off");
            epoch.fetch_add(1, Ordering::SeqCst);
            self.group.clear();
        }
        let mut waiting = lock(queue);
        let many = waiting.len().min(GROUP_MAX);
        self.group.extend(waiting.drain(..many));
        drop(waiting);
        let now = epoch.load(Ordering::SeqCst);
        // A job of a bygone epoch was rolled back: dropped, it says so.
        self.group.retain(|job| job.epoch >= now);
        if self.group.is_empty() {
            return false;
        }
        let Some(connection) = &mut self.connection else {
            self.group.drain(..).for_each(|job| job.finish(Err(StorageError::Closed)));
            return false;
        };
        if !reserve.hold() {
            commit_lean(connection, &mut self.group, epoch);
            return true;
        }
        match run_group(connection, &mut self.group) {
            Ok(()) => self.group.drain(..).for_each(|job| job.finish(Ok(()))),
            Err(error) => {
                if error.sqlite_error_code() == Some(ErrorCode::DiskFull) {
                    reserve.release();
                }
                fail(error, self.group.drain(..), epoch);
            }
        }
        true
    }

    /// Folds the log into the file and closes it; later jobs hear that it is closed.
    pub(super) fn close(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        // A failed checkpoint loses nothing: the log is read again at the next start.
        if let Err(error) = connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)") {
            tracing::warn!(%error, "state file: checkpoint at close failed");
        }
    }
}

fn run_group(connection: &mut Connection, group: &mut [Job]) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for job in group.iter_mut() {
        (job.work)(&transaction)?;
    }
    transaction.commit()
}

fn fail(error: rusqlite::Error, jobs: impl ExactSizeIterator<Item = Job>, epoch: &AtomicU64) {
    tracing::error!(%error, jobs = jobs.len(), "state file: a commit failed");
    // The epoch moves before anyone hears of the failure, so whoever retries reloads first.
    epoch.fetch_add(1, Ordering::SeqCst);
    let error = StorageError::from(error);
    jobs.for_each(|job| job.finish(Err(error.clone())));
}

/// On a full disk: each job by itself in the space of the reserve, unless it makes the file grow.
fn commit_lean(connection: &mut Connection, group: &mut Vec<Job>, epoch: &AtomicU64) {
    for mut job in group.drain(..) {
        if job.epoch < epoch.load(Ordering::SeqCst) {
            continue;
        }
        shorten_log(connection);
        match run_lean(connection, &mut job) {
            Ok(()) => job.finish(Ok(())),
            Err(error) => fail(error, std::iter::once(job), epoch),
        }
    }
    shorten_log(connection);
}

fn run_lean(connection: &mut Connection, job: &mut Job) -> rusqlite::Result<()> {
    let pages = |transaction: &Transaction<'_>| {
        transaction.query_row("PRAGMA page_count", [], |row| row.get::<_, i64>(0))
    };
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let before = pages(&transaction)?;
    (job.work)(&transaction)?;
    if pages(&transaction)? > before {
        let full = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL);
        return Err(rusqlite::Error::SqliteFailure(full, None));
    }
    transaction.commit()
}

/// Folds the log into the file and gives its space back.
fn shorten_log(connection: &Connection) {
    // It stays as it is if that needs space too: nothing is lost.
    if let Err(error) = connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)") {
        tracing::debug!(%error, "state file: no checkpoint on a full disk");
    }
}
