//! CopyObject: the copy shares the bytes of its source.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html>

use super::annotations::hold;
use super::objects::{Cause, Content, Stored, find, write};
use crate::base::{Context, Millis};
use crate::services::s3::checksum::Checksum;
use crate::services::s3::conditions::{ReadConditions, WriteConditions};
use crate::services::s3::error::{Error, Result};
use crate::services::s3::index::{Index, Look, existing};
use crate::services::s3::limits::PUT_BYTES_MAX;
use crate::services::s3::lock::Retention;
use crate::services::s3::model::{Attributes, Bucket, Encryption, Version};
use crate::services::s3::names::check_key;

/// What is copied.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Source {
    /// The bucket's name.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// The version, if not the newest.
    pub version: Option<String>,
}

/// The source of a copy, if the conditions on it hold.
pub fn source(
    index: &impl Look,
    source: &Source,
    conditions: &ReadConditions,
    context: &Context<'_>,
) -> Result<(Bucket, Version)> {
    let bucket = existing(index, &source.bucket)?;
    let found = find(index, &bucket, &source.key, source.version.as_deref(), "GET");
    let found = found.map_err(|error| match error.code.as_ref() {
        "MethodNotAllowed" => Error::invalid_request(
            "The source of a copy request may not specifically refer to a delete marker by version id.",
        ),
        _ => Error { headers: Vec::new(), ..error },
    })?;
    conditions.check(&found, context.now)?;
    Ok((bucket, found))
}

/// Refuses to copy more bytes at once than one request may upload.
pub fn check_size(size: u64) -> Result<()> {
    if size <= PUT_BYTES_MAX {
        return Ok(());
    }
    Err(Error::invalid_request(format!(
        "The specified copy source is larger than the maximum allowable size for a copy source: {PUT_BYTES_MAX}"
    )))
}

/// CopyObject.
#[derive(Debug, Clone)]
pub struct CopyObject {
    /// What is copied.
    pub source: Source,
    /// Conditions on it.
    pub source_conditions: ReadConditions,
    /// The version that was found when the digests were computed; another one now means to begin anew.
    pub expected: Version,
    /// MD5 and checksum of the bytes where the source's own will not do for the copy.
    pub digests: Option<(String, Checksum)>,
    /// The destination bucket's name.
    pub bucket: String,
    /// The destination key.
    pub key: String,
    /// Headers and metadata in place of the source's (`x-amz-metadata-directive: REPLACE`).
    pub replace: Option<Attributes>,
    /// Tags in place of the source's (`x-amz-tagging-directive: REPLACE`).
    pub tags: Option<std::collections::BTreeMap<String, String>>,
    /// `x-amz-storage-class`.
    pub storage_class: Option<String>,
    /// Encryption by header.
    pub encryption: Option<Encryption>,
    /// ACL by header; the source's is not copied.
    pub acl: String,
    /// Retention and legal hold by header; the source's are not copied.
    pub lock: (Option<Retention>, Option<bool>),
    /// `x-amz-website-redirect-location`.
    pub redirect: Option<String>,
    /// Whether annotations come along (`x-amz-object-annotation-directive: COPY`).
    pub annotations: bool,
    /// Conditions on the destination.
    pub conditions: WriteConditions,
}

/// The copy that was made.
#[derive(Debug, Clone)]
pub struct Copied {
    /// The copy.
    pub stored: Stored,
    /// The id of the version that was copied, where its bucket has versions.
    pub source_version: Option<String>,
}

impl CopyObject {
    /// Makes the copy visible; `None` if the source is another version than the one that was read.
    pub fn apply(
        self,
        index: &mut impl Index,
        context: &mut Context<'_>,
    ) -> Result<Option<Copied>> {
        let (source_bucket, found) = source(index, &self.source, &self.source_conditions, context)?;
        if found != self.expected {
            return Ok(None);
        }
        let bucket = existing(index, &self.bucket)?;
        check_key(&self.key)?;
        self.conditions.check(&self.key, index.newest(bucket.id, &self.key)?.as_ref())?;
        self.check_in_place(&bucket, &found)?;
        let mut attributes = self.attributes(&bucket, &found);
        let mut etag = found.etag.clone();
        if let Some((md5, checksum)) = self.digests {
            etag = md5;
            attributes.checksum = Some(checksum);
            attributes.parts = Vec::new();
        }
        index.share(&found.extents)?;
        let content = Content {
            size: found.size,
            etag,
            extents: found.extents.clone(),
            attributes,
            cause: Cause::Copy,
        };
        // Before the write: it may be the source itself that is replaced.
        let annotated = if self.annotations { hold(&found, index)? } else { Vec::new() };
        let version = write(index, context, &bucket, &self.key, content)?;
        annotated.iter().try_for_each(|one| index.put_annotation(&version, one))?;
        let versioned = source_bucket.settings.versioning != Default::default();
        let source_version = versioned.then(|| found.shown_id().to_owned());
        let stored = Stored::of(&bucket, version);
        Ok(Some(Copied { stored, source_version }))
    }

    /// Refuses a copy of an object onto itself that changes nothing.
    fn check_in_place(&self, bucket: &Bucket, found: &Version) -> Result<()> {
        let itself = bucket.id == found.bucket && self.key == found.key;
        let changes = self.replace.is_some()
            || self.storage_class.is_some()
            || self.encryption.is_some()
            || self.redirect.is_some()
            || self.source.version.is_some()
            || bucket.settings.encryption != Encryption::default();
        if itself && !changes {
            return Err(Error::invalid_request(
                "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
            ));
        }
        Ok(())
    }

    fn attributes(&self, bucket: &Bucket, found: &Version) -> Attributes {
        let own = &found.attributes;
        let taken = self.replace.as_ref().unwrap_or(own);
        let mut headers = taken.headers.clone();
        headers.remove("x-amz-website-redirect-location");
        if let Some(redirect) = &self.redirect {
            headers.insert("x-amz-website-redirect-location".into(), redirect.clone());
        }
        let encryption = self.encryption.clone();
        Attributes {
            headers,
            user: taken.user.clone(),
            tags: self.tags.clone().unwrap_or_else(|| own.tags.clone()),
            storage_class: self.storage_class.clone().unwrap_or_default(),
            encryption: encryption.unwrap_or_else(|| bucket.settings.encryption.clone()),
            checksum: own.checksum.clone(),
            parts: own.parts.clone(),
            acl: self.acl.clone(),
            retention: self.lock.0,
            legal_hold: self.lock.1,
            restored: Millis(0),
            annotations: if self.annotations { own.annotations } else { 0 },
            replication: String::new(),
        }
    }
}
