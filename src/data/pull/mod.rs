//! `devenv data pull`: a source's rows, masked while they pass, into a seed archive.
//!
//! One session reads in one snapshot; as many threads as there are cores mask and pack; one writes, in the
//! order of reading. Invariants: what was not masked lies in memory only, in a bounded number of batches;
//! the archive has its name only when it is whole, and is then what one snapshot or one file held, also when
//! a pull that broke off was taken up again (`proof` says what of it may stay, `journal` what there is).

mod begun;
mod files;
mod journal;
mod pipe;
mod proof;

use super::archive::{FORMAT, FrameKind, Manifest, TableEntry, part_of};
use super::catalog::{Catalog, Table};
use super::engine::{Engine, Stop};
use super::mask::{Key, Masks};
use super::plan::ruled;
use super::postgres::{Snapshot, failed};
use super::prints::{Prints, canonical, sequence_value};
use super::rules::Rules;
use super::source::Source;
use super::subset::{Chosen, Places, Subset};
use crate::base::{Exit, Problem};
use crate::runtime::Progress;
use begun::{Beginning, origin};
use pipe::{EARLY, Ended, Filling, Pipe, Shop, Work};
use proof::Watch;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::path::Path;

/// Bytes of a batch.
const BATCH_BYTES: usize = 1 << 20;

/// What was pulled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// Tables with rows or without.
    pub tables: usize,
    /// Rows of all tables.
    pub rows: u64,
    /// Of them, those that a pull which broke off had brought.
    pub resumed: u64,
    /// Masked bytes, unpacked.
    pub bytes: u64,
    /// Fingerprints of sensitive values.
    pub fingerprints: u64,
}

/// Pulls a source into `out`; with `resume`, what an earlier pull brought stays as far as it is the same.
pub(crate) async fn pull(
    source: &Source,
    rules: &Rules,
    key: &Key,
    (out, resume): (&Path, bool),
    progress: &dyn Progress,
) -> Result<Pulled, Problem> {
    let catalog = ruled(source, rules).await?;
    let (schema, server) = source.schema(progress).await?;
    let evaluated = files::evaluated(source, &catalog).await?;
    let subset = subset(source, &catalog, rules, progress).await?;
    let engines = engines(&catalog, rules, key)?;
    let manifest = manifest(rules, key, &catalog, server);
    let mut watch = match source {
        // Which rows a part of it has hangs on those of other tables.
        Source::Live(live) if subset.is_none() => Watch::begin(&live.snapshot).await?,
        _ => None,
    };
    let (out_path, origin) = (out.to_owned(), origin(source, watch.as_ref()));
    let beginning = move || -> Result<Beginning, Problem> {
        let schema = schema.wait()?;
        let manifest = Manifest { schema_hash: schema.hash(), ..manifest };
        Ok(Beginning { out: out_path, origin, manifest, schema })
    };
    let prints = Prints::new(key);
    let shop = |there| Shop { engines, prints: prints.clone(), there };
    let (mut pipe, there, resumed) = match resume {
        // What is there already needs not be read.
        true => {
            let begun = beginning()?.resume(&catalog, watch.as_ref()).await?;
            let filling = begun.filling;
            (Pipe::start(shop(begun.batches), move || Ok(filling))?, begun.there, begun.resumed)
        }
        // The first rows are masked while pg_dump is at work.
        false => {
            let none = matches!(source, Source::Files(_)).then_some(0);
            let filling = move || Ok(beginning()?.begin()?.filling);
            (Pipe::start(shop(none), filling)?, BTreeSet::new(), 0)
        }
    };
    let read = match source {
        Source::Live(live) => {
            let subset = subset.as_ref().and_then(Subset::places);
            let mut way = Way { subset, watch: &mut watch, there: &there };
            read(&live.snapshot, &catalog, &mut way, &mut pipe, progress).await
        }
        Source::Files(files) => {
            let sieve = subset.as_ref().and_then(Subset::chosen).map(Chosen::sieve);
            files::read(files, &catalog, (evaluated, sieve), &mut pipe, progress).await
        }
    };
    let done = match (pipe.finish(), read) {
        // What a thread met is why the reader ended.
        (Err(Ended::Stopped(stop)), _) => {
            journal::forget(out);
            // Masked rows only: whether they go is no matter of safety.
            let _ = std::fs::remove_file(part_of(out));
            return Err(stopped(rules, &stop));
        }
        // A schema that cannot be read when the source is gone.
        (Err(Ended::Failed(_)), Err(problem)) if problem.code != EARLY => Err(problem),
        (Err(Ended::Failed(problem)), _) | (Ok(_), Err(problem)) => Err(problem),
        (Ok(filling), Ok(sequences)) => ended(filling, far(&sequences, &prints)),
    };
    let manifest = done.map_err(|problem| broken_off(out, problem))?;
    let rows = manifest.tables.iter().map(|t| t.rows).sum();
    let bytes = manifest.tables.iter().map(|t| t.bytes).sum();
    let fingerprints = manifest.fingerprints;
    Ok(Pulled { tables: manifest.tables.len(), rows, resumed, bytes, fingerprints })
}

/// What the archive says of itself before there is a row in it, but for its schema.
fn manifest(rules: &Rules, key: &Key, catalog: &Catalog, server: String) -> Manifest {
    let tables = TableEntry::all(catalog, |table, column| {
        let rule = rules.tables.get(table).and_then(|t| t.columns.get(column));
        rule.map(|r| r.spec.kind.name().to_owned()).unwrap_or_default()
    });
    Manifest {
        format: FORMAT,
        devenv: env!("CARGO_PKG_VERSION").to_owned(),
        key_id: key.id(),
        rules_hash: hex::encode(Sha256::digest(rules.text.as_bytes())),
        schema_hash: String::new(),
        server,
        tables,
        fingerprints: 0,
        content_hash: String::new(),
    }
}

/// Puts in what comes last.
fn ended(mut filling: Filling, sequences: Vec<u64>) -> Result<Manifest, Problem> {
    filling.source = sequences;
    filling.prints(0)?;
    filling.writer.bytes(FrameKind::Behind, filling.behind.as_bytes())?;
    filling.finish()
}

/// Says what is left of a pull that broke off; what nobody can take up goes.
fn broken_off(out: &Path, problem: Problem) -> Problem {
    match journal::kept(out) {
        Some(rows) if problem.code != "data-resume" => {
            let cause = problem.hint.as_ref().map(|hint| format!("{hint}; ")).unwrap_or_default();
            let hint = format!(
                "{cause}{rows} rows are kept, masked: the same command with --resume goes on from there"
            );
            problem.hint(hint)
        }
        Some(_) => problem,
        None => {
            journal::forget(out);
            problem
        }
    }
}

/// Sequences that have come further than this tell how much there is at the source.
const SEQUENCE_TELLS: i64 = 100;

/// The rows that the rules ask for; `None`: all.
async fn subset(
    source: &Source,
    catalog: &Catalog,
    rules: &Rules,
    progress: &dyn Progress,
) -> Result<Option<Subset>, Problem> {
    const TASK: &str = "subset";
    if rules.subset.is_none() {
        return Ok(None);
    }
    progress.begin(TASK, "choosing rows", None);
    let found = Subset::find(source, catalog, rules).await;
    progress.end(TASK);
    found
}

/// How many rows a pull would bring, by table, and how many there are as far as the server knows.
pub(crate) async fn estimate(
    source: &Source,
    rules: &Rules,
) -> Result<Vec<(String, u64, u64)>, Problem> {
    let catalog = ruled(source, rules).await?;
    let subset = Subset::find(source, &catalog, rules).await?;
    let of = |(nth, table): (usize, &Table)| {
        let skipped = rules.tables.get(&table.label()).is_some_and(|t| t.skip);
        let all = if skipped { 0 } else { table.rows };
        let (rows, there) = subset.as_ref().map_or((all, None), |subset| subset.count(nth));
        (table.label(), rows, there.unwrap_or(table.rows))
    };
    Ok(catalog.tables.iter().enumerate().map(of).collect())
}

/// Names of sequences, and how far they have come.
type Sequences = Vec<(String, i64)>;

/// How far the source's sequences have come.
async fn sequences(snapshot: &Snapshot) -> Result<Sequences, Problem> {
    let query = "SELECT schemaname || '.' || sequencename, last_value FROM pg_sequences WHERE last_value IS NOT NULL";
    let rows = snapshot.client().query(query, &[]).await;
    let rows = rows.map_err(|e| failed("cannot read the sequences", &e))?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Fingerprints of sequences that have come far enough to tell something.
fn far(sequences: &Sequences, prints: &Prints) -> Vec<u64> {
    let mut form = Vec::new();
    let telling = sequences.iter().filter(|(_, value)| *value > SEQUENCE_TELLS);
    telling
        .filter_map(|(name, value)| {
            form.clear();
            canonical(&sequence_value(name, *value), &mut form);
            prints.of(&form)
        })
        .collect()
}

/// The engine of each table; `None`: its rows stay where they are.
fn engines(catalog: &Catalog, rules: &Rules, key: &Key) -> Result<Vec<Option<Engine>>, Problem> {
    let masks = Masks { key, locale: rules.locale };
    let engine = |table: &Table| match rules.tables.get(&table.label()) {
        Some(of_table) if of_table.skip => Ok(None),
        Some(of_table) => {
            let made = Engine::new(table, of_table, &masks);
            made.map(Some).map_err(|stop| stopped(rules, &stop))
        }
        None => Ok(None),
    };
    catalog.tables.iter().map(engine).collect()
}

/// A row that no rule fits, with the place of the rule.
fn stopped(rules: &Rules, stop: &Stop) -> Problem {
    let place = format!("{}:{}", rules.file, stop.line);
    let message = format!("{place}: {}.{} {}", stop.table, stop.column, stop.why);
    let problem = Problem::new(Exit::Usage, "data-rules", message);
    match &stop.path {
        Some(path) => problem.hint(format!(
            "nothing was kept; put into `paths` of that rule: \"{path}\" = \"text\""
        )),
        None => problem.hint("nothing was kept; another mask may fit, such as `text`"),
    }
}

/// What is read of a database, and what is noted of it.
struct Way<'a, 'w> {
    subset: Option<&'a Places>,
    watch: &'a mut Option<Watch<'w>>,
    /// Tables that are whole already.
    there: &'a BTreeSet<usize>,
}

/// Reads all rows into the pipe.
async fn read(
    snapshot: &Snapshot,
    catalog: &Catalog,
    way: &mut Way<'_, '_>,
    pipe: &mut Pipe,
    progress: &dyn Progress,
) -> Result<Sequences, Problem> {
    for (nth, table) in catalog.tables.iter().enumerate() {
        if pipe.skips(nth) || way.there.contains(&nth) {
            continue;
        }
        let selects = way.subset.map_or_else(|| vec![table.select()], |s| s.selects(nth, table));
        let label = table.label();
        progress.begin(&label, &label, None);
        let mut done = Ok(());
        for select in selects {
            let sink = async |bytes: Vec<u8>| {
                progress.advance(&label, bytes.len() as u64);
                pipe.send(Work::Rows { table: nth, bytes }).await
            };
            done = snapshot.copy_out(&select, BATCH_BYTES, sink).await;
            if table.columns.iter().any(|c| c.by_sql.is_some()) {
                done = done.map_err(|problem| silent(&label, problem));
            }
            if done.is_err() {
                break;
            }
        }
        progress.end(&label);
        done?;
        let proof = match way.watch {
            Some(watch) => watch.proof(table).await?,
            None => None,
        };
        pipe.send(Work::Whole { table: nth, proof }).await?;
    }
    sequences(snapshot).await
}

/// What Postgres says of an expression that failed at a row may hold the row's value.
pub(crate) fn silent(label: &str, problem: Problem) -> Problem {
    let message = format!(
        "reading {label} broke off; what the source said is not shown, because expressions of its rules may have met a value that they cannot take"
    );
    Problem { message, ..problem }
}
