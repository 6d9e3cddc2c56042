//! Dumps of Postgres as sources: plain text (also gzipped), and what `pg_dump` packed (custom, directory, tar),
//! which `pg_restore` unpacks into a pipe.
//!
//! Invariant: rows lie in memory only; the schema alone is made in a throw-away database, where Postgres says
//! what its tables are.

use super::text::{Event, of_schema, read};
use super::{Files, Input, Piece};
use crate::base::{Exit, Problem};
use crate::data::catalog::Catalog;
use crate::data::postgres::{catalog, connect, failed, version};
use crate::data::scratch::Scratch;
use crate::data::tools::{self, program};
use crate::runtime::Progress;
use crate::runtime::clients::Client;
use flate2::read::MultiGzDecoder;
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tokio_postgres::Config;

/// SQL of a schema at the most.
const SCHEMA_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Bytes of rows that are handed on at a time.
const BATCH_BYTES: usize = 1 << 20;

/// A dump.
#[derive(Debug, Clone)]
pub(super) struct Dump {
    path: PathBuf,
    /// The program that unpacks it.
    unpack: Option<PathBuf>,
}

impl Dump {
    /// The dump at `path`; `None`: it is something else.
    pub(super) fn at(path: &Path, progress: &dyn Progress) -> Result<Option<Dump>, Problem> {
        let packed = match path.is_dir() {
            true => path.join("toc.dat").is_file() || path.join("toc.dat.gz").is_file(),
            false => {
                let mut head = [0; 8];
                let mut file = File::open(path).map_err(|e| unreadable(path, &e))?;
                let got = file.read(&mut head).map_err(|e| unreadable(path, &e))?;
                head[..got].starts_with(b"PGDMP") || head[..got].starts_with(b"toc.dat")
            }
        };
        if path.is_dir() && !packed {
            return Ok(None);
        }
        // A newer one reads what older ones wrote.
        let unpack = match packed {
            true => Some(program(Client::PgRestore, "pg_restore", NEWEST, progress)?),
            false => None,
        };
        Ok(Some(Dump { path: path.to_owned(), unpack }))
    }

    fn open(&self, only: &[&str]) -> Result<Opened, String> {
        let Some(program) = &self.unpack else {
            let file = File::open(&self.path).map_err(|e| e.to_string())?;
            let mut file = BufReader::with_capacity(BATCH_BYTES, file);
            let packed = file.fill_buf().map_err(|e| e.to_string())?.starts_with(&[0x1f, 0x8b]);
            let input: Box<dyn BufRead + Send> = match packed {
                true => Box::new(BufReader::with_capacity(BATCH_BYTES, MultiGzDecoder::new(file))),
                false => Box::new(file),
            };
            return Ok(Opened { input, child: None });
        };
        let mut command = Command::new(program);
        command.args(["-f", "-", "--no-owner", "--no-privileges"]).args(only).arg(&self.path);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|e| format!("cannot run pg_restore: {e}"))?;
        let output = child.stdout.take().ok_or("pg_restore gave nothing")?;
        let input = Box::new(BufReader::with_capacity(BATCH_BYTES, output));
        Ok(Opened { input, child: Some(child) })
    }

    /// The SQL that makes its schema.
    fn schema(&self) -> Result<String, String> {
        let mut sql = String::new();
        let mut opened = self.open(&["--section=pre-data", "--section=post-data"])?;
        let done = read(&mut opened.input, &mut |event| {
            if let Event::Line { item, line } = event {
                if of_schema(item, line) {
                    sql.push_str(line);
                    sql.push('\n');
                }
                if sql.len() > SCHEMA_BYTES_MAX {
                    return Err(format!("its schema has more than {SCHEMA_BYTES_MAX} bytes"));
                }
            }
            Ok(())
        });
        opened.finish(done)?;
        Ok(sql)
    }

    /// Reads all rows; `sink` gets batches of whole rows.
    pub(super) fn rows(
        &self,
        lanes: &Lanes,
        sink: &mut dyn FnMut(Piece) -> Result<(), String>,
    ) -> Result<(), String> {
        let mut opened = self.open(&["--section=data"])?;
        let mut lane: Option<Lane> = None;
        let mut batch = Vec::with_capacity(BATCH_BYTES + BATCH_BYTES / 4);
        let mut table = 0;
        let done = read(&mut opened.input, &mut |event| {
            let row = match event {
                Event::Row(row) => row,
                Event::Line { .. } => return Ok(()),
                Event::Sequence { name, value } => return sink(Piece::Sequence(name, value)),
                Event::Copy { table: name, columns } => {
                    if !batch.is_empty() {
                        sink(Piece::Rows(table, std::mem::take(&mut batch)))?;
                    }
                    lane = lanes.find(&name, &columns)?;
                    table = lane.as_ref().map_or(0, |lane| lane.table);
                    return Ok(());
                }
            };
            let Some(lane) = &lane else { return Ok(()) };
            lane.put(row, &mut batch)?;
            if batch.len() >= BATCH_BYTES {
                sink(Piece::Rows(table, std::mem::take(&mut batch)))?;
            }
            Ok(())
        });
        opened.finish(done)?;
        match batch.is_empty() {
            true => Ok(()),
            false => sink(Piece::Rows(table, batch)),
        }
    }
}

/// A `pg_restore` of this version or later is taken from PATH; it reads what older ones wrote.
const NEWEST: u32 = 17;

struct Opened {
    input: Box<dyn BufRead + Send>,
    child: Option<Child>,
}

impl Opened {
    /// Waits for the program behind it; its own failure says more than a text that ended early.
    fn finish(self, read: Result<(), String>) -> Result<(), String> {
        drop(self.input);
        let Some(child) = self.child else { return read };
        let output = child.wait_with_output().map_err(|e| format!("pg_restore was lost: {e}"))?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        match (output.status.success(), read) {
            (true, read) => read,
            // It was stopped because its output was not wanted any more.
            (false, Err(why)) if !why.starts_with("it ") => Err(why),
            (false, _) => {
                Err(format!("pg_restore cannot read it: {}", said.lines().next().unwrap_or("")))
            }
        }
    }
}

/// Where the rows of a table of the dump go: a partition's to its root, fields in the root's order.
#[derive(Debug, Clone)]
struct Lane {
    table: usize,
    names: Vec<String>,
    order: Option<Vec<usize>>,
}

impl Lane {
    fn put(&self, row: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
        let Some(order) = &self.order else {
            out.extend_from_slice(row);
            return Ok(());
        };
        let line = row.strip_suffix(b"\n").unwrap_or(row);
        let fields: Vec<&[u8]> = line.split(|b| *b == b'\t').collect();
        for (nth, from) in order.iter().enumerate() {
            if nth > 0 {
                out.push(b'\t');
            }
            out.extend_from_slice(fields.get(*from).ok_or("a row of it lacks fields")?);
        }
        out.push(b'\n');
        Ok(())
    }
}

/// All lanes, by the name of the table in the dump.
#[derive(Debug, Clone, Default)]
pub(super) struct Lanes {
    by_name: HashMap<String, Lane>,
}

impl Lanes {
    fn of(catalog: &Catalog, roots: &HashMap<String, String>) -> Lanes {
        let mut by_name = HashMap::new();
        for (table, described) in catalog.tables.iter().enumerate() {
            let names: Vec<String> = described.pulled().map(|c| c.name.clone()).collect();
            let lane = Lane { table, names, order: None };
            let label = described.label();
            let parts = roots.iter().filter(|(_, root)| **root == label).map(|(part, _)| part);
            for part in parts {
                by_name.insert(part.clone(), lane.clone());
            }
            by_name.insert(label, lane);
        }
        Lanes { by_name }
    }

    /// The lane of a table, with its fields in the order of `columns`; `None`: its rows are not pulled.
    fn find(&self, name: &str, columns: &[String]) -> Result<Option<Lane>, String> {
        let Some(lane) = self.by_name.get(name) else { return Ok(None) };
        if lane.names == columns {
            return Ok(Some(lane.clone()));
        }
        let at = |name: &String| columns.iter().position(|c| c == name);
        let order: Option<Vec<usize>> = lane.names.iter().map(at).collect();
        match order.filter(|order| order.len() == columns.len()) {
            Some(order) => Ok(Some(Lane { order: Some(order), ..lane.clone() })),
            None => Err(format!("its rows of {name} have other columns than the table")),
        }
    }
}

fn unreadable(path: &Path, why: &dyn std::fmt::Display) -> Problem {
    Problem::new(Exit::Usage, "data-source", format!("{} cannot be used: {why}", path.display()))
}

/// Makes the dump's schema in a throw-away database of `server`, and reads what it is.
pub(super) async fn open(
    dump: Dump,
    server: &Config,
    progress: &dyn Progress,
) -> Result<Files, Problem> {
    let sql = dump.schema().map_err(|why| unreadable(&dump.path, &why))?;
    Scratch::with(server, async |scratch| {
        scratch.run("the dump's schema", &sql).await?;
        let link = connect(&scratch.config).await?;
        // As a database's own snapshot is asked, so that types have the same names.
        let asked = link.client.batch_execute("SET search_path = 'pg_catalog'").await;
        asked.map_err(|e| failed("cannot read the catalog", &e))?;
        let (server, major) = version(&link.client).await?;
        let catalog = catalog(&link.client).await?;
        let partitions = "SELECT n.nspname || '.' || c.relname, rn.nspname || '.' || r.relname
               FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
               JOIN pg_class r ON r.oid = pg_partition_root(c.oid) JOIN pg_namespace rn ON rn.oid = r.relnamespace
              WHERE c.relispartition";
        let rows = link.client.query(partitions, &[]).await;
        let rows = rows.map_err(|e| failed("cannot read the partitions", &e))?;
        let roots = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        let lanes = Lanes::of(&catalog, &roots);
        let schema = tools::ask(&scratch.config, None, major, progress)?.wait()?;
        Ok(Files { catalog, schema, server, input: Input::Dump(dump, lanes), judge: None })
    })
    .await
}
