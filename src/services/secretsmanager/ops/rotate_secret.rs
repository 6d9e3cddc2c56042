//! <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotateSecret.html>
//!
//! The rotation itself follows: [`super::BeginRotation`]. While `AWSPENDING` sits on a version that is not
//! current, a rotation before this one has not come to its end: AWS answers with an error and tries that
//! one again, which is [`ResumeRotation`].

use crate::base::Context;
use crate::services::Operation;
use crate::services::secretsmanager::error::Error;
use crate::services::secretsmanager::limits::{EXTERNAL_ITEMS_MAX, FUNCTION_CHARS_MAX};
use crate::services::secretsmanager::rotation::{Rotation, Rules, Run, Schedule};
use crate::services::secretsmanager::state::{CURRENT, Change, PENDING, Secret, State};
use crate::services::secretsmanager::validate;
use crate::services::secretsmanager::versions::{self, Draft};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// `RotateSecret`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct RotateSecret {
    /// Name or ARN.
    pub secret_id: Option<String>,
    /// The id of the version to come.
    pub client_request_token: Option<String>,
    /// The function.
    #[serde(rename = "RotationLambdaARN")]
    pub rotation_lambda_arn: Option<String>,
    /// When to rotate.
    pub rotation_rules: Option<Rules>,
    /// What a partner needs for a managed external secret: kept and shown.
    pub external_secret_rotation_metadata: Option<Vec<ExternalItem>>,
    /// The role for it: kept and shown.
    pub external_secret_rotation_role_arn: Option<String>,
    /// `false` only calls `testSecret` now.
    pub rotate_immediately: Option<bool>,
}

/// An item of a managed external secret's metadata.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ExternalItem {
    /// Key.
    pub key: String,
    /// Value.
    pub value: String,
}

/// What it answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Rotating {
    /// The whole ARN.
    #[serde(rename = "ARN")]
    pub arn: String,
    /// The friendly name.
    pub name: String,
    /// The version to come.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version_id: Option<String>,
}

/// The name of the function that an ARN means: what stands behind `function:`, without its qualifier.
pub fn function_name(arn: &str) -> &str {
    let name = arn.split_once(":function:").map_or(arn, |(_, name)| name);
    name.split(':').next().unwrap_or(name)
}

impl RotateSecret {
    fn check(&self, state: &State) -> Result<(), Error> {
        if let Some(rules) = &self.rotation_rules {
            Schedule::read(rules).map_err(Error::InvalidParameter)?;
        }
        let external = self.external_secret_rotation_metadata.as_deref().unwrap_or_default();
        if external.len() > EXTERNAL_ITEMS_MAX {
            return Err(Error::InvalidParameter("Too many items of rotation metadata.".into()));
        }
        let Some(arn) = &self.rotation_lambda_arn else { return Ok(()) };
        validate::length(arn, "rotationLambdaARN", 0, FUNCTION_CHARS_MAX)?;
        let known = state.functions.as_ref().is_some_and(|f| f.contains(function_name(arn)));
        if known || arn.is_empty() { Ok(()) } else { Err(Error::FunctionUnknown) }
    }

    /// The rotation as it is configured after this call.
    fn configured(&self, secret: &Secret) -> Result<Rotation, Error> {
        let mut rotation = secret.meta.rotation.as_deref().cloned().unwrap_or_default();
        if let Some(arn) = self.rotation_lambda_arn.clone().filter(|arn| !arn.is_empty()) {
            rotation.function = Some(arn);
        }
        if let Some(rules) = &self.rotation_rules {
            if *rules != rotation.rules {
                rotation.days = None;
            }
            rotation.rules = rules.clone();
        }
        if let Some(items) = &self.external_secret_rotation_metadata {
            let pair = |item: &ExternalItem| (item.key.clone(), item.value.clone());
            rotation.external = items.iter().map(pair).collect();
        }
        if let Some(role) = &self.external_secret_rotation_role_arn {
            rotation.external_role = Some(role.clone());
        }
        if secret.meta.kind.is_some() && rotation.function.is_none() {
            return Err(Error::NotServed("the rotation of managed external secrets"));
        }
        rotation.function.as_ref().ok_or(Error::NoFunction)?;
        rotation.enabled = true;
        Ok(rotation)
    }
}

/// The version that a rotation prepares and that is not current yet.
fn unfinished(secret: &Secret) -> Option<&str> {
    let pending = secret.at_stage(PENDING).filter(|v| !v.stages.contains(CURRENT));
    pending.map(|version| version.id.as_str())
}

impl Operation for RotateSecret {
    type State = State;
    type Output = Rotating;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "RotateSecret";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<Rotating, Error> {
        let id = validate::secret_id(self.secret_id.clone())?;
        // Here AWS names another code than in other operations.
        let token = self.client_request_token.clone().ok_or(Error::RotationTokenMissing)?;
        let token = validate::token(Some(token))?;
        self.check(state)?;
        let (key, secret) = state.find_mut(context.caller, &id)?;
        secret.writable()?;
        let arn = secret.meta.arn.clone();
        let answer = |version_id| Rotating { arn: arn.clone(), name: key.name.clone(), version_id };
        let mut rotation = self.configured(secret)?;
        match unfinished(secret) {
            Some(pending) if pending == token => return Ok(answer(Some(token))),
            Some(_) => return Err(Error::RotationUnfinished),
            None => {}
        }
        if let Some(version) = secret.version(&token) {
            // A repetition of a call whose rotation has ended.
            return match version.stages.contains(CURRENT) {
                true => Ok(answer(Some(token))),
                false => Err(Error::TokenInUse { token, arn: arn.clone() }),
            };
        }
        let is_test = !self.rotate_immediately.unwrap_or(true);
        if is_test || rotation.window.is_none() {
            rotation.plan(context.now);
        }
        start(&key, secret, rotation, (token.clone(), is_test), context, changes)?;
        Ok(answer(Some(token)))
    }
}

/// Makes room for the new version and sets the rotation off.
pub(super) fn start(
    key: &crate::services::secretsmanager::state::Key,
    secret: &mut Secret,
    mut rotation: Rotation,
    (token, is_test): (String, bool),
    context: &mut Context<'_>,
    changes: &mut Vec<Change>,
) -> Result<(), Error> {
    let stages = BTreeSet::from([PENDING.to_owned()]);
    let draft = Draft { id: token.clone(), value: None, stages };
    versions::check(secret, &draft, context.now)?;
    rotation.run = Some(Run::new(token, context.ids.uuid(), is_test, context.now));
    secret.meta.rotation = Some(Box::new(rotation));
    secret.meta.changed = context.now;
    changes.push(Change::Meta(key.clone(), Box::new(secret.meta.clone())));
    versions::add(key, secret, draft, context.now, changes);
    Ok(())
}

/// Takes up again a rotation that did not come to its end. No AWS operation: what `RotateSecret` does
/// beside its error.
#[derive(Debug, Clone)]
pub struct ResumeRotation {
    /// Name or ARN.
    pub secret_id: String,
}

impl Operation for ResumeRotation {
    type State = State;
    type Output = ();
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "ResumeRotation";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<(), Error> {
        let (key, secret) = state.find_mut(context.caller, &self.secret_id)?;
        let pending = unfinished(secret).map(str::to_owned);
        let (Some(pending), Some(rotation)) = (pending, secret.meta.rotation.as_mut()) else {
            return Ok(());
        };
        match &mut rotation.run {
            // It is under way.
            Some(run) if run.due.is_some() => return Ok(()),
            Some(run) => run.again(context.now),
            None => {
                let token = context.ids.uuid();
                rotation.run = Some(Run::new(pending, token, false, context.now));
            }
        }
        rotation.enabled = true;
        changes.push(Change::Meta(key, Box::new(secret.meta.clone())));
        Ok(())
    }
}
