//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html>

use super::super::error::Error;
use super::super::limits::MOVES_PER_SECOND;
use super::super::message::uuid_text;
use super::super::moving::{self, MoveStatus, MoveTask};
use super::super::queue::Queue;
use super::super::redrive::QueueArn;
use super::super::state::{Change, State};
use crate::base::Context;
use crate::services::Operation;
use serde::{Deserialize, Serialize};

/// Begins to move the messages of a dead-letter queue.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[allow(missing_docs, reason = "the members are AWS's")]
pub struct StartMessageMoveTask {
    pub source_arn: String,
    pub destination_arn: Option<String>,
    pub max_number_of_messages_per_second: Option<i64>,
}

/// By which the task can be cancelled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct TaskHandle {
    /// The handle.
    pub task_handle: String,
}

impl Operation for StartMessageMoveTask {
    type State = State;
    type Output = TaskHandle;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "StartMessageMoveTask";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<TaskHandle, Error> {
        let source = source(state, &self.source_arn)?;
        let (id, arn) = (source.record.id, source.arn());
        let destination = self.destination(state, source)?;
        let record = &source.record;
        let names_it =
            |q: &Queue| q.record.settings.redrive.as_ref().is_some_and(|r| r.target.means(record));
        if !state.queues().any(names_it) {
            let message = "Source queue must be configured as a Dead Letter Queue.".into();
            return Err(Error::Refused { message });
        }
        let running = |t: &MoveTask| t.source == id && t.status == MoveStatus::Running;
        if state.tasks.values().any(running) {
            let message = "There is already a task running. Only one active task is allowed for a source queue arn at a given time.";
            return Err(Error::Refused { message: message.into() });
        }
        let source = state.queue_mut(id).ok_or(Error::QueueDoesNotExist)?;
        source.settle(context.now, changes);
        let uuid = u128::from(context.ids.next_u64()) << 64 | u128::from(context.ids.next_u64());
        let task = MoveTask {
            to_move: source.counts().ready as u64,
            id: state.next_task_id(),
            uuid: uuid_text(uuid),
            source: id,
            destination,
            rate: self.max_number_of_messages_per_second.map(|rate| rate as u32),
            started_ms: context.now.0,
            moved: 0,
            status: MoveStatus::Running,
            failure: None,
            next_ms: context.now.0,
        };
        let task_handle = task.handle(&arn);
        moving::put(state, task, changes);
        Ok(TaskHandle { task_handle })
    }
}

impl StartMessageMoveTask {
    fn destination(&self, state: &State, source: &Queue) -> Result<Option<QueueArn>, Error> {
        let rate = self.max_number_of_messages_per_second;
        if let Some(rate) = rate.filter(|rate| !MOVES_PER_SECOND.contains(rate)) {
            let (low, high) = MOVES_PER_SECOND.into_inner();
            let reason = format!("Must be between {low} and {high}, if provided.");
            return Err(Error::parameter("MaxNumberOfMessagesPerSecond", rate, reason));
        }
        let Some(text) = self.destination_arn.as_deref().filter(|t| !t.is_empty()) else {
            return Ok(None);
        };
        let missing = || Error::ResourceNotFound { name: "DestinationArn" };
        let arn = QueueArn::parse(text).ok_or_else(missing)?;
        let target = state.find_arn(&arn).and_then(|id| state.queue(id)).ok_or_else(missing)?;
        let refuse = |reason: &str| Err(Error::parameter("DestinationArn", text, reason));
        if target.record.id == source.record.id {
            return refuse("Source and destination queues must differ.");
        }
        if target.is_fifo() != source.is_fifo() {
            return refuse("Destination queue must be same type of queue as the source.");
        }
        Ok(Some(arn))
    }
}

/// The queue that a move's source names.
pub(super) fn source<'a>(state: &'a State, arn: &str) -> Result<&'a Queue, Error> {
    if arn.is_empty() {
        return Err(Error::MissingParameter { name: "SourceArn" });
    }
    let id = QueueArn::parse(arn).and_then(|arn| state.find_arn(&arn));
    let queue = id.and_then(|id| state.queue(id));
    queue.ok_or(Error::ResourceNotFound { name: "SourceArn" })
}
