//! Every number of SQS, with its unit. Source: "Amazon SQS quotas" in the developer guide,
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-quotas.html>.

use std::ops::RangeInclusive;

/// `DelaySeconds` of a queue or a message.
pub const DELAY_SECONDS: RangeInclusive<i64> = 0..=900;
/// `MaximumMessageSize` in bytes; 1 MiB since August 2025.
pub const MESSAGE_BYTES: RangeInclusive<i64> = 1024..=1_048_576;
/// `MessageRetentionPeriod`: a minute to fourteen days.
pub const RETENTION_SECONDS: RangeInclusive<i64> = 60..=1_209_600;
/// `MessageRetentionPeriod` unless given: four days.
pub const RETENTION_SECONDS_DEFAULT: u32 = 345_600;
/// `ReceiveMessageWaitTimeSeconds` and `WaitTimeSeconds`.
pub const WAIT_SECONDS: RangeInclusive<i64> = 0..=20;
/// `VisibilityTimeout`: up to twelve hours.
pub const VISIBILITY_SECONDS: RangeInclusive<i64> = 0..=43_200;
/// `VisibilityTimeout` unless given.
pub const VISIBILITY_SECONDS_DEFAULT: u32 = 30;
/// `KmsDataKeyReusePeriodSeconds`.
pub const KMS_REUSE_SECONDS: RangeInclusive<i64> = 60..=86_400;
/// `KmsDataKeyReusePeriodSeconds` unless given.
pub const KMS_REUSE_SECONDS_DEFAULT: u32 = 300;
/// `maxReceiveCount` of a redrive policy.
pub const MAX_RECEIVE_COUNT: RangeInclusive<i64> = 1..=1000;
/// `MaxNumberOfMessages` of a receive.
pub const RECEIVE_MESSAGES: RangeInclusive<i64> = 1..=10;
/// Entries of a batch request.
pub const BATCH_ENTRIES_MAX: usize = 10;
/// Bytes of all bodies and attributes of a batch.
pub const BATCH_BYTES_MAX: usize = 1_048_576;
/// Characters of a batch entry's id.
pub const BATCH_ID_CHARS_MAX: usize = 80;
/// Characters of a queue name, `.fifo` included.
pub const QUEUE_NAME_CHARS_MAX: usize = 80;
/// User attributes of a message.
pub const MESSAGE_ATTRIBUTES_MAX: usize = 10;
/// Characters of a message attribute's name or type.
pub const ATTRIBUTE_NAME_CHARS_MAX: usize = 256;
/// Characters of a group or deduplication id.
pub const ID_CHARS_MAX: usize = 128;
/// Messages in flight in a standard queue.
pub const IN_FLIGHT_STANDARD_MAX: usize = 120_000;
/// Messages in flight in a FIFO queue.
pub const IN_FLIGHT_FIFO_MAX: usize = 20_000;
/// How long a deduplication id is remembered.
pub const DEDUPLICATION_SECONDS: i64 = 300;
/// How long a `ReceiveRequestAttemptId` is remembered.
pub const ATTEMPT_SECONDS: i64 = 300;
/// Remembered `ReceiveRequestAttemptId`s of a queue at the most (devenv's own bound).
pub const ATTEMPTS_MAX: usize = 10_000;
/// Between two purges of a queue, and between deleting a queue and making one of its name.
pub const COOLDOWN_SECONDS: i64 = 60;
/// Names in one page of a list.
pub const LIST_RESULTS: RangeInclusive<i64> = 1..=1000;
/// Characters of a permission's label.
pub const LABEL_CHARS_MAX: usize = 80;
/// Tags of a queue.
pub const TAGS_MAX: usize = 50;
/// Messages that one receive moves to the dead-letter queue at the most (devenv's own bound).
pub const REDRIVEN_MAX: usize = 1000;
/// Positions set aside on disk at a time, so that a restart never gives one out twice.
pub const POSITIONS_RESERVED: u64 = 4096;
/// `MaxNumberOfMessagesPerSecond` of a move task.
pub const MOVES_PER_SECOND: RangeInclusive<i64> = 1..=500;
/// `MaxResults` of a list of move tasks; the least is what it is unless given.
pub const MOVE_TASK_RESULTS: RangeInclusive<i64> = 1..=10;
/// Move tasks of a queue that are remembered: as many as can be listed.
pub const MOVE_TASKS_KEPT: usize = 10;
/// Messages of one step of a move task without a rate (devenv's own bound).
pub const MOVED_AT_ONCE_MAX: usize = 500;
/// Statements of a queue's policy.
pub const POLICY_STATEMENTS_MAX: usize = 20;
/// Actions of a permission.
pub const PERMISSION_ACTIONS_MAX: usize = 7;
/// Accounts of a permission.
pub const PERMISSION_ACCOUNTS_MAX: usize = 50;
/// Characters of a tag's key.
pub const TAG_KEY_CHARS_MAX: usize = 128;
/// Characters of a tag's value.
pub const TAG_VALUE_CHARS_MAX: usize = 256;
