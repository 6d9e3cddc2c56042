//! Which Postgres runs: found on this machine, or fetched.

use crate::base::Problem;
use crate::profile;
use crate::runtime::dirs::Dirs;
use crate::runtime::progress::Progress;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A Postgres that can be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Binaries {
    /// Directory of `postgres` and `initdb`.
    pub(super) bin: PathBuf,
    /// Major version.
    pub(super) major: u32,
    /// Full version.
    pub(super) version: String,
    /// What people should know about the choice.
    pub(super) note: Option<String>,
}

/// The first accepted major that can be had.
pub(super) fn provide(
    settings: &profile::Postgres,
    _dirs: &Dirs,
    progress: &dyn Progress,
) -> Result<Binaries, Problem> {
    let wanted = settings.version.prefer;
    for major in std::iter::once(wanted).chain(settings.version.accept.iter().copied()) {
        let Some(mut found) = system(major) else {
            continue;
        };
        if major != wanted {
            let note = format!("profile prefers Postgres {wanted}; {} runs", found.version);
            progress.note(&note);
            found.note = Some(note);
        }
        return Ok(found);
    }
    Err(Problem::in_the_way("binary-missing", format!("no Postgres {wanted} on this machine"))
        .hint("install it, or accept another major with `version = { prefer = N, accept = [..] }`"))
}

fn system(major: u32) -> Option<Binaries> {
    let bin = PathBuf::from(format!("/usr/lib/postgresql/{major}/bin"));
    let version = version_of(&bin)?;
    Some(Binaries { bin, major, version, note: None })
}

/// The version that `postgres --version` tells.
pub(super) fn version_of(bin: &Path) -> Option<String> {
    let output = Command::new(bin.join("postgres")).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.split_ascii_whitespace().nth(2).map(str::to_owned)
}
