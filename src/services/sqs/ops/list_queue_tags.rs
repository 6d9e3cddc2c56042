//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ListQueueTags.html>

use super::super::error::Error;
use super::super::state::{Change, State};
use crate::base::Context;
use crate::services::Operation;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Shows the tags of a queue.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[allow(missing_docs, reason = "the members are AWS's")]
pub struct ListQueueTags {
    pub queue_url: String,
}

/// Tags of a queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct QueueTags {
    /// By key.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

impl Operation for ListQueueTags {
    type State = State;
    type Output = QueueTags;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "ListQueueTags";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        _: &mut Vec<Change>,
    ) -> Result<QueueTags, Error> {
        let queue = state.by_url(&self.queue_url, context.caller)?;
        Ok(QueueTags { tags: queue.record.tags.clone() })
    }
}
