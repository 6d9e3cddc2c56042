//! What all batches share: rules for the list of entries, and a result for each entry.
//!
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_BatchResultErrorEntry.html>

use super::super::error::Error;
use super::super::limits;
use crate::services::ServiceError;
use serde::Serialize;
use std::collections::HashSet;

/// An entry that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct BatchFailure {
    /// The entry's id.
    pub id: String,
    /// Whether the sender is at fault.
    pub sender_fault: bool,
    /// Error code.
    pub code: String,
    /// Error text.
    pub message: String,
}

/// An entry that succeeded and has nothing more to say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct BatchSuccess {
    /// The entry's id.
    pub id: String,
}

/// Results of a batch, in the order of its entries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct BatchResult<T> {
    /// Entries that succeeded.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub successful: Vec<T>,
    /// Entries that failed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<BatchFailure>,
}

impl<T> BatchResult<T> {
    pub(super) fn new() -> Self {
        BatchResult { successful: Vec::new(), failed: Vec::new() }
    }

    pub(super) fn put(&mut self, id: String, result: Result<impl FnOnce(String) -> T, Error>) {
        match result {
            Ok(entry) => self.successful.push(entry(id)),
            Err(error) => self.failed.push(BatchFailure {
                id,
                sender_fault: error.status() < 500,
                code: error.query_code().unwrap_or(error.code()).to_owned(),
                message: error.message(),
            }),
        }
    }
}

/// Checks the list of entries by their ids; `entry` is AWS's name of an entry.
pub(super) fn check_ids<'a>(
    ids: impl ExactSizeIterator<Item = &'a str> + Clone,
    entry: &'static str,
) -> Result<(), Error> {
    if ids.len() == 0 {
        return Err(Error::BatchEmpty { entry });
    }
    if ids.len() > limits::BATCH_ENTRIES_MAX {
        return Err(Error::BatchTooLarge { entries: ids.len() });
    }
    let proper = |id: &str| {
        (1..=limits::BATCH_ID_CHARS_MAX).contains(&id.len())
            && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    if !ids.clone().all(proper) {
        return Err(Error::BatchEntryIdInvalid);
    }
    let mut seen = HashSet::new();
    for id in ids {
        if !seen.insert(id) {
            return Err(Error::BatchEntryIdRepeated { id: id.to_owned() });
        }
    }
    Ok(())
}
