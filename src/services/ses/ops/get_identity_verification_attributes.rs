//! <https://docs.aws.amazon.com/ses/latest/APIReference/API_GetIdentityVerificationAttributes.html>

use crate::base::Context;
use crate::services::Operation;
use crate::services::ses::error::Error;
use crate::services::ses::limits::IDENTITIES_ASKED_MAX;
use crate::services::ses::state::{Change, State};
use serde::{Deserialize, Serialize};

/// `GetIdentityVerificationAttributes`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct GetIdentityVerificationAttributes {
    /// Addresses and domains.
    pub identities: Vec<String>,
}

/// Those of them that are known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Attributes {
    verification_attributes: Entries,
}

/// A map as awsQuery writes it: `entry`, `key`, `value`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Entries {
    entry: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Entry {
    key: String,
    value: Verification,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Verification {
    verification_status: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    verification_token: String,
}

impl Operation for GetIdentityVerificationAttributes {
    type State = State;
    type Output = Attributes;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "GetIdentityVerificationAttributes";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        _: &mut Vec<Change>,
    ) -> Result<Attributes, Error> {
        if self.identities.len() > IDENTITIES_ASKED_MAX {
            return Err(Error::TooManyIdentities);
        }
        let known = self.identities.into_iter().filter_map(|key| {
            let identity = state.identity(context.caller, &key)?;
            let verification_status = if identity.settings.pending { "Pending" } else { "Success" };
            let verification_token = identity.token.clone();
            let value = Verification { verification_status, verification_token };
            Some(Entry { key, value })
        });
        Ok(Attributes { verification_attributes: Entries { entry: known.collect() } })
    }
}
