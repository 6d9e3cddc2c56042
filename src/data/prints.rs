//! Fingerprints of sensitive values: keyed hashes, by which a value can be looked for in an archive or a
//! database without being kept, and which tell nothing to whoever has no key.

use super::mask::{Key, Kind, Permutation, Witness};
use std::cell::RefCell;

/// Canonical forms shorter than this are too common to be anybody's.
const CANONICAL_BYTES_MIN: usize = 7;
/// Bytes that are lowered at once.
const CHUNK_BYTES: usize = 64;
/// Prose shorter than this may be a phrase that everybody uses.
const PROSE_BYTES_MIN: usize = 24;

/// Lowers letters and leaves out all that is no letter or digit, so that one value written in two ways
/// is found.
pub(crate) fn canonical(value: &str, out: &mut String) {
    out.clear();
    if value.is_ascii() {
        return value.as_bytes().chunks(CHUNK_BYTES).for_each(|chunk| lower(chunk, out));
    }
    out.extend(value.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase));
}

/// The same for some bytes of ASCII.
fn lower(chunk: &[u8], out: &mut String) {
    let mut kept = [0; CHUNK_BYTES];
    let mut count = 0;
    for byte in chunk {
        // Without a branch for each byte.
        kept[count] = byte.to_ascii_lowercase();
        count += usize::from(byte.is_ascii_alphanumeric());
    }
    out.push_str(str::from_utf8(&kept[..count]).unwrap_or_default());
}

/// How far a sequence had come, as a value to look for: it tells how many there are at the source.
pub(crate) fn sequence_value(name: &str, value: i64) -> String {
    format!("sequence {name} at {value}")
}

/// Hashes values under the key.
#[derive(Clone)]
pub(crate) struct Prints {
    values: Permutation,
    batches: Permutation,
}

impl Prints {
    pub(crate) fn new(key: &Key) -> Prints {
        Prints {
            values: Permutation::new(key, "fingerprints"),
            batches: Permutation::new(key, "batches"),
        }
    }

    /// The fingerprint of a canonical form; `None` if it is too short to be anybody's.
    pub(crate) fn of(&self, canonical: &str) -> Option<u64> {
        (canonical.len() >= CANONICAL_BYTES_MIN).then(|| self.values.hash(canonical.as_bytes()))
    }

    /// By which a batch of rows is known again.
    pub(crate) fn batch(&self, rows: &[u8]) -> u64 {
        self.batches.hash(rows)
    }
}

/// Fingerprints of what went through one batch.
pub(crate) struct Recorder<'a> {
    prints: &'a Prints,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    buffer: String,
    source: Vec<u64>,
    masked: Vec<u64>,
}

impl Recorder<'_> {
    pub(crate) fn new(prints: &Prints) -> Recorder<'_> {
        Recorder { prints, state: RefCell::new(State::default()) }
    }

    /// Fingerprints of the source's values, and of masked values that may be somebody else's by chance;
    /// both sorted, each once.
    pub(crate) fn finish(self) -> (Vec<u64>, Vec<u64>) {
        let State { mut source, mut masked, .. } = self.state.into_inner();
        for all in [&mut source, &mut masked] {
            all.sort_unstable();
            all.dedup();
        }
        (source, masked)
    }
}

/// Whether a value of this kind names one person or thing: of names those with two words, of prose what
/// is long, and no address of a machine itself.
fn tells(kind: Kind, source: &str) -> bool {
    match kind {
        Kind::Name => source.trim().contains(' '),
        Kind::Prose => source.len() >= PROSE_BYTES_MIN,
        Kind::Command => source.len() >= PROSE_BYTES_MIN || source.contains('@'),
        Kind::Ip => !source.starts_with("127.") && !source.starts_with("0.0.0.0"),
        _ => true,
    }
}

impl Witness for Recorder<'_> {
    fn saw(&self, kind: Kind, source: &str, masked: &str) {
        if !tells(kind, source) {
            return;
        }
        let state = &mut *self.state.borrow_mut();
        canonical(source, &mut state.buffer);
        let Some(print) = self.prints.of(&state.buffer) else { return };
        state.source.push(print);
        if kind.may_coincide() {
            canonical(masked, &mut state.buffer);
            state.masked.extend(self.prints.of(&state.buffer));
        }
    }
}
