//! Directory trees copied by several threads at once, or linked file by file where files never change.
//!
//! A file system that shares blocks (btrfs, xfs, APFS) shares them: `std::fs::copy` asks for that first.
//! What vanishes while a tree is read is left out: the caller decides whether that may be.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Threads that copy at the most; a copy of many small files is mostly system calls.
const THREADS_MAX: usize = 4;
/// Files below which another thread costs more than it brings.
const FILES_A_THREAD: usize = 64;

/// How a file comes into the new tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// A copy of its own.
    Copy,
    /// The same file under a second name; a copy where the file system refuses that.
    Link,
}

/// What a tree's entry is to its copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// It is in.
    All,
    /// A directory that is there, without what is in it.
    Empty,
    /// It is left out.
    Nothing,
}

/// Number and bytes of files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Size {
    /// Files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Brings the directory `from` to `to`, which must not exist. `keep` is asked about each entry by its
/// path below `from`.
pub fn bring(
    from: &Path,
    to: &Path,
    how: How,
    keep: &(dyn Fn(&Path) -> Keep + Sync),
) -> io::Result<Size> {
    let mut files = Vec::new();
    make_dir(from, to)?;
    plan(from, to, Path::new(""), keep, &mut files)?;
    let (next, bytes) = (AtomicUsize::new(0), AtomicU64::new(0));
    let work = || -> io::Result<()> {
        while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            let copied = bring_file(&from.join(file), &to.join(file), how)?;
            bytes.fetch_add(copied.unwrap_or(0), Ordering::Relaxed);
        }
        Ok(())
    };
    let threads = (files.len() / FILES_A_THREAD).clamp(1, THREADS_MAX);
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut done = work();
        for other in others {
            let ended = other.join().unwrap_or_else(|_| Err(io::Error::other("a copy panicked")));
            done = done.and(ended);
        }
        done
    })?;
    Ok(Size { files: files.len() as u64, bytes: bytes.into_inner() })
}

/// Brings one file; `None` if it is not there any more.
pub fn bring_file(from: &Path, to: &Path, how: How) -> io::Result<Option<u64>> {
    if how == How::Link {
        match fs::hard_link(from, to) {
            Ok(()) => return Ok(Some(fs::metadata(to)?.len())),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            // Another file system, or too many links.
            Err(_) => {}
        }
    }
    match fs::copy(from, to) {
        Ok(bytes) => {
            give(from, to)?;
            Ok(Some(bytes))
        }
        Err(error) if error.kind() == ErrorKind::NotFound && !from.exists() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Number and bytes of the files below `dir`, which need not exist.
pub fn size(dir: &Path) -> io::Result<Size> {
    let mut all = Size::default();
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(all),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let meta = entry.metadata()?;
        let more = match meta.is_dir() {
            true => size(&entry.path())?,
            false => Size { files: 1, bytes: meta.len() },
        };
        all.files += more.files;
        all.bytes += more.bytes;
    }
    Ok(all)
}

/// Makes `to` for its owner alone: the owner of `from`, where root copies for somebody else.
fn make_dir(from: &Path, to: &Path) -> io::Result<()> {
    fs::DirBuilder::new().mode(0o700).create(to)?;
    give(from, to)
}

fn give(from: &Path, to: &Path) -> io::Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let Ok(meta) = fs::metadata(from) else { return Ok(()) };
    match meta.uid() {
        0 => Ok(()),
        uid => std::os::unix::fs::chown(to, Some(uid), Some(meta.gid())),
    }
}

fn plan(
    from: &Path,
    to: &Path,
    below: &Path,
    keep: &dyn Fn(&Path) -> Keep,
    files: &mut Vec<PathBuf>,
) -> io::Result<()> {
    let entries = match fs::read_dir(from.join(below)) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let path = below.join(entry.file_name());
        let kept = keep(&path);
        let Ok(kind) = entry.file_type() else { continue };
        match (kept, kind.is_dir()) {
            (Keep::Nothing, _) | (Keep::Empty, false) => {}
            (_, true) => {
                make_dir(&from.join(&path), &to.join(&path))?;
                if kept == Keep::All {
                    plan(from, to, &path, keep, files)?;
                }
            }
            // A link leads out of the tree: what lies there is not the environment's.
            (Keep::All, false) if kind.is_file() => files.push(path),
            (Keep::All, false) => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_brought_whole_but_for_what_is_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let (from, copy, link) =
            (dir.path().join("from"), dir.path().join("copy"), dir.path().join("link"));
        fs::create_dir_all(from.join("a/b")).unwrap();
        fs::create_dir(from.join("empty")).unwrap();
        for n in 0..300 {
            fs::write(from.join("a/b").join(n.to_string()), n.to_string()).unwrap();
        }
        fs::write(from.join("empty/x"), "x").unwrap();
        fs::write(from.join("out"), "x").unwrap();
        std::os::unix::fs::symlink("/etc/passwd", from.join("a/link")).unwrap();
        let keep = |path: &Path| match path.to_str() {
            Some("out") => Keep::Nothing,
            Some("empty") => Keep::Empty,
            _ => Keep::All,
        };
        let brought = bring(&from, &copy, How::Copy, &keep).unwrap();
        assert_eq!(brought, size(&copy).unwrap());
        assert_eq!(brought.files, 300);
        assert_eq!(fs::read_to_string(copy.join("a/b/299")).unwrap(), "299");
        assert!(copy.join("empty").is_dir() && !copy.join("a/link").exists());
        bring(&from, &link, How::Link, &|_| Keep::All).unwrap();
        let inode = |dir: &Path| fs::metadata(dir.join("a/b/7")).unwrap().ino();
        assert_eq!(inode(&from), inode(&link));
        assert_ne!(inode(&from), inode(&copy));
        assert!(bring(&from, &copy, How::Copy, &keep).is_err(), "it is there already");
    }
}
