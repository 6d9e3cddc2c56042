//! Which directory an environment belongs to, and the three files by which its daemon is found:
//! the lock (who may be daemon), the socket (how to talk to it), and, where a socket's path would
//! be too long for the system, a pointer to a short one.

use crate::base::{Exit, Problem};
use rustix::fs::{FlockOperation, flock};
use sha2::{Digest, Sha256};
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Longest path of a Unix socket, in bytes: `sun_path` is 108 on Linux and 104 on macOS, with its
/// final zero.
const SOCKET_PATH_MAX: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

/// The name of the profile file.
pub const PROFILE_FILE: &str = "devenv.toml";

/// The directory of an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    /// The project.
    pub project: PathBuf,
    /// `.devenv` in it.
    pub dir: PathBuf,
}

/// The right to be the daemon of a directory; given back when dropped, or when the process dies.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Home {
    /// The environment of `project`, whether or not it exists.
    pub fn of(project: &Path) -> Home {
        let project = project.canonicalize().unwrap_or_else(|_| project.to_owned());
        let dir = project.join(".devenv");
        Home { project, dir }
    }

    /// The nearest environment at or above `from`: a directory where one was started.
    pub fn find(from: &Path) -> Result<Home, Problem> {
        from.ancestors()
            .find(|dir| dir.join(".devenv/lock").is_file() || dir.join(PROFILE_FILE).is_file())
            .map(Home::of)
            .ok_or_else(|| Home::of(from).not_running())
    }

    /// The problem that no environment runs here.
    pub fn not_running(&self) -> Problem {
        let message = format!("no environment runs in {}", self.project.display());
        Problem::new(Exit::NotRunning, "not-running", message).hint("start it with `devenv up -d`")
    }

    /// The file that says where an ephemeral environment's state is.
    pub fn ephemeral_pointer(&self) -> PathBuf {
        self.dir.join("ephemeral")
    }

    /// Becomes the daemon's directory if no other process is; `None` if one is. `.devenv` exists.
    pub fn try_lock(&self) -> Result<Option<Lock>, Problem> {
        let path = self.dir.join("lock");
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let mut file = options.open(&path).map_err(|e| unusable(&path, &e))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(None),
            Err(e) => return Err(unusable(&path, &e.into())),
        }
        // For people who look: the daemon's pid. The lock itself is what counts.
        let _ = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
        Ok(Some(Lock { _file: file }))
    }

    /// Where a daemon listens; writes the pointer when the socket cannot lie in `.devenv`.
    pub(super) fn place_socket(&self) -> Result<PathBuf, Problem> {
        let usual = self.dir.join("control.sock");
        let pointer = self.pointer();
        if usual.as_os_str().len() <= SOCKET_PATH_MAX {
            let _ = fs::remove_file(&pointer);
            return Ok(usual);
        }
        let short = self.short_socket()?;
        fs::write(&pointer, short.as_os_str().as_encoded_bytes())
            .map_err(|e| unusable(&pointer, &e))?;
        Ok(short)
    }

    /// Where a client finds the daemon.
    pub(super) fn socket(&self) -> PathBuf {
        match fs::read_to_string(self.pointer()) {
            Ok(path) if !path.is_empty() => PathBuf::from(path),
            _ => self.dir.join("control.sock"),
        }
    }

    fn pointer(&self) -> PathBuf {
        self.dir.join("control.path")
    }

    /// A path short enough, in a directory that only this user may enter.
    fn short_socket(&self) -> Result<PathBuf, Problem> {
        let uid = rustix::process::getuid().as_raw();
        let base = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        let base = base.filter(|dir| dir.is_dir()).unwrap_or_else(std::env::temp_dir);
        let dir = base.join(format!("devenv-{uid}"));
        match fs::DirBuilder::new().mode(0o700).create(&dir) {
            Err(e) if e.kind() != ErrorKind::AlreadyExists => return Err(unusable(&dir, &e)),
            _ => {}
        }
        let meta = fs::symlink_metadata(&dir).map_err(|e| unusable(&dir, &e))?;
        if !meta.is_dir() || meta.uid() != uid || meta.mode() & 0o077 != 0 {
            let message = format!("{} is not a directory of this user alone", dir.display());
            return Err(Problem::in_the_way("socket-dir", message)
                .hint("remove it, or set XDG_RUNTIME_DIR to a directory of your own"));
        }
        let hash = Sha256::digest(self.dir.as_os_str().as_encoded_bytes());
        let path = dir.join(format!("{}.sock", hex::encode(&hash[..8])));
        if path.as_os_str().len() > SOCKET_PATH_MAX {
            let message = format!("{} is too long for a socket's path", path.display());
            return Err(Problem::in_the_way("socket-dir", message)
                .hint("set XDG_RUNTIME_DIR to a directory with a short path"));
        }
        Ok(path)
    }
}

fn unusable(path: &Path, error: &std::io::Error) -> Problem {
    let message = format!("cannot use {}: {error}", path.display());
    Problem::in_the_way("not-writable", message)
        .hint("check the owner and mode of the project directory and of `.devenv` in it")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home(dir: &Path) -> Home {
        let home = Home::of(dir);
        fs::create_dir(&home.dir).unwrap();
        home
    }

    #[test]
    fn one_process_holds_the_lock() {
        let dir = tempfile::tempdir().unwrap();
        let home = home(dir.path());
        let lock = home.try_lock().unwrap();
        assert!(lock.is_some());
        assert!(home.try_lock().unwrap().is_none());
        drop(lock);
        assert!(home.try_lock().unwrap().is_some());
    }

    #[test]
    fn the_nearest_environment_above_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let inner = dir.path().join("a/b");
        fs::create_dir_all(&inner).unwrap();
        let none = Home::find(&inner).unwrap_err();
        assert_eq!((none.exit.code(), none.code), (3, "not-running"));
        fs::write(dir.path().join(PROFILE_FILE), "").unwrap();
        assert_eq!(Home::find(&inner).unwrap(), Home::of(dir.path()));
    }

    #[test]
    fn a_long_path_gets_a_short_socket_that_clients_find() {
        let dir = tempfile::tempdir().unwrap();
        let short = home(dir.path());
        assert_eq!(short.place_socket().unwrap(), short.dir.join("control.sock"));
        let deep = dir.path().join("x".repeat(120));
        fs::create_dir(&deep).unwrap();
        let deep = home(&deep);
        let socket = deep.place_socket().unwrap();
        assert!(socket.as_os_str().len() <= SOCKET_PATH_MAX, "{}", socket.display());
        assert_eq!(deep.socket(), socket);
    }
}
