//! Bodies that are too large for the state file: one file each, below `blobs/`.
//!
//! Invariant: a file is written under a name that was never used before, and becomes visible by the
//! commit that records its name; it is deleted only after a look, behind every commit submitted
//! before, has found no record of it. So a client that leaves in mid-upload, a refused commit, a
//! crash and a freed object all end alike: the name is handed to the reaper, which asks first.
//! A reader of many files holds their names instead of opening them all; the reaper leaves those alone.
//! Files that a crash left behind are found at the next start. Nothing is flushed to the platter:
//! like the state file's log, what the kernel has survives `kill -9`.

use super::transaction::Transaction;
use super::{Storage, StorageError};
use crate::base::Problem;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};

/// Directories over which files are spread.
const DIRECTORIES: u64 = 256;
/// Names looked up in one transaction at the most.
const BATCH_MAX: usize = 256;

/// Says whether a blob's name is recorded.
pub type Recorded = fn(&Transaction<'_>, &str) -> rusqlite::Result<bool>;

/// The blob files of one state directory.
pub struct Blobs {
    dir: PathBuf,
    /// Begins the names of this run's files, by which the sweep knows that they are not orphans.
    run: String,
    next: AtomicU64,
    reaper: mpsc::Sender<String>,
    storage: Storage,
    held: Arc<Mutex<Names>>,
}

/// Names that are held: how often, and whether the reaper has met them meanwhile.
type Names = HashMap<String, (usize, bool)>;

fn lock(names: &Mutex<Names>) -> MutexGuard<'_, Names> {
    // What a panicked holder leaves is whole: each name is entered and counted in one step.
    names.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Blobs {
    /// Opens (or makes) the directory and begins to sweep orphans in the background.
    pub fn open(dir: &Path, storage: &Storage, recorded: Recorded) -> Result<Arc<Blobs>, Problem> {
        make_dir(dir).map_err(|error| {
            Problem::in_the_way(
                "state-unwritable",
                format!("the directory {} cannot be made: {error}", dir.display()),
            )
            .hint("check the owner and mode of the directory above it")
        })?;
        let mut seed = [0; 8];
        getrandom::fill(&mut seed)
            .map_err(|e| Problem::failed("randomness", format!("the kernel gave none: {e}")))?;
        let run = format!("{:016x}", u64::from_le_bytes(seed));
        let (reaper, names) = mpsc::channel();
        let held = Arc::new(Mutex::new(Names::new()));
        let reaping = Reaper {
            dir: dir.to_owned(),
            run: run.clone(),
            storage: storage.clone(),
            recorded,
            held: held.clone(),
        };
        std::thread::Builder::new()
            .name("blob-reaper".into())
            .stack_size(256 * 1024)
            .spawn(move || reaping.run(&names))
            .map_err(|e| Problem::failed("thread", format!("the blob reaper cannot start: {e}")))?;
        let (dir, next, storage) = (dir.to_owned(), AtomicU64::new(0), storage.clone());
        Ok(Arc::new(Blobs { dir, run, next, reaper, storage, held }))
    }

    /// Begins a new file, unless the last space on the disk is needed to free some.
    pub fn create(&self) -> io::Result<NewBlob> {
        if !self.storage.has_room() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}-{number:x}", self.run);
        let path = path_of(&self.dir, &name);
        let open = || OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let file = match open() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if let Some(parent) = path.parent() {
                    make_dir(parent)?;
                }
                open()
            }
            other => other,
        };
        let (reaper, storage) = (self.reaper.clone(), self.storage.clone());
        Ok(NewBlob { file: file?, name, reaper, storage, kept: false })
    }

    /// Opens a recorded file for reading.
    pub fn read(&self, name: &str) -> io::Result<File> {
        File::open(path_of(&self.dir, name))
    }

    /// Keeps recorded files from being deleted; `None` if one is gone already.
    pub fn hold(&self, names: Vec<String>) -> Option<Held> {
        let mut all = lock(&self.held);
        for name in &names {
            all.entry(name.clone()).or_default().0 += 1;
        }
        drop(all);
        let (reaper, here) = (self.reaper.clone(), self.held.clone());
        let held = Held { names, reaper, held: here };
        held.names.iter().all(|name| path_of(&self.dir, name).exists()).then_some(held)
    }

    /// Hands over a file that may have lost its record.
    pub fn discard(&self, name: String) {
        // A reaper that has ended leaves the file to the next start's sweep.
        let _ = self.reaper.send(name);
    }
}

/// Names whose files stay until this is dropped.
pub struct Held {
    names: Vec<String>,
    reaper: mpsc::Sender<String>,
    held: Arc<Mutex<Names>>,
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut all = lock(&self.held);
        for name in self.names.drain(..) {
            let Entry::Occupied(mut entry) = all.entry(name) else { continue };
            entry.get_mut().0 -= 1;
            if let (0, met) = *entry.get() {
                let (name, _) = entry.remove_entry();
                if met {
                    // Whoever holds it no longer lets the reaper look again.
                    let _ = self.reaper.send(name);
                }
            }
        }
    }
}

/// A file that is being written. Dropped without [`NewBlob::kept`], it is deleted unless recorded.
pub struct NewBlob {
    file: File,
    name: String,
    reaper: mpsc::Sender<String>,
    storage: Storage,
    kept: bool,
}

impl NewBlob {
    /// Its name, to be recorded.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its record is durable.
    pub fn kept(mut self) {
        self.kept = true;
    }
}

impl Write for NewBlob {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.file.write(data).inspect_err(|error| {
            if error.kind() == io::ErrorKind::StorageFull {
                self.storage.met_full_disk();
            }
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for NewBlob {
    fn drop(&mut self) {
        if !self.kept {
            let _ = self.reaper.send(std::mem::take(&mut self.name));
        }
    }
}

fn make_dir(dir: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

fn path_of(dir: &Path, name: &str) -> PathBuf {
    let number = name.rsplit('-').next().and_then(|n| u64::from_str_radix(n, 16).ok());
    dir.join(format!("{:02x}", number.unwrap_or(0) % DIRECTORIES)).join(name)
}

struct Reaper {
    dir: PathBuf,
    run: String,
    storage: Storage,
    recorded: Recorded,
    held: Arc<Mutex<Names>>,
}

impl Reaper {
    fn run(&self, names: &mpsc::Receiver<String>) {
        self.sweep();
        while let Ok(first) = names.recv() {
            let mut batch = vec![first];
            batch.extend(names.try_iter().take(BATCH_MAX - 1));
            self.reap(batch);
        }
    }

    /// Looks at every file of earlier runs.
    fn sweep(&self) {
        let mut batch = Vec::new();
        for shard in std::fs::read_dir(&self.dir).into_iter().flatten().flatten() {
            for entry in std::fs::read_dir(shard.path()).into_iter().flatten().flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                if !name.starts_with(&self.run) {
                    batch.push(name);
                }
                if batch.len() == BATCH_MAX {
                    self.reap(std::mem::take(&mut batch));
                }
            }
        }
        if !batch.is_empty() {
            self.reap(batch);
        }
    }

    /// Deletes those of `names` that have no record.
    fn reap(&self, names: Vec<String>) {
        // Looked up and deleted in one turn: who keeps files finds all that was recorded before.
        let _kept = self.storage.keep_files();
        match self.unrecorded(names) {
            Ok(orphans) => {
                for name in orphans {
                    let mut held = lock(&self.held);
                    if let Some((_, met)) = held.get_mut(&name) {
                        *met = true;
                        continue;
                    }
                    let path = path_of(&self.dir, &name);
                    if let Err(error) = std::fs::remove_file(&path)
                        && error.kind() != io::ErrorKind::NotFound
                    {
                        tracing::warn!(path = %path.display(), %error, "a blob cannot be deleted");
                    }
                }
            }
            // What was not looked up is not deleted: the next start's sweep finds it.
            Err(error) => tracing::debug!(%error, "blobs: not reaped"),
        }
    }

    fn unrecorded(&self, names: Vec<String>) -> Result<Vec<String>, StorageError> {
        let found = Arc::new(Mutex::new(Vec::new()));
        let (slot, recorded) = (found.clone(), self.recorded);
        // The writer takes jobs in their order, so every record submitted before is seen here.
        let ticket = self.storage.submit(u64::MAX, move |transaction| {
            let mut orphans = Vec::new();
            for name in &names {
                if !recorded(transaction, name)? {
                    orphans.push(name.clone());
                }
            }
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = orphans;
            Ok(())
        });
        ticket.committed_blocking()?;
        Ok(std::mem::take(&mut *found.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Schema;
    use super::*;
    use std::io::Read;
    use std::time::{Duration, Instant};

    const SCHEMA: &[Schema] =
        &[Schema { name: "b", scripts: &["CREATE TABLE b(file TEXT PRIMARY KEY)"] }];

    fn recorded(transaction: &Transaction<'_>, name: &str) -> rusqlite::Result<bool> {
        let sql = "SELECT count(*) FROM b WHERE file=?1";
        transaction.query_row(sql, [name], |row| row.get::<_, i64>(0)).map(|n| n > 0)
    }

    fn files(dir: &Path) -> usize {
        let shards = std::fs::read_dir(dir).unwrap().flatten();
        shards.map(|s| std::fs::read_dir(s.path()).unwrap().count()).sum()
    }

    fn eventually(what: impl Fn() -> bool) {
        let begun = Instant::now();
        while !what() {
            assert!(begun.elapsed() < Duration::from_secs(10), "did not happen in time");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn record(storage: &Storage, name: &str) {
        let name = name.to_owned();
        let ticket =
            storage.submit(0, move |t| t.execute("INSERT INTO b VALUES (?1)", [&name]).map(drop));
        ticket.committed_blocking().unwrap();
    }

    #[test]
    fn recorded_files_stay_and_others_go() {
        let dir = tempfile::tempdir().unwrap();
        let storage = Storage::open(&dir.path().join("state.db"), SCHEMA).unwrap();
        let blobs_dir = dir.path().join("blobs");
        let blobs = Blobs::open(&blobs_dir, &storage, recorded).unwrap();
        let mut stays = blobs.create().unwrap();
        stays.write_all(b"stays").unwrap();
        let name = stays.name().to_owned();
        record(&storage, &name);
        // Dropped without `kept`, as by a client that leaves while its commit is under way.
        drop(stays);
        drop(blobs.create().unwrap());
        eventually(|| files(&blobs_dir) == 1);
        let mut text = String::new();
        blobs.read(&name).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "stays");
    }

    #[test]
    fn what_is_held_stays_until_it_is_let_go() {
        let dir = tempfile::tempdir().unwrap();
        let storage = Storage::open(&dir.path().join("state.db"), SCHEMA).unwrap();
        let blobs_dir = dir.path().join("blobs");
        let blobs = Blobs::open(&blobs_dir, &storage, recorded).unwrap();
        let (first, second) = (blobs.create().unwrap(), blobs.create().unwrap());
        let names = [first.name().to_owned(), second.name().to_owned()];
        let held = blobs.hold(names.to_vec()).unwrap();
        let again = blobs.hold(vec![names[0].clone()]).unwrap();
        drop((first, second));
        // The reaper takes names in their order: when this one is gone it has met the others.
        drop(blobs.create().unwrap());
        eventually(|| files(&blobs_dir) == 2);
        drop(held);
        eventually(|| files(&blobs_dir) == 1);
        assert!(blobs.read(&names[0]).is_ok());
        drop(again);
        eventually(|| files(&blobs_dir) == 0);
        assert!(blobs.hold(names.to_vec()).is_none(), "what is gone cannot be held");
    }

    #[test]
    fn orphans_of_an_earlier_run_are_swept() {
        let dir = tempfile::tempdir().unwrap();
        let storage = Storage::open(&dir.path().join("state.db"), SCHEMA).unwrap();
        let blobs_dir = dir.path().join("blobs");
        let first = Blobs::open(&blobs_dir, &storage, recorded).unwrap();
        // Once its reaper takes orders its own sweep is over, and will not meet the second's files.
        drop(first.create().unwrap());
        eventually(|| files(&blobs_dir) == 0);
        let (orphan, stays) = (first.create().unwrap(), first.create().unwrap());
        record(&storage, stays.name());
        // A crash: nobody gets to clean up.
        orphan.kept();
        stays.kept();
        drop(first);
        let second = Blobs::open(&blobs_dir, &storage, recorded).unwrap();
        let fresh = second.create().unwrap();
        eventually(|| files(&blobs_dir) == 2);
        drop(fresh);
        eventually(|| files(&blobs_dir) == 1);
    }
}
