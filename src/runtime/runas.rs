//! Under whose identity a service runs. Postgres refuses root, so root hands it to somebody else:
//! the owner of the project; else an ordinary uid of a user namespace, in which root's files still
//! are its own; else, where namespaces are refused (inside containers), the `postgres` or `nobody`
//! account.
//!
//! A namespace is entered by running this very program again with a hidden first argument, before
//! it has a second thread, and replacing it by the service: no code runs between fork and exec.
//! By the same way a short-lived server is bound to the life of who started it (prctl(2),
//! `PR_SET_PDEATHSIG`: of the thread that did).
//! Source: user_namespaces(7); `setgroups` must be denied before `gid_map` may be written.

use crate::base::Problem;
use crate::runtime::dirs::{Dirs, unwritable};
use sha2::{Digest, Sha256};
use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::OnceLock;

/// The hidden first argument.
const MARK: &str = "__devenv-in-namespace";
/// In the place of a user: no namespace, but an end with the process that asks.
const BOUND: &str = "bound";
/// Exit code of the helper when the namespace could not be entered.
const REFUSED: u8 = 125;

/// Set, it keeps root from using user namespaces.
const NO_NAMESPACE_VARIABLE: &str = "DEVENV_NO_USER_NAMESPACE";

/// An identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunAs {
    /// That of this process.
    Current,
    /// Another user, by `setuid`.
    User {
        /// User id.
        uid: u32,
        /// Group id.
        gid: u32,
    },
    /// A user namespace in which this user appears as `uid`; outside, nothing changes.
    Namespace {
        /// User id inside.
        uid: u32,
        /// Group id inside.
        gid: u32,
    },
}

impl RunAs {
    /// A command that runs `program` under this identity.
    pub(crate) fn command(self, program: &Path) -> Command {
        match self {
            RunAs::Current => Command::new(program),
            RunAs::User { uid, gid } => {
                let mut command = Command::new(program);
                command.uid(uid).gid(gid);
                command
            }
            RunAs::Namespace { uid, gid } => {
                let mut command = Command::new(helper());
                command.arg(MARK).arg(uid.to_string()).arg(gid.to_string()).arg(program);
                command
            }
        }
    }

    /// The uid and gid that must own this identity's files; `None` when files stay as they are made.
    pub(crate) fn owner(self) -> Option<(u32, u32)> {
        match self {
            RunAs::User { uid, gid } => Some((uid, gid)),
            RunAs::Current | RunAs::Namespace { .. } => None,
        }
    }
}

static HELPER: OnceLock<PathBuf> = OnceLock::new();

/// Names the devenv binary to re-run when this process is another program (a test). First call wins.
pub fn set_helper(program: PathBuf) {
    let _ = HELPER.set(program);
}

fn helper() -> &'static Path {
    HELPER.get_or_init(|| {
        // The link survives the replacement of the file by an upgrade.
        let own = Path::new("/proc/self/exe");
        if own.exists() {
            own.to_owned()
        } else {
            std::env::current_exe().unwrap_or_else(|_| own.to_owned())
        }
    })
}

/// The hidden entry: `main` calls it before anything else. `Some` is the exit code of a helper that
/// could not become its service (or was only asked whether it could); otherwise it never returns.
pub fn reexec_main(args: &[OsString]) -> Option<ExitCode> {
    if args.get(1).map(OsString::as_os_str) != Some(OsStr::new(MARK)) {
        return None;
    }
    if args.get(2).map(OsString::as_os_str) == Some(OsStr::new(BOUND)) {
        return Some(become_bound(&args[3..]));
    }
    let number = |index: usize| args.get(index)?.to_str()?.parse::<u32>().ok();
    let (Some(uid), Some(gid)) = (number(2), number(3)) else {
        return Some(refuse("its arguments are not a uid and a gid"));
    };
    if let Err(error) = enter_namespace(uid, gid) {
        return Some(refuse(&format!("cannot enter a user namespace: {error}")));
    }
    let Some(program) = args.get(4) else {
        return Some(ExitCode::SUCCESS);
    };
    let error = Command::new(program).args(&args[5..]).exec();
    Some(refuse(&format!("{}: {error}", program.display())))
}

/// A command that runs `program` until this process ends, killed too: by the same way as a namespace, as
/// nothing may run between fork and exec. On Linux; elsewhere it runs until it is ended.
pub(crate) fn bound(program: &Path) -> Command {
    let mut command = Command::new(helper());
    command.args([MARK, BOUND]).arg(std::process::id().to_string()).arg(program);
    command
}

fn become_bound(args: &[OsString]) -> ExitCode {
    let [parent, program, rest @ ..] = args else { return refuse("it is told no program") };
    #[cfg(target_os = "linux")]
    if let Err(error) =
        rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))
    {
        return refuse(&error.to_string());
    }
    // It may have ended before it could be heard of.
    let is_there = rustix::process::getppid()
        .is_some_and(|now| parent.to_str() == Some(&now.as_raw_nonzero().to_string()));
    if !is_there {
        return refuse("its parent has ended");
    }
    let error = Command::new(program).args(rest).exec();
    refuse(&format!("{}: {error}", program.display()))
}

fn refuse(why: &str) -> ExitCode {
    // The helper's only channel is the service's log; there is nobody to tell if that fails too.
    let _ = writeln!(std::io::stderr(), "devenv: {why}");
    ExitCode::from(REFUSED)
}

#[cfg(target_os = "linux")]
fn enter_namespace(uid: u32, gid: u32) -> std::io::Result<()> {
    let (outer_uid, outer_gid) =
        (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    // SAFETY: only NEWUSER is unshared, no descriptor table; and this process has one thread.
    #[allow(unsafe_code)]
    unsafe {
        rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::NEWUSER)?;
    }
    std::fs::write("/proc/self/setgroups", "deny")?;
    std::fs::write("/proc/self/uid_map", format!("{uid} {outer_uid} 1"))?;
    std::fs::write("/proc/self/gid_map", format!("{gid} {outer_gid} 1"))
}

#[cfg(not(target_os = "linux"))]
fn enter_namespace(_uid: u32, _gid: u32) -> std::io::Result<()> {
    Err(std::io::Error::from(std::io::ErrorKind::Unsupported))
}

/// Whether this process may make user namespaces; asked once, by trying.
pub(crate) fn namespaces_work() -> bool {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    *ANSWER.get_or_init(|| {
        cfg!(target_os = "linux")
            && std::env::var_os(NO_NAMESPACE_VARIABLE).is_none()
            && Command::new(helper())
                .args([MARK, "1000", "1000"])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .is_ok_and(|status| status.success())
    })
}

/// The identity for a server that refuses root, and the directories as they are for it: data and
/// cache move below `/var` when it could not enter those of root.
pub(crate) fn place(dirs: &Dirs) -> Result<(RunAs, Dirs), Problem> {
    if !rustix::process::geteuid().is_root() {
        return Ok((RunAs::Current, dirs.clone()));
    }
    let owner = std::fs::metadata(&dirs.data).ok().map(|meta| (meta.uid(), meta.gid()));
    let (uid, gid) = match owner {
        // `Dirs` gave the directories to the project's owner.
        Some((uid, gid)) if uid != 0 && enterable(&dirs.data, uid, gid) => (uid, gid),
        _ if namespaces_work() => {
            return Ok((RunAs::Namespace { uid: 1000, gid: 1000 }, dirs.clone()));
        }
        _ => service_account()?,
    };
    let mut dirs = dirs.clone();
    if !enterable(&dirs.data, uid, gid) {
        dirs.data = outside_data(&dirs);
    }
    if !enterable(&dirs.cache, uid, gid) {
        dirs.cache = PathBuf::from("/var/cache/devenv");
    }
    for dir in [&dirs.data, &dirs.cache] {
        std::fs::create_dir_all(dir).map_err(|error| unwritable(dir, &error))?;
    }
    Ok((RunAs::User { uid, gid }, dirs))
}

/// Data of an environment below a home that only root may enter.
pub(crate) fn outside_data(dirs: &Dirs) -> PathBuf {
    let hash = Sha256::digest(dirs.state.as_os_str().as_encoded_bytes());
    PathBuf::from("/var/lib/devenv").join(hex::encode(&hash[..8]))
}

/// The account `postgres`, else `nobody`.
pub(crate) fn service_account() -> Result<(u32, u32), Problem> {
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    ["postgres", "nobody"].iter().find_map(|name| account(&passwd, name)).ok_or_else(|| {
        Problem::in_the_way("postgres-refuses-root", "Postgres refuses to run as root, and there is neither a `postgres` nor a `nobody` account")
            .hint("run devenv as an ordinary user")
    })
}

fn account(passwd: &str, name: &str) -> Option<(u32, u32)> {
    let fields: Vec<&str> = passwd
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .find(|fields| fields[0] == name)?;
    Some((fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?))
}

/// Whether a uid has an entry in passwd: `initdb` wants a name.
pub(crate) fn has_name(uid: u32) -> bool {
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    passwd
        .lines()
        .any(|line| line.split(':').nth(2).and_then(|field| field.parse().ok()) == Some(uid))
}

/// Whether `uid` may pass through every directory that leads to `path`, by their mode bits.
/// Directories that do not exist yet will be made for it.
pub(crate) fn enterable(path: &Path, uid: u32, gid: u32) -> bool {
    path.ancestors().filter_map(|dir| std::fs::metadata(dir).ok()).filter(|meta| meta.is_dir()).all(
        |meta| {
            let mode = meta.mode();
            let bit = if meta.uid() == uid {
                0o100
            } else if meta.gid() == gid {
                0o010
            } else {
                0o001
            };
            mode & bit != 0
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn an_ordinary_command_line_is_not_the_helpers() {
        assert!(reexec_main(&["devenv".into()]).is_none());
        assert!(reexec_main(&["devenv".into(), "up".into()]).is_none());
    }

    #[test]
    fn accounts_are_read_from_passwd() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65533::/:/bin/false\n";
        assert_eq!(account(passwd, "nobody"), Some((65534, 65533)));
        assert_eq!(account(passwd, "postgres"), None);
    }

    #[test]
    fn a_closed_directory_on_the_way_is_seen() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let inner = dir.path().join("inner");
        std::fs::create_dir(&inner).expect("directory");
        let mode = |mode| {
            std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(mode))
                .expect("mode")
        };
        let owner = std::fs::metadata(dir.path()).expect("directory").uid();
        mode(0o700);
        assert!(enterable(&inner, owner, 0));
        assert!(!enterable(&inner, owner + 4711, 4711));
        mode(0o711);
        assert!(enterable(&inner.join("not/yet"), owner + 4711, 4711));
    }
}
