//! Bells: what wakes receivers that wait at a queue.
//!
//! Invariants: a receiver is registered with its queue's bell before it looks, so a message that comes
//! after the look rings it. One ring wakes one receiver, and whoever finds more than it takes rings for
//! the next; one that leaves passes its ring on (tokio's `Notify` does that when a notified waiter is
//! dropped). A bell has one timer, for the first instant at which a message becomes visible by itself,
//! however many receivers wait.

use crate::base::Millis;
use crate::services::Clock;
use crate::services::sqs::state::Change;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// A message that becomes visible later than this can have no receiver that waits for it now.
const AHEAD_MAX: Duration = Duration::from_secs(20);

/// The bells of the queues at which somebody waits.
pub(super) struct Bells {
    by_queue: Mutex<HashMap<u64, Bell>>,
    waiting: AtomicUsize,
    clock: Clock,
}

#[derive(Default)]
struct Bell {
    notify: Arc<Notify>,
    waiting: usize,
    /// When its timer rings it.
    armed: Option<Millis>,
}

/// A receiver's place at a bell.
pub(super) struct Waiting<'a> {
    bells: &'a Bells,
    queue: u64,
    pub(super) bell: Arc<Notify>,
}

impl Bells {
    pub(super) fn new(clock: &Clock) -> Self {
        Bells { by_queue: Mutex::default(), waiting: AtomicUsize::new(0), clock: clock.clone() }
    }

    /// Takes a place at a queue's bell.
    pub(super) fn wait(&self, queue: u64) -> Waiting<'_> {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let mut by_queue = self.lock();
        let bell = by_queue.entry(queue).or_default();
        bell.waiting += 1;
        Waiting { bells: self, queue, bell: bell.notify.clone() }
    }

    /// Tells the receivers of what just changed. Called under the state's lock, in the order of changes.
    pub(super) fn ring(self: &Arc<Self>, changes: &[Change], now: Millis) {
        if self.waiting.load(Ordering::SeqCst) == 0 {
            return;
        }
        for change in changes {
            match change {
                Change::Sent { row, available, .. } => self.ring_at(row.queue, *available, now),
                Change::Delivered { row, delivery } => {
                    let at = if delivery.released { now } else { delivery.until };
                    self.ring_at(row.queue, at, now);
                }
                Change::Deleted { row, frees: true } => self.ring_one(row.queue),
                Change::QueueDeleted { queue, .. } => {
                    if let Some(bell) = self.lock().get(queue) {
                        bell.notify.notify_waiters();
                    }
                }
                _ => {}
            }
        }
    }

    fn ring_at(self: &Arc<Self>, queue: u64, at: Millis, now: Millis) {
        if at <= now { self.ring_one(queue) } else { self.arm(queue, Some(at)) }
    }

    /// Wakes one receiver.
    pub(super) fn ring_one(&self, queue: u64) {
        if self.waiting.load(Ordering::SeqCst) > 0
            && let Some(bell) = self.lock().get(&queue)
        {
            bell.notify.notify_one();
        }
    }

    /// Wakes all receivers: the queues are others now.
    pub(super) fn ring_all(&self) {
        self.lock().values().for_each(|bell| bell.notify.notify_waiters());
    }

    /// Has one receiver woken at `due`, unless it is woken before. When the clock is moved receivers look
    /// again of themselves, and arm anew.
    pub(super) fn arm(self: &Arc<Self>, queue: u64, due: Option<Millis>) {
        let Some(due) = due.filter(|_| self.waiting.load(Ordering::SeqCst) > 0) else { return };
        let Some(ahead) = self.clock.until(due).filter(|ahead| *ahead <= AHEAD_MAX) else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let mut by_queue = self.lock();
        let Some(bell) = by_queue.get_mut(&queue) else { return };
        if bell.armed.is_some_and(|armed| armed <= due) {
            return;
        }
        bell.armed = Some(due);
        let bells = self.clone();
        runtime.spawn(async move {
            tokio::time::sleep(ahead.max(Duration::from_millis(1))).await;
            if let Some(bell) = bells.lock().get_mut(&queue) {
                if bell.armed == Some(due) {
                    bell.armed = None;
                }
                bell.notify.notify_one();
            }
        });
    }

    /// Forgets what timers there are: the clock was moved.
    pub(super) fn disarm(&self, queue: u64) {
        if let Some(bell) = self.lock().get_mut(&queue) {
            bell.armed = None;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Bell>> {
        self.by_queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.bells.waiting.fetch_sub(1, Ordering::SeqCst);
        let mut by_queue = self.bells.lock();
        if let Some(bell) = by_queue.get_mut(&self.queue) {
            bell.waiting -= 1;
            if bell.waiting == 0 {
                by_queue.remove(&self.queue);
            }
        }
    }
}
