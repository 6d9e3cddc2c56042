//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessage.html>

use super::super::error::Error;
use super::super::queue::Queue;
use super::super::receipt::Receipt;
use super::super::state::{Change, State};
use super::Done;
use crate::base::{Context, Millis};
use crate::services::Operation;
use serde::Deserialize;

/// Deletes a message by the handle of its last receive.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[allow(missing_docs, reason = "the members are AWS's")]
pub struct DeleteMessage {
    pub queue_url: String,
    pub receipt_handle: String,
}

impl Operation for DeleteMessage {
    type State = State;
    type Output = Done;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "DeleteMessage";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<Done, Error> {
        let queue = state.by_url_mut(&self.queue_url, context.caller)?;
        delete(queue, &self.receipt_handle, context.now, changes)?;
        Ok(Done)
    }
}

/// Deletes by handle. In a standard queue an older handle deletes nothing and is no error; in a FIFO
/// queue a handle dies with its visibility timeout.
pub(super) fn delete(
    queue: &mut Queue,
    handle: &str,
    now: Millis,
    changes: &mut Vec<Change>,
) -> Result<(), Error> {
    let receipt = receipt(queue, handle)?;
    let position = receipt.row.position;
    let Some(message) = queue.message(position) else { return Ok(()) };
    if queue.is_fifo() && (message.delivery.nonce != receipt.nonce || message.delivery.until <= now)
    {
        return Err(expired(handle));
    }
    if message.delivery.nonce != receipt.nonce {
        return Ok(());
    }
    queue.remove(position);
    let frees = queue.is_fifo();
    changes.push(Change::Deleted { row: queue.row(position), frees });
    Ok(())
}

/// Reads a handle that must be of this queue.
pub(super) fn receipt(queue: &Queue, handle: &str) -> Result<Receipt, Error> {
    if handle.is_empty() {
        return Err(Error::MissingParameter { name: "ReceiptHandle" });
    }
    Receipt::parse(handle)
        .filter(|r| r.row.queue == queue.record.id)
        .ok_or_else(|| Error::ReceiptHandleInvalid { handle: handle.to_owned() })
}

pub(super) fn expired(handle: &str) -> Error {
    Error::parameter("ReceiptHandle", handle, "The receipt handle has expired.")
}
