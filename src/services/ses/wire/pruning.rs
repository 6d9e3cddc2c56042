//! Throwing old mails away, if the profile says how many or how long are kept; else all are kept.

use super::inbox::Inbox;
use crate::base::{Millis, Problem};
use crate::services::ses::store;
use crate::services::{Pending, Worker};
use std::sync::{Arc, Mutex, PoisonError};

/// Mails that are thrown away in one go.
const BATCH_MAX: usize = 500;

/// What is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Keep {
    /// So many of the newest mails.
    pub count: Option<u64>,
    /// Mails for so many milliseconds.
    pub age_ms: Option<i64>,
}

/// Throws mails away, as a worker beside the requests. It looks once a minute at the latest, and when
/// the clock is moved.
pub struct Pruner {
    inbox: Arc<Inbox>,
    keep: Mutex<Keep>,
}

impl Pruner {
    pub(super) fn new(inbox: Arc<Inbox>) -> Pruner {
        Pruner { inbox, keep: Mutex::default() }
    }

    /// Sets what is kept.
    pub fn set(&self, keep: Keep) {
        *self.keep.lock().unwrap_or_else(PoisonError::into_inner) = keep;
        self.inbox.host.clock().call();
    }

    fn keep(&self) -> Keep {
        *self.keep.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Mails that are not kept any longer, oldest first.
    fn old(&self, limit: usize) -> Result<Vec<String>, Problem> {
        let (keep, now) = (self.keep(), self.inbox.host.clock().now());
        let before = keep.age_ms.map(|age| Millis(now.0.saturating_sub(age)));
        let read = self.inbox.host.read(|c| store::outdated(c, keep.count, before, limit));
        read.map_err(|e| Problem::failed("mail-pruning", e.for_people()))
    }

    async fn batch(&self) -> Result<usize, Problem> {
        let old = self.old(BATCH_MAX)?;
        let count = old.len();
        for id in old {
            let done = self.inbox.clear(Some(id)).await;
            done.map_err(|f| Problem::failed("mail-pruning", f.message.to_string()))?;
        }
        Ok(count)
    }
}

impl Worker for Pruner {
    fn name(&self) -> &'static str {
        "mail pruning"
    }

    fn next_due(&self) -> Result<Option<Millis>, Problem> {
        let keep = self.keep();
        if keep == Keep::default() {
            return Ok(None);
        }
        let now = self.inbox.host.clock().now();
        if !self.old(1)?.is_empty() {
            return Ok(Some(now));
        }
        let oldest = self.inbox.read(store::oldest);
        let oldest = oldest.map_err(|f| Problem::failed("mail-pruning", f.message.to_string()))?;
        Ok(oldest.zip(keep.age_ms).map(|(oldest, age)| Millis(oldest.0.saturating_add(age))))
    }

    fn work(&self) -> Pending<'_, Result<usize, Problem>> {
        Box::pin(self.batch())
    }
}
