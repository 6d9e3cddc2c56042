//! <https://docs.aws.amazon.com/kms/latest/APIReference/API_GenerateRandom.html>

use super::cryptic::{Cryptic, no_recipient};
use super::permit::{Permit, Permitted};
use crate::services::kms::bytes::Blob;
use crate::services::kms::check::Check;
use crate::services::kms::crypto;
use crate::services::kms::error::Error;
use crate::services::kms::limits::*;
use crate::services::kms::material::Vault;
use serde::{Deserialize, Serialize};

/// `GenerateRandom`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct GenerateRandom {
    number_of_bytes: Option<i64>,
    custom_key_store_id: Option<String>,
    recipient: Option<serde_json::Value>,
}

/// What it answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Random {
    plaintext: Blob,
}

impl Cryptic for GenerateRandom {
    type Output = Random;
    const NAME: &'static str = "GenerateRandom";

    fn permits(&self) -> Result<Vec<Permit>, Error> {
        let mut rules = Check::new();
        rules.range("numberOfBytes", self.number_of_bytes, (1, RANDOM_BYTES_MAX));
        rules.done()?;
        if self.custom_key_store_id.is_some() {
            return Err(Error::NotServed("custom key stores".into()));
        }
        no_recipient(self.recipient.as_ref())?;
        match self.number_of_bytes {
            Some(_) => Ok(Vec::new()),
            None => Err(Error::invalid("NumberOfBytes is required.")),
        }
    }

    fn carry_out(self, _: &[Permitted], _: &dyn Vault) -> Result<Random, Error> {
        let length = self.number_of_bytes.unwrap_or_default();
        Ok(Random { plaintext: Blob(crypto::random(length as usize)?) })
    }
}
