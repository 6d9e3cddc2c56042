//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>

use super::super::body::Body;
use super::super::error::Error;
use super::super::message::Attributes;
use super::super::state::{Change, State};
use super::sending::{Draft, SentMessage};
use crate::base::Context;
use crate::services::Operation;
use serde::Deserialize;

/// Sends one message.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[allow(missing_docs, reason = "the members are AWS's")]
pub struct SendMessage {
    pub queue_url: String,
    pub message_body: Body,
    pub delay_seconds: Option<i64>,
    #[serde(alias = "MessageAttribute")]
    pub message_attributes: Attributes,
    #[serde(alias = "MessageSystemAttribute")]
    pub message_system_attributes: Attributes,
    pub message_deduplication_id: Option<String>,
    pub message_group_id: Option<String>,
}

impl Operation for SendMessage {
    type State = State;
    type Output = SentMessage;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "SendMessage";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<SentMessage, Error> {
        let (queue, positions) = state.to_send_by_url(&self.queue_url, context.caller)?;
        let draft = Draft {
            body: self.message_body,
            delay_s: self.delay_seconds,
            attributes: self.message_attributes,
            system: self.message_system_attributes,
            deduplication: self.message_deduplication_id,
            group: self.message_group_id,
        };
        let checked = draft.check(&queue.record.settings, false)?;
        queue.settle(context.now, changes);
        Ok(checked.send(queue, positions, context, changes))
    }
}
