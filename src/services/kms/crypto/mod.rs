//! The cryptography, from aws-lc-rs: bytes to bytes. Knows no key by name and no state.
//!
//! Material is 32 bytes (symmetric), as many as the digest has (HMAC), PKCS #8 DER (RSA, ECC, ML-DSA)
//! or the raw decapsulation key (ML-KEM); public keys are DER SubjectPublicKeyInfo, as AWS's are.

pub mod asymmetric;
pub mod encapsulation;
pub mod import;
pub mod mac;
pub mod rsa;
pub mod sign;
pub mod symmetric;

use super::error::Error;
use super::material::Clear;
use super::spec::Spec;
use aws_lc_rs::rand::{SecureRandom, SystemRandom};

/// New material of a kind.
#[derive(Debug)]
pub struct Made {
    /// The secret.
    pub clear: Clear,
    /// The public key.
    pub public: Option<Vec<u8>>,
}

/// Makes material for a key of this kind.
pub fn make(spec: Spec) -> Result<Made, Error> {
    match spec.material_bytes() {
        Some(length) => Ok(Made { clear: Clear::new(random(length)?), public: None }),
        None => asymmetric::make(spec),
    }
}

/// The public key of `clear` as material of a key of this kind, or a refusal: it is none.
pub fn public_of(spec: Spec, clear: &[u8]) -> Result<Option<Vec<u8>>, Error> {
    match spec.material_bytes() {
        Some(length) if clear.len() == length => Ok(None),
        Some(_) => Err(Error::InvalidCiphertext),
        None => asymmetric::public_of(spec, clear).map(Some),
    }
}

/// `length` random bytes.
pub fn random(length: usize) -> Result<Vec<u8>, Error> {
    let mut bytes = vec![0; length];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| Error::Internal("the machine gave no randomness"))?;
    Ok(bytes)
}

/// A key that was stored cannot be used.
fn damaged<E>(_: E) -> Error {
    Error::Internal("the key material cannot be used")
}
