//! Receipt handles: which message, and which of its receives.

use super::positions::Row;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

/// What a receipt handle says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// The message's row.
    pub row: Row,
    /// The receive's nonce.
    pub nonce: u64,
}

/// Leading bytes, so that handles begin with `AQEB` as AWS's do.
const MARK: [u8; 3] = [1, 1, 1];
/// The mark, queue, position, nonce and check.
const BYTES: usize = 29;

impl Receipt {
    /// The handle's text.
    pub fn text(self) -> String {
        let mut bytes = [0; BYTES];
        bytes[..3].copy_from_slice(&MARK);
        bytes[3..11].copy_from_slice(&self.row.queue.to_be_bytes());
        bytes[11..19].copy_from_slice(&self.row.position.to_be_bytes());
        bytes[19..27].copy_from_slice(&self.nonce.to_be_bytes());
        bytes[27..].copy_from_slice(&self.check().to_be_bytes());
        BASE64.encode(bytes)
    }

    /// Reads a handle; `None` when it is not one of ours.
    pub fn parse(text: &str) -> Option<Receipt> {
        let bytes: [u8; BYTES] = BASE64.decode(text).ok()?.try_into().ok()?;
        let word = |at: usize| bytes[at..at + 8].iter().fold(0, |w, b| w << 8 | u64::from(*b));
        let row = Row { queue: word(3), position: word(11) };
        let receipt = Receipt { row, nonce: word(19) };
        let check = u16::from_be_bytes([bytes[27], bytes[28]]);
        (bytes[..3] == MARK && check == receipt.check()).then_some(receipt)
    }

    fn check(self) -> u16 {
        let Row { queue, position } = self.row;
        let mixed = position ^ queue.rotate_left(40) ^ self.nonce.rotate_left(17);
        let mixed = mixed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (mixed >> 48) as u16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_is_read_back_and_a_changed_one_refused() {
        let receipt = Receipt { row: Row { queue: 7, position: 3 }, nonce: u64::MAX - 5 };
        let text = receipt.text();
        assert!(text.starts_with("AQEB"), "{text}");
        assert_eq!(Receipt::parse(&text), Some(receipt));
        assert_eq!(Receipt::parse("garbage"), None);
        assert_eq!(Receipt::parse(""), None);
        let mut changed = text.into_bytes();
        changed[9] = if changed[9] == b'A' { b'B' } else { b'A' };
        assert_eq!(Receipt::parse(std::str::from_utf8(&changed).unwrap()), None);
    }
}
