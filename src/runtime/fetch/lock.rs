//! Locks in the cache: two devenv processes never make the same thing at once.
//! Source: flock(2): the lock is gone with the process, however that ends.

use crate::base::Problem;
use crate::runtime::dirs::unwritable;
use rustix::fs::FlockOperation;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// Held until dropped.
#[derive(Debug)]
pub(crate) struct Lock(#[allow(dead_code, reason = "its descriptor holds the lock")] File);

impl Lock {
    /// Waits for the lock `name` of the cache.
    pub(crate) fn take(cache: &Path, name: &str) -> Result<Lock, Problem> {
        let dir = cache.join("locks");
        fs::create_dir_all(&dir).map_err(|error| unwritable(&dir, &error))?;
        let path = dir.join(name);
        let lock = || -> io::Result<File> {
            let file = File::options().create(true).truncate(false).write(true).open(&path)?;
            rustix::fs::flock(&file, FlockOperation::LockExclusive)?;
            Ok(file)
        };
        lock().map(Lock).map_err(|error| unwritable(&path, &error))
    }
}

/// A directory in which something is made before it gets its name; gone with this value. What an
/// interrupted maker left under the same name is removed first: the caller holds the lock.
#[derive(Debug)]
pub(crate) struct Workshop {
    path: PathBuf,
}

impl Workshop {
    /// The workshop for `name` in `parent`, which is made if it is missing.
    pub(crate) fn open(parent: &Path, name: &str) -> Result<Workshop, Problem> {
        let path = parent.join(format!(".new-{name}"));
        remove_tree(&path)?;
        fs::create_dir_all(&path).map_err(|error| unwritable(&path, &error))?;
        Ok(Workshop { path })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next one of this name.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Removes a directory tree, or says which cannot be removed.
pub(crate) fn remove_tree(path: &Path) -> Result<(), Problem> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(unwritable(path, &error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_interrupted_maker_left_is_gone() {
        let parent = tempfile::tempdir().expect("temporary directory");
        let first = Workshop::open(parent.path(), "x").expect("workshop");
        fs::write(first.path().join("half"), "made").expect("file");
        std::mem::forget(first);
        let second = Workshop::open(parent.path(), "x").expect("workshop");
        assert!(!second.path().join("half").exists());
        drop(second);
        assert_eq!(fs::read_dir(parent.path()).expect("directory").count(), 0);
    }

    #[test]
    fn a_lock_is_held_by_one_at_a_time() {
        let cache = tempfile::tempdir().expect("temporary directory");
        let held = Lock::take(cache.path(), "x").expect("lock");
        let path = cache.path().to_owned();
        let other = std::thread::spawn(move || Lock::take(&path, "x").map(drop));
        std::thread::sleep(std::time::Duration::from_millis(50));
        assert!(!other.is_finished());
        drop(held);
        other.join().expect("thread").expect("lock");
    }
}
