//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibilityBatch.html>

use super::super::error::Error;
use super::super::state::{Change, State};
use super::batch::{BatchResult, BatchSuccess, check_ids};
use super::change_message_visibility::change;
use crate::base::Context;
use crate::services::Operation;
use serde::Deserialize;

/// Changes up to ten visibility timeouts, each with its own result.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[allow(missing_docs, reason = "the members are AWS's")]
pub struct ChangeMessageVisibilityBatch {
    pub queue_url: String,
    #[serde(alias = "ChangeMessageVisibilityBatchRequestEntry")]
    pub entries: Vec<ChangeMessageVisibilityBatchEntry>,
}

/// One of them.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[allow(missing_docs, reason = "the members are AWS's")]
pub struct ChangeMessageVisibilityBatchEntry {
    pub id: String,
    pub receipt_handle: String,
    pub visibility_timeout: Option<i64>,
}

impl Operation for ChangeMessageVisibilityBatch {
    type State = State;
    type Output = BatchResult<BatchSuccess>;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "ChangeMessageVisibilityBatch";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<BatchResult<BatchSuccess>, Error> {
        let queue = state.by_url_mut(&self.queue_url, context.caller)?;
        check_ids(
            self.entries.iter().map(|e| e.id.as_str()),
            "ChangeMessageVisibilityBatchRequestEntry",
        )?;
        let mut result = BatchResult::new();
        for entry in self.entries {
            let done = change(
                queue,
                &entry.receipt_handle,
                entry.visibility_timeout,
                context.now,
                changes,
            );
            result.put(entry.id, done.map(|()| |id| BatchSuccess { id }));
        }
        Ok(result)
    }
}
