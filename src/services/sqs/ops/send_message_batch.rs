//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html>

use super::super::body::Body;
use super::super::error::Error;
use super::super::limits;
use super::super::message::Attributes;
use super::super::state::{Change, State};
use super::batch::{BatchResult, check_ids};
use super::sending::{Draft, SentMessage};
use crate::base::Context;
use crate::services::Operation;
use serde::{Deserialize, Serialize};

/// Sends up to ten messages, each with its own result.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[allow(missing_docs, reason = "the members are AWS's")]
pub struct SendMessageBatch {
    pub queue_url: String,
    #[serde(alias = "SendMessageBatchRequestEntry")]
    pub entries: Vec<SendMessageBatchEntry>,
}

/// One of the messages.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[allow(missing_docs, reason = "the members are AWS's")]
pub struct SendMessageBatchEntry {
    pub id: String,
    pub message_body: Body,
    pub delay_seconds: Option<i64>,
    #[serde(alias = "MessageAttribute")]
    pub message_attributes: Attributes,
    #[serde(alias = "MessageSystemAttribute")]
    pub message_system_attributes: Attributes,
    pub message_deduplication_id: Option<String>,
    pub message_group_id: Option<String>,
}

/// An entry that was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SentEntry {
    /// The entry's id.
    #[serde(rename = "Id")]
    pub id: String,
    /// The rest.
    #[serde(flatten)]
    pub sent: SentMessage,
}

/// A result for each entry.
pub type SentBatch = BatchResult<SentEntry>;

impl Operation for SendMessageBatch {
    type State = State;
    type Output = SentBatch;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "SendMessageBatch";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<SentBatch, Error> {
        let (queue, positions) = state.to_send_by_url(&self.queue_url, context.caller)?;
        check_ids(self.entries.iter().map(|e| e.id.as_str()), "SendMessageBatchRequestEntry")?;
        let drafts: Vec<(String, Draft)> = self.entries.into_iter().map(draft).collect();
        let bytes: usize = drafts.iter().map(|(_, d)| d.size()).sum();
        if bytes > limits::BATCH_BYTES_MAX {
            return Err(Error::BatchTooLong { bytes });
        }
        for (_, draft) in &drafts {
            draft.check_ids(&queue.record.settings, true)?;
        }
        queue.settle(context.now, changes);
        changes.reserve(drafts.len());
        let mut result = SentBatch::new();
        for (id, draft) in drafts {
            let checked = draft.check(&queue.record.settings, true);
            let sent = checked.map(|c| c.send(queue, positions, context, changes));
            result.put(id, sent.map(|sent| move |id| SentEntry { id, sent }));
        }
        Ok(result)
    }
}

fn draft(entry: SendMessageBatchEntry) -> (String, Draft) {
    let draft = Draft {
        body: entry.message_body,
        delay_s: entry.delay_seconds,
        attributes: entry.message_attributes,
        system: entry.message_system_attributes,
        deduplication: entry.message_deduplication_id,
        group: entry.message_group_id,
    };
    (entry.id, draft)
}
