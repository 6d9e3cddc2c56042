//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessageBatch.html>

use super::super::error::Error;
use super::super::state::{Change, State};
use super::batch::{BatchResult, BatchSuccess, check_ids};
use super::delete_message::delete;
use crate::base::Context;
use crate::services::Operation;
use serde::Deserialize;

/// Deletes up to ten messages, each with its own result.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[allow(missing_docs, reason = "the members are AWS's")]
pub struct DeleteMessageBatch {
    pub queue_url: String,
    #[serde(alias = "DeleteMessageBatchRequestEntry")]
    pub entries: Vec<DeleteMessageBatchEntry>,
}

/// One of them.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[allow(missing_docs, reason = "the members are AWS's")]
pub struct DeleteMessageBatchEntry {
    pub id: String,
    pub receipt_handle: String,
}

impl Operation for DeleteMessageBatch {
    type State = State;
    type Output = BatchResult<BatchSuccess>;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "DeleteMessageBatch";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<BatchResult<BatchSuccess>, Error> {
        let queue = state.by_url_mut(&self.queue_url, context.caller)?;
        check_ids(self.entries.iter().map(|e| e.id.as_str()), "DeleteMessageBatchRequestEntry")?;
        let mut result = BatchResult::new();
        for entry in self.entries {
            let done = delete(queue, &entry.receipt_handle, context.now, changes);
            result.put(entry.id, done.map(|()| |id| BatchSuccess { id }));
        }
        Ok(result)
    }
}
