//! Symmetric keys: AES-256-GCM, whose output travels in [`Envelope`].

use super::{damaged, random};
use crate::services::kms::blob::{Envelope, authenticated};
use crate::services::kms::error::Error;
use crate::services::kms::material::{Clear, MaterialId};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use std::collections::BTreeMap;

/// A symmetric key.
#[derive(Debug)]
pub struct Key(LessSafeKey);

impl Key {
    /// With 32 bytes.
    pub fn new(clear: &[u8]) -> Result<Key, Error> {
        let key = UnboundKey::new(&AES_256_GCM, clear).map_err(damaged)?;
        Ok(Key(LessSafeKey::new(key)))
    }

    /// Enciphers `plaintext` for `key_id` and `context`.
    pub fn seal(
        &self,
        material: MaterialId,
        key_id: &str,
        context: &BTreeMap<String, String>,
        plaintext: &[u8],
    ) -> Result<Vec<u8>, Error> {
        let mut nonce = [0; 12];
        nonce.copy_from_slice(&random(12)?);
        let aad = Aad::from(authenticated(key_id, context));
        let mut text = plaintext.to_vec();
        let unique = Nonce::assume_unique_for_key(nonce);
        self.0.seal_in_place_append_tag(unique, aad, &mut text).map_err(damaged)?;
        Ok(Envelope { material, nonce, text: &text }.write())
    }

    /// Deciphers; a damaged text and another context are the same refusal.
    pub fn open(
        &self,
        envelope: &Envelope<'_>,
        key_id: &str,
        context: &BTreeMap<String, String>,
    ) -> Result<Clear, Error> {
        let aad = Aad::from(authenticated(key_id, context));
        let mut text = envelope.text.to_vec();
        let nonce = Nonce::assume_unique_for_key(envelope.nonce);
        let opened = self.0.open_in_place(nonce, aad, &mut text);
        let length = opened.map_err(|_| Error::InvalidCiphertext)?.len();
        text.truncate(length);
        Ok(Clear::new(text))
    }
}
