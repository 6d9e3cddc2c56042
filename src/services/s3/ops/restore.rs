//! RestoreObject and UpdateObjectEncryption: changes of what a version carries besides its bytes.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_RestoreObject.html>,
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_UpdateObjectEncryption.html>. Nothing lies in an
//! archive here, so a restored copy is there at once.

use super::objects::find;
use crate::base::{Context, Millis};
use crate::services::s3::error::{Error, Result};
use crate::services::s3::index::{Index, existing};
use crate::services::s3::model::{Encryption, Version};
use crate::services::s3::notifications::{Event, notify};
use serde_json::json;

/// Seconds of a day.
const DAY_SECONDS: i64 = 86_400;

/// RestoreObject.
#[derive(Debug, Clone)]
pub struct RestoreObject {
    /// The bucket's name.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// `versionId`.
    pub version: Option<String>,
    /// For how many days.
    pub days: u32,
}

impl RestoreObject {
    /// Makes the copy; and whether there was one already.
    pub fn apply(
        self,
        index: &mut impl Index,
        context: &mut Context<'_>,
    ) -> Result<(Version, bool)> {
        let bucket = existing(index, &self.bucket)?;
        let mut found = find(index, &bucket, &self.key, self.version.as_deref(), "POST")?;
        if !found.is_archived() {
            return Err(Error::new(
                403,
                "InvalidObjectState",
                "Restore is not allowed for the object's current storage class",
            )
            .with("StorageClass", found.storage_class()));
        }
        let again = found.attributes.restored > context.now;
        let until = context.now.plus_seconds(i64::from(self.days) * DAY_SECONDS);
        // AWS lets copies end at midnight.
        let midnight = until.seconds().div_euclid(DAY_SECONDS) + 1;
        found.attributes.restored = Millis(midnight * DAY_SECONDS * 1000);
        index.update_version(&found)?;
        notify(index, context, &bucket, &Event::new("ObjectRestore:Post", &found))?;
        let data = json!({ "restoreEventData": {
            "lifecycleRestorationExpiryTime": found.attributes.restored.iso8601(),
            "lifecycleRestoreStorageClass": found.storage_class(),
        }});
        let event = Event {
            more: Some(("glacierEventData", data)),
            ..Event::by_s3("ObjectRestore:Completed", &found)
        };
        notify(index, context, &bucket, &event)?;
        Ok((found, again))
    }
}

/// UpdateObjectEncryption.
#[derive(Debug, Clone)]
pub struct UpdateEncryption {
    /// The bucket's name.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// `versionId`.
    pub version: Option<String>,
    /// What it is to be encrypted by.
    pub encryption: Encryption,
}

impl UpdateEncryption {
    /// Sets it, save where the key is the customer's.
    pub fn apply(self, index: &mut impl Index, _: &mut Context<'_>) -> Result<Version> {
        let bucket = existing(index, &self.bucket)?;
        let mut found = find(index, &bucket, &self.key, self.version.as_deref(), "PUT")?;
        let own = &found.attributes.encryption;
        if own.customer.is_some() || own.algorithm == "aws:kms:dsse" {
            return Err(Error::invalid_request(
                "The encryption type of the object is not supported by UpdateObjectEncryption",
            ));
        }
        found.attributes.encryption = self.encryption;
        index.update_version(&found)?;
        Ok(found)
    }
}
