//! Rows in, masked rows out: the rules of a table compiled, applied to batches of COPY text. Pure, so
//! that as many threads run it as there are cores.

use super::catalog::{self, Table};
use super::copy::{self, Field};
use super::mask::{Beside, Job, Kind, LANES, Mask, Masks, Refused, Witness};
use super::prints::{Prints, Recorder};
use super::rules::{ColumnRule, TableRules};
use std::borrow::Cow;
use std::ops::Range;

enum Action {
    Keep,
    Null,
    Mask(Box<dyn Mask>),
    /// What the mask makes of the masked value of another column.
    Of(usize, Box<dyn Mask>),
}

struct Column {
    name: String,
    line: usize,
    action: Action,
}

/// A table's rules, ready to run.
pub(crate) struct Engine {
    pub(crate) label: String,
    columns: Vec<Column>,
    subject: Option<usize>,
}

/// The number of the column that a rule's `from` names, which must have a mask of its own.
fn other(
    table: &Table,
    rules: &TableRules,
    column: &catalog::Column,
    rule: &ColumnRule,
) -> Result<usize, String> {
    let from = rule.spec.from.as_deref().unwrap_or_default();
    let number = table.pulled().position(|c| c.name == from && c.name != column.name);
    let spec = rules.columns.get(from).map(|rule| &rule.spec);
    let masked = spec.is_some_and(|s| {
        s.from.is_none() && !matches!(s.kind, Kind::Keep | Kind::Null | Kind::Sql)
    });
    number
        .filter(|_| masked)
        .ok_or_else(|| format!("is made of `{from}`, which is no other column that is masked"))
}

/// Why no row goes on. Holds no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stop {
    pub(crate) table: String,
    pub(crate) column: String,
    /// Of the column's rule.
    pub(crate) line: usize,
    pub(crate) why: String,
    /// A path of a document that has no rule.
    pub(crate) path: Option<String>,
}

/// A batch that went through.
pub(crate) struct Masked {
    pub(crate) bytes: Vec<u8>,
    pub(crate) rows: u64,
    pub(crate) source: Vec<u64>,
    pub(crate) masked: Vec<u64>,
}

/// Some rows, at the most [`LANES`].
type Rows<'a> = [Vec<Field<'a>>];

/// The masked values of some rows, column by column, and room for work.
#[derive(Default)]
struct Made {
    text: String,
    places: Vec<Range<usize>>,
    jobs: Vec<Job>,
}

impl Made {
    fn clear(&mut self) {
        self.text.clear();
        self.places.clear();
    }

    /// Begins another column of so many values; the place of the first.
    fn column(&mut self, rows: usize) -> usize {
        self.jobs.clear();
        let base = self.places.len();
        self.places.resize(base + rows, 0..0);
        base
    }

    /// The value that began at `begin` ends here.
    fn end(&mut self, place: usize, begin: usize) {
        self.places[place] = begin..self.text.len();
    }

    fn text(&self, place: usize) -> &str {
        &self.text[self.places[place].clone()]
    }
}

fn put(masked: Option<&str>, bytes: &mut Vec<u8>) {
    match masked {
        Some(masked) => copy::put(masked, bytes),
        None => bytes.extend_from_slice(b"\\N"),
    }
}

impl Engine {
    /// Compiles the rules of a table, which has been checked against them.
    pub(crate) fn new(
        table: &Table,
        rules: &TableRules,
        masks: &Masks<'_>,
    ) -> Result<Engine, Stop> {
        let label = table.label();
        let mut columns = Vec::new();
        for column in table.pulled() {
            let stop = |line, why| Stop {
                table: label.clone(),
                column: column.name.clone(),
                line,
                why,
                path: None,
            };
            let rule = rules
                .columns
                .get(&column.name)
                .ok_or_else(|| stop(rules.line, "has no rule".to_owned()))?;
            let action = match rule.spec.kind {
                Kind::Keep => Action::Keep,
                Kind::Null => Action::Null,
                // The source hands out what its expression gives.
                Kind::Sql if column.by_sql.is_some() => Action::Keep,
                _ if rule.spec.from.is_some() => {
                    let mask = masks.bare(&rule.spec).map_err(|why| stop(rule.line, why))?;
                    let from = other(table, rules, column, rule);
                    Action::Of(from.map_err(|why| stop(rule.line, why))?, mask)
                }
                _ => Action::Mask(masks.make(&rule.spec).map_err(|why| stop(rule.line, why))?),
            };
            columns.push(Column { name: column.name.clone(), line: rule.line, action });
        }
        let subject = rules.subject.as_ref();
        let subject = subject.and_then(|s| columns.iter().position(|c| c.name == *s));
        Ok(Engine { label, columns, subject })
    }

    /// Masks a batch of whole rows.
    pub(crate) fn rows(&self, batch: &[u8], prints: &Prints) -> Result<Masked, Stop> {
        let recorder = Recorder::new(prints);
        let mut bytes = Vec::with_capacity(batch.len() + batch.len() / 4);
        let mut lines = copy::lines(batch);
        let mut fields = vec![Vec::new(); LANES];
        let mut made = Made::default();
        let mut rows = 0;
        loop {
            let mut count = 0;
            for (fields, line) in fields.iter_mut().zip(&mut lines) {
                copy::split(line, fields);
                // A table without columns has empty lines.
                if fields.len() != self.columns.len() && !self.columns.is_empty() {
                    return Err(self.stop(None, "a row has another number of fields than columns"));
                }
                count += 1;
            }
            if count == 0 {
                break;
            }
            self.some(&fields[..count], &recorder, &mut made)?;
            for n in 0..count {
                self.put((n, &fields[..count]), &made, &mut bytes);
            }
            rows += count as u64;
        }
        let (source, masked) = recorder.finish();
        Ok(Masked { bytes, rows, source, masked })
    }

    /// Masks some rows column by column: what several values of one need is done side by side.
    fn some(&self, rows: &Rows<'_>, recorder: &Recorder<'_>, made: &mut Made) -> Result<(), Stop> {
        made.clear();
        let subject = |row: &Vec<Field<'_>>| {
            let field = self.subject.and_then(|i| row.get(i).copied().flatten())?;
            copy::text(field).ok().map(Cow::into_owned)
        };
        let subjects: Vec<Option<String>> = match self.subject {
            Some(_) => rows.iter().map(subject).collect(),
            None => Vec::new(),
        };
        let beside = |n: usize| Beside {
            subject: subjects.get(n).and_then(Option::as_deref),
            witness: Some(recorder as &dyn Witness),
        };
        for (i, column) in self.columns.iter().enumerate() {
            match &column.action {
                Action::Keep | Action::Null => {}
                Action::Mask(mask) => {
                    self.column((i, column), mask.as_ref(), rows, &beside, made)?;
                }
                Action::Of(from, mask) => {
                    let base = made.column(rows.len());
                    for (n, row) in rows.iter().enumerate() {
                        let (Some(_), Some(field)) = (row[i], row[*from]) else { continue };
                        let begin = made.text.len();
                        let (mask, beside) = (mask.as_ref(), beside(n));
                        self.made(column, *from, mask, field, &beside, &mut made.text)?;
                        made.end(base + n, begin);
                    }
                }
            }
        }
        Ok(())
    }

    /// Masks the values of the column with the number `i` of some rows.
    fn column<'b>(
        &self,
        (i, column): (usize, &Column),
        mask: &dyn Mask,
        rows: &Rows<'_>,
        beside: &dyn Fn(usize) -> Beside<'b>,
        made: &mut Made,
    ) -> Result<(), Stop> {
        let base = made.column(rows.len());
        let mut waiting = Vec::with_capacity(rows.len());
        for (n, row) in rows.iter().enumerate() {
            let Some(field) = row[i] else { continue };
            let text = self.text(column, field)?;
            if let Some(job) = mask.job(&text) {
                made.jobs.push(job);
                waiting.push((n, text));
                continue;
            }
            let begin = made.text.len();
            let masked = mask.mask_or_say(&text, &beside(n), &mut made.text);
            masked.map_err(|refused| self.refused(column, refused))?;
            made.end(base + n, begin);
        }
        let Some(permutation) = mask.permutation() else { return Ok(()) };
        permutation.forward_all(&mut made.jobs);
        for (k, (n, text)) in waiting.iter().enumerate() {
            let (y, begin) = (made.jobs[k].x, made.text.len());
            let finished = mask.finish(text, y, &beside(*n), &mut made.text);
            finished.map_err(|reason| self.refused(column, reason.into()))?;
            made.end(base + n, begin);
        }
        Ok(())
    }

    /// Appends the row with the number `n` of `rows`, whose masked values are there.
    fn put(&self, (n, rows): (usize, &Rows<'_>), made: &Made, bytes: &mut Vec<u8>) {
        let mut nth = n;
        for (i, (column, field)) in self.columns.iter().zip(&rows[n]).enumerate() {
            if i > 0 {
                bytes.push(b'\t');
            }
            let mut masked = || {
                nth += rows.len();
                made.text(nth - rows.len())
            };
            match (&column.action, field) {
                (Action::Keep, Some(field)) => bytes.extend_from_slice(field),
                (Action::Keep | Action::Null, _) => bytes.extend_from_slice(b"\\N"),
                (Action::Mask(_), field) => {
                    let masked = masked();
                    put(field.map(|_| masked), bytes);
                }
                (Action::Of(from, _), field) => {
                    let masked = masked();
                    put(field.and(rows[n][*from]).map(|_| masked), bytes);
                }
            }
        }
        bytes.push(b'\n');
    }

    /// Masks one value behind what is in `out`.
    fn one(
        &self,
        column: &Column,
        mask: &dyn Mask,
        field: &[u8],
        beside: &Beside<'_>,
        out: &mut String,
    ) -> Result<(), Stop> {
        let text = self.text(column, field)?;
        mask.mask_or_say(&text, beside, out).map_err(|refused| self.refused(column, refused))
    }

    fn text<'f>(&self, column: &Column, field: &'f [u8]) -> Result<Cow<'f, str>, Stop> {
        let not = |_| self.stop(Some(column), "holds a value that is not UTF-8");
        copy::text(field).map_err(not)
    }

    /// What `mask` makes of the masked value of the column with the number `from`.
    fn made(
        &self,
        column: &Column,
        from: usize,
        mask: &dyn Mask,
        field: &[u8],
        beside: &Beside<'_>,
        out: &mut String,
    ) -> Result<(), Stop> {
        let other = &self.columns[from];
        let Action::Mask(first) = &other.action else {
            return Err(self.stop(Some(column), "is made of a column that is not masked"));
        };
        let mut masked = String::new();
        self.one(other, first.as_ref(), field, beside, &mut masked)?;
        let beside = Beside { witness: None, ..*beside };
        mask.mask(&masked, &beside, out).map_err(|reason| self.refused(column, reason.into()))
    }

    /// A batch that failed for another reason than its values.
    pub(crate) fn broken(&self, why: &str) -> Stop {
        self.stop(None, why)
    }

    fn stop(&self, column: Option<&Column>, why: &str) -> Stop {
        Stop {
            table: self.label.clone(),
            column: column.map(|c| c.name.clone()).unwrap_or_default(),
            line: column.map_or(0, |c| c.line),
            why: why.to_owned(),
            path: None,
        }
    }

    fn refused(&self, column: &Column, refused: Refused) -> Stop {
        match refused {
            Refused::Value(reason) => {
                self.stop(Some(column), &format!("holds a value that {}", reason.0))
            }
            Refused::Path(path) => {
                let why = format!("holds documents with {path}, which has no rule");
                Stop { path: Some(path), ..self.stop(Some(column), &why) }
            }
        }
    }
}
