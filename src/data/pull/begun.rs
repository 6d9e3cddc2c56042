//! How a pull begins: with an empty archive, or behind what an earlier pull left of it.

use super::journal::{self, Head, Journal, Line};
use super::pipe::Filling;
use super::proof::{Origin, Watch};
use crate::base::{Exit, Problem};
use crate::data::archive::{FrameKind, Kept, Manifest, Writer};
use crate::data::catalog::Catalog;
use crate::data::source::Source;
use crate::data::tools::Schema;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

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

/// What an archive is begun with.
pub(super) struct Beginning {
    pub(super) out: PathBuf,
    /// What the rows come from; `None`: nothing of them can be taken up again.
    pub(super) origin: Option<Origin>,
    pub(super) manifest: Manifest,
    pub(super) schema: Schema,
}

/// What rows of a source come from.
pub(super) fn origin(source: &Source, watch: Option<&Watch<'_>>) -> Option<Origin> {
    match (source, watch) {
        (Source::Files(_), _) => Some(Origin::Files),
        (Source::Live(_), watch) => watch.map(|w| Origin::Database(w.origin.clone())),
    }
}

impl Beginning {
    /// Begins the archive behind what an earlier pull left of it, as far as that is to stay.
    pub(super) async fn resume(
        self,
        catalog: &Catalog,
        watch: Option<&Watch<'_>>,
    ) -> Result<Begun, Problem> {
        let Some(origin) = self.origin.clone() else {
            if journal::kept(&self.out).is_none() {
                return self.begin();
            }
            let message = "the source does not say whether it is still what it was, or only a part of it is pulled";
            return Err(Problem::new(Exit::Usage, "data-resume", message).hint(
                "without --resume the pull begins anew, and takes the place of what is there",
            ));
        };
        let noted = journal::read(&self.out, &Head::new(&self.manifest, origin))?;
        let noted = match watch {
            Some(watch) => unchanged(watch, catalog, noted).await?,
            None => noted,
        };
        self.behind(noted)
    }

    /// Begins an empty archive.
    pub(super) fn begin(self) -> Result<Begun, Problem> {
        self.behind(Vec::new())
    }

    /// Begins the archive behind what was noted of it.
    fn behind(self, noted: Vec<Line>) -> Result<Begun, Problem> {
        let Beginning { out, origin, mut manifest, schema } = self;
        let Some(origin) = origin else { return unnoted(&out, manifest, schema) };
        let head = Head::new(&manifest, origin);
        let (mut writer, mut lines) = taken_up(&out, noted)?;
        if lines.is_empty() {
            writer.bytes(FrameKind::Before, schema.before.as_bytes())?;
            lines.push(Line::Schema { stretch: writer.stretch()? });
        }
        if lines.iter().any(Line::rows) {
            writer.stays();
        }
        let journal = Journal::begin(&out, &head, &lines)?;
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
        let batches = head.of_files().then_some(read.0);
        let there_are = batches.map(|_| read);
        let filling = Filling::new(writer, manifest, schema.behind, there_are, Some(journal));
        Ok(Begun { filling, there, resumed, batches })
    }
}

/// Begins an archive of which nothing can be taken up again.
fn unnoted(out: &Path, manifest: Manifest, schema: Schema) -> Result<Begun, Problem> {
    let mut writer = Writer::create(out)?;
    journal::forget(out);
    writer.bytes(FrameKind::Before, schema.before.as_bytes())?;
    let filling = Filling::new(writer, manifest, schema.behind, None, None);
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
