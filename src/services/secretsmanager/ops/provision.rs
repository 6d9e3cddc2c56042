//! What a profile declares: made if it is missing, brought up to date while nobody else has changed
//! it, and left alone after that. No AWS operation: the seeder's.

use super::{CreateSecret, PutSecretValue};
use crate::base::Context;
use crate::services::Operation;
use crate::services::secretsmanager::error::Error;
use crate::services::secretsmanager::rotation::{Rules, Schedule};
use crate::services::secretsmanager::sealed::{Text, Value};
use crate::services::secretsmanager::state::{CURRENT, Change, State};
use sha2::{Digest, Sha256};

/// A secret of the profile.
#[derive(Debug, Clone)]
pub struct Provision {
    /// The friendly name.
    pub name: String,
    /// Its value.
    pub value: Text,
    /// Its description.
    pub description: Option<String>,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provisioned {
    /// It was missing.
    Created,
    /// It held what the profile had put, and now holds the profile's new value.
    Updated,
    /// It holds that value already.
    Unchanged,
    /// Somebody else has given it a value, which stays.
    KeptChanged,
    /// Somebody has deleted it; it waits for the end of its recovery window.
    KeptDeleted,
}

impl Operation for Provision {
    type State = State;
    type Output = Provisioned;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "Provision";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<Provisioned, Error> {
        let id = self.name.clone();
        let wanted = digest(&Value::Text(self.value.0.clone()));
        let token = Some(context.ids.uuid());
        let secret = match state.find(context.caller, &id) {
            Ok((_, secret)) => secret,
            Err(Error::SecretNotFound) => {
                let create = CreateSecret {
                    name: Some(self.name),
                    client_request_token: token,
                    description: self.description,
                    secret_string: Some(self.value),
                    ..CreateSecret::default()
                };
                create.apply(state, context, changes)?;
                remember(state, context, &id, wanted, changes)?;
                return Ok(Provisioned::Created);
            }
            Err(error) => return Err(error),
        };
        if secret.meta.deletion.is_some() {
            return Ok(Provisioned::KeptDeleted);
        }
        let held = secret.at_stage(CURRENT).and_then(|v| v.value.as_ref()).map(digest);
        if held.as_ref() == Some(&wanted) {
            return Ok(Provisioned::Unchanged);
        }
        if held != secret.meta.provisioned {
            return Ok(Provisioned::KeptChanged);
        }
        let put = PutSecretValue {
            secret_id: Some(self.name),
            client_request_token: token,
            secret_string: Some(self.value),
            ..PutSecretValue::default()
        };
        put.apply(state, context, changes)?;
        remember(state, context, &id, wanted, changes)?;
        Ok(Provisioned::Updated)
    }
}

/// Has a secret rotated as the profile declares: set when the profile says something new, left alone
/// after that. No AWS operation: the seeder's.
#[derive(Debug, Clone)]
pub struct ProvisionRotation {
    /// The secret.
    pub name: String,
    /// The function's ARN.
    pub function: String,
    /// The rules.
    pub rules: Rules,
}

impl Operation for ProvisionRotation {
    type State = State;
    type Output = ();
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "ProvisionRotation";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<(), Error> {
        Schedule::read(&self.rules).map_err(Error::InvalidParameter)?;
        let (key, secret) = state.find_mut(context.caller, &self.name)?;
        if secret.writable().is_err() {
            return Ok(());
        }
        let declared = Some((self.function.clone(), self.rules.clone()));
        let mut rotation = secret.meta.rotation.as_deref().cloned().unwrap_or_default();
        if rotation.declared == declared {
            return Ok(());
        }
        rotation.declared = declared;
        (rotation.function, rotation.rules) = (Some(self.function), self.rules);
        (rotation.enabled, rotation.days) = (true, None);
        rotation.plan(context.now);
        secret.meta.rotation = Some(Box::new(rotation));
        secret.meta.changed = context.now;
        changes.push(Change::Meta(key, Box::new(secret.meta.clone())));
        Ok(())
    }
}

fn remember(
    state: &mut State,
    context: &Context<'_>,
    id: &str,
    wanted: String,
    changes: &mut Vec<Change>,
) -> Result<(), Error> {
    let (key, secret) = state.find_mut(context.caller, id)?;
    secret.meta.provisioned = Some(wanted);
    changes.push(Change::Meta(key, Box::new(secret.meta.clone())));
    Ok(())
}

fn digest(value: &Value) -> String {
    let bytes: &[u8] = match value {
        Value::Text(text) => text.as_bytes(),
        Value::Bytes(bytes) => bytes,
    };
    hex::encode(Sha256::digest(bytes))
}
