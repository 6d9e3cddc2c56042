//! <https://docs.aws.amazon.com/kms/latest/APIReference/API_ReEncrypt.html>

use super::cryptic::Cryptic;
use super::decrypt::{check_blob, check_modifiers, ignores, open, which};
use super::encrypt::{Pairs, algorithm, seal, suits};
use super::permit::{Permit, Permitted, Which};
use crate::services::kms::bytes::Blob;
use crate::services::kms::check::{self, Check, given};
use crate::services::kms::error::Error;
use crate::services::kms::limits::*;
use crate::services::kms::material::Vault;
use crate::services::kms::spec::{EncryptionAlgorithm, Usage};
use serde::{Deserialize, Serialize};

/// `ReEncrypt`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ReEncrypt {
    ciphertext_blob: Option<Blob>,
    source_encryption_context: Option<Pairs>,
    source_key_id: Option<String>,
    destination_key_id: Option<String>,
    destination_encryption_context: Option<Pairs>,
    source_encryption_algorithm: Option<String>,
    destination_encryption_algorithm: Option<String>,
    grant_tokens: Option<Vec<String>>,
    dry_run: Option<bool>,
    dry_run_modifiers: Option<Vec<String>>,
}

/// What it answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ReEncrypted {
    ciphertext_blob: Blob,
    source_key_id: String,
    key_id: String,
    source_encryption_algorithm: EncryptionAlgorithm,
    destination_encryption_algorithm: EncryptionAlgorithm,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_key_material_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    destination_key_material_id: Option<String>,
}

impl ReEncrypt {
    fn check(&self) -> Result<(), Error> {
        let mut rules = Check::new();
        let ignored = ignores(self.dry_run, self.dry_run_modifiers.as_ref());
        check_blob(&mut rules, self.ciphertext_blob.as_ref(), ignored);
        rules.length("sourceKeyId", self.source_key_id.as_ref(), (1, KEY_ID_CHARS_MAX));
        rules.key_id("destinationKeyId", self.destination_key_id.as_ref());
        for (at, named) in [
            ("sourceEncryptionAlgorithm", &self.source_encryption_algorithm),
            ("destinationEncryptionAlgorithm", &self.destination_encryption_algorithm),
        ] {
            rules.one_of(at, named.as_ref(), EncryptionAlgorithm::NAMES);
        }
        rules.grant_tokens(self.grant_tokens.as_ref());
        check_modifiers(&mut rules, self.dry_run_modifiers.as_ref());
        rules.done()?;
        check::context(self.source_encryption_context.as_ref())?;
        check::context(self.destination_encryption_context.as_ref())
    }

    fn how(&self) -> (EncryptionAlgorithm, EncryptionAlgorithm) {
        (
            algorithm(self.source_encryption_algorithm.as_ref()),
            algorithm(self.destination_encryption_algorithm.as_ref()),
        )
    }
}

/// Source and destination.
fn both(keys: &[Permitted]) -> Result<(&Permitted, &Permitted), Error> {
    match keys {
        [source, destination] => Ok((source, destination)),
        _ => Err(Error::Internal("two keys were asked for")),
    }
}

impl Cryptic for ReEncrypt {
    type Output = ReEncrypted;
    const NAME: &'static str = "ReEncrypt";

    fn permits(&self) -> Result<Vec<Permit>, Error> {
        self.check()?;
        let permit = |which| Permit {
            which,
            usage: Usage::EncryptDecrypt,
            operation: Self::NAME,
            tokens: self.grant_tokens.clone().unwrap_or_default(),
        };
        let (blob, said) = (self.ciphertext_blob.as_ref(), self.source_key_id.as_ref());
        let source = which(blob, said, self.how().0)?;
        let destination = Which::Named(given(self.destination_key_id.clone())?);
        Ok(vec![permit(source), permit(destination)])
    }

    fn dry_run(&self) -> bool {
        self.dry_run == Some(true)
    }

    fn fits(&self, keys: &[Permitted]) -> Result<(), Error> {
        let ((source, destination), (from, to)) = (both(keys)?, self.how());
        suits(source, from, self.source_encryption_context.as_ref())?;
        suits(destination, to, self.destination_encryption_context.as_ref())
    }

    fn carry_out(self, keys: &[Permitted], vault: &dyn Vault) -> Result<ReEncrypted, Error> {
        let ((source, destination), (from, to)) = (both(keys)?, self.how());
        let text = given(self.ciphertext_blob)?.0;
        let context = self.source_encryption_context.unwrap_or_default();
        let plain = open(source, vault, from, &context, &text)?;
        let context = self.destination_encryption_context.unwrap_or_default();
        Ok(ReEncrypted {
            ciphertext_blob: Blob(seal(destination, vault, to, &context, &plain)?),
            source_key_id: source.arn(),
            key_id: destination.arn(),
            source_encryption_algorithm: from,
            destination_encryption_algorithm: to,
            source_key_material_id: source.material_id(),
            destination_key_material_id: destination.material_id(),
        })
    }
}
