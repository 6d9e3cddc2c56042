//! `devenv data synth`: rows made up from a schema and rules, into an archive as `pull` writes it.
//!
//! Foreign keys are kept by construction, unique keys by remembering, `CHECK`s and partitions by asking
//! Postgres, which also has the last word: the archive gets its name only after it was loaded, with all of
//! its constraints, into a throw-away database.

mod hints;
mod judge;
mod moments;
mod pattern;
mod plan;
mod rows;
mod shape;
mod texts;
mod values;

pub(crate) use plan::Counts;

use super::archive::{FORMAT, FrameKind, Manifest, SYNTHETIC, TableEntry, Writer, pack};
use super::catalog::Catalog;
use super::detect::propose;
use super::load::load;
use super::mask::{Locale, Spec};
use super::postgres::{catalog, connect, version};
use super::rules::Rules;
use super::scratch::Scratch;
use super::tools::{self, Schema};
use crate::base::Problem;
use crate::runtime::Progress;
use judge::Judge;
use plan::{Plan, plan};
use rows::{ATTEMPTS_MAX, Maker, Row};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use tokio_postgres::{Client, Config};

/// Rows of a batch.
const BATCH_ROWS: u64 = 4_000;

/// Where the schema comes from.
pub(crate) enum Origin {
    /// A database.
    Database(Box<Config>),
    /// SQL that makes it.
    Script(String),
}

/// What is wanted.
pub(crate) struct Wanted<'a> {
    pub(crate) origin: Origin,
    pub(crate) rules: Option<&'a Rules>,
    pub(crate) counts: Counts,
    pub(crate) seed: &'a str,
}

/// What was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Synthesised {
    /// Rows by table.
    pub tables: Vec<(String, u64)>,
    /// Names the content: the same for the same seed, schema and rules.
    pub content: String,
}

/// Makes rows up into `out`; `server` lends throw-away databases.
pub(crate) async fn synth(
    wanted: &Wanted<'_>,
    server: &Config,
    out: &Path,
    progress: &dyn Progress,
) -> Result<Synthesised, Problem> {
    let mut name = out.file_name().unwrap_or_default().to_owned();
    name.push(".untried");
    let untried = out.with_file_name(name);
    let made =
        Scratch::with(server, async |scratch| make(wanted, scratch, &untried, progress).await);
    let manifest = made.await?;
    let tried = Scratch::with(server, async |scratch| {
        load(&untried, &scratch.config, progress).await.map(|_| ())
    });
    let named = match tried.await {
        Ok(()) => std::fs::rename(&untried, out).map_err(|e| {
            Problem::failed("archive-unwritable", format!("cannot write {}: {e}", out.display()))
        }),
        Err(problem) => Err(Problem {
            message: format!("the made-up rows do not fit the schema: {}", problem.message),
            ..problem
        }),
    };
    if let Err(problem) = named {
        // It holds nothing of anybody; whether it goes is no matter of safety.
        let _ = std::fs::remove_file(&untried);
        return Err(problem);
    }
    let tables = manifest.tables.iter().map(|t| (t.label(), t.rows)).collect();
    Ok(Synthesised { tables, content: manifest.content_hash })
}

async fn make(
    wanted: &Wanted<'_>,
    scratch: &Scratch,
    out: &Path,
    progress: &dyn Progress,
) -> Result<Manifest, Problem> {
    match &wanted.origin {
        Origin::Script(sql) => scratch.run("the schema", sql).await?,
        Origin::Database(config) => {
            let (_, major) = version(&connect(config).await?.client).await?;
            scratch.schema(&tools::ask(config, None, major, progress)?.wait()?).await?;
        }
    }
    let link = connect(&scratch.config).await?;
    let (server, major) = version(&link.client).await?;
    let schema = tools::ask(&scratch.config, None, major, progress)?.wait()?;
    // What names nothing in a path of schemas is written with its schema.
    let path = "SET search_path = 'pg_catalog'; SET DateStyle = 'ISO, YMD'; SET TimeZone = 'UTC'";
    let failed = |e: tokio_postgres::Error| super::postgres::failed("cannot set the path", &e);
    link.client.batch_execute(path).await.map_err(failed)?;
    let catalog = catalog(&link.client).await?;
    let plan = planned(wanted, &catalog, &link.client).await?;
    let mut writer = Writer::create(out)?;
    writer.bytes(FrameKind::Before, schema.before.as_bytes())?;
    let mut manifest = manifest(wanted, &catalog, &schema, server);
    let locale = wanted.rules.map_or(Locale::En, |rules| rules.locale);
    let mut maker = Maker::new(&plan, locale);
    for &number in &plan.order {
        let label = &plan.tables[number].label;
        progress.begin(label, label, None);
        let table = &catalog.tables[number];
        let judge = Judge::of(&link.client, table, &plan.tables[number].shape).await?;
        let entry = &mut manifest.tables[number];
        table_rows(&mut maker, number, plan.tables[number].rows, judge, &mut |bytes, rows| {
            let table = u32::try_from(number).unwrap_or(u32::MAX);
            let frame = pack(FrameKind::Rows, table, rows, &bytes)
                .map_err(|why| Problem::failed("archive-unwritable", why))?;
            (entry.rows, entry.bytes) = (entry.rows + rows, entry.bytes + bytes.len() as u64);
            progress.advance(label, bytes.len() as u64);
            writer.frame(&frame)
        })
        .await?;
        progress.end(label);
    }
    writer.bytes(FrameKind::Behind, schema.behind.as_bytes())?;
    writer.finish(&mut manifest)?;
    Ok(manifest)
}

/// All rows of one table, in batches.
async fn table_rows(
    maker: &mut Maker<'_>,
    table: usize,
    rows: u64,
    judge: Option<Judge<'_>>,
    sink: &mut impl FnMut(Vec<u8>, u64) -> Result<(), Problem>,
) -> Result<(), Problem> {
    maker.begin(table)?;
    let mut next = 0;
    while next < rows {
        let end = rows.min(next + BATCH_ROWS);
        let mut batch =
            (next..end).map(|n| maker.row(table, n, 0)).collect::<Result<Vec<Row>, _>>()?;
        let mut waiting: Vec<usize> = (0..batch.len()).collect();
        while let Some(judge) = judge.as_ref().filter(|_| !waiting.is_empty()) {
            let tried: Vec<(usize, &Row)> = waiting.iter().map(|i| (*i, &batch[*i])).collect();
            waiting = judge.refused(&tried).await?;
            for place in &waiting {
                let old = &batch[*place];
                if old.attempt + 1 >= ATTEMPTS_MAX {
                    return Err(judge.gave_up());
                }
                maker.refuse(old);
                let again = maker.row(table, old.number, old.attempt + 1)?;
                batch[*place] = again;
            }
        }
        maker.keep(table, &batch);
        let mut bytes = Vec::new();
        batch.iter().for_each(|row| judge::put(row, &mut bytes));
        sink(bytes, batch.len() as u64)?;
        next = end;
    }
    Ok(())
}

/// What each column gets: the rules' word, or what its name and type propose.
async fn planned(wanted: &Wanted<'_>, catalog: &Catalog, client: &Client) -> Result<Plan, Problem> {
    let mut shapes = Vec::new();
    for table in &catalog.tables {
        shapes.push(shape::shape(client, table).await?);
    }
    let mut specs: HashMap<(String, String), Spec> = HashMap::new();
    for proposal in propose(catalog, &BTreeMap::new(), &BTreeMap::new()) {
        for column in proposal.columns {
            specs.insert((proposal.table.clone(), column.column), column.spec);
        }
    }
    let mut counts = wanted.counts.clone();
    for (label, of_table) in wanted.rules.iter().flat_map(|rules| &rules.tables) {
        for (name, rule) in &of_table.columns {
            specs.insert((label.clone(), name.clone()), rule.spec.clone());
        }
        if let Some(rows) = of_table.rows.filter(|_| catalog.table(label).is_some()) {
            counts.named.entry(label.clone()).or_insert(rows);
        }
    }
    let skipped = |label: &str| {
        wanted.rules.and_then(|rules| rules.tables.get(label)).is_some_and(|t| t.skip)
    };
    plan(catalog, shapes, &specs, &counts, &skipped, wanted.seed)
}

fn manifest(wanted: &Wanted<'_>, catalog: &Catalog, schema: &Schema, server: String) -> Manifest {
    let rules = wanted.rules.map(|rules| rules.text.as_str()).unwrap_or_default();
    Manifest {
        format: FORMAT,
        devenv: env!("CARGO_PKG_VERSION").to_owned(),
        key_id: SYNTHETIC.to_owned(),
        rules_hash: hex::encode(Sha256::digest(rules)),
        schema_hash: hex::encode(Sha256::digest(format!("{}{}", schema.before, schema.behind))),
        server,
        tables: TableEntry::all(catalog, |_, _| "made up".to_owned()),
        fingerprints: 0,
        content_hash: String::new(),
    }
}
