//! When two keys of rows in files are the same: as Postgres' own `=` has it, found by hashes. What is plain is
//! hashed here; of other types (citext, padded texts, times, documents) the judge hashes, by the very function
//! that Postgres hashes them with, in the type in which it would compare both sides.

use super::{Edge, closure::NO_KEY};
use crate::data::catalog::{Column, Table, ident};
use crate::data::copy::{self, Field};
use std::borrow::Cow;
use std::hash::{BuildHasher, Hasher, RandomState};

/// How a value is written so that what is equal is written alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// `7.0` and `07` are `7`.
    Number,
    /// Letter by letter.
    Text,
    /// In small letters.
    Uuid,
    /// `t` and `true`.
    Truth,
}

/// How the values of one side of a key are hashed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Hashed {
    /// Here, column by column.
    Here(Vec<Form>),
    /// By the judge, with this expression, which reads only the columns of the key.
    Judged(String),
}

/// A key of a table, as it is noted of each row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Side {
    /// Numbers among the columns that are pulled.
    pub(super) columns: Vec<usize>,
    pub(super) hashed: Hashed,
    /// A condition without which there is no key, and the line in which it stands.
    pub(super) when: Option<(usize, String)>,
}

/// The form of a type; `None`: only Postgres knows.
fn form(column: &Column, as_text: bool) -> Option<Form> {
    let kind = &column.kind;
    match kind.name.as_str() {
        _ if kind.array => None,
        "int2" | "int4" | "int8" | "oid" => Some(Form::Number),
        "text" | "varchar" => Some(Form::Text),
        "uuid" => Some(Form::Uuid),
        _ if kind.category == 'E' => Some(Form::Text),
        // As texts they have other forms.
        "numeric" if !as_text => Some(Form::Number),
        "bool" if !as_text => Some(Form::Truth),
        // Some of these Postgres compares, but does not hash.
        "date" | "name" | "bit" | "varbit" | "money" if !as_text => Some(Form::Text),
        _ => None,
    }
}

/// A number without what does not count.
fn number(text: &str) -> Cow<'_, str> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = |d: &str| d.bytes().all(|b| b.is_ascii_digit()) && !d.starts_with('0');
    if plain(digits) || digits.bytes().any(|b| !b.is_ascii_digit() && b != b'.') {
        return Cow::Borrowed(text);
    }
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let (whole, part) = (whole.trim_start_matches('0'), part.trim_end_matches('0'));
    let sign = if digits.len() < text.len() { "-" } else { "" };
    let whole = if whole.is_empty() { "0" } else { whole };
    Cow::Owned(match (whole, part) {
        ("0", "") => "0".to_owned(),
        (whole, "") => format!("{sign}{whole}"),
        (whole, part) => format!("{sign}{whole}.{part}"),
    })
}

/// Both sides of an edge; why it cannot be followed in files if it cannot.
pub(super) fn sides(tables: &[Table], edge: &Edge, seed: i64) -> Result<(Side, Side), String> {
    let columns = |table: usize, names: &[String]| -> Result<Vec<(usize, &Column)>, String> {
        let find = |name: &String| {
            let found = tables[table].pulled().enumerate().find(|(_, c)| c.name == *name);
            let why = || {
                format!(
                    "{}.{name}, which the server computes, is part of a key: files do not hold it",
                    tables[table].label()
                )
            };
            found.ok_or_else(why)
        };
        names.iter().map(find).collect()
    };
    let from = columns(edge.from, &edge.from_columns)?;
    let to = columns(edge.to, &edge.to_columns)?;
    let forms: Option<Vec<(Form, Form)>> = from
        .iter()
        .zip(&to)
        .map(|((_, f), (_, t))| form(f, edge.as_text).zip(form(t, edge.as_text)))
        .collect();
    let forms = forms.filter(|all| edge.as_text || all.iter().all(|(f, t)| f == t));
    let side = |own: &[(usize, &Column)], other: &[(usize, &Column)], here, when| Side {
        columns: own.iter().map(|(number, _)| *number).collect(),
        hashed: match here {
            Some(forms) => Hashed::Here(forms),
            None => Hashed::Judged(hashed(own, other, edge.as_text, seed)),
        },
        when,
    };
    let (of_from, of_to) = match forms {
        Some(all) => {
            let (of_from, of_to) = all.into_iter().unzip();
            (Some(of_from), Some(of_to))
        }
        None => (None, None),
    };
    let when = edge.when.clone().map(|sql| (edge.line, sql));
    Ok((side(&from, &to, of_from, when), side(&to, &from, of_to, None)))
}

/// Whether the judge must hash an edge's keys.
pub(super) fn judged(tables: &[Table], edge: &Edge) -> bool {
    let judged = |side: &Side| matches!(side.hashed, Hashed::Judged(_));
    sides(tables, edge, 0).is_ok_and(|(from, to)| judged(&from) || judged(&to))
}

/// Of the type in which both sides would be compared.
fn hashed(
    own: &[(usize, &Column)],
    other: &[(usize, &Column)],
    as_text: bool,
    seed: i64,
) -> String {
    let value = |((_, own), (_, other)): (&(usize, &Column), &(usize, &Column))| match as_text {
        true => format!("{}::text", ident(&own.name)),
        false => format!("coalesce({}, NULL::{})", ident(&own.name), other.written),
    };
    let values: Vec<String> = own.iter().zip(other).map(value).collect();
    let there: Vec<String> =
        own.iter().map(|(_, column)| format!("{} IS NOT NULL", ident(&column.name))).collect();
    format!(
        "CASE WHEN {} THEN hash_record_extended(ROW({}), {seed}) END",
        there.join(" AND "),
        values.join(", ")
    )
}

/// Hashes under a key of this run, which nobody knows and which is nowhere.
pub(super) struct Hashes {
    state: RandomState,
}

impl Hashes {
    pub(super) fn new() -> Hashes {
        Hashes { state: RandomState::new() }
    }

    /// Of a key whose columns have these forms; [`NO_KEY`] if one of them is null or no text.
    pub(super) fn here(&self, fields: &[Field<'_>], columns: &[usize], forms: &[Form]) -> u64 {
        let mut hasher = self.state.build_hasher();
        for (column, form) in columns.iter().zip(forms) {
            let field = fields.get(*column).copied().flatten();
            let Some(Ok(text)) = field.map(copy::text) else { return NO_KEY };
            let alike = match form {
                Form::Number => number(&text),
                Form::Text => Cow::Borrowed(text.as_ref()),
                Form::Uuid => Cow::Owned(text.to_ascii_lowercase()),
                Form::Truth => Cow::Borrowed(text.get(..1).unwrap_or_default()),
            };
            hasher.write(alike.as_bytes());
            // Ends a text: no text of Postgres holds it.
            hasher.write_u8(0);
        }
        some(hasher.finish())
    }

    /// Of a hash that the judge made.
    pub(super) fn judged(&self, hash: Option<i64>) -> u64 {
        hash.map_or(NO_KEY, |hash| some(self.state.hash_one(hash)))
    }
}

/// A hash that is not taken for none.
fn some(hash: u64) -> u64 {
    if hash == NO_KEY { 1 } else { hash }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_are_equal_are_written_alike() {
        for (written, alike) in [
            ("7", "7"),
            ("7.00", "7"),
            ("007", "7"),
            ("-7.10", "-7.1"),
            ("0", "0"),
            ("-0.0", "0"),
            (".5", "0.5"),
            ("0.50", "0.5"),
            ("100", "100"),
            ("-100", "-100"),
            ("NaN", "NaN"),
        ] {
            assert_eq!(number(written), alike, "{written}");
        }
    }

    #[test]
    fn a_key_has_a_hash_of_all_its_columns_or_none() {
        let hashes = Hashes::new();
        let forms = [Form::Number, Form::Text];
        let hash = |line: &'static [u8]| {
            let mut fields = Vec::new();
            copy::split(line, &mut fields);
            hashes.here(&fields, &[2, 0], &forms)
        };
        assert_eq!(hash(b"a\tx\t1.0"), hash(b"a\ty\t1"));
        assert_ne!(hash(b"a\tx\t1"), hash(b"b\tx\t1"));
        assert_ne!(hash(b"1\tx\t2"), hash(b"2\tx\t1"));
        assert_eq!(hash(b"a\\tb\tx\t1"), hash(b"a\\tb\t\\N\t1"));
        assert_eq!((hash(b"\\N\tx\t1"), hash(b"a\tx\t\\N")), (NO_KEY, NO_KEY));
    }
}
