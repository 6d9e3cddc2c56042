//! Rows in, masked rows out: the rules of a table compiled, applied to batches of COPY text. Pure, so
//! that as many threads run it as there are cores.

use super::catalog::{self, Table};
use super::copy::{self, Field};
use super::lines::Lines;
use super::mask::{Beside, Besides, Kind, Mask, Masks, Refused, Texts};
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
    /// Columns that are put out together: kept ones that stand side by side, or one.
    steps: Vec<Range<usize>>,
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

/// Rows that are masked together: enough to fill what is done side by side, few enough to stay at hand.
const ROWS: usize = 256;

/// What masks made, and whether nothing of it needs a backslash.
#[derive(Default)]
struct Made {
    texts: Texts,
    plain: bool,
}

impl Made {
    /// Appends the text at this place, or a null.
    fn put(&self, place: Option<Range<usize>>, bytes: &mut Vec<u8>) {
        match place {
            Some(place) if self.plain => copy::append(&self.texts.text, place, bytes),
            Some(place) => copy::put(&self.texts.text[place], bytes),
            None => bytes.extend_from_slice(b"\\N"),
        }
    }
}

/// The texts of a column of the rows at hand.
fn texts<'a>(rows: &Lines<'a>, column: usize) -> Vec<Option<Cow<'a, str>>> {
    (0..rows.count()).map(|row| rows.value(row, column)).collect()
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
        let kept = |column: &Column| matches!(column.action, Action::Keep);
        let side_by_side = columns.chunk_by(|one, next| kept(one) && kept(next));
        let steps = side_by_side.scan(0, |begin, some| {
            *begin += some.len();
            Some(*begin - some.len()..*begin)
        });
        let steps = steps.collect();
        Ok(Engine { label, columns, steps, subject })
    }

    /// Masks a batch of whole rows.
    pub(crate) fn rows(&self, batch: &[u8], prints: &Prints) -> Result<Masked, Stop> {
        let recorder = Recorder::new(prints);
        let text = str::from_utf8(batch).map_err(|_| self.not_text(batch))?;
        let mut bytes = Vec::with_capacity(batch.len() + batch.len() / 4);
        let mut lines = Lines::of(text, self.columns.len());
        let (mut made, mut rows) = (Made::default(), 0);
        loop {
            let uneven = |_| self.stop(None, "a row has another number of fields than columns");
            let count = lines.next(ROWS).map_err(uneven)?;
            if count == 0 {
                break;
            }
            self.some(&lines, &recorder, &mut made.texts)?;
            made.plain = copy::is_plain(&made.texts.text);
            for row in 0..count {
                self.put(row, &lines, text, &made, &mut bytes);
            }
            rows += count as u64;
        }
        let (source, masked) = recorder.finish();
        Ok(Masked { bytes, rows, source, masked })
    }

    /// Masks the rows at hand column by column: what several values of one need is done side by side.
    fn some(
        &self,
        rows: &Lines<'_>,
        recorder: &Recorder<'_>,
        made: &mut Texts,
    ) -> Result<(), Stop> {
        made.clear();
        let subjects = self.subject.map(|i| texts(rows, i)).unwrap_or_default();
        let subjects: Vec<Option<&str>> = subjects.iter().map(Option::as_deref).collect();
        let beside = Besides { subjects: &subjects, witness: Some(recorder) };
        let plain = rows.all_plain();
        for (i, column) in self.columns.iter().enumerate() {
            match &column.action {
                Action::Keep | Action::Null => {}
                Action::Mask(mask) => {
                    let unescaped = if plain { Vec::new() } else { texts(rows, i) };
                    let values: Vec<Option<&str>> = match plain {
                        true => (0..rows.count()).map(|row| rows.field(row, i)).collect(),
                        false => unescaped.iter().map(Option::as_deref).collect(),
                    };
                    let masked = mask.mask_all(&values, &beside, made);
                    masked.map_err(|refused| self.refused(column, refused))?;
                }
                Action::Of(from, mask) => {
                    for (row, value) in texts(rows, *from).iter().enumerate() {
                        if let (Some(_), Some(value)) = (rows.field(row, i), value) {
                            let (mask, beside) = (mask.as_ref(), beside.nth(row));
                            self.made(column, *from, mask, value, &beside, &mut made.text)?;
                        }
                        made.end();
                    }
                }
            }
        }
        Ok(())
    }

    /// Appends the row with this number, whose masked values are there.
    fn put(&self, row: usize, rows: &Lines<'_>, text: &str, made: &Made, bytes: &mut Vec<u8>) {
        let mut nth = row;
        for step in &self.steps {
            let i = step.start;
            if i > 0 {
                bytes.push(b'\t');
            }
            let mut masked = || {
                nth += rows.count();
                made.texts.place(nth - rows.count())
            };
            match &self.columns[i].action {
                Action::Keep => copy::append(text, rows.place(row, step.clone()), bytes),
                Action::Null => bytes.extend_from_slice(b"\\N"),
                Action::Mask(_) => {
                    let masked = masked();
                    made.put(rows.field(row, i).map(|_| masked), bytes);
                }
                Action::Of(from, _) => {
                    let masked = masked();
                    let there = rows.field(row, i).and(rows.field(row, *from));
                    made.put(there.map(|_| masked), bytes);
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
