//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_UntagQueue.html>

use super::super::error::Error;
use super::super::state::{Change, State};
use super::Done;
use crate::base::Context;
use crate::services::Operation;
use serde::Deserialize;

/// Takes tags off a queue.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[allow(missing_docs, reason = "the members are AWS's")]
pub struct UntagQueue {
    pub queue_url: String,
    #[serde(alias = "TagKey")]
    pub tag_keys: Vec<String>,
}

impl Operation for UntagQueue {
    type State = State;
    type Output = Done;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "UntagQueue";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<Done, Error> {
        let queue = state.by_url_mut(&self.queue_url, context.caller)?;
        if self.tag_keys.is_empty() {
            return Err(Error::MissingParameter { name: "TagKeys" });
        }
        queue.record.tags.retain(|key, _| !self.tag_keys.contains(key));
        changes.push(Change::QueuePut { record: Box::new(queue.record.clone()) });
        Ok(Done)
    }
}
