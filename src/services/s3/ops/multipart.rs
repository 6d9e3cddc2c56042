//! CreateMultipartUpload, UploadPart, CompleteMultipartUpload, AbortMultipartUpload.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html>. Completing copies no
//! byte: the object is the list of its parts' bodies.

use super::lifecycle;
use super::objects::{Cause, Content, Stored, write};
use crate::base::Context;
use crate::services::s3::checksum::{self, Algorithm, Checksum};
use crate::services::s3::conditions::WriteConditions;
use crate::services::s3::error::{Error, Result};
use crate::services::s3::index::{Index, Look, existing};
use crate::services::s3::limits::{OBJECT_BYTES_MAX, PART_BYTES_MIN, PART_NUMBER_MAX};
use crate::services::s3::model::{
    Attributes, Blob, Bucket, Extent, ObjectPart, Part, Upload, Version,
};
use crate::services::s3::names::check_key;
use std::collections::BTreeMap;

/// Characters of an upload id.
const UPLOAD_ID_CHARS: usize = 64;

/// CreateMultipartUpload.
#[derive(Debug, Clone)]
pub struct CreateUpload {
    /// The bucket's name.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// What the object will carry.
    pub attributes: Attributes,
    /// Whether the headers say how to encrypt.
    pub encrypted_by_header: bool,
    /// The checksum asked for: algorithm, and whether over the whole object.
    pub checksum: Option<(Algorithm, bool)>,
}

impl CreateUpload {
    /// Begins the upload.
    pub fn apply(self, index: &mut impl Index, context: &mut Context<'_>) -> Result<Upload> {
        let bucket = existing(index, &self.bucket)?;
        check_key(&self.key)?;
        let mut attributes = self.attributes;
        if !self.encrypted_by_header {
            attributes.encryption = bucket.settings.encryption.clone();
        }
        let upload = Upload {
            bucket: bucket.id,
            key: self.key,
            id: context.ids.alphanumeric(UPLOAD_ID_CHARS),
            initiated: context.now,
            attributes,
            checksum: self.checksum,
            disturbed: false,
        };
        index.put_upload(&upload)?;
        lifecycle::written(index, &bucket, context.now)?;
        Ok(upload)
    }
}

/// The upload of that id, or `NoSuchUpload`.
pub fn find_upload(index: &impl Look, bucket: &Bucket, key: &str, id: &str) -> Result<Upload> {
    index.upload(bucket.id, key, id)?.ok_or_else(|| Error::no_such_upload(id))
}

/// A part number as the query gives it.
pub fn part_number(text: &str) -> Result<u32> {
    let number = text.parse().ok().filter(|n| (1..=PART_NUMBER_MAX).contains(n));
    number.ok_or_else(|| {
        Error::invalid_argument(
            "Part number must be an integer between 1 and 10000, inclusive",
            "partNumber",
            text,
        )
    })
}

/// What a part is made of.
#[derive(Debug, Clone)]
pub enum PartBody {
    /// A body that arrived; `None` for an empty one.
    New(Option<Blob>),
    /// Bytes of an object that exists.
    Shared(Vec<Extent>),
}

/// UploadPart and UploadPartCopy, when the body is known.
#[derive(Debug, Clone)]
pub struct UploadPart {
    /// The bucket's name.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// The upload.
    pub upload: String,
    /// The part's number.
    pub number: u32,
    /// Bytes.
    pub size: u64,
    /// MD5 in hex.
    pub md5: String,
    /// Its bytes.
    pub body: PartBody,
    /// Checksums computed of it.
    pub checksums: Vec<Checksum>,
}

impl UploadPart {
    /// Keeps the part. The caller has made sure that shared bytes still exist.
    pub fn apply(
        self,
        index: &mut impl Index,
        context: &mut Context<'_>,
    ) -> Result<(Upload, Part)> {
        let bucket = existing(index, &self.bucket)?;
        let upload = find_upload(index, &bucket, &self.key, &self.upload)?;
        let extents = match &self.body {
            PartBody::New(None) => Vec::new(),
            PartBody::New(Some(body)) => {
                vec![Extent { blob: index.add_blob(body)?, offset: 0, length: self.size }]
            }
            PartBody::Shared(extents) => {
                index.share(extents)?;
                extents.clone()
            }
        };
        let part = Part {
            upload: self.upload,
            number: self.number,
            size: self.size,
            etag: self.md5,
            modified: context.now,
            extents,
            checksums: self.checksums,
        };
        index.put_part(&part)?;
        Ok((upload, part))
    }
}

/// A part as CompleteMultipartUpload names it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NamedPart {
    /// Its number.
    pub number: u32,
    /// Its entity tag without quotes.
    pub etag: String,
    /// Its checksums by algorithm.
    pub checksums: Vec<(Algorithm, String)>,
}

/// CompleteMultipartUpload.
#[derive(Debug, Clone, Default)]
pub struct CompleteUpload {
    /// The bucket's name.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// The upload.
    pub upload: String,
    /// The parts.
    pub parts: Vec<NamedPart>,
    /// `x-amz-mp-object-size`.
    pub size: Option<u64>,
    /// `x-amz-checksum-type`: whether over the whole object.
    pub full_object: Option<bool>,
    /// `x-amz-checksum-…` of the object.
    pub checksum: Option<(Algorithm, String)>,
    /// `If-Match` and `If-None-Match`.
    pub conditions: WriteConditions,
}

impl CompleteUpload {
    /// Makes the object visible.
    pub fn apply(self, index: &mut impl Index, context: &mut Context<'_>) -> Result<Stored> {
        let bucket = existing(index, &self.bucket)?;
        let upload = find_upload(index, &bucket, &self.key, &self.upload)?;
        let newest = index.newest(bucket.id, &self.key)?;
        self.conditions.check(&self.key, newest.as_ref())?;
        self.check_conflict(&upload, newest.as_ref())?;
        let parts = self.chosen(index, &upload)?;
        let size: u64 = parts.iter().map(|p| p.size).sum();
        if size > OBJECT_BYTES_MAX {
            return Err(Error::entity_too_large(size, OBJECT_BYTES_MAX));
        }
        if let Some(wanted) = self.size.filter(|wanted| *wanted != size) {
            return Err(Error::invalid_request(format!(
                "The provided 'x-amz-mp-object-size' header value {wanted} does not match what was computed: {size}"
            )));
        }
        let whole = self.checksum_of(&upload, &parts)?;
        let shown = upload.checksum.map(|(algorithm, _)| algorithm);
        let mut attributes = upload.attributes.clone();
        attributes.checksum = whole;
        attributes.parts = parts
            .iter()
            .map(|part| ObjectPart {
                number: part.number,
                size: part.size,
                checksum: shown.and_then(|a| of(part, a)).map(str::to_owned),
            })
            .collect();
        let extents: Vec<Extent> = parts.iter().flat_map(|p| p.extents.clone()).collect();
        let content = Content {
            size,
            etag: checksum::multipart_etag(parts.iter().map(|p| p.etag.as_str())),
            extents,
            attributes,
            cause: Cause::CompleteMultipartUpload,
        };
        index.share(&content.extents)?;
        let version = write(index, context, &bucket, &self.key, content)?;
        index.delete_upload(&upload)?;
        Ok(Stored::of(&bucket, version))
    }

    /// A condition that holds now is still refused if the object changed while the upload was under way.
    fn check_conflict(&self, upload: &Upload, newest: Option<&Version>) -> Result<()> {
        let since = newest.is_some_and(|version| version.modified > upload.initiated);
        let condition = match &self.conditions {
            WriteConditions { matches: Some(_), .. } if since => "If-Match",
            WriteConditions { absent: true, .. } if since || upload.disturbed => "If-None-Match",
            _ => return Ok(()),
        };
        Err(Error::conditional_conflict(condition, &self.key))
    }

    /// The parts that the request names, as they were uploaded.
    fn chosen(&self, index: &impl Look, upload: &Upload) -> Result<Vec<Part>> {
        if self.parts.is_empty() {
            return Err(Error::invalid_request("You must specify at least one part"));
        }
        if self.parts.windows(2).any(|two| two[0].number >= two[1].number) {
            return Err(Error::new(
                400,
                "InvalidPartOrder",
                "The list of parts was not in ascending order. Parts must be ordered by part number.",
            )
            .with("UploadId", self.upload.as_str()));
        }
        let stored = index.parts(&upload.id, 0, PART_NUMBER_MAX as usize)?;
        let stored: BTreeMap<u32, Part> = stored.into_iter().map(|p| (p.number, p)).collect();
        let mut chosen = Vec::with_capacity(self.parts.len());
        for named in &self.parts {
            let invalid = || Error::invalid_part(&upload.id, named.number, &named.etag);
            let part = stored.get(&named.number).filter(|p| p.etag == named.etag);
            let part = part.ok_or_else(invalid)?;
            self.check_part(upload, named, part)?;
            chosen.push(part.clone());
        }
        for part in &chosen[..chosen.len() - 1] {
            if part.size < PART_BYTES_MIN {
                return Err(Error::new(
                    400,
                    "EntityTooSmall",
                    "Your proposed upload is smaller than the minimum allowed size",
                )
                .with("ETag", part.etag.as_str())
                .with("MinSizeAllowed", PART_BYTES_MIN.to_string())
                .with("PartNumber", part.number.to_string())
                .with("ProposedSize", part.size.to_string()));
            }
        }
        Ok(chosen)
    }

    fn check_part(&self, upload: &Upload, named: &NamedPart, part: &Part) -> Result<()> {
        if let Some((algorithm, false)) = upload.checksum {
            if named.checksums.is_empty() {
                let name = algorithm.lower();
                return Err(Error::invalid_request(format!(
                    "The upload was created using a {name} checksum. The complete request must include the checksum for each part. It was missing for part {} in the request.",
                    named.number
                )));
            }
            if let Some((other, _)) = named.checksums.iter().find(|(a, _)| *a != algorithm) {
                return Err(Error::new(
                    400,
                    "BadDigest",
                    format!(
                        "The {} you specified for part {} did not match what we received.",
                        other.lower(),
                        named.number
                    ),
                ));
            }
        }
        let holds = |(algorithm, value): &(Algorithm, String)| of(part, *algorithm) == Some(value);
        if named.checksums.iter().all(holds) {
            return Ok(());
        }
        Err(Error::invalid_part(&upload.id, named.number, &named.etag))
    }

    /// The object's checksum, held against what the request says of it.
    fn checksum_of(&self, upload: &Upload, parts: &[Part]) -> Result<Option<Checksum>> {
        let mode = match upload.checksum {
            None => "null",
            Some((_, true)) => "FULL_OBJECT",
            Some((_, false)) => "COMPOSITE",
        };
        let said = self.full_object.map(|full| if full { "FULL_OBJECT" } else { "COMPOSITE" });
        if said.is_some_and(|said| said != mode) {
            return Err(Error::invalid_request(format!(
                "The upload was created using the {mode} checksum mode. The complete request must use the same checksum mode."
            )));
        }
        let (algorithm, full) = upload.checksum.unwrap_or((Algorithm::Crc64nvme, true));
        let values: Vec<(&str, u64)> =
            parts.iter().filter_map(|p| of(p, algorithm).map(|c| (c, p.size))).collect();
        let whole = if full {
            checksum::combined(algorithm, &values)
        } else {
            let values: Vec<&str> = values.iter().map(|(value, _)| *value).collect();
            Some(checksum::composite(algorithm, &values))
        };
        if let (Some((said, value)), Some(whole)) = (&self.checksum, &whole) {
            let bare = value.split('-').next().unwrap_or_default();
            let computed = whole.value.split('-').next().unwrap_or_default();
            if *said != algorithm || bare != computed {
                return Err(Error::bad_checksum(algorithm.lower()));
            }
        }
        Ok(whole)
    }
}

fn of(part: &Part, algorithm: Algorithm) -> Option<&str> {
    part.checksums.iter().find(|c| c.algorithm == algorithm).map(|c| c.value.as_str())
}

/// AbortMultipartUpload.
#[derive(Debug, Clone)]
pub struct AbortUpload {
    /// The bucket's name.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// The upload.
    pub upload: String,
}

impl AbortUpload {
    /// Forgets the upload and its parts.
    pub fn apply(self, index: &mut impl Index, _: &mut Context<'_>) -> Result<()> {
        let bucket = existing(index, &self.bucket)?;
        let upload = find_upload(index, &bucket, &self.key, &self.upload)?;
        index.delete_upload(&upload)
    }
}
