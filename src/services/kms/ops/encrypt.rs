//! <https://docs.aws.amazon.com/kms/latest/APIReference/API_Encrypt.html>

use super::cryptic::{Cryptic, knows, only};
use super::permit::{Permit, Permitted};
use crate::services::kms::bytes::Blob;
use crate::services::kms::check::{self, Check, given};
use crate::services::kms::crypto::{rsa, symmetric};
use crate::services::kms::error::Error;
use crate::services::kms::limits::*;
use crate::services::kms::material::Vault;
use crate::services::kms::spec::{EncryptionAlgorithm, Usage};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An encryption context.
pub type Pairs = BTreeMap<String, String>;

/// `Encrypt`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Encrypt {
    /// Key.
    pub key_id: Option<String>,
    /// What to encrypt.
    pub plaintext: Option<Blob>,
    /// Encryption context.
    pub encryption_context: Option<Pairs>,
    /// Grant tokens.
    pub grant_tokens: Option<Vec<String>>,
    /// How.
    pub encryption_algorithm: Option<String>,
    /// Only to say if it would work.
    pub dry_run: Option<bool>,
}

/// What it answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Encrypted {
    /// The ciphertext.
    pub ciphertext_blob: Blob,
    /// The key's ARN.
    pub key_id: String,
    /// How.
    pub encryption_algorithm: EncryptionAlgorithm,
}

impl Encrypt {
    fn algorithm(&self) -> EncryptionAlgorithm {
        algorithm(self.encryption_algorithm.as_ref())
    }
}

/// The algorithm of this name, which was checked; symmetric unless one is named.
pub fn algorithm(name: Option<&String>) -> EncryptionAlgorithm {
    name.and_then(|n| EncryptionAlgorithm::of(n)).unwrap_or(EncryptionAlgorithm::Symmetric)
}

/// Refuses an algorithm that the key does not know, and a context that it cannot bind.
pub fn suits(
    key: &Permitted,
    algorithm: EncryptionAlgorithm,
    context: Option<&Pairs>,
) -> Result<(), Error> {
    knows(key.spec.encryption_algorithms(), algorithm, algorithm.name(), key.spec)?;
    if algorithm != EncryptionAlgorithm::Symmetric && context.is_some_and(|c| !c.is_empty()) {
        return Err(Error::invalid(format!(
            "Encryption context is not supported with algorithm {}.",
            algorithm.name()
        )));
    }
    Ok(())
}

/// Encrypts under a permitted key.
pub fn seal(
    key: &Permitted,
    vault: &dyn Vault,
    algorithm: EncryptionAlgorithm,
    context: &Pairs,
    plaintext: &[u8],
) -> Result<Vec<u8>, Error> {
    if algorithm != EncryptionAlgorithm::Symmetric {
        return rsa::encrypt(key.spec, key.public()?, algorithm, plaintext);
    }
    let cipher = symmetric::Key::new(&key.open(vault)?)?;
    cipher.seal(key.material.record.id, &key.at.id, context, plaintext)
}

impl Cryptic for Encrypt {
    type Output = Encrypted;
    const NAME: &'static str = "Encrypt";

    fn permits(&self) -> Result<Vec<Permit>, Error> {
        let mut rules = Check::new();
        rules.key_id("keyId", self.key_id.as_ref());
        rules.there("plaintext", self.plaintext.as_ref());
        rules.bytes("plaintext", self.plaintext.as_ref(), PLAINTEXT_BYTES_MAX, true);
        let named = self.encryption_algorithm.as_ref();
        rules.one_of("encryptionAlgorithm", named, EncryptionAlgorithm::NAMES);
        rules.grant_tokens(self.grant_tokens.as_ref());
        rules.done()?;
        check::context(self.encryption_context.as_ref())?;
        Permit::named(&self.key_id, Usage::EncryptDecrypt, Self::NAME, &self.grant_tokens)
    }

    fn dry_run(&self) -> bool {
        self.dry_run == Some(true)
    }

    fn fits(&self, keys: &[Permitted]) -> Result<(), Error> {
        suits(only(keys)?, self.algorithm(), self.encryption_context.as_ref())
    }

    fn carry_out(self, keys: &[Permitted], vault: &dyn Vault) -> Result<Encrypted, Error> {
        let (key, how) = (only(keys)?, self.algorithm());
        let plaintext = given(self.plaintext)?.0;
        let context = self.encryption_context.unwrap_or_default();
        let text = seal(key, vault, how, &context, &plaintext)?;
        Ok(Encrypted { ciphertext_blob: Blob(text), key_id: key.arn(), encryption_algorithm: how })
    }
}
