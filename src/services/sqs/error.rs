//! What SQS refuses, as facts; the codes of both protocols and AWS's wording in one place.
//! Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html>
//! and what AWS was recorded to answer.

use super::limits;
use crate::services::ServiceError;

/// Why an operation was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the variants are AWS's error codes and the fields their facts")]
pub enum Error {
    AttributeOnlyForFifo { name: &'static str },
    BatchEmpty { entry: &'static str },
    BatchEntryIdInvalid,
    BatchEntryIdRepeated { id: String },
    BatchTooLarge { entries: usize },
    BatchTooLong { bytes: usize },
    DeduplicationIdMissing,
    EncryptionAmbiguous,
    InvalidAttributeValue { name: String, reason: Option<&'static str> },
    InvalidMessageContents,
    InvalidParameter { name: &'static str, value: String, reason: String },
    InvalidQueueName { fifo: bool },
    MessageNotInflight,
    MessageTooLong { bytes_max: u32, batch: bool },
    MissingParameter { name: &'static str },
    MissingParameterInBatch { name: &'static str },
    OverLimit,
    PermissionOverLimit { what: &'static str, max: usize },
    PurgeInProgress { queue: String },
    QueueDeletedRecently,
    QueueDoesNotExist,
    QueueNameExists { attribute: String },
    ReceiptHandleInvalid { handle: String },
    Refused { message: String },
    ResourceNotFound { name: &'static str },
    TaskDoesNotExist,
    TooManyTags,
    UnknownAttribute { name: String },
}

impl Error {
    /// `Value {value} for parameter {name} is invalid. Reason: {reason}`
    pub fn parameter(name: &'static str, value: impl ToString, reason: impl Into<String>) -> Self {
        Error::InvalidParameter { name, value: value.to_string(), reason: reason.into() }
    }
}

impl ServiceError for Error {
    fn code(&self) -> &'static str {
        match self {
            Error::AttributeOnlyForFifo { .. }
            | Error::EncryptionAmbiguous
            | Error::UnknownAttribute { .. } => "InvalidAttributeName",
            Error::BatchEmpty { .. } => "EmptyBatchRequest",
            Error::BatchEntryIdInvalid => "InvalidBatchEntryId",
            Error::BatchEntryIdRepeated { .. } => "BatchEntryIdsNotDistinct",
            Error::BatchTooLarge { .. } => "TooManyEntriesInBatchRequest",
            Error::BatchTooLong { .. } => "BatchRequestTooLong",
            Error::InvalidAttributeValue { .. } => "InvalidAttributeValue",
            Error::InvalidMessageContents => "InvalidMessageContents",
            Error::DeduplicationIdMissing
            | Error::InvalidParameter { .. }
            | Error::InvalidQueueName { .. }
            | Error::Refused { .. }
            | Error::MessageTooLong { .. }
            | Error::MissingParameterInBatch { .. }
            | Error::TooManyTags => "InvalidParameterValueException",
            Error::MessageNotInflight => "MessageNotInflight",
            Error::MissingParameter { .. } => "MissingRequiredParameterException",
            Error::OverLimit | Error::PermissionOverLimit { .. } => "OverLimit",
            Error::PurgeInProgress { .. } => "PurgeQueueInProgress",
            Error::QueueDeletedRecently => "QueueDeletedRecently",
            Error::QueueDoesNotExist => "QueueDoesNotExist",
            Error::QueueNameExists { .. } => "QueueNameExists",
            Error::ResourceNotFound { .. } | Error::TaskDoesNotExist => "ResourceNotFoundException",
            Error::ReceiptHandleInvalid { .. } => "ReceiptHandleIsInvalid",
        }
    }

    fn query_code(&self) -> Option<&'static str> {
        Some(match self.code() {
            "BatchEntryIdsNotDistinct" => "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
            "BatchRequestTooLong" => "AWS.SimpleQueueService.BatchRequestTooLong",
            "EmptyBatchRequest" => "AWS.SimpleQueueService.EmptyBatchRequest",
            "InvalidBatchEntryId" => "AWS.SimpleQueueService.InvalidBatchEntryId",
            "InvalidParameterValueException" => "InvalidParameterValue",
            "MessageNotInflight" => "AWS.SimpleQueueService.MessageNotInflight",
            "MissingRequiredParameterException" => "MissingParameter",
            "PurgeQueueInProgress" => "AWS.SimpleQueueService.PurgeQueueInProgress",
            "QueueDeletedRecently" => "AWS.SimpleQueueService.QueueDeletedRecently",
            "QueueDoesNotExist" => "AWS.SimpleQueueService.NonExistentQueue",
            "QueueNameExists" => "QueueAlreadyExists",
            "TooManyEntriesInBatchRequest" => "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
            _ => return None,
        })
    }

    fn status(&self) -> u16 {
        match self {
            Error::OverLimit
            | Error::PermissionOverLimit { .. }
            | Error::PurgeInProgress { .. } => 403,
            Error::ResourceNotFound { .. } | Error::TaskDoesNotExist => 404,
            _ => 400,
        }
    }

    fn message(&self) -> String {
        match self {
            Error::AttributeOnlyForFifo { name } => {
                format!("You can specify the {name} only when FifoQueue is set to true.")
            }
            Error::DeduplicationIdMissing => {
                "The queue should either have ContentBasedDeduplication \
                 enabled or MessageDeduplicationId provided explicitly"
                    .into()
            }
            Error::EncryptionAmbiguous => {
                "You can use one type of server-side encryption (SSE) at one \
                 time. You can either enable KMS SSE or SQS SSE."
                    .into()
            }
            Error::InvalidAttributeValue { name, reason: None } => {
                format!("Invalid value for the parameter {name}.")
            }
            Error::InvalidAttributeValue { name, reason: Some(reason) } => {
                format!("Invalid value for the parameter {name}. Reason: {reason}")
            }
            Error::InvalidParameter { name, value, reason } => {
                format!("Value {value} for parameter {name} is invalid. Reason: {reason}")
            }
            Error::Refused { message } => message.clone(),
            Error::MissingParameter { name } | Error::MissingParameterInBatch { name } => {
                format!("The request must contain the parameter {name}.")
            }
            Error::MessageTooLong { bytes_max, batch } => {
                let verb = if *batch { "cannot be validated" } else { "are invalid" };
                format!(
                    "One or more parameters {verb}. Reason: Message must be shorter than {bytes_max} bytes."
                )
            }
            Error::PurgeInProgress { queue } => format!(
                "Only one PurgeQueue operation on {queue} is allowed every {} seconds.",
                limits::COOLDOWN_SECONDS
            ),
            Error::QueueNameExists { attribute } => format!(
                "A queue already exists with the same name and a different value for attribute {attribute}"
            ),
            Error::ReceiptHandleInvalid { handle } => {
                format!("The input receipt handle \"{handle}\" is not a valid receipt handle.")
            }
            Error::TooManyTags => {
                format!("Too many tags. A queue has {} at the most.", limits::TAGS_MAX)
            }
            other => other.batch_message().unwrap_or_else(|| other.short_message()),
        }
    }
}

impl Error {
    /// What is wrong with a batch as a whole.
    fn batch_message(&self) -> Option<String> {
        Some(match self {
            Error::BatchEmpty { entry } => {
                format!("There should be at least one {entry} in the request.")
            }
            Error::BatchEntryIdInvalid => format!(
                "A batch entry id can only contain alphanumeric characters, hyphens and underscores. \
                 It can be at most {} letters long.",
                limits::BATCH_ID_CHARS_MAX
            ),
            Error::BatchEntryIdRepeated { id } => format!("Id {id} repeated."),
            Error::BatchTooLarge { entries } => format!(
                "Maximum number of entries per request are {}. You have sent {entries}.",
                limits::BATCH_ENTRIES_MAX
            ),
            Error::BatchTooLong { bytes } => format!(
                "Batch requests cannot be longer than {} bytes. You have sent {bytes} bytes.",
                limits::BATCH_BYTES_MAX
            ),
            _ => return None,
        })
    }

    fn short_message(&self) -> String {
        match self {
            Error::PermissionOverLimit { what, max } => {
                format!("{max} {what} are allowed at the most.")
            }
            Error::ResourceNotFound { name } => {
                format!("The resource that you specified for the {name} parameter doesn't exist.")
            }
            Error::UnknownAttribute { name } => format!("Unknown Attribute {name}."),
            fixed => fixed.fixed_message().into(),
        }
    }

    fn fixed_message(&self) -> &'static str {
        match self {
            Error::InvalidMessageContents => {
                "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | \
                 #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF"
            }
            Error::InvalidQueueName { fifo: false } => {
                "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
            }
            Error::InvalidQueueName { fifo: true } => {
                "The name of a FIFO queue can only include alphanumeric characters, hyphens, or \
                 underscores, must end with .fifo suffix and be 1 to 80 in length."
            }
            Error::MessageNotInflight => "The specified message isn't in flight.",
            Error::OverLimit => "Too many messages in flight.",
            Error::QueueDeletedRecently => {
                "You must wait 60 seconds after deleting a queue before you can create another with \
                 the same name."
            }
            Error::TaskDoesNotExist => "Task does not exist.",
            Error::QueueDoesNotExist => "The specified queue does not exist.",
            _ => "",
        }
    }
}
