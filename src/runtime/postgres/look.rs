//! What is in a data directory at rest, found out without a server: Postgres in single-user mode
//! answers on its standard output, a line `\t 1: name = "value"\t(type …)` for each column
//! (<https://www.postgresql.org/docs/current/app-postgres.html#APP-POSTGRES-SINGLE-USER>).

use super::{binaries, template};
use crate::base::Problem;
use crate::profile;
use crate::runtime::dirs::Dirs;
use crate::runtime::progress::Silent;
use crate::runtime::runas;
use std::path::Path;

/// A table's size and a sum of its rows' texts, whatever their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSum {
    /// The database.
    pub database: String,
    /// The table, with its schema.
    pub name: String,
    /// Its rows.
    pub rows: u64,
    /// Equal where the rows are.
    pub sum: String,
}

/// The tables of every database in `data`, which is a copy that may be written to.
pub fn tables(
    settings: &profile::Postgres,
    dirs: &Dirs,
    data: &Path,
) -> Result<Vec<TableSum>, Problem> {
    let (run_as, dirs) = &runas::place(dirs)?;
    let binaries = binaries::provide(settings, dirs, &Silent)?;
    let ask = |database: &str, sql: &str| -> Result<Vec<Vec<String>>, Problem> {
        let output = template::single_user(&binaries, data, *run_as, database, sql)?;
        if !output.status.success() {
            let why = template::last_line(&output);
            return Err(Problem::failed("postgres-copy", format!("{}: {why}", data.display())));
        }
        Ok(rows(&String::from_utf8_lossy(&output.stdout)))
    };
    let mut all = Vec::new();
    let databases =
        ask("postgres", "select datname from pg_database where datallowconn order by 1\n")?;
    for database in databases.iter().filter_map(|row| row.first()).filter(|d| *d != "template1") {
        let named = ask(database, TABLES)?;
        if named.is_empty() {
            continue;
        }
        // One statement a line: that is how single-user mode reads.
        let sql: String = named
            .iter()
            .filter_map(|row| row.first())
            .map(|name| format!("{}\n", sum_of(name)))
            .collect();
        for row in ask(database, &sql)? {
            let [name, rows, sum] = row.try_into().map_err(|_| {
                Problem::failed("postgres-copy", "Postgres answered something else")
            })?;
            let rows = rows.parse().unwrap_or(0);
            all.push(TableSum { database: database.clone(), name, rows, sum });
        }
    }
    Ok(all)
}

/// Ordinary tables, as they are written in SQL.
const TABLES: &str = "select quote_ident(n.nspname) || '.' || quote_ident(c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind = 'r' and n.nspname not like 'pg\\_%' and n.nspname <> 'information_schema' order by 1\n";

/// A table's name (quoted as in SQL), rows and sum.
fn sum_of(name: &str) -> String {
    let text = name.replace('\'', "''");
    format!(
        "select '{text}', count(*)::text, coalesce(sum(hashtextextended(t::text, 0)::numeric), 0)::text from {name} t"
    )
}

/// Rows of values out of what single-user mode prints.
fn rows(printed: &str) -> Vec<Vec<String>> {
    let mut rows: Vec<Vec<String>> = Vec::new();
    for line in printed.lines() {
        let line = line.trim_start_matches("backend> ");
        let Some(line) = line.strip_prefix('\t').map(str::trim_start) else { continue };
        let Some((number, rest)) = line.split_once(": ") else { continue };
        // The first lines of an answer name the columns and have no value.
        let Some((_, value)) = rest.split_once(" = \"") else { continue };
        let Some((value, _)) = value.rsplit_once("\"\t(typeid") else { continue };
        if number == "1" {
            rows.push(Vec::new());
        }
        rows.last_mut().into_iter().for_each(|row| row.push(value.to_owned()));
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_out_of_what_single_user_mode_prints() {
        let printed = "\nPostgreSQL stand-alone backend 17.10\nbackend> \t 1: name\t(typeid = 25, len = -1, typmod = -1, byval = f)\n\t 2: n\t(typeid = 25, len = -1, typmod = -1, byval = f)\n\t----\n\t 1: name = \"public.\"a b\"\"\t(typeid = 25, len = -1, typmod = -1, byval = f)\n\t 2: n = \"7\"\t(typeid = 25, len = -1, typmod = -1, byval = f)\n\t----\nbackend> ";
        assert_eq!(rows(printed), [["public.\"a b\"", "7"]]);
    }
}
