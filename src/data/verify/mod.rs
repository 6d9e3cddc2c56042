//! `devenv data verify`: looks for the source's sensitive values in an archive and in the database that it
//! was loaded into, or in a folder that was masked, and writes down what was looked at, signed.
//!
//! Looked through: every value of every column, inside documents, arrays and prose; the SQL of the schema;
//! and in a database also statistics, comments, sequences and the data files themselves, where dead rows lie.

mod certificate;
mod crew;
mod database;
mod files;
mod filter;
mod looker;
mod suspects;

pub(crate) use certificate::Certificate;
pub(crate) use looker::{Looker, Report};

use super::archive::{Frame, FrameKind, Reader, SYNTHETIC, TableEntry, unreadable};
use super::folder::{attached, prints_of};
use super::mask::Key;
use super::prints::Prints;
use super::seed_services::files;
use crate::base::Problem;
use crew::{Crew, rows};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use suspects::Lists;
use tokio_postgres::Config;

/// Scans an archive, and a database when one is given.
pub(crate) async fn verify(
    path: &Path,
    key: &Key,
    database: Option<&Config>,
) -> Result<Certificate, Problem> {
    let mut reader = opened(path, key)?;
    let manifest = reader.manifest.clone();
    let passes = manifest.fingerprints.div_ceil(filter::ROOM).max(1);
    let mut report = Report::default();
    for pass in 0..passes {
        let mut looker = known(&reader, key, (pass, passes))?;
        archive(&mut reader, &mut looker)?;
        reader.rewind()?;
        if let Some(config) = database {
            database::scan(config, &mut looker).await?;
        }
        report.add(looker.finish()?);
    }
    let scanned = match database {
        Some(_) => LOADED,
        None => ARCHIVE,
    };
    Ok(Certificate::new(&manifest, key, scanned, report))
}

/// What is looked through of an archive, and of a database that it was loaded into.
const ARCHIVE: &[&str] = &["archive", "schema"];
const LOADED: &[&str] = &[
    "archive",
    "schema",
    "columns",
    "pg_statistic",
    "comments",
    "sequences",
    "definitions",
    "data files",
];

/// Scans a folder that was masked: the names of its files, and what they hold.
pub(crate) fn verify_folder(folder: &Path, key: &Key) -> Result<Certificate, Problem> {
    let mut reader = opened(&prints_of(folder), key)?;
    // The lists are read one by one below; whether none is missing is told by the content as a whole.
    while reader.next()?.is_some() {}
    let manifest = reader.manifest.clone();
    let passes = manifest.fingerprints.div_ceil(filter::ROOM).max(1);
    let mut report = Report::default();
    for pass in 0..passes {
        let mut looker = known(&reader, key, (pass, passes))?;
        for (path, name) in files(folder)? {
            // A name is looked through by its steps too: they are what `uploads/anna@x.de/1.json` is made of.
            let place = format!("folder: the name of {name}");
            looker.look(&place, &name);
            name.split('/').for_each(|step| looker.look(&place, step));
            let bytes = std::fs::read(&path).map_err(|e| {
                let message = format!("{} cannot be read: {e}", path.display());
                Problem::failed("data-verify", message)
            })?;
            looker.look(&format!("folder: {name}"), &String::from_utf8_lossy(&bytes));
            for (attachment, text) in attached(&bytes) {
                let place = format!("folder: an attachment of {name}");
                looker.look(&place, &attachment);
                looker.look(&place, &text);
            }
        }
        report.add(looker.finish()?);
    }
    Ok(Certificate::new(&manifest, key, &["names", "contents"], report))
}

/// An archive, if it was made with this key.
fn opened(path: &Path, key: &Key) -> Result<Reader, Problem> {
    let reader = Reader::open(path)?;
    if reader.manifest.key_id != key.id() && reader.manifest.key_id != SYNTHETIC {
        let message = format!("{} was masked with another key", path.display());
        return Err(Problem::failed("data-key", message).hint(
            "its fingerprints can be looked for only with the key of the pull (DEVENV_DATA_KEY)",
        ));
    }
    Ok(reader)
}

/// The fingerprints of an archive.
struct Archived {
    path: PathBuf,
    content_hash: String,
}

impl Lists for Archived {
    fn each(&self, see: &mut dyn FnMut(FrameKind, &[u8])) -> Result<(), Problem> {
        let mut reader = Reader::open(&self.path)?;
        if reader.manifest.content_hash != self.content_hash {
            let message = format!("{} was changed meanwhile", self.path.display());
            return Err(Problem::failed("data-verify", message).retryable());
        }
        while let Some((kind, bytes)) = reader.next_of(&[FrameKind::Source, FrameKind::Masked])? {
            see(kind, &bytes);
        }
        Ok(())
    }
}

/// Looks for the fingerprints of an archive, of one pass.
fn known(reader: &Reader, key: &Key, pass: (u64, u64)) -> Result<Looker, Problem> {
    let (path, content_hash) = (reader.path.clone(), reader.manifest.content_hash.clone());
    let lists = Box::new(Archived { path, content_hash });
    Looker::new(Prints::new(key), lists, reader.manifest.fingerprints, pass)
}

/// Looks through every frame.
fn archive(reader: &mut Reader, looker: &mut Looker) -> Result<(), Problem> {
    let places: Vec<Arc<[String]>> = reader.manifest.tables.iter().map(places).collect();
    let crew = Crew::of(looker);
    let read = hand_out(reader, &places, &crew);
    read.and(crew.finish(looker))
}

/// The places of a table's columns.
fn places(table: &TableEntry) -> Arc<[String]> {
    let label = table.label();
    table.columns.iter().map(|column| format!("archive: {label}.{}", column.name)).collect()
}

fn hand_out(reader: &mut Reader, places: &[Arc<[String]>], crew: &Crew) -> Result<(), Problem> {
    while let Some(frame) = reader.next()? {
        let path = reader.path.clone();
        let unpack = move |frame: &Frame| frame.unpack().map_err(|why| unreadable(&path, why));
        match frame.kind {
            FrameKind::Before | FrameKind::Behind => crew.hand(move |looker| {
                looker.look("archive: the schema", &String::from_utf8_lossy(&unpack(&frame)?));
                Ok(())
            }),
            FrameKind::Rows => {
                let places = places[frame.table as usize].clone();
                crew.hand(move |looker| {
                    rows(&unpack(&frame)?, &places, looker);
                    Ok(())
                });
            }
            _ => {}
        }
    }
    Ok(())
}
