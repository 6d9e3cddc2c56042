//! A backlog that is settled while the next one gathers: whatever happens to the settling, what was
//! acknowledged is there, and only once.

use super::journal_tests::{crashed, insert, keys, open};
use super::*;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, mpsc};

/// Works of a backlog that is long.
const LONG: i64 = 1024;

/// Inserts a key, once its hook lets it; its record has at least so many bytes.
struct Hooked<F>(i64, F, usize);

impl<F: FnMut() -> rusqlite::Result<()> + Send> Work for Hooked<F> {
    fn run(&mut self, to: &Transaction<'_>, _: &Brief) -> rusqlite::Result<()> {
        (self.1)()?;
        insert(self.0, to)
    }

    fn record(&self, into: &mut Vec<u8>) -> Option<&'static str> {
        into.extend(self.0.to_string().into_bytes());
        into.resize(into.len().max(self.2), b' ');
        Some("t")
    }

    fn is_read_in_tables(&self) -> bool {
        true
    }
}

fn send(storage: &Storage, key: i64, hook: impl FnMut() -> rusqlite::Result<()> + Send + 'static) {
    send_long(storage, Hooked(key, hook, 0));
}

fn send_long(storage: &Storage, work: impl Work + 'static) {
    let counted = Counted::enter(&Arc::new(AtomicI64::new(0)));
    storage.submit_work(storage.epoch(), counted, work).committed_blocking().unwrap();
}

fn send_many(storage: &Storage, keys: std::ops::Range<i64>) {
    keys.for_each(|key| send(storage, key, || Ok(())));
}

/// The files as they are, while a settling that has begun waits.
fn copied(dir: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(dir).unwrap() {
        let from = entry.unwrap().path();
        std::fs::copy(&from, copy.path().join(from.file_name().unwrap())).unwrap();
    }
    copy
}

fn all_are_there(dir: &tempfile::TempDir, many: i64) {
    let again = open(&dir.path().join("state.db"));
    assert_eq!(keys(&again), (0..many).collect::<Vec<_>>());
}

/// A settling that has begun and waits.
struct Begun {
    go_on: mpsc::Sender<()>,
    /// The next key.
    next: i64,
}

/// Sends from the key `first` on until a settling has begun.
fn begin(storage: &Storage, first: i64) -> Begun {
    // Nothing is left that this one would be settled with by whoever sends.
    storage.settle().unwrap();
    let (begun, begins) = mpsc::channel();
    let (go_on, waits) = mpsc::channel::<()>();
    send(storage, first, move || {
        begun.send(()).unwrap();
        waits.recv().unwrap();
        Ok(())
    });
    // The keeper may come by before the backlog is long.
    let mut next = first + 1;
    while begins.try_recv().is_err() {
        if next < first + LONG {
            send(storage, next, || Ok(()));
            next += 1;
        } else {
            begins.recv().unwrap();
            break;
        }
    }
    Begun { go_on, next }
}

#[test]
fn others_go_on_meanwhile_and_a_crash_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(&dir.path().join("state.db"));
    let mut next = 0;
    for _ in 0..4 {
        let begun = begin(&storage, next);
        // It is being settled, and these are acknowledged all the same.
        let (from, to) = (begun.next, begun.next + LONG / 2);
        send_many(&storage, from..to);
        all_are_there(&copied(dir.path()), to);
        begun.go_on.send(()).unwrap();
        next = to + LONG;
        send_many(&storage, to..next);
        all_are_there(&crashed(&storage, &dir), next);
    }
    storage.close();
    all_are_there(&dir, next);
}

#[test]
fn long_records_are_handed_over_before_they_are_many() {
    const BYTES: usize = 60_000;
    let dir = tempfile::tempdir().unwrap();
    let storage = open(&dir.path().join("state.db"));
    let begun = begin(&storage, 0);
    // Less than a half of the journal's holds.
    let many = begun.next + 30;
    (begun.next..many).for_each(|key| send_long(&storage, Hooked(key, || Ok(()), BYTES)));
    all_are_there(&copied(dir.path()), many);
    begun.go_on.send(()).unwrap();
    // More than one: they go over in turns.
    let more = many + 60;
    (many..more).for_each(|key| send_long(&storage, Hooked(key, || Ok(()), BYTES)));
    all_are_there(&crashed(&storage, &dir), more);
}

#[test]
fn what_needs_the_tables_waits_for_it_and_comes_behind() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(&dir.path().join("state.db"));
    let Begun { go_on, next } = begin(&storage, 0);
    send_many(&storage, next..next + 10);
    let other = storage.clone();
    let reader = std::thread::spawn(move || {
        let many = |c: &rusqlite::Connection| {
            c.query_row("SELECT count(*) FROM t", [], |row| row.get::<_, i64>(0))
        };
        let read = other.read_latest(many).unwrap();
        let wiped = other.submit(0, |t| t.execute("DELETE FROM t WHERE k > 0", []).map(drop));
        wiped.committed_blocking().unwrap();
        read
    });
    go_on.send(()).unwrap();
    assert_eq!(reader.join().unwrap(), next + 10);
    all_are_there(&crashed(&storage, &dir), 1);
}

#[test]
fn what_fails_or_panics_is_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(&dir.path().join("state.db"));
    for (round, panics) in [(0, false), (1, true)] {
        let tries = Arc::new(Mutex::new(0));
        let counted = tries.clone();
        let first = round * 2 * LONG;
        send(&storage, first, move || {
            let mut tries = counted.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            *tries += 1;
            match *tries {
                1 if panics => panic!("a mistake of ours"),
                1 => Err(rusqlite::Error::InvalidQuery),
                _ => Ok(()),
            }
        });
        send_many(&storage, first + 1..first + 2 * LONG);
        all_are_there(&crashed(&storage, &dir), first + 2 * LONG);
        // One that finds it being tried waits; one that is first to try again succeeds.
        while storage.settle().is_err() {}
        assert_eq!(keys(&storage).len() as i64, first + 2 * LONG);
        assert_eq!(*tries.lock().unwrap_or_else(std::sync::PoisonError::into_inner), 2);
    }
    assert_eq!(storage.epoch(), 0, "nobody heard of a failure");
}

#[test]
fn many_threads_and_deciding_work_between() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(&dir.path().join("state.db"));
    let next = Arc::new(AtomicI64::new(0));
    let threads: Vec<_> = (0..6)
        .map(|thread| {
            let (storage, next) = (storage.clone(), next.clone());
            std::thread::spawn(move || {
                for n in 0..2000 {
                    let key = next.fetch_add(1, Ordering::SeqCst);
                    if thread == 0 && n % 50 == 0 {
                        let put = storage.submit(0, move |t| insert(key, t));
                        put.committed_blocking().unwrap();
                    } else {
                        send(&storage, key, || Ok(()));
                    }
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    all_are_there(&crashed(&storage, &dir), 12_000);
    storage.close();
    all_are_there(&dir, 12_000);
}
