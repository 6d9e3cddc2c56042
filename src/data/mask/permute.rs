//! A keyed permutation of the numbers below any size: an alternating Feistel network over a×b ≥ size with
//! AES as its round function, walked until the result is below the size again (the construction of FF1 in
//! NIST SP 800-38G, with other encodings). Decision 008 says why not FF1 itself.

use super::divisor::{Divisor, less};
use super::key::Key;
use aes::Aes128;
use aes::cipher::{Block, BlockCipherEncrypt, KeyInit};

/// Rounds, as many as FF1 has.
const ROUNDS: u8 = 10;
/// Numbers that are permuted side by side.
pub(super) const LANES: usize = 128;
/// As many blocks as the widest processors encrypt at once.
const WIDE: usize = 64;
/// With more of them than this empty lanes go too, until the processor is full: what does not fill it is
/// encrypted one after the other.
pub(super) const LANES_FEW: usize = 8;
/// Bytes of a block of the cipher.
pub(super) const BLOCK_BYTES: usize = 16;
/// The largest size: halves must fit into 64 bits.
pub(crate) const SIZE_MAX: u128 = 1 << 122;

/// The halves of some numbers, and what they are permuted by.
struct Lanes {
    tweak: [u64; LANES],
    left: [u64; LANES],
    right: [u64; LANES],
    a: [Divisor; LANES],
    b: [Divisor; LANES],
}

impl Lanes {
    /// Of as many jobs as there are lanes, or fewer.
    fn of(jobs: &[Job]) -> Lanes {
        let (zero, one) = ([0; LANES], [Divisor::ONE; LANES]);
        let mut lanes = Lanes { tweak: zero, left: zero, right: zero, a: one, b: one };
        let mut before = Span { size: 1, a: 1, b: 1 };
        let (mut a, mut b) = (Divisor::ONE, Divisor::ONE);
        for (n, job) in jobs.iter().enumerate() {
            // Values of one shape are permuted within one size, and often stand together.
            if (job.span.a, job.span.b) != (before.a, before.b) {
                (before, a, b) = (job.span, Divisor::new(job.span.a), Divisor::new(job.span.b));
            }
            (lanes.left[n], lanes.right[n]) = match u64::try_from(job.x) {
                Ok(x) => b.divide(x),
                Err(_) => split(job.span, job.x),
            };
            (lanes.tweak[n], lanes.a[n], lanes.b[n]) = (job.tweak, a, b);
        }
        lanes
    }

    /// The blocks of a round, in which `half` goes in.
    fn blocks(&self, round: u8, half: &[u64; LANES], blocks: &mut [Block<Aes128>; LANES]) {
        for ((block, tweak), half) in blocks.iter_mut().zip(&self.tweak).zip(half) {
            *block = words(*tweak, round, *half).into();
        }
    }
}

/// Adds what came out of a round to the other halves.
fn mix_halves(halves: &mut [u64; LANES], blocks: &[Block<Aes128>], sizes: &[Divisor; LANES]) {
    for ((half, block), size) in halves.iter_mut().zip(blocks).zip(sizes) {
        *half = add(*half, size.divide(low(block)).1, size.by);
    }
}

/// How the numbers below a size are split into two halves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    size: u128,
    a: u64,
    b: u64,
}

impl Span {
    /// The numbers below `size`, which lies between 1 and [`SIZE_MAX`].
    pub(crate) fn new(size: u128) -> Span {
        debug_assert!((1..=SIZE_MAX).contains(&size));
        // Any a with a·b ≥ size does; IEEE 754 rounds the root the same way everywhere.
        #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
        #[allow(clippy::cast_sign_loss)]
        let (a, b) = match u64::try_from(size) {
            // The same numbers, without a division of 128 bits.
            Ok(small) => {
                let a = (small as f64).sqrt() as u64 + 1;
                (a, small.div_ceil(a))
            }
            Err(_) => {
                let a = (size as f64).sqrt() as u64 + 1;
                (a, u64::try_from(size.div_ceil(u128::from(a))).unwrap_or(u64::MAX))
            }
        };
        Span { size, a, b }
    }
}

/// A number to be permuted in place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Job {
    pub(crate) tweak: u64,
    pub(crate) span: Span,
    pub(crate) x: u128,
}

/// Permutations under one key, told apart by a tweak.
#[derive(Clone)]
pub(crate) struct Permutation {
    cipher: Aes128,
    id: u64,
}

impl Permutation {
    /// The permutations for one purpose.
    pub(crate) fn new(key: &Key, purpose: &str) -> Permutation {
        let derived = key.derive(purpose);
        let mut half = [0; 16];
        half.copy_from_slice(&derived[..16]);
        let id = u64::from_le_bytes(
            key.derive(&format!("id of {purpose}"))[..8].try_into().unwrap_or_default(),
        );
        Permutation { cipher: Aes128::new(&half.into()), id }
    }

    /// Tells permutations apart.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    pub(super) fn block(&self, block: [u8; 16]) -> [u8; 16] {
        let mut block = block.into();
        self.cipher.encrypt_block(&mut block);
        block.into()
    }

    pub(super) fn blocks(&self, blocks: &mut [Block<Aes128>]) {
        self.cipher.encrypt_blocks(blocks);
    }

    fn round(&self, tweak: u64, round: u8, half: u64) -> u64 {
        low(&self.block(words(tweak, round, half)))
    }

    /// Where `x` goes.
    pub(crate) fn forward(&self, tweak: u64, span: Span, x: u128) -> u128 {
        let mut x = x;
        loop {
            let (mut left, mut right) = split(span, x);
            for round in (0..ROUNDS).step_by(2) {
                left = add(left, self.round(tweak, round, right) % span.a, span.a);
                right = add(right, self.round(tweak, round + 1, left) % span.b, span.b);
            }
            x = u128::from(left) * u128::from(span.b) + u128::from(right);
            if x < span.size {
                return x;
            }
        }
    }

    /// What [`Self::forward`] does, for several numbers side by side: the rounds of one wait for each
    /// other, those of several do not.
    pub(crate) fn forward_all(&self, jobs: &mut [Job]) {
        for jobs in jobs.chunks_mut(LANES) {
            let mut lanes = Lanes::of(jobs);
            let mut blocks = [Block::<Aes128>::default(); LANES];
            let count = filled(jobs.len());
            for round in (0..ROUNDS).step_by(2) {
                lanes.blocks(round, &lanes.right, &mut blocks);
                self.cipher.encrypt_blocks(&mut blocks[..count]);
                mix_halves(&mut lanes.left, &blocks, &lanes.a);
                lanes.blocks(round + 1, &lanes.left, &mut blocks);
                self.cipher.encrypt_blocks(&mut blocks[..count]);
                mix_halves(&mut lanes.right, &blocks, &lanes.b);
            }
            for (job, (left, right)) in jobs.iter_mut().zip(lanes.left.iter().zip(&lanes.right)) {
                job.x = u128::from(*left) * u128::from(job.span.b) + u128::from(*right);
                if job.x >= job.span.size {
                    job.x = self.forward(job.tweak, job.span, job.x);
                }
            }
        }
    }

    /// Where `x` came from.
    pub(crate) fn backward(&self, tweak: u64, span: Span, x: u128) -> u128 {
        let mut x = x;
        loop {
            let (mut left, mut right) = split(span, x);
            for round in (0..ROUNDS).step_by(2).rev() {
                right = add(right, span.b - self.round(tweak, round + 1, left) % span.b, span.b);
                left = add(left, span.a - self.round(tweak, round, right) % span.a, span.a);
            }
            x = u128::from(left) * u128::from(span.b) + u128::from(right);
            if x < span.size {
                return x;
            }
        }
    }
}

/// How many lanes go when so many are taken.
pub(super) fn filled(lanes: usize) -> usize {
    if lanes > LANES_FEW { lanes.next_multiple_of(WIDE).min(LANES) } else { lanes }
}

/// The block of a round.
fn words(tweak: u64, round: u8, half: u64) -> [u8; 16] {
    // The tweak's top byte makes room for the round.
    let above = tweak & (u64::MAX >> 8) | u64::from(round) << 56;
    (u128::from(half) | u128::from(above) << 64).to_le_bytes()
}

/// The first half of a block.
pub(super) fn low(block: &[u8]) -> u64 {
    block.first_chunk().map_or(0, |half| u64::from_le_bytes(*half))
}

fn split(span: Span, x: u128) -> (u64, u64) {
    let b = u128::from(span.b);
    // Both are below 2^64 by the choice of a and b.
    match u64::try_from(x) {
        Ok(x) => (x / span.b, x % span.b),
        #[allow(clippy::cast_possible_truncation)]
        Err(_) => ((x / b) as u64, (x % b) as u64),
    }
}

/// The sum of two numbers of which the first is below `size` and the other at most `size`.
fn add(x: u64, y: u64, size: u64) -> u64 {
    less(x + y, size)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permutation() -> Permutation {
        Permutation::new(&Key::from_text("0123456789abcdef").expect("key"), "test")
    }

    #[test]
    fn small_sizes_are_permuted_without_a_collision() {
        let p = permutation();
        for size in [1u128, 2, 3, 9, 10, 90, 257, 900, 5000] {
            let span = Span::new(size);
            let mut seen: Vec<u128> = (0..size).map(|x| p.forward(7, span, x)).collect();
            seen.sort_unstable();
            assert!(seen.iter().copied().eq(0..size), "{size}");
        }
    }

    proptest::proptest! {
        #[test]
        fn backward_undoes_forward(bits in 1u32..122, x: u128, less: u64, tweak: u64) {
            let p = permutation();
            let size = ((1u128 << bits) - (u128::from(less) % (1 << (bits - 1)))).max(1);
            let (span, x) = (Span::new(size), x % size);
            let y = p.forward(tweak, span, x);
            proptest::prop_assert!(y < size);
            proptest::prop_assert_eq!(p.backward(tweak, span, y), x);
        }

        #[test]
        fn side_by_side_is_as_one_by_one(
            all in proptest::collection::vec((1u32..122, proptest::num::u128::ANY, proptest::num::u64::ANY), 0..150),
        ) {
            let p = permutation();
            let job = |(bits, x, tweak): (u32, u128, u64)| {
                let size = (1u128 << bits) - (u128::from(tweak) % (1 << (bits - 1)));
                Job { tweak, span: Span::new(size), x: x % size }
            };
            let mut jobs: Vec<Job> = all.into_iter().map(job).collect();
            let one: Vec<u128> = jobs.iter().map(|j| p.forward(j.tweak, j.span, j.x)).collect();
            p.forward_all(&mut jobs);
            proptest::prop_assert_eq!(jobs.iter().map(|j| j.x).collect::<Vec<_>>(), one);
        }
    }

    /// Fixed for ever: archives pulled by one version must match those of the next.
    #[test]
    fn the_permutation_does_not_change_between_versions() {
        let p = permutation();
        let some: Vec<u128> = (0..4).map(|x| p.forward(1, Span::new(1_000_000), x)).collect();
        assert_eq!(some, PINNED);
    }

    const PINNED: [u128; 4] = [832_980, 665_095, 632_596, 427_575];
}
