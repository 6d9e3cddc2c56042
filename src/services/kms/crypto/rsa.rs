//! RSA OAEP. The ciphertext bears no key id, as AWS's does not: whoever decrypts names the key.

use super::damaged;
use crate::services::kms::error::Error;
use crate::services::kms::material::Clear;
use crate::services::kms::spec::{EncryptionAlgorithm, Spec};
use aws_lc_rs::rsa::{
    OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepAlgorithm, OaepPrivateDecryptingKey,
    OaepPublicEncryptingKey, PrivateDecryptingKey, PublicEncryptingKey,
};

/// The library's algorithm of this name.
fn oaep(algorithm: EncryptionAlgorithm) -> Result<&'static OaepAlgorithm, Error> {
    match algorithm {
        EncryptionAlgorithm::OaepSha1 => Ok(&OAEP_SHA1_MGF1SHA1),
        EncryptionAlgorithm::OaepSha256 => Ok(&OAEP_SHA256_MGF1SHA256),
        EncryptionAlgorithm::Symmetric | EncryptionAlgorithm::Sm2 => Err(damaged(())),
    }
}

/// Enciphers with a public key.
pub fn encrypt(
    spec: Spec,
    public: &[u8],
    algorithm: EncryptionAlgorithm,
    plaintext: &[u8],
) -> Result<Vec<u8>, Error> {
    let key = PublicEncryptingKey::from_der(public).map_err(damaged)?;
    let key = OaepPublicEncryptingKey::new(key).map_err(damaged)?;
    let hash = oaep(algorithm)?;
    let most = key.max_plaintext_size(hash);
    if plaintext.len() > most {
        return Err(Error::invalid(format!(
            "Algorithm {} and key spec {} cannot encrypt data larger than {most} bytes.",
            algorithm.name(),
            spec.name()
        )));
    }
    let mut text = vec![0; key.ciphertext_size()];
    let length = key.encrypt(hash, plaintext, &mut text, None).map_err(damaged)?.len();
    text.truncate(length);
    Ok(text)
}

/// Deciphers with a private key.
pub fn decrypt(clear: &[u8], algorithm: EncryptionAlgorithm, text: &[u8]) -> Result<Clear, Error> {
    let key = PrivateDecryptingKey::from_pkcs8(clear).map_err(damaged)?;
    let key = OaepPrivateDecryptingKey::new(key).map_err(damaged)?;
    let mut plain = vec![0; key.min_output_size()];
    let opened = key.decrypt(oaep(algorithm)?, text, &mut plain, None);
    let length = opened.map_err(|_| Error::InvalidCiphertext)?.len();
    plain.truncate(length);
    Ok(Clear::new(plain))
}
