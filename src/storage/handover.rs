//! Who commits: of those who wait, whoever finds no leader becomes it, and wakes the next when it is
//! through. Here is the protocol alone, without what is committed, so that a model checker can go
//! through its interleavings (`tests/it/handover.rs`).
//!
//! Invariant: a job whose owner waits is committed. An owner leaves its waker before it tries the lock,
//! and a leader gives the lock back before it looks for wakers: one of the two sees the other.

use super::sync::{Mutex, MutexGuard};
use std::collections::VecDeque;
use std::sync::{PoisonError, TryLockError};
use std::task::Waker;

/// Where a job's outcome arrives; the first one counts.
pub(super) struct Done<R> {
    outcome: Mutex<Outcome<R>>,
}

struct Outcome<R> {
    result: Option<R>,
    waker: Option<Waker>,
}

impl<R> Default for Done<R> {
    fn default() -> Self {
        Done { outcome: Mutex::new(Outcome { result: None, waker: None }) }
    }
}

impl<R: Clone> Done<R> {
    /// The job is done; whoever waits hears of it.
    pub(super) fn finish(&self, result: R) {
        let mut outcome = lock(&self.outcome);
        if outcome.result.is_none() {
            outcome.result = Some(result);
            let waker = outcome.waker.take();
            drop(outcome);
            waker.into_iter().for_each(Waker::wake);
        }
    }

    /// The outcome, if there is one.
    pub(super) fn result(&self) -> Option<R> {
        lock(&self.outcome).result.clone()
    }

    /// The outcome, or the promise to wake `waker`.
    fn poll(&self, waker: &Waker) -> Option<R> {
        let mut outcome = lock(&self.outcome);
        if outcome.result.is_none() {
            outcome.waker = Some(waker.clone());
        }
        outcome.result.clone()
    }

    fn take_waker(&self) -> Option<Waker> {
        lock(&self.outcome).waker.take()
    }
}

/// What stands in line.
pub(super) trait Queued {
    /// What its owner hears.
    type Outcome: Clone;
    /// Where its owner hears it.
    fn done(&self) -> &Done<Self::Outcome>;
}

/// Jobs that wait, and the right to commit them.
pub(super) struct Line<J, W> {
    queue: Mutex<VecDeque<J>>,
    writer: Mutex<W>,
}

impl<J: Queued, W> Line<J, W> {
    pub(super) fn new(writer: W) -> Self {
        Line { queue: Mutex::new(VecDeque::new()), writer: Mutex::new(writer) }
    }

    /// Puts a job at the end; how many wait now.
    pub(super) fn push(&self, job: J) -> usize {
        let mut queue = lock(&self.queue);
        queue.push_back(job);
        queue.len()
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        lock(&self.queue).is_empty()
    }

    /// The right to write; whoever takes it leads afterwards, or has the next one woken.
    pub(super) fn writer(&self) -> MutexGuard<'_, W> {
        lock(&self.writer)
    }

    /// The outcome of a job, having led as often as it takes if nobody else does.
    pub(super) fn poll(
        &self,
        done: &Done<J::Outcome>,
        waker: &Waker,
        lead: impl Fn(MutexGuard<'_, W>),
    ) -> Option<J::Outcome> {
        loop {
            if let Some(result) = done.poll(waker) {
                return Some(result);
            }
            match self.writer.try_lock() {
                Ok(writer) => lead(writer),
                Err(TryLockError::Poisoned(writer)) => lead(writer.into_inner()),
                // The leader wakes somebody who waits when it is through.
                Err(TryLockError::WouldBlock) => return None,
            }
        }
    }

    /// Has `commit` take jobs from the line and carry them out, gives the right to write back, and has
    /// one of those who wait lead next. A job whose owner holds the lock is in the line or has its
    /// outcome: never in between.
    pub(super) fn lead<T>(
        &self,
        mut writer: MutexGuard<'_, W>,
        commit: impl FnOnce(&mut W, &Mutex<VecDeque<J>>) -> T,
    ) -> T {
        let done = commit(&mut writer, &self.queue);
        drop(writer);
        self.wake_next();
        done
    }

    /// Has one of those who wait lead.
    pub(super) fn wake_next(&self) {
        let next = lock(&self.queue).iter().find_map(|job| job.done().take_waker());
        next.into_iter().for_each(Waker::wake);
    }
}

/// A lock that a panicked holder does not take away: the data behind is replaced whole, never half.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
