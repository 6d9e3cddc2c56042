//! SSE-KMS: which key an object is written under, and whether it may still be read under it.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html>. Keys are KMS's own; the
//! refusals are KMS's words behind `KMS.`, as S3 passes them on. Nothing is enciphered on the disk.

use super::S3;
use super::head::Head;
use crate::base::Caller;
use crate::protocol::Failure;
use crate::services::access::{KeyUse, READS};
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
        head: &Head,
        bucket: &Bucket,
        by_header: Option<Encryption>,
    ) -> Result<Option<Encryption>> {
        let wanted = by_header.as_ref().unwrap_or(&bucket.settings.encryption);
        if !wanted.is_kms() {
            return Ok(by_header);
        }
        let named = wanted.key.as_deref().filter(|key| !is_key_of_old(key));
        let key = self.kms.key(&at(&head.caller, bucket), named.unwrap_or(MANAGED)).await;
        let key = key.map_err(refused)?;
        self.check_key(head, (bucket, &head.key), &key.arn, &["GenerateDataKey"])?;
        key.encrypts().map_err(refused)?;
        Ok(Some(Encryption { key: Some(key.arn), of_kms: true, ..wanted.clone() }))
    }

    /// The same for what an object will carry; whether headers or KMS have decided.
    pub(super) async fn seal(
        &self,
        head: &Head,
        bucket: &Bucket,
        attributes: &mut Attributes,
        by_header: bool,
    ) -> Result<bool> {
        let given = by_header.then(|| attributes.encryption.clone());
        let sealed = self.sealed(head, bucket, given).await?;
        let decided = sealed.is_some();
        attributes.encryption = sealed.unwrap_or_default();
        Ok(decided)
    }

    /// Refuses to read, or to add to, what lies at a place under a key that is no longer to be used.
    pub(super) async fn check_sealed(
        &self,
        head: &Head,
        (bucket, object): (&Bucket, &str),
        encryption: &Encryption,
    ) -> Result<()> {
        // What was written before there was KMS has a key that nobody knows.
        let Some(key) = encryption.key.as_deref().filter(|_| encryption.of_kms) else {
            return Ok(());
        };
        let key = self.kms.key(&at(&head.caller, bucket), key).await.map_err(refused)?;
        self.check_key(head, (bucket, object), &key.arn, READS)?;
        key.encrypts().map_err(refused)
    }

    /// Under `auth = "enforce"`, refuses whoever signed the use of a key that no policy allows.
    fn check_key(
        &self,
        head: &Head,
        (bucket, object): (&Bucket, &str),
        key: &str,
        operations: &'static [&'static str],
    ) -> Result<()> {
        let Some(subject) = &head.subject else { return Ok(()) };
        let arn = format!("arn:aws:s3:::{}/{}", bucket.name, object);
        let context = vec![("aws:s3:arn", arn)];
        let used = KeyUse { service: "s3", key: key.to_owned(), operations, context };
        for ask in self.kms.asks_for(&at(&head.caller, bucket), &[used]).map_err(refused)? {
            self.decide(subject, &ask, &self.keys(head))?;
        }
        Ok(())
    }
}
