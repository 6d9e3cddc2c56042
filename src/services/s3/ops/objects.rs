//! Finding and writing versions of objects: GetObject, HeadObject, PutObject.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html>,
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html>,
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/Versioning.html>

use super::{lifecycle, replication};
use crate::base::Context;
use crate::services::s3::conditions::WriteConditions;
use crate::services::s3::error::{Error, Result};
use crate::services::s3::index::{Index, Look, existing};
use crate::services::s3::lifecycle::expiration;
use crate::services::s3::lock::default_of;
use crate::services::s3::model::{Attributes, Blob, Bucket, Extent, Version, Versioning};
use crate::services::s3::names::{check_key, is_version_id, new_version_id};
use crate::services::s3::notifications::{Event, notify};

/// The id by which versions are kept: `null` is kept as the empty text.
pub(crate) fn kept_id(shown: &str) -> &str {
    if shown == "null" { "" } else { shown }
}

/// Refuses an id that S3 never gave out.
pub(crate) fn check_version_id(shown: &str) -> Result<()> {
    if shown == "null" || is_version_id(shown) {
        return Ok(());
    }
    Err(Error::invalid_argument("Invalid version id specified", "versionId", shown))
}

/// The newest version of a key, unless there is none or it is a delete marker.
pub fn visible(newest: Option<Version>, key: &str) -> Result<Version> {
    match newest {
        None => Err(Error::no_such_key(key)),
        Some(found) if found.marker => Err(Error::no_such_key(key)
            .header("x-amz-delete-marker", "true")
            .header("x-amz-version-id", found.shown_id())),
        Some(found) => Ok(found),
    }
}

/// The object, or the version of it, that a read with `method` means.
pub fn find(
    index: &impl Look,
    bucket: &Bucket,
    key: &str,
    version: Option<&str>,
    method: &str,
) -> Result<Version> {
    let Some(id) = version else { return visible(index.newest(bucket.id, key)?, key) };
    check_version_id(id)?;
    match index.version(bucket.id, key, kept_id(id))? {
        None => Err(Error::no_such_version(key, id)),
        Some(found) if found.marker => Err(Error::method_not_allowed(method, "DeleteMarker")
            .header("x-amz-delete-marker", "true")
            .header("x-amz-version-id", found.shown_id())
            .header("allow", "DELETE")
            .header("last-modified", found.modified.http_date())),
        Some(found) => Ok(found),
    }
}

/// What a new version is made of.
#[derive(Debug, Clone)]
pub struct Content {
    /// Bytes.
    pub size: u64,
    /// Entity tag without quotes.
    pub etag: String,
    /// Its bodies, each with a reference for this version.
    pub extents: Vec<Extent>,
    /// The rest.
    pub attributes: Attributes,
    /// What makes it.
    pub cause: Cause,
}

/// What makes a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cause {
    /// PutObject.
    #[default]
    Put,
    /// A form upload.
    Post,
    /// CopyObject.
    Copy,
    /// CompleteMultipartUpload.
    CompleteMultipartUpload,
    /// DeleteObject without a version: it is a delete marker.
    DeleteMarker,
    /// A lifecycle rule: it is a delete marker.
    Expired,
}

impl Cause {
    /// The event that tells of it.
    pub fn event(self) -> &'static str {
        match self {
            Cause::Put => "ObjectCreated:Put",
            Cause::Post => "ObjectCreated:Post",
            Cause::Copy => "ObjectCreated:Copy",
            Cause::CompleteMultipartUpload => "ObjectCreated:CompleteMultipartUpload",
            Cause::DeleteMarker => "ObjectRemoved:DeleteMarkerCreated",
            Cause::Expired => "LifecycleExpiration:DeleteMarkerCreated",
        }
    }

    fn is_marker(self) -> bool {
        matches!(self, Cause::DeleteMarker | Cause::Expired)
    }
}

/// Stores a new version as the bucket's versioning wants it, in place of what it replaces.
pub(crate) fn write(
    index: &mut impl Index,
    context: &mut Context<'_>,
    bucket: &Bucket,
    key: &str,
    content: Content,
) -> Result<Version> {
    let newest = index.newest(bucket.id, key)?;
    let order = newest.as_ref().map_or(0, |v| v.order - 1);
    let id = match bucket.settings.versioning {
        Versioning::Enabled => new_version_id(context.ids),
        Versioning::Off | Versioning::Suspended => String::new(),
    };
    if id.is_empty() {
        let replaced = match newest {
            Some(newest) if newest.id.is_empty() => Some(newest),
            Some(_) => index.version(bucket.id, key, "")?,
            None => None,
        };
        if let Some(replaced) = replaced {
            index.delete_version(&replaced)?;
        }
    }
    let mut version = Version {
        bucket: bucket.id,
        key: key.to_owned(),
        order,
        id,
        marker: content.cause.is_marker(),
        modified: context.now,
        size: content.size,
        etag: content.etag,
        extents: content.extents,
        attributes: content.attributes,
    };
    if !version.marker && version.attributes.retention.is_none() {
        version.attributes.retention = default_of(&bucket.settings, context.now);
    }
    let replicated = replication::mark(bucket, &mut version);
    index.put_version(&version)?;
    if replicated {
        index.enqueue(&version)?;
    }
    let by_s3 = content.cause == Cause::Expired;
    let event = Event { by_s3, ..Event::new(content.cause.event(), &version) };
    notify(index, context, bucket, &event)?;
    lifecycle::written(index, bucket, context.now)?;
    Ok(version)
}

/// PutObject, when its body has arrived.
#[derive(Debug, Clone)]
pub struct PutObject {
    /// The bucket's name.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// Where the body is; `None` for an empty one.
    pub body: Option<Blob>,
    /// Bytes.
    pub size: u64,
    /// MD5 of the body in hex.
    pub md5: String,
    /// What the object carries; encryption as the headers say, if they do.
    pub attributes: Attributes,
    /// Whether the headers say how to encrypt.
    pub encrypted_by_header: bool,
    /// `If-Match` and `If-None-Match`.
    pub conditions: WriteConditions,
    /// How it arrived.
    pub cause: Cause,
}

impl PutObject {
    /// Makes the object visible.
    pub fn apply(self, index: &mut impl Index, context: &mut Context<'_>) -> Result<Stored> {
        let bucket = existing(index, &self.bucket)?;
        check_key(&self.key)?;
        if self.conditions != WriteConditions::default() {
            self.conditions.check(&self.key, index.newest(bucket.id, &self.key)?.as_ref())?;
        }
        let mut attributes = self.attributes;
        if !self.encrypted_by_header {
            attributes.encryption = bucket.settings.encryption.clone();
        }
        let extents = match &self.body {
            None => Vec::new(),
            Some(body) => {
                vec![Extent { blob: index.add_blob(body)?, offset: 0, length: self.size }]
            }
        };
        let content =
            Content { size: self.size, etag: self.md5, extents, attributes, cause: self.cause };
        let version = write(index, context, &bucket, &self.key, content)?;
        Ok(Stored::of(&bucket, version))
    }
}

/// A version that was written, and whether its id is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The version.
    pub version: Version,
    /// The bucket's versioning.
    pub versioning: Versioning,
    /// `x-amz-expiration`, if a lifecycle rule ends it.
    pub expiration: Option<String>,
}

impl Stored {
    pub(super) fn of(bucket: &Bucket, version: Version) -> Stored {
        let expiration = expiration(bucket, &version);
        Stored { version, versioning: bucket.settings.versioning, expiration }
    }

    /// `x-amz-version-id`: writes to a bucket whose versioning is enabled show it.
    pub fn version_id(&self) -> Option<&str> {
        (self.versioning == Versioning::Enabled).then(|| self.version.shown_id())
    }
}
