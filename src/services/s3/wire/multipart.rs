//! Uploads in parts over HTTP, and GetObjectAttributes, which shows the parts.

use super::answer::{document, empty, maybe, set};
use super::buckets::{second, write_owner};
use super::head::Head;
use super::lists::{Encoding, page_size, write_prefixes};
use super::receive::{Content, Plan, receive, receive_document};
use super::{S3, attributes, customer};
use crate::protocol::{Answer, Incoming};
use crate::services::s3::checksum::{Algorithm, Checksum};
use crate::services::s3::error::{Error, Result};
use crate::services::s3::index::existing;
use crate::services::s3::lifecycle::Rules;
use crate::services::s3::model::{Bucket, Part, Upload, Version, Versioning};
use crate::services::s3::ops::list::Entry;
use crate::services::s3::ops::list_uploads::{ListUploads, list_parts};
use crate::services::s3::ops::multipart::{
    AbortUpload, CompleteUpload, CreateUpload, NamedPart, PartBody, UploadPart, find_upload,
    part_number,
};
use crate::services::s3::ops::objects::find;
use crate::services::s3::xml::{Element, Xml};
use http::{HeaderMap, StatusCode};

/// When a lifecycle rule gives an upload up, and which.
fn show_abortion(headers: &mut HeaderMap, bucket: &Bucket, upload: &Upload) {
    let Some(rules) = Rules::of(bucket) else { return };
    if let Some((at, rule)) = rules.abortion(&upload.key, upload.initiated) {
        set(headers, "x-amz-abort-date", &at.http_date());
        set(headers, "x-amz-abort-rule-id", rule);
    }
}

impl S3 {
    pub(super) async fn create_upload(&self, head: &Head) -> Result<Answer> {
        let (mut attributes, by_header) = attributes::read(head, self.clock.now())?;
        self.check_write(head, &attributes)?;
        let bucket = self.bucket(&head.bucket)?;
        let encrypted_by_header = self.seal(head, &bucket, &mut attributes, by_header).await?;
        let create = CreateUpload {
            bucket: head.bucket.clone(),
            key: head.key.clone(),
            attributes,
            encrypted_by_header,
            checksum: checksum_wanted(head)?,
        };
        let upload = self.change(&head.caller, move |i, c| create.apply(i, c)).await?;
        let mut xml = Xml::document("InitiateMultipartUploadResult");
        xml.leaf("Bucket", &head.bucket);
        xml.leaf("Key", &head.key);
        xml.leaf("UploadId", &upload.id);
        let mut answer = document(xml.finish());
        attributes::show_encryption(answer.headers_mut(), &upload.attributes.encryption);
        if let Some((algorithm, full)) = upload.checksum {
            set(answer.headers_mut(), "x-amz-checksum-algorithm", algorithm.name());
            set(answer.headers_mut(), "x-amz-checksum-type", kind(full));
        }
        let bucket = self.look(|index| existing(index, &head.bucket))?;
        show_abortion(answer.headers_mut(), &bucket, &upload);
        Ok(answer)
    }

    pub(super) async fn upload_part(&self, head: &Head, body: Incoming) -> Result<Answer> {
        let mut plan = Plan::read(head)?;
        let number = part_number(head.param("partNumber").unwrap_or_default())?;
        let upload = self.upload_of(head)?;
        customer::check_part(head, &upload.attributes.encryption)?;
        let bucket = self.bucket(&head.bucket)?;
        self.check_sealed(head, (&bucket, &head.key), &upload.attributes.encryption).await?;
        check_algorithm(&upload, plan.algorithm())?;
        if let Some((algorithm, _)) = upload.checksum {
            plan.also(algorithm);
        }
        let received = receive(&self.blobs, body, &plan).await?;
        let part = UploadPart {
            bucket: head.bucket.clone(),
            key: head.key.clone(),
            upload: upload.id.clone(),
            number,
            size: received.digests.size,
            md5: received.digests.md5.clone(),
            body: PartBody::New(received.content.blob()),
            checksums: received.digests.checksums.clone(),
        };
        let (upload, part) = self.change(&head.caller, move |i, c| part.apply(i, c)).await?;
        if let Content::File(file) = received.content {
            file.kept();
        }
        let mut answer = empty(StatusCode::OK);
        let headers = answer.headers_mut();
        set(headers, "etag", &format!("\"{}\"", part.etag));
        attributes::show_encryption(headers, &upload.attributes.encryption);
        let chosen = received.chosen.then_some(received.checksum.algorithm);
        if let Some(checksum) =
            chosen.or(upload.checksum.map(|(a, _)| a)).and_then(|a| of(&part, a))
        {
            set(headers, checksum.algorithm.header(), &checksum.value);
        }
        Ok(answer)
    }

    /// The upload that the query names.
    pub(super) fn upload_of(&self, head: &Head) -> Result<Upload> {
        let id = head.param("uploadId").unwrap_or_default();
        self.look(|index| find_upload(index, &existing(index, &head.bucket)?, &head.key, id))
    }

    pub(super) async fn complete_upload(&self, head: &Head, body: Incoming) -> Result<Answer> {
        let conditions = attributes::write_conditions(head)?;
        // Checksum headers speak of the object here, not of this document.
        let mut headers = HeaderMap::clone(&head.headers);
        Algorithm::ALL.iter().for_each(|a| drop(headers.remove(a.header())));
        let of_document = Head { headers: headers.into(), ..head.clone() };
        let plan = Plan::read(&of_document)?;
        let upload = self.upload_of(head)?;
        let text = receive_document(body, &plan).await?;
        let named = Element::parse(&text, "CompleteMultipartUpload")?;
        let checksum = Algorithm::ALL.into_iter().find_map(|a| Some((a, head.header(a.header())?)));
        let complete = CompleteUpload {
            bucket: head.bucket.clone(),
            key: head.key.clone(),
            upload: upload.id.clone(),
            parts: named.all("Part").map(named_part).collect::<Result<_>>()?,
            size: head.header("x-amz-mp-object-size").and_then(|s| s.parse().ok()),
            full_object: head.header("x-amz-checksum-type").map(|t| t == "FULL_OBJECT"),
            checksum: checksum.map(|(a, value)| (a, value.to_owned())),
            conditions,
        };
        let stored = self.change(&head.caller, move |i, c| complete.apply(i, c)).await?;
        let mut xml = Xml::document("CompleteMultipartUploadResult");
        let key = super::answer::url_encoded(&head.key).replace('+', "%20");
        xml.leaf("Location", &format!("{}/{}/{key}", head.caller.endpoint, head.bucket));
        xml.leaf("Bucket", &head.bucket);
        xml.leaf("Key", &head.key);
        xml.leaf("ETag", &format!("\"{}\"", stored.version.etag));
        if let Some(checksum) = &stored.version.attributes.checksum {
            xml.leaf(checksum.algorithm.element(), &checksum.value);
            xml.leaf("ChecksumType", checksum.kind());
        }
        let mut answer = document(xml.finish());
        let headers = answer.headers_mut();
        attributes::show_encryption(headers, &stored.version.attributes.encryption);
        maybe(headers, "x-amz-version-id", stored.version_id());
        maybe(headers, "x-amz-expiration", stored.expiration.as_deref());
        Ok(answer)
    }

    pub(super) async fn abort_upload(&self, head: &Head) -> Result<Answer> {
        let abort = AbortUpload {
            bucket: head.bucket.clone(),
            key: head.key.clone(),
            upload: head.param("uploadId").unwrap_or_default().to_owned(),
        };
        self.change(&head.caller, move |i, c| abort.apply(i, c)).await?;
        Ok(empty(StatusCode::NO_CONTENT))
    }

    pub(super) async fn list_parts(&self, head: &Head) -> Result<Answer> {
        let max = page_size(head, "max-parts")?;
        let after = head.param("part-number-marker").filter(|m| !m.is_empty()).unwrap_or("0");
        let after: u32 = after.parse().map_err(|_| {
            let message = "Provided part-number-marker not an integer or within integer range";
            Error::invalid_argument(message, "part-number-marker", after)
        })?;
        let id = head.param("uploadId").unwrap_or_default();
        let (bucket, (upload, parts, truncated)) = self.look(|index| {
            let bucket = existing(index, &head.bucket)?;
            let page = list_parts(index, bucket.id, &head.key, id, after, max)?;
            Ok((bucket, page))
        })?;
        let mut xml = Xml::document("ListPartsResult");
        xml.leaf("Bucket", &head.bucket);
        xml.leaf("Key", &head.key);
        xml.leaf("UploadId", &upload.id);
        write_owner(&mut xml, "Initiator", &bucket.account);
        write_owner(&mut xml, "Owner", &bucket.account);
        xml.leaf("StorageClass", storage_class(&upload));
        xml.number("PartNumberMarker", after);
        xml.number("NextPartNumberMarker", parts.last().map_or(0, |p| p.number));
        xml.number("MaxParts", max);
        xml.number("IsTruncated", truncated);
        if let Some((algorithm, full)) = upload.checksum {
            xml.leaf("ChecksumAlgorithm", algorithm.name());
            xml.leaf("ChecksumType", kind(full));
        }
        for part in &parts {
            xml.open("Part");
            xml.number("PartNumber", part.number);
            xml.leaf("LastModified", &second(part.modified));
            xml.leaf("ETag", &format!("\"{}\"", part.etag));
            xml.number("Size", part.size);
            if let Some(checksum) = upload.checksum.and_then(|(a, _)| of(part, a)) {
                xml.leaf(checksum.algorithm.element(), &checksum.value);
            }
            xml.close();
        }
        let mut answer = document(xml.finish());
        show_abortion(answer.headers_mut(), &bucket, &upload);
        Ok(answer)
    }

    pub(super) async fn list_uploads(&self, head: &Head) -> Result<Answer> {
        let encoding = Encoding::read(head)?;
        let given = |name: &str| head.param(name).unwrap_or_default().to_owned();
        let list = ListUploads {
            prefix: given("prefix"),
            delimiter: given("delimiter"),
            key_marker: given("key-marker"),
            upload_marker: given("upload-id-marker"),
            max: page_size(head, "max-uploads")?,
        };
        let (bucket, page) = self.look(|index| {
            let bucket = existing(index, &head.bucket)?;
            let page = list.apply(index, bucket.id)?;
            Ok((bucket, page))
        })?;
        let mut xml = Xml::document("ListMultipartUploadsResult");
        xml.leaf("Bucket", &head.bucket);
        xml.leaf("KeyMarker", &encoding.write(&list.key_marker));
        let heeded = if list.key_marker.is_empty() { "" } else { &list.upload_marker };
        xml.leaf("UploadIdMarker", heeded);
        let last = match page.entries.last() {
            Some(Entry::Item(upload)) => (upload.key.as_str(), upload.id.as_str()),
            // AWS leaves both empty on a page of nothing but common prefixes.
            Some(Entry::Prefix(_)) if page.items().next().is_none() => ("", ""),
            Some(Entry::Prefix(prefix)) => (prefix.as_str(), ""),
            None => ("", ""),
        };
        xml.leaf("NextKeyMarker", &encoding.write(last.0));
        xml.leaf("NextUploadIdMarker", last.1);
        if !list.prefix.is_empty() {
            xml.leaf("Prefix", &encoding.write(&list.prefix));
        }
        if !list.delimiter.is_empty() {
            xml.leaf("Delimiter", &encoding.write(&list.delimiter));
        }
        encoding.show(&mut xml);
        xml.number("MaxUploads", list.max);
        xml.number("IsTruncated", page.truncated);
        for entry in &page.entries {
            if let Entry::Item(upload) = entry {
                write_upload(&mut xml, &encoding, upload, &bucket.account);
            }
        }
        write_prefixes(&mut xml, &encoding, &page);
        Ok(document(xml.finish()))
    }

    pub(super) async fn get_object_attributes(&self, head: &Head) -> Result<Answer> {
        const KNOWN: [&str; 5] = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"];
        let asked: Vec<&str> = head
            .headers
            .get_all("x-amz-object-attributes")
            .iter()
            .filter_map(|v| v.to_str().ok())
            .flat_map(|v| v.split(',').map(str::trim))
            .collect();
        if asked.is_empty() || asked.iter().any(|a| !KNOWN.contains(a)) {
            let message = "Invalid attribute name specified.";
            let value = asked.join(",");
            return Err(Error::invalid_argument(message, "x-amz-object-attributes", value));
        }
        let (version, versioned) = self.look(|index| {
            let bucket = existing(index, &head.bucket)?;
            let version = find(index, &bucket, &head.key, head.param("versionId"), "GET")?;
            customer::check(head, customer::Of::Object, &version.attributes.encryption)?;
            Ok((version, bucket.settings.versioning != Versioning::Off))
        })?;
        let wants = |name: &str| asked.contains(&name);
        let mut xml = Xml::document("GetObjectAttributesResponse");
        if wants("ETag") {
            xml.leaf("ETag", &version.etag);
        }
        if let Some(checksum) = version.attributes.checksum.as_ref().filter(|_| wants("Checksum")) {
            xml.open("Checksum");
            let bare = checksum.value.split('-').next().unwrap_or_default();
            xml.leaf(checksum.algorithm.element(), bare);
            xml.leaf("ChecksumType", checksum.kind());
            xml.close();
        }
        if wants("ObjectParts") && !version.attributes.parts.is_empty() {
            write_object_parts(&mut xml, head, &version);
        }
        if wants("StorageClass") {
            xml.leaf("StorageClass", version.storage_class());
        }
        if wants("ObjectSize") {
            xml.number("ObjectSize", version.size);
        }
        let mut answer = document(xml.finish());
        set(answer.headers_mut(), "last-modified", &version.modified.http_date());
        if versioned {
            set(answer.headers_mut(), "x-amz-version-id", version.shown_id());
        }
        Ok(answer)
    }
}

fn kind(full: bool) -> &'static str {
    if full { "FULL_OBJECT" } else { "COMPOSITE" }
}

fn of(part: &Part, algorithm: Algorithm) -> Option<&Checksum> {
    part.checksums.iter().find(|c| c.algorithm == algorithm)
}

fn storage_class(upload: &Upload) -> &str {
    let class = upload.attributes.storage_class.as_str();
    if class.is_empty() { "STANDARD" } else { class }
}

/// `x-amz-checksum-algorithm` and `x-amz-checksum-type` of a new upload.
fn checksum_wanted(head: &Head) -> Result<Option<(Algorithm, bool)>> {
    let kind_given = head.header("x-amz-checksum-type");
    let Some(name) = head.header("x-amz-checksum-algorithm") else {
        return match kind_given {
            None => Ok(None),
            Some(_) => Err(Error::invalid_request(
                "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.",
            )),
        };
    };
    let algorithm = Algorithm::parse(name).ok_or_else(|| {
        Error::invalid_request(
            "Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]",
        )
    })?;
    let full = match kind_given {
        None => algorithm == Algorithm::Crc64nvme,
        Some("FULL_OBJECT") => true,
        Some("COMPOSITE") => false,
        Some(_) => {
            return Err(Error::invalid_request("Value for x-amz-checksum-type header is invalid."));
        }
    };
    let possible = if full { algorithm.combines() } else { algorithm != Algorithm::Crc64nvme };
    if !possible {
        return Err(Error::invalid_request(format!(
            "The {} checksum type cannot be used with the {} checksum algorithm.",
            kind(full),
            algorithm.lower()
        )));
    }
    Ok(Some((algorithm, full)))
}

/// A part's checksum must be of the upload's kind.
fn check_algorithm(upload: &Upload, given: Option<Algorithm>) -> Result<()> {
    match (upload.checksum, given) {
        (Some((wanted, _)), Some(given)) if wanted != given => {
            Err(Error::invalid_request(format!(
                "Checksum Type mismatch occurred, expected checksum Type: {}, actual checksum Type: {}",
                wanted.lower(),
                given.lower()
            )))
        }
        _ => Ok(()),
    }
}

fn named_part(part: &Element) -> Result<NamedPart> {
    let number = part.value("PartNumber").and_then(|n| n.trim().parse().ok());
    let etag = part.value("ETag").ok_or_else(Error::malformed_xml)?;
    let checksums = Algorithm::ALL
        .into_iter()
        .filter_map(|a| Some((a, part.value(a.element())?.to_owned())))
        .collect();
    Ok(NamedPart {
        number: number.ok_or_else(Error::malformed_xml)?,
        etag: etag.trim().trim_matches('"').to_owned(),
        checksums,
    })
}

fn write_upload(xml: &mut Xml, encoding: &Encoding, upload: &Upload, account: &str) {
    xml.open("Upload");
    xml.leaf("Key", &encoding.write(&upload.key));
    xml.leaf("UploadId", &upload.id);
    write_owner(xml, "Initiator", account);
    write_owner(xml, "Owner", account);
    xml.leaf("StorageClass", storage_class(upload));
    xml.leaf("Initiated", &second(upload.initiated));
    if let Some((algorithm, full)) = upload.checksum {
        xml.leaf("ChecksumAlgorithm", algorithm.name());
        xml.leaf("ChecksumType", kind(full));
    }
    xml.close();
}

/// Only parts with checksums of their own are listed; of the others their number is told.
fn write_object_parts(xml: &mut Xml, head: &Head, version: &Version) {
    let parts = &version.attributes.parts;
    let number = |name: &str| head.header(name).and_then(|v| v.parse::<usize>().ok());
    let max = number("x-amz-max-parts").unwrap_or(1000).min(1000);
    let after = number("x-amz-part-number-marker").unwrap_or(0);
    xml.open("ObjectParts");
    xml.number("PartsCount", parts.len());
    let composite = version.attributes.checksum.as_ref().filter(|c| c.composite);
    if let Some(checksum) = composite {
        let rest: Vec<_> = parts.iter().filter(|p| p.number as usize > after).collect();
        let shown = &rest[..rest.len().min(max)];
        xml.number("PartNumberMarker", after);
        xml.number("NextPartNumberMarker", shown.last().map_or(0, |p| p.number));
        xml.number("MaxParts", max);
        xml.number("IsTruncated", rest.len() > shown.len());
        for part in shown {
            xml.open("Part");
            xml.number("PartNumber", part.number);
            xml.number("Size", part.size);
            xml.maybe(checksum.algorithm.element(), part.checksum.as_deref());
            xml.close();
        }
    }
    xml.close();
}
