//! Signatures of messages and of digests.

use super::asymmetric::{ecdsa, mldsa};
use super::damaged;
use crate::services::kms::error::Error;
use crate::services::kms::spec::{SigningAlgorithm, Spec};
use aws_lc_rs::digest::{self, Digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    self as lc, EcdsaKeyPair, Ed25519KeyPair, PqdsaKeyPair, RsaEncoding, RsaKeyPair,
    UnparsedPublicKey, VerificationAlgorithm,
};

/// What is signed.
#[derive(Debug, Clone, Copy)]
pub enum Signed<'a> {
    /// A message.
    Message(&'a [u8]),
    /// A message's digest.
    Digest(&'a [u8]),
}

/// The digest by which an algorithm signs; `None` where it takes messages only.
fn hash(algorithm: SigningAlgorithm) -> Option<&'static digest::Algorithm> {
    use SigningAlgorithm::*;
    match algorithm {
        PssSha256 | Pkcs1Sha256 | EcdsaSha256 => Some(&digest::SHA256),
        PssSha384 | Pkcs1Sha384 | EcdsaSha384 => Some(&digest::SHA384),
        PssSha512 | Pkcs1Sha512 | EcdsaSha512 => Some(&digest::SHA512),
        Sm2 | MlDsa | Ed25519 | Ed25519Ph => None,
    }
}

/// `bytes` as the digest that the algorithm takes.
fn digested(algorithm: SigningAlgorithm, bytes: &[u8]) -> Result<Digest, Error> {
    let Some(hash) = hash(algorithm) else {
        let text = format!("MessageType DIGEST is not valid for algorithm {}.", algorithm.name());
        return Err(Error::invalid(text));
    };
    Digest::import_less_safe(bytes, hash).map_err(|_| {
        Error::invalid(format!("Digest is invalid length for algorithm {}.", algorithm.name()))
    })
}

fn padding(algorithm: SigningAlgorithm) -> Option<&'static dyn RsaEncoding> {
    use SigningAlgorithm::*;
    Some(match algorithm {
        PssSha256 => &lc::RSA_PSS_SHA256,
        PssSha384 => &lc::RSA_PSS_SHA384,
        PssSha512 => &lc::RSA_PSS_SHA512,
        Pkcs1Sha256 => &lc::RSA_PKCS1_SHA256,
        Pkcs1Sha384 => &lc::RSA_PKCS1_SHA384,
        Pkcs1Sha512 => &lc::RSA_PKCS1_SHA512,
        _ => return None,
    })
}

/// Refuses what cannot be signed so, before any key is opened.
pub fn check(algorithm: SigningAlgorithm, what: Signed<'_>) -> Result<(), Error> {
    match what {
        Signed::Digest(bytes) => digested(algorithm, bytes).map(drop),
        Signed::Message(_) => Ok(()),
    }
}

/// Signs.
pub fn sign(
    spec: Spec,
    clear: &[u8],
    algorithm: SigningAlgorithm,
    what: Signed<'_>,
) -> Result<Vec<u8>, Error> {
    let random = SystemRandom::new();
    if let Some(padding) = padding(algorithm) {
        let key = RsaKeyPair::from_pkcs8(clear).map_err(damaged)?;
        let mut signature = vec![0; key.public_modulus_len()];
        match what {
            Signed::Message(bytes) => key.sign(padding, &random, bytes, &mut signature),
            Signed::Digest(bytes) => {
                key.sign_digest(padding, &digested(algorithm, bytes)?, &mut signature)
            }
        }
        .map_err(damaged)?;
        return Ok(signature);
    }
    if let Some(curve) = ecdsa(spec) {
        let key = EcdsaKeyPair::from_pkcs8(curve, clear).map_err(damaged)?;
        let signature = match what {
            Signed::Message(bytes) => key.sign(&random, bytes),
            Signed::Digest(bytes) => key.sign_digest(&digested(algorithm, bytes)?),
        };
        return Ok(signature.map_err(damaged)?.as_ref().to_vec());
    }
    let message = message_only(algorithm, what)?;
    if let Some(lattice) = mldsa(spec) {
        let key = PqdsaKeyPair::from_pkcs8(lattice, clear).map_err(damaged)?;
        let mut signature = vec![0; lattice.signature_len()];
        let length = key.sign(message, &mut signature).map_err(damaged)?;
        signature.truncate(length);
        return Ok(signature);
    }
    let key = Ed25519KeyPair::from_pkcs8_maybe_unchecked(clear).map_err(damaged)?;
    Ok(key.sign(message).as_ref().to_vec())
}

/// Whether `signature` is one of `what`.
pub fn verify(
    spec: Spec,
    public: &[u8],
    algorithm: SigningAlgorithm,
    what: Signed<'_>,
    signature: &[u8],
) -> Result<(), Error> {
    let key = UnparsedPublicKey::new(verifier(spec, algorithm)?, public);
    match what {
        Signed::Digest(bytes) => key.verify_digest(&digested(algorithm, bytes)?, signature),
        Signed::Message(bytes) => key.verify(bytes, signature),
    }
    .map_err(|_| Error::InvalidSignature)
}

fn verifier(
    spec: Spec,
    algorithm: SigningAlgorithm,
) -> Result<&'static dyn VerificationAlgorithm, Error> {
    use SigningAlgorithm::*;
    Ok(match (algorithm, spec) {
        (PssSha256, _) => &lc::RSA_PSS_2048_8192_SHA256,
        (PssSha384, _) => &lc::RSA_PSS_2048_8192_SHA384,
        (PssSha512, _) => &lc::RSA_PSS_2048_8192_SHA512,
        (Pkcs1Sha256, _) => &lc::RSA_PKCS1_2048_8192_SHA256,
        (Pkcs1Sha384, _) => &lc::RSA_PKCS1_2048_8192_SHA384,
        (Pkcs1Sha512, _) => &lc::RSA_PKCS1_2048_8192_SHA512,
        (_, Spec::P256) => &lc::ECDSA_P256_SHA256_ASN1,
        (_, Spec::P384) => &lc::ECDSA_P384_SHA384_ASN1,
        (_, Spec::P521) => &lc::ECDSA_P521_SHA512_ASN1,
        (_, Spec::P256K1) => &lc::ECDSA_P256K1_SHA256_ASN1,
        (_, Spec::MlDsa44) => &lc::ML_DSA_44,
        (_, Spec::MlDsa65) => &lc::ML_DSA_65,
        (_, Spec::MlDsa87) => &lc::ML_DSA_87,
        (Ed25519, _) => &lc::ED25519,
        _ => return Err(damaged(())),
    })
}

fn message_only<'a>(algorithm: SigningAlgorithm, what: Signed<'a>) -> Result<&'a [u8], Error> {
    match what {
        Signed::Message(bytes) => Ok(bytes),
        Signed::Digest(bytes) => digested(algorithm, bytes).and(Err(damaged(()))),
    }
}
