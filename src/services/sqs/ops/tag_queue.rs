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
        if self.tags.is_empty() {
            return Err(Error::MissingParameter { name: "Tags" });
        }
        check_tags(&self.tags)?;
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

/// Keys and values as AWS takes them; keys that begin with `aws:` are AWS's own.
///
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-queue-tags.html>
pub(super) fn check_tags(tags: &BTreeMap<String, String>) -> Result<(), Error> {
    for (key, value) in tags {
        let refuse = |message: String| Err(Error::Refused { message });
        let chars = key.chars().count();
        if chars == 0 || chars > limits::TAG_KEY_CHARS_MAX {
            let max = limits::TAG_KEY_CHARS_MAX;
            return refuse(format!("Tag keys must be between 1 and {max} characters in length."));
        }
        if value.chars().count() > limits::TAG_VALUE_CHARS_MAX {
            let max = limits::TAG_VALUE_CHARS_MAX;
            return refuse(format!("Tag values must be at most {max} characters in length."));
        }
        if key.to_ascii_lowercase().starts_with("aws:") {
            return refuse("Tag keys must not start with 'aws:'.".into());
        }
    }
    Ok(())
}
