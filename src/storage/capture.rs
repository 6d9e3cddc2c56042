//! One instant of the state, copied while the writers go on.
//!
//! Invariant: commits are held up only while the instant is taken: the journal is settled, a read
//! transaction is begun, and the caller takes the same instant of whatever else it copies. What was
//! acknowledged before is in the copy, what is acknowledged afterwards is not; nothing is refused.
//! Source of the copy's consistency: a read transaction in WAL mode sees one state for as long as it
//! lives (<https://www.sqlite.org/isolation.html>), and the backup reads within it.

use super::handover::lock;
use super::open::open_reader;
use super::writer::Storage;
use super::{StorageError, rusqlite};
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::MutexGuard;

/// Pages copied at a time; the source is read in one transaction all the while.
const PAGES_A_STEP: i32 = 4096;

/// Files beside the state file stay for as long as this is held.
pub struct FilesKept<'a> {
    _deletions: MutexGuard<'a, ()>,
}

/// An instant of the state file.
pub struct Moment {
    reader: Connection,
}

impl Storage {
    /// From now on no blob file is deleted; uploads go on.
    pub fn keep_files(&self) -> FilesKept<'_> {
        FilesKept { _deletions: lock(&self.shared().deletions) }
    }

    /// Takes an instant, and runs `act` while commits are held up. Blocks.
    pub fn moment<T>(&self, act: impl FnOnce() -> T) -> Result<(Moment, T), StorageError> {
        let shared = self.shared();
        let reader = open_reader(&shared.path)?;
        let mut writer = shared.writer();
        let pinned = writer.settle(&shared.reserve).and_then(|writes| {
            shared.keeper().count(writes);
            reader.execute_batch("BEGIN")?;
            // A deferred transaction begins with its first read.
            reader.query_row("SELECT count(*) FROM devenv_schema", [], |row| row.get::<_, i64>(0))
        });
        let acted = pinned.map(|_| act());
        // Whoever came meanwhile found the lock taken and waits for a leader.
        shared.lead(writer);
        Ok((Moment { reader }, acted?))
    }
}

impl Moment {
    /// Writes the whole state, as it was, into a new file of mode 0600. Not forced to the disk.
    pub fn copy_to(&self, path: &Path) -> Result<(), StorageError> {
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true).mode(0o600).open(path).map_err(|error| {
            let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CANTOPEN);
            rusqlite::Error::SqliteFailure(code, Some(error.to_string()))
        })?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut copy = Connection::open_with_flags(path, flags)?;
        copy.execute_batch("PRAGMA synchronous=OFF; PRAGMA journal_mode=OFF;")?;
        let backup = Backup::new(&self.reader, &mut copy)?;
        while backup.step(PAGES_A_STEP)? != StepResult::Done {}
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Schema;
    use super::*;

    const SCHEMA: &[Schema] =
        &[Schema { name: "t", scripts: &["CREATE TABLE t(k INTEGER PRIMARY KEY)"] }];

    fn insert(storage: &Storage, key: i64) {
        let work = move |t: &super::super::Transaction<'_>| {
            t.execute("INSERT INTO t VALUES (?1)", [key]).map(drop)
        };
        storage.submit(0, work).committed_blocking().unwrap();
    }

    #[test]
    fn a_copy_has_what_was_committed_before_its_moment_and_nothing_later() {
        let dir = tempfile::tempdir().unwrap();
        let storage = Storage::open(&dir.path().join("state.db"), SCHEMA).unwrap();
        (0..500).for_each(|key| insert(&storage, key));
        let (moment, told) = storage.moment(|| "acted").unwrap();
        assert_eq!(told, "acted");
        (500..900).for_each(|key| insert(&storage, key));
        let path = dir.path().join("copy.db");
        moment.copy_to(&path).unwrap();
        let copy = Storage::open(&path, SCHEMA).unwrap();
        let count = |s: &Storage| {
            let sql = "SELECT count(*) FROM t";
            s.read(|c| c.query_row(sql, [], |row| row.get::<_, i64>(0))).unwrap()
        };
        assert_eq!((count(&copy), count(&storage)), (500, 900));
        assert!(moment.copy_to(&path).is_err(), "a file that is there is not written over");
    }

    #[test]
    fn commits_wait_for_the_moment_and_are_then_made() {
        let dir = tempfile::tempdir().unwrap();
        let storage = Storage::open(&dir.path().join("state.db"), SCHEMA).unwrap();
        let other = storage.clone();
        let (_moment, waiting) = storage
            .moment(|| {
                let thread = std::thread::spawn(move || insert(&other, 1));
                std::thread::sleep(std::time::Duration::from_millis(20));
                assert!(!thread.is_finished());
                thread
            })
            .unwrap();
        waiting.join().unwrap();
    }
}
