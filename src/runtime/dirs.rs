//! Where an environment's files lie.
//!
//! Invariant: everything under `.devenv` is the environment's own and closed to other users; the
//! cache is shared by all environments of a user and holds nothing that cannot be fetched again.

use crate::base::Problem;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Mode of every directory made here.
const DIR_MODE: u32 = 0o700;

/// The directories of one environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dirs {
    /// `.devenv` in the project.
    pub state: PathBuf,
    /// Run files, sockets, pipes: void after a reboot.
    pub run: PathBuf,
    /// One log a service.
    pub logs: PathBuf,
    /// Data of Postgres and Redis.
    pub data: PathBuf,
    /// Downloads and templates, shared by all environments.
    pub cache: PathBuf,
}

impl Dirs {
    /// The directories of the project at `project_dir`, made where they are missing. The cache is
    /// `DEVENV_CACHE_DIR`, else the user's cache directory; it is made when it is first needed.
    pub fn create(project_dir: &Path) -> Result<Dirs, Problem> {
        Self::create_with_cache(project_dir, user_cache_dir()?)
    }

    /// As [`Dirs::create`], with the cache at `cache`.
    pub fn create_with_cache(project_dir: &Path, cache: PathBuf) -> Result<Dirs, Problem> {
        let project = project_dir.canonicalize().map_err(|error| {
            Problem::failed("state-dir", format!("{}: {error}", project_dir.display()))
        })?;
        let dirs = Dirs::at(&project.join(".devenv"), cache);
        for dir in [&dirs.state, &dirs.run, &dirs.logs, &dirs.data] {
            private_dir(dir)?;
            belong_to_project(&project, dir)?;
        }
        let ignore = dirs.state.join(".gitignore");
        if !ignore.exists() {
            fs::write(&ignore, "*\n").map_err(|error| unwritable(&ignore, &error))?;
        }
        Ok(dirs)
    }

    /// Removes the data of Postgres and Redis, wherever it lies. Nothing may run on it.
    pub fn remove_data(&self) -> Result<(), Problem> {
        for dir in [self.data.clone(), crate::runtime::runas::outside_data(self)] {
            match fs::remove_dir_all(&dir) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(unwritable(&dir, &error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The layout below a state directory; makes nothing.
    pub fn at(state: &Path, cache: PathBuf) -> Dirs {
        Dirs {
            state: state.to_owned(),
            run: state.join("run"),
            logs: state.join("logs"),
            data: state.join("data"),
            cache,
        }
    }
}

/// `DEVENV_CACHE_DIR`, else `XDG_CACHE_HOME/devenv`, else the platform's cache directory in HOME.
pub fn user_cache_dir() -> Result<PathBuf, Problem> {
    cache_dir_from(|key| std::env::var_os(key).map(PathBuf::from))
}

fn cache_dir_from(env: impl Fn(&str) -> Option<PathBuf>) -> Result<PathBuf, Problem> {
    let absolute = |key: &str| env(key).filter(|path| path.is_absolute());
    if let Some(dir) = absolute("DEVENV_CACHE_DIR") {
        return Ok(dir);
    }
    if let Some(dir) = absolute("XDG_CACHE_HOME") {
        return Ok(dir.join("devenv"));
    }
    let below = if cfg!(target_os = "macos") { "Library/Caches/devenv" } else { ".cache/devenv" };
    absolute("HOME").map(|home| home.join(below)).ok_or_else(|| {
        Problem::failed(
            "cache-dir",
            "neither DEVENV_CACHE_DIR, XDG_CACHE_HOME nor HOME names an absolute directory",
        )
        .hint("set DEVENV_CACHE_DIR to a directory for downloads")
    })
}

/// Under sudo, the project's owner gets the directories: it runs Postgres, and may remove them.
fn belong_to_project(project: &Path, dir: &Path) -> Result<(), Problem> {
    let owner = fs::metadata(project).map_err(|error| unwritable(project, &error))?;
    if !rustix::process::geteuid().is_root() || owner.uid() == 0 {
        return Ok(());
    }
    std::os::unix::fs::chown(dir, Some(owner.uid()), Some(owner.gid()))
        .map_err(|error| unwritable(dir, &error))
}

/// Makes `dir` and its parents, mode 0700; an existing one of ours is closed to others.
pub(crate) fn private_dir(dir: &Path) -> Result<(), Problem> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(DIR_MODE)
        .create(dir)
        .map_err(|error| unwritable(dir, &error))?;
    let mode = fs::metadata(dir).map_err(|error| unwritable(dir, &error))?.permissions().mode();
    if mode & 0o077 != 0 {
        fs::set_permissions(dir, fs::Permissions::from_mode(DIR_MODE))
            .map_err(|error| unwritable(dir, &error))?;
    }
    Ok(())
}

/// A file or directory that cannot be written, with what to do about its cause.
pub(crate) fn unwritable(path: &Path, error: &io::Error) -> Problem {
    let problem =
        Problem::in_the_way("not-writable", format!("cannot write {}: {error}", path.display()));
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => problem
            .hint("free some disk space, or put downloads elsewhere with DEVENV_CACHE_DIR")
            .retryable(),
        io::ErrorKind::ReadOnlyFilesystem => {
            problem.hint("the file system is read-only; set DEVENV_CACHE_DIR to a writable directory for downloads")
        }
        io::ErrorKind::PermissionDenied => problem.hint(format!(
            "make {} writable for this user, or remove it",
            path.parent().unwrap_or(path).display()
        )),
        _ => problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(pairs: &[(&'static str, &'static str)]) -> impl Fn(&str) -> Option<PathBuf> {
        let pairs = pairs.to_vec();
        move |key| {
            pairs.iter().find(|(name, _)| *name == key).map(|(_, value)| PathBuf::from(value))
        }
    }

    #[test]
    fn the_cache_is_where_the_user_says() {
        let all = [("DEVENV_CACHE_DIR", "/a"), ("XDG_CACHE_HOME", "/b"), ("HOME", "/c")];
        assert_eq!(cache_dir_from(env(&all)), Ok("/a".into()));
        assert_eq!(cache_dir_from(env(&all[1..])), Ok("/b/devenv".into()));
        assert!(cache_dir_from(env(&all[2..])).is_ok_and(|dir| dir.starts_with("/c")));
        assert_eq!(
            cache_dir_from(env(&[("HOME", "relative")])).map_err(|p| p.code),
            Err("cache-dir")
        );
    }

    #[test]
    fn state_is_closed_to_others_and_ignored_by_git() {
        let project = tempfile::tempdir().expect("temporary directory");
        let dirs = Dirs::create_with_cache(project.path(), "/nowhere".into()).expect("directories");
        for dir in [&dirs.state, &dirs.run, &dirs.logs, &dirs.data] {
            let mode = fs::metadata(dir).expect("directory").permissions().mode();
            assert_eq!(mode & 0o777, 0o700, "{}", dir.display());
        }
        assert_eq!(fs::read_to_string(dirs.state.join(".gitignore")).expect("file"), "*\n");
    }

    #[test]
    fn a_project_that_is_not_there_is_named() {
        let problem = Dirs::create_with_cache(Path::new("/no/such/project"), "/x".into())
            .expect_err("no project");
        assert!(problem.message.contains("/no/such/project"), "{problem}");
    }
}
