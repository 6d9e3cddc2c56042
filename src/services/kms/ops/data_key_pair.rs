//! <https://docs.aws.amazon.com/kms/latest/APIReference/API_GenerateDataKeyPair.html> and
//! `API_GenerateDataKeyPairWithoutPlaintext`.

use super::cryptic::{Cryptic, no_recipient, only};
use super::encrypt::{Pairs, seal, suits};
use super::permit::{Permit, Permitted};
use crate::services::kms::bytes::Blob;
use crate::services::kms::check::{self, Check, given};
use crate::services::kms::crypto;
use crate::services::kms::error::Error;
use crate::services::kms::material::Vault;
use crate::services::kms::spec::{EncryptionAlgorithm, Spec, Usage};
use serde::{Deserialize, Serialize};

/// The kinds of pairs, in AWS's order.
const SPECS: &[&str] = &[
    "RSA_2048",
    "RSA_3072",
    "RSA_4096",
    "ECC_NIST_P256",
    "ECC_NIST_P384",
    "ECC_NIST_P521",
    "ECC_SECG_P256K1",
    "SM2",
    "ECC_NIST_EDWARDS25519",
    "ML_KEM_512",
    "ML_KEM_768",
    "ML_KEM_1024",
];

/// What both operations ask.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct PairInput {
    key_id: Option<String>,
    encryption_context: Option<Pairs>,
    key_pair_spec: Option<String>,
    grant_tokens: Option<Vec<String>>,
    recipient: Option<serde_json::Value>,
    dry_run: Option<bool>,
}

/// What both answer; one of them without the plaintext.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct GeneratedPair {
    private_key_ciphertext_blob: Blob,
    #[serde(skip_serializing_if = "Option::is_none")]
    private_key_plaintext: Option<Blob>,
    public_key: Blob,
    key_id: String,
    key_pair_spec: Spec,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_material_id: Option<String>,
}

impl PairInput {
    fn spec(&self) -> Result<Spec, Error> {
        given(self.key_pair_spec.as_deref().and_then(Spec::of))
    }

    fn permit(&self, operation: &'static str) -> Result<Vec<Permit>, Error> {
        let mut rules = Check::new();
        rules.key_id("keyId", self.key_id.as_ref());
        rules.there("keyPairSpec", self.key_pair_spec.as_ref());
        rules.one_of("keyPairSpec", self.key_pair_spec.as_ref(), SPECS);
        rules.grant_tokens(self.grant_tokens.as_ref());
        rules.done()?;
        check::context(self.encryption_context.as_ref())?;
        no_recipient(self.recipient.as_ref())?;
        match self.spec()? {
            // AWS has such keys in its regions in China only.
            Spec::Sm2 => {
                let text = "KeyPairSpec SM2 is not supported in this region.";
                return Err(Error::Unsupported(text.into()));
            }
            spec @ (Spec::MlKem512 | Spec::MlKem768 | Spec::MlKem1024) => {
                return Err(Error::NotServed(format!("data key pairs of spec {}", spec.name())));
            }
            _ => {}
        }
        Permit::named(&self.key_id, Usage::EncryptDecrypt, operation, &self.grant_tokens)
    }

    fn fits(&self, keys: &[Permitted]) -> Result<(), Error> {
        suits(only(keys)?, EncryptionAlgorithm::Symmetric, self.encryption_context.as_ref())
    }

    fn generate(self, keys: &[Permitted], vault: &dyn Vault) -> Result<GeneratedPair, Error> {
        let (key, spec) = (only(keys)?, self.spec()?);
        let made = crypto::make(spec)?;
        let context = self.encryption_context.unwrap_or_default();
        let text = seal(key, vault, EncryptionAlgorithm::Symmetric, &context, &made.clear)?;
        Ok(GeneratedPair {
            private_key_ciphertext_blob: Blob(text),
            private_key_plaintext: Some(Blob(made.clear.to_vec())),
            public_key: Blob(made.public.unwrap_or_default()),
            key_id: key.arn(),
            key_pair_spec: spec,
            key_material_id: key.material_id(),
        })
    }
}

/// `GenerateDataKeyPair`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct GenerateDataKeyPair(pub PairInput);

impl Cryptic for GenerateDataKeyPair {
    type Output = GeneratedPair;
    const NAME: &'static str = "GenerateDataKeyPair";

    fn permits(&self) -> Result<Vec<Permit>, Error> {
        self.0.permit(Self::NAME)
    }

    fn dry_run(&self) -> bool {
        self.0.dry_run == Some(true)
    }

    fn fits(&self, keys: &[Permitted]) -> Result<(), Error> {
        self.0.fits(keys)
    }

    fn is_long(&self, _: &[Permitted]) -> bool {
        true
    }

    fn carry_out(self, keys: &[Permitted], vault: &dyn Vault) -> Result<GeneratedPair, Error> {
        self.0.generate(keys, vault)
    }
}

/// `GenerateDataKeyPairWithoutPlaintext`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct GenerateDataKeyPairWithoutPlaintext(pub PairInput);

impl Cryptic for GenerateDataKeyPairWithoutPlaintext {
    type Output = GeneratedPair;
    const NAME: &'static str = "GenerateDataKeyPairWithoutPlaintext";

    fn permits(&self) -> Result<Vec<Permit>, Error> {
        self.0.permit(Self::NAME)
    }

    fn dry_run(&self) -> bool {
        self.0.dry_run == Some(true)
    }

    fn fits(&self, keys: &[Permitted]) -> Result<(), Error> {
        self.0.fits(keys)
    }

    fn is_long(&self, _: &[Permitted]) -> bool {
        true
    }

    fn carry_out(self, keys: &[Permitted], vault: &dyn Vault) -> Result<GeneratedPair, Error> {
        Ok(GeneratedPair { private_key_plaintext: None, ..self.0.generate(keys, vault)? })
    }
}
