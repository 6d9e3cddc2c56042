//! Wrapped key material on its way in.
//!
//! <https://docs.aws.amazon.com/kms/latest/developerguide/importing-keys-encrypt-key-material.html>

use super::rsa;
use crate::services::kms::error::Error;
use crate::services::kms::material::Clear;
use crate::services::kms::spec::{EncryptionAlgorithm, WrappingAlgorithm};
use aws_lc_rs::key_wrap::{AES_256, AesKek, KeyWrapPadded};

/// Bytes of the AES key under which long material is wrapped.
const AES_KEY_BYTES: usize = 32;

/// The material in `wrapped`, which was made for the private key `clear` of `modulus` bytes.
pub fn unwrap(
    clear: &[u8],
    modulus: usize,
    algorithm: WrappingAlgorithm,
    wrapped: &[u8],
) -> Result<Clear, Error> {
    let hash = match algorithm {
        WrappingAlgorithm::OaepSha1 | WrappingAlgorithm::AesWrapSha1 => {
            EncryptionAlgorithm::OaepSha1
        }
        _ => EncryptionAlgorithm::OaepSha256,
    };
    if matches!(algorithm, WrappingAlgorithm::OaepSha1 | WrappingAlgorithm::OaepSha256) {
        return rsa::decrypt(clear, hash, wrapped);
    }
    let (head, rest) = wrapped.split_at_checked(modulus).ok_or(Error::InvalidCiphertext)?;
    let key = rsa::decrypt(clear, hash, head)?;
    if key.len() != AES_KEY_BYTES {
        return Err(Error::InvalidCiphertext);
    }
    let invalid = |_| Error::InvalidCiphertext;
    let kek = AesKek::new(&AES_256, &key).map_err(invalid)?;
    let mut material = vec![0; rest.len()];
    let length = kek.unwrap_with_padding(rest, &mut material).map_err(invalid)?.len();
    material.truncate(length);
    Ok(Clear::new(material))
}
