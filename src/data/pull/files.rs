//! The rows of files on their way into the pipe, in the order in which they come.

use super::Sequences;
use super::pipe::{Pipe, Work};
use crate::base::Problem;
use crate::data::catalog::Catalog;
use crate::data::source::{BySql, Files, Judge, Piece};
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
struct Evaluated<'a> {
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

/// Reads all rows of files into the pipe.
pub(super) async fn read(
    files: &Files,
    catalog: &Catalog,
    pipe: &mut Pipe,
    progress: &dyn Progress,
) -> Result<Sequences, Problem> {
    let mut evaluated = Vec::new();
    for table in &catalog.tables {
        let by_sql = files.by_sql(table).await?;
        evaluated.push(by_sql.map(|(judge, by_sql)| Evaluated { judge, by_sql, rows: 0 }));
    }
    let mut sequences = Vec::new();
    let mut shown = Shown { catalog, progress, table: None };
    let sink = async |piece: Piece| {
        let (table, mut bytes) = match piece {
            Piece::Rows(table, bytes) => (table, bytes),
            Piece::Sequence(name, value) => {
                sequences.push((name, value));
                return Ok(());
            }
        };
        shown.advance(table, bytes.len() as u64);
        if pipe.skips(table) {
            return Ok(());
        }
        if let Some(evaluated) = &mut evaluated[table] {
            bytes = evaluated.rows(&bytes).await?;
        }
        pipe.send(Work::Rows { table, bytes }).await
    };
    let done = files.read(sink).await;
    shown.end();
    done.map(|()| sequences)
}
