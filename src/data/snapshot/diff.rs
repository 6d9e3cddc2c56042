//! What changed from one snapshot to another: rows of the services' tables and of Postgres' tables, and keys
//! of Redis.
//!
//! All are looked at in copies, so that the snapshots stay as they are. Rows are compared as a whole: one
//! that was changed counts once on each side.

use super::save::{POSTGRES, REDIS, REDIS_DUMP, REDIS_FILES, STATE, STATE_FILE, STATE_REST};
use super::store::Kept;
use crate::base::Problem;
use crate::profile;
use crate::runtime::dirs::unwritable;
use crate::runtime::tree::{self, How, Keep};
use crate::runtime::{Dirs, postgres, redis};
use crate::storage::rusqlite::{self, Connection, OpenFlags};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// How a table, or a database of Redis, differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// `services`, a database's name, or `redis`.
    pub place: String,
    /// The table, or Redis' database as `db0`.
    pub table: String,
    /// Rows or keys in the first snapshot, and in the second; `None` where the table is not.
    pub rows: [Option<u64>; 2],
    /// Rows or keys that only the first has, and only the second; not counted for Postgres. What was changed
    /// counts on both sides.
    pub only: Option<[u64; 2]>,
    /// Those of Redis' keys that both have, and that were changed.
    pub changed: Option<u64>,
}

/// What differs. `servers` says how to read the parts of servers; without it they are left out, as are those
/// that the profile does not have.
pub fn diff(
    first: &Kept,
    second: &Kept,
    servers: Option<(&profile::Profile, &Dirs)>,
) -> Result<Vec<Difference>, Problem> {
    let postgres = servers.and_then(|(profile, dirs)| Some((profile.postgres.as_ref()?, dirs)));
    let redis = servers.and_then(|(profile, dirs)| Some((profile.redis.as_ref()?, dirs)));
    let work = match postgres {
        // Beside the data of servers, where their identity may enter.
        Some((_, dirs)) => {
            tempfile::Builder::new().prefix(".diff-").tempdir_in(postgres::data_root(dirs)?)
        }
        None => tempfile::tempdir(),
    };
    let work = work.map_err(|error| unwritable(&first.dir, &error))?;
    let mut all = services(first, second, work.path())?;
    if let Some((settings, dirs)) = redis {
        all.extend(of_redis(first, second, settings, dirs, work.path())?);
    }
    if let Some((settings, dirs)) = postgres {
        let tables = |kept: &Kept, name: &str| -> Result<Tables, Problem> {
            match kept.manifest.postgres {
                Some(_) => of_postgres(kept, settings, dirs, &work.path().join(name)),
                None => Ok(Tables::new()),
            }
        };
        give_way(work.path(), dirs)?;
        all.extend(compared(&tables(first, "first")?, &tables(second, "second")?));
    }
    Ok(all)
}

fn of_redis(
    first: &Kept,
    second: &Kept,
    settings: &profile::Redis,
    dirs: &Dirs,
    work: &Path,
) -> Result<Vec<Difference>, Problem> {
    let copies =
        [copy_redis(first, &work.join("redis-a"))?, copy_redis(second, &work.join("redis-b"))?];
    let found = redis::compare(settings, dirs, [copies[0].as_deref(), copies[1].as_deref()])?;
    let told = |(number, keys): (u32, redis::Keys)| Difference {
        place: REDIS.to_owned(),
        table: format!("db{number}"),
        rows: keys.all.map(Some),
        only: Some(keys.only.map(|only| only + keys.changed)),
        changed: Some(keys.changed),
    };
    Ok(found.into_iter().map(told).collect())
}

/// A data directory that a server may use; none if the snapshot has no keys.
fn copy_redis(kept: &Kept, to: &Path) -> Result<Option<PathBuf>, Problem> {
    let (dump, files) =
        (kept.dir.join(REDIS).join(REDIS_DUMP), kept.dir.join(REDIS).join(REDIS_FILES));
    let copied = match (dump.exists(), files.exists()) {
        (true, _) => redis::lay_out(&dump, to),
        (false, true) => tree::bring(&files, to, How::Copy, &|_| Keep::All).map(drop),
        (false, false) => return Ok(None),
    };
    copied.map_err(|error| unwritable(to, &error))?;
    Ok(Some(to.to_owned()))
}

/// Rows and a sum of their texts, by database and table.
type Tables = BTreeMap<(String, String), (u64, String)>;

fn compared(first: &Tables, second: &Tables) -> Vec<Difference> {
    let keys: BTreeSet<_> = first.keys().chain(second.keys()).collect();
    let differs = keys.into_iter().filter(|key| first.get(*key) != second.get(*key));
    differs
        .map(|key| Difference {
            place: key.0.clone(),
            table: key.1.clone(),
            rows: [first, second].map(|tables| tables.get(key).map(|(rows, _)| *rows)),
            only: None,
            changed: None,
        })
        .collect()
}

fn services(first: &Kept, second: &Kept, work: &Path) -> Result<Vec<Difference>, Problem> {
    let failed = |e: rusqlite::Error| Problem::failed("snapshot-state", format!("{e}"));
    let paths = [copy_state(first, &work.join("a"))?, copy_state(second, &work.join("b"))?];
    let [Some(a), Some(b)] = paths else { return Ok(Vec::new()) };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&a, flags).map_err(failed)?;
    connection.execute("ATTACH ?1 AS b", [b.to_string_lossy()]).map_err(failed)?;
    let tables = |schema: &str| -> rusqlite::Result<BTreeSet<String>> {
        // The index for searches in mails says nothing that the mails do not.
        let sql = format!(
            "SELECT name FROM {schema}.sqlite_master WHERE type='table'
               AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'devenv_%' AND name NOT LIKE 'ses_mail_text%'"
        );
        let mut rows = connection.prepare(&sql)?;
        let rows = rows.query_map([], |row| row.get(0))?;
        rows.collect()
    };
    let (in_a, in_b) = (tables("main").map_err(failed)?, tables("b").map_err(failed)?);
    let mut all = Vec::new();
    for table in in_a.union(&in_b) {
        let count = |sql: String| connection.query_row(&sql, [], |row| row.get::<_, i64>(0));
        let rows = |schema: &str, there: bool| match there {
            true => count(format!("SELECT count(*) FROM {schema}.{table}")).map(|n| Some(n as u64)),
            false => Ok(None),
        };
        let one = rows("main", in_a.contains(table)).map_err(failed)?;
        let two = rows("b", in_b.contains(table)).map_err(failed)?;
        let only = match (one, two) {
            (Some(_), Some(_)) => {
                let only = |x: &str, y: &str| {
                    count(format!(
                        "SELECT count(*) FROM (SELECT * FROM {x}.{table} EXCEPT SELECT * FROM {y}.{table})"
                    ))
                };
                let (a, b) =
                    (only("main", "b").map_err(failed)?, only("b", "main").map_err(failed)?);
                [a as u64, b as u64]
            }
            _ => [one.unwrap_or(0), two.unwrap_or(0)],
        };
        if only != [0, 0] {
            all.push(Difference {
                place: "services".to_owned(),
                table: table.clone(),
                rows: [one, two],
                only: Some(only),
                changed: None,
            });
        }
    }
    Ok(all)
}

/// A copy of the state file that can be opened; none if the snapshot has none.
fn copy_state(kept: &Kept, to: &Path) -> Result<Option<PathBuf>, Problem> {
    if !kept.manifest.services {
        return Ok(None);
    }
    let failed = |error: std::io::Error| unwritable(to, &error);
    std::fs::create_dir(to).map_err(failed)?;
    for name in [STATE_FILE].iter().chain(&STATE_REST) {
        tree::bring_file(&kept.dir.join(STATE).join(name), &to.join(name), How::Copy)
            .map_err(failed)?;
    }
    Ok(Some(to.join(STATE_FILE)))
}

fn of_postgres(
    kept: &Kept,
    settings: &profile::Postgres,
    dirs: &Dirs,
    work: &Path,
) -> Result<Tables, Problem> {
    let from = kept.dir.join(POSTGRES);
    tree::bring(&from, work, How::Copy, &|_| Keep::All).map_err(|e| unwritable(work, &e))?;
    let tables = postgres::tables(settings, dirs, work)?;
    Ok(tables.into_iter().map(|t| ((t.database, t.name), (t.rows, t.sum))).collect())
}

/// Lets the identity of the servers into the directory of copies.
fn give_way(work: &Path, dirs: &Dirs) -> Result<(), Problem> {
    use std::os::unix::fs::MetadataExt;
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let root = postgres::data_root(dirs)?;
    let given = std::fs::metadata(&root)
        .and_then(|owner| std::os::unix::fs::chown(work, Some(owner.uid()), Some(owner.gid())));
    given.map_err(|error| unwritable(work, &error))
}
