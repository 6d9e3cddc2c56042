//! `redis.conf` from the profile. Defaults: loopback only, an append-only file written before each
//! answer, so that a killed server has every acknowledged write in the page cache.

use super::HOST;
use super::binary::Binary;
use crate::base::{Exit, Problem};
use crate::profile;
use crate::runtime::dirs::{Dirs, unwritable};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Directives that devenv itself decides.
const RESERVED: [&str; 7] = ["port", "bind", "dir", "daemonize", "include", "pidfile", "logfile"];

/// Writes the configuration; returns its path and hash. An invalid directive is an error that
/// names it.
pub(super) fn write(
    settings: &profile::Redis,
    binary: &Binary,
    port: u16,
    data: &Path,
    dirs: &Dirs,
) -> Result<(PathBuf, String), Problem> {
    let text = text(&settings.settings, port, data)?;
    let path = dirs.run.join("redis.conf");
    let hash = hex::encode(&Sha256::digest(text.as_bytes())[..8]);
    let checked = dirs.run.join("redis.conf.checked");
    let known = format!("{hash} {}", binary.version);
    put(&path, &text)?;
    if fs::read_to_string(&checked).is_ok_and(|there| there == known) {
        return Ok((path, hash));
    }
    check(&binary.program, &path)?;
    put(&checked, &known)?;
    Ok((path, hash))
}

/// The configuration of a server that loads `data` as the environment's would, and is asked about them on
/// `socket` alone: nothing is written, evicted or kept from who asks.
pub(super) fn for_a_look(
    settings: &profile::Redis,
    binary: &Binary,
    data: &Path,
    socket: &Path,
) -> Result<String, Problem> {
    let mut text = text(&settings.settings, 0, data)?;
    let socket = quoted(&socket.to_string_lossy());
    // What is said later holds.
    let _ = writeln!(
        text,
        "unixsocket {socket}\nunixsocketperm 700\nrequirepass \"\"\nsave \"\"\nmaxmemory 0\nauto-aof-rewrite-percentage 0"
    );
    // A directive, and needed, from Redis 7 on; every Valkey is newer.
    let is_old = binary.version.strip_prefix("redis ").is_some_and(|v| {
        v.split('.')
            .next()
            .and_then(|major| major.parse::<u32>().ok())
            .is_some_and(|major| major < 7)
    });
    if !is_old {
        text.push_str("enable-debug-command local\n");
    }
    Ok(text)
}

fn put(path: &Path, text: &str) -> Result<(), Problem> {
    let write = || -> std::io::Result<()> {
        let mut options = fs::OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path)?;
        std::io::Write::write_all(&mut file, text.as_bytes())
    };
    write().map_err(|error| unwritable(path, &error))
}

/// Lets the server read its configuration: told to listen nowhere, it ends before it touches data.
fn check(program: &Path, conf: &Path) -> Result<(), Problem> {
    let output = Command::new(program)
        .arg(conf)
        .args(["--port", "0", "--unixsocket", ""])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| {
            Problem::failed("cannot-start", format!("{}: {error}", program.display()))
        })?;
    let said = [output.stdout, output.stderr].concat();
    match complaint(&String::from_utf8_lossy(&said)) {
        Some(problem) => Err(problem),
        None => Ok(()),
    }
}

/// The server's complaint as a problem, if there is one:
/// `Reading the configuration file, at line 7` / `>>> 'maxmemory-polcy x'` / `Bad directive or …`.
fn complaint(said: &str) -> Option<Problem> {
    let mut lines = said.lines().skip_while(|line| !line.contains("CONFIG FILE ERROR"));
    lines.next()?;
    let line = lines.by_ref().find_map(|line| line.strip_prefix(">>> "))?.trim_matches('\'');
    let name = line.split_ascii_whitespace().next().unwrap_or(line);
    let why = lines.next().unwrap_or("it is invalid").trim();
    Some(
        Problem::new(
            Exit::Usage,
            "setting-invalid",
            format!("Redis refuses `redis.settings.{name}`: {why} (`{line}`)"),
        )
        .hint("correct it in devenv.toml"),
    )
}

fn text(settings: &BTreeMap<String, String>, port: u16, data: &Path) -> Result<String, Problem> {
    let wrong = |code, message: String| Problem::new(Exit::Usage, code, message);
    let mut all: BTreeMap<&str, String> = BTreeMap::new();
    let databases = &super::DATABASES.to_string();
    for (name, value) in [
        ("appendonly", "yes"),
        ("appendfsync", "everysec"),
        ("save", ""),
        ("tcp-backlog", "128"),
        ("databases", databases),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Result<String, &'static str> {
        let settings =
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        text(&settings, 6379, Path::new("/a \"b\"")).map_err(|problem| problem.code)
    }

    #[test]
    fn the_profile_overrides_and_the_address_is_ours() {
        let text = of(&[("appendonly", "no"), ("save", "60 1")]).expect("text");
        assert!(text.contains("appendonly no\n") && text.contains("save 60 1\n"), "{text}");
        assert!(text.contains("bind 127.0.0.1\n") && text.contains("dir \"/a \\\"b\\\"\"\n"));
        assert!(of(&[]).expect("text").contains("appendonly yes\n"));
    }

    #[test]
    fn nothing_can_be_smuggled_into_the_file() {
        assert_eq!(of(&[("maxmemory", "1\nbind 0.0.0.0")]), Err("setting-invalid"));
        assert_eq!(of(&[("a b", "1")]), Err("setting-invalid"));
        assert_eq!(of(&[("bind", "0.0.0.0")]), Err("setting-reserved"));
    }

    #[test]
    fn the_servers_complaint_names_the_directive() {
        let said = "\n*** FATAL CONFIG FILE ERROR (Version 9.1.2) ***\n\
            Reading the configuration file, at line 7\n>>> 'maxmemory-polcy x'\n\
            Bad directive or wrong number of arguments\n";
        let problem = complaint(said).expect("complaint");
        assert!(problem.message.starts_with("Redis refuses `redis.settings.maxmemory-polcy`: Bad"));
        assert_eq!(complaint("Configured to not listen anywhere, exiting."), None);
    }
}
