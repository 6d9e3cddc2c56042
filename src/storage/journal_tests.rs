//! The state file together with its journal: what is acknowledged is there, however the process ends.

use super::*;
use rusqlite::Connection;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

const SCHEMA: &[Schema] =
    &[Schema { name: "t", scripts: &["CREATE TABLE t(k INTEGER PRIMARY KEY, v TEXT)"] }];
const REPLAYS: &[Replay] = &[Replay { service: "t", apply: insert_recorded }];
const LAYOUT: Layout<'_> = Layout { schemas: SCHEMA, replays: REPLAYS, blank: &[], seed: None };

fn insert_recorded(record: &[u8], to: &Transaction<'_>) -> Result<(), ReplayError> {
    let key: i64 =
        serde_json::from_slice(record).map_err(|e| ReplayError::Unreadable(e.to_string()))?;
    Ok(insert(key, to)?)
}

pub(super) fn insert(key: i64, to: &Transaction<'_>) -> rusqlite::Result<()> {
    to.execute("INSERT INTO t VALUES (?1, 'v')", [key]).map(drop)
}

pub(super) fn open(path: &Path) -> Storage {
    Storage::open_with(path, &LAYOUT).unwrap()
}

/// Inserts a key, and is kept as its number, blanks behind it up to a length.
struct Insert(i64, usize);

impl Work for Insert {
    fn run(&mut self, to: &Transaction<'_>, _: &Brief) -> rusqlite::Result<()> {
        insert(self.0, to)
    }

    fn record(&self, into: &mut Vec<u8>) -> Option<&'static str> {
        into.extend(self.0.to_string().into_bytes());
        into.resize(into.len().max(self.1), b' ');
        Some("t")
    }
}

struct Sender(Arc<AtomicI64>);

impl Sender {
    fn send(&self, storage: &Storage, key: i64) -> Ticket {
        storage.submit_work(storage.epoch(), Counted::enter(&self.0), Insert(key, 0))
    }
}

fn sender() -> Sender {
    Sender(Arc::default())
}

pub(super) fn keys(storage: &Storage) -> Vec<i64> {
    storage.settle().unwrap();
    let keys = storage.read(|c| {
        c.prepare("SELECT k FROM t ORDER BY k")?.query_map([], |row| row.get(0))?.collect()
    });
    keys.unwrap()
}

/// The files as a crash at this moment leaves them.
pub(super) fn crashed(storage: &Storage, dir: &tempfile::TempDir) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    storage.held_up(|| {
        for entry in std::fs::read_dir(dir.path()).unwrap() {
            let from = entry.unwrap().path();
            std::fs::copy(&from, copy.path().join(from.file_name().unwrap())).unwrap();
        }
    });
    copy
}

#[test]
fn what_the_journal_acknowledged_is_there_after_a_crash_and_only_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.db");
    let storage = open(&path);
    let sender = sender();
    for key in 0..10 {
        sender.send(&storage, key).committed_blocking().unwrap();
        assert_eq!(sender.0.load(Ordering::SeqCst), 0, "nothing is in flight after its answer");
        let copy = crashed(&storage, &dir);
        let again = open(&copy.path().join("state.db"));
        assert_eq!(keys(&again), (0..=key).collect::<Vec<_>>());
        sender.send(&again, 100).committed_blocking().unwrap();
        let copy = crashed(&again, &copy);
        assert_eq!(keys(&open(&copy.path().join("state.db"))).len() as i64, key + 2);
    }
    assert_eq!(keys(&storage), (0..10).collect::<Vec<_>>());
}

#[test]
fn other_work_comes_behind_what_the_journal_holds() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.db");
    let storage = open(&path);
    let sender = sender();
    sender.send(&storage, 1).committed_blocking().unwrap();
    let wiped = storage.submit(0, |t| t.execute("DELETE FROM t", []).map(drop));
    wiped.committed_blocking().unwrap();
    sender.send(&storage, 2).committed_blocking().unwrap();
    let copy = crashed(&storage, &dir);
    assert_eq!(keys(&open(&copy.path().join("state.db"))), [2]);
    assert_eq!(keys(&storage), [2]);
}

#[test]
fn a_transaction_that_is_lost_unnoticed_takes_nothing_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(&dir.path().join("state.db"));
    let sender = sender();
    sender.send(&storage, 1).committed_blocking().unwrap();
    let lost = storage.submit(0, |t| t.execute_batch("ROLLBACK"));
    assert!(lost.committed_blocking().is_err());
    let copy = crashed(&storage, &dir);
    assert_eq!(keys(&open(&copy.path().join("state.db"))), [1]);
    assert_eq!(keys(&storage), [1]);
}

#[test]
fn more_than_the_journal_holds_goes_through_it_in_turns() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.db");
    let storage = open(&path);
    let sender = sender();
    let tickets: Vec<_> = (0..20_000).map(|key| sender.send(&storage, key)).collect();
    for ticket in tickets {
        ticket.committed_blocking().unwrap();
    }
    let copy = crashed(&storage, &dir);
    assert_eq!(keys(&open(&copy.path().join("state.db"))).len(), 20_000);
    storage.close();
    assert!(!path.with_extension("journal").exists(), "a closed state needs no journal");
    assert_eq!(keys(&open(&path)).len(), 20_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_is_left_waiting_behind_a_settling() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(&dir.path().join("state.db"));
    let settling = Arc::new(std::sync::atomic::AtomicBool::new(true));
    let (other, on) = (storage.clone(), settling.clone());
    let settler = std::thread::spawn(move || {
        while on.load(Ordering::SeqCst) {
            other.settle().unwrap();
        }
    });
    let tasks: Vec<_> = (0..16)
        .map(|task| {
            let storage = storage.clone();
            tokio::spawn(async move {
                for key in 0..200 {
                    sender().send(&storage, task * 1000 + key).committed().await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    settling.store(false, Ordering::SeqCst);
    settler.join().unwrap();
    assert_eq!(keys(&storage).len(), 16 * 200);
}

#[test]
fn a_record_that_is_too_long_goes_to_the_tables_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.db");
    let storage = open(&path);
    let long = Insert(5, journal::RECORD_MAX + 1);
    let ticket = storage.submit_work(0, Counted::enter(&Arc::default()), long);
    ticket.committed_blocking().unwrap();
    assert!(!path.with_extension("journal").exists());
    assert_eq!(keys(&storage), [5]);
}

#[test]
fn without_a_journal_the_tables_are_written_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.db");
    let storage = open(&path);
    std::fs::create_dir(path.with_extension("journal")).unwrap();
    let sender = sender();
    for key in 0..3 {
        sender.send(&storage, key).committed_blocking().unwrap();
    }
    let there: i64 = Connection::open(&path)
        .and_then(|c| c.query_row("SELECT count(*) FROM t", [], |row| row.get(0)))
        .unwrap();
    assert_eq!((there, storage.epoch()), (3, 0));
}

#[test]
fn while_the_state_file_refuses_the_journal_keeps_what_was_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.db");
    let storage = open(&path);
    let sender = sender();
    sender.send(&storage, 1).committed_blocking().unwrap();
    let other = Connection::open(&path).unwrap();
    let refuse = "CREATE TRIGGER no BEFORE INSERT ON t BEGIN SELECT RAISE(ABORT, 'no'); END;";
    // The keeper may have settled by itself before this: then the second key meets the trigger.
    other.busy_timeout(std::time::Duration::from_secs(5)).unwrap();
    other.execute_batch(refuse).unwrap();
    sender.send(&storage, 2).committed_blocking().unwrap();
    assert!(storage.settle().is_err());
    let late = storage.submit(storage.epoch(), |t| t.execute("DELETE FROM t", []).map(drop));
    assert!(late.committed_blocking().is_err(), "nothing may come before what was acknowledged");
    let problem =
        Storage::open_with(&crashed(&storage, &dir).path().join("state.db"), &LAYOUT).err();
    assert_eq!(problem.unwrap().code, "journal-refused");
    other.execute_batch("DROP TRIGGER no").unwrap();
    assert_eq!(keys(&storage), [1, 2]);
}

#[test]
fn a_journal_of_an_unknown_service_is_named_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.db");
    let storage = open(&path);
    sender().send(&storage, 1).committed_blocking().unwrap();
    let copy = crashed(&storage, &dir);
    let path = copy.path().join("state.db");
    let held = Connection::open(&path)
        .and_then(|c| c.query_row("SELECT count(*) FROM t", [], |row| row.get::<_, i64>(0)));
    // Only where the keeper has not settled it by itself before the copy was made.
    if held.unwrap() == 0 {
        let problem = Storage::open(&path, SCHEMA).err().unwrap();
        assert_eq!(problem.code, "journal-refused");
        assert!(problem.message.contains("state.journal"), "{}", problem.message);
        assert_eq!(keys(&open(&path)), [1]);
    }
}

struct Row(i64, bool);

impl Work for Row {
    fn run(&mut self, to: &Transaction<'_>, brief: &Brief) -> rusqlite::Result<()> {
        match (brief.holds("t", self.0 as u64), self.1) {
            (true, _) => Ok(()),
            (false, true) => insert(self.0, to),
            (false, false) => to.execute("DELETE FROM t WHERE k=?1", [self.0]).map(drop),
        }
    }

    fn survey(&self, brief: &mut Brief) {
        if self.1 {
            brief.made("t", self.0 as u64);
        } else {
            brief.deleted("t", self.0 as u64);
        }
    }

    fn record(&self, into: &mut Vec<u8>) -> Option<&'static str> {
        into.push(b'0');
        Some("t")
    }
}

#[test]
fn a_row_that_lives_briefly_is_never_written_and_an_older_one_goes() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(&dir.path().join("state.db"));
    let refuse = "CREATE TRIGGER no BEFORE INSERT ON t WHEN NEW.k=7
                  BEGIN SELECT RAISE(ABORT, 'written'); END;";
    storage.submit(0, move |t| t.execute_batch(refuse)).committed_blocking().unwrap();
    let submit = |row: Row| storage.submit_work(0, Counted::enter(&Arc::default()), row);
    submit(Row(1, true)).committed_blocking().unwrap();
    assert_eq!(keys(&storage), [1]);
    storage.held_up(|| {
        for row in [Row(7, true), Row(2, true), Row(7, false), Row(1, false)] {
            drop(submit(row));
        }
    });
    assert_eq!(keys(&storage), [2]);
}

/// Inserts a key that requests look for in the table.
struct Read(Insert);

impl Work for Read {
    fn run(&mut self, to: &Transaction<'_>, brief: &Brief) -> rusqlite::Result<()> {
        self.0.run(to, brief)
    }

    fn record(&self, into: &mut Vec<u8>) -> Option<&'static str> {
        self.0.record(into)
    }

    fn is_read_in_tables(&self) -> bool {
        true
    }
}

#[test]
fn who_reads_the_latest_finds_in_the_tables_what_was_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(&dir.path().join("state.db"));
    let count =
        |c: &Connection| c.query_row("SELECT count(*) FROM t", [], |row| row.get::<_, i64>(0));
    let counted = Arc::default();
    for key in 1..=100_i64 {
        let work = Read(Insert(key, 0));
        let ticket = storage.submit_work(storage.epoch(), Counted::enter(&counted), work);
        ticket.committed_blocking().unwrap();
        assert_eq!(storage.read_latest(count).unwrap(), key);
    }
}
