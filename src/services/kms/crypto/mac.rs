//! HMAC.

use crate::services::kms::error::Error;
use crate::services::kms::spec::MacAlgorithm;
use aws_lc_rs::hmac;

fn key(algorithm: MacAlgorithm, clear: &[u8]) -> hmac::Key {
    let algorithm = match algorithm {
        MacAlgorithm::Sha224 => hmac::HMAC_SHA224,
        MacAlgorithm::Sha256 => hmac::HMAC_SHA256,
        MacAlgorithm::Sha384 => hmac::HMAC_SHA384,
        MacAlgorithm::Sha512 => hmac::HMAC_SHA512,
    };
    hmac::Key::new(algorithm, clear)
}

/// The code of `message`.
pub fn generate(algorithm: MacAlgorithm, clear: &[u8], message: &[u8]) -> Vec<u8> {
    hmac::sign(&key(algorithm, clear), message).as_ref().to_vec()
}

/// Whether `mac` is the code of `message`, in constant time.
pub fn verify(
    algorithm: MacAlgorithm,
    clear: &[u8],
    message: &[u8],
    mac: &[u8],
) -> Result<(), Error> {
    hmac::verify(&key(algorithm, clear), message, mac).map_err(|_| Error::InvalidMac)
}
