//! CSV files as sources: a table each, named after its file, with types that every value of a column fits.

use super::{Files, Input, Piece};
use crate::base::{Exit, Problem};
use crate::data::catalog::{Catalog, Column, Table, Type, ident};
use crate::data::copy;
use crate::data::csv::{Record, Records};
use crate::data::tools::Schema;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

/// Bytes of rows that are handed on at a time.
const BATCH_BYTES: usize = 1 << 20;

/// A type that values may fit, with how they are known.
type Fit = (&'static str, char, fn(&str) -> bool);

/// The narrowest that fits all values is taken; the last fits everything.
const TYPES: &[Fit] = &[
    ("int8", 'N', |v| v.parse::<i64>().is_ok() && !v.starts_with('+') && !padded(v)),
    ("numeric", 'N', |v| {
        let digits = |b: u8| b.is_ascii_digit() || matches!(b, b'.' | b'-');
        v.parse::<f64>().is_ok() && v.bytes().all(digits) && !padded(v)
    }),
    ("bool", 'B', |v| matches!(v, "true" | "false" | "t" | "f")),
    ("date", 'D', |v| v.len() == 10 && v.parse::<jiff::civil::Date>().is_ok()),
    ("timestamptz", 'D', |v| v.parse::<jiff::Timestamp>().is_ok()),
    ("timestamp", 'D', |v| v.len() > 10 && v.parse::<jiff::civil::DateTime>().is_ok()),
    ("uuid", 'U', |v| {
        let dashes = v.bytes().filter(|b| *b == b'-').count();
        let hex = v.bytes().filter(u8::is_ascii_hexdigit).count();
        (v.len(), dashes, hex) == (36, 4, 32)
    }),
    ("jsonb", 'U', |v| {
        v.starts_with(['{', '[']) && serde_json::from_str::<serde_json::Value>(v).is_ok()
    }),
    ("text", 'S', |_| true),
];

/// Numbers with zeros before them are codes.
fn padded(value: &str) -> bool {
    let digits = value.trim_start_matches('-');
    digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.")
}

fn unreadable(path: &Path, why: impl std::fmt::Display) -> Problem {
    Problem::new(Exit::Usage, "data-source", format!("{} cannot be used: {why}", path.display()))
}

/// The CSV files at `path`: one, or all of a directory.
pub(super) fn files(path: &Path) -> Result<Vec<PathBuf>, Problem> {
    let is_csv = |p: &Path| p.extension().is_some_and(|e| e.eq_ignore_ascii_case("csv"));
    if !path.is_dir() {
        return Ok(if is_csv(path) { vec![path.to_owned()] } else { Vec::new() });
    }
    let entries = std::fs::read_dir(path).map_err(|e| unreadable(path, e))?;
    let mut all: Vec<PathBuf> =
        entries.filter_map(|e| Some(e.ok()?.path())).filter(|p| is_csv(p)).collect();
    all.sort();
    Ok(all)
}

fn records(path: &Path) -> Result<Records<BufReader<File>>, String> {
    let file = File::open(path).map_err(|e| e.to_string())?;
    Ok(Records::new(BufReader::with_capacity(BATCH_BYTES, file)))
}

/// The rows behind the heading, each as long as it.
fn rows(path: &Path, each: &mut dyn FnMut(Record) -> Result<(), String>) -> Result<Record, String> {
    let mut records = records(path)?;
    let heading = records.next()?.ok_or("it has no heading")?;
    while let Some(record) = records.next()? {
        // An empty line at the end is no row.
        if record == [None] && heading.len() > 1 {
            continue;
        }
        if record.len() != heading.len() {
            return Err("a row has another number of fields than the heading".into());
        }
        each(record)?;
    }
    Ok(heading)
}

/// What a file holds: read once whole, because a type must fit every value.
fn described(path: &Path) -> Result<Table, String> {
    let mut fits: Vec<usize> = Vec::new();
    let mut count = 0;
    let heading = rows(path, &mut |record| {
        fits.resize(record.len(), 0);
        count += 1;
        for (value, fit) in record.iter().zip(&mut fits) {
            if let Some(value) = value {
                while !(TYPES[*fit].2)(value) {
                    *fit += 1;
                }
            }
        }
        Ok(())
    })?;
    fits.resize(heading.len(), TYPES.len() - 1);
    let column = |(name, fit): (Option<String>, usize)| {
        let (kind, category, _) = TYPES[fit];
        Column {
            name: name.unwrap_or_default(),
            kind: Type { name: kind.to_owned(), category, array: false, max: None, digits: None },
            written: kind.to_owned(),
            not_null: false,
            generated: false,
            checked: false,
            by_sql: None,
        }
    };
    let columns: Vec<Column> = heading.into_iter().zip(fits).map(column).collect();
    let names: BTreeSet<&String> = columns.iter().map(|c| &c.name).collect();
    if names.len() != columns.len() || names.contains(&String::new()) {
        return Err("its heading has a column without a name, or one twice".into());
    }
    Ok(Table {
        schema: "public".to_owned(),
        name: path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        partitioned: false,
        rows: count,
        columns,
        primary: Vec::new(),
        uniques: Vec::new(),
        partition_key: BTreeSet::new(),
    })
}

/// Reads what the files are.
pub(super) fn open(files: Vec<PathBuf>) -> Result<Files, Problem> {
    let mut catalog = Catalog::default();
    let mut before = String::new();
    for path in &files {
        let table = described(path).map_err(|why| unreadable(path, why))?;
        let columns = table.columns.iter().map(|c| format!("{} {}", ident(&c.name), c.written));
        let columns = columns.collect::<Vec<_>>().join(", ");
        before.push_str(&format!("CREATE TABLE {} ({columns});\n", table.sql()));
        catalog.tables.push(table);
    }
    let schema = Schema { before, behind: String::new() };
    let server = "CSV".to_owned();
    Ok(Files { catalog, schema, server, input: Input::Tables(files), judge: None })
}

/// Reads all rows; `sink` gets batches of them in COPY's text format.
pub(super) fn read(
    files: &[PathBuf],
    sink: &mut dyn FnMut(Piece) -> Result<(), String>,
) -> Result<(), String> {
    for (table, path) in files.iter().enumerate() {
        let mut batch = Vec::with_capacity(BATCH_BYTES + BATCH_BYTES / 4);
        rows(path, &mut |record| {
            for (nth, field) in record.iter().enumerate() {
                if nth > 0 {
                    batch.push(b'\t');
                }
                match field {
                    Some(text) => copy::put(text, &mut batch),
                    None => batch.extend_from_slice(b"\\N"),
                }
            }
            batch.push(b'\n');
            match batch.len() >= BATCH_BYTES {
                true => sink(Piece::Rows(table, std::mem::take(&mut batch))),
                false => Ok(()),
            }
        })?;
        if !batch.is_empty() {
            sink(Piece::Rows(table, batch))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_narrowest_type_that_fits_all_values_is_taken() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("people.csv");
        let text = "id,zip,price,at,born,who,name,empty\n1,01234,1.5,2024-01-01T10:00:00Z,1990-02-03,4be0643f-1d98-573b-97cd-ca98a65347dd,Anna,\n2,99999,2,2024-01-02T10:00:00Z,,,Otto,\n";
        std::fs::write(&path, text).expect("written");
        let table = described(&path).expect("read");
        let kinds: Vec<&str> = table.columns.iter().map(|c| c.written.as_str()).collect();
        let expected = ["int8", "text", "numeric", "timestamptz", "date", "uuid", "text", "int8"];
        assert_eq!((kinds.as_slice(), table.rows), (&expected[..], 2));
        std::fs::write(&path, "a,b\n1\n").expect("written");
        assert!(described(&path).expect_err("short").contains("number of fields"));
    }
}
