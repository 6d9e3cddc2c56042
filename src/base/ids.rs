//! Identifiers: a seeded generator, so that a run with the same seed names everything alike.
//! Not for secrets: whoever knows the seed knows every id.

/// A generator of identifiers (xoshiro256**, seeded by SplitMix64).
#[derive(Debug, Clone)]
pub struct Ids {
    state: [u64; 4],
}

impl Ids {
    /// A generator whose whole output follows from `seed`.
    pub fn seeded(seed: u64) -> Self {
        let mut x = seed;
        let mut next = || {
            x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = x;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            z ^ (z >> 31)
        };
        Ids { state: [next(), next(), next(), next()] }
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        let s = &mut self.state;
        let result = s[1].wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// A version 4 UUID in lower case with hyphens.
    pub fn uuid(&mut self) -> String {
        let (hi, lo) = (self.next_u64(), self.next_u64());
        let hi = (hi & 0xFFFF_FFFF_FFFF_0FFF) | 0x4000;
        let lo = (lo & 0x3FFF_FFFF_FFFF_FFFF) | 0x8000_0000_0000_0000;
        uuid_text(u128::from(hi) << 64 | u128::from(lo))
    }

    /// `length` characters drawn from `alphabet`.
    pub fn text(&mut self, alphabet: &[u8], length: usize) -> String {
        (0..length)
            .map(|_| alphabet[(self.next_u64() % alphabet.len() as u64) as usize] as char)
            .collect()
    }

    /// `length` characters of `A-Za-z0-9`.
    pub fn alphanumeric(&mut self, length: usize) -> String {
        self.text(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", length)
    }

    /// Fills `bytes`.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let word = self.next_u64().to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
    }
}

/// The 32 hexadecimal digits of `bits`, in lower case and with a UUID's hyphens. By hand: formatting
/// took longer than all else that a request's id is for.
pub fn uuid_text(bits: u128) -> String {
    let mut text = String::with_capacity(36);
    for (n, byte) in bits.to_be_bytes().into_iter().enumerate() {
        if matches!(n, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        push_hex(byte, &mut text);
    }
    text
}

/// `bytes` as hexadecimal digits in lower case.
pub fn hex_text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    bytes.iter().for_each(|byte| push_hex(*byte, &mut text));
    text
}

fn push_hex(byte: u8, text: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    text.push(DIGITS[usize::from(byte >> 4)] as char);
    text.push(DIGITS[usize::from(byte & 15)] as char);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_lower_case_and_padded() {
        assert_eq!(uuid_text(0xa), "00000000-0000-0000-0000-00000000000a");
        let all = uuid_text(0x0123_4567_89AB_CDEF_0123_4567_89AB_CDEF);
        assert_eq!(all, "01234567-89ab-cdef-0123-456789abcdef");
        assert_eq!(hex_text(&[0, 0xAF]), "00af");
    }

    #[test]
    fn the_seed_decides_everything() {
        let (mut a, mut b) = (Ids::seeded(7), Ids::seeded(7));
        assert_eq!(a.uuid(), b.uuid());
        assert_ne!(a.uuid(), Ids::seeded(8).uuid());
        assert_eq!(a.alphanumeric(6).len(), 6);
    }

    #[test]
    fn uuids_are_version_4() {
        let mut ids = Ids::seeded(1);
        for _ in 0..100 {
            let id = ids.uuid();
            assert_eq!((id.len(), id.as_bytes()[14]), (36, b'4'));
            assert!(b"89ab".contains(&id.as_bytes()[19]), "{id}");
        }
    }
}
