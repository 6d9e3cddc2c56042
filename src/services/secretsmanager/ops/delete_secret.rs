//! <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DeleteSecret.html>
//!
//! With `ForceDeleteWithoutRecovery` the secret is gone at once, waiting for its deletion or not; a
//! forced deletion of a secret that does not exist succeeds too.

use crate::base::Context;
use crate::services::Operation;
use crate::services::secretsmanager::error::Error;
use crate::services::secretsmanager::limits::{WINDOW_DAYS_MAX, WINDOW_DAYS_MIN};
use crate::services::secretsmanager::replication::DETACHED;
use crate::services::secretsmanager::state::{Change, Deletion, Key, Secret, State};
use crate::services::secretsmanager::validate;
use serde::{Deserialize, Serialize};

/// `DeleteSecret`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DeleteSecret {
    /// Name or ARN.
    pub secret_id: Option<String>,
    /// Days during which it can be restored.
    pub recovery_window_in_days: Option<i64>,
    /// Delete at once.
    pub force_delete_without_recovery: Option<bool>,
}

/// What it answers.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Deleted {
    /// The whole ARN.
    #[serde(rename = "ARN")]
    pub arn: String,
    /// The friendly name.
    pub name: String,
    /// When the secret goes for good.
    pub deletion_date: f64,
}

impl Operation for DeleteSecret {
    type State = State;
    type Output = Deleted;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "DeleteSecret";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<Deleted, Error> {
        let id = validate::secret_id(self.secret_id)?;
        let force = self.force_delete_without_recovery.unwrap_or(false);
        if force && self.recovery_window_in_days.is_some() {
            return Err(Error::ForceWithWindow);
        }
        let days = self.recovery_window_in_days.unwrap_or(WINDOW_DAYS_MAX);
        if !(WINDOW_DAYS_MIN..=WINDOW_DAYS_MAX).contains(&days) {
            return Err(Error::WindowOutOfRange);
        }
        let (key, secret) = match state.find_mut(context.caller, &id) {
            Err(Error::SecretNotFound) if force => return Ok(never_was(&id, context)),
            found => found?,
        };
        deletable(secret)?;
        let (arn, name) = (secret.meta.arn.clone(), key.name.clone());
        if force {
            take_away(state, &key, changes);
            return Ok(Deleted { arn, name, deletion_date: context.now.as_seconds_f64() });
        }
        secret.alive()?;
        let due = context.now.plus_seconds(days * 86_400);
        let deletion = Some(Deletion { requested: context.now, due });
        secret.meta.changed = context.now;
        let meta = Box::new(super::super::state::Meta { deletion, ..secret.meta.clone() });
        state.schedule(&key, deletion);
        changes.push(Change::Meta(key, meta));
        Ok(Deleted { arn, name, deletion_date: due.as_seconds_f64() })
    }
}

/// Copies go by way of their primary, which goes when it has none.
fn deletable(secret: &Secret) -> Result<(), Error> {
    let region_copy = secret.meta.primary.as_ref().is_some_and(|p| p.across.is_none());
    if region_copy {
        return Err(Error::ReplicaReadOnly);
    }
    let copies = secret.meta.replicas.iter().filter(|replica| replica.status != DETACHED);
    let regions: Vec<String> = copies.map(|replica| replica.region.clone()).collect();
    match regions.is_empty() {
        true => Ok(()),
        false => Err(Error::StillReplicated { arn: secret.meta.arn.clone(), regions }),
    }
}

/// Takes the secret at `key` away for good.
pub(super) fn take_away(state: &mut State, key: &Key, changes: &mut Vec<Change>) {
    if state.remove(key).is_some() {
        changes.push(Change::SecretGone(key.clone()));
    }
}

/// The answer for a secret that does not exist: its ARN is as good as any.
fn never_was(id: &str, context: &mut Context<'_>) -> Deleted {
    let deletion_date = context.now.as_seconds_f64();
    let name = id.rsplit(':').next().unwrap_or(id).to_owned();
    let arn = if id.starts_with("arn:") {
        id.to_owned()
    } else {
        let suffix = context.ids.alphanumeric(6);
        context.arn("secretsmanager", &format!("secret:{id}-{suffix}"))
    };
    Deleted { arn, name, deletion_date }
}
