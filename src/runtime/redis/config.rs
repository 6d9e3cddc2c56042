//! `redis.conf` from the profile. Defaults: loopback only, an append-only file written before each
//! answer, so that a killed server has every acknowledged write in the page cache.

use super::HOST;
use crate::base::{Exit, Problem};
use crate::profile;
use crate::runtime::dirs::{Dirs, unwritable};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Directives that devenv itself decides.
const RESERVED: [&str; 7] = ["port", "bind", "dir", "daemonize", "include", "pidfile", "logfile"];

/// Writes the configuration; returns its path and hash.
pub(super) fn write(
    settings: &profile::Redis,
    _program: &Path,
    port: u16,
    data: &Path,
    dirs: &Dirs,
) -> Result<(PathBuf, String), Problem> {
    let text = text(&settings.settings, port, data)?;
    let path = dirs.run.join("redis.conf");
    let put = || -> std::io::Result<()> {
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)?;
        std::io::Write::write_all(&mut file, text.as_bytes())
    };
    put().map_err(|error| unwritable(&path, &error))?;
    Ok((path, hex::encode(&Sha256::digest(text.as_bytes())[..8])))
}

fn text(settings: &BTreeMap<String, String>, port: u16, data: &Path) -> Result<String, Problem> {
    let wrong = |code, message: String| Problem::new(Exit::Usage, code, message);
    let mut all: BTreeMap<&str, String> = BTreeMap::new();
    for (name, value) in [
        ("appendonly", "yes"),
        ("appendfsync", "everysec"),
        ("save", ""),
        ("tcp-backlog", "128"),
        ("databases", "16"),
    ] {
        all.insert(name, value.into());
    }
    for (name, value) in settings {
        if RESERVED.contains(&name.as_str()) {
            return Err(wrong(
                "setting-reserved",
                format!("`redis.settings.{name}` is decided by devenv"),
            )
            .hint(if name == "port" {
                "set `port = { redis = N }`"
            } else {
                "remove it from devenv.toml"
            }));
        }
        if name.is_empty()
            || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
        {
            return Err(wrong(
                "setting-invalid",
                format!("`{name}` is not the name of a Redis directive"),
            ));
        }
        if value.contains(['\n', '\r', '\0']) {
            return Err(wrong(
                "setting-invalid",
                format!("the value of `redis.settings.{name}` has more than one line"),
            ));
        }
        all.insert(name, value.clone());
    }
    let mut text = String::from(
        "# Written by devenv at every start from the profile; changes here are lost.\n",
    );
    let _ = writeln!(
        text,
        "bind {HOST}\nprotected-mode yes\nport {port}\ndaemonize no\ndir {}",
        quoted(&data.to_string_lossy())
    );
    for (name, value) in all {
        let _ = writeln!(text, "{name} {}", argument(&value));
    }
    Ok(text)
}

/// A directive's arguments as typed; an empty text is one empty argument.
fn argument(value: &str) -> String {
    if value.is_empty() { "\"\"".into() } else { value.to_owned() }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
