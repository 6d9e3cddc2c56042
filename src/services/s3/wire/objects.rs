//! PutObject, GetObject, HeadObject, DeleteObject, DeleteObjects, object tagging over HTTP.

use super::answer::{document, empty, maybe, set};
use super::buckets::{tag_pairs, tag_set};
use super::head::Head;
use super::locks::bypass;
use super::receive::{Content, Plan, Received, receive, receive_document};
use super::stream::{Bodies, bodies, body_of, pieces};
use super::{S3, attributes, customer};
use crate::protocol::{Answer, Incoming};
use crate::services::s3::access::denied;
use crate::services::s3::checksum::Checksum;
use crate::services::s3::error::{Error, Result};
use crate::services::s3::index::{Look, existing, slice};
use crate::services::s3::known::Found;
use crate::services::s3::lifecycle::expiration;
use crate::services::s3::limits::{DELETE_KEYS_MAX, INLINE_BYTES_MAX, OBJECT_TAGS_MAX};
use crate::services::s3::model::{Attributes, Bucket, Version, Versioning};
use crate::services::s3::names::check_key;
use crate::services::s3::ops::delete::{DeleteObject, DeleteObjects};
use crate::services::s3::ops::multipart::part_number;
use crate::services::s3::ops::objects::{Cause, PutObject, find, visible};
use crate::services::s3::ops::tagging::{self, PutObjectTagging};
use crate::services::s3::range;
use crate::services::s3::xml::{Element, Xml};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Response headers that a query may override, and how.
const OVERRIDES: &[(&str, &str)] = &[
    ("response-cache-control", "cache-control"),
    ("response-content-disposition", "content-disposition"),
    ("response-content-encoding", "content-encoding"),
    ("response-content-language", "content-language"),
    ("response-content-type", "content-type"),
    ("response-expires", "expires"),
];

/// How often a read looks for an object whose bytes are replaced while it looks.
const LOOKS_MAX: usize = 16;

/// Bytes of an object that a read wants.
struct Wanted {
    first: u64,
    length: u64,
    /// Whether it is a part of the whole (`206`).
    partial: bool,
    /// The part that was asked for.
    part: Option<usize>,
}

impl S3 {
    pub(super) async fn put_object(&self, head: &Head, body: Incoming) -> Result<Answer> {
        let (mut attributes, by_header) = attributes::read(head, self.clock.now())?;
        let conditions = attributes::write_conditions(head)?;
        let plan = Plan::read(head)?;
        check_key(&head.key)?;
        check_integrity(head, &attributes, &plan)?;
        self.check_write(head, &attributes)?;
        // Before the body is asked for: the bucket, and what a condition says already.
        let bucket = self.bucket(&head.bucket)?;
        if conditions != Default::default() {
            let newest =
                self.glance_at((&bucket, &head.key), |index| index.newest(bucket.id, &head.key))?;
            conditions.check(&head.key, newest.as_ref())?;
        }
        let encrypted_by_header = self.seal(head, &bucket, &mut attributes, by_header).await?;
        let Received { content, digests, checksum, .. } = receive(&self.blobs, body, &plan).await?;
        attributes.checksum = Some(checksum.clone());
        let put = PutObject {
            bucket: head.bucket.clone(),
            key: head.key.clone(),
            body: content.blob(),
            size: digests.size,
            md5: digests.md5,
            attributes,
            encrypted_by_header,
            conditions,
            cause: Cause::Put,
        };
        let stored = self.change(&head.caller, move |i, c| put.apply(i, c)).await?;
        if let Content::File(file) = content {
            file.kept();
        }
        let mut answer = empty(StatusCode::OK);
        let headers = answer.headers_mut();
        set(headers, "etag", &format!("\"{}\"", stored.version.etag));
        attributes::show_encryption(headers, &stored.version.attributes.encryption);
        attributes::show_checksum(headers, &checksum);
        maybe(headers, "x-amz-version-id", stored.version_id());
        maybe(headers, "x-amz-expiration", stored.expiration.as_deref());
        Ok(answer)
    }

    pub(super) async fn get_object(&self, head: &Head) -> Result<Answer> {
        let conditions = attributes::read_conditions(head, false);
        let now = self.clock.now();
        let bucket = self.bucket(&head.bucket)?;
        let (mut found, mut looks) = (self.find_with_body(head, &bucket)?, 1);
        let (version, wanted, pieces) = loop {
            let (version, bodies) = found;
            customer::check(head, customer::Of::Object, &version.attributes.encryption)?;
            conditions.check(&version, now)?;
            let wanted = wanted(head, &version)?;
            if head.method == Method::GET {
                let encryption = &version.attributes.encryption;
                self.check_sealed(head, (&bucket, &head.key), encryption).await?;
            }
            if head.method == Method::HEAD {
                break (version, wanted, Vec::new());
            }
            let extents = slice(&version.extents, wanted.first, wanted.length);
            match pieces(&self.blobs, &extents, bodies)? {
                Some(pieces) => break (version, wanted, pieces),
                // Another write replaced the object and freed its file in between.
                None if looks < LOOKS_MAX => found = self.find_with_body(head, &bucket)?,
                None => return Err(Error::internal("the object's bytes are gone")),
            }
            looks += 1;
        };
        let versioned = bucket.settings.versioning != Versioning::Off;
        let current = !head.has("versionId");
        let expiration = current.then(|| expiration(&bucket, &version)).flatten();
        let class = version.storage_class();
        let restored = version.attributes.restored > now;
        if head.method == Method::GET && version.is_archived() && !restored {
            return Err(Error::new(
                403,
                "InvalidObjectState",
                "The operation is not valid for the object's storage class",
            )
            .with("StorageClass", class));
        }
        let mut answer = http::Response::new(body_of(&self.blobs, pieces)?);
        let headers = answer.headers_mut();
        attributes::show(headers, &version, versioned, now);
        maybe(headers, "x-amz-expiration", expiration.as_deref());
        show_wanted(headers, head, &version, &wanted);
        for (param, name) in OVERRIDES {
            let Some(value) = head.param(param) else { continue };
            headers.insert(HeaderName::from_static(name), latin_1(param, value)?);
        }
        if wanted.partial {
            *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
        }
        Ok(answer)
    }

    /// The version that a read means, and the bodies that it is made of.
    fn find_with_body(&self, head: &Head, bucket: &Bucket) -> Result<(Arc<Version>, Bodies)> {
        let id = head.param("versionId");
        if id.is_none() {
            let like = self.known.objects(bucket.id, &head.key);
            let known = like.get(&head.key).filter(|found| found.version.bucket == bucket.id);
            let found = match known {
                Some(found) => found,
                None => {
                    let noted = like.note();
                    let found = self.newest_with_body(head, bucket)?;
                    if found.version.size <= INLINE_BYTES_MAX as u64 {
                        like.learn(noted, &head.key, &found, found.weight());
                    }
                    found
                }
            };
            match (found.version.extents.as_slice(), &found.body) {
                ([], _) => return Ok((found.version.clone(), Bodies::default())),
                ([whole], Some(body)) => {
                    let bodies = Bodies::from([(whole.blob, body.clone())]);
                    return Ok((found.version.clone(), bodies));
                }
                _ => {}
            }
        }
        self.look(|index| {
            let version = find(index, bucket, &head.key, id, head.method.as_str())?;
            let bodies = bodies(index, &version.extents)?;
            let bodies =
                bodies.ok_or_else(|| Error::internal("the object's bytes are not recorded"))?;
            Ok((Arc::new(version), bodies))
        })
    }

    fn newest_with_body(&self, head: &Head, bucket: &Bucket) -> Result<Arc<Found>> {
        let place = (bucket, head.key.as_str());
        let found = self.glance_at(place, |index| index.newest_with_body(bucket.id, &head.key))?;
        let (newest, body) = found.map_or((None, None), |(newest, body)| (Some(newest), body));
        let version = Arc::new(visible(newest, &head.key)?);
        Ok(Arc::new(Found { version, body }))
    }

    pub(super) async fn delete_object(&self, head: &Head) -> Result<Answer> {
        // Conditions of directory buckets.
        for name in ["x-amz-if-match-last-modified-time", "x-amz-if-match-size"] {
            if head.headers.has(name) {
                return Err(Error::header_not_on_general_purpose(name));
            }
        }
        let delete = DeleteObject {
            bucket: head.bucket.clone(),
            key: head.key.clone(),
            version: head.param("versionId").map(str::to_owned),
            matches: head.header("if-match").map(str::to_owned),
            bypass: bypass(head),
        };
        let deleted = self.change(&head.caller, move |i, c| delete.apply(i, c)).await?;
        let mut answer = empty(StatusCode::NO_CONTENT);
        if deleted.marker {
            set(answer.headers_mut(), "x-amz-delete-marker", "true");
        }
        maybe(answer.headers_mut(), "x-amz-version-id", deleted.version.as_deref());
        Ok(answer)
    }

    pub(super) async fn delete_objects(&self, head: &Head, body: Incoming) -> Result<Answer> {
        let plan = Plan::read(head)?;
        self.look(|index| existing(index, &head.bucket))?;
        let text = receive_document(body, &plan).await?;
        let wanted = Element::parse(&text, "Delete")?;
        let quiet = wanted.value("Quiet").is_some_and(|q| q.eq_ignore_ascii_case("true"));
        let one = |object: &Element| {
            let key = object.value("Key").filter(|k| !k.is_empty());
            let key = key.ok_or_else(Error::malformed_xml)?.to_owned();
            let version = object.value("VersionId").filter(|v| !v.is_empty());
            Ok((key, version.map(str::to_owned), object.value("ETag").map(str::to_owned)))
        };
        let objects: Vec<_> = wanted.all("Object").map(one).collect::<Result<_>>()?;
        if objects.is_empty() || objects.len() > DELETE_KEYS_MAX {
            return Err(Error::malformed_xml());
        }
        let named = objects.clone();
        let may = self.may_delete(head, &objects)?;
        let allowed = objects.into_iter().zip(&may).filter(|(_, may)| **may).map(|(one, _)| one);
        let delete = DeleteObjects {
            bucket: head.bucket.clone(),
            objects: allowed.collect(),
            bypass: bypass(head),
        };
        let mut outcomes =
            self.change(&head.caller, move |i, c| delete.apply(i, c)).await?.into_iter();
        let outcome = |may: &bool| may.then(|| outcomes.next()).flatten().unwrap_or(Err(denied()));
        let outcomes: Vec<_> = may.iter().map(outcome).collect();
        let mut xml = Xml::document("DeleteResult");
        for ((key, version, _), outcome) in named.iter().zip(&outcomes) {
            match outcome {
                Ok(_) if quiet => {}
                Ok(deleted) => {
                    xml.open("Deleted");
                    xml.leaf("Key", key);
                    xml.maybe("VersionId", version.as_deref());
                    if deleted.marker {
                        xml.leaf("DeleteMarker", "true");
                        xml.maybe("DeleteMarkerVersionId", deleted.version.as_deref());
                    }
                    xml.close();
                }
                Err(error) => {
                    xml.open("Error");
                    xml.leaf("Key", key);
                    xml.maybe("VersionId", version.as_deref());
                    xml.leaf("Code", &error.code);
                    xml.leaf("Message", &error.message);
                    xml.close();
                }
            }
        }
        Ok(document(xml.finish()))
    }

    pub(super) async fn get_object_tagging(&self, head: &Head) -> Result<Answer> {
        let (version, versioned) = self.look(|index| {
            let bucket = existing(index, &head.bucket)?;
            let version = find(index, &bucket, &head.key, head.param("versionId"), "GET")?;
            Ok((version, bucket.settings.versioning != Versioning::Off))
        })?;
        let mut answer = document(tag_set(&version.attributes.tags));
        if versioned {
            set(answer.headers_mut(), "x-amz-version-id", version.shown_id());
        }
        Ok(answer)
    }

    pub(super) async fn put_object_tagging(&self, head: &Head, body: Incoming) -> Result<Answer> {
        let plan = Plan::read(head)?;
        let text = receive_document(body, &plan).await?;
        let tagging = Element::parse(&text, "Tagging")?;
        let set = tagging.child("TagSet").ok_or_else(Error::malformed_xml)?;
        let tags = tagging::checked(tag_pairs(set)?, OBJECT_TAGS_MAX, false)?;
        self.set_tags(head, tags, StatusCode::OK).await
    }

    pub(super) async fn delete_object_tagging(&self, head: &Head) -> Result<Answer> {
        self.set_tags(head, BTreeMap::new(), StatusCode::NO_CONTENT).await
    }

    async fn set_tags(
        &self,
        head: &Head,
        tags: BTreeMap<String, String>,
        status: StatusCode,
    ) -> Result<Answer> {
        let put = PutObjectTagging {
            bucket: head.bucket.clone(),
            key: head.key.clone(),
            version: head.param("versionId").map(str::to_owned),
            tags,
            delete: head.method == Method::DELETE,
        };
        let version = self.change(&head.caller, move |i, c| put.apply(i, c)).await?;
        let mut answer = empty(status);
        if !version.id.is_empty() {
            set(answer.headers_mut(), "x-amz-version-id", version.shown_id());
        }
        Ok(answer)
    }
}

/// A header's value in ISO 8859-1, as S3 sends it.
fn latin_1(param: &'static str, value: &str) -> Result<HeaderValue> {
    let bytes: std::result::Result<Vec<u8>, _> =
        value.chars().map(|c| u8::try_from(u32::from(c))).collect();
    let value_of = |bytes: Vec<u8>| HeaderValue::from_bytes(&bytes).ok();
    bytes.ok().and_then(value_of).ok_or_else(|| {
        let message = "Header value cannot be represented using ISO-8859-1.";
        Error::invalid_argument(message, param, value)
    })
}

/// What is locked must say what it is.
fn check_integrity(head: &Head, attributes: &Attributes, plan: &Plan) -> Result<()> {
    let locks = attributes.retention.is_some() || attributes.legal_hold.is_some();
    if !locks || plan.algorithm().is_some() || head.headers.has("content-md5") {
        return Ok(());
    }
    Err(Error::invalid_request(
        "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object Lock parameters",
    ))
}

/// The bytes that `Range` or `partNumber` ask for.
fn wanted(head: &Head, version: &Version) -> Result<Wanted> {
    let whole = Wanted { first: 0, length: version.size, partial: false, part: None };
    let range = head.header("range");
    if let Some(number) = head.param("partNumber") {
        if range.is_some() {
            return Err(Error::invalid_request(
                "Cannot specify both Range header and partNumber query parameter",
            ));
        }
        return of_part(part_number(number)?, version);
    }
    let Some(range) = range else { return Ok(whole) };
    Ok(match range::read(range, version.size)? {
        None => whole,
        Some((first, last)) => {
            Wanted { first, length: last - first + 1, partial: true, part: None }
        }
    })
}

fn of_part(number: u32, version: &Version) -> Result<Wanted> {
    let parts = &version.attributes.parts;
    if parts.is_empty() && number == 1 {
        return Ok(Wanted { first: 0, length: version.size, partial: true, part: None });
    }
    let Some(at) = parts.iter().position(|part| part.number == number) else {
        return Err(Error::new(
            416,
            "InvalidPartNumber",
            "The requested partnumber is not satisfiable",
        )
        .with("PartNumberRequested", number.to_string())
        .with("ActualPartCount", parts.len().max(1).to_string()));
    };
    let first = parts[..at].iter().map(|p| p.size).sum();
    Ok(Wanted { first, length: parts[at].size, partial: true, part: Some(at) })
}

/// Length, range, part count and checksum of what a read answers with.
fn show_wanted(headers: &mut HeaderMap, head: &Head, version: &Version, wanted: &Wanted) {
    set(headers, "content-length", &wanted.length.to_string());
    if wanted.partial && wanted.length > 0 {
        let last = wanted.first + wanted.length - 1;
        let range = format!("bytes {}-{last}/{}", wanted.first, version.size);
        set(headers, "content-range", &range);
    }
    let parts = &version.attributes.parts;
    if wanted.part.is_some() {
        set(headers, "x-amz-mp-parts-count", &parts.len().to_string());
    }
    if !head.wants_checksum() {
        return;
    }
    let Some(whole) = &version.attributes.checksum else { return };
    let whole_wanted = wanted.length == version.size && wanted.part.is_none();
    if whole_wanted {
        attributes::show_checksum(headers, whole);
    } else if let Some(value) = wanted.part.and_then(|at| parts[at].checksum.clone()) {
        let of_part = Checksum { algorithm: whole.algorithm, value, composite: whole.composite };
        attributes::show_checksum(headers, &of_part);
    }
}
