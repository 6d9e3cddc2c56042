//! <https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_CreateEmailIdentity.html>

use super::get_email_identity::{DkimAttributes, Tag, identity_type};
use super::put_identity;
use crate::base::Context;
use crate::services::Operation;
use crate::services::ses::address::normal;
use crate::services::ses::error::Error;
use crate::services::ses::state::{Change, State, home};
use serde::{Deserialize, Serialize};

/// `CreateEmailIdentity`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateEmailIdentity {
    /// Address or domain.
    pub email_identity: String,
    /// Tags.
    #[serde(default)]
    pub tags: Vec<Tag>,
    /// Default configuration set.
    #[serde(default)]
    pub configuration_set_name: Option<String>,
}

/// What was made.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Created {
    identity_type: &'static str,
    verified_for_sending_status: bool,
    dkim_attributes: DkimAttributes,
}

impl Operation for CreateEmailIdentity {
    type State = State;
    type Output = Created;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "CreateEmailIdentity";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<Created, Error> {
        let name = normal(self.email_identity.trim());
        if state.identity(context.caller, &name).is_some() {
            return Err(Error::AlreadyExists { identity: self.email_identity });
        }
        let mut identity = put_identity(state, context, &mut Vec::new(), &name)?;
        identity.tags = self.tags.into_iter().map(|t| (t.key, t.value)).collect();
        identity.config_set = self.configuration_set_name;
        let home = home(context.caller);
        state.identities.entry(home.clone()).or_default().insert(name.clone(), identity.clone());
        let created = Created {
            identity_type: identity_type(&name),
            verified_for_sending_status: true,
            dkim_attributes: DkimAttributes::of(&name, &identity),
        };
        changes.push(Change::IdentityPut { home, name, identity });
        Ok(created)
    }
}
