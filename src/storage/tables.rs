//! The one connection that writes, and the backlog that was handed over to be written beside the requests.
//!
//! Invariants: while a transaction is open, it holds all of the backlog that runs at once, and nothing
//! else that was acknowledged. If it is lost, that work runs again, by what it noted the first time. While
//! a backlog is handed over, no work of the one that gathers has run.

use super::error::StorageError;
use super::journal::set_applied;
use super::reserve::Reserve;
use super::transaction::{Transaction, roll_back};
use super::writer::{Brief, Job, Work};
use rusqlite::{Connection, ErrorCode};
use std::sync::atomic::{AtomicU64, Ordering};

/// Jobs of a backlog whose settling writes about as much as one small transaction.
const SHARE: usize = 16;

/// Work that the journal holds up to a record, and the state file does not yet.
pub(super) struct Backlog {
    pub(super) works: Vec<Box<dyn Work>>,
    /// The number of the last record.
    pub(super) last: u64,
}

/// The tables as they are written.
pub(super) struct Tables {
    pub(super) writer: Writer,
    handed_over: Option<Backlog>,
}

impl Tables {
    pub(super) fn new(connection: Connection) -> Tables {
        let writer = Writer { connection: Some(connection), is_running: false };
        Tables { writer, handed_over: None }
    }

    /// Whether a backlog waits that was handed over.
    pub(super) fn is_behind(&self) -> bool {
        self.handed_over.is_some()
    }

    /// Takes over a backlog, none of which has run.
    pub(super) fn hand_over(&mut self, backlog: Backlog) {
        self.handed_over = Some(backlog);
    }

    /// Writes the backlog that was handed over; how much that was, counted in small transactions. After an
    /// error or a panic it stays handed over, and nothing is lost.
    pub(super) fn settle_handed_over(&mut self, reserve: &Reserve) -> rusqlite::Result<u64> {
        let Some(Backlog { works, last }) = &mut self.handed_over else { return Ok(0) };
        let settled = self.writer.settle(works, *last, reserve)?;
        self.handed_over = None;
        Ok(settled)
    }
}

/// The connection, until it is closed.
pub(super) struct Writer {
    connection: Option<Connection>,
    /// Work is running; still so at the next beginning, it was broken off.
    is_running: bool,
}

impl Writer {
    /// Writes a backlog up to the record `last`; how much that was, counted in small transactions.
    pub(super) fn settle(
        &mut self,
        backlog: &mut [Box<dyn Work>],
        last: u64,
        reserve: &Reserve,
    ) -> rusqlite::Result<u64> {
        let mut settled = self.commit(backlog, &mut [], last);
        if let Err(error) = &settled
            && error.sqlite_error_code() == Some(ErrorCode::DiskFull)
        {
            // What was acknowledged comes first: it gets the space that was kept.
            reserve.release();
            settled = self.commit(backlog, &mut [], last);
        }
        if let Err(error) = settled {
            tracing::error!(%error, jobs = backlog.len(), "state file: it stays behind its journal");
            return Err(error);
        }
        Ok(backlog.len().div_ceil(SHARE) as u64)
    }

    /// Runs what has not run of the backlog and the group, and commits all, with the number of the
    /// journal's last record.
    pub(super) fn commit(
        &mut self,
        backlog: &mut [Box<dyn Work>],
        group: &mut [Job],
        last: u64,
    ) -> rusqlite::Result<()> {
        self.run(|connection| {
            let transaction = open(connection, backlog)?;
            run_waiting(backlog, &transaction)?;
            let mut jobs = group.iter_mut().filter(|job| !job.work().runs_at_once());
            jobs.try_for_each(|job| job.run(&transaction))?;
            transaction.still_open()?;
            set_applied(&transaction, last)?;
            transaction.commit()
        })
    }

    /// Runs the jobs of the group that decide by what the tables say, in the transaction that stays open.
    pub(super) fn run_at_once(
        &mut self,
        backlog: &mut [Box<dyn Work>],
        group: &mut [Job],
    ) -> rusqlite::Result<()> {
        self.run(|connection| {
            let transaction = open(connection, backlog)?;
            let mut jobs = group.iter_mut().filter(|job| job.work().runs_at_once());
            jobs.try_for_each(|job| job.run(&transaction))?;
            transaction.still_open()
        })
    }

    /// On a full disk: each job by itself in the space of the reserve, unless it makes the file grow.
    pub(super) fn commit_lean(
        &mut self,
        group: &mut Vec<Job>,
        epoch: &AtomicU64,
    ) -> rusqlite::Result<()> {
        self.run(|connection| {
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
            Ok(())
        })
    }

    /// Undoes what is open: nobody was told of it.
    pub(super) fn roll_back(&self) {
        self.connection.iter().for_each(roll_back);
    }

    /// Folds the log into the file and closes it.
    pub(super) fn close(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        // A failed checkpoint loses nothing: the log is read again at the next start.
        if let Err(error) = connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)") {
            tracing::warn!(%error, "state file: checkpoint at close failed");
        }
    }

    /// Runs `act`; what it leaves open after an error or a panic is undone.
    fn run(
        &mut self,
        act: impl FnOnce(&Connection) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<()> {
        let Some(connection) = &self.connection else { return Ok(()) };
        if std::mem::replace(&mut self.is_running, true) {
            roll_back(connection);
        }
        let done = act(connection);
        self.is_running = false;
        if done.is_err() {
            roll_back(connection);
        }
        done
    }
}

/// The open transaction, with all of the backlog in it that runs at once.
fn open<'c>(
    connection: &'c Connection,
    backlog: &mut [Box<dyn Work>],
) -> rusqlite::Result<Transaction<'c>> {
    let (transaction, begins) = Transaction::open(connection)?;
    if begins {
        // The one in which it ran was lost.
        let mut again = backlog.iter_mut().filter(|work| work.runs_at_once());
        again.try_for_each(|work| work.run(&transaction, &Brief::default()))?;
    }
    Ok(transaction)
}

/// The work of the backlog that waits for its settling.
fn run_waiting(
    backlog: &mut [Box<dyn Work>],
    transaction: &Transaction<'_>,
) -> rusqlite::Result<()> {
    let mut brief = Brief::default();
    backlog.iter().for_each(|work| work.survey(&mut brief));
    let mut waiting = backlog.iter_mut().filter(|work| !work.runs_at_once());
    waiting.try_for_each(|work| work.run(transaction, &brief))
}

/// Tells the owners of jobs that were not committed.
pub(super) fn fail(
    error: rusqlite::Error,
    jobs: impl ExactSizeIterator<Item = Job>,
    epoch: &AtomicU64,
) {
    tracing::error!(%error, jobs = jobs.len(), "state file: a commit failed");
    // The epoch moves before anyone hears of the failure, so whoever retries reloads first.
    epoch.fetch_add(1, Ordering::SeqCst);
    let error = StorageError::from(error);
    jobs.for_each(|job| job.finish(Err(error.clone())));
}

fn run_lean(connection: &Connection, job: &mut Job) -> rusqlite::Result<()> {
    let done = try_lean(connection, job);
    if done.is_err() {
        roll_back(connection);
    }
    done
}

fn try_lean(connection: &Connection, job: &mut Job) -> rusqlite::Result<()> {
    let pages = |transaction: &Transaction<'_>| {
        transaction.query_row("PRAGMA page_count", [], |row| row.get::<_, i64>(0))
    };
    let (transaction, _) = Transaction::open(connection)?;
    let before = pages(&transaction)?;
    job.run(&transaction)?;
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
