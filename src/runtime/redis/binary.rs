//! Which server runs: what `DEVENV_REDIS_ARCHIVE` names, `redis-server` or `valkey-server` of this
//! machine, else a Valkey fetched once into the cache.

use crate::base::Problem;
use crate::runtime::dirs::{Dirs, unwritable};
use crate::runtime::doctor::Origin;
use crate::runtime::fetch::{
    Fetcher, Limits, Lock, Member, Workshop, own_archive, pins, remove_tree, unpack,
};
use crate::runtime::progress::Progress;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Programs that serve the Redis protocol, in order of preference.
const NAMES: [&str; 2] = ["redis-server", "valkey-server"];
/// Names a server program or an archive that holds one.
const ARCHIVE_VARIABLE: &str = "DEVENV_REDIS_ARCHIVE";
/// An unpacked server has a few MB.
const LIMITS: Limits = Limits { bytes: 256 * 1024 * 1024, entries: 10_000 };

/// A server program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Binary {
    pub(crate) program: PathBuf,
    /// `redis 7.0.15`, `valkey 9.1.2`.
    pub(crate) version: String,
}

pub(super) fn provide(dirs: &Dirs, progress: &dyn Progress) -> Result<Binary, Problem> {
    if let Some(own) = own_archive(ARCHIVE_VARIABLE)? {
        if let Some(binary) = inspect(&own.path) {
            return Ok(binary);
        }
        let home = dirs.cache.join("redis").join(format!("own-{}", own.key));
        let _lock = Lock::take(&dirs.cache, "redis")?;
        return unpacked(&own.path, &home, &dirs.cache);
    }
    if let Some(binary) = system(&std::env::var_os("PATH").unwrap_or_default()) {
        return Ok(binary);
    }
    let (pin, home) = pinned()?;
    let home = dirs.cache.join(home);
    if let Some(binary) = in_home(&home) {
        return Ok(Binary { version: format!("valkey {}", pin.version), program: binary });
    }
    let _lock = Lock::take(&dirs.cache, "redis")?;
    let archive =
        Fetcher::new(&dirs.cache, progress).fetch(pin, &format!("Valkey {}", pin.version))?;
    let binary = unpacked(archive.path(), &home, &dirs.cache);
    archive.discard();
    binary
}

/// Where a server would come from now; for the doctor, which fetches nothing.
pub(crate) fn origin(dirs: &Dirs) -> Origin {
    if let Some(binary) = system(&std::env::var_os("PATH").unwrap_or_default()) {
        return Origin::Here { version: binary.version, place: binary.program };
    }
    match pinned() {
        Ok((pin, home)) => match in_home(&dirs.cache.join(home)) {
            Some(place) => Origin::Here { version: format!("valkey {}", pin.version), place },
            None => Origin::Fetched { what: format!("Valkey {}", pin.version), bytes: pin.bytes },
        },
        Err(problem) => Origin::Nowhere(problem),
    }
}

/// The pinned server and its directory in the cache.
fn pinned() -> Result<(&'static pins::Pin, PathBuf), Problem> {
    let pin = pins::Platform::here().and_then(pins::redis).ok_or_else(|| {
        let machine = pins::Platform::described();
        Problem::in_the_way(
            "platform-unsupported",
            format!("no Valkey is built for {machine}, and neither redis-server nor valkey-server is on PATH"),
        )
        .hint("install Redis or Valkey from your system's packages")
    })?;
    let home = PathBuf::from("redis").join(format!("valkey-{}-{}", pin.version, pin.short()));
    Ok((pin, home))
}

fn in_home(home: &Path) -> Option<PathBuf> {
    NAMES.iter().map(|name| home.join(name)).find(|program| program.is_file())
}

/// The server out of an archive, unpacked into `home` once.
fn unpacked(archive: &Path, home: &Path, cache: &Path) -> Result<Binary, Problem> {
    if let Some(binary) = in_home(home).and_then(|program| inspect(&program)) {
        return Ok(binary);
    }
    let parent = home.parent().unwrap_or(cache);
    let work = Workshop::open(parent, "server")?;
    let new = work.path().join("home");
    let select = |path: &Path| {
        let name = path.file_name()?;
        NAMES
            .iter()
            .any(|known| OsStr::new(known) == name)
            .then(|| Member { to: name.into(), program: true })
    };
    unpack(archive, &new, LIMITS, &select)?;
    let program = in_home(&new).ok_or_else(|| {
        Problem::in_the_way(
            "archive-corrupt",
            format!("{} holds no redis-server or valkey-server", archive.display()),
        )
    })?;
    if inspect(&program).is_none() {
        return Err(Problem::in_the_way(
            "binary-unusable",
            format!("the server in {} does not start here", archive.display()),
        )
        .hint("install Redis or Valkey from your system's packages"));
    }
    remove_tree(home)?;
    fs::rename(&new, home).map_err(|error| unwritable(home, &error))?;
    in_home(home).and_then(|program| inspect(&program)).ok_or_else(|| {
        Problem::in_the_way("binary-unusable", format!("{} does not start", home.display()))
    })
}

/// The first server on `path`.
pub(crate) fn system(path: &OsStr) -> Option<Binary> {
    NAMES.iter().find_map(|name| {
        std::env::split_paths(path)
            .filter(|dir| dir.is_absolute())
            .find_map(|dir| inspect(&dir.join(name)))
    })
}

/// Asks a program for its version: `Redis server v=7.0.15 sha=…`, `Valkey server v=…`.
fn inspect(program: &Path) -> Option<Binary> {
    if !program.is_file() {
        return None;
    }
    let output = Command::new(program).arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let number = text.split_ascii_whitespace().find_map(|word| word.strip_prefix("v="))?;
    let valkey =
        text.to_lowercase().contains("valkey") || program.to_string_lossy().contains("valkey");
    let brand = if valkey { "valkey" } else { "redis" };
    Some(Binary { version: format!("{brand} {number}"), program: program.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    /// A program that tells `version` when asked.
    fn fake(dir: &Path, name: &str, version: &str) {
        let path = dir.join(name);
        fs::write(&path, format!("#!/bin/sh\necho '{version}'\n")).expect("program");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("mode");
    }

    #[test]
    fn this_machines_redis_goes_before_its_valkey() {
        let dir = tempfile::tempdir().expect("temporary directory");
        assert_eq!(system(dir.path().as_os_str()), None);
        fake(dir.path(), "valkey-server", "Valkey server v=8.1.1 sha=0");
        assert_eq!(system(dir.path().as_os_str()).expect("server").version, "valkey 8.1.1");
        fake(dir.path(), "redis-server", "Redis server v=7.0.15 sha=0");
        assert_eq!(system(dir.path().as_os_str()).expect("server").version, "redis 7.0.15");
    }
}
