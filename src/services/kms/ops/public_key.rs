//! <https://docs.aws.amazon.com/kms/latest/APIReference/API_GetPublicKey.html>

use super::grants;
use crate::base::Context;
use crate::services::Operation;
use crate::services::kms::bytes::Blob;
use crate::services::kms::check::{Check, given};
use crate::services::kms::error::Error;
use crate::services::kms::spec::{EncryptionAlgorithm, SigningAlgorithm, Spec, Usage};
use crate::services::kms::state::{Change, State};
use serde::{Deserialize, Serialize};

/// `GetPublicKey`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct GetPublicKey {
    key_id: Option<String>,
    grant_tokens: Option<Vec<String>>,
}

/// A public key and what it is good for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct PublicKey {
    key_id: String,
    public_key: Blob,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer_master_key_spec: Option<Spec>,
    key_spec: Spec,
    key_usage: Usage,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    encryption_algorithms: &'static [EncryptionAlgorithm],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    signing_algorithms: &'static [SigningAlgorithm],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    key_agreement_algorithms: &'static [&'static str],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    encapsulation_algorithms: &'static [&'static str],
}

impl Operation for GetPublicKey {
    type State = State;
    type Output = PublicKey;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "GetPublicKey";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        _: &mut Vec<Change>,
    ) -> Result<PublicKey, Error> {
        let mut rules = Check::new();
        rules.key_id("keyId", self.key_id.as_ref());
        rules.grant_tokens(self.grant_tokens.as_ref());
        rules.done()?;
        grants::known(state, &self.grant_tokens.unwrap_or_default())?;
        let key = state.find(context.caller, &given(self.key_id)?, true)?;
        let (spec, usage) = (key.record.spec, key.record.usage);
        if !spec.is_asymmetric() {
            let (arn, spec) = (key.arn(), spec.name());
            return Err(Error::Unsupported(format!(
                "{arn} key spec is {spec} which is not valid for this operation."
            )));
        }
        key.works()?;
        let public = key.current().and_then(|material| material.public.as_deref());
        let public = public.ok_or(Error::Internal("no public key"))?;
        let agrees = usage == Usage::KeyAgreement;
        let encapsulates = usage == Usage::EncapsulateDecapsulate;
        let (encrypts, signs) = (usage == Usage::EncryptDecrypt, usage == Usage::SignVerify);
        Ok(PublicKey {
            key_id: key.arn(),
            public_key: Blob(public.to_vec()),
            customer_master_key_spec: spec.by_old_member(),
            key_spec: spec,
            key_usage: usage,
            encryption_algorithms: if encrypts { spec.encryption_algorithms() } else { &[] },
            signing_algorithms: if signs { spec.signing_algorithms() } else { &[] },
            key_agreement_algorithms: if agrees { &["ECDH"] } else { &[] },
            encapsulation_algorithms: if encapsulates { &["ML_KEM"] } else { &[] },
        })
    }
}
