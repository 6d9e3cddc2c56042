//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteQueue.html>

use super::super::error::Error;
use super::super::state::{Change, State};
use super::Done;
use crate::base::Context;
use crate::services::Operation;
use serde::Deserialize;

/// Deletes a queue and all that is in it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[allow(missing_docs, reason = "the members are AWS's")]
pub struct DeleteQueue {
    pub queue_url: String,
}

impl Operation for DeleteQueue {
    type State = State;
    type Output = Done;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "DeleteQueue";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<Done, Error> {
        let queue = state.by_url(&self.queue_url, context.caller)?;
        let id = queue.record.id;
        let (messages, remembered) = (queue.positions(), queue.deduplication.positions());
        let kept = state.remove(id, context.now).map(Box::new);
        changes.push(Change::QueueDeleted { queue: id, kept, messages, remembered });
        Ok(Done)
    }
}
