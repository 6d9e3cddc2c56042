//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ListMessageMoveTasks.html>

use super::super::error::Error;
use super::super::limits::MOVE_TASK_RESULTS;
use super::super::moving::{MoveStatus, MoveTask};
use super::super::redrive::QueueArn;
use super::super::state::{Change, State};
use super::start_message_move_task::source;
use crate::base::Context;
use crate::services::Operation;
use serde::{Deserialize, Serialize};

/// Lists the last tasks of a dead-letter queue.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[allow(missing_docs, reason = "the members are AWS's")]
pub struct ListMessageMoveTasks {
    pub source_arn: String,
    pub max_results: Option<i64>,
}

/// Tasks, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct MoveTasks {
    /// The tasks.
    pub results: Vec<MoveTaskEntry>,
}

/// A task as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
#[allow(missing_docs, reason = "the members are AWS's")]
pub struct MoveTaskEntry {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_handle: Option<String>,
    pub status: MoveStatus,
    pub source_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_number_of_messages_per_second: Option<u32>,
    pub approximate_number_of_messages_moved: u64,
    pub approximate_number_of_messages_to_move: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure_reason: Option<String>,
    pub started_timestamp: i64,
}

impl Operation for ListMessageMoveTasks {
    type State = State;
    type Output = MoveTasks;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "ListMessageMoveTasks";

    fn apply(
        self,
        state: &mut State,
        _: &mut Context<'_>,
        _: &mut Vec<Change>,
    ) -> Result<MoveTasks, Error> {
        let queue = source(state, &self.source_arn)?;
        let wanted = self.max_results.unwrap_or(*MOVE_TASK_RESULTS.start());
        if !MOVE_TASK_RESULTS.contains(&wanted) {
            let (low, high) = MOVE_TASK_RESULTS.into_inner();
            let reason = format!("Must be between {low} and {high}, if provided.");
            return Err(Error::parameter("MaxResults", wanted, reason));
        }
        let arn = queue.arn();
        let own = state.tasks.values().rev().filter(|t| t.source == queue.record.id);
        let results = own.take(wanted as usize).map(|t| entry(t, &arn)).collect();
        Ok(MoveTasks { results })
    }
}

fn entry(task: &MoveTask, arn: &str) -> MoveTaskEntry {
    MoveTaskEntry {
        task_handle: (task.status == MoveStatus::Running).then(|| task.handle(arn)),
        status: task.status,
        source_arn: arn.to_owned(),
        destination_arn: task.destination.as_ref().map(QueueArn::text),
        max_number_of_messages_per_second: task.rate,
        approximate_number_of_messages_moved: task.moved,
        approximate_number_of_messages_to_move: task.to_move,
        failure_reason: task.failure.clone(),
        started_timestamp: task.started_ms,
    }
}
