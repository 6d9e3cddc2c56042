//! Fingerprints of sensitive values: keyed hashes, by which a value can be looked for in an archive or a
//! database without being kept, and which tell nothing to whoever has no key.

use super::mask::{Key, Kind, Padded, Permutation, ROOM_BYTES, Room, Texts, Witness};
use std::cell::RefCell;

/// Canonical forms shorter than this are too common to be anybody's.
const CANONICAL_BYTES_MIN: usize = 7;
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
    for chunk in value.as_bytes().chunks(ROOM_BYTES) {
        let mut room = [0; ROOM_BYTES];
        let count = lowered(chunk, &mut room);
        out.extend_from_slice(&room[..count]);
    }
}

/// Bytes that are lowered together.
const WORD_BYTES: usize = 8;
/// A byte in each place of a word.
const ONES: u64 = 0x0101_0101_0101_0101;

/// Letters and digits in lower case; `None`: there is something else among them. All bytes are ASCII.
fn lowered_word(word: [u8; WORD_BYTES]) -> Option<[u8; WORD_BYTES]> {
    // The top bit of each byte that is at least this one.
    let from = |word: u64, byte: u8| word + ONES * u64::from(0x80 - byte);
    let word = u64::from_le_bytes(word);
    let lower = word | (ONES * 0x20);
    let digits = from(word, b'0') & !from(word, b'9' + 1);
    let letters = from(lower, b'a') & !from(lower, b'z' + 1) & (ONES << 7);
    let all = (digits | letters) & (ONES << 7) == ONES << 7;
    all.then_some((word | letters >> 2).to_le_bytes())
}

/// Puts what [`canonical`] leaves of a chunk of ASCII into a room, with zeros behind it; how much it is.
fn lowered(chunk: &[u8], room: &mut Room) -> usize {
    let (words, rest) = chunk.as_chunks();
    let mut count = 0;
    for word in words {
        match (lowered_word(*word), room.get_mut(count..count + WORD_BYTES)) {
            (Some(lowered), Some(place)) => {
                place.copy_from_slice(&lowered);
                count += WORD_BYTES;
            }
            _ => lowered_bytes(word, room, &mut count),
        }
    }
    lowered_bytes(rest, room, &mut count);
    count
}

/// The same byte by byte, from `count` on.
fn lowered_bytes(bytes: &[u8], room: &mut Room, count: &mut usize) {
    for byte in bytes {
        // Without a branch for each byte: what is left out is a zero, and written over. No chunk is longer than
        // the room, which the remainder tells the compiler.
        let lowered = LOWERED[usize::from(byte & 0x7f)];
        room[*count % ROOM_BYTES] = lowered;
        *count += usize::from(lowered != 0);
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
        let mut long = Padded::default();
        forms.filter(|form| form.len() >= CANONICAL_BYTES_MIN).for_each(|form| long.add(form));
        self.values.hash_all(&long, out);
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

/// Adds the canonical form of `value`, if it is long enough to be somebody's.
fn add(value: &str, forms: &mut Padded, long: &mut Vec<u8>) -> bool {
    if value.len() <= ROOM_BYTES && value.is_ascii() {
        let write = |room: &mut Room| Some(lowered(value.as_bytes(), room));
        return forms.add_short(|room| write(room).filter(|count| *count >= CANONICAL_BYTES_MIN));
    }
    long.clear();
    canonical(value, long);
    let tells = long.len() >= CANONICAL_BYTES_MIN;
    if tells {
        forms.add(long);
    }
    tells
}

#[derive(Default)]
struct State {
    /// The canonical forms of values, and of what they became.
    forms: [Padded; 2],
    /// Room for a long one.
    long: Vec<u8>,
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
    fn saw(&self, kind: Kind, value: &str, made: &str) {
        self.state.borrow_mut().see(self.prints, kind, std::iter::once((value, made)));
    }

    fn saw_all(&self, kind: Kind, values: &[Option<&str>], (made, from): (&Texts, usize)) {
        let pairs = values.iter().zip(from..);
        let pairs = pairs.filter_map(|(value, nth)| Some(((*value)?, made.nth(nth))));
        self.state.borrow_mut().see(self.prints, kind, pairs);
    }
}

impl State {
    /// Of each pair the first became the second.
    fn see<'p>(
        &mut self,
        prints: &Prints,
        kind: Kind,
        pairs: impl Iterator<Item = (&'p str, &'p str)>,
    ) {
        let [sources, becomes] = &mut self.forms;
        sources.clear();
        becomes.clear();
        for (value, made) in pairs.filter(|(value, _)| tells(kind, value)) {
            if add(value, sources, &mut self.long) && kind.may_coincide() {
                add(made, becomes, &mut self.long);
            }
        }
        prints.values.hash_all(sources, &mut self.source);
        prints.values.hash_all(becomes, &mut self.masked);
    }
}
