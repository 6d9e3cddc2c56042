//! Receipt handles: which message, and which of its receives.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

/// What a receipt handle says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// The message's row: queue and position.
    pub row: u64,
    /// The receive's nonce.
    pub nonce: u64,
}

/// Leading bytes, so that handles begin with `AQEB` as AWS's do.
const MARK: [u8; 3] = [1, 1, 1];

impl Receipt {
    /// The handle's text.
    pub fn text(self) -> String {
        let mut bytes = [0; 21];
        bytes[..3].copy_from_slice(&MARK);
        bytes[3..11].copy_from_slice(&self.row.to_be_bytes());
        bytes[11..19].copy_from_slice(&self.nonce.to_be_bytes());
        bytes[19..].copy_from_slice(&self.check().to_be_bytes());
        BASE64.encode(bytes)
    }

    /// Reads a handle; `None` when it is not one of ours.
    pub fn parse(text: &str) -> Option<Receipt> {
        let bytes: [u8; 21] = BASE64.decode(text).ok()?.try_into().ok()?;
        let word = |at: usize| bytes[at..at + 8].iter().fold(0, |w, b| w << 8 | u64::from(*b));
        let receipt = Receipt { row: word(3), nonce: word(11) };
        let check = u16::from_be_bytes([bytes[19], bytes[20]]);
        (bytes[..3] == MARK && check == receipt.check()).then_some(receipt)
    }

    fn check(self) -> u16 {
        let mixed = (self.row ^ self.nonce.rotate_left(17)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (mixed >> 48) as u16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_is_read_back_and_a_changed_one_refused() {
        let receipt = Receipt { row: 7 << 40 | 3, nonce: u64::MAX - 5 };
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
