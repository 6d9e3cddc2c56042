//! <https://docs.aws.amazon.com/ses/latest/APIReference/API_DeleteIdentity.html>
//!
//! v1 is content with an identity that is not there.

use super::Empty;
use crate::base::Context;
use crate::services::Operation;
use crate::services::ses::address::normal;
use crate::services::ses::error::Error;
use crate::services::ses::state::{Change, State, home};
use serde::Deserialize;

/// `DeleteIdentity` of v1.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteIdentity {
    /// Address or domain.
    pub identity: String,
}

fn delete(state: &mut State, context: &Context<'_>, changes: &mut Vec<Change>, name: &str) -> bool {
    let (home, name) = (home(context.caller), normal(name));
    let known = state.identities.get_mut(&home);
    if known.and_then(|identities| identities.remove(&name)).is_none() {
        return false;
    }
    changes.push(Change::IdentityDelete { home, name });
    true
}

impl Operation for DeleteIdentity {
    type State = State;
    type Output = Empty;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "DeleteIdentity";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<Empty, Error> {
        delete(state, context, changes, &self.identity);
        Ok(Empty {})
    }
}
