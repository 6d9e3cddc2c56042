//! PutObjectAnnotation, GetObjectAnnotation, ListObjectAnnotations and DeleteObjectAnnotation over HTTP.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectAnnotation.html>,
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectAnnotations.html>

use super::answer::{document, empty, set};
use super::buckets::second;
use super::head::Head;
use super::locks::bypass;
use super::receive::{Content, Plan, Received, disk, receive};
use super::stream::{bodies, body_of, pieces};
use super::{S3, attributes};
use crate::protocol::{Answer, Incoming};
use crate::services::s3::error::{Error, Result};
use crate::services::s3::index::{Look, existing};
use crate::services::s3::limits::{ANNOTATION_BYTES_MAX, PAGE_MAX};
use crate::services::s3::model::{Annotation, Version};
use crate::services::s3::ops::annotations::{DeleteAnnotation, Of, PutAnnotation};
use crate::services::s3::ops::objects::find;
use crate::services::s3::xml::Xml;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, StatusCode};
use std::io::Read;

/// How often a read looks for an annotation that is replaced while it looks.
const LOOKS_MAX: usize = 16;

fn of(head: &Head) -> Of {
    Of {
        bucket: head.bucket.clone(),
        key: head.key.clone(),
        version: head.param("versionId").map(str::to_owned),
        name: head.param("annotationName").unwrap_or_default().to_owned(),
        object_matches: head.header("x-amz-object-if-match").map(str::to_owned),
    }
}

/// The version's id and encryption, which annotations share.
fn show_version(headers: &mut HeaderMap, version: &Version) {
    if !version.id.is_empty() {
        set(headers, "x-amz-object-version-id", version.shown_id());
    }
}

fn show(headers: &mut HeaderMap, version: &Version, annotation: &Annotation) {
    show_version(headers, version);
    set(headers, "etag", &format!("\"{}\"", annotation.etag));
    set(headers, "x-amz-server-side-encryption", &version.attributes.encryption.algorithm);
}

fn check_size(size: u64) -> Result<()> {
    match size {
        0 => Err(Error::invalid_request("The annotation payload must not be empty.")),
        size if size > ANNOTATION_BYTES_MAX => {
            Err(Error::entity_too_large(size, ANNOTATION_BYTES_MAX))
        }
        _ => Ok(()),
    }
}

impl S3 {
    /// PutObjectAnnotation.
    pub(super) async fn put_annotation(&self, head: &Head, body: Incoming) -> Result<Answer> {
        let (plan, of) = (Plan::read(head)?, of(head));
        plan.length().map_or(Ok(()), check_size)?;
        self.look(|index| of.check(index))?;
        let Received { content, digests, checksum, .. } = receive(&self.blobs, body, &plan).await?;
        check_size(digests.size)?;
        self.check_text(&content)?;
        let body = content.blob().ok_or_else(|| Error::internal("the payload is empty"))?;
        let (size, md5) = (digests.size, digests.md5);
        let put = PutAnnotation { of, body, size, md5, checksum };
        let (version, annotation) = self.change(&head.caller, move |i, c| put.apply(i, c)).await?;
        if let Content::File(file) = content {
            file.kept();
        }
        let mut xml = Xml::document("PutObjectAnnotationOutput");
        xml.leaf("Key", &version.key);
        xml.leaf("AnnotationName", &annotation.name);
        let mut answer = document(xml.finish());
        show(answer.headers_mut(), &version, &annotation);
        attributes::show_checksum(answer.headers_mut(), &annotation.checksum);
        Ok(answer)
    }

    /// A payload must be UTF-8.
    fn check_text(&self, content: &Content) -> Result<()> {
        let whole = match content {
            Content::Small(bytes) => bytes.to_vec(),
            Content::File(file) => {
                let mut whole = Vec::new();
                let mut file = self.blobs.read(file.name()).map_err(|e| disk(&e))?;
                file.read_to_end(&mut whole).map_err(|e| disk(&e))?;
                whole
            }
        };
        std::str::from_utf8(&whole).map(drop).map_err(|_| {
            let text = "The annotation payload is not valid UTF-8 encoded text.";
            Error::new(415, "UnsupportedMediaType", text)
        })
    }

    /// GetObjectAnnotation.
    pub(super) async fn get_annotation(&self, head: &Head) -> Result<Answer> {
        let of = of(head);
        for _ in 0..LOOKS_MAX {
            let (version, annotation, bodies) = self.look(|index| {
                let (version, annotation) = of.get(index)?;
                let bodies = bodies(index, &annotation.extents)?;
                let bodies = bodies.ok_or_else(|| Error::internal("the payload is gone"))?;
                Ok((version, annotation, bodies))
            })?;
            let Some(pieces) = pieces(&self.blobs, &annotation.extents, bodies)? else { continue };
            let mut answer = http::Response::new(body_of(&self.blobs, pieces)?);
            let headers = answer.headers_mut();
            show(headers, &version, &annotation);
            set(headers, "content-length", &annotation.size.to_string());
            set(headers, "last-modified", &annotation.modified.http_date());
            if !version.attributes.replication.is_empty() {
                set(headers, "x-amz-replication-status", &version.attributes.replication);
            }
            if head.wants_checksum() {
                attributes::show_checksum(headers, &annotation.checksum);
            }
            return Ok(answer);
        }
        Err(Error::internal("the payload keeps changing"))
    }

    /// ListObjectAnnotations.
    pub(super) async fn list_annotations(&self, head: &Head) -> Result<Answer> {
        let max = head.param("max-annotation-results").filter(|m| !m.is_empty());
        let limit = max.map_or(Ok(PAGE_MAX), |text| {
            let wanted = text.parse().ok().filter(|n| (1..=PAGE_MAX).contains(n));
            let message = "Provided max-annotation-results not an integer or within integer range";
            wanted.ok_or_else(|| Error::invalid_argument(message, "max-annotation-results", text))
        })?;
        let token = head.param("continuation-token").filter(|token| !token.is_empty());
        let after = token.map(after).transpose()?.unwrap_or_default();
        let prefix = head.param("annotation-prefix").unwrap_or_default();
        let (version, mut found) = self.look(|index| {
            let bucket = existing(index, &head.bucket)?;
            let version = find(index, &bucket, &head.key, head.param("versionId"), "GET")?;
            let found = index.annotations(&version, prefix, &after, limit + 1)?;
            Ok((version, found))
        })?;
        let more = found.len() > limit;
        found.truncate(limit);
        let mut xml = Xml::document("ListObjectAnnotationsOutput");
        xml.leaf("Bucket", &head.bucket);
        xml.leaf("Key", &head.key);
        xml.maybe("AnnotationPrefix", head.param("annotation-prefix"));
        xml.number("MaxAnnotationResults", limit);
        xml.number("AnnotationCount", found.len());
        xml.maybe("ContinuationToken", token);
        if let Some(last) = found.last().filter(|_| more) {
            xml.leaf("NextContinuationToken", &URL_SAFE_NO_PAD.encode(&last.name));
        }
        xml.open("Annotations");
        for annotation in &found {
            xml.open("AnnotationEntry");
            xml.leaf("AnnotationName", &annotation.name);
            xml.leaf("LastModified", &second(annotation.modified));
            xml.leaf("ETag", &format!("\"{}\"", annotation.etag));
            xml.leaf("ChecksumAlgorithm", annotation.checksum.algorithm.name());
            xml.number("Size", annotation.size);
            let status = Some(version.attributes.replication.as_str());
            xml.maybe("ReplicationStatus", status.filter(|status| !status.is_empty()));
            xml.close();
        }
        xml.close();
        let mut answer = document(xml.finish());
        show_version(answer.headers_mut(), &version);
        Ok(answer)
    }

    /// DeleteObjectAnnotation.
    pub(super) async fn delete_annotation(&self, head: &Head) -> Result<Answer> {
        let delete = DeleteAnnotation { of: of(head), bypass: bypass(head) == Some(true) };
        let version = self.change(&head.caller, move |i, c| delete.apply(i, c)).await?;
        let mut answer = empty(StatusCode::NO_CONTENT);
        show_version(answer.headers_mut(), &version);
        Ok(answer)
    }
}

/// The name that a continuation token stands for.
fn after(token: &str) -> Result<String> {
    let name = URL_SAFE_NO_PAD.decode(token).ok().and_then(|name| String::from_utf8(name).ok());
    let message = "The continuation token provided is incorrect";
    name.ok_or_else(|| Error::invalid_argument(message, "continuation-token", token))
}
