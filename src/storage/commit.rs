//! How a group of jobs becomes durable: by one write to the journal if all of them bring a record, by a
//! commit on the one connection that writes otherwise.
//!
//! The work of journalled jobs is the backlog. Some of it waits until it is settled; some is of services
//! that decide by what the tables say, and runs at once, in a transaction that stays open. The backlog is
//! settled, in one transaction, with any work that brings no record, when it is long, and when the keeper
//! comes by.
//!
//! Invariant: while a transaction is open, it holds all of the backlog that runs at once, and nothing else
//! that was acknowledged. If it is lost, that work runs again, by what it noted the first time.
//!
//! A full disk costs the group that meets it, and the reserve. Until there is room again jobs run one
//! by one: what makes the file grow is refused, what frees space is committed.

use super::error::StorageError;
use super::handover::lock;
use super::journal::{Journal, set_applied};
use super::reserve::Reserve;
use super::transaction::{Transaction, roll_back};
use super::writer::{Brief, Job, Work};
use rusqlite::{Connection, ErrorCode};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// Jobs in one transaction at the most; bounds how long the first of them waits.
const GROUP_MAX: usize = 512;
/// Weight of the backlog at which it is settled at once; bounds how long that holds up the others, and
/// what memory holds of it meanwhile.
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
    weight: usize,
    /// Whether the backlog has rows that requests read in the tables.
    is_behind: Arc<AtomicBool>,
    /// An append failed: what it left must be settled over before anything else.
    must_settle: bool,
    /// Work is running; still so at the next beginning, it was broken off.
    is_running: bool,
}

impl Committer {
    pub(super) fn new(
        connection: Connection,
        journal: Journal,
        is_behind: Arc<AtomicBool>,
    ) -> Committer {
        let (connection, group, backlog) = (Some(connection), Vec::new(), Vec::new());
        let (weight, must_settle, is_running) = (0, false, false);
        Committer {
            connection,
            group,
            journal,
            backlog,
            weight,
            is_behind,
            must_settle,
            is_running,
        }
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
        if !reserve.hold() {
            return self.commit_lean(epoch, reserve);
        }
        match self.commit_group(reserve) {
            Ok(written) => Some(written),
            Err(error) => {
                self.give_up(error, epoch, reserve);
                None
            }
        }
    }

    /// Makes the group durable where there is room.
    fn commit_group(&mut self, reserve: &Reserve) -> rusqlite::Result<u64> {
        self.run(|committer| committer.run_at_once())?;
        if !self.must_settle && self.append() {
            let is_long = self.weight >= BACKLOG_MAX;
            return Ok(if is_long { self.settle(reserve).unwrap_or(0) } else { 0 });
        }
        self.run(|all| {
            commit_all(&all.connection, &mut all.backlog, &mut all.group, &all.journal)
        })?;
        self.group.drain(..).for_each(|job| job.finish(Ok(())));
        Ok(self.settled() + 1)
    }

    /// The group is lost; what was acknowledged before it is not.
    fn give_up(&mut self, error: rusqlite::Error, epoch: &AtomicU64, reserve: &Reserve) {
        if error.sqlite_error_code() == Some(ErrorCode::DiskFull) {
            reserve.release();
        }
        fail(error, self.group.drain(..), epoch);
    }

    /// On a full disk: first what was acknowledged, then each job by itself.
    fn commit_lean(&mut self, epoch: &AtomicU64, reserve: &Reserve) -> Option<u64> {
        match self.settle(reserve) {
            Ok(settled) => {
                let lean = self.run(|committer| {
                    let Some(connection) = &committer.connection else { return Ok(()) };
                    commit_lean(connection, &mut committer.group, epoch);
                    Ok(())
                });
                lean.is_ok().then_some(settled + 1)
            }
            Err(error) => {
                fail(error, self.group.drain(..), epoch);
                None
            }
        }
    }

    /// Runs `act`; what it leaves open after an error or a panic is undone.
    fn run<T>(
        &mut self,
        act: impl FnOnce(&mut Self) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        if std::mem::replace(&mut self.is_running, true) {
            self.roll_back();
        }
        let done = act(self);
        self.is_running = false;
        if done.is_err() {
            self.roll_back();
        }
        done
    }

    fn roll_back(&self) {
        self.connection.iter().for_each(roll_back);
    }

    /// The jobs of the group that decide by what the tables say.
    fn run_at_once(&mut self) -> rusqlite::Result<()> {
        if !self.group.iter().any(|job| job.work().runs_at_once()) {
            return Ok(());
        }
        let Some(connection) = &self.connection else { return Ok(()) };
        let transaction = open(connection, &mut self.backlog)?;
        let mut jobs = self.group.iter_mut().filter(|job| job.work().runs_at_once());
        jobs.try_for_each(|job| job.run(&transaction))?;
        transaction.still_open()
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
            self.weight += work.as_ref().map_or(0, |work| work.weight());
            self.backlog.extend(work);
            told.finish(Ok(()));
        }
        true
    }

    /// Brings the state file up to the journal; how much that wrote, counted in small transactions. After
    /// an error the journal still holds what the state file lacks, and nothing is lost.
    pub(super) fn settle(&mut self, reserve: &Reserve) -> rusqlite::Result<u64> {
        if self.connection.is_none() || (self.backlog.is_empty() && !self.must_settle) {
            // What is open holds nothing that anybody was told of, and would keep the log from being folded.
            self.roll_back();
            return Ok(0);
        }
        let mut settled = self.write_backlog();
        if let Err(error) = &settled
            && error.sqlite_error_code() == Some(ErrorCode::DiskFull)
        {
            // What was acknowledged comes first: it gets the space that was kept.
            reserve.release();
            settled = self.write_backlog();
        }
        if let Err(error) = settled {
            tracing::error!(%error, jobs = self.backlog.len(), "state file: it stays behind its journal");
            return Err(error);
        }
        Ok(self.settled())
    }

    fn write_backlog(&mut self) -> rusqlite::Result<()> {
        self.run(|all| commit_all(&all.connection, &mut all.backlog, &mut [], &all.journal))
    }

    /// The state file holds all of the journal; how much that was, counted in small transactions.
    fn settled(&mut self) -> u64 {
        let many = self.backlog.len().div_ceil(BACKLOG_SHARE);
        self.backlog.clear();
        self.weight = 0;
        self.is_behind.store(false, Ordering::SeqCst);
        self.must_settle = false;
        self.journal.rewind();
        many as u64
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

/// Runs what waits of the backlog, and the jobs of the group that have not run; then commits all.
fn commit_all(
    connection: &Option<Connection>,
    backlog: &mut [Box<dyn Work>],
    group: &mut [Job],
    journal: &Journal,
) -> rusqlite::Result<()> {
    let Some(connection) = connection else { return Ok(()) };
    let transaction = open(connection, backlog)?;
    run_waiting(backlog, &transaction)?;
    let mut jobs = group.iter_mut().filter(|job| !job.work().runs_at_once());
    jobs.try_for_each(|job| job.run(&transaction))?;
    transaction.still_open()?;
    set_applied(&transaction, journal.last())?;
    transaction.commit()
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

fn fail(error: rusqlite::Error, jobs: impl ExactSizeIterator<Item = Job>, epoch: &AtomicU64) {
    tracing::error!(%error, jobs = jobs.len(), "state file: a commit failed");
    // The epoch moves before anyone hears of the failure, so whoever retries reloads first.
    epoch.fetch_add(1, Ordering::SeqCst);
    let error = StorageError::from(error);
    jobs.for_each(|job| job.finish(Err(error.clone())));
}

/// On a full disk: each job by itself in the space of the reserve, unless it makes the file grow.
fn commit_lean(connection: &Connection, group: &mut Vec<Job>, epoch: &AtomicU64) {
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
