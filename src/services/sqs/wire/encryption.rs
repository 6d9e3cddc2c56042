//! Queues that are encrypted under a key of KMS: whoever sends or receives needs the key to work.
//!
//! Only that is asked of KMS; messages lie as those of other queues do. AWS goes on with a data key for
//! as long as `KmsDataKeyReusePeriodSeconds` after its key was disabled; here it ends at once.

use super::Core;
use crate::base::Caller;
use crate::protocol::Failure;
use crate::services::sqs::ops::{SendMessage, SendMessageBatch};
use crate::services::sqs::state::Change;
use std::sync::atomic::Ordering;

/// An operation that encrypts.
pub(super) trait Encrypts {
    /// The queue.
    fn queue_url(&self) -> &str;
}

impl Encrypts for SendMessage {
    fn queue_url(&self) -> &str {
        &self.queue_url
    }
}

impl Encrypts for SendMessageBatch {
    fn queue_url(&self) -> &str {
        &self.queue_url
    }
}

/// Whether a change gives a queue a key.
pub(super) fn brings_key(change: &Change) -> bool {
    matches!(change, Change::QueuePut { record } if record.settings.kms_key.is_some())
}

impl Core {
    /// Refuses if the queue's key cannot be used.
    pub(super) async fn key_works(&self, queue_url: &str, caller: &Caller) -> Result<(), Failure> {
        if !self.has_keys.load(Ordering::Acquire) {
            return Ok(());
        }
        let key = self.host.look(|state, _| {
            // What is wrong with the URL, the operation itself says.
            let queue = state.by_url(queue_url, caller).ok()?;
            queue.record.settings.kms_key.clone()
        })?;
        let Some(key) = key else { return Ok(()) };
        let known = self.kms.key(caller, &key).await.map_err(in_words_of_sqs)?;
        known.encrypts().map_err(in_words_of_sqs)
    }
}

/// KMS's refusal as SQS passes it on.
fn in_words_of_sqs(failure: Failure) -> Failure {
    let (code, query) = match failure.code.as_ref() {
        "NotFoundException" | "InvalidArnException" => ("KmsNotFound", "KMS.NotFoundException"),
        "DisabledException" => ("KmsDisabled", "KMS.DisabledException"),
        "KMSInvalidStateException" => ("KmsInvalidState", "KMS.InvalidStateException"),
        "InvalidKeyUsageException" => ("KmsInvalidKeyUsage", "KMS.InvalidKeyUsageException"),
        "AccessDeniedException" => ("KmsAccessDenied", "KMS.AccessDeniedException"),
        _ => return failure,
    };
    Failure::new(400, code, failure.message).query_code(query)
}
