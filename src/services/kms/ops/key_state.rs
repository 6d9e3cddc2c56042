//! <https://docs.aws.amazon.com/kms/latest/APIReference/API_EnableKey.html>, `API_DisableKey`,
//! `API_UpdateKeyDescription`, `API_ScheduleKeyDeletion` and `API_CancelKeyDeletion`.
//!
//! Which state allows what: <https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html>

use super::metadata::seconds;
use super::rotation::OfKey;
use crate::base::Context;
use crate::services::Operation;
use crate::services::kms::check::{Check, given};
use crate::services::kms::error::Error;
use crate::services::kms::key::{Deletion, KeyState};
use crate::services::kms::limits::*;
use crate::services::kms::state::{Change, State};
use serde::{Deserialize, Serialize};

/// Which key an operation worked on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct OnKey {
    /// Its ARN.
    pub key_id: String,
}

/// Switches a key on or off.
fn switch(
    of: OfKey,
    disabled: bool,
    operation: &'static str,
    state: &mut State,
    context: &Context<'_>,
    changes: &mut Vec<Change>,
) -> Result<(), Error> {
    let key = state.own(context.caller, &of.id()?, operation)?;
    key.is_customers(operation)?;
    key.stays()?;
    key.not_in(&[KeyState::PendingImport])?;
    state.amend(&key.at.clone(), changes, |key| key.record.disabled = disabled);
    Ok(())
}

/// `EnableKey`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct EnableKey(pub OfKey);

impl Operation for EnableKey {
    type State = State;
    type Output = ();
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "EnableKey";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<(), Error> {
        switch(self.0, false, Self::NAME, state, context, changes)
    }
}

/// `DisableKey`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct DisableKey(pub OfKey);

impl Operation for DisableKey {
    type State = State;
    type Output = ();
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "DisableKey";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<(), Error> {
        switch(self.0, true, Self::NAME, state, context, changes)
    }
}

/// `UpdateKeyDescription`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct UpdateKeyDescription {
    key_id: Option<String>,
    description: Option<String>,
}

impl Operation for UpdateKeyDescription {
    type State = State;
    type Output = ();
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "UpdateKeyDescription";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<(), Error> {
        let mut rules = Check::new();
        rules.key_id("keyId", self.key_id.as_ref());
        rules.there("description", self.description.as_ref());
        rules.length("description", self.description.as_ref(), (0, DESCRIPTION_CHARS_MAX));
        rules.done()?;
        let key = state.own(context.caller, &given(self.key_id)?, Self::NAME)?;
        key.is_customers(Self::NAME)?;
        key.stays()?;
        let description = given(self.description)?;
        state.amend(&key.at.clone(), changes, |key| key.record.description = description);
        Ok(())
    }
}

/// `ScheduleKeyDeletion`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ScheduleKeyDeletion {
    key_id: Option<String>,
    pending_window_in_days: Option<i64>,
}

/// What it answers.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Scheduled {
    key_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    deletion_date: Option<f64>,
    key_state: &'static str,
    pending_window_in_days: i64,
}

impl Operation for ScheduleKeyDeletion {
    type State = State;
    type Output = Scheduled;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "ScheduleKeyDeletion";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<Scheduled, Error> {
        let mut rules = Check::new();
        rules.key_id("keyId", self.key_id.as_ref());
        rules.range("pendingWindowInDays", self.pending_window_in_days, (1, 365));
        rules.done()?;
        let (least, most, usual) = WINDOW_DAYS;
        let days = self.pending_window_in_days.unwrap_or(usual);
        let key = state.own(context.caller, &given(self.key_id)?, Self::NAME)?;
        key.is_customers(Self::NAME)?;
        if !(least..=most).contains(&days) {
            return Err(Error::invalid(format!(
                "PendingWindowInDays must be between {least} and {most} (inclusive)."
            )));
        }
        key.stays()?;
        // A primary key waits for its replicas first; its own window begins when the last is gone.
        let waits = key.is_primary() && state.related(&key.at).len() > 1;
        let due = (!waits).then_some(context.now.0 + days * DAY_MS);
        let (at, arn) = (key.at.clone(), key.arn());
        let deletion = Some(Deletion { due, days });
        state.amend(&at, changes, |key| key.record.deletion = deletion);
        let key_state = state.key(&at).map_or(KeyState::PendingDeletion, |key| key.state());
        Ok(Scheduled {
            key_id: arn,
            deletion_date: due.map(seconds),
            key_state: key_state.name(),
            pending_window_in_days: days,
        })
    }
}

/// `CancelKeyDeletion`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct CancelKeyDeletion(pub OfKey);

impl Operation for CancelKeyDeletion {
    type State = State;
    type Output = OnKey;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "CancelKeyDeletion";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<OnKey, Error> {
        let key = state.own(context.caller, &self.0.id()?, Self::NAME)?;
        let arn = key.arn();
        if key.record.deletion.is_none() {
            return Err(Error::State(arn, "not pending deletion"));
        }
        // The key comes back disabled: whoever wants to use it says so.
        state.amend(&key.at.clone(), changes, |key| {
            key.record.deletion = None;
            key.record.disabled = true;
        });
        Ok(OnKey { key_id: arn })
    }
}
