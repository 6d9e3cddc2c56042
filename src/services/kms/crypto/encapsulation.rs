//! ML-KEM: a shared secret and its encapsulated form.

use super::asymmetric::{mlkem, mlkem_raw};
use super::damaged;
use crate::services::kms::error::Error;
use crate::services::kms::material::Clear;
use crate::services::kms::spec::Spec;
use aws_lc_rs::kem::{Ciphertext, DecapsulationKey, EncapsulationKey};

/// Bytes of the encapsulation keys of FIPS 203, in the order of their strength.
const KEY_BYTES: [usize; 3] = [800, 1184, 1568];

/// A new shared secret for the holder of the private key.
pub fn encapsulate(spec: Spec, public: &[u8]) -> Result<(Clear, Vec<u8>), Error> {
    let (lattice, strength) = mlkem(spec).ok_or_else(|| damaged(()))?;
    let raw = mlkem_raw(public, KEY_BYTES[usize::from(strength) - 1]).ok_or_else(|| damaged(()))?;
    let key = EncapsulationKey::new(lattice, raw).map_err(damaged)?;
    let (text, secret) = key.encapsulate().map_err(damaged)?;
    Ok((Clear::new(secret.as_ref().to_vec()), text.as_ref().to_vec()))
}

/// The shared secret behind its encapsulated form.
pub fn decapsulate(spec: Spec, clear: &[u8], text: &[u8]) -> Result<Clear, Error> {
    let (lattice, _) = mlkem(spec).ok_or_else(|| damaged(()))?;
    let key = DecapsulationKey::new(lattice, clear).map_err(damaged)?;
    let secret = key.decapsulate(Ciphertext::from(text));
    secret.map(|s| Clear::new(s.as_ref().to_vec())).map_err(|_| Error::InvalidCiphertext)
}
