//! What a send and an entry of a batch share: the checks, then the message itself.

use super::super::body::Body;
use super::super::dedup::Remembered;
use super::super::error::Error;
use super::super::limits;
use super::super::message::{
    AttributeValue, Attributes, Content, attributes_md5, attributes_size, check_attributes,
    check_value, sequence_text, uuid_text,
};
use super::super::positions::Positions;
use super::super::queue::Queue;
use super::super::settings::Settings;
use super::super::state::Change;
use crate::base::{Context, Millis, hex_text};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// A message that somebody wants to send.
#[derive(Debug, Clone, Default)]
pub(super) struct Draft {
    pub(super) body: Body,
    pub(super) delay_s: Option<i64>,
    pub(super) attributes: Attributes,
    pub(super) system: Attributes,
    pub(super) deduplication: Option<String>,
    pub(super) group: Option<String>,
}

/// A draft that may be sent.
#[derive(Debug)]
pub(super) struct Checked {
    draft: Draft,
    delay_s: i64,
    deduplication: Option<String>,
}

/// What a sender is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SentMessage {
    /// MD5 of the body.
    #[serde(rename = "MD5OfMessageBody")]
    pub md5_of_body: String,
    /// MD5 of the user attributes.
    #[serde(rename = "MD5OfMessageAttributes", skip_serializing_if = "Option::is_none")]
    pub md5_of_attributes: Option<String>,
    /// MD5 of the system attributes.
    #[serde(rename = "MD5OfMessageSystemAttributes", skip_serializing_if = "Option::is_none")]
    pub md5_of_system_attributes: Option<String>,
    /// The message's id.
    #[serde(rename = "MessageId")]
    pub message_id: String,
    /// Its place in a FIFO queue.
    #[serde(rename = "SequenceNumber", skip_serializing_if = "Option::is_none")]
    pub sequence_number: Option<String>,
}

impl Draft {
    /// Bytes that count towards limits.
    pub(super) fn size(&self) -> usize {
        self.body.text.len() + attributes_size(&self.attributes)
    }

    /// What refuses a whole request, be it a batch or not.
    pub(super) fn check_ids(&self, settings: &Settings, batch: bool) -> Result<(), Error> {
        for (name, id) in
            [("MessageGroupId", &self.group), ("MessageDeduplicationId", &self.deduplication)]
        {
            if let Some(id) = id.as_ref().filter(|id| !is_proper_id(id)) {
                let reason = format!(
                    "{name} can only include alphanumeric and punctuation characters. 1 to {} in length.",
                    limits::ID_CHARS_MAX
                );
                return Err(Error::parameter(name, id, reason));
            }
        }
        let Some(fifo) = settings.fifo else {
            return match &self.deduplication {
                Some(id) => Err(Error::parameter("MessageDeduplicationId", id, WRONG_QUEUE_TYPE)),
                None => Ok(()),
            };
        };
        if self.group.is_none() {
            let name = "MessageGroupId";
            return Err(if batch {
                Error::MissingParameterInBatch { name }
            } else {
                Error::MissingParameter { name }
            });
        }
        if self.deduplication.is_none() && !fifo.by_content {
            return Err(Error::DeduplicationIdMissing);
        }
        Ok(())
    }

    /// All that may be wrong with one message.
    pub(super) fn check(self, settings: &Settings, batch: bool) -> Result<Checked, Error> {
        if self.body.text.is_empty() {
            return Err(Error::MissingParameter { name: "MessageBody" });
        }
        if !self.body.is_valid {
            return Err(Error::InvalidMessageContents);
        }
        check_attributes(&self.attributes)?;
        check_system(&self.system)?;
        self.check_ids(settings, batch)?;
        let delay_s = self.delay(settings)?;
        if self.size() > settings.message_bytes_max as usize {
            return Err(Error::MessageTooLong { bytes_max: settings.message_bytes_max, batch });
        }
        let by_content = || hex::encode(Sha256::digest(self.body.text.as_bytes()));
        let is_fifo = settings.fifo.is_some();
        let deduplication = is_fifo.then(|| self.deduplication.clone().unwrap_or_else(by_content));
        Ok(Checked { draft: self, delay_s, deduplication })
    }

    fn delay(&self, settings: &Settings) -> Result<i64, Error> {
        let delay_s = match self.delay_s {
            None => return Ok(i64::from(settings.delay_s)),
            Some(0) if settings.fifo.is_some() => return Ok(i64::from(settings.delay_s)),
            Some(delay_s) => delay_s,
        };
        if settings.fifo.is_some() {
            return Err(Error::parameter("DelaySeconds", delay_s, WRONG_QUEUE_TYPE));
        }
        if !limits::DELAY_SECONDS.contains(&delay_s) {
            let (low, high) = limits::DELAY_SECONDS.into_inner();
            let reason = format!("DelaySeconds must be >= {low} and <= {high}.");
            return Err(Error::parameter("DelaySeconds", delay_s, reason));
        }
        Ok(delay_s)
    }
}

const WRONG_QUEUE_TYPE: &str =
    "The request include parameter that is not valid for this queue type.";

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_MessageSystemAttributeValue.html>
fn check_system(system: &Attributes) -> Result<(), Error> {
    for (name, value) in system {
        if name != "AWSTraceHeader" {
            let message = format!("Message system attribute name '{name}' is invalid.");
            return Err(Error::Refused { message });
        }
        if value.data_type != "String" {
            let message = format!(
                "The message system attribute '{name}' has an invalid message system attribute type, the set of supported type is String."
            );
            return Err(Error::Refused { message });
        }
        check_value(name, value, "system")?;
    }
    Ok(())
}

pub(super) fn is_proper_id(id: &str) -> bool {
    (1..=limits::ID_CHARS_MAX).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic())
}

impl Checked {
    /// Puts the message into the queue, unless its deduplication id was used lately.
    pub(super) fn send(
        self,
        queue: &mut Queue,
        positions: &mut Positions,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> SentMessage {
        let Checked { draft, delay_s, deduplication } = self;
        let now = context.now;
        let Body { text: body, md5, .. } = draft.body;
        let trace = draft.system.get("AWSTraceHeader");
        let told = |message_id: u128, sequence: Option<u64>| SentMessage {
            md5_of_body: hex_text(&md5),
            md5_of_attributes: attributes_md5(draft.attributes.iter()),
            md5_of_system_attributes: attributes_md5(draft.system.iter()),
            message_id: uuid_text(message_id),
            sequence_number: sequence.map(sequence_text),
        };
        let scope = queue.record.settings.fifo.filter(|f| f.scope_is_group);
        let scope = scope.and(draft.group.as_deref());
        if let Some(id) = &deduplication
            && let Some(first) = queue.deduplication.find(scope, id, now)
        {
            return told(first.message_id, Some(first.sequence));
        }
        let position = positions.next(changes);
        let row = queue.row(position);
        let message_id =
            u128::from(context.ids.next_u64()) << 64 | u128::from(context.ids.next_u64());
        let answer = told(message_id, deduplication.is_some().then_some(position));
        if let Some(id) = &deduplication {
            let (group, id) = (scope.map(str::to_owned), id.clone());
            let sent = Remembered { row, group, id, sent: now, message_id, sequence: position };
            queue.remember(sent, changes);
        }
        let content = Arc::new(Content {
            message_id,
            md5,
            trace: trace.and_then(AttributeValue::as_text).map(Into::into),
            sender: context.caller.account.as_str().into(),
            sent: now,
            group: draft.group.map(Into::into),
            deduplication: deduplication.map(Into::into),
            sequence: position,
            source: None,
            body,
            attributes: draft.attributes,
        });
        insert(queue, position, content, now.plus_seconds(delay_s), now, changes);
        answer
    }
}

/// Puts a message into a queue and records it.
pub(in super::super) fn insert(
    queue: &mut Queue,
    position: u64,
    content: Arc<Content>,
    available: Millis,
    now: Millis,
    changes: &mut Vec<Change>,
) {
    let row = queue.row(position);
    queue.insert(position, Queue::fresh(content.clone(), available, now));
    changes.push(Change::Sent { row, content, available });
}
