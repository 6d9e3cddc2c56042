//! <https://docs.aws.amazon.com/kms/latest/APIReference/API_GenerateMac.html> and `API_VerifyMac`.

use super::cryptic::{Cryptic, knows, only};
use super::permit::{Permit, Permitted};
use crate::services::kms::bytes::Blob;
use crate::services::kms::check::{Check, given};
use crate::services::kms::crypto::mac;
use crate::services::kms::error::Error;
use crate::services::kms::limits::*;
use crate::services::kms::material::Vault;
use crate::services::kms::spec::{MacAlgorithm, Usage};
use serde::{Deserialize, Serialize};

/// `GenerateMac`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct GenerateMac {
    message: Option<Blob>,
    key_id: Option<String>,
    mac_algorithm: Option<String>,
    grant_tokens: Option<Vec<String>>,
    dry_run: Option<bool>,
}

/// What it answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Mac {
    mac: Blob,
    mac_algorithm: MacAlgorithm,
    key_id: String,
}

impl GenerateMac {
    fn check(&self, rules: &mut Check) {
        rules.there("message", self.message.as_ref());
        rules.bytes("message", self.message.as_ref(), PLAINTEXT_BYTES_MAX, true);
        rules.key_id("keyId", self.key_id.as_ref());
        rules.there("macAlgorithm", self.mac_algorithm.as_ref());
        rules.one_of("macAlgorithm", self.mac_algorithm.as_ref(), MacAlgorithm::NAMES);
        rules.grant_tokens(self.grant_tokens.as_ref());
    }

    fn permit(&self, operation: &'static str) -> Result<Vec<Permit>, Error> {
        Permit::named(&self.key_id, Usage::GenerateVerifyMac, operation, &self.grant_tokens)
    }

    fn algorithm(&self) -> Result<MacAlgorithm, Error> {
        given(self.mac_algorithm.as_deref().and_then(MacAlgorithm::of))
    }

    fn suits(&self, keys: &[Permitted]) -> Result<(), Error> {
        let (spec, how) = (only(keys)?.spec, self.algorithm()?);
        knows(spec.mac_algorithms(), how, how.name(), spec)
    }
}

impl Cryptic for GenerateMac {
    type Output = Mac;
    const NAME: &'static str = "GenerateMac";

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

    fn carry_out(self, keys: &[Permitted], vault: &dyn Vault) -> Result<Mac, Error> {
        let (key, how) = (only(keys)?, self.algorithm()?);
        let mac = mac::generate(how, &key.open(vault)?, &given(self.message)?.0);
        Ok(Mac { mac: Blob(mac), mac_algorithm: how, key_id: key.arn() })
    }
}

/// `VerifyMac`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct VerifyMac {
    #[serde(flatten)]
    generate: GenerateMac,
    mac: Option<Blob>,
}

/// What it answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct MacVerified {
    key_id: String,
    mac_valid: bool,
    mac_algorithm: MacAlgorithm,
}

impl Cryptic for VerifyMac {
    type Output = MacVerified;
    const NAME: &'static str = "VerifyMac";

    fn permits(&self) -> Result<Vec<Permit>, Error> {
        let mut rules = Check::new();
        self.generate.check(&mut rules);
        rules.there("mac", self.mac.as_ref());
        rules.bytes("mac", self.mac.as_ref(), CIPHERTEXT_BYTES_MAX, false);
        rules.done()?;
        self.generate.permit(Self::NAME)
    }

    fn dry_run(&self) -> bool {
        self.generate.dry_run()
    }

    fn fits(&self, keys: &[Permitted]) -> Result<(), Error> {
        self.generate.suits(keys)
    }

    fn carry_out(self, keys: &[Permitted], vault: &dyn Vault) -> Result<MacVerified, Error> {
        let (key, how) = (only(keys)?, self.generate.algorithm()?);
        let (message, mac) = (given(self.generate.message)?, given(self.mac)?);
        mac::verify(how, &key.open(vault)?, &message.0, &mac.0)?;
        Ok(MacVerified { key_id: key.arn(), mac_valid: true, mac_algorithm: how })
    }
}
