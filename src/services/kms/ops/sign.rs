//! <https://docs.aws.amazon.com/kms/latest/APIReference/API_Sign.html> and `API_Verify`.

use super::cryptic::{Cryptic, knows, only};
use super::permit::{Permit, Permitted};
use crate::services::kms::bytes::Blob;
use crate::services::kms::check::{Check, given};
use crate::services::kms::crypto::sign::{self, Signed};
use crate::services::kms::error::Error;
use crate::services::kms::limits::*;
use crate::services::kms::material::Vault;
use crate::services::kms::spec::{MessageType, SigningAlgorithm, Usage};
use serde::{Deserialize, Serialize};

/// `Sign`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Sign {
    key_id: Option<String>,
    message: Option<Blob>,
    message_type: Option<String>,
    grant_tokens: Option<Vec<String>>,
    signing_algorithm: Option<String>,
    dry_run: Option<bool>,
}

/// What it answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Signature {
    key_id: String,
    signature: Blob,
    signing_algorithm: SigningAlgorithm,
}

impl Sign {
    fn check(&self, rules: &mut Check) {
        rules.key_id("keyId", self.key_id.as_ref());
        rules.there("message", self.message.as_ref());
        rules.bytes("message", self.message.as_ref(), PLAINTEXT_BYTES_MAX, true);
        rules.one_of("messageType", self.message_type.as_ref(), MessageType::NAMES);
        rules.grant_tokens(self.grant_tokens.as_ref());
        rules.there("signingAlgorithm", self.signing_algorithm.as_ref());
        let named = self.signing_algorithm.as_ref();
        rules.one_of("signingAlgorithm", named, SigningAlgorithm::NAMES);
    }

    fn permit(&self, operation: &'static str) -> Result<Vec<Permit>, Error> {
        if self.message_type.as_deref() == Some(MessageType::ExternalMu.name()) {
            return Err(Error::NotServed("MessageType EXTERNAL_MU".into()));
        }
        if self.algorithm()? == SigningAlgorithm::Ed25519Ph {
            return Err(Error::NotServed("SigningAlgorithm ED25519_PH_SHA_512".into()));
        }
        Permit::named(&self.key_id, Usage::SignVerify, operation, &self.grant_tokens)
    }

    fn algorithm(&self) -> Result<SigningAlgorithm, Error> {
        given(self.signing_algorithm.as_deref().and_then(SigningAlgorithm::of))
    }

    fn what(&self) -> Result<Signed<'_>, Error> {
        let message = &given(self.message.as_ref())?.0;
        Ok(match self.message_type.as_deref() {
            Some("DIGEST") => Signed::Digest(message),
            _ => Signed::Message(message),
        })
    }

    fn suits(&self, keys: &[Permitted]) -> Result<(), Error> {
        let (spec, how) = (only(keys)?.spec, self.algorithm()?);
        knows(spec.signing_algorithms(), how, how.name(), spec)?;
        sign::check(how, self.what()?)
    }
}

impl Cryptic for Sign {
    type Output = Signature;
    const NAME: &'static str = "Sign";

    fn permits(&self) -> Result<Vec<Permit>, Error> {
        let mut rules = Check::new();
        self.check(&mut rules);
        rules.done()?;
        self.permit(Self::NAME)
    }

    fn dry_run(&self) -> bool {
        self.dry_run == Some(true)
    }

    fn fits(&self, keys: &[Permitted]) -> Result<(), Error> {
        self.suits(keys)
    }

    fn carry_out(self, keys: &[Permitted], vault: &dyn Vault) -> Result<Signature, Error> {
        let (key, how) = (only(keys)?, self.algorithm()?);
        let signature = sign::sign(key.spec, &key.open(vault)?, how, self.what()?)?;
        Ok(Signature { key_id: key.arn(), signature: Blob(signature), signing_algorithm: how })
    }
}

/// `Verify`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Verify {
    #[serde(flatten)]
    sign: Sign,
    signature: Option<Blob>,
}

/// What it answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Verified {
    key_id: String,
    signature_valid: bool,
    signing_algorithm: SigningAlgorithm,
}

impl Cryptic for Verify {
    type Output = Verified;
    const NAME: &'static str = "Verify";

    fn permits(&self) -> Result<Vec<Permit>, Error> {
        let mut rules = Check::new();
        self.sign.check(&mut rules);
        rules.there("signature", self.signature.as_ref());
        rules.bytes("signature", self.signature.as_ref(), CIPHERTEXT_BYTES_MAX, false);
        rules.done()?;
        self.sign.permit(Self::NAME)
    }

    fn dry_run(&self) -> bool {
        self.sign.dry_run()
    }

    fn fits(&self, keys: &[Permitted]) -> Result<(), Error> {
        self.sign.suits(keys)
    }

    fn carry_out(self, keys: &[Permitted], _: &dyn Vault) -> Result<Verified, Error> {
        let (key, how) = (only(keys)?, self.sign.algorithm()?);
        let signature = given(self.signature.as_ref())?;
        sign::verify(key.spec, key.public()?, how, self.sign.what()?, &signature.0)?;
        Ok(Verified { key_id: key.arn(), signature_valid: true, signing_algorithm: how })
    }
}
