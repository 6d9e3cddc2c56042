//! SSE-KMS: which key an object is written under, and whether it may still be read under it.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html>. Keys are KMS's own; the
//! refusals are KMS's words behind `KMS.`, as S3 passes them on. Nothing is enciphered on the disk.

use super::S3;
use crate::base::Caller;
use crate::protocol::Failure;
use crate::services::s3::documents::is_key_of_old;
use crate::services::s3::error::{Error, Result};
use crate::services::s3::model::{Attributes, Bucket, Encryption};

/// AWS's own key for S3, made when it is first used.
const MANAGED: &str = "alias/aws/s3";

fn refused(failure: Failure) -> Error {
    if failure.status >= 500 {
        return Error::internal(&failure.message);
    }
    Error::new(400, format!("KMS.{}", failure.code), failure.message)
}

/// The caller, in the bucket's region, where its keys are.
fn at(caller: &Caller, bucket: &Bucket) -> Caller {
    Caller { region: bucket.region.clone(), ..caller.clone() }
}

impl S3 {
    /// How a new object is encrypted: as its headers say, else as its bucket does; with the ARN of the
    /// key, which must be there and enabled.
    pub(super) async fn sealed(
        &self,
        caller: &Caller,
        bucket: &Bucket,
        by_header: Option<Encryption>,
    ) -> Result<Option<Encryption>> {
        let wanted = by_header.as_ref().unwrap_or(&bucket.settings.encryption);
        if !wanted.is_kms() {
            return Ok(by_header);
        }
        let named = wanted.key.as_deref().filter(|key| !is_key_of_old(key));
        let key = self.kms.key(&at(caller, bucket), named.unwrap_or(MANAGED)).await;
        let key = key.map_err(refused)?;
        key.encrypts().map_err(refused)?;
        Ok(Some(Encryption { key: Some(key.arn), of_kms: true, ..wanted.clone() }))
    }

    /// The same for what an object will carry; whether headers or KMS have decided.
    pub(super) async fn seal(
        &self,
        caller: &Caller,
        bucket: &Bucket,
        attributes: &mut Attributes,
        by_header: bool,
    ) -> Result<bool> {
        let given = by_header.then(|| attributes.encryption.clone());
        let sealed = self.sealed(caller, bucket, given).await?;
        let decided = sealed.is_some();
        attributes.encryption = sealed.unwrap_or_default();
        Ok(decided)
    }

    /// Refuses to read, or to add to, what lies under a key that is no longer to be used.
    pub(super) async fn check_sealed(
        &self,
        caller: &Caller,
        bucket: &Bucket,
        encryption: &Encryption,
    ) -> Result<()> {
        // What was written before there was KMS has a key that nobody knows.
        let Some(key) = encryption.key.as_deref().filter(|_| encryption.of_kms) else {
            return Ok(());
        };
        let key = self.kms.key(&at(caller, bucket), key).await.map_err(refused)?;
        key.encrypts().map_err(refused)
    }
}
