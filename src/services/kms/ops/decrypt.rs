//! <https://docs.aws.amazon.com/kms/latest/APIReference/API_Decrypt.html>
//!
//! A symmetric ciphertext names its key itself; for RSA the caller must.

use super::cryptic::{Cryptic, no_recipient, only};
use super::encrypt::{Pairs, algorithm, suits};
use super::permit::{Permit, Permitted, Which};
use crate::services::kms::blob::Envelope;
use crate::services::kms::bytes::Blob;
use crate::services::kms::check::{self, Check, given};
use crate::services::kms::crypto::{rsa, symmetric};
use crate::services::kms::error::Error;
use crate::services::kms::limits::*;
use crate::services::kms::material::{Clear, Vault};
use crate::services::kms::spec::{EncryptionAlgorithm, Usage};
use serde::{Deserialize, Serialize};

/// What a dry run may leave out.
pub const DRY_RUN_MODIFIERS: &[&str] = &["IGNORE_CIPHERTEXT"];

/// `Decrypt`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Decrypt {
    /// What to decrypt.
    pub ciphertext_blob: Option<Blob>,
    /// Encryption context.
    pub encryption_context: Option<Pairs>,
    /// Grant tokens.
    pub grant_tokens: Option<Vec<String>>,
    /// Key.
    pub key_id: Option<String>,
    /// How.
    pub encryption_algorithm: Option<String>,
    /// Not served.
    pub recipient: Option<serde_json::Value>,
    /// Only to say if it would work.
    pub dry_run: Option<bool>,
    /// What a dry run may leave out.
    pub dry_run_modifiers: Option<Vec<String>>,
}

/// What it answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Plain {
    /// The key's ARN.
    pub key_id: String,
    /// The text.
    pub plaintext: Blob,
    /// How.
    pub encryption_algorithm: EncryptionAlgorithm,
    /// The material, for symmetric keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_material_id: Option<String>,
}

/// What leads to the key of a ciphertext: the text itself, or what the caller says.
pub fn which(
    blob: Option<&Blob>,
    named: Option<&String>,
    how: EncryptionAlgorithm,
) -> Result<Which, Error> {
    match (blob, how) {
        (Some(blob), EncryptionAlgorithm::Symmetric) => {
            let envelope = Envelope::read(&blob.0)?;
            Ok(Which::OfMaterial(envelope.material, named.cloned()))
        }
        _ => named.cloned().map(Which::Named).ok_or_else(|| {
            Error::invalid("KeyId is required for decryption with an asymmetric key.")
        }),
    }
}

/// Whether a dry run was asked for without a ciphertext.
pub fn ignores(dry_run: Option<bool>, modifiers: Option<&Vec<String>>) -> bool {
    let named = modifiers.is_some_and(|m| m.iter().any(|m| m == DRY_RUN_MODIFIERS[0]));
    dry_run == Some(true) && named
}

/// The single members of a ciphertext to be decrypted.
pub fn check_blob(rules: &mut Check, blob: Option<&Blob>, ignored: bool) {
    if !ignored {
        rules.there("ciphertextBlob", blob);
    }
    rules.bytes("ciphertextBlob", blob, CIPHERTEXT_BYTES_MAX, false);
}

/// The modifiers' names.
pub fn check_modifiers(rules: &mut Check, modifiers: Option<&Vec<String>>) {
    for modifier in modifiers.into_iter().flatten() {
        rules.one_of("dryRunModifiers", Some(modifier), DRY_RUN_MODIFIERS);
    }
}

/// Decrypts with a permitted key.
pub fn open(
    key: &Permitted,
    vault: &dyn Vault,
    how: EncryptionAlgorithm,
    context: &Pairs,
    text: &[u8],
) -> Result<Clear, Error> {
    let clear = key.open(vault)?;
    if how != EncryptionAlgorithm::Symmetric {
        return rsa::decrypt(&clear, how, text);
    }
    symmetric::Key::new(&clear)?.open(&Envelope::read(text)?, &key.at.id, context)
}

impl Cryptic for Decrypt {
    type Output = Plain;
    const NAME: &'static str = "Decrypt";

    fn permits(&self) -> Result<Vec<Permit>, Error> {
        let mut rules = Check::new();
        let ignored = ignores(self.dry_run, self.dry_run_modifiers.as_ref());
        check_blob(&mut rules, self.ciphertext_blob.as_ref(), ignored);
        rules.length("keyId", self.key_id.as_ref(), (1, KEY_ID_CHARS_MAX));
        let named = self.encryption_algorithm.as_ref();
        rules.one_of("encryptionAlgorithm", named, EncryptionAlgorithm::NAMES);
        rules.grant_tokens(self.grant_tokens.as_ref());
        check_modifiers(&mut rules, self.dry_run_modifiers.as_ref());
        rules.done()?;
        check::context(self.encryption_context.as_ref())?;
        no_recipient(self.recipient.as_ref())?;
        let how = algorithm(named);
        Ok(vec![Permit {
            which: which(self.ciphertext_blob.as_ref(), self.key_id.as_ref(), how)?,
            usage: Usage::EncryptDecrypt,
            operation: Self::NAME,
            tokens: self.grant_tokens.clone().unwrap_or_default(),
        }])
    }

    fn dry_run(&self) -> bool {
        self.dry_run == Some(true)
    }

    fn fits(&self, keys: &[Permitted]) -> Result<(), Error> {
        let how = algorithm(self.encryption_algorithm.as_ref());
        suits(only(keys)?, how, self.encryption_context.as_ref())
    }

    fn carry_out(self, keys: &[Permitted], vault: &dyn Vault) -> Result<Plain, Error> {
        let (key, how) = (only(keys)?, algorithm(self.encryption_algorithm.as_ref()));
        let text = given(self.ciphertext_blob)?.0;
        let context = self.encryption_context.unwrap_or_default();
        let plain = open(key, vault, how, &context, &text)?;
        Ok(Plain {
            key_id: key.arn(),
            plaintext: Blob(plain.to_vec()),
            encryption_algorithm: how,
            key_material_id: key.material_id(),
        })
    }
}
