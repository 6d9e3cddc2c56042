//! ListObjects, ListObjectsV2, ListObjectVersions over HTTP.

use super::S3;
use super::answer::{document, url_encoded};
use super::buckets::write_owner;
use super::head::Head;
use crate::protocol::Answer;
use crate::services::s3::error::{Error, Result};
use crate::services::s3::index::existing;
use crate::services::s3::limits::PAGE_MAX;
use crate::services::s3::model::{Bucket, Version};
use crate::services::s3::ops::list::{After, Entry, ListObjects, Page, common_prefix};
use crate::services::s3::ops::list_versions::ListObjectVersions;
use crate::services::s3::xml::Xml;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// `encoding-type`: whether names in the answer are percent-encoded.
pub(super) struct Encoding(bool);

impl Encoding {
    pub(super) fn read(head: &Head) -> Result<Encoding> {
        match head.param("encoding-type") {
            None => Ok(Encoding(false)),
            Some("url") => Ok(Encoding(true)),
            Some(other) => Err(Error::invalid_argument(
                "Invalid Encoding Method specified in Request",
                "encoding-type",
                other,
            )),
        }
    }

    pub(super) fn write(&self, text: &str) -> String {
        if self.0 { url_encoded(text) } else { text.to_owned() }
    }

    pub(super) fn show(&self, xml: &mut Xml) {
        if self.0 {
            xml.leaf("EncodingType", "url");
        }
    }
}

/// A page's size: `max-keys` and its kin.
pub(super) fn page_size(head: &Head, name: &'static str) -> Result<usize> {
    let Some(text) = head.param(name).filter(|t| !t.is_empty()) else { return Ok(PAGE_MAX) };
    match text.parse::<i64>() {
        Ok(n) if (0..=i64::from(i32::MAX)).contains(&n) => Ok((n as usize).min(PAGE_MAX)),
        Ok(_) => {
            let message = "Argument maxKeys must be an integer between 0 and 2147483647";
            Err(Error::invalid_argument(message, name, text))
        }
        Err(_) => Err(Error::invalid_argument(
            "Provided max-keys not an integer or within integer range",
            name,
            text,
        )),
    }
}

fn owned(head: &Head, name: &str) -> String {
    head.param(name).unwrap_or_default().to_owned()
}

impl S3 {
    pub(super) async fn list_objects(&self, head: &Head, v2: bool) -> Result<Answer> {
        let encoding = Encoding::read(head)?;
        let max = page_size(head, "max-keys")?;
        let (prefix, delimiter) = (owned(head, "prefix"), owned(head, "delimiter"));
        let after = if v2 { after_v2(head)? } else { after_v1(head, &prefix, &delimiter) };
        let list = ListObjects { prefix, delimiter, after, max };
        let (bucket, page) = self.look(|index| {
            let bucket = existing(index, &head.bucket)?;
            let page = list.apply(index, bucket.id)?;
            Ok((bucket, page))
        })?;
        let mut xml = Xml::document("ListBucketResult");
        xml.leaf("Name", &bucket.name);
        xml.leaf("Prefix", &encoding.write(&list.prefix));
        if v2 {
            show_v2(&mut xml, head, &encoding, &page);
        } else {
            show_v1(&mut xml, head, &encoding, &list, &page);
        }
        xml.number("MaxKeys", max);
        if !list.delimiter.is_empty() {
            xml.leaf("Delimiter", &encoding.write(&list.delimiter));
        }
        encoding.show(&mut xml);
        xml.leaf("IsTruncated", if page.truncated { "true" } else { "false" });
        let owner = (!v2 || head.param("fetch-owner") == Some("true")).then_some(&bucket);
        for entry in &page.entries {
            if let Entry::Item(version) = entry {
                write_object(&mut xml, &encoding, version, owner);
            }
        }
        write_prefixes(&mut xml, &encoding, &page);
        Ok(document(xml.finish()))
    }

    pub(super) async fn list_object_versions(&self, head: &Head) -> Result<Answer> {
        let encoding = Encoding::read(head)?;
        let list = ListObjectVersions {
            prefix: owned(head, "prefix"),
            delimiter: owned(head, "delimiter"),
            key_marker: owned(head, "key-marker"),
            version_marker: owned(head, "version-id-marker"),
            max: page_size(head, "max-keys")?,
        };
        let (bucket, page) = self.look(|index| {
            let bucket = existing(index, &head.bucket)?;
            let page = list.apply(index, bucket.id)?;
            Ok((bucket, page))
        })?;
        let mut xml = Xml::document("ListVersionsResult");
        xml.leaf("Name", &bucket.name);
        xml.leaf("Prefix", &encoding.write(&list.prefix));
        xml.leaf("KeyMarker", &encoding.write(&list.key_marker));
        xml.leaf("VersionIdMarker", &list.version_marker);
        if let Some(last) = page.entries.last().filter(|_| page.truncated) {
            match last {
                Entry::Item((version, _)) => {
                    xml.leaf("NextKeyMarker", &encoding.write(&version.key));
                    xml.leaf("NextVersionIdMarker", version.shown_id());
                }
                Entry::Prefix(prefix) => xml.leaf("NextKeyMarker", &encoding.write(prefix)),
            }
        }
        xml.number("MaxKeys", list.max);
        if !list.delimiter.is_empty() {
            xml.leaf("Delimiter", &encoding.write(&list.delimiter));
        }
        encoding.show(&mut xml);
        xml.leaf("IsTruncated", if page.truncated { "true" } else { "false" });
        for entry in &page.entries {
            if let Entry::Item((version, newest)) = entry {
                write_version(&mut xml, &encoding, version, *newest, &bucket);
            }
        }
        write_prefixes(&mut xml, &encoding, &page);
        Ok(document(xml.finish()))
    }
}

/// A marker below a common prefix leaves all of that prefix behind, as it does on AWS.
fn after_v1(head: &Head, prefix: &str, delimiter: &str) -> After {
    match head.param("marker").filter(|m| !m.is_empty()) {
        None => After::Nothing,
        Some(marker) => match common_prefix(marker, prefix, delimiter) {
            Some(common) => After::Prefix(common.to_owned()),
            None => After::Key(marker.to_owned()),
        },
    }
}

fn after_v2(head: &Head) -> Result<After> {
    let incorrect = || {
        Error::new(400, "InvalidArgument", "The continuation token provided is incorrect")
            .with("ArgumentName", "continuation-token")
    };
    if let Some(token) = head.param("continuation-token") {
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| incorrect())?;
        let text = String::from_utf8(bytes).map_err(|_| incorrect())?;
        return match (text.strip_prefix('k'), text.strip_prefix('p')) {
            (Some(key), _) => Ok(After::Key(key.to_owned())),
            (_, Some(prefix)) => Ok(After::Prefix(prefix.to_owned())),
            _ => Err(incorrect()),
        };
    }
    let start = head.param("start-after").filter(|s| !s.is_empty());
    Ok(start.map_or(After::Nothing, |key| After::Key(key.to_owned())))
}

fn show_v1(
    xml: &mut Xml,
    head: &Head,
    encoding: &Encoding,
    list: &ListObjects,
    page: &Page<Version>,
) {
    xml.leaf("Marker", &encoding.write(head.param("marker").unwrap_or_default()));
    // Without a delimiter the last key is the next marker, and AWS leaves it out.
    if page.truncated && !list.delimiter.is_empty() {
        match page.entries.last() {
            Some(Entry::Item(version)) => xml.leaf("NextMarker", &encoding.write(&version.key)),
            Some(Entry::Prefix(prefix)) => xml.leaf("NextMarker", &encoding.write(prefix)),
            None => {}
        }
    }
}

fn show_v2(xml: &mut Xml, head: &Head, encoding: &Encoding, page: &Page<Version>) {
    xml.maybe("ContinuationToken", head.param("continuation-token"));
    if page.truncated {
        let token = match page.entries.last() {
            Some(Entry::Item(version)) => format!("k{}", version.key),
            Some(Entry::Prefix(prefix)) => format!("p{prefix}"),
            None => "k".to_owned(),
        };
        xml.leaf("NextContinuationToken", &URL_SAFE_NO_PAD.encode(token));
    }
    // A continuation knows where to begin, and AWS says nothing of the other then.
    if !head.has("continuation-token") {
        xml.maybe("StartAfter", head.param("start-after").map(|s| encoding.write(s)).as_deref());
    }
    xml.number("KeyCount", page.entries.len());
}

fn write_object(xml: &mut Xml, encoding: &Encoding, version: &Version, owner: Option<&Bucket>) {
    xml.open("Contents");
    xml.leaf("Key", &encoding.write(&version.key));
    write_body(xml, version);
    if let Some(bucket) = owner {
        write_owner(xml, "Owner", &bucket.account);
    }
    xml.leaf("StorageClass", version.storage_class());
    xml.close();
}

/// Date, entity tag, checksum and size.
fn write_body(xml: &mut Xml, version: &Version) {
    xml.leaf("LastModified", &super::buckets::second(version.modified));
    xml.open("ETag");
    xml.raw(&format!("&quot;{}&quot;", version.etag));
    xml.close();
    if let Some(checksum) = &version.attributes.checksum {
        xml.leaf("ChecksumAlgorithm", checksum.algorithm.name());
        xml.leaf("ChecksumType", checksum.kind());
    }
    xml.number("Size", version.size);
}

fn write_version(
    xml: &mut Xml,
    encoding: &Encoding,
    version: &Version,
    newest: bool,
    bucket: &Bucket,
) {
    xml.open(if version.marker { "DeleteMarker" } else { "Version" });
    xml.leaf("Key", &encoding.write(&version.key));
    xml.leaf("VersionId", version.shown_id());
    xml.leaf("IsLatest", if newest { "true" } else { "false" });
    if version.marker {
        xml.leaf("LastModified", &super::buckets::second(version.modified));
    } else {
        write_body(xml, version);
    }
    write_owner(xml, "Owner", &bucket.account);
    if !version.marker {
        xml.leaf("StorageClass", version.storage_class());
    }
    xml.close();
}

/// The common prefixes of a page.
pub(super) fn write_prefixes<T>(xml: &mut Xml, encoding: &Encoding, page: &Page<T>) {
    for entry in &page.entries {
        if let Entry::Prefix(prefix) = entry {
            xml.open("CommonPrefixes");
            xml.leaf("Prefix", &encoding.write(prefix));
            xml.close();
        }
    }
}
