//! `devenv.conf`: devenv's defaults and the profile's settings, read after `postgresql.conf` and
//! checked by Postgres itself before the start.
//!
//! Defaults differ from Postgres' own where a developer's machine differs from production: no
//! replication stream (though a log that holds every change, for snapshots), small WAL (PROVISION's measurements). `fsync` stays on: nothing that was
//! acknowledged is lost, not even to a power cut.

use super::HOST;
use super::binaries::Binaries;
use super::clock::SEARCH_PATH;
use crate::base::{Exit, Problem};
use crate::profile;
use crate::runtime::dirs::{Dirs, private_dir, unwritable};
use crate::runtime::runas::{RunAs, enterable};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// The file's name in the data directory.
pub(super) const FILE: &str = "devenv.conf";
/// A socket's path may have 107 bytes on Linux and 103 on macOS; `/.s.PGSQL.65535` is 15 of them.
const SOCKET_DIR_BYTES_MAX: usize = 103 - 15;
/// Settings that devenv itself decides; the profile may not move the server from under its probes.
const RESERVED: [&str; 6] = [
    "port",
    "listen_addresses",
    "data_directory",
    "config_file",
    "hba_file",
    "unix_socket_directories",
];

/// Writes the configuration; returns its hash. An invalid setting is an error that names it.
pub(super) fn write(
    settings: &profile::Postgres,
    binaries: &Binaries,
    data: &Path,
    sockets: &Path,
    cache: &Path,
    run_as: RunAs,
) -> Result<String, Problem> {
    if let Some(name) = settings.settings.keys().find(|name| RESERVED.contains(&name.as_str())) {
        return Err(Problem::new(
            Exit::Usage,
            "setting-reserved",
            format!("`postgres.settings.{name}` is decided by devenv"),
        )
        .hint(if name == "port" {
            "set `port = { postgres = N }`"
        } else {
            "remove it from devenv.toml"
        }));
    }
    let mut own = settings.settings.clone();
    if settings.follow_clock {
        own.entry("search_path".to_owned()).or_insert_with(|| SEARCH_PATH.to_owned());
    }
    let text = text(&own, sockets)?;
    let hash = hex::encode(&Sha256::digest(text.as_bytes())[..8]);
    let path = data.join(FILE);
    let checked = data.join("devenv.conf.checked");
    let known = format!("{hash} {}", binaries.version);
    if fs::read_to_string(&path).is_ok_and(|there| there == text)
        && fs::read_to_string(&checked).is_ok_and(|there| there == known)
    {
        return Ok(hash);
    }
    put(&path, &text, run_as)?;
    // What this Postgres found right in one data directory is right in the next.
    let anywhere = cache.join("checked").join(anywhere(&own, binaries));
    if !anywhere.exists() {
        check(binaries, data, run_as)?;
        let noted = private_dir(&cache.join("checked"));
        // Without the note it is checked again.
        let _ = noted.map(|()| fs::write(&anywhere, ""));
    }
    put(&checked, &known, run_as)?;
    Ok(hash)
}

/// Names these settings for this Postgres; where its sockets lie is devenv's affair.
fn anywhere(settings: &BTreeMap<String, String>, binaries: &Binaries) -> String {
    let mut hash = Sha256::new();
    let all = text(settings, Path::new("")).unwrap_or_default();
    for part in [&all, &binaries.version, &*binaries.bin.to_string_lossy()] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hex::encode(&hash.finalize()[..16])
}

fn text(settings: &BTreeMap<String, String>, sockets: &Path) -> Result<String, Problem> {
    let mut all: BTreeMap<&str, String> = BTreeMap::new();
    let streams = settings.get("wal_level").is_some_and(|level| level != "minimal")
        || settings.get("max_wal_senders").is_some_and(|count| count != "0");
    if !streams {
        // With `minimal` the log lacks what a snapshot of a running server needs (`copy.rs`).
        all.insert("wal_level", "replica".into());
        all.insert("max_wal_senders", "0".into());
    }
    for (name, value) in [
        ("wal_recycle", "off"),
        ("min_wal_size", "32MB"),
        ("max_connections", "200"),
        ("timezone", "UTC"),
        ("log_timezone", "UTC"),
        ("log_line_prefix", "[%p] %q%u@%d "),
        ("logging_collector", "off"),
        ("password_encryption", "scram-sha-256"),
    ] {
        all.insert(name, value.into());
    }
    for (name, value) in settings {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
        if name.is_empty() || !name.chars().all(plain) {
            return Err(Problem::new(
                Exit::Usage,
                "setting-invalid",
                format!("`{name}` is not the name of a Postgres setting"),
            ));
        }
        all.insert(name, value.clone());
    }
    all.insert("listen_addresses", HOST.into());
    all.insert("unix_socket_directories", quoted_list(&sockets.to_string_lossy()));
    let mut text = String::from(
        "# Written by devenv at every start from the profile; changes here are lost.\n",
    );
    for (name, value) in all {
        if value.contains(['\n', '\r', '\0']) {
            return Err(Problem::new(
                Exit::Usage,
                "setting-invalid",
                format!("the value of `postgres.settings.{name}` has more than one line"),
            ));
        }
        let _ = writeln!(text, "{name} = '{}'", value.replace('\\', "\\\\").replace('\'', "''"));
    }
    Ok(text)
}

/// One element of a list setting.
fn quoted_list(path: &str) -> String {
    format!("\"{}\"", path.replace('"', "\"\""))
}

pub(super) fn put(path: &Path, text: &str, run_as: RunAs) -> Result<(), Problem> {
    let write = || -> std::io::Result<()> {
        let new = path.with_extension("new");
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&new)?;
        std::io::Write::write_all(&mut file, text.as_bytes())?;
        if let Some((uid, gid)) = run_as.owner() {
            std::os::unix::fs::chown(&new, Some(uid), Some(gid))?;
        }
        fs::rename(&new, path)
    };
    write().map_err(|error| unwritable(path, &error))
}

/// Lets Postgres read its configuration and answer one setting.
fn check(binaries: &Binaries, data: &Path, run_as: RunAs) -> Result<(), Problem> {
    let program = binaries.bin.join("postgres");
    let output = run_as
        .command(&program)
        .args(["-C", "shared_buffers", "-D"])
        .arg(data)
        .env("LC_ALL", "C")
        .current_dir(data)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| {
            Problem::failed("cannot-start", format!("{}: {error}", program.display()))
        })?;
    if output.status.success() {
        return Ok(());
    }
    Err(refused(&String::from_utf8_lossy(&output.stderr)))
}

/// Postgres' complaint as a problem: the first line that is not just "configuration file contains errors".
fn refused(complaint: &str) -> Problem {
    let lines = complaint.lines().filter_map(|line| {
        let (_, text) =
            ["LOG:", "FATAL:", "ERROR:"].iter().find_map(|level| line.split_once(level))?;
        Some(text.trim())
    });
    let said: Vec<&str> = lines.filter(|line| !line.contains("contains errors")).collect();
    let first = said.first().copied().unwrap_or("its configuration is invalid");
    let text = first.split(" in file \"").next().unwrap_or(first);
    let name = text.split('"').nth(1);
    let hints: Vec<&str> = complaint
        .lines()
        .filter_map(|line| line.split_once("HINT:"))
        .map(|(_, text)| text.trim())
        .collect();
    let problem = Problem::new(
        Exit::Usage,
        "setting-invalid",
        match name {
            Some(name) => format!("Postgres refuses `postgres.settings.{name}`: {text}"),
            None => format!("Postgres refuses its settings: {text}"),
        },
    );
    match hints.first() {
        Some(hint) => problem.hint(*hint),
        None => problem.hint("correct it in devenv.toml"),
    }
}

/// A directory for the Unix socket whose path is short enough, owned by whoever runs the server.
pub(super) fn socket_dir(dirs: &Dirs, run_as: RunAs) -> Result<PathBuf, Problem> {
    let usable = |dir: &Path, room: usize| {
        dir.as_os_str().len() + room <= SOCKET_DIR_BYTES_MAX
            && run_as.owner().is_none_or(|(uid, gid)| enterable(dir, uid, gid))
    };
    let near = dirs.run.join("pg");
    let dir = if usable(&dirs.run, "/pg".len()) {
        near
    } else {
        let name = hex::encode(&Sha256::digest(dirs.state.as_os_str().as_encoded_bytes())[..6]);
        let name = format!("devenv-{name}");
        let base = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        let base = base.filter(|dir| dir.is_absolute() && dir.is_dir());
        let base = base.filter(|dir| usable(dir, name.len() + 1));
        base.unwrap_or_else(|| "/tmp".into()).join(name)
    };
    private_dir(&dir)?;
    if let Some((uid, gid)) = run_as.owner() {
        std::os::unix::fs::chown(&dir, Some(uid), Some(gid))
            .map_err(|error| unwritable(&dir, &error))?;
    }
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o700))
        .map_err(|error| unwritable(&dir, &error))?;
    Ok(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_profile_overrides_and_values_are_quoted() {
        let text = text(
            &settings(&[("log_line_prefix", "it's \\ %m "), ("min_wal_size", "1GB")]),
            Path::new("/s"),
        )
        .expect("text");
        assert!(text.contains("log_line_prefix = 'it''s \\\\ %m '\n"), "{text}");
        assert!(text.contains("min_wal_size = '1GB'\n") && !text.contains("32MB"));
        assert!(
            text.contains("wal_level = 'replica'\n")
                && text.contains("listen_addresses = '127.0.0.1'\n")
        );
    }

    #[test]
    fn a_wish_for_replication_is_not_undermined() {
        let text = text(&settings(&[("wal_level", "logical")]), Path::new("/s")).expect("text");
        assert!(
            text.contains("wal_level = 'logical'\n") && !text.contains("max_wal_senders"),
            "{text}"
        );
    }

    #[test]
    fn nothing_can_be_smuggled_into_the_file() {
        let two_lines = text(&settings(&[("a", "1\nlisten_addresses = '*'")]), Path::new("/s"));
        assert_eq!(two_lines.map_err(|problem| problem.code), Err("setting-invalid"));
        let odd_name = text(&settings(&[("a = 1\nb", "1")]), Path::new("/s"));
        assert_eq!(odd_name.map_err(|problem| problem.code), Err("setting-invalid"));
    }

    #[test]
    fn postgres_complaint_names_the_setting() {
        let complaint = "2026-01-01 00:00:00 GMT [1] LOG:  unrecognized configuration parameter \"shared_bufers\" in file \"/x/devenv.conf\" line 3\n2026 [1] FATAL:  configuration file \"/x/devenv.conf\" contains errors\n";
        let problem = refused(complaint);
        assert_eq!(
            problem.message,
            "Postgres refuses `postgres.settings.shared_bufers`: unrecognized configuration parameter \"shared_bufers\""
        );
        assert_eq!(problem.exit.code(), 2);
    }

    #[test]
    fn a_deep_project_gets_a_short_socket_directory() {
        let project = tempfile::tempdir().expect("temporary directory");
        let deep = project.path().join("d".repeat(120));
        fs::create_dir(&deep).expect("directory");
        let dirs = Dirs::create_with_cache(&deep, "/nowhere".into()).expect("directories");
        let dir = socket_dir(&dirs, RunAs::Current).expect("socket directory");
        assert!(dir.as_os_str().len() <= SOCKET_DIR_BYTES_MAX, "{}", dir.display());
        fs::remove_dir(dir).expect("removed");
    }
}
