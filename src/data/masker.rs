//! Masking without a source: rows of one table in COPY's text format, for benchmarks and for programs that
//! have rows of their own.

use super::catalog::{Column, Table, Type};
use super::engine::Engine;
use super::mask::{Key, Masks};
use super::prints::Prints;
use super::rules;
use crate::base::{Exit, Problem};
use std::collections::BTreeSet;

/// The rules of one table, ready to run.
pub struct Masker {
    engine: Engine,
    prints: Prints,
}

impl std::fmt::Debug for Masker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Masker({})", self.engine.label)
    }
}

impl Masker {
    /// The rules for `schema`, `table` in the text of a devenv.data.toml, for columns with their types.
    pub fn new(
        text: &str,
        (schema, table): (&str, &str),
        columns: &[(&str, &str)],
        key: &str,
    ) -> Result<Masker, Problem> {
        let key = Key::from_text(key)?;
        let rules = rules::read(rules::FILE, text)?;
        let column = |(name, kind): &(&str, &str)| Column {
            name: (*name).to_owned(),
            kind: Type {
                name: (*kind).to_owned(),
                category: 'U',
                array: false,
                max: None,
                digits: None,
            },
            written: (*kind).to_owned(),
            not_null: false,
            generated: false,
            checked: false,
            by_sql: None,
        };
        let described = Table {
            schema: schema.to_owned(),
            name: table.to_owned(),
            partitioned: false,
            rows: 0,
            columns: columns.iter().map(column).collect(),
            primary: Vec::new(),
            uniques: Vec::new(),
            partition_key: BTreeSet::new(),
        };
        let label = described.label();
        let wrong = |why: String| Problem::new(Exit::Usage, "data-rules", why);
        let of_table =
            rules.tables.get(&label).ok_or_else(|| wrong(format!("{label} has no rules")))?;
        let masks = Masks { key: &key, locale: rules.locale };
        let engine = Engine::new(&described, of_table, &masks);
        let engine =
            engine.map_err(|stop| wrong(format!("{}.{} {}", stop.table, stop.column, stop.why)))?;
        Ok(Masker { engine, prints: Prints::new(&key) })
    }

    /// Masks whole rows in COPY's text format; answers them and their number.
    pub fn rows(&self, batch: &[u8]) -> Result<(Vec<u8>, u64), Problem> {
        let masked = self.engine.rows(batch, &self.prints).map_err(|stop| {
            let why = format!("{}.{} {}", stop.table, stop.column, stop.why);
            Problem::new(Exit::Usage, "data-rules", why)
        })?;
        Ok((masked.bytes, masked.rows))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_go_by_their_rules_and_no_value_is_told_in_an_error() {
        let rules = "version = 1\n[tables.\"public.t\"]\ncolumns.id = \"id\"\ncolumns.at = \"date\"\ncolumns.gone = \"null\"\n";
        let columns = [("id", "int4"), ("at", "date"), ("gone", "text")];
        let masker =
            Masker::new(rules, ("public", "t"), &columns, "0123456789abcdef").expect("rules");
        let (bytes, rows) = masker.rows(b"12\t2024-05-06\tx\n\\N\t\\N\ty\n").expect("rows");
        let text = String::from_utf8(bytes).expect("text");
        assert_eq!((rows, text.lines().count()), (2, 2));
        assert!(text.ends_with("\\N\t\\N\t\\N\n") && !text.contains("2024-05-06"), "{text}");
        let problem = masker.rows(b"secret\t2024-05-06\tx\n").expect_err("no integer");
        assert!(problem.message.contains("public.t.id") && !problem.message.contains("secret"));
        assert!(masker.rows(b"1\t2\n").is_err());
    }
}
