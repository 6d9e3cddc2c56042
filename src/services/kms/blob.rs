//! Ciphertexts of symmetric keys: opaque to clients, but with a head as AWS's have it (`AQICAHh…`),
//! then the id of the key material, a check on both, the nonce, and AES-256-GCM's output.
//!
//! Invariant: what is read here was written here or is refused; the key's id and the encryption
//! context are authenticated with the text, so a ciphertext opens under its own key and context only.

use super::error::Error;
use super::material::{MATERIAL_ID_BYTES, MaterialId};
use aws_lc_rs::digest;
use std::collections::BTreeMap;

/// The first bytes of a ciphertext: the format's version.
const HEAD: [u8; 5] = [1, 2, 2, 0, 0x78];
/// Bytes of the check on head and material.
const CHECK_BYTES: usize = 4;
/// Bytes of the nonce.
const NONCE_BYTES: usize = 12;
/// Bytes of the authentication tag, which ends the text.
const TAG_BYTES: usize = 16;

/// A ciphertext taken apart.
#[derive(Debug, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// The key material under which it was made.
    pub material: MaterialId,
    /// The nonce.
    pub nonce: [u8; NONCE_BYTES],
    /// The text with its tag.
    pub text: &'a [u8],
}

impl<'a> Envelope<'a> {
    /// Takes a ciphertext apart.
    pub fn read(blob: &'a [u8]) -> Result<Envelope<'a>, Error> {
        let invalid = || Error::InvalidCiphertext;
        let rest = blob.strip_prefix(&HEAD).ok_or_else(invalid)?;
        let (material, rest) = rest.split_first_chunk::<MATERIAL_ID_BYTES>().ok_or_else(invalid)?;
        let (check, rest) = rest.split_first_chunk::<CHECK_BYTES>().ok_or_else(invalid)?;
        let (nonce, text) = rest.split_first_chunk::<NONCE_BYTES>().ok_or_else(invalid)?;
        let material = MaterialId(*material);
        if *check != check_of(&material) || text.len() < TAG_BYTES {
            return Err(invalid());
        }
        Ok(Envelope { material, nonce: *nonce, text })
    }

    /// Puts a ciphertext together.
    pub fn write(&self) -> Vec<u8> {
        let head = [&HEAD[..], &self.material.0, &check_of(&self.material), &self.nonce].concat();
        [&head, self.text].concat()
    }
}

/// Tells a damaged ciphertext from one of a key that is not here.
fn check_of(material: &MaterialId) -> [u8; CHECK_BYTES] {
    let whole = digest::digest(&digest::SHA256, &[&HEAD[..], &material.0].concat());
    let mut check = [0; CHECK_BYTES];
    check.copy_from_slice(&whole.as_ref()[..CHECK_BYTES]);
    check
}

/// What is authenticated with a text: the key's id and the encryption context, each length before
/// its bytes, so that no two contexts are written alike.
pub fn authenticated(key_id: &str, context: &BTreeMap<String, String>) -> Vec<u8> {
    let pairs = context.iter().flat_map(|(key, value)| [key.as_str(), value.as_str()]);
    let mut bytes = Vec::new();
    for part in std::iter::once(key_id).chain(pairs) {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes
}

/// Entry point of the fuzzer: reads `data` as a ciphertext. What is read is written back as it was;
/// nothing panics.
pub fn fuzz(data: &[u8]) {
    if let Ok(envelope) = Envelope::read(data) {
        assert_eq!(envelope.write(), data);
    }
    // With a right head further bytes are reached.
    let material = MaterialId([7; MATERIAL_ID_BYTES]);
    let whole = [&HEAD[..], &material.0, &check_of(&material), data].concat();
    match Envelope::read(&whole) {
        Ok(envelope) => {
            assert_eq!((&envelope.material, envelope.write()), (&material, whole.clone()));
            let key = super::crypto::symmetric::Key::new(&[1; 32]);
            let opened = key.and_then(|key| key.open(&envelope, "k", &BTreeMap::new()));
            assert!(opened.is_err(), "a text that nobody enciphered");
        }
        Err(error) => assert_eq!(error, Error::InvalidCiphertext),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ciphertext_leads_back_and_every_damage_to_its_head_shows() {
        let envelope =
            Envelope { material: MaterialId([9; 32]), nonce: [3; 12], text: &[5; TAG_BYTES] };
        let blob = envelope.write();
        assert_eq!(Envelope::read(&blob).unwrap(), envelope);
        for at in 0..HEAD.len() + MATERIAL_ID_BYTES + CHECK_BYTES {
            let mut damaged = blob.clone();
            damaged[at] ^= 1;
            assert_eq!(Envelope::read(&damaged), Err(Error::InvalidCiphertext), "{at}");
        }
        for length in 0..blob.len() {
            assert!(Envelope::read(&blob[..length]).is_err());
        }
    }

    #[test]
    fn no_two_contexts_are_authenticated_alike() {
        let context = |pairs: &[(&str, &str)]| {
            let map = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            authenticated("k", &map)
        };
        assert_ne!(context(&[("a", "bc")]), context(&[("ab", "c")]));
        assert_ne!(context(&[("a", ""), ("b", "")]), context(&[("a", "b")]));
        assert_eq!(context(&[("b", "2"), ("a", "1")]), context(&[("a", "1"), ("b", "2")]));
    }
}
