//! `devenv data fidelity`: how like its source an archive is, column by column: how many rows and nulls, how
//! long values are, how many are different, how much the most usual one is used. Numbers only, no value.
//!
//! Memory is bounded whatever the size: different values are counted by the smallest of their hashes (a KMV
//! sketch, good to about 3 %), the most usual one by Misra and Gries (good to one in [`COUNTERS`]).

use super::archive::{FrameKind, Reader};
use super::catalog::Catalog;
use super::copy;
use super::source::{Piece, Source};
use crate::base::Problem;
use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

/// Hashes that are kept of a column.
const SMALLEST: usize = 1024;
/// Counters of values that may be the most usual one.
const COUNTERS: usize = 64;
/// Bytes read at a time.
const BATCH_BYTES: usize = 1 << 20;

/// One side of a column.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Measures {
    /// Rows.
    pub rows: u64,
    /// The share of nulls.
    pub nulls: f64,
    /// Characters of a value, on average.
    pub length: f64,
    /// Different values, about.
    pub distinct: u64,
    /// The share of the most usual value, at least.
    pub most_usual: f64,
}

/// A column on both sides.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Fidelity {
    /// `public.users.email`.
    pub column: String,
    /// At the source.
    pub source: Measures,
    /// In the archive.
    pub archive: Measures,
}

/// What is seen of a column as it passes.
#[derive(Debug, Default)]
struct Sketch {
    rows: u64,
    nulls: u64,
    chars: u64,
    smallest: BTreeSet<u64>,
    counters: HashMap<u64, u64>,
}

impl Sketch {
    fn see(&mut self, field: copy::Field<'_>) {
        self.rows += 1;
        let Some(bytes) = field else {
            self.nulls += 1;
            return;
        };
        // Bytes that continue a character in UTF-8 are none of their own.
        self.chars += bytes.iter().filter(|b| **b & 0xc0 != 0x80).count() as u64;
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        let hash = hasher.finish();
        let room = self.smallest.len() < SMALLEST;
        if room || self.smallest.last().is_some_and(|last| hash < *last) {
            self.smallest.insert(hash);
            if self.smallest.len() > SMALLEST {
                self.smallest.pop_last();
            }
        }
        let free = self.counters.len() < COUNTERS;
        match self.counters.get_mut(&hash) {
            Some(count) => *count += 1,
            None if free => {
                self.counters.insert(hash, 1);
            }
            None => self.counters.retain(|_, count| {
                *count -= 1;
                *count > 0
            }),
        }
    }

    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    fn measures(&self) -> Measures {
        let share = |part: u64, of: u64| if of == 0 { 0.0 } else { part as f64 / of as f64 };
        let values = self.rows - self.nulls;
        let distinct = match self.smallest.last().filter(|_| self.smallest.len() == SMALLEST) {
            Some(last) => ((SMALLEST - 1) as f64 * (u64::MAX as f64 / *last as f64)) as u64,
            None => self.smallest.len() as u64,
        };
        Measures {
            rows: self.rows,
            nulls: share(self.nulls, self.rows),
            length: share(self.chars, values),
            distinct: distinct.min(values),
            most_usual: share(self.counters.values().copied().max().unwrap_or(0), values),
        }
    }
}

/// The columns of tables, by table.
struct Sketches(Vec<Vec<Sketch>>);

impl Sketches {
    fn of(columns: impl Iterator<Item = usize>) -> Sketches {
        Sketches(columns.map(|n| (0..n).map(|_| Sketch::default()).collect()).collect())
    }

    fn see(&mut self, table: usize, rows: &[u8]) {
        let mut fields = Vec::new();
        // An archive says itself which table its rows are of.
        let Some(sketches) = self.0.get_mut(table) else { return };
        for line in copy::lines(rows) {
            copy::split(line, &mut fields);
            for (sketch, field) in sketches.iter_mut().zip(&fields) {
                sketch.see(*field);
            }
        }
    }
}

/// Compares an archive with its source.
pub(crate) async fn fidelity(source: &Source, archive: &Path) -> Result<Vec<Fidelity>, Problem> {
    let catalog = source.catalog().await?;
    let there = measured(source, &catalog).await?;
    let mut reader = Reader::open(archive)?;
    let entries = reader.manifest.tables.clone();
    let mut here = Sketches::of(entries.iter().map(|t| t.columns.len()));
    while let Some((frame, bytes)) = reader.next_bytes()? {
        if frame.kind == FrameKind::Rows {
            here.see(frame.table as usize, &bytes);
        }
    }
    let mut all = Vec::new();
    for (entry, own) in entries.iter().zip(&here.0) {
        let label = entry.label();
        let Some(number) = catalog.tables.iter().position(|t| t.label() == label) else { continue };
        for (column, sketch) in entry.columns.iter().zip(own) {
            let names = catalog.tables[number].pulled().zip(&there.0[number]);
            let found = names.into_iter().find(|(c, _)| c.name == column.name);
            all.extend(found.map(|(_, source)| Fidelity {
                column: format!("{label}.{}", column.name),
                source: source.measures(),
                archive: sketch.measures(),
            }));
        }
    }
    Ok(all)
}

async fn measured(source: &Source, catalog: &Catalog) -> Result<Sketches, Problem> {
    let mut sketches = Sketches::of(catalog.tables.iter().map(|t| t.pulled().count()));
    match source {
        Source::Live(live) => {
            for (number, table) in catalog.tables.iter().enumerate() {
                let sink = async |rows: Vec<u8>| {
                    sketches.see(number, &rows);
                    Ok(())
                };
                live.snapshot.copy_out(&table.select(), BATCH_BYTES, sink).await?;
            }
        }
        Source::Files(files) => {
            let sink = async |piece: Piece| {
                if let Piece::Rows(number, rows) = piece {
                    sketches.see(number, &rows);
                }
                Ok(())
            };
            files.read(sink).await?;
        }
    }
    Ok(sketches)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::archive::{ColumnEntry, FORMAT, Manifest, TableEntry, Writer, pack};
    use crate::runtime::Silent;

    /// An archive over the table `people`, with one frame of rows.
    fn archive(path: &Path, table: u32, rows: &str) {
        let column = |name: &str| ColumnEntry {
            name: name.to_owned(),
            written: "int8".to_owned(),
            mask: "id".to_owned(),
        };
        let people = TableEntry {
            schema: "public".to_owned(),
            name: "people".to_owned(),
            columns: vec![column("id"), column("gone")],
            rows: 2,
            bytes: 4,
        };
        let mut writer = Writer::create(path).expect("created");
        let frame = pack(FrameKind::Rows, table, 2, rows.as_bytes()).expect("packed");
        writer.frame(&frame).expect("written");
        let mut manifest = Manifest {
            format: FORMAT,
            devenv: String::new(),
            key_id: String::new(),
            rules_hash: String::new(),
            schema_hash: String::new(),
            server: String::new(),
            tables: vec![people],
            fingerprints: 0,
            content_hash: String::new(),
        };
        writer.finish(&mut manifest).expect("whole");
    }

    /// Compares a CSV file of two rows with an archive.
    fn compared(table: u32, rows: &str) -> Result<Vec<Fidelity>, Problem> {
        let dir = tempfile::tempdir().expect("dir");
        let (source, path) = (dir.path().join("people.csv"), dir.path().join("a.devseed"));
        std::fs::write(&source, "id,name\n1,Ada\n2,Otto\n").expect("written");
        archive(&path, table, rows);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("runtime").block_on(async {
            let lend = || panic!("CSV files need no server");
            let source = source.to_string_lossy();
            fidelity(&Source::open(&source, &lend, &Silent).await?, &path).await
        })
    }

    #[test]
    fn an_archive_is_compared_as_far_as_the_source_has_its_columns() {
        let all = compared(0, "7\t\\N\n7\t\\N\n").expect("compared");
        assert_eq!(all.len(), 1, "a column that the source does not have is left out");
        assert_eq!((all[0].column.as_str(), all[0].source.distinct), ("public.people.id", 2));
        assert_eq!((all[0].archive.rows, all[0].archive.distinct), (2, 1));
        // Fewer fields than columns, or more.
        assert!(compared(0, "7\n8\t9\t10\n").is_ok());
    }

    #[test]
    fn rows_of_a_table_that_the_archive_does_not_have_are_refused() {
        for table in [1, 7, u32::MAX] {
            let problem = compared(table, "7\t8\n").expect_err("no such table");
            assert!(problem.message.ends_with("rows belong to no table"), "{}", problem.message);
        }
    }

    #[test]
    fn a_column_is_measured_in_bounded_memory() {
        let mut all = Sketches::of([2].into_iter());
        for n in 0..50_000u32 {
            let usual = if n % 4 == 0 { "often".to_owned() } else { format!("v{n}") };
            let other = if n % 10 == 0 { "\\N".to_owned() } else { "äöü".to_owned() };
            all.see(0, format!("{usual}\t{other}\n").as_bytes());
        }
        let (one, two) = (all.0[0][0].measures(), all.0[0][1].measures());
        assert_eq!((one.rows, two.rows, two.distinct), (50_000, 50_000, 1));
        assert!((33_000..43_000).contains(&one.distinct), "{}", one.distinct);
        assert!(one.most_usual > 0.22 && one.most_usual <= 0.25, "{}", one.most_usual);
        assert!((two.nulls - 0.1).abs() < 1e-9 && (two.length - 3.0).abs() < 1e-9);
        assert!(all.0[0][0].smallest.len() <= SMALLEST && all.0[0][0].counters.len() <= COUNTERS);
    }
}
