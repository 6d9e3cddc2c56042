//! A filter of fingerprints: what it turns away is none of them, what passes it nearly always is one. A Bloom
//! filter whose bits for one fingerprint all lie in one word, so that a look costs one access to memory.

/// Bits of a word that one fingerprint sets.
const BITS: u32 = 5;
/// Bits of a filter for each fingerprint, as long as there is room: one look in a thousand passes by chance.
const BITS_EACH: u64 = 20;
/// With fewer bits too much passes.
const BITS_EACH_MIN: u64 = 10;
/// The largest filter.
const BYTES_MAX: u64 = 80 << 20;
/// The smallest, in words.
const WORDS_MIN: u64 = 1 << 10;

/// Fingerprints that one filter has room for.
pub(super) const ROOM: u64 = BYTES_MAX * 8 / BITS_EACH_MIN;

/// Remembers fingerprints, which are spread evenly as they are keyed hashes.
pub(super) struct Filter {
    words: Vec<u64>,
}

impl Filter {
    /// Has room for about `count` of them.
    pub(super) fn new(count: u64) -> Filter {
        let words = (count.saturating_mul(BITS_EACH) / 64).clamp(WORDS_MIN, BYTES_MAX / 8);
        Filter { words: vec![0; usize::try_from(words).unwrap_or(usize::MAX)] }
    }

    /// Which word, by the upper half, and which of its bits, by the lower one.
    #[allow(clippy::cast_possible_truncation, reason = "below the number of words")]
    fn place(&self, print: u64) -> (usize, u64) {
        let at = ((print >> 32) * self.words.len() as u64) >> 32;
        let bits = (0..BITS).fold(0, |bits, nth| bits | 1 << ((print >> (6 * nth)) & 63));
        (at as usize, bits)
    }

    pub(super) fn add(&mut self, print: u64) {
        let (at, bits) = self.place(print);
        self.words[at] |= bits;
    }

    /// `false`: it was not added.
    pub(super) fn may_hold(&self, print: u64) -> bool {
        let (at, bits) = self.place(print);
        self.words[at] & bits == bits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers that follow one another in SplitMix64, which are spread evenly.
    fn spread(n: u64) -> u64 {
        let mut z = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    #[test]
    fn what_was_added_is_held_and_little_else() {
        let mut filter = Filter::new(100_000);
        (0..100_000).for_each(|n| filter.add(spread(n)));
        assert!((0..100_000).all(|n| filter.may_hold(spread(n))));
        let by_chance = (100_000..1_100_000).filter(|n| filter.may_hold(spread(*n))).count();
        assert!(by_chance < 4000, "{by_chance} of a million");
    }

    #[test]
    fn a_filter_is_as_large_as_what_it_holds_up_to_a_bound() {
        let bytes = |count| Filter::new(count).words.len() as u64 * 8;
        assert_eq!(bytes(0), WORDS_MIN * 8);
        assert_eq!(bytes(1_000_000), 2_500_000);
        assert_eq!(bytes(u64::MAX), BYTES_MAX);
    }
}
