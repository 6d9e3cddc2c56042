//! <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CancelRotateSecret.html>
//!
//! Labels stay as the rotation left them; the function and the rules stay for the next `RotateSecret`.

use super::rotate_secret::Rotating;
use crate::base::Context;
use crate::services::Operation;
use crate::services::secretsmanager::error::Error;
use crate::services::secretsmanager::state::{CURRENT, Change, PENDING, State};
use crate::services::secretsmanager::validate;
use serde::Deserialize;

/// `CancelRotateSecret`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct CancelRotateSecret {
    /// Name or ARN.
    pub secret_id: Option<String>,
}

impl Operation for CancelRotateSecret {
    type State = State;
    type Output = Rotating;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "CancelRotateSecret";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<Rotating, Error> {
        let id = validate::secret_id(self.secret_id)?;
        let (key, secret) = state.find_mut(context.caller, &id)?;
        secret.writable()?;
        let pending = secret.at_stage(PENDING).filter(|v| !v.stages.contains(CURRENT));
        let version_id = pending.map(|version| version.id.clone());
        if let Some(rotation) = &mut secret.meta.rotation {
            rotation.enabled = false;
            rotation.run = None;
            (rotation.window, rotation.wake) = (None, None);
            secret.meta.changed = context.now;
            changes.push(Change::Meta(key.clone(), Box::new(secret.meta.clone())));
        }
        Ok(Rotating { arn: secret.meta.arn.clone(), name: key.name, version_id })
    }
}
