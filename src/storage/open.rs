//! Opening the state file: pragmas, permissions, and each service's schema brought up to date.

use super::blank;
use super::error::open_problem;
use super::journal::{self, Replay};
use crate::base::Problem;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use std::path::Path;

/// A service's tables, as the list of scripts that built them. Scripts are only ever appended.
#[derive(Debug, Clone, Copy)]
pub struct Schema {
    /// The service (`sqs`); its tables begin with this name.
    pub name: &'static str,
    /// SQL, one script a version, oldest first.
    pub scripts: &'static [&'static str],
}

/// What a state file is opened with.
#[derive(Clone, Copy, Default)]
pub struct Layout<'a> {
    /// The tables.
    pub schemas: &'a [Schema],
    /// Services some of whose changes the journal may hold.
    pub replays: &'a [Replay],
    /// A state file with these tables and nothing in them, packed by gzip; or nothing.
    pub blank: &'a [u8],
    /// What names follow from; the kernel's randomness otherwise.
    pub seed: Option<u64>,
}

/// `PRAGMA application_id` of our files: "denv".
const APPLICATION_ID: i32 = 0x6465_6e76;

/// Opens (or makes) the state file and applies what each schema lacks.
pub(super) fn open_writer(path: &Path, layout: &Layout<'_>) -> Result<Connection, Problem> {
    blank::lay(path, layout.blank);
    create_private(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection =
        Connection::open_with_flags(path, flags).map_err(|e| open_problem(path, &e))?;
    let is_new = std::fs::metadata(path).is_ok_and(|meta| meta.len() == 0);
    prepare(&connection, is_new).map_err(|e| open_problem(path, &e))?;
    migrate(&mut connection, path, layout.schemas)?;
    if is_new {
        connection
            .execute_batch("PRAGMA synchronous=NORMAL")
            .map_err(|e| open_problem(path, &e))?;
    }
    Ok(connection)
}

/// Opens a connection that folds the log into the file beside the writer.
pub(super) fn open_keeper(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.execute_batch("PRAGMA synchronous=NORMAL; PRAGMA wal_autocheckpoint=0;")?;
    Ok(connection)
}

/// Opens a connection that only reads.
pub(super) fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    connection.execute_batch("PRAGMA cache_size=-4096; PRAGMA mmap_size=268435456;")?;
    connection.set_prepared_statement_cache_capacity(128);
    keep_plans(&connection)?;
    Ok(connection)
}

/// Makes the file with mode 0600 before SQLite would make it with the umask's.
fn create_private(path: &Path) -> Result<(), Problem> {
    use std::os::unix::fs::OpenOptionsExt;
    let made =
        std::fs::OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path);
    made.map(drop).map_err(|error| {
        let message =
            format!("the state file {} cannot be opened for writing: {error}", path.display());
        if error.kind() == std::io::ErrorKind::StorageFull {
            return Problem::in_the_way("disk-full", message).hint("free some space");
        }
        Problem::in_the_way("state-unwritable", message).hint(format!(
            "check the owner and mode of {}",
            path.parent().unwrap_or(path).display()
        ))
    })
}

/// A new file is made without waiting for the disk, six times otherwise: there is nothing to lose in
/// it yet, and the writer's first checkpoint forces it out.
fn prepare(connection: &Connection, is_new: bool) -> rusqlite::Result<()> {
    connection.busy_timeout(std::time::Duration::from_secs(2))?;
    let synchronous = if is_new { "OFF" } else { "NORMAL" };
    connection.execute_batch(&format!(
        "PRAGMA synchronous={synchronous}; PRAGMA journal_mode=WAL; PRAGMA foreign_keys=OFF;
         PRAGMA cache_size=-16384; PRAGMA temp_store=MEMORY; PRAGMA wal_autocheckpoint=0;
         PRAGMA journal_size_limit=67108864;",
    ))?;
    connection.set_prepared_statement_cache_capacity(256);
    keep_plans(connection)
}

/// Keeps a statement's plan whatever is bound to it. Without this SQLite prepares anew, at every use, a
/// statement whose parameters it compared with the condition of a partial index: three quarters of the
/// time of a small read.
fn keep_plans(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(drop)
}

fn migrate(connection: &mut Connection, path: &Path, schemas: &[Schema]) -> Result<(), Problem> {
    let failed = |e: rusqlite::Error| open_problem(path, &e);
    let id: i32 =
        connection.query_row("PRAGMA application_id", [], |row| row.get(0)).map_err(failed)?;
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0))
        .map_err(failed)?;
    if id != APPLICATION_ID && tables > 0 {
        return Err(Problem::failed(
            "state-foreign",
            format!("{} is a SQLite file of some other program", path.display()),
        )
        .hint("nothing was changed; move it away, then run `devenv up` again"));
    }
    let own = journal::SCHEMA;
    let schemas = || schemas.iter().chain(std::iter::once(&own));
    let mut wanted: Vec<_> = schemas().map(|s| (s.name.to_owned(), s.scripts.len())).collect();
    wanted.sort();
    if tables > 0 && stored_versions(connection).map_err(failed)? == wanted {
        return Ok(());
    }
    let transaction = connection.transaction().map_err(failed)?;
    transaction
        .execute_batch(&format!(
            "PRAGMA application_id={APPLICATION_ID};
             CREATE TABLE IF NOT EXISTS devenv_schema(
               service TEXT PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID;"
        ))
        .map_err(failed)?;
    for schema in schemas() {
        apply_schema(&transaction, path, schema)?;
    }
    transaction.commit().map_err(failed)
}

/// The versions on disk, sorted by service, the order of `devenv_schema`'s key; empty in a new file.
fn stored_versions(connection: &Connection) -> rusqlite::Result<Vec<(String, usize)>> {
    let known: bool = connection
        .query_row("SELECT 1 FROM sqlite_master WHERE name='devenv_schema'", [], |_| Ok(true))
        .optional()?
        .unwrap_or(false);
    if !known {
        return Ok(Vec::new());
    }
    let mut rows = connection.prepare("SELECT service, version FROM devenv_schema")?;
    let versions = rows.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)? as usize)))?;
    versions.collect()
}

fn apply_schema(
    transaction: &rusqlite::Transaction<'_>,
    path: &Path,
    schema: &Schema,
) -> Result<(), Problem> {
    let failed = |e: rusqlite::Error| open_problem(path, &e);
    let stored: usize = transaction
        .query_row("SELECT version FROM devenv_schema WHERE service=?1", [schema.name], |row| {
            row.get::<_, i64>(0)
        })
        .optional()
        .map_err(failed)?
        .unwrap_or(0) as usize;
    let known = schema.scripts.len();
    if stored > known {
        return Err(Problem::failed(
            "state-newer",
            format!(
                "the state file {} was written by a newer devenv ({} schema {stored}; this one knows {known})",
                path.display(),
                schema.name
            ),
        )
        .hint("nothing was changed; update devenv, or start afresh with `devenv down --volumes`"));
    }
    for script in &schema.scripts[stored..] {
        transaction.execute_batch(script).map_err(failed)?;
    }
    transaction
        .execute(
            "INSERT INTO devenv_schema VALUES (?1, ?2)
             ON CONFLICT(service) DO UPDATE SET version=?2",
            (schema.name, known as i64),
        )
        .map_err(failed)?;
    Ok(())
}
