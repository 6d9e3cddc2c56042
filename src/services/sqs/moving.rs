//! Move tasks: messages of a dead-letter queue on their way back, or to another queue, at a rate.
//!
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html>
//!
//! Invariant: a step moves messages and the task's counters in one commit, so a task that was cut off goes
//! on where it was, and no message is moved twice or lost.

use super::limits::{MOVE_TASKS_KEPT, MOVED_AT_ONCE_MAX};
use super::message::{Content, Message};
use super::ops::insert;
use super::redrive::QueueArn;
use super::state::{Change, State};
use crate::base::{Ids, Millis};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;

/// How far a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum MoveStatus {
    /// It moves messages.
    Running,
    /// Nothing was left to move.
    Completed,
    /// Somebody stopped it.
    Cancelled,
    /// It could not go on.
    Failed,
}

/// A task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoveTask {
    /// Number on disk, in the order of starting.
    pub id: u64,
    /// `taskId` in the handle.
    pub uuid: String,
    /// The source's number.
    pub source: u64,
    /// Where to; `None` is where each message came from.
    pub destination: Option<QueueArn>,
    /// `MaxNumberOfMessagesPerSecond`.
    pub rate: Option<u32>,
    /// `StartedTimestamp`, in milliseconds.
    pub started_ms: i64,
    /// `ApproximateNumberOfMessagesMoved`.
    pub moved: u64,
    /// `ApproximateNumberOfMessagesToMove`.
    pub to_move: u64,
    /// How far it is.
    pub status: MoveStatus,
    /// `FailureReason`.
    pub failure: Option<String>,
    /// When it moves next, in milliseconds.
    pub next_ms: i64,
}

impl MoveTask {
    /// AWS's task handle: the task and its source as JSON in base64.
    pub(super) fn handle(&self, source_arn: &str) -> String {
        BASE64.encode(json!({"taskId": self.uuid, "sourceArn": source_arn}).to_string())
    }

    /// Messages of one step, and milliseconds until the next.
    fn step(&self) -> (usize, i64) {
        match self.rate {
            None => (MOVED_AT_ONCE_MAX, 0),
            // Up to ten steps a second, each as long as its messages may take.
            Some(rate) => {
                let messages = rate.div_ceil(10);
                (messages as usize, i64::from(messages) * 1000 / i64::from(rate))
            }
        }
    }
}

/// What a task handle says: the task's id and its source's ARN.
pub(super) fn read_handle(handle: &str) -> Option<(String, String)> {
    let value: Value = serde_json::from_slice(&BASE64.decode(handle).ok()?).ok()?;
    let text = |name: &str| value.get(name)?.as_str().map(str::to_owned);
    Some((text("taskId")?, text("sourceArn")?))
}

/// Puts a task down, and forgets the oldest of its source beyond what is kept.
pub(super) fn put(state: &mut State, task: MoveTask, changes: &mut Vec<Change>) {
    changes.push(Change::TaskPut { task: Box::new(task.clone()) });
    let source = task.source;
    state.tasks.insert(task.id, task);
    let of_source = || state.tasks.values().filter(|t| t.source == source).map(|t| t.id);
    if of_source().count() > MOVE_TASKS_KEPT
        && let Some(oldest) = of_source().min()
    {
        state.tasks.remove(&oldest);
        changes.push(Change::TaskForgotten { task: oldest });
    }
}

/// When the next step of any task is due.
pub(super) fn next_due(state: &State) -> Option<Millis> {
    let running = state.tasks.values().filter(|t| t.status == MoveStatus::Running);
    running.map(|t| Millis(t.next_ms)).min()
}

/// Does the steps that are due; answers how many messages moved and tasks ended.
pub(super) fn advance(
    state: &mut State,
    now: Millis,
    ids: &mut Ids,
    changes: &mut Vec<Change>,
) -> usize {
    let due = |t: &&MoveTask| t.status == MoveStatus::Running && t.next_ms <= now.0;
    let tasks: Vec<MoveTask> = state.tasks.values().filter(due).cloned().collect();
    let mut done = 0;
    for mut task in tasks {
        let before = task.moved;
        done += 1;
        match step(state, &task, now, ids, changes) {
            Ok((moved, more)) => {
                task.moved += moved;
                if !more {
                    task.status = MoveStatus::Completed;
                    task.to_move = task.moved;
                }
            }
            Err((moved, reason)) => {
                task.moved += moved;
                (task.status, task.failure) = (MoveStatus::Failed, Some(reason.to_owned()));
            }
        }
        done += (task.moved - before) as usize;
        task.next_ms += task.step().1;
        put(state, task, changes);
    }
    done
}

/// Moves the messages of one step: how many, and whether more are to be moved; or how many before what
/// failed.
fn step(
    state: &mut State,
    task: &MoveTask,
    now: Millis,
    ids: &mut Ids,
    changes: &mut Vec<Change>,
) -> Result<(u64, bool), (u64, &'static str)> {
    const NO_QUEUE: &str = "AWS.SimpleQueueService.NonExistentQueue";
    const NO_SOURCE: &str = "CouldNotDetermineMessageSource";
    let mut moved = 0;
    let limit = task.step().0.min((task.to_move.saturating_sub(task.moved)) as usize);
    let source = state.queue_mut(task.source).ok_or((0, NO_QUEUE))?;
    source.settle(now, changes);
    while (moved as usize) < limit {
        let source = state.queue(task.source).ok_or((moved, NO_QUEUE))?;
        let Some(next) = source.peek_next() else { return Ok((moved, false)) };
        let destination = match &task.destination {
            Some(arn) => state.find_arn(arn).ok_or((moved, NO_QUEUE))?,
            None => {
                let arn = next.content.source.as_deref().and_then(QueueArn::parse);
                state.find_arn(&arn.ok_or((moved, NO_SOURCE))?).ok_or((moved, NO_SOURCE))?
            }
        };
        let message = state.queue_mut(task.source).and_then(|q| q.take_next(changes));
        let (Some(message), Some((to, positions))) = (message, state.to_send(destination)) else {
            return Ok((moved, false));
        };
        let position = positions.next(changes);
        let content = anew(&message, position, now, ids);
        insert(to, position, Arc::new(content), now, now, changes);
        moved += 1;
    }
    let more = task.moved + moved < task.to_move
        && state.queue(task.source).is_some_and(|q| q.has_ready());
    Ok((moved, more))
}

/// A message that was moved is a new one: with an id, an age and a count of its own.
fn anew(message: &Message, position: u64, now: Millis, ids: &mut Ids) -> Content {
    Content {
        message_id: u128::from(ids.next_u64()) << 64 | u128::from(ids.next_u64()),
        sent: now,
        sequence: position,
        source: None,
        ..Content::clone(&message.content)
    }
}
