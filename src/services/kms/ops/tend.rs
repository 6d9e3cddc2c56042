//! What happens to keys by the clock: deletions, automatic rotations, the expiry of imported material.
//! No AWS operation. Several that fell due while nobody was there are done one by one, each as of the
//! instant at which it was due.

use crate::base::{Context, Millis};
use crate::services::Operation;
use crate::services::kms::error::Error;
use crate::services::kms::key::{Key, KeyRef, KeyState};
use crate::services::kms::limits::DAY_MS;
use crate::services::kms::material::{Fresh, Material};
use crate::services::kms::ops::rotation;
use crate::services::kms::spec::Spec;
use crate::services::kms::state::{Change, State};

/// Something that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Due {
    /// A key's waiting is over.
    Deletion(KeyRef),
    /// A key rotates.
    Rotation {
        /// The key.
        at: KeyRef,
        /// Its kind.
        spec: Spec,
    },
    /// Imported material is no longer valid.
    Expiry(KeyRef),
}

impl Due {
    /// What is due at `now`, the earliest first.
    pub fn of(state: &State, now: Millis) -> Option<Due> {
        let key = state.first_due(now)?;
        let (at, due) = (key.at.clone(), key.due()?);
        if key.state() == KeyState::PendingDeletion
            && key.record.deletion.and_then(|d| d.due) == Some(due.0)
        {
            return Some(Due::Deletion(at));
        }
        if key.materials.iter().any(|m| m.expires() == Some(due)) {
            return Some(Due::Expiry(at));
        }
        Some(Due::Rotation { at, spec: key.record.spec })
    }
}

/// Does what is due.
#[derive(Debug, Clone)]
pub struct Tend {
    /// What.
    pub due: Due,
    /// New material, for a rotation.
    pub fresh: Option<Fresh>,
}

impl Operation for Tend {
    type State = State;
    type Output = ();
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "Tend";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<(), Error> {
        // Somebody else may have done it, or taken the reason away, since it was found due.
        if Due::of(state, context.now).as_ref() != Some(&self.due) {
            return Ok(());
        }
        match (self.due, self.fresh) {
            (Due::Deletion(at), _) => delete(state, &at, changes),
            (Due::Expiry(at), _) => state.amend(&at, changes, |key| {
                let due = key.due();
                let expired = |m: &&mut Material| m.expires().is_some() && m.expires() == due;
                key.materials.iter_mut().filter(expired).for_each(|m| m.sealed = None);
            }),
            (Due::Rotation { at, .. }, Some(fresh)) => rotate(state, &at, fresh, changes),
            (Due::Rotation { .. }, None) => {}
        }
        Ok(())
    }
}

/// Takes a key away; its primary key's own waiting begins with the last of its replicas.
fn delete(state: &mut State, at: &KeyRef, changes: &mut Vec<Change>) {
    let due = state.key(at).and_then(|key| key.record.deletion).and_then(|d| d.due);
    let primary = state.key(at).and_then(|key| key.record.primary.clone());
    state.remove(at);
    changes.push(Change::KeyGone(at.clone()));
    let Some(primary) = primary.map(|region| at.in_region(&region)) else { return };
    if state.related(&primary).len() == 1 {
        let begins = |key: &mut Key| {
            if let Some(deletion) = key.record.deletion.as_mut().filter(|d| d.due.is_none()) {
                deletion.due = due.map(|due| due + deletion.days * DAY_MS);
            }
        };
        state.amend(&primary, changes, begins);
    }
}

fn rotate(state: &mut State, at: &KeyRef, fresh: Fresh, changes: &mut Vec<Change>) {
    let Some(rotation) = state.key(at).and_then(|key| key.record.rotation) else { return };
    rotation::rotate(state, at, &fresh, (rotation.next, false), changes);
    state.amend(at, changes, |key| {
        if let Some(rotation) = &mut key.record.rotation {
            rotation.next += rotation.days * DAY_MS;
        }
    });
}
