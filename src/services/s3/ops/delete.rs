//! DeleteObject, and each key of DeleteObjects.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObject.html>,
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html>

use super::lifecycle;
use super::objects::{Cause, Content, check_version_id, kept_id, write};
use crate::base::Context;
use crate::services::s3::error::{Error, Result};
use crate::services::s3::index::{Index, existing};
use crate::services::s3::lock;
use crate::services::s3::model::{Attributes, Bucket, Version, Versioning};
use crate::services::s3::notifications::{Event, notify};

/// DeleteObject.
#[derive(Debug, Clone, Default)]
pub struct DeleteObject {
    /// The bucket's name.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// `versionId`.
    pub version: Option<String>,
    /// `If-Match`.
    pub matches: Option<String>,
    /// `x-amz-bypass-governance-retention`, where it was given.
    pub bypass: Option<bool>,
}

/// Refuses to bypass governance where there is none.
fn check_bypass(bucket: &Bucket, bypass: Option<bool>) -> Result<()> {
    if bypass.is_none() || bucket.settings.object_lock {
        return Ok(());
    }
    const NAME: &str = "x-amz-bypass-governance-retention";
    let message = format!("{NAME} is only applicable to Object Lock enabled buckets.");
    Err(Error::new(400, "InvalidArgument", message).with("ArgumentName", NAME))
}

/// What was deleted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Deleted {
    /// Whether a delete marker was made, or was what was deleted.
    pub marker: bool,
    /// The id of the marker that was made, or of the version that was deleted.
    pub version: Option<String>,
}

impl DeleteObject {
    /// Deletes the version, or covers the object with a delete marker.
    pub fn apply(self, index: &mut impl Index, context: &mut Context<'_>) -> Result<Deleted> {
        let bucket = existing(index, &self.bucket)?;
        check_bypass(&bucket, self.bypass)?;
        self.delete_in(&bucket, index, context, false)
    }

    fn delete_in(
        &self,
        bucket: &Bucket,
        index: &mut impl Index,
        context: &mut Context<'_>,
        one_of_many: bool,
    ) -> Result<Deleted> {
        self.check_match(bucket, index)?;
        match &self.version {
            Some(id) => self.delete_version(bucket, id, index, context, one_of_many),
            None => cover(bucket, &self.key, Cause::DeleteMarker, index, context),
        }
    }

    fn check_match(&self, bucket: &Bucket, index: &impl Index) -> Result<()> {
        let Some(wanted) = &self.matches else { return Ok(()) };
        let found = match &self.version {
            Some(id) => index.version(bucket.id, &self.key, kept_id(id))?,
            None => index.newest(bucket.id, &self.key)?,
        };
        let holds = found
            .is_some_and(|v| !v.marker && (wanted == "*" || wanted.trim_matches('"') == v.etag));
        if holds { Ok(()) } else { Err(Error::precondition_failed("If-Match")) }
    }

    fn delete_version(
        &self,
        bucket: &Bucket,
        id: &str,
        index: &mut impl Index,
        context: &mut Context<'_>,
        one_of_many: bool,
    ) -> Result<Deleted> {
        let gone = |error: Error| match error.code.as_ref() {
            "InvalidArgument" if one_of_many => Error::no_such_version(&self.key, id),
            _ => error,
        };
        check_version_id(id).map_err(gone)?;
        match index.version(bucket.id, &self.key, kept_id(id))? {
            Some(version) => {
                let bypass = self.bypass == Some(true);
                if lock::protects(&version.attributes, context.now, bypass) {
                    return Err(lock::protected());
                }
                let event = Event::new("ObjectRemoved:Delete", &version);
                erase(bucket, &version, &event, index, context)?;
                Ok(Deleted { marker: version.marker, version: Some(id.to_owned()) })
            }
            None if one_of_many && id != "null" => Err(Error::no_such_version(&self.key, id)),
            None => Ok(Deleted { marker: false, version: Some(id.to_owned()) }),
        }
    }
}

/// Deletes a version for good and tells of it.
pub(super) fn erase(
    bucket: &Bucket,
    version: &Version,
    event: &Event<'_>,
    index: &mut impl Index,
    context: &mut Context<'_>,
) -> Result<()> {
    index.delete_version(version)?;
    index.disturb(bucket.id, &version.key)?;
    notify(index, context, bucket, event)?;
    lifecycle::written(index, bucket, context.now)
}

/// Covers an object with a delete marker; deletes it where there are no versions.
pub(super) fn cover(
    bucket: &Bucket,
    key: &str,
    cause: Cause,
    index: &mut impl Index,
    context: &mut Context<'_>,
) -> Result<Deleted> {
    if bucket.settings.versioning == Versioning::Off {
        if let Some(version) = index.newest(bucket.id, key)? {
            let event = Event::new("ObjectRemoved:Delete", &version);
            erase(bucket, &version, &event, index, context)?;
        }
        return Ok(Deleted::default());
    }
    let content = Content {
        size: 0,
        etag: String::new(),
        extents: Vec::new(),
        attributes: Attributes::default(),
        cause,
    };
    let marker = write(index, context, bucket, key, content)?;
    Ok(Deleted { marker: true, version: Some(marker.shown_id().to_owned()) })
}

/// DeleteObjects.
#[derive(Debug, Clone, Default)]
pub struct DeleteObjects {
    /// The bucket's name.
    pub bucket: String,
    /// Key, version and entity tag of each.
    pub objects: Vec<(String, Option<String>, Option<String>)>,
    /// `x-amz-bypass-governance-retention`, where it was given.
    pub bypass: Option<bool>,
}

impl DeleteObjects {
    /// Deletes each; one that is refused does not hold up the others.
    pub fn apply(
        self,
        index: &mut impl Index,
        context: &mut Context<'_>,
    ) -> Result<Vec<Result<Deleted>>> {
        let bucket = existing(index, &self.bucket)?;
        check_bypass(&bucket, self.bypass)?;
        let mut outcomes = Vec::with_capacity(self.objects.len());
        for (key, version, matches) in self.objects {
            let (bucket_name, bypass) = (self.bucket.clone(), self.bypass);
            let one = DeleteObject { bucket: bucket_name, key, version, matches, bypass };
            let outcome = one.delete_in(&bucket, index, context, true);
            if let Err(error) = &outcome
                && error.status >= 500
            {
                return Err(error.clone());
            }
            outcomes.push(outcome);
        }
        Ok(outcomes)
    }
}
