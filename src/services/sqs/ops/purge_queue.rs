//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_PurgeQueue.html>

use super::super::error::Error;
use super::super::limits::COOLDOWN_SECONDS;
use super::super::state::{Change, State};
use super::Done;
use crate::base::{Context, Millis};
use crate::services::Operation;
use serde::Deserialize;

/// Deletes every message of a queue.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[allow(missing_docs, reason = "the members are AWS's")]
pub struct PurgeQueue {
    pub queue_url: String,
}

impl Operation for PurgeQueue {
    type State = State;
    type Output = Done;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "PurgeQueue";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<Done, Error> {
        let cooldowns = state.cooldowns;
        let queue = state.by_url_mut(&self.queue_url, context.caller)?;
        let wait_over = |purged: Millis| purged.plus_seconds(COOLDOWN_SECONDS) <= context.now;
        if cooldowns && !queue.record.purged.is_none_or(wait_over) {
            return Err(Error::PurgeInProgress { queue: queue.record.name.clone() });
        }
        changes.push(Change::Purged { messages: queue.positions() });
        queue.purge(context.now);
        changes.push(Change::QueuePut { record: Box::new(queue.record.clone()) });
        Ok(Done)
    }
}
