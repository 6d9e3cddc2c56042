//! Disk space kept for the moment when the disk is full: a file that is given up so that what frees
//! space, a deletion above all, can still be committed.
//!
//! Invariant: it is taken only where as much again stays free, so while it is held there was room for
//! ordinary writes; while it is not, nothing that makes the state grow is accepted.

use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// Bytes kept: the log of a deletion of a thousand objects, with the index pages that it touches.
const RESERVE_BYTES: u64 = 2 * 1024 * 1024;
/// What an open state file takes besides itself: the log's header and its index in shared memory.
const OPEN_BYTES: u64 = 128 * 1024;
/// Bytes a write.
const CHUNK_BYTES: usize = 64 * 1024;

/// The reserve beside one state file.
pub(super) struct Reserve {
    path: PathBuf,
    held: AtomicBool,
    turn: Mutex<()>,
}

impl Reserve {
    /// The reserve beside the state file `state`, taken if there is room.
    pub(super) fn beside(state: &Path) -> Reserve {
        let path = state.with_extension("reserve");
        let there = std::fs::metadata(&path).is_ok_and(|meta| meta.len() == RESERVE_BYTES);
        let reserve = Reserve { path, held: AtomicBool::new(there), turn: Mutex::new(()) };
        reserve.hold();
        reserve
    }

    /// Whether it is held, taking it again if there is room by now.
    pub(super) fn hold(&self) -> bool {
        if self.held.load(Ordering::Acquire) {
            return true;
        }
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.held.load(Ordering::Acquire) && self.has_room() {
            match self.write() {
                Ok(()) => self.held.store(true, Ordering::Release),
                // Half a reserve would be in the way of what it is for.
                Err(_) => drop(std::fs::remove_file(&self.path)),
            }
        }
        self.held.load(Ordering::Acquire)
    }

    /// Gives its space back to the disk.
    pub(super) fn release(&self) {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        self.held.store(false, Ordering::Release);
        if let Err(error) = std::fs::remove_file(&self.path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(path = %self.path.display(), %error, "the reserve cannot be given up");
        }
    }

    fn has_room(&self) -> bool {
        self.free().is_some_and(|bytes| bytes >= 2 * RESERVE_BYTES)
    }

    /// Whether the disk lacks even what SQLite needs to open a file.
    pub(super) fn disk_is_full(&self) -> bool {
        self.free().is_some_and(|bytes| bytes < OPEN_BYTES)
    }

    fn free(&self) -> Option<u64> {
        let dir = self.path.parent().unwrap_or(&self.path);
        rustix::fs::statvfs(dir).ok().map(|s| s.f_bavail * s.f_frsize)
    }

    fn write(&self) -> io::Result<()> {
        let mut options = std::fs::OpenOptions::new();
        let mut file =
            options.write(true).create(true).truncate(true).mode(0o600).open(&self.path)?;
        let set_aside =
            rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, RESERVE_BYTES);
        if set_aside.is_ok() {
            return Ok(());
        }
        // Not every file system can set blocks aside: they are written then.
        let chunk = [0; CHUNK_BYTES];
        (0..RESERVE_BYTES / CHUNK_BYTES as u64).try_for_each(|_| file.write_all(&chunk))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_taken_given_up_and_taken_again() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("state.db");
        let length = || std::fs::metadata(dir.path().join("state.reserve")).map_or(0, |m| m.len());
        let reserve = Reserve::beside(&state);
        assert_eq!(length(), RESERVE_BYTES);
        reserve.release();
        reserve.release();
        assert_eq!(length(), 0);
        assert!(reserve.hold());
        assert_eq!(length(), RESERVE_BYTES);
        drop(reserve);
        assert!(Reserve::beside(&state).held.load(Ordering::Acquire));
    }

    #[test]
    fn where_nothing_can_be_written_it_is_not_held() {
        assert!(!Reserve::beside(Path::new("/nowhere/state.db")).hold());
    }
}
