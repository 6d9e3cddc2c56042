//! What devenv itself asks of the queues: steps of move tasks that are due, the mode of the profile, and
//! receives whose receiver has gone before the answer.

use super::super::error::Error;
use super::super::moving;
use super::super::receipt::Receipt;
use super::super::state::{Change, State};
use super::Done;
use crate::base::Context;
use crate::services::Operation;

/// Does the steps of move tasks that are due; answers how much was done.
#[derive(Debug, Clone, Copy, Default)]
pub struct AdvanceMoveTasks;

impl Operation for AdvanceMoveTasks {
    type State = State;
    type Output = usize;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "AdvanceMoveTasks";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<usize, Error> {
        Ok(moving::advance(state, context.now, context.ids, changes))
    }
}

/// Sets whether AWS's waits of sixty seconds hold.
#[derive(Debug, Clone, Copy, Default)]
pub struct SetMode {
    /// `mode = "strict"`.
    pub cooldowns: bool,
}

impl Operation for SetMode {
    type State = State;
    type Output = Done;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "SetMode";

    fn apply(
        self,
        state: &mut State,
        _: &mut Context<'_>,
        _: &mut Vec<Change>,
    ) -> Result<Done, Error> {
        state.cooldowns = self.cooldowns;
        Ok(Done)
    }
}

/// Makes messages visible again whose receiver left before it was answered. The receive counts: it may
/// have been answered in part.
#[derive(Debug, Clone, Default)]
pub struct Release {
    /// Their receipt handles.
    pub handles: Vec<String>,
}

impl Operation for Release {
    type State = State;
    type Output = Done;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "Release";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<Done, Error> {
        for receipt in self.handles.iter().filter_map(|handle| Receipt::parse(handle)) {
            let Some(queue) = state.queue_mut(receipt.row.queue) else { continue };
            let position = receipt.row.position;
            let delivery = queue.message(position).map(|message| message.delivery);
            let untouched = |d: &crate::services::sqs::message::Delivery| {
                d.nonce == receipt.nonce && !d.released && d.until > context.now
            };
            if let Some(mut delivery) = delivery.filter(untouched) {
                (delivery.released, delivery.until) = (true, context.now);
                queue.redeliver(position, delivery, changes);
            }
        }
        Ok(Done)
    }
}
