//! Work that decides by what the tables say, and runs in a transaction that stays open: whatever breaks off
//! beside it, what was acknowledged is there, and only once.

use super::journal_tests::{crashed, insert, keys, open};
use super::*;
use rusqlite::Connection;

/// Inserts the number behind the highest that is there.
struct Next {
    key: Option<i64>,
    /// Whether the journal may have it.
    is_kept: bool,
}

impl Work for Next {
    fn run(&mut self, to: &Transaction<'_>, _: &Brief) -> rusqlite::Result<()> {
        let next = || to.query_row("SELECT coalesce(max(k), 0) + 1 FROM t", [], |row| row.get(0));
        let key = self.key.map_or_else(next, Ok)?;
        self.key = Some(key);
        insert(key, to)
    }

    fn record(&self, into: &mut Vec<u8>) -> Option<&'static str> {
        into.extend(self.key?.to_string().into_bytes());
        self.is_kept.then_some("t")
    }

    fn is_read_in_tables(&self) -> bool {
        true
    }

    fn runs_at_once(&self) -> bool {
        true
    }
}

fn next(storage: &Storage) -> Result<(), StorageError> {
    storage.submit_deciding(Next { key: None, is_kept: true }).committed_blocking()
}

fn latest(storage: &Storage) -> Vec<i64> {
    let all = |c: &Connection| {
        c.prepare("SELECT k FROM t ORDER BY k")?.query_map([], |row| row.get(0))?.collect()
    };
    storage.read_latest(all).unwrap()
}

#[test]
fn it_sees_all_that_was_acknowledged_before_and_so_do_readers_and_crashes() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(&dir.path().join("state.db"));
    for n in 1..=200 {
        next(&storage).unwrap();
        if n % 3 == 0 {
            assert_eq!(latest(&storage), (1..=n).collect::<Vec<_>>());
        }
        if n % 7 == 0 {
            let copy = crashed(&storage, &dir);
            let again = open(&copy.path().join("state.db"));
            assert_eq!(keys(&again), (1..=n).collect::<Vec<_>>());
        }
    }
    storage.close();
    assert_eq!(keys(&open(&dir.path().join("state.db"))).len(), 200);
}

#[test]
fn many_at_once_each_get_a_number_of_their_own() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(&dir.path().join("state.db"));
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let storage = storage.clone();
            std::thread::spawn(move || (0..400).for_each(|_| next(&storage).unwrap()))
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let copy = crashed(&storage, &dir);
    let all: Vec<i64> = (1..=8 * 400).collect();
    assert_eq!(keys(&open(&copy.path().join("state.db"))), all);
    assert_eq!(latest(&storage), all);
}

/// What happens beside work that was acknowledged, and whether a number comes of it.
fn disturb(storage: &Storage, how: usize) -> bool {
    match how {
        0 => {
            let bad = storage.submit(storage.epoch(), |t| {
                t.execute("INSERT INTO t VALUES (999, 'v')", [])?;
                t.execute("INSERT INTO missing VALUES (1)", []).map(drop)
            });
            assert!(bad.committed_blocking().is_err());
            false
        }
        1 => {
            let bad = storage.submit(storage.epoch(), |t| {
                t.execute("INSERT INTO t VALUES (999, 'v')", [])?;
                panic!("a mistake of ours")
            });
            assert!(std::thread::spawn(move || bad.committed_blocking()).join().is_err());
            false
        }
        2 => {
            // Two that go together: the first has run when the second fails.
            let first = storage.submit_deciding(Next { key: None, is_kept: true });
            let bad = storage.submit_deciding(Next { key: Some(1), is_kept: true });
            assert!(bad.committed_blocking().is_err());
            assert!(first.committed_blocking().is_err());
            false
        }
        3 => {
            let at_once = storage.submit_deciding(Next { key: None, is_kept: false });
            at_once.committed_blocking().unwrap();
            true
        }
        4 => {
            // What SQLite undoes by itself, and whoever met the error does not pass on.
            let bad = storage.submit(storage.epoch(), |t| t.execute_batch("ROLLBACK"));
            assert!(bad.committed_blocking().is_err());
            false
        }
        _ => {
            storage.settle().unwrap();
            false
        }
    }
}

#[test]
fn what_breaks_off_takes_nothing_with_it_that_was_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(&dir.path().join("state.db"));
    let mut expected = 0;
    for round in 0..72 {
        for _ in 0..round % 4 + 1 {
            next(&storage).unwrap();
            expected += 1;
        }
        expected += i64::from(disturb(&storage, round * 7 % 6));
        let copy = crashed(&storage, &dir);
        let all: Vec<i64> = (1..=expected).collect();
        assert_eq!(keys(&open(&copy.path().join("state.db"))), all, "round {round}");
        if round % 2 == 0 {
            assert_eq!(latest(&storage), all, "round {round}");
        }
    }
}

/// Looks, and finds nothing to do.
struct Nothing;

impl Work for Nothing {
    fn run(&mut self, to: &Transaction<'_>, _: &Brief) -> rusqlite::Result<()> {
        to.query_row("SELECT count(*) FROM t", [], |_| Ok(()))
    }

    fn runs_at_once(&self) -> bool {
        true
    }

    fn is_idle(&self) -> bool {
        true
    }
}

#[test]
fn what_did_nothing_keeps_the_log_from_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.db");
    let storage = open(&path);
    next(&storage).unwrap();
    storage.settle().unwrap();
    let other = Connection::open(&path).unwrap();
    let all: i64 = other.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap();
    assert_eq!(all, 1, "a reader that stays keeps the log's file there");
    let log = || std::fs::metadata(path.with_extension("db-wal")).unwrap().len();
    assert!(log() > 0);
    storage.submit_deciding(Nothing).committed_blocking().unwrap();
    storage.close();
    assert_eq!(log(), 0);
}

#[test]
fn while_the_journal_cannot_be_written_it_is_committed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.db");
    let storage = open(&path);
    std::fs::create_dir(path.with_extension("journal")).unwrap();
    (0..3).for_each(|_| next(&storage).unwrap());
    let there: i64 = Connection::open(&path)
        .and_then(|c| c.query_row("SELECT count(*) FROM t", [], |row| row.get(0)))
        .unwrap();
    assert_eq!((there, storage.epoch()), (3, 0));
}
