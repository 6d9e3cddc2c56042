//! Columns that rules mask by SQL, in rows that lie in files: what a judge answers takes the place of the
//! values, so that they pass as those of a database do, which evaluates the expressions itself.

use super::judge::{Answer, Judge, Question};
use crate::base::Problem;
use crate::data::catalog::Table;
use crate::data::copy;
use std::collections::BTreeSet;

/// The expressions of a table.
pub(crate) struct BySql {
    label: String,
    question: Question,
    /// The columns whose values they give, in the order of the answers.
    columns: Vec<usize>,
}

impl BySql {
    /// Those of a table; `None`: it has none.
    pub(crate) async fn of(judge: &Judge, table: &Table) -> Result<Option<BySql>, Problem> {
        let label = table.label();
        let wrong = |why: String| {
            Problem::failed("data-postgres", format!("{label} cannot be masked by SQL: {why}"))
        };
        let (mut columns, mut asked, mut reads) = (Vec::new(), Vec::new(), BTreeSet::new());
        for (number, column) in table.pulled().enumerate() {
            if let Some(sql) = column.computed() {
                reads.extend(judge.reads(table, &sql).await.map_err(wrong)?);
                columns.push(number);
                asked.push((sql, Answer::Text));
            }
        }
        if columns.is_empty() {
            return Ok(None);
        }
        let question = judge.question(table, reads, &asked).await.map_err(wrong)?;
        Ok(Some(BySql { label, question, columns }))
    }

    /// Whole rows, with what the expressions make of them; so many came before.
    pub(crate) async fn rows(
        &self,
        judge: &Judge,
        (before, rows): (u64, &[u8]),
    ) -> Result<Vec<u8>, Problem> {
        let answers = judge.answers(&self.question, &self.label, (before, rows)).await?;
        let mut made = Vec::with_capacity(rows.len() + rows.len() / 4);
        let mut fields = Vec::new();
        for (line, answers) in copy::lines(rows).zip(&answers) {
            copy::split(line, &mut fields);
            let mut next = self.columns.iter().enumerate().peekable();
            for (number, field) in fields.iter().enumerate() {
                if number > 0 {
                    made.push(b'\t');
                }
                match (next.next_if(|(_, column)| **column == number), field) {
                    (Some((nth, _)), _) => match answers.get::<_, Option<&str>>(nth) {
                        Some(text) => copy::put(text, &mut made),
                        None => made.extend_from_slice(b"\\N"),
                    },
                    (None, Some(field)) => made.extend_from_slice(field),
                    (None, None) => made.extend_from_slice(b"\\N"),
                }
            }
            made.push(b'\n');
        }
        Ok(made)
    }
}
