//! How a pull begins: with an empty archive, or behind what an earlier pull left of it.

use super::journal::{self, Head, Journal, Line};
use super::pipe::Filling;
use super::proof::{Origin, Watch};
use crate::base::{Exit, Problem};
use crate::data::archive::{FrameKind, Kept, Manifest, Writer};
use crate::data::catalog::Catalog;
use crate::data::source::Source;
use std::collections::BTreeSet;
use std::path::Path;

/// An archive that is begun, or taken up again.
pub(super) struct Begun {
    pub(super) filling: Filling,
    /// Tables of a database that are whole.
    pub(super) there: BTreeSet<usize>,
    /// Rows that are there.
    pub(super) resumed: u64,
    /// Batches of files that are there; `None`: the source is a database.
    pub(super) batches: Option<u64>,
}

/// Begins the archive, behind what an earlier pull left if it is to stay.
pub(super) async fn begin(
    source: &Source,
    catalog: &Catalog,
    watch: Option<&Watch<'_>>,
    (out, resume): (&Path, bool),
    mut manifest: Manifest,
    before: &str,
) -> Result<Begun, Problem> {
    let origin = match (source, watch) {
        (Source::Files(_), _) => Some(Origin::Files),
        (Source::Live(_), watch) => watch.map(|w| Origin::Database(w.origin.clone())),
    };
    let Some(head) = origin.map(|origin| Head::new(&manifest, origin)) else {
        return unnoted(out, resume, manifest, before);
    };
    let noted = if resume { journal::read(out, &head)? } else { Vec::new() };
    let noted = match watch {
        Some(watch) => unchanged(watch, catalog, noted).await?,
        None => noted,
    };
    let (mut writer, mut lines) = taken_up(out, noted)?;
    if lines.is_empty() {
        writer.bytes(FrameKind::Before, before.as_bytes())?;
        lines.push(Line::Schema { stretch: writer.stretch()? });
    }
    if lines.iter().any(Line::rows) {
        writer.stays();
    }
    let journal = Journal::begin(out, &head, &lines)?;
    let (mut there, mut resumed) = (BTreeSet::new(), 0);
    let mut read = (0, String::new());
    for line in &lines {
        manifest.fingerprints += line.prints();
        for (table, rows, bytes) in line.counts() {
            if let Some(entry) = manifest.tables.get_mut(table) {
                (entry.rows, entry.bytes) = (entry.rows + rows, entry.bytes + bytes);
            }
            resumed += rows;
        }
        match line {
            Line::Schema { .. } => {}
            Line::Table { table, .. } => _ = there.insert(*table),
            Line::Batches { seen, chain, .. } => read = (*seen, chain.clone()),
        }
    }
    let batches = watch.is_none().then_some(read.0);
    let filling = Filling::new(writer, manifest, batches.map(|_| read), Some(journal));
    Ok(Begun { filling, there, resumed, batches })
}

/// Begins an archive of which nothing can be taken up again.
fn unnoted(out: &Path, resume: bool, manifest: Manifest, before: &str) -> Result<Begun, Problem> {
    if resume && journal::kept(out).is_some() {
        let message = "the source does not say whether it is still what it was, or only a part of it is pulled";
        return Err(Problem::new(Exit::Usage, "data-resume", message)
            .hint("without --resume the pull begins anew, and takes the place of what is there"));
    }
    let mut writer = Writer::create(out)?;
    journal::forget(out);
    writer.bytes(FrameKind::Before, before.as_bytes())?;
    let filling = Filling::new(writer, manifest, None, None);
    Ok(Begun { filling, there: BTreeSet::new(), resumed: 0, batches: None })
}

/// The archive behind those of the noted stretches that are as they were, and their lines.
fn taken_up(out: &Path, noted: Vec<Line>) -> Result<(Writer, Vec<Line>), Problem> {
    let kept = if noted.iter().any(Line::rows) { Kept::open(out)? } else { None };
    let Some(mut kept) = kept else { return Ok((Writer::create(out)?, Vec::new())) };
    let mut lines: Vec<Line> = Vec::new();
    for line in noted {
        match kept.keep(line.stretch())? {
            Some(place) => lines.push(line.at(place)),
            // What follows in a file follows this, and without a schema there is nothing.
            None if !matches!(line, Line::Table { .. }) => break,
            None => {}
        }
    }
    match lines.is_empty() {
        true => {
            drop(kept);
            Ok((Writer::create(out)?, lines))
        }
        false => Ok((kept.writer()?, lines)),
    }
}

/// The lines of tables that hold what they held.
async fn unchanged(
    watch: &Watch<'_>,
    catalog: &Catalog,
    noted: Vec<Line>,
) -> Result<Vec<Line>, Problem> {
    let durable: BTreeSet<i64> = noted
        .iter()
        .filter_map(|line| match line {
            Line::Table { proof, .. } if proof.durable => Some(proof.since),
            _ => None,
        })
        .collect();
    let mut same = Vec::new();
    for mut line in noted {
        let stays = match &mut line {
            Line::Table { table, rows, proof, .. } => {
                // It is enough to know once of a snapshot.
                proof.durable = durable.contains(&proof.since);
                match catalog.tables.get(*table) {
                    Some(described) => watch.unchanged(described, *rows, proof).await?,
                    None => false,
                }
            }
            Line::Schema { .. } | Line::Batches { .. } => true,
        };
        if stays {
            same.push(line);
        }
    }
    Ok(same)
}
