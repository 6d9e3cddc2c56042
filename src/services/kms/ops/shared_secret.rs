//! <https://docs.aws.amazon.com/kms/latest/APIReference/API_DeriveSharedSecret.html>,
//! `API_Encapsulate` and `API_Decapsulate`.

use super::cryptic::{Cryptic, no_recipient, only};
use super::permit::{Permit, Permitted};
use crate::services::kms::bytes::Blob;
use crate::services::kms::check::{Check, given};
use crate::services::kms::crypto::{asymmetric, encapsulation};
use crate::services::kms::error::Error;
use crate::services::kms::limits::*;
use crate::services::kms::material::Vault;
use crate::services::kms::spec::{Origin, Usage};
use serde::{Deserialize, Serialize};

/// The only way to agree.
const ECDH: &str = "ECDH";
/// The only way to encapsulate.
const ML_KEM: &str = "ML_KEM";

/// `DeriveSharedSecret`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DeriveSharedSecret {
    key_id: Option<String>,
    key_agreement_algorithm: Option<String>,
    public_key: Option<Blob>,
    grant_tokens: Option<Vec<String>>,
    dry_run: Option<bool>,
    recipient: Option<serde_json::Value>,
}

/// What it answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Derived {
    key_id: String,
    shared_secret: Blob,
    key_agreement_algorithm: &'static str,
    key_origin: Origin,
}

impl Cryptic for DeriveSharedSecret {
    type Output = Derived;
    const NAME: &'static str = "DeriveSharedSecret";

    fn permits(&self) -> Result<Vec<Permit>, Error> {
        let mut rules = Check::new();
        rules.key_id("keyId", self.key_id.as_ref());
        let named = self.key_agreement_algorithm.as_ref();
        rules.there("keyAgreementAlgorithm", named);
        rules.one_of("keyAgreementAlgorithm", named, &[ECDH]);
        rules.there("publicKey", self.public_key.as_ref());
        rules.bytes("publicKey", self.public_key.as_ref(), PUBLIC_KEY_BYTES_MAX, false);
        rules.grant_tokens(self.grant_tokens.as_ref());
        rules.done()?;
        no_recipient(self.recipient.as_ref())?;
        Permit::named(&self.key_id, Usage::KeyAgreement, Self::NAME, &self.grant_tokens)
    }

    fn dry_run(&self) -> bool {
        self.dry_run == Some(true)
    }

    fn carry_out(self, keys: &[Permitted], vault: &dyn Vault) -> Result<Derived, Error> {
        let key = only(keys)?;
        let peer = given(self.public_key)?.0;
        let secret = asymmetric::shared_secret(key.spec, &key.open(vault)?, &peer)?;
        Ok(Derived {
            key_id: key.arn(),
            shared_secret: Blob(secret.to_vec()),
            key_agreement_algorithm: ECDH,
            key_origin: key.origin,
        })
    }
}

/// What both operations ask.
fn check(
    key_id: Option<&String>,
    algorithm: Option<&String>,
    tokens: Option<&Vec<String>>,
) -> Check {
    let mut rules = Check::new();
    rules.key_id("keyId", key_id);
    rules.there("encapsulationAlgorithm", algorithm);
    rules.one_of("encapsulationAlgorithm", algorithm, &[ML_KEM]);
    rules.grant_tokens(tokens);
    rules
}

/// `Encapsulate`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Encapsulate {
    key_id: Option<String>,
    encapsulation_algorithm: Option<String>,
    grant_tokens: Option<Vec<String>>,
    dry_run: Option<bool>,
}

/// What it answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Encapsulated {
    key_id: String,
    shared_secret: Blob,
    shared_secret_ciphertext_blob: Blob,
    encapsulation_algorithm: &'static str,
}

impl Cryptic for Encapsulate {
    type Output = Encapsulated;
    const NAME: &'static str = "Encapsulate";

    fn permits(&self) -> Result<Vec<Permit>, Error> {
        let (id, how) = (self.key_id.as_ref(), self.encapsulation_algorithm.as_ref());
        check(id, how, self.grant_tokens.as_ref()).done()?;
        Permit::named(&self.key_id, Usage::EncapsulateDecapsulate, Self::NAME, &self.grant_tokens)
    }

    fn dry_run(&self) -> bool {
        self.dry_run == Some(true)
    }

    fn carry_out(self, keys: &[Permitted], _: &dyn Vault) -> Result<Encapsulated, Error> {
        let key = only(keys)?;
        let (secret, text) = encapsulation::encapsulate(key.spec, key.public()?)?;
        Ok(Encapsulated {
            key_id: key.arn(),
            shared_secret: Blob(secret.to_vec()),
            shared_secret_ciphertext_blob: Blob(text),
            encapsulation_algorithm: ML_KEM,
        })
    }
}

/// `Decapsulate`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Decapsulate {
    key_id: Option<String>,
    shared_secret_ciphertext_blob: Option<Blob>,
    encapsulation_algorithm: Option<String>,
    grant_tokens: Option<Vec<String>>,
    dry_run: Option<bool>,
}

/// What it answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Decapsulated {
    key_id: String,
    shared_secret: Blob,
    encapsulation_algorithm: &'static str,
}

impl Cryptic for Decapsulate {
    type Output = Decapsulated;
    const NAME: &'static str = "Decapsulate";

    fn permits(&self) -> Result<Vec<Permit>, Error> {
        let (id, how) = (self.key_id.as_ref(), self.encapsulation_algorithm.as_ref());
        let mut rules = check(id, how, self.grant_tokens.as_ref());
        let blob = self.shared_secret_ciphertext_blob.as_ref();
        rules.there("sharedSecretCiphertextBlob", blob);
        rules.bytes("sharedSecretCiphertextBlob", blob, CIPHERTEXT_BYTES_MAX, false);
        rules.done()?;
        Permit::named(&self.key_id, Usage::EncapsulateDecapsulate, Self::NAME, &self.grant_tokens)
    }

    fn dry_run(&self) -> bool {
        self.dry_run == Some(true)
    }

    fn carry_out(self, keys: &[Permitted], vault: &dyn Vault) -> Result<Decapsulated, Error> {
        let key = only(keys)?;
        let text = given(self.shared_secret_ciphertext_blob)?.0;
        let secret = encapsulation::decapsulate(key.spec, &key.open(vault)?, &text)?;
        Ok(Decapsulated {
            key_id: key.arn(),
            shared_secret: Blob(secret.to_vec()),
            encapsulation_algorithm: ML_KEM,
        })
    }
}
