//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html>

use super::super::error::Error;
use super::super::queue::Queue;
use super::super::settings::OPTIONAL_NAMES;
use super::super::state::{Change, State};
use crate::base::Context;
use crate::services::Operation;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Shows attributes of a queue.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[allow(missing_docs, reason = "the members are AWS's")]
pub struct GetQueueAttributes {
    pub queue_url: String,
    #[serde(alias = "AttributeName")]
    pub attribute_names: Vec<String>,
}

/// Attributes of a queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct QueueAttributes {
    /// By name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<&'static str, String>,
}

impl Operation for GetQueueAttributes {
    type State = State;
    type Output = QueueAttributes;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "GetQueueAttributes";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<QueueAttributes, Error> {
        let queue = state.by_url_mut(&self.queue_url, context.caller)?;
        let known = |name: &&String| {
            KNOWN_NAMES.contains(&name.as_str()) || OPTIONAL_NAMES.contains(&name.as_str())
        };
        if let Some(name) = self.attribute_names.iter().find(|n| !known(n)) {
            return Err(Error::UnknownAttribute { name: name.clone() });
        }
        queue.settle(context.now, changes);
        let asked = |name: &str| self.attribute_names.iter().any(|n| n == name || n == "All");
        let mut attributes = all(queue);
        attributes.retain(|name, _| asked(name));
        Ok(QueueAttributes { attributes })
    }
}

const KNOWN_NAMES: &[&str] = &[
    "All",
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesDelayed",
    "ApproximateNumberOfMessagesNotVisible",
    "CreatedTimestamp",
    "DelaySeconds",
    "LastModifiedTimestamp",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "QueueArn",
    "ReceiveMessageWaitTimeSeconds",
    "SqsManagedSseEnabled",
    "VisibilityTimeout",
];

fn all(queue: &Queue) -> BTreeMap<&'static str, String> {
    let counts = queue.counts();
    let mut all = queue.record.settings.written();
    all.extend([
        ("QueueArn", queue.arn()),
        ("CreatedTimestamp", queue.record.created.seconds().to_string()),
        ("LastModifiedTimestamp", queue.record.modified.seconds().to_string()),
        ("ApproximateNumberOfMessages", counts.ready.to_string()),
        ("ApproximateNumberOfMessagesDelayed", counts.delayed.to_string()),
        ("ApproximateNumberOfMessagesNotVisible", counts.in_flight.to_string()),
    ]);
    all
}
