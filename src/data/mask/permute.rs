//! A keyed permutation of the numbers below any size: an alternating Feistel network over a×b ≥ size with
//! AES as its round function, walked until the result is below the size again (the construction of FF1 in
//! NIST SP 800-38G, with other encodings). Decision 008 says why not FF1 itself.

use super::key::Key;
use aes::Aes128;
use aes::cipher::{BlockCipherEncrypt, KeyInit};

/// Rounds, as many as FF1 has.
const ROUNDS: u8 = 10;
/// The largest size: halves must fit into 64 bits.
pub(crate) const SIZE_MAX: u128 = 1 << 122;

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
        let a = (size as f64).sqrt() as u64 + 1;
        let b = size.div_ceil(u128::from(a));
        Span { size, a, b: u64::try_from(b).unwrap_or(u64::MAX) }
    }
}

/// Permutations under one key, told apart by a tweak.
#[derive(Clone)]
pub(crate) struct Permutation {
    cipher: Aes128,
}

impl Permutation {
    /// The permutations for one purpose.
    pub(crate) fn new(key: &Key, purpose: &str) -> Permutation {
        let derived = key.derive(purpose);
        let mut half = [0; 16];
        half.copy_from_slice(&derived[..16]);
        Permutation { cipher: Aes128::new(&half.into()) }
    }

    fn block(&self, block: [u8; 16]) -> [u8; 16] {
        let mut block = block.into();
        self.cipher.encrypt_block(&mut block);
        block.into()
    }

    fn round(&self, tweak: u64, round: u8, half: u64) -> u64 {
        let mut block = [0; 16];
        block[..8].copy_from_slice(&half.to_le_bytes());
        block[8..].copy_from_slice(&tweak.to_le_bytes());
        // The tweak's top byte makes room for the round.
        block[15] = round;
        let out = self.block(block);
        u64::from_le_bytes([out[0], out[1], out[2], out[3], out[4], out[5], out[6], out[7]])
    }

    /// Where `x` goes.
    pub(crate) fn forward(&self, tweak: u64, span: Span, x: u128) -> u128 {
        let mut x = x;
        loop {
            let (mut left, mut right) = split(span, x);
            for round in 0..ROUNDS {
                if round % 2 == 0 {
                    left = add(left, self.round(tweak, round, right) % span.a, span.a);
                } else {
                    right = add(right, self.round(tweak, round, left) % span.b, span.b);
                }
            }
            x = u128::from(left) * u128::from(span.b) + u128::from(right);
            if x < span.size {
                return x;
            }
        }
    }

    /// Where `x` came from.
    pub(crate) fn backward(&self, tweak: u64, span: Span, x: u128) -> u128 {
        let mut x = x;
        loop {
            let (mut left, mut right) = split(span, x);
            for round in (0..ROUNDS).rev() {
                if round % 2 == 0 {
                    left = add(left, span.a - self.round(tweak, round, right) % span.a, span.a);
                } else {
                    right = add(right, span.b - self.round(tweak, round, left) % span.b, span.b);
                }
            }
            x = u128::from(left) * u128::from(span.b) + u128::from(right);
            if x < span.size {
                return x;
            }
        }
    }

    /// A keyed hash: AES in CBC over the length and the bytes, which no other text continues.
    pub(crate) fn hash(&self, bytes: &[u8]) -> u64 {
        let mut state = [0; 16];
        state[..8].copy_from_slice(&(bytes.len() as u64).to_le_bytes());
        // A round that the permutation does not have.
        state[15] = 0xff;
        state = self.block(state);
        for chunk in bytes.chunks(16) {
            for (s, b) in state.iter_mut().zip(chunk) {
                *s ^= b;
            }
            state = self.block(state);
        }
        u64::from_le_bytes([
            state[0], state[1], state[2], state[3], state[4], state[5], state[6], state[7],
        ])
    }
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
    let sum = x + y;
    if sum >= size { sum - size } else { sum }
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
