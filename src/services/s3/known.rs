//! What is known by heart, so that a request need not ask the disk: buckets, and small objects that were
//! read.
//!
//! Invariant: a thing is handed out only while no change to its like is between its operation and the
//! drop of its commit, and only as a commit left it. A reader notes the generation before its view of
//! the disk begins, and what it found is kept only if no change began or ended since.

use super::model::{Blob, Bucket, Version};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Buckets kept at the most; with more, those known are forgotten at once.
const BUCKETS_MAX: usize = 1000;
/// Shares of the objects: a change makes those of one share be forgotten.
const SHARES: usize = 32;
/// Bytes of objects kept in a share at the most.
const SHARE_BYTES_MAX: usize = 128 * 1024;
/// What an object weighs besides its key and its body, in bytes.
const OBJECT_BYTES: usize = 1024;

/// Things by name.
#[derive(Debug)]
pub(super) struct Known<V> {
    state: RwLock<State<V>>,
    room: usize,
}

#[derive(Debug)]
struct State<V> {
    things: HashMap<String, Arc<V>>,
    weight: usize,
    /// Changes under way.
    changing: u32,
    /// What they change, of those that say so: how many by hash.
    marks: HashMap<u64, u32>,
    /// Grows with every change that ends.
    generation: u64,
}

/// What a reader notes before its view of the disk begins; `None` while things change.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Noted(Option<u64>);

/// A change is under way until this is dropped, which must be after its commit.
#[derive(Debug)]
pub(super) struct Changing<V> {
    known: Arc<Known<V>>,
    mark: Option<u64>,
}

impl<V> Known<V> {
    fn new(room: usize) -> Arc<Self> {
        let things = HashMap::new();
        let state = State { things, weight: 0, changing: 0, marks: HashMap::new(), generation: 0 };
        Arc::new(Known { state: RwLock::new(state), room })
    }

    /// What to hand to [`Known::learn`] with what is found from now on.
    pub(super) fn note(&self) -> Noted {
        let state = self.read();
        Noted((state.changing == 0).then_some(state.generation))
    }

    /// The thing called `name`, if it is known.
    pub(super) fn get(&self, name: &str) -> Option<Arc<V>> {
        let state = self.read();
        if state.changing == 0 { state.things.get(name).cloned() } else { None }
    }

    /// Keeps what a look at the disk found after `noted` was taken.
    pub(super) fn learn(&self, noted: Noted, name: &str, thing: &Arc<V>, weight: usize) {
        let mut state = self.write();
        if state.changing > 0 || noted.0 != Some(state.generation) || weight > self.room {
            return;
        }
        if state.weight + weight > self.room {
            state.things.clear();
            state.weight = 0;
        }
        state.weight += weight;
        state.things.insert(name.to_owned(), thing.clone());
    }

    /// Begins a change.
    pub(super) fn changing(self: &Arc<Self>) -> Changing<V> {
        self.begin(None)
    }

    fn begin(self: &Arc<Self>, mark: Option<u64>) -> Changing<V> {
        let mut state = self.write();
        state.changing += 1;
        if let Some(mark) = mark {
            *state.marks.entry(mark).or_default() += 1;
        }
        state.things.clear();
        state.weight = 0;
        Changing { known: self.clone(), mark }
    }

    /// Whether a change of what has this hash is under way.
    fn is_marked(&self, mark: u64) -> bool {
        self.read().marks.contains_key(&mark)
    }

    // What a panicked holder leaves is whole: at worst something is forgotten or weighs too much.
    fn read(&self) -> RwLockReadGuard<'_, State<V>> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State<V>> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<V> Drop for Changing<V> {
    fn drop(&mut self) {
        let mut state = self.known.write();
        state.changing -= 1;
        state.generation += 1;
        if let Some(mark) = self.mark
            && let Entry::Occupied(mut marks) = state.marks.entry(mark)
        {
            *marks.get_mut() -= 1;
            if *marks.get() == 0 {
                marks.remove();
            }
        }
    }
}

/// The newest version of a key and its body, which lies in the state file or is empty.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) version: Arc<Version>,
    pub(super) body: Option<Blob>,
}

impl Found {
    /// Bytes that it takes, about.
    pub(super) fn weight(&self) -> usize {
        let version = &self.version;
        let carried = version.attributes.user.iter().chain(&version.attributes.headers);
        let carried: usize = carried.map(|(name, value)| name.len() + value.len()).sum();
        OBJECT_BYTES + version.key.len() + version.size as usize + carried
    }
}

/// All that is known.
#[derive(Debug)]
pub(super) struct ByHeart {
    pub(super) buckets: Arc<Known<Bucket>>,
    objects: Vec<Arc<Known<Found>>>,
    hasher: RandomState,
}

impl Default for ByHeart {
    fn default() -> Self {
        let objects = (0..SHARES).map(|_| Known::new(SHARE_BYTES_MAX)).collect();
        ByHeart { buckets: Known::new(BUCKETS_MAX), objects, hasher: RandomState::new() }
    }
}

impl ByHeart {
    /// The objects that share a fate with this one, by key. Another bucket's may be among them.
    pub(super) fn objects(&self, bucket: i64, key: &str) -> &Arc<Known<Found>> {
        self.place(bucket, key).0
    }

    fn place(&self, bucket: i64, key: &str) -> (&Arc<Known<Found>>, u64) {
        let hash = self.hasher.hash_one((bucket, key));
        (&self.objects[hash as usize % SHARES], hash)
    }

    /// Begins a change of this object.
    pub(super) fn object_changes(&self, bucket: i64, key: &str) -> Changing<Found> {
        let (like, mark) = self.place(bucket, key);
        like.begin(Some(mark))
    }

    /// Whether a change of this object is under way: then the tables may lack what is acknowledged. Another
    /// object of the same hash counts, too.
    pub(super) fn is_changing(&self, bucket: i64, key: &str) -> bool {
        let (like, mark) = self.place(bucket, key);
        like.is_marked(mark)
    }

    /// Begins a change of everything.
    pub(super) fn everything_changes(&self) -> Changes {
        Changes {
            buckets: Some(self.buckets.changing()),
            objects: self.objects.iter().map(Known::changing).collect(),
        }
    }
}

/// Changes under way, until their commit is over and this is dropped.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) buckets: Option<Changing<Bucket>>,
    pub(super) objects: Vec<Changing<Found>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Arc<Known<&'static str>> {
        Known::new(2)
    }

    #[test]
    fn what_was_read_before_a_change_is_not_learnt_after_it() {
        let known = known();
        let noted = known.note();
        drop(known.changing());
        known.learn(noted, "b", &Arc::new("old"), 1);
        assert_eq!(known.get("b"), None);
        known.learn(known.note(), "b", &Arc::new("new"), 1);
        assert_eq!(known.get("b"), Some(Arc::new("new")));
    }

    #[test]
    fn while_something_changes_nothing_is_known() {
        let known = known();
        known.learn(known.note(), "b", &Arc::new("old"), 1);
        let (first, second) = (known.changing(), known.changing());
        assert_eq!(known.get("b"), None);
        drop(first);
        known.learn(known.note(), "b", &Arc::new("half"), 1);
        assert_eq!(known.get("b"), None, "the second change is still under way");
        drop(second);
        assert_eq!(known.get("b"), None);
    }

    #[test]
    fn there_is_room_for_so_much() {
        let known = known();
        let learn = |name: &str, weight| known.learn(known.note(), name, &Arc::new("x"), weight);
        learn("a", 1);
        learn("b", 1);
        learn("huge", 3);
        assert_eq!((known.get("a").is_some(), known.get("huge").is_some()), (true, false));
        learn("c", 1);
        assert_eq!((known.get("a").is_some(), known.get("c").is_some()), (false, true));
    }
}
