//! Postgres installations of this machine: Debian's and Red Hat's directories, Homebrew,
//! Postgres.app, and what is on PATH.

use super::binaries::{Binaries, major_of, version_of};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::SystemTime;

/// Installations of `major`, those of packages first.
pub(super) fn find(major: u32) -> Vec<Binaries> {
    let mut seen = Vec::new();
    let mut found = Vec::new();
    for bin in candidates(major) {
        // A symlink on PATH leads to the installation that holds the rest.
        let Ok(real) = bin.join("postgres").canonicalize() else { continue };
        let Some(bin) = real.parent().map(Path::to_owned) else { continue };
        if seen.contains(&bin) {
            continue;
        }
        found.extend(inspect(&bin).filter(|found| found.major == major));
        seen.push(bin);
    }
    found
}

fn candidates(major: u32) -> Vec<PathBuf> {
    let mut list: Vec<PathBuf> = [
        format!("/usr/lib/postgresql/{major}/bin"),
        format!("/usr/pgsql-{major}/bin"),
        format!("/usr/lib/postgresql{major}/bin"),
        format!("/usr/libexec/postgresql{major}"),
        format!("/opt/homebrew/opt/postgresql@{major}/bin"),
        format!("/usr/local/opt/postgresql@{major}/bin"),
        format!("/Applications/Postgres.app/Contents/Versions/{major}/bin"),
    ]
    .into_iter()
    .map(PathBuf::from)
    .collect();
    if let Some(prefix) = std::env::var_os("HOMEBREW_PREFIX") {
        list.push(PathBuf::from(prefix).join(format!("opt/postgresql@{major}/bin")));
    }
    if let Some(path) = std::env::var_os("PATH") {
        list.extend(std::env::split_paths(&path).filter(|dir| dir.is_absolute()));
    }
    list
}

/// What an installation says of itself.
#[derive(Clone)]
struct Told {
    version: String,
    shares: Vec<PathBuf>,
}

/// The installation in `bin`, if its `postgres` starts and its `initdb` is there.
pub(super) fn inspect(bin: &Path) -> Option<Binaries> {
    if !bin.join("initdb").is_file() {
        return None;
    }
    let Told { version, shares } = told(bin)?;
    let vector = shares.iter().find_map(|share| vector_version(&share.join("extension")));
    Some(Binaries { bin: bin.to_owned(), major: major_of(&version)?, version, vector, note: None })
}

/// Asks the programs in `bin`, once for as long as they are the same files: a restart need not wait for
/// answers that it has had.
fn told(bin: &Path) -> Option<Told> {
    static KNOWN: LazyLock<Mutex<HashMap<PathBuf, (SystemTime, Told)>>> =
        LazyLock::new(Mutex::default);
    let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let made = std::fs::metadata(bin.join("postgres")).and_then(|meta| meta.modified()).ok()?;
    if let Some((_, told)) = known().get(bin).filter(|(then, _)| *then == made) {
        return Some(told.clone());
    }
    let told = Told { version: version_of(bin).ok()?, shares: share_dirs(bin) };
    known().insert(bin.to_owned(), (made, told.clone()));
    Some(told)
}

fn share_dirs(bin: &Path) -> Vec<PathBuf> {
    let told = Command::new(bin.join("pg_config")).arg("--sharedir").output().ok();
    let told = told
        .filter(|output| output.status.success())
        .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    match told {
        Some(dir) if !dir.is_empty() => vec![dir.into()],
        _ => [bin.join("../share/postgresql"), bin.join("../share")].into(),
    }
}

/// pgvector's default version as its control file in `extension` says.
pub(super) fn vector_version(extension: &Path) -> Option<String> {
    let text = std::fs::read_to_string(extension.join("vector.control")).ok()?;
    let line = text.lines().find(|line| line.starts_with("default_version"))?;
    line.split('\'').nth(1).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pgvector_is_known_by_its_control_file() {
        let dir = tempfile::tempdir().expect("temporary directory");
        assert_eq!(vector_version(dir.path()), None);
        let text = "comment = 'vector data type'\ndefault_version = '0.8.1'\nmodule_pathname = '$libdir/vector'\n";
        std::fs::write(dir.path().join("vector.control"), text).expect("file");
        assert_eq!(vector_version(dir.path()).as_deref(), Some("0.8.1"));
    }

    #[test]
    fn a_directory_without_postgres_is_no_installation() {
        let dir = tempfile::tempdir().expect("temporary directory");
        assert_eq!(inspect(dir.path()), None);
    }
}
