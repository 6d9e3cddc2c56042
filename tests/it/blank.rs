//! The state file that new environments begin with holds the tables of all services as their scripts
//! make them, and nothing else. `DEVENV_WRITE_BLANK=1 cargo test --test it blank` makes it anew.

use devenv::services::registry;
use devenv::storage::{Layout, Storage, rusqlite};
use std::io::Write;
use std::path::{Path, PathBuf};

/// A state file made with `blank`, closed.
fn made(dir: &Path, blank: &[u8]) -> PathBuf {
    let path = dir.join("state.db");
    let (schemas, replays) = (registry::schemas(), registry::replays());
    let storage = Storage::open_with(
        &path,
        &Layout { schemas: &schemas, replays: &replays, blank, seed: None },
    );
    drop(storage.unwrap());
    path
}

/// All that a file holds: what its tables are made by, and every row.
fn contents(path: &Path) -> Vec<String> {
    let file = rusqlite::Connection::open(path).unwrap();
    let texts = |sql: &str| -> Vec<String> {
        let mut statement = file.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    };
    let mut all =
        texts("SELECT format('%s %s: %s', type, name, sql) FROM sqlite_master ORDER BY 1");
    let tables = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1";
    for table in texts(tables) {
        let count = texts(&format!("SELECT format('%d', count(*)) FROM \"{table}\"")).remove(0);
        all.push(format!("{table}: {count} rows"));
    }
    all.extend(texts("SELECT format('%s %d', service, version) FROM devenv_schema ORDER BY 1"));
    all
}

fn write_anew(path: &Path) {
    let file = rusqlite::Connection::open(path).unwrap();
    file.execute_batch("PRAGMA wal_checkpoint(TRUNCATE); VACUUM; PRAGMA wal_checkpoint(TRUNCATE);")
        .unwrap();
    drop(file);
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packer.write_all(&std::fs::read(path).unwrap()).unwrap();
    let to = concat!(env!("CARGO_MANIFEST_DIR"), "/src/services/blank.db.gz");
    std::fs::write(to, packer.finish().unwrap()).unwrap();
}

#[test]
fn the_blank_state_file_is_what_the_scripts_make() {
    let (by_scripts, by_blank) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let scripted = made(by_scripts.path(), &[]);
    if std::env::var_os("DEVENV_WRITE_BLANK").is_some() {
        return write_anew(&scripted);
    }
    // Alone, before anything could be applied to it.
    let alone = by_blank.path().join("alone.db");
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(registry::BLANK), &mut bytes)
        .unwrap();
    std::fs::write(&alone, bytes).unwrap();
    let hint = "src/services/blank.db.gz is old: DEVENV_WRITE_BLANK=1 cargo test --test it blank";
    assert_eq!(contents(&alone), contents(&scripted), "{hint}");
    assert_eq!(contents(&made(by_blank.path(), registry::BLANK)), contents(&scripted));
}
