//! How a group of jobs becomes durable: by one write to the journal if all of them bring a record, by a
//! commit on the one connection that writes otherwise.
//!
//! The work of journalled jobs is the backlog. Some of it waits until it is settled; some is of services
//! that decide by what the tables say, and runs at once, in a transaction that stays open (`tables.rs`).
//! When it is long, a backlog that only waits is handed over to a thread that settles it while another
//! gathers in the journal's other half. Any other is settled by whoever made it long; and all of it before
//! any work that brings no record, in the same transaction.
//!
//! A full disk costs the group that meets it, and the reserve. Until there is room again jobs run one
//! by one: what makes the file grow is refused, what frees space is committed.

use super::error::StorageError;
use super::handover::lock;
use super::helper::Helper;
use super::journal::Journal;
use super::reserve::Reserve;
use super::tables::{Backlog, Tables, fail};
use super::writer::{Job, Work};
use rusqlite::ErrorCode;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

/// Jobs in one transaction at the most; bounds how long the first of them waits.
const GROUP_MAX: usize = 512;
/// Weight of a backlog that is long, if its records are not before.
const LONG: usize = 1024;
/// Weight at which everybody waits until it is settled; bounds what memory holds of it.
const TOO_LONG: usize = 2 * LONG;

/// What gathers before the tables, and the journal that holds it.
pub(super) struct Committer {
    tables: Arc<Mutex<Tables>>,
    settler: Arc<Helper>,
    is_closed: bool,
    /// The jobs under way; some are left here only by a leader that panicked.
    group: Vec<Job>,
    journal: Journal,
    /// Work that the journal holds, and that was not handed over yet.
    backlog: Vec<Box<dyn Work>>,
    weight: usize,
    /// Some of the backlog has run, in the transaction that is open.
    has_run: bool,
    /// Whether the state file may lack rows that requests read in the tables.
    is_behind: Arc<AtomicBool>,
    /// An append failed: what it left must be settled over before anything else.
    must_settle: bool,
}

/// Whether a backlog was handed over.
pub(super) enum Handed {
    /// It was.
    Over,
    /// The one before is still being settled.
    Later,
    /// It has run, an append failed, or there is none.
    Never,
}

impl Committer {
    pub(super) fn new(
        tables: Arc<Mutex<Tables>>,
        settler: Arc<Helper>,
        journal: Journal,
        is_behind: Arc<AtomicBool>,
    ) -> Committer {
        Committer {
            tables,
            settler,
            is_closed: false,
            group: Vec::new(),
            journal,
            backlog: Vec::new(),
            weight: 0,
            has_run: false,
            is_behind,
            must_settle: false,
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
        if self.is_closed {
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
        if self.group.iter().any(|job| job.work().runs_at_once()) {
            let mut tables = lock(&self.tables);
            tables.settle_handed_over(reserve)?;
            tables.writer.run_at_once(&mut self.backlog, &mut self.group)?;
        }
        if !self.must_settle && self.append() {
            let is_long = self.weight >= LONG || self.journal.is_long();
            return Ok(if is_long { self.shorten(reserve) } else { 0 });
        }
        let mut tables = lock(&self.tables);
        let before = tables.settle_handed_over(reserve)?;
        tables.writer.commit(&mut self.backlog, &mut self.group, self.journal.last())?;
        drop(tables);
        self.group.drain(..).for_each(|job| job.finish(Ok(())));
        self.settled();
        Ok(before + 1)
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
                let lean = lock(&self.tables).writer.commit_lean(&mut self.group, epoch);
                lean.is_ok().then_some(settled + 1)
            }
            Err(error) => {
                fail(error, self.group.drain(..), epoch);
                None
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
            if let Some(work) = work {
                self.weight += work.weight();
                self.has_run |= work.runs_at_once();
                self.backlog.push(work);
            }
            told.finish(Ok(()));
        }
        true
    }

    /// The backlog is long: it is handed over, or settled here; how much that wrote.
    fn shorten(&mut self, reserve: &Reserve) -> u64 {
        match self.hand_over() {
            Handed::Over => self.settler.nudge(),
            Handed::Later if !self.has_run && self.weight < TOO_LONG => {}
            Handed::Later | Handed::Never => return self.settle(reserve).unwrap_or(0),
        }
        0
    }

    /// Hands the backlog over, if that can be.
    pub(super) fn hand_over(&mut self) -> Handed {
        let Some(mut tables) = try_lock(&self.tables).filter(|tables| !tables.is_behind()) else {
            return Handed::Later;
        };
        if self.has_run || self.must_settle || self.backlog.is_empty() {
            return Handed::Never;
        }
        let works = std::mem::take(&mut self.backlog);
        tables.hand_over(Backlog { works, last: self.journal.last() });
        self.journal.turn();
        self.weight = 0;
        Handed::Over
    }

    /// Brings the state file up to the journal; how much that wrote, counted in small transactions. After
    /// an error the journal still holds what the state file lacks, and nothing is lost.
    pub(super) fn settle(&mut self, reserve: &Reserve) -> rusqlite::Result<u64> {
        if self.is_closed {
            return Ok(0);
        }
        let mut tables = lock(&self.tables);
        let mut written = tables.settle_handed_over(reserve)?;
        if self.backlog.is_empty() && !self.must_settle {
            // What is open holds nothing that anybody was told of, and would keep the log from being folded.
            tables.writer.roll_back();
        } else {
            written += tables.writer.settle(&mut self.backlog, self.journal.last(), reserve)?;
        }
        drop(tables);
        self.settled();
        Ok(written)
    }

    /// The state file holds all of the journal.
    fn settled(&mut self) {
        self.backlog.clear();
        self.weight = 0;
        self.has_run = false;
        self.is_behind.store(false, Ordering::SeqCst);
        self.must_settle = false;
        self.journal.rewind();
    }

    /// Folds the log into the file and closes it; later jobs hear that it is closed.
    pub(super) fn close(&mut self, reserve: &Reserve) {
        if self.is_closed {
            return;
        }
        if self.settle(reserve).is_ok() {
            self.journal.remove();
        }
        self.is_closed = true;
        lock(&self.tables).writer.close();
    }
}

fn try_lock<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    match mutex.try_lock() {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(poisoned)) => Some(PoisonError::into_inner(poisoned)),
        Err(TryLockError::WouldBlock) => None,
    }
}
