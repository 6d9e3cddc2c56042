//! The threads between reader and archive: about as many as there are cores mask and pack, one writes in the order
//! of reading, and notes what is whole.

use super::journal::{Journal, Line};
use super::proof::Proof;
use crate::base::{Exit, Problem};
use crate::data::archive::{Frame, FrameKind, Manifest, Writer, pack};
use crate::data::engine::{Engine, Stop};
use crate::data::prints::Prints;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::sync::mpsc as sync;
use std::thread::JoinHandle;
use tokio::sync::mpsc;

/// Batches that wait for a thread, each way.
const BATCHES_WAITING: usize = 2;
/// Threads at the most.
const THREADS_MAX: usize = 8;
/// Fingerprints that are sorted at a time: few enough to stay near the processor, and to be soon done at the
/// end.
const PRINTS_MAX: usize = 1 << 17;
/// Batches of a file after which is noted how far it was read.
const BATCHES_NOTED: u64 = 32;

/// The code of a reader's failure whose reason the threads tell.
pub(super) const EARLY: &str = "data-pull";

/// What goes to a thread.
pub(super) enum Work {
    /// Rows of a table.
    Rows { table: usize, bytes: Vec<u8> },
    /// A table has no more of them.
    Whole { table: usize, proof: Option<Proof> },
}

/// What a thread made of it.
enum Done {
    Rows {
        packed: Packed,
        hash: Option<u64>,
    },
    /// The batch is in the archive already; its hash says whether it is the same.
    There {
        hash: u64,
    },
    Whole {
        table: usize,
        proof: Option<Proof>,
    },
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

/// What a source of files gave so far, batch by batch.
#[derive(Default)]
struct Batches {
    seen: u64,
    /// Of `seen`, those that no note has yet.
    since: u64,
    /// Over the keyed hashes of all batches.
    chain: Sha256,
    table: Option<usize>,
}

/// The archive as far as it is filled, in the hands of the writing thread.
pub(super) struct Filling {
    pub(super) writer: Writer,
    pub(super) manifest: Manifest,
    /// The schema's SQL that comes behind the rows.
    pub(super) behind: String,
    pub(super) source: Vec<u64>,
    masked: Vec<u64>,
    /// Batches of files that are in the archive already, and what their hashes come to.
    there: Option<(u64, String)>,
    journal: Option<Journal>,
    /// What came back from the threads.
    taken: usize,
    batches: Batches,
    /// Rows and bytes of tables, and fingerprints, that no note has yet.
    fresh: (Vec<(usize, u64, u64)>, u64),
}

impl Filling {
    pub(super) fn new(
        writer: Writer,
        manifest: Manifest,
        behind: String,
        there: Option<(u64, String)>,
        journal: Option<Journal>,
    ) -> Filling {
        Filling {
            writer,
            manifest,
            behind,
            source: Vec::new(),
            masked: Vec::new(),
            there,
            journal,
            taken: 0,
            batches: Batches::default(),
            fresh: (Vec::new(), 0),
        }
    }

    fn take(&mut self, done: Done) -> Result<(), Problem> {
        self.taken += 1;
        match done {
            Done::Rows { packed, hash } => {
                let table = packed.table;
                // Where a table ends, and now and then within one.
                if hash.is_some() && self.batches.table.replace(table).is_some_and(|t| t != table) {
                    self.note_batches()?;
                }
                self.add(packed)?;
                match hash {
                    Some(hash) => self.count(hash),
                    None => Ok(()),
                }
            }
            Done::There { hash } => self.count(hash),
            Done::Whole { table, proof } => self.note_table(table, proof),
        }
    }

    fn add(&mut self, packed: Packed) -> Result<(), Problem> {
        self.writer.frame(&packed.frame)?;
        let entry = &mut self.manifest.tables[packed.table];
        entry.rows += packed.rows;
        entry.bytes += packed.unpacked;
        match self.fresh.0.last_mut().filter(|(table, ..)| *table == packed.table) {
            Some((_, rows, bytes)) => {
                (*rows, *bytes) = (*rows + packed.rows, *bytes + packed.unpacked);
            }
            None => self.fresh.0.push((packed.table, packed.rows, packed.unpacked)),
        }
        self.source.extend(packed.source);
        self.masked.extend(packed.masked);
        self.prints(PRINTS_MAX)
    }

    /// Writes fingerprints out when there are more than `above` of them.
    pub(super) fn prints(&mut self, above: usize) -> Result<(), Problem> {
        for (kind, all) in
            [(FrameKind::Source, &mut self.source), (FrameKind::Masked, &mut self.masked)]
        {
            if all.len() > above {
                // By half of their bits, which takes half of the time: few that differ are alike in them.
                radsort::sort_by_key(all, |print| u32::try_from(print >> 32).unwrap_or(u32::MAX));
                all.dedup();
                let mut bytes = Vec::with_capacity(all.len() * size_of::<u64>());
                all.iter().for_each(|print| bytes.extend_from_slice(&print.to_le_bytes()));
                self.writer.bytes(kind, &bytes)?;
                if kind == FrameKind::Source {
                    self.manifest.fingerprints += all.len() as u64;
                    self.fresh.1 += all.len() as u64;
                }
                all.clear();
            }
        }
        Ok(())
    }

    /// A batch of a file went by: at the end of those that are there already they must be the same.
    fn count(&mut self, hash: u64) -> Result<(), Problem> {
        let batches = &mut self.batches;
        batches.chain.update(hash.to_le_bytes());
        batches.seen += 1;
        let Some((there, chain)) = &self.there else { return Ok(()) };
        if batches.seen <= *there {
            let same = || hex::encode(batches.chain.clone().finalize()) == *chain;
            return match batches.seen == *there && !same() {
                true => Err(changed()),
                false => Ok(()),
            };
        }
        batches.since += 1;
        if batches.since >= BATCHES_NOTED { self.note_batches() } else { Ok(()) }
    }

    fn note_batches(&mut self) -> Result<(), Problem> {
        if self.batches.since == 0 {
            return Ok(());
        }
        self.batches.since = 0;
        self.prints(0)?;
        let chain = hex::encode(self.batches.chain.clone().finalize());
        let (tables, prints) = std::mem::take(&mut self.fresh);
        let stretch = self.writer.stretch()?;
        self.note(&Line::Batches { seen: self.batches.seen, chain, tables, prints, stretch })
    }

    fn note_table(&mut self, table: usize, proof: Option<Proof>) -> Result<(), Problem> {
        // Of each table the fingerprints of its own, so that both go or stay together.
        self.prints(0)?;
        let (counts, prints) = std::mem::take(&mut self.fresh);
        let (rows, bytes) = counts.first().map_or((0, 0), |(_, rows, bytes)| (*rows, *bytes));
        let stretch = self.writer.stretch()?;
        match proof {
            Some(proof) => self.note(&Line::Table { table, rows, bytes, prints, proof, stretch }),
            None => Ok(()),
        }
    }

    fn note(&mut self, line: &Line) -> Result<(), Problem> {
        let Some(journal) = &mut self.journal else { return Ok(()) };
        journal.add(line)?;
        self.writer.stays();
        Ok(())
    }

    /// All batches went by.
    fn ended(&mut self) -> Result<(), Problem> {
        match &self.there {
            Some((there, _)) if self.batches.seen < *there => Err(changed()),
            _ => self.prints(0),
        }
    }

    /// Gives the archive its name; what was noted on the way goes.
    pub(super) fn finish(mut self) -> Result<Manifest, Problem> {
        self.writer.finish(&mut self.manifest)?;
        if let Some(journal) = self.journal {
            journal.remove();
        }
        Ok(self.manifest)
    }
}

/// A file that is not the one of which the part archive was made.
fn changed() -> Problem {
    let message = "the source is not what it was when the pull broke off";
    Problem::new(Exit::Usage, "data-resume", message)
        .hint("without --resume the pull begins anew, and takes the place of what is there")
}

type Worked = Result<Done, Stop>;

/// What all threads know.
pub(super) struct Shop {
    pub(super) engines: Vec<Option<Engine>>,
    pub(super) prints: Prints,
    /// Batches are hashed, and so many of them are in the archive already.
    pub(super) there: Option<u64>,
}

/// The threads between reader and archive.
pub(super) struct Pipe {
    shop: Arc<Shop>,
    inputs: Vec<mpsc::Sender<(Work, bool)>>,
    sent: usize,
    batches: u64,
    writer: JoinHandle<Result<Filling, Ended>>,
}

/// Why the writing thread ended early.
pub(super) enum Ended {
    Stopped(Stop),
    Failed(Problem),
}

impl Pipe {
    /// Starts the threads; what they fill may come while the first rows are masked.
    pub(super) fn start(
        shop: Shop,
        filling: impl FnOnce() -> Result<Filling, Problem> + Send + 'static,
    ) -> Result<Pipe, Problem> {
        // One more than there are cores: now and then one has nothing at hand.
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = (cores + 1).min(THREADS_MAX);
        let shop = Arc::new(shop);
        let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
        let failed =
            |e: std::io::Error| Problem::failed("threads", format!("cannot start threads: {e}"));
        for _ in 0..threads {
            let (send, receive) = mpsc::channel(BATCHES_WAITING);
            let (give, take) = sync::sync_channel(BATCHES_WAITING);
            let shop = shop.clone();
            let thread = std::thread::Builder::new().name("mask".to_owned());
            thread.spawn(move || work(&shop, receive, &give)).map_err(failed)?;
            inputs.push(send);
            outputs.push(take);
        }
        let thread = std::thread::Builder::new().name("archive".to_owned());
        let filled = move || fill(filling().map_err(Ended::Failed)?, &outputs);
        let writer = thread.spawn(filled).map_err(failed)?;
        Ok(Pipe { shop, inputs, sent: 0, batches: 0, writer })
    }

    pub(super) fn skips(&self, table: usize) -> bool {
        self.shop.engines.get(table).is_none_or(Option::is_none)
    }

    /// Hands work to the next thread in turn; waits while all are busy.
    pub(super) async fn send(&mut self, work: Work) -> Result<(), Problem> {
        let there = self.shop.there.is_some_and(|there| self.batches < there);
        let rows = u64::from(matches!(work, Work::Rows { .. }));
        let input = &self.inputs[self.sent % self.inputs.len()];
        // The thread's own reason is told by `finish`.
        let ended = |_| Problem::failed(EARLY, "masking ended early");
        input.send((work, there)).await.map_err(ended)?;
        (self.sent, self.batches) = (self.sent + 1, self.batches + rows);
        Ok(())
    }

    /// Waits for everything on its way.
    pub(super) fn finish(self) -> Result<Filling, Ended> {
        drop(self.inputs);
        let broken = || {
            let message = "masking broke off by a mistake in devenv";
            Err(Ended::Failed(Problem::failed("data-pull", message)))
        };
        match self.writer.join() {
            // A thread that broke off took work with it.
            Ok(Ok(filling)) if filling.taken != self.sent => broken(),
            Ok(done) => done,
            Err(_) => broken(),
        }
    }
}

fn work(shop: &Shop, mut input: mpsc::Receiver<(Work, bool)>, output: &sync::SyncSender<Worked>) {
    while let Some((work, there)) = input.blocking_recv() {
        let done = match work {
            Work::Whole { table, proof } => Ok(Done::Whole { table, proof }),
            Work::Rows { bytes, .. } if there => {
                Ok(Done::There { hash: shop.prints.batch(&bytes) })
            }
            Work::Rows { table, bytes } => {
                let Some(Some(engine)) = shop.engines.get(table) else { return };
                let hash = shop.there.map(|_| shop.prints.batch(&bytes));
                packed(engine, table, &bytes, &shop.prints)
                    .map(|packed| Done::Rows { packed, hash })
            }
        };
        let stop = done.is_err();
        // A receiver that is gone has met a mistake of its own.
        if output.send(done).is_err() || stop {
            return;
        }
    }
}

fn packed(engine: &Engine, table: usize, bytes: &[u8], prints: &Prints) -> Result<Packed, Stop> {
    let masked = engine.rows(bytes, prints)?;
    let number = u32::try_from(table).unwrap_or(u32::MAX);
    let frame = pack(FrameKind::Rows, number, masked.rows, &masked.bytes);
    let frame = frame.map_err(|why| engine.broken(why))?;
    Ok(Packed {
        table,
        rows: masked.rows,
        unpacked: masked.bytes.len() as u64,
        frame,
        source: masked.source,
        masked: masked.masked,
    })
}

/// Takes what is done in the order in which it was handed out.
fn fill(mut filling: Filling, outputs: &[sync::Receiver<Worked>]) -> Result<Filling, Ended> {
    for output in outputs.iter().cycle() {
        match output.recv() {
            Ok(Ok(done)) => filling.take(done).map_err(Ended::Failed)?,
            Ok(Err(stop)) => return Err(Ended::Stopped(stop)),
            Err(sync::RecvError) => break,
        }
    }
    filling.ended().map_err(Ended::Failed)?;
    Ok(filling)
}
