//! Locks in the cache: two devenv processes never make the same thing at once.
//! Source: flock(2): the lock is gone with the process, however that ends.

use crate::base::Problem;
use crate::runtime::dirs::unwritable;
use rustix::fs::FlockOperation;
use std::fs::{self, File};
use std::io;
use std::path::Path;

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

/// Removes a directory tree, or says which cannot be removed.
pub(crate) fn remove_tree(path: &Path) -> Result<(), Problem> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(unwritable(path, &error)),
        _ => Ok(()),
    }
}
