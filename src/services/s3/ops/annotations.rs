//! Annotations: named texts that go with a version of an object.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/annotations-overview.html>,
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectAnnotation.html>. Invariant: a version
//! says how many annotations it has, so one without any costs nothing when it is deleted or copied.

use super::objects::find;
use super::replication;
use crate::base::Context;
use crate::services::s3::checksum::Checksum;
use crate::services::s3::error::{Error, Result};
use crate::services::s3::index::{Index, Look, existing};
use crate::services::s3::limits::{ANNOTATION_NAME_BYTES_MAX, ANNOTATIONS_MAX};
use crate::services::s3::lock;
use crate::services::s3::model::{Annotation, Blob, Bucket, Extent, Version};
use crate::services::s3::notifications::{Event, notify};

/// Whose annotation, and which.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Of {
    /// The bucket's name.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// `versionId`.
    pub version: Option<String>,
    /// The annotation's name.
    pub name: String,
    /// `x-amz-object-if-match`.
    pub object_matches: Option<String>,
}

/// Refuses names that AWS does not take.
pub fn check_name(name: &str) -> Result<()> {
    if name.len() > ANNOTATION_NAME_BYTES_MAX {
        let text = "The annotation name exceeds 512 bytes.";
        return Err(Error::new(400, "AnnotationNameTooLong", text));
    }
    let start = name.to_lowercase();
    let reserved = start.starts_with("aws") || start.starts_with("s3");
    let letter = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-');
    if name.is_empty() || reserved || !name.chars().all(letter) {
        let text = "The annotation name you provided is invalid.";
        return Err(Error::new(400, "InvalidAnnotationName", text));
    }
    Ok(())
}

impl Of {
    /// The bucket and the version, if the condition on it holds.
    fn found(&self, index: &impl Look, method: &str) -> Result<(Bucket, Version)> {
        let bucket = existing(index, &self.bucket)?;
        let version = find(index, &bucket, &self.key, self.version.as_deref(), method)?;
        let wanted = self.object_matches.as_deref().map(|tag| tag.trim_matches('"'));
        if wanted.is_some_and(|wanted| wanted != version.etag) {
            return Err(Error::precondition_failed("x-amz-object-if-match"));
        }
        Ok((bucket, version))
    }

    /// The version and the annotation, or `NoSuchAnnotation`.
    pub fn get(&self, index: &impl Look) -> Result<(Version, Annotation)> {
        let (_, version) = self.found(index, "GET")?;
        check_name(&self.name)?;
        let found = index.annotation(&version, &self.name)?;
        let text = "The specified annotation does not exist on this object.";
        let none = || Error::new(404, "NoSuchAnnotation", text).with("AnnotationName", &*self.name);
        Ok((version, found.ok_or_else(none)?))
    }

    /// What can be refused before the body is asked for.
    pub fn check(&self, index: &impl Look) -> Result<()> {
        let (_, version) = self.found(index, "PUT")?;
        check_name(&self.name)?;
        if version.attributes.encryption.customer.is_some() {
            return Err(Error::invalid_request(
                "Annotations are not supported for objects encrypted with SSE-C.",
            ));
        }
        let full = version.attributes.annotations >= ANNOTATIONS_MAX;
        if full && index.annotation(&version, &self.name)?.is_none() {
            let text =
                "The request would exceed the maximum number of annotations allowed per object.";
            return Err(Error::new(400, "AnnotationLimitExceeded", text));
        }
        Ok(())
    }
}

/// PutObjectAnnotation, when its payload has arrived.
#[derive(Debug, Clone)]
pub struct PutAnnotation {
    /// Which.
    pub of: Of,
    /// Where the payload is.
    pub body: Blob,
    /// Bytes.
    pub size: u64,
    /// MD5 in hex.
    pub md5: String,
    /// The checksum to show.
    pub checksum: Checksum,
}

impl PutAnnotation {
    /// Attaches it, in place of one with its name.
    pub fn apply(
        self,
        index: &mut impl Index,
        context: &mut Context<'_>,
    ) -> Result<(Version, Annotation)> {
        self.of.check(index)?;
        let (bucket, mut version) = self.of.found(index, "PUT")?;
        let extent = Extent { blob: index.add_blob(&self.body)?, offset: 0, length: self.size };
        let annotation = Annotation {
            name: self.of.name,
            modified: context.now,
            size: self.size,
            etag: self.md5,
            checksum: self.checksum,
            extents: vec![extent],
        };
        match index.annotation(&version, &annotation.name)? {
            Some(before) => index.delete_annotation(&version, &before)?,
            None => version.attributes.annotations += 1,
        }
        index.put_annotation(&version, &annotation)?;
        changed(&bucket, &mut version, "ObjectAnnotation:Put", index, context)?;
        Ok((version, annotation))
    }
}

/// DeleteObjectAnnotation; one that is not there is as good as deleted.
#[derive(Debug, Clone)]
pub struct DeleteAnnotation {
    /// Which.
    pub of: Of,
    /// Whether governance is bypassed.
    pub bypass: bool,
}

impl DeleteAnnotation {
    /// Takes it off for good.
    pub fn apply(self, index: &mut impl Index, context: &mut Context<'_>) -> Result<Version> {
        let (bucket, mut version) = self.of.found(index, "DELETE")?;
        check_name(&self.of.name)?;
        if lock::protects(&version.attributes, context.now, self.bypass) {
            return Err(lock::protected());
        }
        if let Some(annotation) = index.annotation(&version, &self.of.name)? {
            index.delete_annotation(&version, &annotation)?;
            version.attributes.annotations -= 1;
            changed(&bucket, &mut version, "ObjectAnnotation:Delete", index, context)?;
        }
        Ok(version)
    }
}

/// Stores how many annotations there are, replicates and tells of it.
fn changed(
    bucket: &Bucket,
    version: &mut Version,
    event: &'static str,
    index: &mut impl Index,
    context: &mut Context<'_>,
) -> Result<()> {
    let replicated = replication::mark(bucket, version);
    index.update_version(version)?;
    if replicated {
        index.enqueue(version)?;
    }
    notify(index, context, bucket, &Event::new(event, version))
}

/// The annotations of a version with one more reference to each body, for a copy of it.
pub(super) fn hold(version: &Version, index: &mut impl Index) -> Result<Vec<Annotation>> {
    let found = of(version, index)?;
    found.iter().try_for_each(|annotation| index.share(&annotation.extents))?;
    Ok(found)
}

fn of(version: &Version, index: &impl Look) -> Result<Vec<Annotation>> {
    match version.attributes.annotations {
        0 => Ok(Vec::new()),
        _ => index.annotations(version, "", "", ANNOTATIONS_MAX as usize),
    }
}

/// Takes all annotations off a version, as before a replica gets new ones.
pub(super) fn clear(version: &Version, index: &mut impl Index) -> Result<()> {
    let found = of(version, index)?;
    found.iter().try_for_each(|annotation| index.delete_annotation(version, annotation))
}
