//! A rotation as it goes: what to call next, and what came of it. No AWS operations: those of the
//! worker that calls rotation functions.

use super::rotate_secret::start;
use crate::base::{Context, Millis};
use crate::services::Operation;
use crate::services::secretsmanager::error::Error;
use crate::services::secretsmanager::rotation::{Rotation, Run, Step};
use crate::services::secretsmanager::state::{CURRENT, Change, Key, PENDING, Secret, State};
use serde::Serialize;

/// Finds the next call for the rotation of a secret, and begins the rotation when its window opens.
#[derive(Debug, Clone)]
pub struct BeginRotation {
    /// The secret.
    pub key: Key,
}

/// Records what came of a call.
#[derive(Debug, Clone)]
pub struct EndStep {
    /// The secret.
    pub key: Key,
    /// The call.
    pub event: Event,
    /// Whether the function did it.
    pub done: bool,
}

/// What a rotation function is called with, as Lambda's functions are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Event {
    /// The step.
    pub step: &'static str,
    /// The secret's ARN.
    pub secret_id: String,
    /// The id of the version.
    pub client_request_token: String,
    /// To be handed back in `PutSecretValue`.
    pub rotation_token: String,
}

/// A call to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The function's ARN.
    pub function: String,
    /// What to call it with.
    pub event: Event,
    /// How often this rotation has failed before.
    pub failures: u32,
}

/// What comes after a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// This call, at once.
    Call(Call),
    /// The rotation has ended well.
    Finished,
    /// It failed, for this reason where the function itself did not; tried again at that instant, or
    /// given up.
    Failed(Option<String>, Option<Millis>),
    /// Nobody waits for it any more.
    Gone,
}

fn call(secret: &Secret, rotation: &Rotation) -> Option<Call> {
    let run = rotation.run.as_ref()?;
    let event = Event {
        step: run.step.name(),
        secret_id: secret.meta.arn.clone(),
        client_request_token: run.token.clone(),
        rotation_token: run.rotation_token.clone(),
    };
    Some(Call { function: rotation.function.clone()?, event, failures: run.failures })
}

impl Operation for BeginRotation {
    type State = State;
    type Output = Option<Call>;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "BeginRotation";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<Option<Call>, Error> {
        let key = self.key;
        let Some(secret) = state.at_mut(&key) else { return Ok(None) };
        let rotation = secret.meta.rotation.as_deref().filter(|r| r.due().is_some());
        let Some(mut rotation) = rotation.filter(|_| secret.alive().is_ok()).cloned() else {
            return Ok(None);
        };
        match &mut rotation.run {
            Some(run) if run.due.is_some() => return Ok(call(secret, &rotation)),
            // It was given up, and its next window is here.
            Some(run) => {
                run.again(context.now);
                secret.meta.rotation = Some(Box::new(rotation));
                changes.push(Change::Meta(key.clone(), Box::new(secret.meta.clone())));
            }
            None => {
                // A version that somebody left pending is taken up, as `RotateSecret` does.
                let left = secret.at_stage(PENDING).filter(|v| !v.stages.contains(CURRENT));
                let token = left.map_or_else(|| context.ids.uuid(), |v| v.id.clone());
                let wake = rotation.wake.take();
                let begun = start(&key, secret, rotation.clone(), (token, false), context, changes);
                if begun.is_err() {
                    // No room for a version: the next window tries again.
                    rotation.wake = wake;
                    rotation.given_up(context.now);
                    secret.meta.rotation = Some(Box::new(rotation));
                    changes.push(Change::Meta(key.clone(), Box::new(secret.meta.clone())));
                    return Ok(None);
                }
            }
        }
        Ok(secret.meta.rotation.as_deref().and_then(|rotation| call(secret, rotation)))
    }
}

impl Operation for EndStep {
    type State = State;
    type Output = Next;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "EndStep";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<Next, Error> {
        let EndStep { key, event, done } = self;
        let Some(secret) = state.at_mut(&key) else { return Ok(Next::Gone) };
        let rotation = secret.meta.rotation.as_deref().filter(|_| secret.alive().is_ok());
        let Some(mut rotation) = rotation.cloned() else { return Ok(Next::Gone) };
        let by = rotation.function.clone().unwrap_or_default();
        let is_it = |run: &&mut Run| {
            run.token == event.client_request_token && run.step.name() == event.step
        };
        let Some(run) = rotation.run.as_mut().filter(is_it) else { return Ok(Next::Gone) };
        let wrong = if done { missing(secret, run.step, &run.token, &by) } else { None };
        let mut next = Next::Finished;
        if !done || wrong.is_some() {
            run.failed(context.now);
            let again = run.due.map(Millis);
            if again.is_none() && run.is_test {
                drop_test(&key, secret, &event.client_request_token, changes);
                rotation.run = None;
            } else if again.is_none() {
                rotation.given_up(context.now);
            }
            next = Next::Failed(wrong, again);
        } else if run.is_test {
            drop_test(&key, secret, &event.client_request_token, changes);
            rotation.run = None;
        } else if let Some(step) = run.step.next() {
            run.step = step;
        } else {
            rotation.finished(context.now);
            secret.meta.changed = context.now;
        }
        secret.meta.rotation = Some(Box::new(rotation));
        changes.push(Change::Meta(key, Box::new(secret.meta.clone())));
        let more = secret.meta.rotation.as_deref().filter(|r| r.run.is_some());
        match (&next, more) {
            (Next::Finished, Some(rotation)) => {
                Ok(call(secret, rotation).map_or(Next::Gone, Next::Call))
            }
            _ => Ok(next),
        }
    }
}

/// What a function that says it is done has not done.
fn missing(secret: &Secret, step: Step, token: &str, by: &str) -> Option<String> {
    let version = secret.version(token);
    match step {
        Step::CreateSecret if version.is_none_or(|v| v.value.is_none()) => Some(format!(
            "Pending secret version {token} for Secret {} was not created by Lambda {by}. Remove the AWSPENDING staging label and restart rotation.",
            secret.meta.arn
        )),
        Step::FinishSecret if version.is_none_or(|v| !v.stages.contains(CURRENT)) => Some(format!(
            "{by} has not moved AWSCURRENT to version {token} of {}.",
            secret.meta.arn
        )),
        _ => None,
    }
}

/// Takes away the version of a test.
fn drop_test(key: &Key, secret: &mut Secret, token: &str, changes: &mut Vec<Change>) {
    let is_empty = |v: &super::super::state::Version| v.id == token && v.value.is_none();
    if secret.versions.iter().any(is_empty) {
        secret.versions.retain(|v| !is_empty(v));
        changes.push(Change::VersionGone(key.clone(), token.to_owned()));
    }
}
