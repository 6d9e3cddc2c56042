//! Making key pairs, and the public key of a private one.

use super::{Made, damaged};
use crate::services::kms::error::Error;
use crate::services::kms::material::Clear;
use crate::services::kms::spec::Spec;
use aws_lc_rs::agreement::{self, ECDH_P256, ECDH_P384, ECDH_P521};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::kem::{DecapsulationKey, ML_KEM_512, ML_KEM_768, ML_KEM_1024};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256K1_SHA256_ASN1_SIGNING,
    ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, ML_DSA_44_SIGNING, ML_DSA_65_SIGNING,
    ML_DSA_87_SIGNING, PqdsaKeyPair, PqdsaSigningAlgorithm, RsaKeyPair,
};

/// The curve's way to sign.
pub fn ecdsa(spec: Spec) -> Option<&'static EcdsaSigningAlgorithm> {
    match spec {
        Spec::P256 => Some(&ECDSA_P256_SHA256_ASN1_SIGNING),
        Spec::P384 => Some(&ECDSA_P384_SHA384_ASN1_SIGNING),
        Spec::P521 => Some(&ECDSA_P521_SHA512_ASN1_SIGNING),
        Spec::P256K1 => Some(&ECDSA_P256K1_SHA256_ASN1_SIGNING),
        _ => None,
    }
}

/// The lattice's way to sign.
pub fn mldsa(spec: Spec) -> Option<&'static PqdsaSigningAlgorithm> {
    match spec {
        Spec::MlDsa44 => Some(&ML_DSA_44_SIGNING),
        Spec::MlDsa65 => Some(&ML_DSA_65_SIGNING),
        Spec::MlDsa87 => Some(&ML_DSA_87_SIGNING),
        _ => None,
    }
}

/// The lattice's way to encapsulate, and the last byte of its object identifier.
pub fn mlkem(spec: Spec) -> Option<(&'static aws_lc_rs::kem::Algorithm, u8)> {
    match spec {
        Spec::MlKem512 => Some((&ML_KEM_512, 1)),
        Spec::MlKem768 => Some((&ML_KEM_768, 2)),
        Spec::MlKem1024 => Some((&ML_KEM_1024, 3)),
        _ => None,
    }
}

/// A new key pair.
pub fn make(spec: Spec) -> Result<Made, Error> {
    let pair =
        |clear: Vec<u8>, public: Vec<u8>| Made { clear: Clear::new(clear), public: Some(public) };
    let size = match spec {
        Spec::Rsa2048 => Some(KeySize::Rsa2048),
        Spec::Rsa3072 => Some(KeySize::Rsa3072),
        Spec::Rsa4096 => Some(KeySize::Rsa4096),
        _ => None,
    };
    if let Some(size) = size {
        let key = RsaKeyPair::generate(size).map_err(damaged)?;
        let der: Pkcs8V1Der<'_> = key.as_der().map_err(damaged)?;
        return Ok(pair(der.as_ref().to_vec(), x509(key.public_key())?));
    }
    if let Some(curve) = ecdsa(spec) {
        let key = EcdsaKeyPair::generate(curve).map_err(damaged)?;
        let der = key.to_pkcs8v1().map_err(damaged)?;
        return Ok(pair(der.as_ref().to_vec(), x509(key.public_key())?));
    }
    if let Some(lattice) = mldsa(spec) {
        let key = PqdsaKeyPair::generate(lattice).map_err(damaged)?;
        let der = key.to_pkcs8v1().map_err(damaged)?;
        return Ok(pair(der.as_ref().to_vec(), x509(key.public_key())?));
    }
    if let Some((lattice, last)) = mlkem(spec) {
        let key = DecapsulationKey::generate(lattice).map_err(damaged)?;
        let secret = key.key_bytes().map_err(damaged)?.as_ref().to_vec();
        let public = key.encapsulation_key().map_err(damaged)?;
        let public = public.key_bytes().map_err(damaged)?;
        return Ok(pair(secret, mlkem_der(last, public.as_ref())));
    }
    match spec {
        Spec::Ed25519 => {
            let key = Ed25519KeyPair::generate().map_err(damaged)?;
            let der = key.to_pkcs8v1().map_err(damaged)?;
            Ok(pair(der.as_ref().to_vec(), x509(key.public_key())?))
        }
        _ => Err(Error::NotServed(format!("keys of spec {}", spec.name()))),
    }
}

/// The public key of a PKCS #8 private key of this kind; anything else is refused as what it came
/// in: a ciphertext that does not hold what it should.
pub fn public_of(spec: Spec, clear: &[u8]) -> Result<Vec<u8>, Error> {
    let refused = |_| Error::InvalidCiphertext;
    if let Some(bits) = spec.rsa_bits() {
        let key = RsaKeyPair::from_pkcs8(clear).map_err(refused)?;
        if key.public_modulus_len() * 8 != bits {
            return Err(Error::InvalidCiphertext);
        }
        return x509(key.public_key());
    }
    if let Some(curve) = ecdsa(spec) {
        return x509(EcdsaKeyPair::from_pkcs8(curve, clear).map_err(refused)?.public_key());
    }
    if let Some(lattice) = mldsa(spec) {
        return x509(PqdsaKeyPair::from_pkcs8(lattice, clear).map_err(refused)?.public_key());
    }
    match spec {
        Spec::Ed25519 => {
            let key = Ed25519KeyPair::from_pkcs8_maybe_unchecked(clear).map_err(refused)?;
            x509(key.public_key())
        }
        _ => Err(Error::NotServed(format!("imported keys of spec {}", spec.name()))),
    }
}

/// What both sides get who each have the other's public key.
pub fn shared_secret(spec: Spec, clear: &[u8], peer: &[u8]) -> Result<Clear, Error> {
    let curve = match spec {
        Spec::P256 => &ECDH_P256,
        Spec::P384 => &ECDH_P384,
        Spec::P521 => &ECDH_P521,
        _ => return Err(damaged(())),
    };
    let own = agreement::PrivateKey::from_private_key_der(curve, clear).map_err(damaged)?;
    // Recorded: a public key of another curve, or none at all, is refused without a word.
    let peer = agreement::UnparsedPublicKey::new(curve, peer);
    agreement::agree(&own, peer, Error::invalid(""), |secret| Ok(Clear::new(secret.to_vec())))
}

fn x509<K>(key: &K) -> Result<Vec<u8>, Error>
where
    K: AsDer<PublicKeyX509Der<'static>>,
{
    key.as_der().map(|der| der.as_ref().to_vec()).map_err(damaged)
}

/// SubjectPublicKeyInfo of an ML-KEM key: the library has no encoder of it. The object identifiers are
/// 2.16.840.1.101.3.4.4.1 to .3. <https://www.rfc-editor.org/rfc/rfc9935>
fn mlkem_der(last: u8, key: &[u8]) -> Vec<u8> {
    let oid = [0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x04, last];
    let bits = tagged(0x03, &[&[0], key].concat());
    tagged(0x30, &[tagged(0x30, &oid), bits].concat())
}

/// The key in such a SubjectPublicKeyInfo, whose head has a fixed length.
pub fn mlkem_raw(der: &[u8], length: usize) -> Option<&[u8]> {
    der.len().checked_sub(length).map(|at| &der[at..])
}

fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut der = vec![tag];
    match length {
        0..128 => der.push(length as u8),
        128..256 => der.extend([0x81, length as u8]),
        _ => der.extend([0x82, (length >> 8) as u8, length as u8]),
    }
    der.extend_from_slice(content);
    der
}
