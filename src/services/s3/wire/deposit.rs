//! Objects that another service puts (a mail of SES): no request, no signature, else as PutObject.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html>

use super::S3;
use super::receive::{Content, disk, unprompted};
use crate::base::Caller;
use crate::protocol::Failure;
use crate::services::s3::conditions::WriteConditions;
use crate::services::s3::error::Error;
use crate::services::s3::index::existing;
use crate::services::s3::model::Attributes;
use crate::services::s3::ops::objects::{Cause, PutObject};
use bytes::Bytes;
use std::sync::Arc;

fn failure(error: &Error) -> Failure {
    Failure::new(error.status, error.code.clone(), error.message.to_string())
}

impl S3 {
    /// Whether there is a bucket of this name.
    pub fn has_bucket(&self, name: &str) -> bool {
        self.look(|index| existing(index, name)).is_ok()
    }

    /// Puts an object, durably.
    pub async fn deposit(
        &self,
        caller: &Caller,
        bucket: &str,
        key: &str,
        body: Bytes,
    ) -> Result<(), Failure> {
        let blobs = self.blobs.clone();
        let received = tokio::task::spawn_blocking(move || unprompted(&blobs, body));
        let received = received.await.unwrap_or_else(|e| Err(std::io::Error::other(e)));
        let received = received.map_err(|error| failure(&disk(&error)))?;
        let headers = [("content-type".to_owned(), "application/octet-stream".to_owned())].into();
        let object = PutObject {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            body: received.content.blob(),
            size: received.digests.size,
            md5: received.digests.md5,
            attributes: Attributes {
                headers,
                checksum: Some(received.checksum),
                ..Attributes::default()
            },
            encrypted_by_header: false,
            conditions: WriteConditions::default(),
            cause: Cause::Put,
        };
        let done = self.change(&Arc::new(caller.clone()), move |i, c| object.apply(i, c)).await;
        done.map_err(|error| failure(&error))?;
        if let Content::File(file) = received.content {
            file.kept();
        }
        Ok(())
    }
}
