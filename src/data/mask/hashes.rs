//! Keyed hashes of texts, one by one or many side by side.

use super::permute::{BLOCK_BYTES, LANES, LANES_FEW, Permutation, filled, low};
use aes::Aes128;
use aes::cipher::Block;

/// Bytes of a short text at the most.
pub(crate) const ROOM_BYTES: usize = 64;
/// Blocks that are told apart by their number when texts are hashed together: of longer ones the rest goes
/// alone.
const BLOCKS_COUNTED: usize = 1024;
/// Room for a short text.
pub(crate) type Room = [u8; ROOM_BYTES];

/// Texts one behind the other, each filled up with zeros to whole blocks.
#[derive(Default)]
pub(crate) struct Padded {
    blocks: Vec<[u8; BLOCK_BYTES]>,
    /// Where the blocks of each end, and how many bytes it has.
    ends: Vec<(usize, usize)>,
}

impl Padded {
    /// Forgets all of them, and keeps the room.
    pub(crate) fn clear(&mut self) {
        self.blocks.clear();
        self.ends.clear();
    }

    /// Adds a text.
    pub(crate) fn add(&mut self, text: &[u8]) {
        let (blocks, rest) = text.as_chunks();
        self.blocks.extend_from_slice(blocks);
        let mut last = [0; BLOCK_BYTES];
        last[..rest.len()].copy_from_slice(rest);
        self.blocks.extend((!rest.is_empty()).then_some(last));
        self.ends.push((self.blocks.len(), text.len()));
    }

    /// Adds the text that `write` puts into a room of zeros, behind which it leaves zeros; it answers how many
    /// bytes it is, or that there is none.
    pub(crate) fn add_short(&mut self, write: impl FnOnce(&mut Room) -> Option<usize>) -> bool {
        let begin = self.blocks.len();
        self.blocks.extend_from_slice(&[[0; BLOCK_BYTES]; ROOM_BYTES / BLOCK_BYTES]);
        let room = self.blocks.as_flattened_mut().last_chunk_mut();
        let length = room.and_then(write);
        let blocks = length.unwrap_or(0).div_ceil(BLOCK_BYTES);
        self.blocks.truncate(begin + blocks);
        self.ends.extend(length.map(|length| (begin + blocks, length)));
        length.is_some()
    }

    /// The texts with these numbers.
    fn some(&self, numbers: std::ops::Range<usize>) -> impl Iterator<Item = Lane<'_>> {
        let begin = numbers.start.checked_sub(1).map_or(0, |before| self.ends[before].0);
        self.ends[numbers].iter().scan(begin, |begin, (end, bytes)| {
            let blocks = &self.blocks[std::mem::replace(begin, *end)..*end];
            Some(Lane { blocks, bytes: *bytes })
        })
    }
}

/// A text that is hashed beside others.
#[derive(Clone, Copy, Default)]
struct Lane<'t> {
    blocks: &'t [[u8; BLOCK_BYTES]],
    bytes: usize,
}

impl Lane<'_> {
    fn mix(&self, nth: usize, state: &mut Block<Aes128>) {
        if let Some(block) = self.blocks.get(nth) {
            *state = (u128::from_le_bytes((*state).into()) ^ u128::from_le_bytes(*block))
                .to_le_bytes()
                .into();
        }
    }
}

impl Permutation {
    /// A keyed hash: AES in CBC over the length and the bytes, which no other text continues.
    pub(crate) fn hash(&self, bytes: &[u8]) -> u64 {
        let mut state = beginning(bytes.len()).into();
        let (blocks, rest) = bytes.as_chunks::<BLOCK_BYTES>();
        let mut last = [0; BLOCK_BYTES];
        last[..rest.len()].copy_from_slice(rest);
        self.blocks(std::slice::from_mut(&mut state));
        for block in blocks.iter().chain((!rest.is_empty()).then_some(&last)) {
            Lane { blocks: &[*block], bytes: 0 }.mix(0, &mut state);
            self.blocks(std::slice::from_mut(&mut state));
        }
        low(&state)
    }

    /// Appends the [`Self::hash`] of each of several texts, side by side.
    pub(crate) fn hash_all(&self, texts: &Padded, out: &mut Vec<u64>) {
        let count = texts.ends.len();
        for begin in (0..count).step_by(LANES) {
            let (mut lanes, end) = ([Lane::default(); LANES], count.min(begin + LANES));
            lanes.iter_mut().zip(texts.some(begin..end)).for_each(|(lane, text)| *lane = text);
            self.hash_lanes(&lanes[..end - begin], out);
        }
    }

    /// Appends the hashes of as many texts as there are lanes, or fewer. The lanes go on together as long as
    /// an eighth of them has more, and each one's hash is taken when it is through; what is much longer goes
    /// on alone, so that it does not have all others encrypted for nothing.
    fn hash_lanes(&self, lanes: &[Lane<'_>], out: &mut Vec<u64>) {
        let (mut states, mut hashes) = ([Block::<Aes128>::default(); LANES], [0; LANES]);
        let count = filled(lanes.len());
        for (state, text) in states.iter_mut().zip(lanes) {
            *state = beginning(text.bytes).into();
        }
        self.blocks(&mut states[..count]);
        let together = together(lanes);
        for nth in 0..together {
            for ((state, text), hash) in states.iter_mut().zip(lanes).zip(&mut hashes) {
                if nth == text.blocks.len() {
                    *hash = low(state);
                }
                text.mix(nth, state);
            }
            self.blocks(&mut states[..count]);
        }
        for ((state, text), hash) in states.iter_mut().zip(lanes).zip(&mut hashes) {
            for nth in together..text.blocks.len() {
                text.mix(nth, state);
                self.blocks(std::slice::from_mut(state));
            }
            if text.blocks.len() >= together {
                *hash = low(state);
            }
        }
        out.extend_from_slice(&hashes[..lanes.len()]);
    }
}

/// How many blocks the lanes go on together: as many as more than an eighth of them has.
fn together(lanes: &[Lane<'_>]) -> usize {
    // How many lanes have so many blocks; the last stands for all that have more.
    let (mut counts, mut most) = ([0u8; BLOCKS_COUNTED], 0);
    for text in lanes {
        let blocks = text.blocks.len().min(BLOCKS_COUNTED - 1);
        counts[blocks] += 1;
        most = most.max(blocks);
    }
    let mut more = 0;
    for (blocks, count) in counts[..=most].iter().enumerate().rev() {
        more += usize::from(*count);
        if more > lanes.len() / LANES_FEW {
            return blocks;
        }
    }
    0
}

/// What a hash of so many bytes begins with.
fn beginning(bytes: usize) -> [u8; BLOCK_BYTES] {
    let mut state = [0; BLOCK_BYTES];
    state[..8].copy_from_slice(&(bytes as u64).to_le_bytes());
    // A round that the permutation does not have.
    state[BLOCK_BYTES - 1] = 0xff;
    state
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::mask::key::Key;

    fn same(texts: &[Vec<u8>]) {
        let p = Permutation::new(&Key::from_text("0123456789abcdef").expect("key"), "test");
        let (mut padded, mut all) = (Padded::default(), Vec::new());
        texts.iter().for_each(|text| padded.add(text));
        p.hash_all(&padded, &mut all);
        assert_eq!(all, texts.iter().map(|t| p.hash(t)).collect::<Vec<_>>());
    }

    #[test]
    fn hashes_side_by_side_are_as_one_by_one() {
        let texts: Vec<Vec<u8>> = (0..400u16).map(|n| vec![7; usize::from(n) * 7 % 161]).collect();
        for count in [0, 1, 7, 8, 9, 50, 64, 65, 128, 129, 200, 400] {
            same(&texts[..count]);
        }
        // A few that are much longer than the others.
        for long in [0, 1, 5, 12] {
            let length = |n| if n % 9 < long { 999 } else { n };
            same(&(0..70).map(|n| vec![7; length(n)]).collect::<Vec<_>>());
        }
    }

    /// Fixed for ever: fingerprints of one version are looked for by the next.
    #[test]
    fn hashes_do_not_change_between_versions() {
        let p = Permutation::new(&Key::from_text("0123456789abcdef").expect("key"), "test");
        let texts = ["", "a", "0123456789abcdef", "0123456789abcdefg"];
        assert_eq!(texts.map(|text| p.hash(text.as_bytes())), PINNED);
    }

    const PINNED: [u64; 4] = [
        18_316_009_755_446_210_821,
        3_238_281_052_597_034_865,
        14_173_770_787_177_919_772,
        2_382_691_725_636_772_093,
    ];
}
