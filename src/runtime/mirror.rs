//! A copy of a tree that is made ahead and brought up to date when it is wanted: then only what was written
//! since is copied, and the others are looked at, which takes a tenth of making them.
//!
//! Invariant: a file that is not copied again has not been written to since it was copied. Its inode, length
//! and times are those that were read before it was copied, and the times lay far enough back then that
//! whatever was written later has others.

use super::tree::{self, Found, How, Keep, Size};
use std::collections::{HashMap, HashSet};
use std::fs::{self, Metadata};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

/// A file whose last write is no older than this is copied again: time stamps are coarse, and one may be set
/// before the bytes of its write are there.
const SETTLED: Duration = Duration::from_secs(2);

/// What tells a file from the same one after another write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    bytes: u64,
    /// Seconds and nanoseconds of the last write, and of the last change of anything.
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(meta: &Metadata) -> Stamp {
        Stamp {
            inode: meta.ino(),
            bytes: meta.len(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
        }
    }

    /// The same, if the file was last written well before now.
    fn settled(meta: &Metadata) -> Option<Stamp> {
        let stamp = Stamp::of(meta);
        let last = u64::try_from(stamp.modified.0.max(stamp.changed.0)).ok()?;
        let last = SystemTime::UNIX_EPOCH + Duration::from_secs(last + 1);
        let ago = SystemTime::now().duration_since(last).ok()?;
        (ago >= SETTLED).then_some(stamp)
    }
}

/// A copy made ahead.
#[derive(Debug)]
pub struct Mirror {
    from: PathBuf,
    /// The copied directory's own inode: another one may lie there later.
    inode: u64,
    to: PathBuf,
    dirs: HashSet<PathBuf>,
    /// What was copied; without a stamp where a write may not be told.
    files: HashMap<PathBuf, Option<Stamp>>,
}

impl Mirror {
    /// Copies `from` to `to`, as [`tree::bring`] does.
    pub fn make(
        from: &Path,
        to: &Path,
        keep: &(dyn Fn(&Path) -> Keep + Sync),
    ) -> io::Result<Mirror> {
        let inode = fs::metadata(from)?.ino();
        let mut mirror = Mirror {
            from: from.to_owned(),
            inode,
            to: to.to_owned(),
            dirs: HashSet::new(),
            files: HashMap::new(),
        };
        tree::make_dir(from, to)?;
        mirror.follow(keep)?;
        Ok(mirror)
    }

    /// Whether it is a copy of what lies at `from`.
    pub fn is_of(&self, from: &Path) -> bool {
        self.from == from && fs::metadata(from).is_ok_and(|meta| meta.ino() == self.inode)
    }

    /// Brings it up to date: it is what [`tree::bring`] would make now.
    pub fn follow(&mut self, keep: &(dyn Fn(&Path) -> Keep + Sync)) -> io::Result<Size> {
        let found = tree::list(&self.from, keep)?;
        self.forget(&found)?;
        for dir in &found.dirs {
            if self.dirs.insert(dir.clone()) {
                tree::make_dir(&self.from.join(dir), &self.to.join(dir))?;
            }
        }
        let (written, bytes) = (tree::written_max(&self.to), AtomicU64::new(0));
        let copied = Mutex::new(Vec::new());
        tree::each(&found.files, |file| {
            let (from, to) = (self.from.join(file), self.to.join(file));
            let meta = match fs::metadata(&from) {
                Err(error) if error.kind() == ErrorKind::NotFound => return tree::remove(&to),
                meta => meta?,
            };
            let known = self.files.get(file).copied().flatten();
            if known == Some(Stamp::of(&meta)) {
                bytes.fetch_add(meta.len(), Ordering::Relaxed);
                return Ok(());
            }
            let stamp = Stamp::settled(&meta);
            match tree::bring_one(&from, &to, How::Copy, written)? {
                Some(size) => bytes.fetch_add(size, Ordering::Relaxed),
                None => return tree::remove(&to),
            };
            let mut copied = copied.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            copied.push((file.to_owned(), stamp));
            Ok(())
        })?;
        let copied = copied.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        self.files.extend(copied);
        Ok(Size { files: found.files.len() as u64, bytes: bytes.into_inner() })
    }

    /// Removes what is not among what was found.
    fn forget(&mut self, found: &Found) -> io::Result<()> {
        let files: HashSet<&PathBuf> = found.files.iter().collect();
        let dirs: HashSet<&PathBuf> = found.dirs.iter().collect();
        for (file, _) in self.files.extract_if(|file, _| !files.contains(file)) {
            tree::remove(&self.to.join(file))?;
        }
        for dir in self.dirs.extract_if(|dir| !dirs.contains(dir)) {
            tree::remove(&self.to.join(dir))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sets the last write of a file to `ago` from now.
    fn written(path: &Path, ago: Duration) {
        let file = fs::File::options().write(true).open(path).unwrap();
        file.set_modified(SystemTime::now() - ago).unwrap();
    }

    fn names(dir: &Path) -> Vec<PathBuf> {
        let found = tree::list(dir, &|_| Keep::All).unwrap();
        let mut all: Vec<_> = found.files.into_iter().chain(found.dirs).collect();
        all.sort();
        all
    }

    /// A tree and its mirror, both below `dir`.
    fn mirrored(dir: &Path) -> (PathBuf, PathBuf, Mirror) {
        let (from, to) = (dir.join("from"), dir.join("to"));
        fs::create_dir_all(from.join("base/1")).unwrap();
        fs::create_dir_all(from.join("base/2")).unwrap();
        for file in ["base/1/a", "base/1/b", "base/2/c", "top"] {
            fs::write(from.join(file), file).unwrap();
        }
        let mirror = Mirror::make(&from, &to, &|_| Keep::All).unwrap();
        (from, to, mirror)
    }

    #[test]
    fn it_becomes_what_the_tree_is() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to, mut mirror) = mirrored(dir.path());
        assert_eq!(names(&from), names(&to));
        fs::write(from.join("base/1/a"), "written").unwrap();
        fs::remove_file(from.join("base/1/b")).unwrap();
        fs::remove_dir_all(from.join("base/2")).unwrap();
        fs::create_dir_all(from.join("base/3/deep")).unwrap();
        fs::write(from.join("base/3/deep/d"), "new").unwrap();
        fs::remove_file(from.join("top")).unwrap();
        fs::create_dir(from.join("top")).unwrap();
        let size = mirror.follow(&|_| Keep::All).unwrap();
        assert_eq!(names(&from), names(&to));
        assert_eq!(size, tree::size(&from).unwrap());
        assert_eq!(fs::read_to_string(to.join("base/1/a")).unwrap(), "written");
        assert_eq!(fs::read_to_string(to.join("base/3/deep/d")).unwrap(), "new");
        let without = |path: &Path| match path.starts_with("base") {
            true => Keep::Nothing,
            false => Keep::All,
        };
        mirror.follow(&without).unwrap();
        assert_eq!(names(&to), [PathBuf::from("top")]);
    }

    #[test]
    fn a_write_that_leaves_length_and_times_as_they_may_be_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to, mut mirror) = mirrored(dir.path());
        // As long as before, and within the same tick of the clock as far as stamps can tell.
        fs::write(from.join("top"), "TOP").unwrap();
        mirror.follow(&|_| Keep::All).unwrap();
        assert_eq!(fs::read_to_string(to.join("top")).unwrap(), "TOP");
        // And with the last write set back, as tools that restore times do.
        fs::write(from.join("top"), "pot").unwrap();
        written(&from.join("top"), Duration::from_secs(60));
        mirror.follow(&|_| Keep::All).unwrap();
        assert_eq!(fs::read_to_string(to.join("top")).unwrap(), "pot");
    }

    #[test]
    fn what_was_written_long_ago_is_not_copied_again() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to, mut mirror) = mirrored(dir.path());
        let old = fs::metadata(from.join("top")).unwrap();
        // As if it had been copied long after its last write.
        mirror.files.insert("top".into(), Some(Stamp::of(&old)));
        fs::write(to.join("top"), "the copy").unwrap();
        mirror.follow(&|_| Keep::All).unwrap();
        assert_eq!(fs::read_to_string(to.join("top")).unwrap(), "the copy");
        assert!(Stamp::settled(&old).is_none(), "it was written just now");
    }

    #[test]
    fn another_tree_in_the_same_place_is_another() {
        let dir = tempfile::tempdir().unwrap();
        let (from, _to, mirror) = mirrored(dir.path());
        assert!(mirror.is_of(&from));
        fs::rename(&from, dir.path().join("aside")).unwrap();
        fs::create_dir(&from).unwrap();
        assert!(!mirror.is_of(&from));
    }
}
