//! CopyObject and UploadPartCopy over HTTP. Bytes are shared, and read only where a digest is missing.

use super::answer::{document, maybe, set};
use super::buckets::second;
use super::head::Head;
use super::stream::{bodies, hash, pieces};
use super::{S3, attributes, customer};
use crate::protocol::Answer;
use crate::services::s3::checksum::{Algorithm, Checksum, Digests, Hasher};
use crate::services::s3::error::{Error, Result};
use crate::services::s3::index::slice;
use crate::services::s3::model::{Extent, Version};
use crate::services::s3::ops::copy::{Copied, CopyObject, Source, check_size, source};
use crate::services::s3::ops::multipart::{PartBody, UploadPart, part_number};
use crate::services::s3::range;
use crate::services::s3::xml::Xml;
use percent_encoding::percent_decode_str;

/// How often a copy begins anew when its source changes meanwhile.
const ATTEMPTS_MAX: usize = 16;

/// Whether annotations are copied along.
const ANNOTATIONS: &str = "x-amz-object-annotation-directive";

/// `x-amz-copy-source`: `[/]bucket/key[?versionId=…]`, percent-encoded.
pub(super) fn source_of(head: &Head) -> Result<Source> {
    let text = head.header("x-amz-copy-source").unwrap_or_default();
    let invalid = || {
        Error::invalid_argument(
            "Invalid copy source object key",
            "x-amz-copy-source",
            "x-amz-copy-source",
        )
    };
    let (path, version) = match text.rsplit_once("?versionId=") {
        Some((path, version)) => (path, Some(version.to_owned())),
        None => (text, None),
    };
    let path = percent_decode_str(path).decode_utf8().map_err(|_| invalid())?;
    let path = path.strip_prefix('/').unwrap_or(&path);
    match path.split_once('/') {
        Some((bucket, key)) if !bucket.is_empty() && !key.is_empty() => {
            Ok(Source { bucket: bucket.to_owned(), key: key.to_owned(), version })
        }
        _ => Err(invalid()),
    }
}

/// The bucket that a copy reads from.
pub(super) fn source_bucket(head: &Head) -> Option<String> {
    source_of(head).ok().map(|s| s.bucket)
}

/// `COPY` or `REPLACE`.
fn replaces(head: &Head, name: &'static str) -> Result<bool> {
    match head.header(name) {
        None | Some("COPY") => Ok(false),
        Some("REPLACE") => Ok(true),
        Some(other) => Err(Error::invalid_argument(
            if name == "x-amz-metadata-directive" {
                "Unknown metadata directive."
            } else {
                "Unknown tagging directive."
            },
            name,
            other,
        )),
    }
}

impl S3 {
    pub(super) async fn copy_object(&self, head: &Head) -> Result<Answer> {
        let from = source_of(head)?;
        let (given, _) = attributes::read(head, self.clock.now())?;
        self.check_write(head, &given)?;
        let replace = replaces(head, "x-amz-metadata-directive")?;
        let tags = replaces(head, "x-amz-tagging-directive")?.then(|| given.tags.clone());
        let redirect = head.header("x-amz-website-redirect-location").map(str::to_owned);
        let annotations = match head.header(ANNOTATIONS).or(head.param(ANNOTATIONS)) {
            None | Some("COPY") => true,
            Some("EXCLUDE") => false,
            Some(other) => {
                let message = "Unknown annotation directive.";
                return Err(Error::invalid_argument(message, ANNOTATIONS, other));
            }
        };
        let algorithm = head.header("x-amz-checksum-algorithm").and_then(Algorithm::parse);
        let bucket = self.bucket(&head.bucket)?;
        let mut copy = CopyObject {
            source_conditions: attributes::read_conditions(head, true),
            expected: self.readable_source(head, &from).await?,
            source: from,
            digests: None,
            bucket: head.bucket.clone(),
            key: head.key.clone(),
            acl: given.acl.clone(),
            lock: (given.retention, given.legal_hold),
            replace: replace.then_some(given),
            tags,
            storage_class: attributes::storage_class(head)?,
            encryption: self.sealed(head, &bucket, attributes::encryption(head)?).await?,
            redirect,
            annotations,
            conditions: attributes::write_conditions(head)?,
        };
        for _ in 0..ATTEMPTS_MAX {
            check_size(copy.expected.size)?;
            match self.digests_for_copy(&copy.expected, algorithm).await {
                Ok(digests) => {
                    copy.digests = digests;
                    let once = copy.clone();
                    let copied = self.change(&head.caller, move |i, c| once.apply(i, c)).await?;
                    if let Some(copied) = copied {
                        return Ok(shown(&copied));
                    }
                }
                Err(error) if error == changing() => {}
                Err(error) => return Err(error),
            }
            copy.expected = self.source(head, &copy.source)?;
        }
        Err(changing())
    }

    /// The same, unless it lies under a key that is no longer to be used.
    async fn readable_source(&self, head: &Head, from: &Source) -> Result<Version> {
        let version = self.source(head, from)?;
        let bucket = self.bucket(&from.bucket)?;
        self.check_sealed(head, (&bucket, &from.key), &version.attributes.encryption).await?;
        Ok(version)
    }

    /// The source as it is now, if the conditions on it hold.
    fn source(&self, head: &Head, from: &Source) -> Result<Version> {
        let conditions = attributes::read_conditions(head, true);
        let context = crate::base::Context {
            now: self.clock.now(),
            ids: &mut crate::base::Ids::seeded(0),
            caller: &head.caller,
        };
        let (_, version) = self.look(|index| source(index, from, &conditions, &context))?;
        customer::check(head, customer::Of::Source, &version.attributes.encryption)?;
        if version.is_archived() && version.attributes.restored <= context.now {
            return Err(Error::new(
                403,
                "InvalidObjectState",
                "The operation is not valid for the object's storage class",
            )
            .with("StorageClass", version.storage_class()));
        }
        Ok(version)
    }

    /// What must be computed anew for a copy: of an object made of parts everything, since the copy
    /// is one whole; else only a checksum of another kind.
    async fn digests_for_copy(
        &self,
        version: &Version,
        algorithm: Option<Algorithm>,
    ) -> Result<Option<(String, Checksum)>> {
        let own = version.attributes.checksum.as_ref();
        let wanted = algorithm.or(own.map(|c| c.algorithm)).unwrap_or(Algorithm::Crc64nvme);
        let fits = own.is_some_and(|c| c.algorithm == wanted && !c.composite);
        if fits && version.attributes.parts.is_empty() {
            return Ok(None);
        }
        let digests = self.digest(&version.extents, &[wanted]).await?;
        let checksum = digests.by(wanted).cloned();
        Ok(checksum.map(|checksum| (digests.md5, checksum)))
    }

    /// The digests of the bytes, unless they are gone because their object was replaced.
    async fn digest(&self, extents: &[Extent], algorithms: &[Algorithm]) -> Result<Digests> {
        let bodies = self.look(|index| bodies(index, extents))?.ok_or_else(changing)?;
        let pieces = pieces(&self.blobs, extents, bodies)?.ok_or_else(changing)?;
        hash(&self.blobs, pieces, Hasher::new(algorithms, false)).await
    }

    pub(super) async fn upload_part_copy(&self, head: &Head) -> Result<Answer> {
        let from = source_of(head)?;
        let number = part_number(head.param("partNumber").unwrap_or_default())?;
        let upload = self.upload_of(head)?;
        customer::check_part(head, &upload.attributes.encryption)?;
        let mut expected = self.readable_source(head, &from).await?;
        for _ in 0..ATTEMPTS_MAX {
            let (first, length) = match head.header("x-amz-copy-source-range") {
                Some(text) => {
                    let (first, last) = range::of_source(text, expected.size)?;
                    (first, last - first + 1)
                }
                None => (0, expected.size),
            };
            check_size(length)?;
            let extents = slice(&expected.extents, first, length);
            let algorithms: Vec<Algorithm> = upload.checksum.iter().map(|(a, _)| *a).collect();
            let digests = match self.digest(&extents, &algorithms).await {
                Err(error) if error == changing() => {
                    expected = self.source(head, &from)?;
                    continue;
                }
                digests => digests?,
            };
            let part = UploadPart {
                bucket: head.bucket.clone(),
                key: head.key.clone(),
                upload: upload.id.clone(),
                number,
                size: length,
                md5: digests.md5,
                body: PartBody::Shared(extents),
                checksums: digests.checksums,
            };
            let (same, conditions) = (expected.clone(), attributes::read_conditions(head, true));
            let again = from.clone();
            let done = self.change(&head.caller, move |index, context| {
                let (_, found) = source(index, &again, &conditions, context)?;
                if found != same {
                    return Ok(None);
                }
                part.apply(index, context).map(Some)
            });
            let Some((upload, part)) = done.await? else {
                expected = self.source(head, &from)?;
                continue;
            };
            let mut xml = Xml::document("CopyPartResult");
            xml.leaf("LastModified", &second(part.modified));
            xml.leaf("ETag", &format!("\"{}\"", part.etag));
            let shown = upload.checksum.map(|(a, _)| a);
            for checksum in part.checksums.iter().filter(|c| Some(c.algorithm) == shown) {
                xml.leaf(checksum.algorithm.element(), &checksum.value);
            }
            let mut answer = document(xml.finish());
            attributes::show_encryption(answer.headers_mut(), &upload.attributes.encryption);
            if !expected.id.is_empty() {
                set(answer.headers_mut(), "x-amz-copy-source-version-id", &expected.id);
            }
            return Ok(answer);
        }
        Err(changing())
    }
}

/// The source was replaced while it was read.
fn changing() -> Error {
    Error::new(503, "SlowDown", "The source of the copy keeps changing; try again.")
}

fn shown(copied: &Copied) -> Answer {
    let version = &copied.stored.version;
    let mut xml = Xml::document("CopyObjectResult");
    xml.leaf("LastModified", &second(version.modified));
    xml.leaf("ETag", &format!("\"{}\"", version.etag));
    if let Some(checksum) = &version.attributes.checksum {
        xml.leaf(checksum.algorithm.element(), &checksum.value);
        xml.leaf("ChecksumType", checksum.kind());
    }
    let mut answer = document(xml.finish());
    let headers = answer.headers_mut();
    attributes::show_encryption(headers, &version.attributes.encryption);
    maybe(headers, "x-amz-copy-source-version-id", copied.source_version.as_deref());
    maybe(headers, "x-amz-version-id", copied.stored.version_id());
    maybe(headers, "x-amz-expiration", copied.stored.expiration.as_deref());
    answer
}
