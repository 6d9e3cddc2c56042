//! Where snapshots lie: a directory each, below one that sibling worktrees of a git repository share.
//!
//! Invariant: a snapshot appears under its name by a rename, complete, and disappears by one; whatever
//! else lies there was left by a process that ended, and is removed by the next one that makes something.

use super::manifest::{LAYOUT, Manifest, Reason, boot};
use super::save::{POSTGRES, REDIS, STATE};
use crate::base::{Exit, Problem};
use crate::runtime::dirs::{private_dir, unwritable};
use crate::runtime::tree::{self, Size};
use rustix::fs::FlockOperation;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// What is known of a snapshot.
pub(super) const MANIFEST: &str = "snapshot.json";
/// Begins the names of directories that are being made or removed.
const UNFINISHED: &str = ".new-";
/// There when the disk has the whole snapshot.
const ON_DISK: &str = "on-disk";
/// There when Postgres' part is at rest, and held by whoever brings it there.
const AT_REST: &str = "at-rest";
const SETTLING: &str = "settling";
/// Held by whoever makes an unfinished directory.
const LOCK: &str = "lock";
/// Snapshots that devenv made of itself and that are kept.
const AUTOMATIC_MAX: usize = 5;

/// The snapshots of a project.
#[derive(Debug, Clone)]
pub struct Store {
    dir: PathBuf,
}

/// A snapshot on the disk.
#[derive(Debug, Clone)]
pub struct Kept {
    /// What is known of it.
    pub manifest: Manifest,
    /// Where it lies.
    pub dir: PathBuf,
}

/// A snapshot that is being made; gone with this value unless it is finished.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) dir: PathBuf,
    _lock: File,
}

impl Draft {
    /// Whether nobody removed it.
    pub(super) fn is_there(&self) -> bool {
        self.dir.join(LOCK).exists()
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // What stays is removed by the next one that makes something.
        let _ = fs::remove_dir_all(&self.dir);
    }
}

impl Store {
    /// The store of the project at `project`: in the git directory that its worktrees share, so that a
    /// snapshot made in one can be restored in another; in `.devenv` where there is no git.
    pub fn of(project: &Path) -> Store {
        let project = project.canonicalize().unwrap_or_else(|_| project.to_owned());
        let shared = shared_git_dir(&project).map(|(git, below)| {
            // A project in a folder of a repository has a store of its own.
            let name: String = below.to_string_lossy().replace('/', "+");
            git.join("devenv").join(if name.is_empty() { "+".into() } else { name })
        });
        let dir = shared.unwrap_or_else(|| project.join(".devenv")).join("snapshots");
        Store { dir }
    }

    /// Where it is.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// All snapshots, oldest first.
    pub fn list(&self) -> Result<Vec<Kept>, Problem> {
        let entries = match fs::read_dir(&self.dir) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(|error| unwritable(&self.dir, &error))?,
        };
        let named = entries.flatten().filter(|e| !e.file_name().to_string_lossy().starts_with('.'));
        // One that cannot be read is told of when it is asked for.
        let mut all: Vec<Kept> = named.filter_map(|entry| read(&entry.path()).ok()).collect();
        all.sort_by(|a, b| {
            (&a.manifest.created, &a.manifest.name).cmp(&(&b.manifest.created, &b.manifest.name))
        });
        Ok(all)
    }

    /// The snapshot `name`, to be restored, compared or sent away.
    pub fn find(&self, name: &str) -> Result<Kept, Problem> {
        Manifest::check_name(name)?;
        let dir = self.dir.join(name);
        if !dir.is_dir() {
            return Err(self.unknown(name));
        }
        let kept = read(&dir)?;
        if kept.manifest.boot != boot() && !dir.join(ON_DISK).exists() && !kept.has_its_size() {
            let message = format!("the machine went down before the disk had all of `{name}`");
            return Err(Problem::failed("snapshot-incomplete", message)
                .hint(format!("remove it: `devenv snapshot delete {name}`")));
        }
        Ok(kept)
    }

    fn unknown(&self, name: &str) -> Problem {
        let known = self.list().unwrap_or_default();
        let known: Vec<&str> = known.iter().map(|k| k.manifest.name.as_str()).collect();
        let near = crate::profile::nearest(name, known.iter().copied());
        let hint = match (near, known.is_empty()) {
            (Some(near), _) => format!("did you mean `{near}`?"),
            (None, true) => "make one with `devenv snapshot save NAME`".to_owned(),
            (None, false) => "`devenv snapshot list` shows those there are".to_owned(),
        };
        Problem::new(Exit::Usage, "unknown-snapshot", format!("there is no snapshot `{name}`"))
            .hint(hint)
    }

    /// Removes `name`.
    pub fn delete(&self, name: &str) -> Result<(), Problem> {
        Manifest::check_name(name)?;
        let gone = self.set_aside(name)?;
        fs::remove_dir_all(&gone).map_err(|error| unwritable(&gone, &error))
    }

    /// Takes the name from a snapshot; where it lies until it is removed.
    fn set_aside(&self, name: &str) -> Result<PathBuf, Problem> {
        let (dir, gone) = (self.dir.join(name), self.unfinished());
        match fs::rename(&dir, &gone) {
            Err(error) if error.kind() == ErrorKind::NotFound => Err(self.unknown(name)),
            Err(error) => Err(unwritable(&dir, &error)),
            Ok(()) => Ok(gone),
        }
    }

    /// The newest snapshot that devenv made of itself.
    pub fn last_automatic(&self) -> Result<Option<Kept>, Problem> {
        Ok(self.list()?.into_iter().rfind(|k| k.manifest.reason.is_automatic()))
    }

    /// Where the snapshot `name`, which is not there yet, comes to lie.
    pub(super) fn place(&self, name: &str) -> Result<PathBuf, Problem> {
        private_dir(&self.dir)?;
        self.refuse_taken(name)?;
        Ok(self.dir.join(name))
    }

    /// Begins a snapshot.
    pub(super) fn draft(&self) -> Result<Draft, Problem> {
        private_dir(&self.dir)?;
        self.sweep();
        let dir = self.unfinished();
        private_dir(&dir)?;
        let path = dir.join(LOCK);
        let lock = || -> std::io::Result<File> {
            let mut options = File::options();
            let file = options.write(true).create_new(true).mode(0o600).open(&path)?;
            rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive)?;
            Ok(file)
        };
        let _lock = lock().map_err(|error| unwritable(&path, &error))?;
        Ok(Draft { dir, _lock })
    }

    /// Refuses a name that is taken.
    pub fn refuse_taken(&self, name: &str) -> Result<(), Problem> {
        Manifest::check_name(name)?;
        match self.dir.join(name).exists() {
            false => Ok(()),
            true => Err(taken(name)),
        }
    }

    /// Gives a snapshot its name. With `replace`, one that has the name makes room.
    pub(super) fn finish(
        &self,
        draft: Draft,
        manifest: &Manifest,
        replace: bool,
    ) -> Result<Kept, Problem> {
        let (from, to) = (draft.dir.clone(), self.dir.join(&manifest.name));
        let path = from.join(MANIFEST);
        let text = serde_json::to_vec_pretty(manifest).unwrap_or_default();
        let write = || -> std::io::Result<()> {
            let mut options = File::options();
            let mut file = options.write(true).create_new(true).mode(0o600).open(&path)?;
            std::io::Write::write_all(&mut file, &text)?;
            fs::remove_file(from.join(LOCK))
        };
        write().map_err(|error| unwritable(&path, &error))?;
        if replace && to.exists() {
            let old = self.unfinished();
            fs::rename(&to, &old).map_err(|error| unwritable(&to, &error))?;
            remove_later(old);
        }
        // Onto a directory that is not empty a rename fails: the first of two has the name.
        fs::rename(&from, &to).map_err(|error| match error.kind() {
            ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists => taken(&manifest.name),
            _ => unwritable(&to, &error),
        })?;
        self.prune();
        Ok(Kept { manifest: manifest.clone(), dir: to })
    }

    /// Removes the oldest of those that devenv made of itself.
    pub fn prune(&self) {
        let all = self.list().unwrap_or_default();
        let of_tests = |kept: &&Kept| kept.manifest.reason == Reason::TestFailed;
        let automatic = |kept: &&Kept| kept.manifest.reason.is_automatic();
        for group in [
            all.iter().filter(automatic).collect::<Vec<_>>(),
            all.iter().filter(of_tests).collect(),
        ] {
            let surplus = group.len().saturating_sub(AUTOMATIC_MAX);
            for old in &group[..surplus] {
                match self.set_aside(&old.manifest.name) {
                    Ok(gone) => remove_later(gone),
                    Err(problem) => {
                        tracing::warn!(
                            name = old.manifest.name,
                            "not removed: {}",
                            problem.message
                        );
                    }
                }
            }
        }
    }

    /// Removes what processes left that ended while they made something.
    fn sweep(&self) {
        for entry in fs::read_dir(&self.dir).into_iter().flatten().flatten() {
            if !entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
                continue;
            }
            let held = File::open(entry.path().join(LOCK)).is_ok_and(|file| {
                rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).is_err()
            });
            if !held {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }

    fn unfinished(&self) -> PathBuf {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let now = jiff::Timestamp::now().as_nanosecond();
        self.dir.join(format!("{UNFINISHED}{}-{now}-{number}", std::process::id()))
    }
}

impl Kept {
    /// Has `settle` bring Postgres' part to rest, unless that was done. One process at a time does it.
    pub fn bring_to_rest(
        &self,
        settle: impl FnOnce(&Path) -> Result<(), Problem>,
    ) -> Result<(), Problem> {
        let failed = |error: std::io::Error| unwritable(&self.dir, &error);
        let open = |name: &str| {
            let mut options = File::options();
            options.write(true).create(true).truncate(false).mode(0o600).open(self.dir.join(name))
        };
        if self.manifest.postgres.is_none() || self.is_at_rest() {
            return Ok(());
        }
        let turn = open(SETTLING).map_err(failed)?;
        rustix::fs::flock(&turn, FlockOperation::LockExclusive).map_err(|e| failed(e.into()))?;
        if !self.is_at_rest() {
            settle(&self.dir.join(POSTGRES))?;
            let size = payload(&self.dir).map_err(failed)?;
            let mut mark = open(AT_REST).map_err(failed)?;
            std::io::Write::write_all(&mut mark, said(size).as_bytes()).map_err(failed)?;
        }
        Ok(())
    }

    /// Whether its files are as large as they were made: a power cut leaves files that are not.
    fn has_its_size(&self) -> bool {
        let made = Size { files: self.manifest.files, bytes: self.manifest.bytes };
        let expected = match self.is_at_rest() {
            // Postgres has written since.
            true => fs::read_to_string(self.dir.join(AT_REST)).unwrap_or_default(),
            false => said(made),
        };
        payload(&self.dir).is_ok_and(|size| said(size) == expected)
    }

    /// Whether a server starts at once on Postgres' part.
    pub fn is_at_rest(&self) -> bool {
        self.dir.join(AT_REST).exists()
    }

    /// Has the disk take all of it, so that it outlives the loss of power. Blocks for as long as that takes.
    pub fn force_out(&self) -> std::io::Result<()> {
        let dir = File::open(&self.dir)?;
        force_out(&dir)?;
        let mut options = File::options();
        let mark = options.write(true).create(true).truncate(true).mode(0o600);
        mark.open(self.dir.join(ON_DISK))?.sync_all()?;
        dir.sync_all()
    }
}

/// Removes what has no name any more while nobody waits for it. What a process leaves that ends before
/// is removed with the next snapshot.
fn remove_later(dir: PathBuf) {
    std::thread::spawn(move || fs::remove_dir_all(dir));
}

/// What a snapshot holds, without what is known of it.
pub(super) fn payload(dir: &Path) -> std::io::Result<Size> {
    let sizes = [STATE, POSTGRES, REDIS].map(|name| part(dir, name));
    sizes.into_iter().try_fold(Size::default(), |all, size| Ok(all.and(size?)))
}

/// What a store's part of a snapshot holds.
pub(super) fn part(dir: &Path, name: &str) -> std::io::Result<Size> {
    tree::size(&dir.join(name))
}

fn said(size: Size) -> String {
    format!("{} {}", size.files, size.bytes)
}

#[cfg(target_os = "linux")]
fn force_out(dir: &File) -> std::io::Result<()> {
    Ok(rustix::fs::syncfs(dir)?)
}

#[cfg(not(target_os = "linux"))]
fn force_out(_dir: &File) -> std::io::Result<()> {
    rustix::fs::sync();
    Ok(())
}

fn taken(name: &str) -> Problem {
    Problem::new(Exit::Usage, "snapshot-exists", format!("there is a snapshot `{name}` already"))
        .hint(format!("take another name, or replace it: `devenv snapshot save {name} --replace`"))
}

fn read(dir: &Path) -> Result<Kept, Problem> {
    let path = dir.join(MANIFEST);
    let unreadable = |why: String| {
        let message = format!("{} cannot be read: {why}", path.display());
        Problem::failed("snapshot-unreadable", message)
    };
    let text = fs::read(&path).map_err(|error| unreadable(error.to_string()))?;
    let mut manifest: Manifest =
        serde_json::from_slice(&text).map_err(|error| unreadable(error.to_string()))?;
    if manifest.layout > LAYOUT {
        return Err(unreadable("it was made by a newer devenv".to_owned()).hint("update devenv"));
    }
    // The directory's name counts: somebody may have renamed it.
    manifest.name = dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Kept { manifest, dir: dir.to_owned() })
}

/// The git directory that all worktrees of `project`'s repository share, and the project's path in its
/// worktree. Source: gitrepository-layout(5), `gitdir` files and `commondir`.
fn shared_git_dir(project: &Path) -> Option<(PathBuf, PathBuf)> {
    let root = project.ancestors().find(|dir| dir.join(".git").exists())?;
    let below = project.strip_prefix(root).ok()?.to_owned();
    let dot = root.join(".git");
    let git = match dot.is_dir() {
        true => dot,
        false => {
            let text = fs::read_to_string(&dot).ok()?;
            root.join(text.strip_prefix("gitdir:")?.trim())
        }
    };
    let common = match fs::read_to_string(git.join("commondir")) {
        Ok(text) => git.join(text.trim()),
        Err(_) => git,
    };
    let common = common.canonicalize().ok()?;
    common.join("HEAD").is_file().then_some((common, below))
}

#[cfg(test)]
mod tests {
    use super::super::Reason;
    use super::*;

    fn keep(store: &Store, name: &str, created: &str, reason: Reason) -> Result<Kept, Problem> {
        store.finish(store.draft()?, &Manifest::sample(name, created, reason), false)
    }

    fn names(store: &Store) -> Vec<String> {
        store.list().unwrap().into_iter().map(|k| k.manifest.name).collect()
    }

    #[test]
    fn snapshots_are_listed_found_and_removed() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::of(dir.path());
        assert!(names(&store).is_empty());
        assert_eq!(store.find("x").unwrap_err().code, "unknown-snapshot");
        keep(&store, "second", "2026-02", Reason::Asked).unwrap();
        keep(&store, "first", "2026-01", Reason::Asked).unwrap();
        assert_eq!(names(&store), ["first", "second"]);
        let again = keep(&store, "first", "2026-03", Reason::Asked).unwrap_err();
        assert_eq!(again.code, "snapshot-exists");
        let near = store.find("secnd").unwrap_err();
        assert_eq!(near.hint.as_deref(), Some("did you mean `second`?"));
        store.delete("first").unwrap();
        assert_eq!(names(&store), ["second"]);
        assert_eq!(store.delete("first").unwrap_err().code, "unknown-snapshot");
        assert_eq!(fs::read_dir(store.dir()).unwrap().count(), 1, "nothing unfinished stays");
    }

    #[test]
    fn what_a_killed_process_left_is_removed_and_what_is_being_made_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::of(dir.path());
        let made = store.draft().unwrap();
        let left = store.dir().join(".new-1-1-1");
        fs::create_dir(&left).unwrap();
        let other = store.draft().unwrap();
        assert!(!left.exists());
        assert!(made.dir.exists() && other.dir.exists());
    }

    #[test]
    fn of_those_that_devenv_makes_itself_the_newest_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::of(dir.path());
        keep(&store, "mine", "2025", Reason::Asked).unwrap();
        for n in 0..AUTOMATIC_MAX + 3 {
            keep(&store, &format!("auto-{n}"), &format!("2026-{n}"), Reason::BeforeReset).unwrap();
        }
        let all = names(&store);
        assert_eq!(all.len(), AUTOMATIC_MAX + 1);
        assert_eq!(all[0], "mine");
        assert_eq!(store.last_automatic().unwrap().unwrap().manifest.name, "auto-7");
    }

    #[test]
    fn a_snapshot_that_the_disk_may_lack_is_not_used_after_another_boot() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::of(dir.path());
        let mut of_before = Manifest::sample("x", "2026", Reason::Asked);
        of_before.boot = Some("another".to_owned());
        (of_before.files, of_before.bytes) = (1, 8);
        let draft = store.draft().unwrap();
        fs::create_dir(draft.dir.join(STATE)).unwrap();
        fs::write(draft.dir.join(STATE).join("state.db"), "database").unwrap();
        let kept = store.finish(draft, &of_before, false).unwrap();
        assert!(store.find("x").is_ok(), "it is as large as it was made");
        fs::write(kept.dir.join(STATE).join("state.db"), "").unwrap();
        assert_eq!(store.find("x").unwrap_err().code, "snapshot-incomplete");
        kept.force_out().unwrap();
        assert!(store.find("x").is_ok());
    }

    #[test]
    fn worktrees_of_a_repository_share_a_store_and_its_folders_do_not() {
        let dir = tempfile::tempdir().unwrap();
        let (main, other) = (dir.path().join("main"), dir.path().join("other"));
        let private = main.join(".git/worktrees/other");
        fs::create_dir_all(&private).unwrap();
        fs::create_dir_all(other.join("sub")).unwrap();
        fs::write(main.join(".git/HEAD"), "ref: refs/heads/main\n").unwrap();
        fs::write(other.join(".git"), format!("gitdir: {}\n", private.display())).unwrap();
        fs::write(private.join("commondir"), "../..\n").unwrap();
        assert_eq!(Store::of(&main).dir(), Store::of(&other).dir());
        assert_ne!(Store::of(&main).dir(), Store::of(&other.join("sub")).dir());
        let alone = dir.path().canonicalize().unwrap();
        assert_eq!(Store::of(&alone).dir(), alone.join(".devenv/snapshots"));
    }
}
