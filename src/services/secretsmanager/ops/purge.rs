//! Takes away the secrets whose recovery window has ended. No AWS operation: it runs before one
//! whenever the virtual clock says that a deletion is due.

use crate::base::Context;
use crate::services::Operation;
use crate::services::secretsmanager::error::Error;
use crate::services::secretsmanager::state::{Change, State};

/// The purge.
#[derive(Debug, Clone, Copy)]
pub struct Purge;

impl Operation for Purge {
    type State = State;
    type Output = ();
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "Purge";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<(), Error> {
        while let Some(key) = state.next_due(context.now) {
            state.remove(&key);
            changes.push(Change::SecretGone(key));
        }
        Ok(())
    }
}
