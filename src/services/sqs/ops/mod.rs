//! The operations of SQS, one a file.

mod add_permission;
mod batch;
mod cancel_message_move_task;
mod change_message_visibility;
mod change_message_visibility_batch;
mod create_queue;
mod delete_message;
mod delete_message_batch;
mod delete_queue;
mod get_queue_attributes;
mod get_queue_url;
mod internal;
mod list_dead_letter_source_queues;
mod list_message_move_tasks;
mod list_queue_tags;
mod list_queues;
mod page;
mod purge_queue;
mod receive_message;
mod remove_permission;
mod send_message;
mod send_message_batch;
mod sending;
mod set_queue_attributes;
mod start_message_move_task;
mod tag_queue;
mod untag_queue;

pub use add_permission::AddPermission;
pub use batch::BatchFailure;
pub use cancel_message_move_task::{CancelMessageMoveTask, CancelledTask};
pub use change_message_visibility::ChangeMessageVisibility;
pub use change_message_visibility_batch::{
    ChangeMessageVisibilityBatch, ChangeMessageVisibilityBatchEntry,
};
pub use create_queue::{CreateQueue, QueueUrl};
pub use delete_message::DeleteMessage;
pub use delete_message_batch::{DeleteMessageBatch, DeleteMessageBatchEntry};
pub use delete_queue::DeleteQueue;
pub use get_queue_attributes::{GetQueueAttributes, QueueAttributes};
pub use get_queue_url::GetQueueUrl;
pub use internal::{AdvanceMoveTasks, Release, SetMode};
pub use list_dead_letter_source_queues::{ListDeadLetterSourceQueues, SourceQueues};
pub use list_message_move_tasks::{ListMessageMoveTasks, MoveTaskEntry, MoveTasks};
pub use list_queue_tags::{ListQueueTags, QueueTags};
pub use list_queues::{ListQueues, QueueUrls};
pub use purge_queue::PurgeQueue;
pub use receive_message::{ReceiveMessage, Received, ReceivedMessage};
pub use remove_permission::RemovePermission;
pub use send_message::SendMessage;
pub use send_message_batch::{SendMessageBatch, SendMessageBatchEntry, SentBatch};
pub use sending::SentMessage;
pub(super) use sending::insert;
pub use set_queue_attributes::SetQueueAttributes;
pub use start_message_move_task::{StartMessageMoveTask, TaskHandle};
pub use tag_queue::TagQueue;
pub use untag_queue::UntagQueue;

use serde::Serialize;

/// The result of operations that answer nothing but success.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Done;

impl Serialize for Done {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_unit()
    }
}
