//! Buckets known by heart, so that a request for an object need not ask the disk for its bucket.
//!
//! Invariant: a bucket is handed out only while no change to any bucket is between its operation and
//! the drop of its commit, and only as a commit left it. A reader notes the generation before its view
//! of the disk begins, and what it found is kept only if no change began or ended since.

use super::model::Bucket;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Buckets kept at the most; with more, those known are forgotten at once.
const BUCKETS_MAX: usize = 1000;

/// The buckets.
#[derive(Debug, Default)]
pub(super) struct Known {
    state: RwLock<State>,
}

#[derive(Debug, Default)]
struct State {
    buckets: HashMap<String, Arc<Bucket>>,
    /// Changes under way.
    changing: u32,
    /// Grows with every change that ends.
    generation: u64,
}

/// What a reader notes before its view of the disk begins; `None` while buckets change.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Noted(Option<u64>);

/// A change of buckets is under way until this is dropped, which must be after its commit.
#[derive(Debug)]
pub(super) struct Changing(Arc<Known>);

impl Known {
    /// What to hand to [`Known::learn`] with what is found from now on.
    pub(super) fn note(&self) -> Noted {
        let state = self.read();
        Noted((state.changing == 0).then_some(state.generation))
    }

    /// The bucket called `name`, if it is known.
    pub(super) fn get(&self, name: &str) -> Option<Arc<Bucket>> {
        let state = self.read();
        if state.changing == 0 { state.buckets.get(name).cloned() } else { None }
    }

    /// Keeps what a look at the disk found after `noted` was taken.
    pub(super) fn learn(&self, noted: Noted, bucket: &Arc<Bucket>) {
        let mut state = self.write();
        if state.changing > 0 || noted.0 != Some(state.generation) {
            return;
        }
        if state.buckets.len() >= BUCKETS_MAX {
            state.buckets.clear();
        }
        state.buckets.insert(bucket.name.clone(), bucket.clone());
    }

    /// Begins a change of buckets.
    pub(super) fn changing(self: &Arc<Self>) -> Changing {
        let mut state = self.write();
        state.changing += 1;
        state.buckets.clear();
        Changing(self.clone())
    }

    // What a panicked holder leaves is whole: every change of the state is one statement or a counter.
    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Changing {
    fn drop(&mut self) {
        let mut state = self.0.write();
        state.changing -= 1;
        state.generation += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Millis;

    fn bucket(region: &str) -> Arc<Bucket> {
        Arc::new(Bucket {
            id: 1,
            name: "b".into(),
            account: "000000000000".into(),
            region: region.into(),
            created: Millis(0),
            settings: Default::default(),
        })
    }

    #[test]
    fn what_was_read_before_a_change_is_not_learnt_after_it() {
        let known = Arc::new(Known::default());
        let noted = known.note();
        drop(known.changing());
        known.learn(noted, &bucket("old"));
        assert_eq!(known.get("b"), None);
        known.learn(known.note(), &bucket("new"));
        assert_eq!(known.get("b").unwrap().region, "new");
    }

    #[test]
    fn while_a_bucket_changes_nothing_is_known() {
        let known = Arc::new(Known::default());
        known.learn(known.note(), &bucket("old"));
        let (first, second) = (known.changing(), known.changing());
        assert_eq!(known.get("b"), None);
        drop(first);
        known.learn(known.note(), &bucket("half"));
        assert_eq!(known.get("b"), None, "the second change is still under way");
        drop(second);
        assert_eq!(known.get("b"), None);
    }
}
