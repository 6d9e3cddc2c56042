//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>

use super::super::error::Error;
use super::super::queue::QueueRecord;
use super::super::redrive::QueueArn;
use super::super::settings::RawAttributes;
use super::super::state::{Change, State};
use super::Done;
use crate::base::Context;
use crate::services::Operation;
use serde::Deserialize;

/// Sets attributes of a queue.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[allow(missing_docs, reason = "the members are AWS's")]
pub struct SetQueueAttributes {
    pub queue_url: String,
    #[serde(alias = "Attribute")]
    pub attributes: RawAttributes,
}

impl Operation for SetQueueAttributes {
    type State = State;
    type Output = Done;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "SetQueueAttributes";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<Done, Error> {
        let queue = state.by_url(&self.queue_url, context.caller)?;
        let settings = queue.record.settings.with(&self.attributes, false)?;
        let record = QueueRecord { settings, modified: context.now, ..queue.record.clone() };
        if self.attributes.contains_key("RedrivePolicy") {
            check_redrive(state, &record)?;
        }
        let queue = state.queue_mut(record.id).ok_or(Error::QueueDoesNotExist)?;
        queue.record = record;
        changes.push(Change::QueuePut { record: Box::new(queue.record.clone()) });
        Ok(Done)
    }
}

/// A dead-letter queue must exist, be of the same type, and let this queue use it.
pub(super) fn check_redrive(state: &State, record: &QueueRecord) -> Result<(), Error> {
    let Some(redrive) = &record.settings.redrive else { return Ok(()) };
    let refuse = |reason: &str| Err(Error::parameter("RedrivePolicy", redrive.text(), reason));
    if redrive.target.account != record.account || redrive.target.region != record.region {
        return refuse("Dead-letter queue must be in the same account and region as the source.");
    }
    let target = state.find_arn(&redrive.target).and_then(|id| state.queue(id));
    let Some(target) = target else { return refuse("Dead letter target does not exist.") };
    if target.is_fifo() != record.settings.fifo.is_some() {
        return refuse("Dead-letter queue must be same type of queue as the source.");
    }
    let QueueRecord { account, region, name, .. } = record;
    let source = QueueArn { account: account.clone(), region: region.clone(), name: name.clone() };
    match &target.record.settings.redrive_allow {
        Some(allow) if !allow.allows(&source) => refuse(
            "Dead-letter queue's RedriveAllowPolicy does not allow the queue to use it as a dead-letter queue.",
        ),
        _ => Ok(()),
    }
}
