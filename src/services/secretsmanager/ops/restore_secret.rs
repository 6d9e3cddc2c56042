//! <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RestoreSecret.html>

use super::Named;
use crate::base::Context;
use crate::services::Operation;
use crate::services::secretsmanager::error::Error;
use crate::services::secretsmanager::state::{Change, Meta, State};
use crate::services::secretsmanager::validate;
use serde::Deserialize;

/// `RestoreSecret`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct RestoreSecret {
    /// Name or ARN.
    pub secret_id: Option<String>,
}

impl Operation for RestoreSecret {
    type State = State;
    type Output = Named;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "RestoreSecret";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<Named, Error> {
        let id = validate::secret_id(self.secret_id)?;
        let (key, secret) = state.find_mut(context.caller, &id)?;
        let named = Named::of(&key, secret);
        if secret.meta.primary.as_ref().is_some_and(|primary| primary.across.is_none()) {
            return Err(Error::ReplicaReadOnly);
        }
        if secret.meta.deletion.is_some() {
            secret.meta.changed = context.now;
            let meta = Box::new(Meta { deletion: None, ..secret.meta.clone() });
            state.schedule(&key, None);
            changes.push(Change::Meta(key, meta));
        }
        Ok(named)
    }
}
