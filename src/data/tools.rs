//! The programs of Postgres that are asked for a schema: one that was fetched before, or the one on PATH, if
//! it is new enough for the source; else one that is fetched.

use crate::base::Problem;
use crate::data::postgres::verified;
use crate::runtime::Progress;
use crate::runtime::clients::{self, Client};
use crate::runtime::dirs::user_cache_dir;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::JoinHandle;
use tokio_postgres::Config;
use tokio_postgres::config::Host;

/// Everything of a schema but its rows and what belongs to one server only. Comments stay behind: people
/// write names into them.
const SCHEMA: &[&str] = &[
    "--schema-only",
    "--no-owner",
    "--no-privileges",
    "--no-comments",
    "--no-publications",
    "--no-subscriptions",
    "--no-security-labels",
    "--no-tablespaces",
    "--exclude-schema=devenv_seed",
];

/// SQL before and behind the rows.
#[derive(Debug, Clone)]
pub(crate) struct Schema {
    pub(crate) before: String,
    pub(crate) behind: String,
}

impl Schema {
    /// SHA-256 over all of it.
    pub(crate) fn hash(&self) -> String {
        hex::encode(Sha256::digest(format!("{}{}", self.before, self.behind)))
    }
}

/// A program for servers up to this major version.
pub(crate) fn program(
    client: Client,
    name: &str,
    major: u32,
    progress: &dyn Progress,
) -> Result<PathBuf, Problem> {
    let cache = user_cache_dir()?;
    // Which version that is needs not be asked, nor one on PATH, which may be a script before others.
    if let Some(fetched) = clients::at_hand(client, &cache, major) {
        return Ok(fetched);
    }
    let on_path = Command::new(name).arg("--version").env("LC_ALL", "C").output();
    if let Ok(output) = on_path {
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let version =
            said.split_whitespace().nth(2).and_then(|v| v.split('.').next()?.parse().ok());
        if version.is_some_and(|v: u32| v >= major) {
            return Ok(PathBuf::from(name));
        }
    }
    match clients::provide(client, &cache, progress) {
        Some(found) => found,
        None => Err(Problem::in_the_way(
            "client-missing",
            format!("there is no {name} for Postgres {major}"),
        )
        .hint(format!("install Postgres' clients of version {major} or newer"))),
    }
}

/// A schema that is asked for.
pub(crate) enum Asked {
    /// It is known already.
    Known(Schema),
    /// pg_dump is at work.
    Dumped(JoinHandle<Result<Schema, Problem>>),
}

impl Asked {
    /// Waits for it.
    pub(crate) fn wait(self) -> Result<Schema, Problem> {
        match self {
            Asked::Known(schema) => Ok(schema),
            Asked::Dumped(thread) => {
                thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            }
        }
    }
}

/// Asks for the schema of a database, as its snapshot sees it if there is one.
pub(crate) fn ask(
    config: &Config,
    snapshot: Option<&str>,
    major: u32,
    progress: &dyn Progress,
) -> Result<Asked, Problem> {
    let pg_dump = program(Client::PgDump, "pg_dump", major, progress)?;
    let (config, snapshot) = (config.clone(), snapshot.map(str::to_owned));
    let thread = std::thread::Builder::new().name("schema".to_owned());
    let asked = thread.spawn(move || dumped(&pg_dump, &config, snapshot.as_deref()));
    asked
        .map(Asked::Dumped)
        .map_err(|e| Problem::failed("threads", format!("cannot start a thread: {e}")))
}

fn dumped(pg_dump: &Path, config: &Config, snapshot: Option<&str>) -> Result<Schema, Problem> {
    let section = |name: &str| -> Result<String, Problem> {
        let mut command = Command::new(pg_dump);
        command.args(SCHEMA).arg(format!("--section={name}"));
        command.args(snapshot.map(|id| format!("--snapshot={id}")));
        enter(&mut command, config);
        let output = command.stdin(Stdio::null()).output().map_err(|e| {
            Problem::failed("cannot-run", format!("cannot run {}: {e}", pg_dump.display()))
        })?;
        match output.status.success() {
            true => Ok(cleaned(&String::from_utf8_lossy(&output.stdout))),
            false => {
                let said = String::from_utf8_lossy(&output.stderr);
                let first = said.lines().next().unwrap_or_default();
                Err(Problem::failed(
                    "data-source",
                    format!("pg_dump cannot read the schema: {first}"),
                ))
            }
        }
    };
    // Of one moment, if there is a snapshot; and a schema of many tables takes a while.
    let (before, behind) = std::thread::scope(|scope| {
        let behind = scope.spawn(|| section("post-data"));
        (section("pre-data"), behind.join())
    });
    let behind = behind.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    Ok(Schema { before: before?, behind: behind? })
}

/// Points a program at the database, by variables: arguments can be seen by everybody.
fn enter(command: &mut Command, config: &Config) {
    let host = config.get_hosts().first().map(|host| match host {
        Host::Tcp(name) => name.clone(),
        Host::Unix(path) => path.display().to_string(),
    });
    let password = config.get_password().map(|p| String::from_utf8_lossy(p).into_owned());
    let port = config.get_ports().first().map(u16::to_string);
    let mode = match config.get_ssl_mode() {
        tokio_postgres::config::SslMode::Disable => "disable",
        tokio_postgres::config::SslMode::Require if verified(config) => "verify-full",
        tokio_postgres::config::SslMode::Require => "require",
        _ => "prefer",
    };
    let values = [
        ("PGSSLMODE", Some(mode.to_owned())),
        ("PGHOST", host),
        ("PGPORT", port),
        ("PGUSER", config.get_user().map(str::to_owned)),
        ("PGPASSWORD", password),
        ("PGDATABASE", config.get_dbname().map(str::to_owned)),
    ];
    for (name, value) in values {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
}

/// A script of pg_dump as one session may run it inside a transaction, on an older server too.
pub(crate) fn cleaned(script: &str) -> String {
    let mut text = String::with_capacity(script.len());
    for line in script.lines() {
        let skipped = line.starts_with("\\restrict")
            || line.starts_with("\\unrestrict")
            || line.starts_with("SET transaction_timeout")
            || line.starts_with("SET default_table_access_method");
        if skipped {
            continue;
        }
        match line.strip_prefix("CREATE SCHEMA ") {
            Some(rest) if !rest.starts_with("IF NOT") => {
                text.push_str("CREATE SCHEMA IF NOT EXISTS ");
                text.push_str(rest);
            }
            _ => text.push_str(line),
        }
        text.push('\n');
    }
    text
}
