//! <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_UpdateSecretVersionStage.html>
//!
//! A label that sits on another version moves only if the request names that version.

use super::Named;
use crate::base::Context;
use crate::services::Operation;
use crate::services::secretsmanager::error::Error;
use crate::services::secretsmanager::limits::STAGES_MAX;
use crate::services::secretsmanager::state::{CURRENT, Change, Secret, State};
use crate::services::secretsmanager::{validate, versions};
use serde::Deserialize;
use std::collections::BTreeSet;

/// `UpdateSecretVersionStage`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct UpdateSecretVersionStage {
    /// Name or ARN.
    pub secret_id: Option<String>,
    /// The label.
    pub version_stage: Option<String>,
    /// The version that has it.
    pub remove_from_version_id: Option<String>,
    /// The version that gets it.
    pub move_to_version_id: Option<String>,
}

impl UpdateSecretVersionStage {
    fn check(&self, secret: &Secret, stage: &str) -> Result<(), Error> {
        let (from, to) = (self.remove_from_version_id.as_ref(), self.move_to_version_id.as_ref());
        for id in from.into_iter().chain(to) {
            secret.version(id).ok_or_else(|| Error::NotAVersion(id.clone()))?;
        }
        let holder = secret.at_stage(stage);
        let labels: usize = secret.versions.iter().map(|v| v.stages.len()).sum();
        match (holder, from, to) {
            (_, None, None) => Err(Error::NothingToMove),
            (Some(holder), None, Some(to)) if holder.id != *to => {
                Err(Error::StageElsewhere { stage: stage.into(), version: holder.id.clone() })
            }
            (_, Some(from), _) if holder.is_none_or(|h| h.id != *from) => {
                Err(Error::StageNotThere { stage: stage.into(), version: from.clone() })
            }
            (_, Some(_), None) if stage == CURRENT => Err(Error::CurrentMustStay),
            (None, _, Some(_)) if labels >= STAGES_MAX => Err(Error::TooManyStages),
            _ => Ok(()),
        }
    }
}

impl Operation for UpdateSecretVersionStage {
    type State = State;
    type Output = Named;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "UpdateSecretVersionStage";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<Named, Error> {
        let id = validate::secret_id(self.secret_id.clone())?;
        let stage = validate::required(self.version_stage.clone(), "versionStage")?;
        validate::stage(&stage, "versionStage")?;
        let (key, secret) = state.find_mut(context.caller, &id)?;
        secret.writable()?;
        self.check(secret, &stage)?;
        let touched = match (&self.move_to_version_id, &self.remove_from_version_id) {
            (Some(to), _) => versions::attach(secret, &stage, to),
            (None, Some(from)) => {
                let versions = secret.versions.iter_mut().filter(|v| v.id == *from);
                versions.for_each(|v| {
                    v.stages.remove(&stage);
                });
                BTreeSet::from([from.clone()])
            }
            (None, None) => BTreeSet::new(),
        };
        secret.meta.changed = context.now;
        changes.push(Change::Meta(key.clone(), Box::new(secret.meta.clone())));
        versions::record(&key, secret, &touched, changes);
        Ok(Named::of(&key, secret))
    }
}
