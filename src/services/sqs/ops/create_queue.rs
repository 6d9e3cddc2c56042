//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html>

use super::super::error::Error;
use super::super::limits;
use super::super::queue::{Queue, QueueRecord};
use super::super::settings::{RawAttributes, Settings};
use super::super::state::queue_url;
use super::super::state::{Change, State};
use super::set_queue_attributes::check_redrive;
use super::tag_queue::check_tags;
use crate::base::{Context, Millis};
use crate::services::Operation;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Makes a queue, or finds the one that is there with the same attributes.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[allow(missing_docs, reason = "the members are AWS's")]
pub struct CreateQueue {
    pub queue_name: String,
    #[serde(alias = "Attribute")]
    pub attributes: RawAttributes,
    #[serde(rename = "tags", alias = "Tags", alias = "Tag")]
    pub tags: BTreeMap<String, String>,
}

/// Where a queue is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct QueueUrl {
    /// By the host that the caller used.
    pub queue_url: String,
}

impl Operation for CreateQueue {
    type State = State;
    type Output = QueueUrl;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "CreateQueue";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<QueueUrl, Error> {
        let caller = context.caller;
        let is_fifo = self.check_name()?;
        let mut attributes = self.attributes;
        if is_fifo {
            attributes.remove("FifoQueue");
        }
        let url = QueueUrl { queue_url: queue_url(caller, &caller.account, &self.queue_name) };
        let existing = state.find(&caller.account, &caller.region, &self.queue_name);
        if let Some(queue) = existing.and_then(|id| state.queue(id)) {
            return match queue.record.settings.first_difference(&attributes)? {
                Some(attribute) => Err(Error::QueueNameExists { attribute }),
                None => Ok(url),
            };
        }
        let settings = Settings::new(is_fifo).with(&attributes, true)?;
        check_tags(&self.tags)?;
        if self.tags.len() > limits::TAGS_MAX {
            return Err(Error::TooManyTags);
        }
        let deleted = state.deleted_at(&caller.account, &caller.region, &self.queue_name);
        let waits = |deleted: Millis| deleted.plus_seconds(limits::COOLDOWN_SECONDS) > context.now;
        if state.cooldowns && deleted.is_some_and(waits) {
            return Err(Error::QueueDeletedRecently);
        }
        let mut record = QueueRecord {
            id: 0,
            account: caller.account.clone(),
            region: caller.region.clone(),
            name: self.queue_name,
            created: context.now,
            modified: context.now,
            settings,
            tags: self.tags,
            purged: None,
        };
        check_redrive(state, &record)?;
        record.id = state.next_queue_id();
        changes.push(Change::QueuePut { record: Box::new(record.clone()) });
        state.insert(Queue::new(record));
        Ok(url)
    }
}

impl CreateQueue {
    /// Whether the queue is to be a FIFO queue, which its name and its attribute must agree on.
    fn check_name(&self) -> Result<bool, Error> {
        let name = self.queue_name.as_str();
        if name.is_empty() {
            return Err(Error::MissingParameter { name: "QueueName" });
        }
        let wants_fifo = match self.attributes.get("FifoQueue").map(|v| v.to_ascii_lowercase()) {
            None => false,
            Some(value) if value == "true" => true,
            Some(value) if value == "false" => false,
            Some(_) => {
                return Err(Error::InvalidAttributeValue {
                    name: "FifoQueue".into(),
                    reason: None,
                });
            }
        };
        let stem = if wants_fifo { name.strip_suffix(".fifo") } else { Some(name) };
        let proper = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        let fits = name.len() <= limits::QUEUE_NAME_CHARS_MAX;
        match stem {
            Some(stem) if fits && !stem.is_empty() && stem.bytes().all(proper) => Ok(wants_fifo),
            _ => Err(Error::InvalidQueueName { fifo: wants_fifo }),
        }
    }
}
