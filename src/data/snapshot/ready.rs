//! A copy of Postgres' part that a restore moves into place: made beforehand, while nobody waits, of the
//! snapshot that is likely to come back next. It lies in the snapshot, so it goes with it, and it is
//! never the snapshot's only copy.
//!
//! Invariant: under the name of a ready copy lies a whole one, made since the machine started. A rename
//! gives it that name, and a rename takes it away, so of several that want it one has it.

use super::manifest::boot;
use super::save::POSTGRES;
use super::store::{Kept, Store};
use crate::runtime::tree::{self, How, Keep, Size};
use rustix::fs::FlockOperation;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Begins the names of ready copies.
const READY: &str = "ready-";
/// One that is being made or removed.
const UNREADY: &str = "unready";
/// What the one who makes or removes them holds, in the store.
const LOCK: &str = ".ready.lock";
/// A copy takes no more than this part of what the disk has free.
const SHARE_OF_FREE: u64 = 8;
/// The largest there is, in bytes.
const BYTES_MAX: u64 = 4 << 30;

/// Whether what lies at `path` below a snapshot is such a copy, or a part of one.
pub(super) fn is_ready(path: &Path) -> bool {
    let first = path.iter().next().unwrap_or_default().to_string_lossy();
    first.starts_with(READY) || first == UNREADY
}

impl Store {
    /// Makes a ready copy of `kept`, unless there is one, Postgres' part is not at rest yet, somebody
    /// makes one, or the disk has better uses for its room. That of another snapshot makes room for it:
    /// one is enough. Blocks.
    pub fn make_ready(&self, kept: &Kept) -> io::Result<()> {
        let Some(ready) = kept.ready_place().filter(|_| kept.is_at_rest()) else { return Ok(()) };
        let (from, making) = (kept.dir.join(POSTGRES), kept.dir.join(UNREADY));
        if ready.exists() || !has_room(&from)? {
            return Ok(());
        }
        let mut options = File::options();
        let options = options.write(true).create(true).truncate(false).mode(0o600);
        let turn = options.open(self.dir().join(LOCK))?;
        if rustix::fs::flock(&turn, FlockOperation::NonBlockingLockExclusive).is_err() {
            return Ok(());
        }
        // Of others, of a maker that was killed, of a machine that went down.
        for any in self.list().unwrap_or_default() {
            any.forget_ready()?;
        }
        let copied = tree::bring(&from, &making, How::Copy, &|_| Keep::All);
        copied.and_then(|_| fs::rename(&making, &ready)).inspect_err(|_| {
            let _ = fs::remove_dir_all(&making);
        })
    }
}

impl Kept {
    /// Moves the ready copy to `to`, which must not exist; whether there was one that can be moved there.
    pub(super) fn take_ready(&self, to: &Path) -> bool {
        let ready = self.ready_place().filter(|_| self.is_at_rest());
        ready.is_some_and(|ready| fs::rename(ready, to).is_ok())
    }

    /// Where it lies. None where it cannot be known whether the machine was down meanwhile: the disk may
    /// lack what was copied before.
    fn ready_place(&self) -> Option<PathBuf> {
        self.manifest.postgres.and(boot()).map(|boot| self.dir.join(format!("{READY}{boot}")))
    }

    /// Removes all that [`Store::make_ready`] makes.
    fn forget_ready(&self) -> io::Result<()> {
        let aside = self.dir.join(UNREADY);
        tree::remove(&aside)?;
        for entry in fs::read_dir(&self.dir)?.flatten() {
            if entry.file_name().to_string_lossy().starts_with(READY) {
                // Never in its place: somebody may take it in this moment.
                tree::gone(fs::rename(entry.path(), &aside))?;
                tree::remove(&aside)?;
            }
        }
        Ok(())
    }
}

fn has_room(from: &Path) -> io::Result<bool> {
    let Size { bytes, .. } = tree::size(from)?;
    let disk = rustix::fs::statvfs(from)?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    Ok(bytes <= BYTES_MAX.min(free / SHARE_OF_FREE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::snapshot::Reason;
    use crate::data::snapshot::manifest::Manifest;

    /// A snapshot with a database of one file.
    fn kept(store: &Store, name: &str) -> Kept {
        let manifest = Manifest {
            postgres: Some(17),
            ..Manifest::sample(name, "2026-01-01T00:00:00.000Z", Reason::Asked)
        };
        let draft = store.draft().unwrap();
        fs::create_dir_all(draft.dir.join(POSTGRES).join("base")).unwrap();
        fs::write(draft.dir.join(POSTGRES).join("base/1"), name).unwrap();
        store.finish(draft, &manifest, false).unwrap()
    }

    #[test]
    fn a_ready_copy_is_of_a_snapshot_at_rest_and_is_taken_once() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::of(dir.path());
        let kept = kept(&store, "one");
        let to = dir.path().join("to");
        store.make_ready(&kept).unwrap();
        assert!(!kept.take_ready(&to), "Postgres has not brought it to rest");
        kept.bring_to_rest(|_| Ok(())).unwrap();
        store.make_ready(&kept).unwrap();
        assert!(kept.take_ready(&to));
        assert_eq!(fs::read_to_string(to.join("base/1")).unwrap(), "one");
        assert!(!kept.take_ready(&dir.path().join("again")), "there was one");
        assert!(kept.dir.join(POSTGRES).join("base/1").exists(), "the snapshot has its own");
    }

    #[test]
    fn there_is_one_in_a_store_and_nothing_of_others_stays() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::of(dir.path());
        let (one, other) = (kept(&store, "one"), kept(&store, "other"));
        for kept in [&one, &other] {
            kept.bring_to_rest(|_| Ok(())).unwrap();
        }
        store.make_ready(&one).unwrap();
        // What a machine that went down and a maker that was killed have left.
        fs::create_dir(one.dir.join(format!("{READY}of-another-boot"))).unwrap();
        fs::create_dir(one.dir.join(UNREADY)).unwrap();
        store.make_ready(&other).unwrap();
        assert!(!one.take_ready(&dir.path().join("a")));
        assert!(other.take_ready(&dir.path().join("b")));
        let left: Vec<_> =
            fs::read_dir(&one.dir).unwrap().flatten().map(|e| e.file_name()).collect();
        assert!(!left.iter().any(|name| name.to_string_lossy().contains("ready")), "{left:?}");
    }
}
