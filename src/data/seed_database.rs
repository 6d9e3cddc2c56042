//! SQL files and fixtures into the environment's database: each in one transaction, and as often as one
//! likes. A SQL file is run once for each content that it has; fixtures are put in by primary key, so that
//! what is there is brought up to date.

use super::catalog::{Table, ident};
use super::csv::Records;
use super::load::NOTE;
use super::postgres::{catalog, connect, failed};
use super::tools::cleaned;
use crate::base::{Exit, Problem};
use bytes::Bytes;
use futures_util::SinkExt;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::Path;
use std::pin::pin;
use tokio_postgres::{Client, Config};

/// Bytes of a SQL file or of fixtures at the most: they are read whole.
const FILE_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// A file that is read whole.
pub(crate) fn file(path: &Path) -> Result<String, Problem> {
    let wrong = |e: &dyn std::fmt::Display| {
        Problem::failed("seed-file", format!("{} cannot be read: {e}", path.display()))
    };
    let size = std::fs::metadata(path).map_err(|e| wrong(&e))?.len();
    if size > FILE_BYTES_MAX {
        return Err(wrong(&format!("it has more than {FILE_BYTES_MAX} bytes")));
    }
    std::fs::read_to_string(path).map_err(|e| wrong(&e))
}

/// Runs a SQL file, if its content has not been run here. Answers whether it ran.
pub(crate) async fn sql(path: &Path, config: &Config) -> Result<bool, Problem> {
    let text = file(path)?;
    let name = format!("sql {}", hex::encode(Sha256::digest(text.as_bytes())));
    let link = connect(config).await?;
    let client = &link.client;
    let what = path.display().to_string();
    let wrong = |e: tokio_postgres::Error| failed(&what, &e);
    client.batch_execute("BEGIN").await.map_err(wrong)?;
    client.batch_execute(NOTE).await.map_err(wrong)?;
    let note = "INSERT INTO devenv_seed.loaded (content) VALUES ($1) ON CONFLICT DO NOTHING";
    if client.execute(note, &[&name]).await.map_err(wrong)? == 0 {
        return Ok(false);
    }
    for part in parts(&text) {
        match part {
            Part::Statements(text) => {
                client.batch_execute(&cleaned(&text)).await.map_err(wrong)?;
            }
            Part::Copy { statement, rows } => {
                let sink = client.copy_in(statement).await.map_err(wrong)?;
                let mut sink = pin!(sink);
                sink.send(Bytes::from(rows.to_owned())).await.map_err(wrong)?;
                sink.finish().await.map_err(wrong)?;
            }
        }
    }
    client.batch_execute("COMMIT").await.map_err(wrong)?;
    Ok(true)
}

/// A piece of a SQL file.
enum Part<'a> {
    Statements(String),
    /// Rows behind `COPY … FROM stdin;`, as pg_dump writes them.
    Copy {
        statement: &'a str,
        rows: &'a str,
    },
}

fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut statements = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find('\n').map_or(rest.len(), |at| at + 1);
        let line = &rest[..end];
        rest = &rest[end..];
        let copy =
            line.starts_with("COPY ") && line.trim_end().to_lowercase().ends_with("from stdin;");
        if !copy {
            statements.push_str(line);
            continue;
        }
        parts.push(Part::Statements(std::mem::take(&mut statements)));
        let end = match rest.starts_with("\\.\n") {
            true => 0,
            false => rest.find("\n\\.").map_or(rest.len(), |at| at + 1),
        };
        parts.push(Part::Copy {
            statement: line.trim_end().trim_end_matches(';'),
            rows: &rest[..end],
        });
        rest = rest[end..].strip_prefix("\\.").unwrap_or("").trim_start_matches(['\r', '\n']);
    }
    parts.push(Part::Statements(statements));
    parts
}

/// Puts fixtures in. JSON: `{"users": [{"id": 1, …}, …], …}`; CSV: a file `users.csv` with a heading.
/// Answers the number of rows.
pub(crate) async fn fixtures(path: &Path, config: &Config) -> Result<usize, Problem> {
    let text = file(path)?;
    let wrong = |why: String| {
        Problem::new(Exit::Usage, "seed-fixtures", format!("{}: {why}", path.display()))
    };
    let tables: BTreeMap<String, Vec<Value>> = match path.extension().and_then(|e| e.to_str()) {
        Some("json") => serde_json::from_str(&text)
            .map_err(|e| wrong(format!("is no object of tables with lists of rows: {e}")))?,
        Some("yaml" | "yml") => super::yaml::parse(&text)
            .and_then(|value| serde_json::from_value(value).map_err(|e| e.to_string()))
            .map_err(|e| wrong(format!("is no mapping of tables with lists of rows: {e}")))?,
        Some("csv") => {
            let table = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            BTreeMap::from([(table, csv(&text).map_err(|why| wrong(why.to_owned()))?)])
        }
        _ => return Err(wrong("fixtures are .json, .yaml or .csv".to_owned())),
    };
    let link = connect(config).await?;
    let there = catalog(&link.client).await?;
    let mut wanted: BTreeMap<String, &Vec<Value>> = BTreeMap::new();
    for (name, rows) in &tables {
        let label = if name.contains('.') { name.clone() } else { format!("public.{name}") };
        if there.table(&label).is_none() {
            return Err(wrong(format!("there is no table {label}")));
        }
        wanted.insert(label, rows);
    }
    let begin = link.client.batch_execute("BEGIN").await;
    begin.map_err(|e| failed("cannot begin", &e))?;
    // What is referred to comes first.
    for table in there.ordered() {
        if let Some(rows) = wanted.get(&table.label()) {
            upsert(&link.client, table, rows).await.map_err(|problem| Problem {
                message: format!("{}: {}", path.display(), problem.message),
                ..problem
            })?;
        }
    }
    link.client.batch_execute("COMMIT").await.map_err(|e| failed("cannot commit", &e))?;
    Ok(tables.values().map(Vec::len).sum())
}

async fn upsert(client: &Client, table: &Table, rows: &[Value]) -> Result<(), Problem> {
    let label = table.label();
    let wrong = |why: String| Problem::new(Exit::Usage, "seed-fixtures", format!("{label}: {why}"));
    if table.primary.is_empty() {
        return Err(wrong("has no primary key, by which its rows would be known".to_owned()));
    }
    for row in rows {
        let Value::Object(members) = row else {
            return Err(wrong("a row is no object".to_owned()));
        };
        let unknown = members.keys().find(|name| !table.pulled().any(|c| c.name == **name));
        if let Some(name) = unknown {
            return Err(wrong(format!("has no column `{name}`")));
        }
        let names: Vec<String> = members.keys().map(|name| ident(name)).collect();
        let set = members.keys().filter(|name| !table.primary.contains(name));
        let set: Vec<String> = set.map(|n| format!("{0} = EXCLUDED.{0}", ident(n))).collect();
        let key = table.primary.iter().map(|n| ident(n)).collect::<Vec<_>>().join(", ");
        let action = match set.is_empty() {
            true => "NOTHING".to_owned(),
            false => format!("UPDATE SET {}", set.join(", ")),
        };
        let names = names.join(", ");
        let statement = format!(
            "INSERT INTO {0} ({names}) OVERRIDING SYSTEM VALUE SELECT {names} FROM json_populate_record(NULL::{0}, $1::text::json) ON CONFLICT ({key}) DO {action}",
            table.sql()
        );
        let done = client.execute(&statement, &[&row.to_string()]).await;
        done.map_err(|e| failed(&label, &e))?;
    }
    Ok(())
}

/// Rows of a CSV text with a heading.
fn csv(text: &str) -> Result<Vec<Value>, &'static str> {
    let mut records = Records::new(text.as_bytes());
    let heading = records.next()?.ok_or("has no heading")?;
    let names: Vec<String> = heading.into_iter().map(Option::unwrap_or_default).collect();
    let mut rows = Vec::new();
    while let Some(fields) = records.next()? {
        if fields.len() != names.len() {
            return Err("a row has another number of fields than the heading");
        }
        let members = names.iter().cloned().zip(fields);
        let members = members.map(|(name, field)| (name, field.map_or(Value::Null, Value::String)));
        rows.push(Value::Object(members.collect::<Map<_, _>>()));
    }
    Ok(rows)
}

/// The extensions of a database, in the order in which they came.
pub(crate) async fn extensions(client: &Client) -> Result<Vec<String>, Problem> {
    let query = "SELECT extname FROM pg_extension WHERE extname <> 'plpgsql' ORDER BY oid";
    let rows = client.query(query, &[]).await;
    let rows = rows.map_err(|e| failed("cannot list the extensions", &e))?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Makes the server's database anew, empty, with the extensions that it had.
pub(crate) async fn fresh(config: &Config) -> Result<(), Problem> {
    let name = config.get_dbname().unwrap_or("postgres").to_owned();
    let wrong = |e: tokio_postgres::Error| failed(&format!("cannot make {name} anew"), &e);
    let link = connect(config).await?;
    let extensions = extensions(&link.client).await?;
    drop(link);
    let mut outside = config.clone();
    outside.dbname(if name == "postgres" { "template1" } else { "postgres" });
    let link = connect(&outside).await?;
    for statement in
        ["DROP DATABASE IF EXISTS {} WITH (FORCE)", "CREATE DATABASE {} TEMPLATE template0"]
    {
        let statement = statement.replace("{}", &ident(&name));
        link.client.batch_execute(&statement).await.map_err(wrong)?;
    }
    let link = connect(config).await?;
    for extension in extensions {
        let statement = format!("CREATE EXTENSION IF NOT EXISTS {} CASCADE", ident(&extension));
        link.client.batch_execute(&statement).await.map_err(wrong)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_between_statements_are_copied() {
        let text = "create table t (a int);\nCOPY t (a) FROM stdin;\n1\n2\n\\.\n\nselect 1;\nCOPY t (a) FROM stdin;\n\\.\n";
        let shown: Vec<String> = parts(text)
            .iter()
            .map(|p| match p {
                Part::Statements(s) => s.trim().to_owned(),
                Part::Copy { statement, rows } => format!("{statement}={rows:?}"),
            })
            .collect();
        let copy = "COPY t (a) FROM stdin";
        assert_eq!(
            shown,
            [
                "create table t (a int);",
                &format!("{copy}=\"1\\n2\\n\""),
                "select 1;",
                &format!("{copy}=\"\""),
                ""
            ]
        );
    }

    #[test]
    fn csv_is_read_with_quotes_and_nulls() {
        let rows = csv("id,name\r\n1,\"a \"\"b\"\", c\"\n2,\n").expect("rows");
        assert_eq!(rows[0]["name"], "a \"b\", c");
        assert_eq!(rows[1]["name"], Value::Null);
        assert!(csv("a,b\n1\n").is_err() && csv("a\n\"x").is_err());
    }
}
