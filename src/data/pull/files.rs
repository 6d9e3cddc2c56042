//! The rows of files on their way into the pipe, in the order in which they come.

use super::pipe::{Pipe, Work};
use super::{BATCH_BYTES, Sequences};
use crate::base::Problem;
use crate::data::catalog::Catalog;
use crate::data::source::{BySql, Files, Judge, Piece, Source};
use crate::data::subset::Sieve;
use crate::runtime::Progress;

/// Shows of which table rows come.
struct Shown<'a> {
    catalog: &'a Catalog,
    progress: &'a dyn Progress,
    table: Option<(usize, String)>,
}

impl Shown<'_> {
    fn advance(&mut self, table: usize, bytes: u64) {
        if self.table.as_ref().is_none_or(|(number, _)| *number != table) {
            self.end();
            let label = self.catalog.tables[table].label();
            self.progress.begin(&label, &label, None);
            self.table = Some((table, label));
        }
        if let Some((_, label)) = &self.table {
            self.progress.advance(label, bytes);
        }
    }

    fn end(&mut self) {
        if let Some((_, label)) = self.table.take() {
            self.progress.end(&label);
        }
    }
}

/// What rules say of a table in SQL, who evaluates it, and how many rows went there.
pub(super) struct Evaluated<'a> {
    judge: &'a Judge,
    by_sql: BySql,
    rows: u64,
}

impl Evaluated<'_> {
    async fn rows(&mut self, rows: &[u8]) -> Result<Vec<u8>, Problem> {
        let made = self.by_sql.rows(self.judge, (self.rows, rows)).await?;
        self.rows += rows.iter().filter(|b| **b == b'\n').count() as u64;
        Ok(made)
    }
}

/// What is evaluated of each table; to be asked for before the first row is judged.
pub(super) async fn evaluated<'a>(
    source: &'a Source,
    catalog: &Catalog,
) -> Result<Vec<Option<Evaluated<'a>>>, Problem> {
    let mut all = Vec::new();
    for table in &catalog.tables {
        let by_sql = match source {
            Source::Live(_) => None,
            Source::Files(files) => files.by_sql(table).await?,
        };
        all.push(by_sql.map(|(judge, by_sql)| Evaluated { judge, by_sql, rows: 0 }));
    }
    Ok(all)
}

/// The way of rows from the files into the pipe: some of them, as SQL makes them.
struct Way<'a, 'p> {
    evaluated: Vec<Option<Evaluated<'a>>>,
    sieve: Option<Sieve<'a>>,
    /// Rows that went through the sieve, of one table, until they are a batch.
    held: (usize, Vec<u8>),
    pipe: &'p mut Pipe,
}

impl Way<'_, '_> {
    async fn take(&mut self, table: usize, bytes: Vec<u8>) -> Result<(), Problem> {
        if self.sieve.is_none() {
            return self.send(table, bytes).await;
        }
        if self.held.0 != table {
            self.end().await?;
            self.held.0 = table;
        }
        let Some(sieve) = &mut self.sieve else { return Ok(()) };
        sieve.rows(table, &bytes, &mut self.held.1);
        if self.held.1.len() >= BATCH_BYTES { self.end().await } else { Ok(()) }
    }

    /// Sends what is held.
    async fn end(&mut self) -> Result<(), Problem> {
        let (table, bytes) = (self.held.0, std::mem::take(&mut self.held.1));
        if bytes.is_empty() { Ok(()) } else { self.send(table, bytes).await }
    }

    async fn send(&mut self, table: usize, mut bytes: Vec<u8>) -> Result<(), Problem> {
        if self.pipe.skips(table) {
            return Ok(());
        }
        if let Some(evaluated) = &mut self.evaluated[table] {
            bytes = evaluated.rows(&bytes).await?;
        }
        self.pipe.send(Work::Rows { table, bytes }).await
    }
}

/// Reads all rows of files into the pipe, or those that a sieve lets through.
pub(super) async fn read<'a>(
    files: &Files,
    catalog: &Catalog,
    (evaluated, sieve): (Vec<Option<Evaluated<'a>>>, Option<Sieve<'a>>),
    pipe: &mut Pipe,
    progress: &dyn Progress,
) -> Result<Sequences, Problem> {
    let mut sequences = Vec::new();
    let mut shown = Shown { catalog, progress, table: None };
    let mut way = Way { evaluated, sieve, held: (0, Vec::new()), pipe };
    let sink = async |piece: Piece| match piece {
        Piece::Rows(table, bytes) => {
            shown.advance(table, bytes.len() as u64);
            way.take(table, bytes).await
        }
        Piece::Sequence(name, value) => {
            sequences.push((name, value));
            Ok(())
        }
    };
    let done = files.read(sink).await;
    shown.end();
    done?;
    way.end().await?;
    way.sieve.map_or(Ok(()), Sieve::end)?;
    Ok(sequences)
}
