//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CancelMessageMoveTask.html>

use super::super::error::Error;
use super::super::moving::{self, MoveStatus, read_handle};
use super::super::state::{Change, State};
use super::start_message_move_task::source;
use crate::base::Context;
use crate::services::Operation;
use serde::{Deserialize, Serialize};

/// Stops a task; what it has moved stays moved.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[allow(missing_docs, reason = "the members are AWS's")]
pub struct CancelMessageMoveTask {
    pub task_handle: String,
}

/// How far the task had come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct CancelledTask {
    /// Messages that it moved.
    pub approximate_number_of_messages_moved: u64,
}

impl Operation for CancelMessageMoveTask {
    type State = State;
    type Output = CancelledTask;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "CancelMessageMoveTask";

    fn apply(
        self,
        state: &mut State,
        _: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<CancelledTask, Error> {
        if self.task_handle.is_empty() {
            return Err(Error::MissingParameter { name: "TaskHandle" });
        }
        let invalid =
            || Error::Refused { message: "Value for parameter TaskHandle is invalid.".into() };
        let (uuid, arn) = read_handle(&self.task_handle).ok_or_else(invalid)?;
        let source = source(state, &arn)?.record.id;
        let task = state.tasks.values().find(|t| t.source == source && t.uuid == uuid);
        let mut task = task.cloned().ok_or(Error::TaskDoesNotExist)?;
        if task.status != MoveStatus::Running {
            let message = "Only active tasks can be cancelled.".into();
            return Err(Error::Refused { message });
        }
        task.status = MoveStatus::Cancelled;
        let moved = task.moved;
        moving::put(state, task, changes);
        Ok(CancelledTask { approximate_number_of_messages_moved: moved })
    }
}
