//! PutObjectAcl.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectAcl.html>

use super::objects::find;
use crate::base::Context;
use crate::services::s3::access::check_object_acl;
use crate::services::s3::error::{Error, Result};
use crate::services::s3::index::{Index, existing};
use crate::services::s3::model::Version;
use crate::services::s3::notifications::{Event, notify};

/// PutObjectAcl.
#[derive(Debug, Clone)]
pub struct PutObjectAcl {
    /// The bucket's name.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// `versionId`.
    pub version: Option<String>,
    /// The ACL as it is kept: a document, or the name of a canned one.
    pub acl: String,
    /// The canonical id of the bucket's owner.
    pub owner: String,
}

impl PutObjectAcl {
    /// Sets the ACL, if the bucket takes such a one.
    pub fn apply(self, index: &mut impl Index, context: &mut Context<'_>) -> Result<Version> {
        let bucket = existing(index, &self.bucket)?;
        let newest = index.newest(bucket.id, &self.key)?;
        if self.version.is_none() && newest.is_some_and(|v| v.marker) {
            return Err(Error::method_not_allowed("PUT", "DeleteMarker"));
        }
        let mut found = find(index, &bucket, &self.key, self.version.as_deref(), "PUT")?;
        check_object_acl(&bucket, &self.acl, &self.owner, false)?;
        let changes = found.attributes.acl != self.acl;
        found.attributes.acl = self.acl;
        index.update_version(&found)?;
        // AWS tells of an ACL only where it is another one than before.
        if changes {
            notify(index, context, &bucket, &Event::new("ObjectAcl:Put", &found))?;
        }
        Ok(found)
    }
}
