//! Looks through data files as bytes: rows that were updated or deleted lie there until they are
//! overwritten. A text in a row has its length before it (Postgres' "varlena": one byte, odd; or four),
//! by which it is told from what stands beside it.

use super::crew::Crew;
use super::looker::Looker;
use crate::base::Problem;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

/// Bytes read at a time, and of them those that are read again with the next.
const BLOCK_BYTES: usize = 1 << 20;
const OVERLAP_BYTES: usize = 4096;
/// Shorter runs hold nothing that tells anybody.
const RUN_BYTES_MIN: usize = 7;

/// Looks through the files of one database, the log of writes, and what is shared.
pub(super) fn scan(directory: &Path, database: u32, looker: &mut Looker) -> Result<(), Problem> {
    let wanted =
        [format!("base/{database}"), "pg_wal".into(), "pg_stat".into(), "base/pgsql_tmp".into()];
    let crew = Crew::of(looker);
    for part in wanted {
        let at = directory.join(&part);
        let entries = match std::fs::read_dir(&at) {
            Ok(entries) => entries,
            Err(e)
                if e.kind() == std::io::ErrorKind::NotFound
                    && part != format!("base/{database}") =>
            {
                continue;
            }
            Err(e) => {
                let message = format!("{} cannot be looked through: {e}", at.display());
                return Err(Problem::failed("data-files", message)
                    .hint("only a server on this machine has files that can be looked through"));
            }
        };
        for entry in entries.flatten().filter(|e| e.path().is_file()) {
            let name = entry.file_name().to_string_lossy().into_owned();
            let place = format!("files: {part}/{name}");
            // A file may be removed by the server meanwhile: it holds nothing then.
            if let Ok(file) = File::open(entry.path()) {
                one(file, &place.into(), &crew);
            }
        }
    }
    crew.finish(looker)
}

fn one(mut file: File, place: &Arc<str>, crew: &Crew) {
    let mut block = Vec::with_capacity(BLOCK_BYTES + OVERLAP_BYTES);
    loop {
        let kept = block.len();
        let read = file.by_ref().take(BLOCK_BYTES as u64).read_to_end(&mut block).unwrap_or(0);
        let (piece, at) = (block.clone(), place.clone());
        crew.hand(move |looker| {
            looker.count_file(read as u64);
            bytes(&piece, &at, looker);
            Ok(())
        });
        if read == 0 || block.len() == kept {
            return;
        }
        let from = block.len().saturating_sub(OVERLAP_BYTES);
        block.drain(..from);
    }
}

fn printable(byte: u8) -> bool {
    byte >= 0x20 && byte != 0x7f
}

/// Looks through the runs of printable bytes.
fn bytes(block: &[u8], place: &str, looker: &mut Looker) {
    let mut at = 0;
    while at < block.len() {
        if !printable(block[at]) {
            at += 1;
            continue;
        }
        let length = block[at..].iter().position(|b| !printable(*b)).unwrap_or(block.len() - at);
        if length >= RUN_BYTES_MIN {
            run(&block[at..at + length], place, looker);
        }
        at += length;
    }
}

fn run(run: &[u8], place: &str, looker: &mut Looker) {
    look(run, place, looker);
    // Values that touch their neighbours: each begins behind the byte that holds its length.
    let values = run.iter().enumerate().filter(|(_, b)| **b % 2 == 1).filter_map(|(at, header)| {
        let length = usize::from(header >> 1).saturating_sub(1);
        let value = run.get(at + 1..at + 1 + length).filter(|_| length >= RUN_BYTES_MIN);
        std::str::from_utf8(value?).ok()
    });
    looker.wholes(place, values);
}

fn look(bytes: &[u8], place: &str, looker: &mut Looker) {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => std::borrow::Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(bytes),
    };
    looker.fingerprints_only(place, &text);
}
