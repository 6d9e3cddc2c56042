//! Rows in, masked rows out: the rules of a table compiled, applied to batches of COPY text. Pure, so
//! that as many threads run it as there are cores.

use super::catalog::{self, Table};
use super::copy::{self, Field};
use super::mask::{Beside, Kind, Mask, Masks, Refused, Texts, Value};
use super::prints::{Prints, Recorder};
use super::rules::{ColumnRule, TableRules};
use memchr::memchr;
use std::borrow::Cow;

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

/// The fields of a row.
#[derive(Clone, Default)]
struct Row<'a> {
    fields: Vec<Option<&'a str>>,
    /// No field has a backslash.
    plain: bool,
}

impl<'a> Row<'a> {
    /// The text of a field.
    fn text(&self, column: usize) -> Option<Cow<'a, str>> {
        let field = self.fields[column]?;
        Some(if self.plain { Cow::Borrowed(field) } else { copy::unescaped(field) })
    }
}

/// Rows that are masked together: enough to fill what is done side by side, few enough to stay at hand.
const ROWS: usize = 256;

/// Some rows, at the most [`ROWS`].
type Rows<'a> = [Row<'a>];

/// What masks made, and whether nothing of it needs a backslash.
#[derive(Default)]
struct Made {
    texts: Texts,
    plain: bool,
}

impl Made {
    fn put(&self, masked: Option<&str>, bytes: &mut Vec<u8>) {
        match masked {
            Some(masked) if self.plain => bytes.extend_from_slice(masked.as_bytes()),
            Some(masked) => copy::put(masked, bytes),
            None => bytes.extend_from_slice(b"\\N"),
        }
    }
}

/// The texts of a column of some rows.
fn texts<'a>(rows: &Rows<'a>, column: usize) -> Vec<Option<Cow<'a, str>>> {
    rows.iter().map(|row| row.text(column)).collect()
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
        let text = str::from_utf8(batch).map_err(|_| self.not_text(batch))?;
        let mut bytes = Vec::with_capacity(batch.len() + batch.len() / 4);
        let mut lines = copy::lines_of_text(text);
        let mut some = vec![Row::default(); ROWS];
        let mut made = Made::default();
        let mut rows = 0;
        loop {
            let mut count = 0;
            for (row, line) in some.iter_mut().zip(&mut lines) {
                copy::split_text(line, &mut row.fields);
                row.plain = memchr(b'\\', line.as_bytes()).is_none();
                // A table without columns has empty lines.
                if row.fields.len() != self.columns.len() && !self.columns.is_empty() {
                    return Err(self.stop(None, "a row has another number of fields than columns"));
                }
                count += 1;
            }
            if count == 0 {
                break;
            }
            self.some(&some[..count], &recorder, &mut made.texts)?;
            made.plain = copy::is_plain(&made.texts.text);
            for n in 0..count {
                self.put((n, &some[..count]), &made, &mut bytes);
            }
            rows += count as u64;
        }
        let (source, masked) = recorder.finish();
        Ok(Masked { bytes, rows, source, masked })
    }

    /// Masks some rows column by column: what several values of one need is done side by side.
    fn some(&self, rows: &Rows<'_>, recorder: &Recorder<'_>, made: &mut Texts) -> Result<(), Stop> {
        made.clear();
        let subjects = self.subject.map(|i| texts(rows, i));
        let mut beside = vec![Beside { subject: None, witness: Some(recorder) }; rows.len()];
        for (beside, subject) in beside.iter_mut().zip(subjects.iter().flatten()) {
            beside.subject = subject.as_deref();
        }
        let plain = rows.iter().all(|row| row.plain);
        for (i, column) in self.columns.iter().enumerate() {
            match &column.action {
                Action::Keep | Action::Null => {}
                Action::Mask(mask) => {
                    let unescaped = if plain { Vec::new() } else { texts(rows, i) };
                    let values = rows.iter().zip(&beside).enumerate();
                    let values: Vec<Value<'_>> = values
                        .map(|(n, (row, beside))| Value {
                            text: if plain { row.fields[i] } else { unescaped[n].as_deref() },
                            beside: *beside,
                        })
                        .collect();
                    let masked = mask.mask_all(&values, made);
                    masked.map_err(|refused| self.refused(column, refused))?;
                }
                Action::Of(from, mask) => {
                    let values = texts(rows, *from);
                    for ((row, value), beside) in rows.iter().zip(&values).zip(&beside) {
                        if let (Some(_), Some(value)) = (row.fields[i], value) {
                            let mask = mask.as_ref();
                            self.made(column, *from, mask, value, beside, &mut made.text)?;
                        }
                        made.end();
                    }
                }
            }
        }
        Ok(())
    }

    /// Appends the row with the number `n` of `rows`, whose masked values are there.
    fn put(&self, (n, rows): (usize, &Rows<'_>), made: &Made, bytes: &mut Vec<u8>) {
        let mut nth = n;
        for (i, (column, field)) in self.columns.iter().zip(&rows[n].fields).enumerate() {
            if i > 0 {
                bytes.push(b'\t');
            }
            let mut masked = || {
                nth += rows.len();
                made.texts.nth(nth - rows.len())
            };
            match (&column.action, field) {
                (Action::Keep, Some(field)) => bytes.extend_from_slice(field.as_bytes()),
                (Action::Keep | Action::Null, _) => bytes.extend_from_slice(b"\\N"),
                (Action::Mask(_), field) => {
                    let masked = masked();
                    made.put(field.map(|_| masked), bytes);
                }
                (Action::Of(from, _), field) => {
                    let masked = masked();
                    made.put(field.and(rows[n].fields[*from]).map(|_| masked), bytes);
                }
            }
        }
        bytes.push(b'\n');
    }

    /// Why a batch that is no text stops: the first column that holds what is none.
    fn not_text(&self, batch: &[u8]) -> Stop {
        let mut fields = Vec::new();
        let found = copy::lines(batch).find_map(|line| {
            copy::split(line, &mut fields);
            let bytes = |field: &Field<'_>| field.is_some_and(|f| str::from_utf8(f).is_err());
            fields.iter().position(bytes)
        });
        let column = found.and_then(|number| self.columns.get(number));
        self.stop(column, "holds a value that is not UTF-8")
    }

    /// What `mask` makes of the masked value of the column with the number `from`.
    fn made(
        &self,
        column: &Column,
        from: usize,
        mask: &dyn Mask,
        value: &str,
        beside: &Beside<'_>,
        out: &mut String,
    ) -> Result<(), Stop> {
        let other = &self.columns[from];
        let Action::Mask(first) = &other.action else {
            return Err(self.stop(Some(column), "is made of a column that is not masked"));
        };
        let mut masked = String::new();
        let done = first.mask_or_say(value, beside, &mut masked);
        done.map_err(|refused| self.refused(other, refused))?;
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
