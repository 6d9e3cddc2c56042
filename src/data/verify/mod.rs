//! `devenv data verify`: looks for the source's sensitive values in an archive and in the database that it
//! was loaded into, and writes down what was looked at, signed.
//!
//! Looked through: every value of every column, inside documents, arrays and prose; the SQL of the schema;
//! and in a database also statistics, comments, sequences and the data files themselves, where dead rows lie.

mod certificate;
mod database;
mod files;
mod looker;

pub(crate) use certificate::Certificate;
pub(crate) use looker::{Looker, Report};

use super::archive::{FrameKind, Reader, SYNTHETIC};
use super::copy;
use super::mask::Key;
use super::prints::Prints;
use crate::base::Problem;
use std::path::Path;
use tokio_postgres::Config;

/// Fingerprints that are looked for at a time; more are looked for in several passes.
const PRINTS_AT_A_TIME: u64 = 12_000_000;

/// Scans an archive, and a database when one is given.
pub(crate) async fn verify(
    path: &Path,
    key: &Key,
    database: Option<&Config>,
) -> Result<Certificate, Problem> {
    let mut reader = Reader::open(path)?;
    let manifest = reader.manifest.clone();
    if manifest.key_id != key.id() && manifest.key_id != SYNTHETIC {
        let message = format!("{} was masked with another key", path.display());
        return Err(Problem::failed("data-key", message).hint(
            "its fingerprints can be looked for only with the key of the pull (DEVENV_DATA_KEY)",
        ));
    }
    let passes = manifest.fingerprints.div_ceil(PRINTS_AT_A_TIME).max(1);
    let mut report = Report::default();
    for pass in 0..passes {
        let mut looker = Looker::new(Prints::new(key), pass, passes);
        while let Some((frame, bytes)) = reader.next_bytes()? {
            match frame.kind {
                FrameKind::Source => looker.source(&bytes),
                FrameKind::Masked => looker.masked(&bytes),
                _ => {}
            }
        }
        looker.ready();
        reader.rewind()?;
        archive(&mut reader, &mut looker)?;
        reader.rewind()?;
        if let Some(config) = database {
            database::scan(config, &mut looker).await?;
        }
        report.add(looker.finish());
    }
    Ok(Certificate::new(&manifest, key, database.is_some(), report))
}

/// Looks through every frame.
fn archive(reader: &mut Reader, looker: &mut Looker) -> Result<(), Problem> {
    let tables = reader.manifest.tables.clone();
    while let Some((frame, bytes)) = reader.next_bytes()? {
        match frame.kind {
            FrameKind::Before | FrameKind::Behind => {
                looker.look("archive: the schema", &String::from_utf8_lossy(&bytes));
            }
            FrameKind::Rows => {
                let table = &tables[frame.table as usize];
                let label = table.label();
                let places: Vec<String> =
                    table.columns.iter().map(|c| format!("archive: {label}.{}", c.name)).collect();
                let mut fields = Vec::new();
                for line in copy::lines(&bytes) {
                    copy::split(line, &mut fields);
                    for (place, field) in places.iter().zip(&fields) {
                        if let Some(text) = field.and_then(|f| copy::text(f).ok()) {
                            looker.look(place, &text);
                        }
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}
