//! Directory trees copied by several threads at once, or linked file by file where files never change.
//!
//! A file system that shares blocks (btrfs, xfs, APFS) shares those of large files: the system is asked to
//! copy, and no byte goes through here. It forces what is shared to the disk first.
//! What vanishes while a tree is read is left out: the caller decides whether that may be.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Threads that copy at the most; each has a processor to itself, as a copy of many small files is mostly
/// system calls.
const THREADS_MAX: usize = 4;
/// Files below which another thread costs more than it brings.
const FILES_A_THREAD: usize = 64;

/// Bytes up to which a file is written anew where its blocks could be shared: that takes longer, but on
/// btrfs, where every small file written is a change of its trees (`statfs(2)` tells it by this number).
const WRITTEN_BYTES_MAX: u64 = 64 * 1024;
#[cfg(target_os = "linux")]
const BTRFS: u64 = 0x9123_683e;

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

impl Size {
    /// Of both.
    #[must_use]
    pub fn and(self, other: Size) -> Size {
        Size { files: self.files + other.files, bytes: self.bytes + other.bytes }
    }
}

/// Brings the directory `from` to `to`, which must not exist. `keep` is asked about each entry by its
/// path below `from`.
pub fn bring(
    from: &Path,
    to: &Path,
    how: How,
    keep: &(dyn Fn(&Path) -> Keep + Sync),
) -> io::Result<Size> {
    let found = list(from, keep)?;
    make_dir(from, to)?;
    for dir in &found.dirs {
        make_dir(&from.join(dir), &to.join(dir))?;
    }
    let (bytes, written) = (AtomicU64::new(0), written_max(to));
    each(&found.files, |file| {
        let copied = bring_one(&from.join(file), &to.join(file), how, written)?;
        bytes.fetch_add(copied.unwrap_or(0), Ordering::Relaxed);
        Ok(())
    })?;
    Ok(Size { files: found.files.len() as u64, bytes: bytes.into_inner() })
}

/// Does `work` for each file, on several threads where there are many. The first failure of each thread
/// ends its part of it.
pub(super) fn each(
    files: &[PathBuf],
    work: impl Fn(&Path) -> io::Result<()> + Sync,
) -> io::Result<()> {
    let next = AtomicUsize::new(0);
    let part = || -> io::Result<()> {
        while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            work(file)?;
        }
        Ok(())
    };
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = (files.len() / FILES_A_THREAD).clamp(1, processors.min(THREADS_MAX));
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(part)).collect();
        let mut done = part();
        for other in others {
            let ended = other.join().unwrap_or_else(|_| Err(io::Error::other("a copy panicked")));
            done = done.and(ended);
        }
        done
    })
}

/// Up to how many bytes files below `dir` are written anew.
pub(super) fn written_max(dir: &Path) -> u64 {
    #[cfg(target_os = "linux")]
    if rustix::fs::statfs(dir).is_ok_and(|disk| u64::try_from(disk.f_type) == Ok(BTRFS)) {
        return 0;
    }
    let _ = dir;
    WRITTEN_BYTES_MAX
}

/// Brings one file; `None` if it is not there any more.
pub fn bring_file(from: &Path, to: &Path, how: How) -> io::Result<Option<u64>> {
    bring_one(from, to, how, WRITTEN_BYTES_MAX)
}

pub(super) fn bring_one(from: &Path, to: &Path, how: How, written: u64) -> io::Result<Option<u64>> {
    if how == How::Link {
        match fs::hard_link(from, to) {
            Ok(()) => return Ok(Some(fs::metadata(to)?.len())),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            // Another file system, or too many links.
            Err(_) => {}
        }
    }
    match File::open(from) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        reader => copy(reader?, from, to, written).map(Some),
    }
}

/// Writes what is read to a file of its own, with the same mode and, where root copies for somebody
/// else, the same owner; its bytes. With as few changes of inodes as can be: they are what a copy of many
/// small files costs on a file system with a journal.
fn copy(mut reader: File, from: &Path, to: &Path, written: u64) -> io::Result<u64> {
    let meta = reader.metadata()?;
    let is_small = meta.len() <= written;
    if cfg!(not(target_os = "linux")) && !is_small {
        // There this is what asks for shared blocks.
        let bytes = fs::copy(from, to)?;
        return give(from, to).map(|()| bytes);
    }
    let mode = meta.mode() & 0o777;
    let mut writer = File::options().write(true).create(true).truncate(true).mode(mode).open(to)?;
    if writer.metadata()?.mode() & 0o777 != mode {
        // The process' mask took some away, or a file was there.
        writer.set_permissions(meta.permissions())?;
    }
    if let Some((uid, gid)) = owner_to_keep(&meta) {
        std::os::unix::fs::fchown(&writer, Some(uid), Some(gid))?;
    }
    if !is_small {
        #[cfg(target_os = "linux")]
        if rustix::fs::ioctl_ficlone(&writer, &reader).is_ok() {
            return Ok(meta.len());
        }
        return io::copy(&mut reader, &mut writer);
    }
    let mut bytes = Vec::with_capacity(usize::try_from(meta.len()).unwrap_or(0));
    reader.read_to_end(&mut bytes)?;
    writer.write_all(&bytes)?;
    Ok(bytes.len() as u64)
}

/// Whether a copy of `file` in the directory `dir` takes no room until one of both is written to.
pub fn shares_blocks(file: &Path, dir: &Path) -> bool {
    #[cfg(target_os = "linux")]
    {
        let probe = dir.join(".shared");
        let share = || -> io::Result<()> {
            Ok(rustix::fs::ioctl_ficlone(File::create(&probe)?, File::open(file)?)?)
        };
        let shares = share().is_ok();
        // Whoever removes the directory removes what would stay.
        let _ = fs::remove_file(&probe);
        shares
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (file, dir);
        false
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
        all = all.and(match meta.is_dir() {
            true => size(&entry.path())?,
            false => Size { files: 1, bytes: meta.len() },
        });
    }
    Ok(all)
}

/// Makes `to` for its owner alone: the owner of `from`, where root copies for somebody else.
pub(super) fn make_dir(from: &Path, to: &Path) -> io::Result<()> {
    fs::DirBuilder::new().mode(0o700).create(to)?;
    give(from, to)
}

fn give(from: &Path, to: &Path) -> io::Result<()> {
    let Ok(meta) = fs::metadata(from) else { return Ok(()) };
    match owner_to_keep(&meta) {
        None => Ok(()),
        Some((uid, gid)) => std::os::unix::fs::chown(to, Some(uid), Some(gid)),
    }
}

/// Whose a copy is to be, where it would not be theirs by itself.
fn owner_to_keep(meta: &fs::Metadata) -> Option<(u32, u32)> {
    let for_others = rustix::process::geteuid().is_root() && meta.uid() != 0;
    for_others.then(|| (meta.uid(), meta.gid()))
}

/// What of a tree is to be brought, by paths below it; each directory stands before what is in it.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) dirs: Vec<PathBuf>,
    pub(super) files: Vec<PathBuf>,
}

pub(super) fn list(from: &Path, keep: &dyn Fn(&Path) -> Keep) -> io::Result<Found> {
    let mut found = Found::default();
    list_below(from, Path::new(""), keep, &mut found)?;
    Ok(found)
}

fn list_below(
    from: &Path,
    below: &Path,
    keep: &dyn Fn(&Path) -> Keep,
    found: &mut Found,
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
                found.dirs.push(path.clone());
                if kept == Keep::All {
                    list_below(from, &path, keep, found)?;
                }
            }
            // A link leads out of the tree: what lies there is not the environment's.
            (Keep::All, false) if kind.is_file() => found.files.push(path),
            (Keep::All, false) => {}
        }
    }
    Ok(())
}

/// Removes a file or a directory with all that is in it, if it is there.
pub fn remove(path: &Path) -> io::Result<()> {
    gone(match path.is_dir() {
        true => fs::remove_dir_all(path),
        false => fs::remove_file(path),
    })
}

/// That something is gone already is no failure of its removal.
pub fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
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
