//! <https://docs.aws.amazon.com/kms/latest/APIReference/API_GenerateDataKey.html> and
//! `API_GenerateDataKeyWithoutPlaintext`.

use super::cryptic::{Cryptic, no_recipient, only};
use super::encrypt::{Pairs, seal, suits};
use super::permit::{Permit, Permitted};
use crate::services::kms::bytes::Blob;
use crate::services::kms::check::{self, Check};
use crate::services::kms::crypto;
use crate::services::kms::error::Error;
use crate::services::kms::limits::*;
use crate::services::kms::material::Vault;
use crate::services::kms::spec::{EncryptionAlgorithm, Usage};
use serde::{Deserialize, Serialize};

/// The lengths that have a name.
const SPECS: &[&str] = &["AES_256", "AES_128"];

/// What both operations ask.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DataKeyInput {
    /// Key.
    pub key_id: Option<String>,
    /// Encryption context.
    pub encryption_context: Option<Pairs>,
    /// Length.
    pub number_of_bytes: Option<i64>,
    /// Length, by name.
    pub key_spec: Option<String>,
    /// Grant tokens.
    pub grant_tokens: Option<Vec<String>>,
    /// Not served.
    pub recipient: Option<serde_json::Value>,
    /// Only to say if it would work.
    pub dry_run: Option<bool>,
}

/// What both answer; one of them without the plaintext.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct GeneratedKey {
    /// The data key, encrypted.
    pub ciphertext_blob: Blob,
    /// The data key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plaintext: Option<Blob>,
    /// The key's ARN.
    pub key_id: String,
    /// The material under which it is encrypted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_material_id: Option<String>,
}

impl DataKeyInput {
    fn length(&self) -> Result<usize, Error> {
        match (self.number_of_bytes, self.key_spec.as_deref()) {
            (Some(bytes), None) => Ok(bytes as usize),
            (None, Some("AES_128")) => Ok(16),
            (None, Some(_)) => Ok(32),
            (None, None) | (Some(_), Some(_)) => {
                Err(Error::invalid("Please specify either number of bytes or key spec."))
            }
        }
    }

    fn permit(&self, operation: &'static str) -> Result<Vec<Permit>, Error> {
        let mut rules = Check::new();
        rules.key_id("keyId", self.key_id.as_ref());
        rules.range("numberOfBytes", self.number_of_bytes, (1, RANDOM_BYTES_MAX));
        rules.one_of("keySpec", self.key_spec.as_ref(), SPECS);
        rules.grant_tokens(self.grant_tokens.as_ref());
        rules.done()?;
        check::context(self.encryption_context.as_ref())?;
        no_recipient(self.recipient.as_ref())?;
        self.length()?;
        Permit::named(&self.key_id, Usage::EncryptDecrypt, operation, &self.grant_tokens)
    }

    fn fits(&self, keys: &[Permitted]) -> Result<(), Error> {
        suits(only(keys)?, EncryptionAlgorithm::Symmetric, self.encryption_context.as_ref())
    }

    fn generate(self, keys: &[Permitted], vault: &dyn Vault) -> Result<GeneratedKey, Error> {
        let key = only(keys)?;
        let plaintext = crypto::random(self.length()?)?;
        let context = self.encryption_context.unwrap_or_default();
        let text = seal(key, vault, EncryptionAlgorithm::Symmetric, &context, &plaintext)?;
        Ok(GeneratedKey {
            ciphertext_blob: Blob(text),
            plaintext: Some(Blob(plaintext)),
            key_id: key.arn(),
            key_material_id: key.material_id(),
        })
    }
}

/// `GenerateDataKey`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct GenerateDataKey(pub DataKeyInput);

impl Cryptic for GenerateDataKey {
    type Output = GeneratedKey;
    const NAME: &'static str = "GenerateDataKey";

    fn permits(&self) -> Result<Vec<Permit>, Error> {
        self.0.permit(Self::NAME)
    }

    fn dry_run(&self) -> bool {
        self.0.dry_run == Some(true)
    }

    fn fits(&self, keys: &[Permitted]) -> Result<(), Error> {
        self.0.fits(keys)
    }

    fn carry_out(self, keys: &[Permitted], vault: &dyn Vault) -> Result<GeneratedKey, Error> {
        self.0.generate(keys, vault)
    }
}

/// `GenerateDataKeyWithoutPlaintext`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct GenerateDataKeyWithoutPlaintext(pub DataKeyInput);

impl Cryptic for GenerateDataKeyWithoutPlaintext {
    type Output = GeneratedKey;
    const NAME: &'static str = "GenerateDataKeyWithoutPlaintext";

    fn permits(&self) -> Result<Vec<Permit>, Error> {
        self.0.permit(Self::NAME)
    }

    fn dry_run(&self) -> bool {
        self.0.dry_run == Some(true)
    }

    fn fits(&self, keys: &[Permitted]) -> Result<(), Error> {
        self.0.fits(keys)
    }

    fn carry_out(self, keys: &[Permitted], vault: &dyn Vault) -> Result<GeneratedKey, Error> {
        Ok(GeneratedKey { plaintext: None, ..self.0.generate(keys, vault)? })
    }
}
