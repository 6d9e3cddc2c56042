//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_TagQueue.html>

use super::super::error::Error;
use super::super::limits;
use super::super::state::{Change, State};
use super::Done;
use crate::base::Context;
use crate::services::Operation;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Sets tags on a queue.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[allow(missing_docs, reason = "the members are AWS's")]
pub struct TagQueue {
    pub queue_url: String,
    #[serde(alias = "Tag")]
    pub tags: BTreeMap<String, String>,
}

impl Operation for TagQueue {
    type State = State;
    type Output = Done;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "TagQueue";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<Done, Error> {
        let queue = state.by_url_mut(&self.queue_url, context.caller)?;
        let mut tags = queue.record.tags.clone();
        tags.extend(self.tags);
        if tags.len() > limits::TAGS_MAX {
            return Err(Error::TooManyTags);
        }
        queue.record.tags = tags;
        changes.push(Change::QueuePut { record: Box::new(queue.record.clone()) });
        Ok(Done)
    }
}
