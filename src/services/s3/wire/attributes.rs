//! What an object carries, between headers and [`Attributes`].

use super::answer::{maybe, set};
use super::customer;
use super::head::Head;
use crate::base::Millis;
use crate::services::s3::checksum::{Algorithm, Checksum, hex_to_base64, md5_hex};
use crate::services::s3::conditions::{ReadConditions, WriteConditions};
use crate::services::s3::documents::encrypted;
use crate::services::s3::error::{Error, Result};
use crate::services::s3::limits::{OBJECT_TAGS_MAX, USER_METADATA_BYTES_MAX};
use crate::services::s3::lock;
use crate::services::s3::model::{Attributes, Encryption, Version};
use crate::services::s3::ops::tagging;
use http::HeaderMap;
use std::collections::BTreeMap;

/// System headers that S3 keeps as they come.
const KEPT: &[&str] = &[
    "content-type",
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "expires",
    "x-amz-website-redirect-location",
];
const USER_PREFIX: &str = "x-amz-meta-";
const STORAGE_CLASSES: &[&str] = &[
    "STANDARD",
    "REDUCED_REDUNDANCY",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "GLACIER",
    "DEEP_ARCHIVE",
    "GLACIER_IR",
];
/// What the headers of a write say of the object; and whether they say how to encrypt.
pub(super) fn read(head: &Head, now: Millis) -> Result<(Attributes, bool)> {
    unserved(head)?;
    let encryption = encryption(head)?;
    let by_header = encryption.is_some();
    let (retention, legal_hold) = lock::of_headers(|name| head.header(name), now)?;
    let attributes = Attributes {
        headers: system(head),
        user: user(head)?,
        tags: tags(head)?,
        storage_class: storage_class(head)?.unwrap_or_default(),
        encryption: encryption.unwrap_or_default(),
        acl: super::access::acl_of_headers(head)?.unwrap_or_default(),
        retention,
        legal_hold,
        ..Attributes::default()
    };
    Ok((attributes, by_header))
}

/// Headers whose meaning would be lost are refused rather than dropped.
fn unserved(head: &Head) -> Result<()> {
    const UNSERVED: &[&str] = &["x-amz-write-offset-bytes"];
    match UNSERVED.iter().find(|name| head.headers.has(name)) {
        Some(name) => {
            let text = format!("devenv does not serve {name} yet; see docs/s3.md");
            Err(Error::header_not_implemented(name, text))
        }
        None => Ok(()),
    }
}

/// Bytes of a header as text: UTF-8, else ISO 8859-1.
fn text_of(value: &http::HeaderValue) -> String {
    let bytes = value.as_bytes();
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|b| char::from(*b)).collect(),
    }
}

fn system(head: &Head) -> BTreeMap<String, String> {
    let mut kept = BTreeMap::new();
    for name in KEPT {
        let Some(value) = head.headers.get(name).map(text_of) else { continue };
        let value = if *name == "content-encoding" {
            let codings = value.split(',').map(str::trim);
            codings.filter(|c| !c.is_empty() && *c != "aws-chunked").collect::<Vec<_>>().join(",")
        } else {
            value
        };
        if !value.is_empty() {
            kept.insert((*name).to_owned(), value);
        }
    }
    kept.entry("content-type".into()).or_insert_with(|| "binary/octet-stream".into());
    kept
}

fn user(head: &Head) -> Result<BTreeMap<String, String>> {
    let mut user = BTreeMap::<String, String>::new();
    for (name, value) in head.headers.iter() {
        let Some(name) = name.as_str().strip_prefix(USER_PREFIX) else { continue };
        let value = text_of(value);
        match user.get_mut(name) {
            Some(before) => before.push_str(&format!(",{value}")),
            None => drop(user.insert(name.to_owned(), value)),
        }
    }
    let size: usize = user.iter().map(|(name, value)| name.len() + value.len()).sum();
    if size > USER_METADATA_BYTES_MAX {
        return Err(Error::new(
            400,
            "MetadataTooLarge",
            "Your metadata headers exceed the maximum allowed metadata size",
        )
        .with("Size", size.to_string())
        .with("MaxSizeAllowed", USER_METADATA_BYTES_MAX.to_string()));
    }
    Ok(user)
}

/// `x-amz-tagging`: a query string.
pub(super) fn tags(head: &Head) -> Result<BTreeMap<String, String>> {
    let Some(text) = head.header("x-amz-tagging") else { return Ok(BTreeMap::new()) };
    let malformed = || {
        Error::invalid_argument(
            "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.",
            "x-amz-tagging",
            text,
        )
    };
    let form = crate::protocol::Form::parse(text.as_bytes()).map_err(|_| malformed())?;
    let pairs = form.into_pairs();
    let mut names: Vec<&String> = pairs.iter().map(|(name, _)| name).collect();
    names.sort();
    names.dedup();
    if names.len() != pairs.len() || text.split('&').any(|p| p.matches('=').count() > 1) {
        return Err(malformed());
    }
    tagging::checked(pairs, OBJECT_TAGS_MAX, false)
}

/// `x-amz-storage-class`.
pub(super) fn storage_class(head: &Head) -> Result<Option<String>> {
    match head.header("x-amz-storage-class") {
        None => Ok(None),
        Some("STANDARD") => Ok(Some(String::new())),
        Some(class) if STORAGE_CLASSES.contains(&class) => Ok(Some(class.to_owned())),
        Some(class) => Err(Error::new(
            400,
            "InvalidStorageClass",
            "The storage class you specified is not valid",
        )
        .with("StorageClassRequested", class)),
    }
}

/// `x-amz-server-side-encryption` and what belongs to it.
pub(super) fn encryption(head: &Head) -> Result<Option<Encryption>> {
    const NAME: &str = "x-amz-server-side-encryption";
    let customer = customer::key(head, customer::Of::Object)?;
    let Some(algorithm) = head.header(NAME) else {
        return Ok(customer.map(|md5| Encryption { customer: Some(md5), ..Encryption::default() }));
    };
    if customer.is_some() {
        let message = "Server Side Encryption with Customer provided key is incompatible with the encryption method specified";
        return Err(Error::invalid_argument(message, NAME, algorithm));
    }
    if !["AES256", "aws:kms", "aws:kms:dsse"].contains(&algorithm) {
        let message = "The encryption method specified is not supported";
        return Err(Error::invalid_argument(message, NAME, algorithm));
    }
    let key = head.header("x-amz-server-side-encryption-aws-kms-key-id");
    let bucket_key = head.header("x-amz-server-side-encryption-bucket-key-enabled");
    Ok(Some(encrypted(algorithm, key, bucket_key == Some("true"))))
}

/// What the headers of a write say of its checksum.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Promised {
    /// Content-MD5, in hex.
    pub(super) md5: Option<String>,
    /// The algorithm, and the value unless a trailer brings it.
    pub(super) checksum: Option<(Algorithm, Option<String>)>,
}

impl Promised {
    pub(super) fn read(head: &Head) -> Result<Promised> {
        let md5 = match head.header("content-md5") {
            None => None,
            Some(text) => Some(md5_hex(text).ok_or_else(|| {
                Error::new(400, "InvalidDigest", "The Content-MD5 you specified was invalid.")
                    .with("Content-MD5", text)
            })?),
        };
        Ok(Promised { md5, checksum: checksum(head)? })
    }

    /// Holds what arrived against what was promised. `trailers` came behind the body.
    pub(super) fn check(
        &self,
        digests: &crate::services::s3::checksum::Digests,
        trailers: &[(String, String)],
    ) -> Result<()> {
        if let Some(md5) = &self.md5
            && *md5 != digests.md5
        {
            return Err(Error::bad_md5(md5, &hex_to_base64(&digests.md5)));
        }
        let Some((algorithm, value)) = &self.checksum else { return Ok(()) };
        let trailer = || trailers.iter().find(|(n, _)| n == algorithm.header()).map(|(_, v)| v);
        let Some(value) = value.as_ref().or_else(trailer) else {
            return Err(Error::new(
                400,
                "MalformedTrailerError",
                "The request contained trailing data that was not well-formed or did not conform to our published schema.",
            ));
        };
        if !algorithm.is_value(value) {
            return Err(invalid_value(*algorithm));
        }
        match digests.by(*algorithm) {
            Some(computed) if computed.value == *value => Ok(()),
            _ => Err(Error::bad_checksum(algorithm.name())),
        }
    }
}

fn invalid_value(algorithm: Algorithm) -> Error {
    Error::invalid_request(format!("Value for {} header is invalid.", algorithm.header()))
}

fn checksum(head: &Head) -> Result<Option<(Algorithm, Option<String>)>> {
    let given: Vec<(Algorithm, &str)> =
        Algorithm::ALL.into_iter().filter_map(|a| Some((a, head.header(a.header())?))).collect();
    match given.as_slice() {
        [] => {}
        [(algorithm, value)] if algorithm.is_value(value) => {
            return Ok(Some((*algorithm, Some((*value).to_owned()))));
        }
        [(algorithm, _)] => return Err(invalid_value(*algorithm)),
        _ => {
            return Err(Error::invalid_request(
                "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
            ));
        }
    }
    if let Some(trailer) = head.header("x-amz-trailer") {
        let names = trailer.split(',').map(|t| t.trim().to_ascii_lowercase());
        return match names.filter_map(|t| Algorithm::of_header(&t)).next() {
            Some(algorithm) => Ok(Some((algorithm, None))),
            None => Err(Error::invalid_request(
                "The value specified in the x-amz-trailer header is not supported",
            )),
        };
    }
    if head.headers.has("x-amz-sdk-checksum-algorithm") && !head.is_copy() {
        return Err(Error::invalid_request(
            "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.",
        ));
    }
    Ok(None)
}

/// `If-Match` and its kin on a read; with `x-amz-copy-source-` in front, on the source of a copy.
pub(super) fn read_conditions(head: &Head, of_copy: bool) -> ReadConditions {
    const OF_READ: [&str; 4] =
        ["if-match", "if-none-match", "if-modified-since", "if-unmodified-since"];
    const OF_COPY: [&str; 4] = [
        "x-amz-copy-source-if-match",
        "x-amz-copy-source-if-none-match",
        "x-amz-copy-source-if-modified-since",
        "x-amz-copy-source-if-unmodified-since",
    ];
    let names = if of_copy { OF_COPY } else { OF_READ };
    let [matches, none_match, modified_since, unmodified_since] = names.map(|n| head.header(n));
    ReadConditions {
        matches: matches.map(str::to_owned),
        none_match: none_match.map(str::to_owned),
        modified_since: modified_since.and_then(super::presign::http_date),
        unmodified_since: unmodified_since.and_then(super::presign::http_date),
        of_copy,
    }
}

/// `If-Match` and `If-None-Match` on a write.
pub(super) fn write_conditions(head: &Head) -> Result<WriteConditions> {
    WriteConditions::read(head.header("if-match"), head.header("if-none-match"))
}

/// Encryption as every answer about an object shows it.
pub(super) fn show_encryption(headers: &mut HeaderMap, encryption: &Encryption) {
    if let Some(md5) = &encryption.customer {
        set(headers, "x-amz-server-side-encryption-customer-algorithm", &encryption.algorithm);
        set(headers, "x-amz-server-side-encryption-customer-key-md5", md5);
        return;
    }
    set(headers, "x-amz-server-side-encryption", &encryption.algorithm);
    maybe(headers, "x-amz-server-side-encryption-aws-kms-key-id", encryption.key.as_deref());
    if encryption.bucket_key {
        set(headers, "x-amz-server-side-encryption-bucket-key-enabled", "true");
    }
}

/// A checksum as headers show it.
pub(super) fn show_checksum(headers: &mut HeaderMap, checksum: &Checksum) {
    set(headers, checksum.algorithm.header(), &checksum.value);
    set(headers, "x-amz-checksum-type", checksum.kind());
}

/// What GetObject and HeadObject show of an object besides its length.
pub(super) fn show(headers: &mut HeaderMap, version: &Version, versioned: bool, now: Millis) {
    let attributes = &version.attributes;
    super::locks::show(headers, attributes, now);
    for (name, value) in &attributes.headers {
        set(headers, name, value);
    }
    for (name, value) in &attributes.user {
        set(headers, &format!("{USER_PREFIX}{name}"), &mime_word(value));
    }
    set(headers, "etag", &format!("\"{}\"", version.etag));
    set(headers, "last-modified", &version.modified.http_date());
    set(headers, "accept-ranges", "bytes");
    show_encryption(headers, &attributes.encryption);
    if versioned {
        set(headers, "x-amz-version-id", version.shown_id());
    }
    if !attributes.tags.is_empty() {
        set(headers, "x-amz-tagging-count", &attributes.tags.len().to_string());
    }
    if !attributes.replication.is_empty() {
        set(headers, "x-amz-replication-status", &attributes.replication);
    }
    if !attributes.storage_class.is_empty() {
        set(headers, "x-amz-storage-class", &attributes.storage_class);
    }
}

/// Metadata outside ASCII travels as an RFC 2047 word, as S3 sends it.
fn mime_word(value: &str) -> String {
    use base64::Engine;
    if value.is_ascii() {
        return value.to_owned();
    }
    let engine = base64::engine::general_purpose::STANDARD;
    format!("=?UTF-8?B?{}?=", engine.encode(value))
}
