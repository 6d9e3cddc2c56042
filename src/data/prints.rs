//! Fingerprints of sensitive values: keyed hashes, by which a value can be looked for in an archive or a
//! database without being kept, and which tell nothing to whoever has no key.

use super::mask::{Ends, Key, Kind, Permutation, Witness};
use std::cell::RefCell;

/// Canonical forms shorter than this are too common to be anybody's.
const CANONICAL_BYTES_MIN: usize = 7;
/// Bytes that are lowered at once.
const CHUNK_BYTES: usize = 64;
/// Prose shorter than this may be a phrase that everybody uses.
const PROSE_BYTES_MIN: usize = 24;

/// What each byte of ASCII becomes in a canonical form; those that are left out become 0.
const LOWERED: [u8; 128] = {
    let mut all = [0; 128];
    let mut byte = 0u8;
    while byte < 128 {
        if byte.is_ascii_alphanumeric() {
            all[byte as usize] = byte.to_ascii_lowercase();
        }
        byte += 1;
    }
    all
};

/// Appends the bytes of `value` in lower case, without all that is no letter or digit, so that one value
/// written in two ways is found.
pub(crate) fn canonical(value: &str, out: &mut Vec<u8>) {
    if !value.is_ascii() {
        let letters = value.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase);
        let mut room = [0; 4];
        return letters.for_each(|c| out.extend_from_slice(c.encode_utf8(&mut room).as_bytes()));
    }
    for chunk in value.as_bytes().chunks(CHUNK_BYTES) {
        let (mut kept, mut count) = ([0; CHUNK_BYTES], 0);
        for byte in chunk {
            // Without a branch for each byte: what is left out is written over. No chunk is longer than
            // the room, which the remainder tells the compiler.
            let lowered = LOWERED[usize::from(byte & 0x7f)];
            kept[count % CHUNK_BYTES] = lowered;
            count += usize::from(lowered != 0);
        }
        out.extend_from_slice(&kept[..count]);
    }
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
    pub(crate) fn of(&self, canonical: &[u8]) -> Option<u64> {
        (canonical.len() >= CANONICAL_BYTES_MIN).then(|| self.values.hash(canonical))
    }

    /// Appends the fingerprints of several canonical forms, of those that are long enough.
    pub(crate) fn each<'f>(&self, forms: impl Iterator<Item = &'f [u8]>, out: &mut Vec<u64>) {
        self.values.hash_all(forms.filter(|form| form.len() >= CANONICAL_BYTES_MIN), out);
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

/// Canonical forms one behind the other.
#[derive(Default)]
struct Forms {
    bytes: Vec<u8>,
    ends: Ends,
}

impl Forms {
    fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    /// Adds that of `value`; its length.
    fn add(&mut self, value: &str) -> usize {
        let begin = self.bytes.len();
        canonical(value, &mut self.bytes);
        self.ends.end(self.bytes.len());
        self.bytes.len() - begin
    }

    fn all(&self) -> impl Iterator<Item = &[u8]> {
        self.ends.all().map(|form| &self.bytes[form])
    }
}

#[derive(Default)]
struct State {
    /// Of values, and of what they became.
    forms: [Forms; 2],
    source: Vec<u64>,
    masked: Vec<u64>,
}

impl Recorder<'_> {
    pub(crate) fn new(prints: &Prints) -> Recorder<'_> {
        Recorder { prints, state: RefCell::new(State::default()) }
    }

    /// Fingerprints of the source's values, and of masked values that may be somebody else's by chance; as
    /// they came. Those of many batches are sorted together.
    pub(crate) fn finish(self) -> (Vec<u64>, Vec<u64>) {
        let State { source, masked, .. } = self.state.into_inner();
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
    fn saw(&self, kind: Kind, all: &[(&str, &str)]) {
        let State { forms: [sources, becomes], source, masked } = &mut *self.state.borrow_mut();
        sources.clear();
        becomes.clear();
        for (value, made) in all.iter().filter(|(value, _)| tells(kind, value)) {
            let length = sources.add(value);
            if length >= CANONICAL_BYTES_MIN && kind.may_coincide() {
                becomes.add(made);
            }
        }
        self.prints.each(sources.all(), source);
        self.prints.each(becomes.all(), masked);
    }
}
