//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html>

use super::super::error::Error;
use super::super::limits;
use super::super::queue::Queue;
use super::super::state::{Change, State};
use super::Done;
use super::delete_message::{expired, receipt};
use crate::base::{Context, Millis};
use crate::services::Operation;
use serde::Deserialize;

/// Hides a received message for longer, or for less long.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[allow(missing_docs, reason = "the members are AWS's")]
pub struct ChangeMessageVisibility {
    pub queue_url: String,
    pub receipt_handle: String,
    pub visibility_timeout: Option<i64>,
}

impl Operation for ChangeMessageVisibility {
    type State = State;
    type Output = Done;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "ChangeMessageVisibility";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<Done, Error> {
        let queue = state.by_url_mut(&self.queue_url, context.caller)?;
        change(queue, &self.receipt_handle, self.visibility_timeout, context.now, changes)?;
        Ok(Done)
    }
}

/// Changes by handle. The whole time since the receive may be twelve hours at the most.
pub(super) fn change(
    queue: &mut Queue,
    handle: &str,
    visibility_s: Option<i64>,
    now: Millis,
    changes: &mut Vec<Change>,
) -> Result<(), Error> {
    let receipt = receipt(queue, handle)?;
    let name = "VisibilityTimeout";
    let seconds = visibility_s.ok_or(Error::MissingParameter { name })?;
    let (low, high) = limits::VISIBILITY_SECONDS.into_inner();
    if !limits::VISIBILITY_SECONDS.contains(&seconds) {
        let reason = format!("Must be between {low} and {high}, if provided.");
        return Err(Error::parameter(name, seconds, reason));
    }
    let position = receipt.row.position;
    let last = queue.message(position).filter(|m| !queue.is_expired(m.content.sent, now));
    let last = last.map(|m| m.delivery);
    let Some(mut delivery) = last.filter(|d| d.nonce == receipt.nonce) else {
        let reason = "Message does not exist or is not available for visibility timeout change.";
        return Err(Error::parameter("ReceiptHandle", handle, reason));
    };
    if delivery.released {
        return Err(Error::MessageNotInflight);
    }
    if queue.is_fifo() && delivery.until <= now {
        return Err(expired(handle));
    }
    if now.plus_seconds(seconds) > delivery.received.plus_seconds(high) {
        let reason =
            format!("Total VisibilityTimeout for the message is beyond the limit [{high} seconds]");
        return Err(Error::parameter(name, seconds, reason));
    }
    delivery.until = now.plus_seconds(seconds);
    delivery.released = seconds == 0;
    queue.redeliver(position, delivery, changes);
    Ok(())
}
