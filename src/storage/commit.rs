//! How a group of jobs becomes durable: by one write to the journal if all of them bring a record, by
//! one transaction on the one connection that writes otherwise.
//!
//! The work of journalled jobs is the backlog. It is settled, in one transaction, before any other
//! work is done, when it is long, and when the keeper comes by.
//!
//! A full disk costs the group that meets it, and the reserve. Until there is room again jobs run one
//! by one: what makes the file grow is refused, what frees space is committed.

use super::error::StorageError;
use super::handover::lock;
use super::journal::{Journal, set_applied};
use super::reserve::Reserve;
use super::writer::{Brief, Job, Work};
use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// Jobs in one transaction at the most; bounds how long the first of them waits.
const GROUP_MAX: usize = 512;
/// Jobs of the backlog at which it is settled at once; bounds how long that holds up the others.
const BACKLOG_MAX: usize = 1024;
/// Jobs of the backlog whose settling writes about as much as one small transaction.
const BACKLOG_SHARE: usize = 16;

/// The writing connection, until it is closed, and the journal before it.
pub(super) struct Committer {
    connection: Option<Connection>,
    /// The jobs under way; some are left here only by a leader that panicked.
    group: Vec<Job>,
    journal: Journal,
    /// Work that the journal holds and the state file does not yet.
    backlog: Vec<Box<dyn Work>>,
    /// Whether the backlog has rows that requests read in the tables.
    is_behind: Arc<AtomicBool>,
    /// An append failed: what it left must be settled over before anything else.
    must_settle: bool,
}

impl Committer {
    pub(super) fn new(
        connection: Connection,
        journal: Journal,
        is_behind: Arc<AtomicBool>,
    ) -> Committer {
        let (connection, group, backlog) = (Some(connection), Vec::new(), Vec::new());
        Committer { connection, group, journal, backlog, is_behind, must_settle: false }
    }

    /// Whether a leader panicked and nobody has led since.
    #[cfg(test)]
    pub(super) fn is_broken_off(&self) -> bool {
        !self.group.is_empty()
    }

    /// Makes the head of `queue` durable; how much of it was written to the state file, counted in small
    /// transactions, or none if there was nothing to do.
    pub(super) fn commit(
        &mut self,
        queue: &Mutex<VecDeque<Job>>,
        epoch: &AtomicU64,
        reserve: &Reserve,
    ) -> Option<u64> {
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
            return None;
        }
        if self.connection.is_none() {
            self.group.drain(..).for_each(|job| job.finish(Err(StorageError::Closed)));
            return None;
        }
        let has_room = reserve.hold();
        if has_room && !self.must_settle && self.append() {
            let is_long = self.backlog.len() >= BACKLOG_MAX;
            return Some(if is_long { self.settle(reserve).unwrap_or(0) } else { 0 });
        }
        let settled = match self.settle(reserve) {
            Ok(settled) => settled,
            Err(error) => {
                fail(error, self.group.drain(..), epoch);
                return None;
            }
        };
        self.transact(has_room, epoch, reserve);
        Some(settled + 1)
    }

    /// Commits the group in a transaction of its own.
    fn transact(&mut self, has_room: bool, epoch: &AtomicU64, reserve: &Reserve) {
        let Some(connection) = &mut self.connection else { return };
        if !has_room {
            return commit_lean(connection, &mut self.group, epoch);
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
    }

    /// Makes the group durable in the journal; whether that went well, and nobody waits any more.
    fn append(&mut self) -> bool {
        match self.journal.append(self.group.iter().map(Job::work)) {
            Ok(true) => {}
            Ok(false) => return false,
            Err(error) => {
                // Half of it may stand there: the group's transaction makes its numbers bygone ones.
                tracing::warn!(%error, "state file: the journal cannot be written");
                self.must_settle = true;
                return false;
            }
        }
        if self.group.iter().any(|job| job.work().is_read_in_tables()) {
            // Before anybody is told: who hears of it finds it.
            self.is_behind.store(true, Ordering::SeqCst);
        }
        for job in self.group.drain(..) {
            let (work, told) = job.part();
            self.backlog.extend(work);
            told.finish(Ok(()));
        }
        true
    }

    /// Brings the state file up to the journal; how much was written, counted in small transactions.
    pub(super) fn settle(&mut self, reserve: &Reserve) -> rusqlite::Result<u64> {
        let Some(connection) = &mut self.connection else { return Ok(0) };
        if self.backlog.is_empty() && !self.must_settle {
            return Ok(0);
        }
        let mut settled = settle(connection, &mut self.backlog, self.journal.last());
        if let Err(error) = &settled
            && error.sqlite_error_code() == Some(ErrorCode::DiskFull)
        {
            // What was acknowledged comes first: it gets the space that was kept.
            reserve.release();
            settled = settle(connection, &mut self.backlog, self.journal.last());
        }
        if let Err(error) = settled {
            tracing::error!(%error, jobs = self.backlog.len(), "state file: it stays behind its journal");
            return Err(error);
        }
        let many = self.backlog.len().div_ceil(BACKLOG_SHARE);
        self.backlog.clear();
        self.is_behind.store(false, Ordering::SeqCst);
        self.must_settle = false;
        self.journal.rewind();
        Ok(many as u64)
    }

    /// Folds the log into the file and closes it; later jobs hear that it is closed.
    pub(super) fn close(&mut self, reserve: &Reserve) {
        let settled = self.settle(reserve).is_ok();
        let Some(connection) = self.connection.take() else { return };
        if settled {
            self.journal.remove();
        }
        // A failed checkpoint loses nothing: the log is read again at the next start.
        if let Err(error) = connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)") {
            tracing::warn!(%error, "state file: checkpoint at close failed");
        }
    }
}

fn settle(
    connection: &mut Connection,
    backlog: &mut [Box<dyn Work>],
    last: u64,
) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut brief = Brief::default();
    backlog.iter().for_each(|work| work.survey(&mut brief));
    backlog.iter_mut().try_for_each(|work| work.run(&transaction, &brief))?;
    set_applied(&transaction, last)?;
    transaction.commit()
}

fn run_group(connection: &mut Connection, group: &mut [Job]) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for job in group.iter_mut() {
        job.run(&transaction)?;
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
