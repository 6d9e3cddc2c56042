//! What follows from every operation: copies follow their primaries, and rotations are noted by their
//! instant. In the same commit as its reason.

use crate::base::Context;
use crate::services::Operation;
use crate::services::secretsmanager::error::Error;
use crate::services::secretsmanager::replication;
use crate::services::secretsmanager::state::{Change, Key, State};

/// An operation with what follows from it.
#[derive(Debug, Clone)]
pub struct Tended<O>(pub O);

impl<O> Operation for Tended<O>
where
    O: Operation<State = State, Change = Change, Error = Error>,
{
    type State = State;
    type Output = O::Output;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = O::NAME;

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<O::Output, Error> {
        let before = changes.len();
        let output = self.0.apply(state, context, changes)?;
        if changes.len() == before {
            return Ok(output);
        }
        let mut keys: Vec<Key> = changes[before..].iter().map(|c| c.key().clone()).collect();
        keys.dedup();
        for key in keys {
            state.note_rotation(&key);
            replication::sync(state, &key, context.now, changes);
        }
        Ok(output)
    }
}
