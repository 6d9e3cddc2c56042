//! <https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_GetEmailIdentity.html>

use crate::base::Context;
use crate::services::Operation;
use crate::services::ses::address::normal;
use crate::services::ses::error::Error;
use crate::services::ses::state::{Change, Identity, State, is_domain};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `GetEmailIdentity`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetEmailIdentity {
    /// Address or domain.
    pub email_identity: String,
}

/// A tag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Tag {
    /// Its key.
    pub key: String,
    /// Its value.
    pub value: String,
}

/// How mails of an identity are signed.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DkimAttributes {
    signing_enabled: bool,
    status: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tokens: Vec<String>,
    signing_attributes_origin: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_signing_key_length: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    current_signing_key_length: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_key_generation_timestamp: Option<f64>,
}

impl DkimAttributes {
    /// Of the identity called `name`.
    pub(super) fn of(name: &str, identity: &Identity) -> Self {
        let domain = is_domain(name);
        DkimAttributes {
            signing_enabled: domain,
            status: if domain { "SUCCESS" } else { "NOT_STARTED" },
            tokens: identity.dkim.clone(),
            signing_attributes_origin: "AWS_SES",
            next_signing_key_length: domain.then_some("RSA_2048_BIT"),
            current_signing_key_length: domain.then_some("RSA_2048_BIT"),
            last_key_generation_timestamp: domain.then(|| identity.created.as_seconds_f64()),
        }
    }
}

/// `EMAIL_ADDRESS` or `DOMAIN`.
pub(super) fn identity_type(name: &str) -> &'static str {
    if is_domain(name) { "DOMAIN" } else { "EMAIL_ADDRESS" }
}

/// An identity in full.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Described {
    identity_type: &'static str,
    feedback_forwarding_status: bool,
    verified_for_sending_status: bool,
    dkim_attributes: DkimAttributes,
    mail_from_attributes: MailFrom,
    policies: BTreeMap<String, String>,
    tags: Vec<Tag>,
    #[serde(skip_serializing_if = "Option::is_none")]
    configuration_set_name: Option<String>,
    verification_status: &'static str,
    verification_info: VerificationInfo,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct MailFrom {
    behavior_on_mx_failure: &'static str,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct VerificationInfo {
    last_checked_timestamp: f64,
    last_success_timestamp: f64,
}

impl Operation for GetEmailIdentity {
    type State = State;
    type Output = Described;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "GetEmailIdentity";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        _: &mut Vec<Change>,
    ) -> Result<Described, Error> {
        let name = normal(&self.email_identity);
        let identity = state.identity(context.caller, &name);
        let identity = identity.ok_or(Error::IdentityUnknown { identity: self.email_identity })?;
        let tag = |(key, value): &(String, String)| Tag { key: key.clone(), value: value.clone() };
        let created = identity.created.as_seconds_f64();
        Ok(Described {
            identity_type: identity_type(&name),
            feedback_forwarding_status: true,
            verified_for_sending_status: true,
            dkim_attributes: DkimAttributes::of(&name, identity),
            mail_from_attributes: MailFrom { behavior_on_mx_failure: "USE_DEFAULT_VALUE" },
            policies: BTreeMap::new(),
            tags: identity.tags.iter().map(tag).collect(),
            configuration_set_name: identity.config_set.clone(),
            verification_status: "SUCCESS",
            verification_info: VerificationInfo {
                last_checked_timestamp: created,
                last_success_timestamp: created,
            },
        })
    }
}
