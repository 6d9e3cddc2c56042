//! Rows in, masked rows out: the rules of a table compiled, applied to batches of COPY text. Pure, so
//! that as many threads run it as there are cores.

use super::catalog::{self, Table};
use super::copy;
use super::mask::{Beside, Kind, Mask, Masks, Refused};
use super::prints::{Prints, Recorder};
use super::rules::{ColumnRule, TableRules};

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
        let mut fields = Vec::with_capacity(self.columns.len());
        let mut buffer = String::new();
        let mut rows = 0;
        for line in copy::lines(batch) {
            copy::split(line, &mut fields);
            // A table without columns has empty lines.
            if fields.len() != self.columns.len() && !self.columns.is_empty() {
                return Err(self.stop(None, "a row has another number of fields than columns"));
            }
            let subject = match self.subject.and_then(|i| fields.get(i).copied().flatten()) {
                Some(field) => copy::text(field).ok(),
                None => None,
            };
            let beside = Beside { subject: subject.as_deref(), witness: Some(&recorder) };
            for (i, (column, field)) in self.columns.iter().zip(&fields).enumerate() {
                if i > 0 {
                    bytes.push(b'\t');
                }
                match (field, &column.action) {
                    (None, _) | (_, Action::Null) => bytes.extend_from_slice(b"\\N"),
                    (Some(field), Action::Keep) => bytes.extend_from_slice(field),
                    (Some(field), Action::Mask(mask)) => {
                        self.one(column, mask.as_ref(), field, &beside, &mut buffer)?;
                        copy::put(&buffer, &mut bytes);
                    }
                    (Some(_), Action::Of(from, mask)) => match fields[*from] {
                        None => bytes.extend_from_slice(b"\\N"),
                        Some(field) => {
                            self.made(column, *from, mask.as_ref(), field, &beside, &mut buffer)?;
                            copy::put(&buffer, &mut bytes);
                        }
                    },
                }
            }
            bytes.push(b'\n');
            rows += 1;
        }
        let (source, masked) = recorder.finish();
        Ok(Masked { bytes, rows, source, masked })
    }

    /// Masks one value into `out`.
    fn one(
        &self,
        column: &Column,
        mask: &dyn Mask,
        field: &[u8],
        beside: &Beside<'_>,
        out: &mut String,
    ) -> Result<(), Stop> {
        let not = |_| self.stop(Some(column), "holds a value that is not UTF-8");
        let text = copy::text(field).map_err(not)?;
        out.clear();
        mask.mask_or_say(&text, beside, out).map_err(|refused| self.refused(column, refused))
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
        out.clear();
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
