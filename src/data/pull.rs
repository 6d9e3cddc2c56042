//! `devenv data pull`: a source's rows, masked while they pass, into a seed archive.
//!
//! One session reads in one snapshot; as many threads as there are cores mask and pack; one writes, in the
//! order of reading. Invariants: what was not masked lies in memory only, in a bounded number of batches;
//! the archive has its name only when it is whole, so that a pull that broke off is simply begun again.

use super::archive::{FORMAT, Frame, FrameKind, Manifest, TableEntry, Writer, pack};
use super::catalog::{Catalog, Table};
use super::engine::{Engine, Stop};
use super::mask::{Key, Masks};
use super::plan::ruled;
use super::postgres::{Snapshot, failed};
use super::prints::{Prints, canonical, sequence_value};
use super::rules::Rules;
use super::source::{Files, Piece, Source};
use super::subset::Subset;
use crate::base::{Exit, Problem};
use crate::runtime::Progress;
use sha2::{Digest, Sha256};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc as sync;
use std::thread::JoinHandle;
use tokio::sync::mpsc;

/// Bytes of a batch.
const BATCH_BYTES: usize = 1 << 20;
/// Batches that wait for a thread, each way.
const BATCHES_WAITING: usize = 2;
/// Threads at the most.
const THREADS_MAX: usize = 8;
/// Fingerprints that are sorted at a time.
const PRINTS_MAX: usize = 1 << 20;

/// What was pulled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// Tables with rows or without.
    pub tables: usize,
    /// Rows of all tables.
    pub rows: u64,
    /// Masked bytes, unpacked.
    pub bytes: u64,
    /// Fingerprints of sensitive values.
    pub fingerprints: u64,
}

/// A batch on its way.
struct Batch {
    table: usize,
    bytes: Vec<u8>,
}

/// A batch that is masked and packed.
struct Packed {
    table: usize,
    rows: u64,
    unpacked: u64,
    frame: Frame,
    source: Vec<u64>,
    masked: Vec<u64>,
}

/// Pulls a source into `out`.
pub(crate) async fn pull(
    source: &Source,
    rules: &Rules,
    key: &Key,
    out: &Path,
    progress: &dyn Progress,
) -> Result<Pulled, Problem> {
    let catalog = ruled(source, rules).await?;
    let subset = subset(source, &catalog, rules).await?;
    let engines = engines(&catalog, rules, key)?;
    let (schema, server) = source.schema(progress).await?;
    let tables = TableEntry::all(&catalog, |table, column| {
        let rule = rules.tables.get(table).and_then(|t| t.columns.get(column));
        rule.map(|r| r.spec.kind.name().to_owned()).unwrap_or_default()
    });
    let manifest = Manifest {
        format: FORMAT,
        devenv: env!("CARGO_PKG_VERSION").to_owned(),
        key_id: key.id(),
        rules_hash: hex::encode(Sha256::digest(rules.text.as_bytes())),
        schema_hash: hex::encode(Sha256::digest(format!("{}{}", schema.before, schema.behind))),
        server,
        tables,
        fingerprints: 0,
        content_hash: String::new(),
    };
    let mut writer = Writer::create(out)?;
    writer.bytes(FrameKind::Before, schema.before.as_bytes())?;
    let prints = Prints::new(key);
    let filling = Filling { writer, manifest, source: Vec::new(), masked: Vec::new() };
    let mut pipe = Pipe::start(engines, prints.clone(), filling)?;
    let read = match source {
        Source::Live(live) => {
            read(&live.snapshot, &catalog, subset.as_ref(), &mut pipe, progress).await
        }
        Source::Files(files) => read_files(files, &catalog, &mut pipe, progress).await,
    };
    let filling = match (pipe.finish(rules), read) {
        // What a thread met is why the reader ended.
        (Err(problem), _) | (Ok(_), Err(problem)) => return Err(problem),
        (Ok(mut filling), Ok(sequences)) => {
            filling.source = far(&sequences, &prints);
            filling.prints(0)?;
            filling
        }
    };
    let Filling { mut writer, mut manifest, .. } = filling;
    writer.bytes(FrameKind::Behind, schema.behind.as_bytes())?;
    writer.finish(&mut manifest)?;
    let rows = manifest.tables.iter().map(|t| t.rows).sum();
    let bytes = manifest.tables.iter().map(|t| t.bytes).sum();
    let fingerprints = manifest.fingerprints;
    Ok(Pulled { tables: manifest.tables.len(), rows, bytes, fingerprints })
}

/// Sequences that have come further than this tell how much there is at the source.
const SEQUENCE_TELLS: i64 = 100;

/// The rows that the rules ask for; `None`: all.
async fn subset(
    source: &Source,
    catalog: &Catalog,
    rules: &Rules,
) -> Result<Option<Subset>, Problem> {
    let Some(wanted) = &rules.subset else { return Ok(None) };
    match source {
        Source::Live(live) => Subset::find(&live.snapshot, catalog, rules, wanted).await.map(Some),
        Source::Files(_) => {
            let message = format!(
                "{}:{}: a subset is taken of a database; a dump or CSV files are pulled whole",
                rules.file, wanted.line
            );
            Err(Problem::new(Exit::Usage, "data-subset", message))
        }
    }
}

/// How many rows a pull would bring, by table, and how many there are as far as the server knows.
pub(crate) async fn estimate(
    source: &Source,
    rules: &Rules,
) -> Result<Vec<(String, u64, u64)>, Problem> {
    let catalog = ruled(source, rules).await?;
    let subset = subset(source, &catalog, rules).await?;
    let of = |(nth, table): (usize, &Table)| {
        let skipped = rules.tables.get(&table.label()).is_some_and(|t| t.skip);
        let all = if skipped { 0 } else { table.rows };
        let rows = subset.as_ref().map_or(all, |subset| subset.count(nth));
        (table.label(), rows, table.rows)
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
    let mut form = String::new();
    let telling = sequences.iter().filter(|(_, value)| *value > SEQUENCE_TELLS);
    telling
        .filter_map(|(name, value)| {
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

/// Reads all rows into the pipe.
async fn read(
    snapshot: &Snapshot,
    catalog: &Catalog,
    subset: Option<&Subset>,
    pipe: &mut Pipe,
    progress: &dyn Progress,
) -> Result<Sequences, Problem> {
    for (nth, table) in catalog.tables.iter().enumerate() {
        if pipe.skips(nth) {
            continue;
        }
        let selects = subset.map_or_else(|| vec![table.select()], |s| s.selects(nth, table));
        let label = table.label();
        progress.begin(&label, &label, None);
        let mut done = Ok(());
        for select in selects {
            let sink = async |bytes: Vec<u8>| {
                progress.advance(&label, bytes.len() as u64);
                pipe.send(Batch { table: nth, bytes }).await
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

/// Reads all rows of files into the pipe, in the order in which they come.
async fn read_files(
    files: &Files,
    catalog: &Catalog,
    pipe: &mut Pipe,
    progress: &dyn Progress,
) -> Result<Sequences, Problem> {
    let mut sequences = Vec::new();
    let mut shown: Option<(usize, String)> = None;
    let sink = async |piece: Piece| {
        let (table, bytes) = match piece {
            Piece::Rows(table, bytes) => (table, bytes),
            Piece::Sequence(name, value) => {
                sequences.push((name, value));
                return Ok(());
            }
        };
        if shown.as_ref().is_none_or(|(number, _)| *number != table) {
            let label = catalog.tables[table].label();
            progress.begin(&label, &label, None);
            if let Some((_, before)) = shown.replace((table, label)) {
                progress.end(&before);
            }
        }
        if let Some((_, label)) = &shown {
            progress.advance(label, bytes.len() as u64);
        }
        match pipe.skips(table) {
            true => Ok(()),
            false => pipe.send(Batch { table, bytes }).await,
        }
    };
    let done = files.read(sink).await;
    if let Some((_, label)) = &shown {
        progress.end(label);
    }
    done.map(|()| sequences)
}

/// The archive as far as it is filled, in the hands of the writing thread.
struct Filling {
    writer: Writer,
    manifest: Manifest,
    source: Vec<u64>,
    masked: Vec<u64>,
}

impl Filling {
    fn add(&mut self, packed: Packed) -> Result<(), Problem> {
        self.writer.frame(&packed.frame)?;
        let entry = &mut self.manifest.tables[packed.table];
        entry.rows += packed.rows;
        entry.bytes += packed.unpacked;
        self.source.extend(packed.source);
        self.masked.extend(packed.masked);
        self.prints(PRINTS_MAX)
    }

    /// Writes fingerprints out when there are more than `above` of them.
    fn prints(&mut self, above: usize) -> Result<(), Problem> {
        for (kind, all) in
            [(FrameKind::Source, &mut self.source), (FrameKind::Masked, &mut self.masked)]
        {
            if all.len() > above {
                all.sort_unstable();
                all.dedup();
                let bytes: Vec<u8> = all.iter().flat_map(|print| print.to_le_bytes()).collect();
                self.writer.bytes(kind, &bytes)?;
                if kind == FrameKind::Source {
                    self.manifest.fingerprints += all.len() as u64;
                }
                all.clear();
            }
        }
        Ok(())
    }
}

type Worked = Result<Packed, Stop>;

/// The threads between reader and archive.
struct Pipe {
    engines: Arc<Vec<Option<Engine>>>,
    inputs: Vec<mpsc::Sender<Batch>>,
    sent: usize,
    writer: JoinHandle<Result<Filling, Ended>>,
}

/// Why the writing thread ended early.
enum Ended {
    Stopped(Stop),
    Failed(Problem),
}

impl Pipe {
    fn start(
        engines: Vec<Option<Engine>>,
        prints: Prints,
        filling: Filling,
    ) -> Result<Pipe, Problem> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX);
        let engines = Arc::new(engines);
        let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
        let failed =
            |e: std::io::Error| Problem::failed("threads", format!("cannot start threads: {e}"));
        for _ in 0..threads {
            let (send, receive) = mpsc::channel(BATCHES_WAITING);
            let (give, take) = sync::sync_channel(BATCHES_WAITING);
            let (engines, prints) = (engines.clone(), prints.clone());
            let thread = std::thread::Builder::new().name("mask".to_owned());
            thread.spawn(move || work(&engines, &prints, receive, &give)).map_err(failed)?;
            inputs.push(send);
            outputs.push(take);
        }
        let thread = std::thread::Builder::new().name("archive".to_owned());
        let writer = thread.spawn(move || fill(filling, &outputs)).map_err(failed)?;
        Ok(Pipe { engines, inputs, sent: 0, writer })
    }

    fn skips(&self, table: usize) -> bool {
        self.engines.get(table).is_none_or(Option::is_none)
    }

    /// Hands a batch to the next thread in turn; waits while all are busy.
    async fn send(&mut self, batch: Batch) -> Result<(), Problem> {
        let input = &self.inputs[self.sent % self.inputs.len()];
        self.sent += 1;
        // The thread's own reason is told by `finish`.
        let ended = |_| Problem::failed("data-pull", "masking ended early");
        input.send(batch).await.map_err(ended)
    }

    /// Waits for everything on its way.
    fn finish(self, rules: &Rules) -> Result<Filling, Problem> {
        drop(self.inputs);
        match self.writer.join() {
            Ok(Ok(filling)) => Ok(filling),
            Ok(Err(Ended::Stopped(stop))) => Err(stopped(rules, &stop)),
            Ok(Err(Ended::Failed(problem))) => Err(problem),
            Err(_) => Err(Problem::failed("data-pull", "masking broke off by a mistake in devenv")),
        }
    }
}

fn work(
    engines: &[Option<Engine>],
    prints: &Prints,
    mut input: mpsc::Receiver<Batch>,
    output: &sync::SyncSender<Worked>,
) {
    while let Some(batch) = input.blocking_recv() {
        let Some(Some(engine)) = engines.get(batch.table) else { return };
        let packed = engine.rows(&batch.bytes, prints).and_then(|masked| {
            let table = u32::try_from(batch.table).unwrap_or(u32::MAX);
            let frame = pack(FrameKind::Rows, table, masked.rows, &masked.bytes);
            let frame = frame.map_err(|why| engine.broken(why))?;
            Ok(Packed {
                table: batch.table,
                rows: masked.rows,
                unpacked: masked.bytes.len() as u64,
                frame,
                source: masked.source,
                masked: masked.masked,
            })
        });
        let stop = packed.is_err();
        // A receiver that is gone has met a mistake of its own.
        if output.send(packed).is_err() || stop {
            return;
        }
    }
}

/// Takes batches in the order in which they were handed out.
fn fill(mut filling: Filling, outputs: &[sync::Receiver<Worked>]) -> Result<Filling, Ended> {
    for output in outputs.iter().cycle() {
        match output.recv() {
            Ok(Ok(packed)) => filling.add(packed).map_err(Ended::Failed)?,
            Ok(Err(stop)) => return Err(Ended::Stopped(stop)),
            Err(sync::RecvError) => break,
        }
    }
    filling.prints(0).map_err(Ended::Failed)?;
    Ok(filling)
}
