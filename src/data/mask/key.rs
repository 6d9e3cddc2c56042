//! The key of all masks. Whoever holds it can undo the reversible ones; without it a mask tells nothing
//! but the format of what was there. There is no default: an empty key is refused.

use crate::base::Problem;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Bytes that a key must have.
const KEY_BYTES_MIN: usize = 16;
/// Begins every derivation, so that another version of the masks gets other keys.
const CONTEXT: &[u8] = b"devenv data 1\0";

/// The secret from which every mask's own key is derived.
#[derive(Clone)]
pub(crate) struct Key {
    secret: Vec<u8>,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({})", self.id())
    }
}

impl Key {
    /// The key in a text, as an environment variable or a file holds it.
    pub(crate) fn from_text(text: &str) -> Result<Key, Problem> {
        let secret = text.trim().as_bytes().to_vec();
        if secret.len() < KEY_BYTES_MIN {
            let said = match secret.is_empty() {
                true => "the key of the masks is empty".to_owned(),
                false => format!("the key of the masks has less than {KEY_BYTES_MIN} characters"),
            };
            return Err(Problem::failed("data-key", said).hint(
                "set DEVENV_DATA_KEY, for instance to the output of `openssl rand -hex 32`",
            ));
        }
        Ok(Key { secret })
    }

    /// The key for one purpose.
    pub(crate) fn derive(&self, purpose: &str) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.secret)
            .unwrap_or_else(|_| unreachable!("HMAC takes keys of every length"));
        mac.update(CONTEXT);
        mac.update(purpose.as_bytes());
        mac.finalize().into_bytes().into()
    }

    /// Tells keys apart without telling anything of them.
    pub(crate) fn id(&self) -> String {
        hex::encode(&self.derive("id")[..8])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_or_short_key_is_refused() {
        for text in ["", "  \n", "short"] {
            assert_eq!(Key::from_text(text).expect_err("refused").code, "data-key");
        }
        assert!(Key::from_text("0123456789abcdef").is_ok());
    }

    /// The derivation is part of the format: another one would mask all that was pulled before differently.
    #[test]
    fn derived_keys_are_the_same_for_ever() {
        let key = Key::from_text("0123456789abcdef").expect("key");
        assert_eq!(key.id().len(), 16);
        assert_eq!(key.id(), Key::from_text(" 0123456789abcdef\n").expect("key").id());
        assert_ne!(key.derive("a"), key.derive("b"));
        assert!(!format!("{key:?}").contains("0123456789abcdef"));
    }
}
