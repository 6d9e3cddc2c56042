//! The things that S3 keeps: buckets, versions of objects, uploads and their parts.

use super::checksum::{Algorithm, Checksum};
use super::lock::Retention;
use crate::base::Millis;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A bucket's versioning. A bucket begins as `Off` and never returns to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Versioning {
    /// Never enabled: objects have no version id.
    #[default]
    Off,
    /// Every write makes a version.
    Enabled,
    /// Writes replace the version `null`.
    Suspended,
}

/// A bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// Its number in the state file; 0 before it is stored.
    pub id: i64,
    /// Its name, unique among all accounts.
    pub name: String,
    /// Its owner's account.
    pub account: String,
    /// Its region.
    pub region: String,
    /// When it was created.
    pub created: Millis,
    /// What else is set.
    pub settings: Settings,
}

/// What is set on a bucket. Documents are kept as S3 returns them, by the name of their query
/// parameter (`cors`, `lifecycle`); those with ids as `analytics:{id}`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Versioning.
    pub versioning: Versioning,
    /// The MFA flag, once it was set: kept and shown, nobody is asked for a code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mfa_delete: Option<bool>,
    /// Created with object lock.
    pub object_lock: bool,
    /// How new objects are said to be encrypted, where no header says otherwise.
    pub encryption: Encryption,
    /// Configuration documents.
    pub documents: BTreeMap<String, String>,
}

/// Server-side encryption as it is shown; devenv's disk is the user's own, nothing is enciphered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Encryption {
    /// `AES256`, `aws:kms` or `aws:kms:dsse`.
    pub algorithm: String,
    /// For KMS: of an object the key's ARN; of a bucket the key as it was named, none for AWS's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Whether KMS knew the key when the object was written.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub of_kms: bool,
    /// Whether an S3 bucket key is used.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bucket_key: bool,
    /// MD5 (base64) of the customer's own key, for SSE-C. The key itself is never kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<String>,
}

impl Default for Encryption {
    fn default() -> Self {
        let (algorithm, key, customer) = ("AES256".into(), None, None);
        Encryption { algorithm, key, of_kms: false, bucket_key: false, customer }
    }
}

impl Encryption {
    /// Whether it is by a key of KMS.
    pub fn is_kms(&self) -> bool {
        self.algorithm.starts_with("aws:kms")
    }
}

/// Number of a stored body.
pub type BlobId = i64;

/// Bytes of a stored body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extent {
    /// Which body.
    #[serde(rename = "b")]
    pub blob: BlobId,
    /// First byte.
    #[serde(rename = "o", default, skip_serializing_if = "is_zero")]
    pub offset: u64,
    /// Bytes.
    #[serde(rename = "n")]
    pub length: u64,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// Where a stored body is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Blob {
    /// In the state file.
    Inline(bytes::Bytes),
    /// In a blob file of this name.
    File(String),
}

/// A part of an object that was uploaded in parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectPart {
    /// Its number.
    pub number: u32,
    /// Bytes.
    pub size: u64,
    /// Its checksum, when the upload asked for an algorithm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksum: Option<String>,
}

/// What an object carries besides its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Attributes {
    /// System headers by lower-case name (`content-type`, `cache-control`, `expires`, …).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// User metadata by lower-case name without `x-amz-meta-`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub user: BTreeMap<String, String>,
    /// Tags, in key order.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// Storage class; empty for `STANDARD`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub storage_class: String,
    /// Encryption as shown.
    pub encryption: Encryption,
    /// Checksum of the whole object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checksum: Option<Checksum>,
    /// Parts, of an object that was uploaded in parts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<ObjectPart>,
    /// The ACL: the name of a canned one, or a document; empty for `private`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub acl: String,
    /// Status of its replication; empty for none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub replication: String,
    /// Object lock: retention.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention: Option<Retention>,
    /// Object lock: legal hold, once it was set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub legal_hold: Option<bool>,
    /// How many annotations it has.
    #[serde(skip_serializing_if = "is_none")]
    pub annotations: u32,
    /// Until when there is a copy out of the archive; 0 for none.
    #[serde(with = "super::lock::kept", skip_serializing_if = "is_epoch")]
    pub restored: Millis,
}

fn is_none(count: &u32) -> bool {
    *count == 0
}

fn is_epoch(at: &Millis) -> bool {
    at.0 == 0
}

/// A version of an object, or a delete marker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The bucket's number.
    pub bucket: i64,
    /// The key.
    pub key: String,
    /// Place among the key's versions: the newest has the smallest.
    pub order: i64,
    /// Its id; empty for the version `null`.
    pub id: String,
    /// Whether it is a delete marker, which has nothing of what follows.
    pub marker: bool,
    /// When it was written.
    pub modified: Millis,
    /// Bytes.
    pub size: u64,
    /// Entity tag without quotes.
    pub etag: String,
    /// Its bytes, in order.
    pub extents: Vec<Extent>,
    /// The rest.
    pub attributes: Attributes,
}

impl Version {
    /// The id as S3 shows it.
    pub fn shown_id(&self) -> &str {
        if self.id.is_empty() { "null" } else { &self.id }
    }

    /// Whether its bytes lie in an archive, from which they must be restored to be read.
    pub fn is_archived(&self) -> bool {
        matches!(self.storage_class(), "GLACIER" | "DEEP_ARCHIVE")
    }

    /// The storage class as S3 shows it.
    pub fn storage_class(&self) -> &str {
        let class = self.attributes.storage_class.as_str();
        if class.is_empty() { "STANDARD" } else { class }
    }
}

/// A named text that goes with a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotation {
    /// Its name.
    pub name: String,
    /// When it was written.
    pub modified: Millis,
    /// Bytes.
    pub size: u64,
    /// Entity tag without quotes: the MD5 in hex.
    pub etag: String,
    /// Its checksum.
    pub checksum: Checksum,
    /// Its bytes.
    pub extents: Vec<Extent>,
}

/// An upload in parts, under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// The bucket's number.
    pub bucket: i64,
    /// The key.
    pub key: String,
    /// Its id.
    pub id: String,
    /// When it began.
    pub initiated: Millis,
    /// What the object will carry.
    pub attributes: Attributes,
    /// The checksum asked for: algorithm, and whether over the whole object.
    pub checksum: Option<(Algorithm, bool)>,
    /// Whether the object of this key was deleted since, for which a conditional completion conflicts.
    pub disturbed: bool,
}

/// A version that waits for its replicas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// Its place in the order of writes.
    pub id: i64,
    /// The bucket's name.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// The version's id as it is kept.
    pub version: String,
}

/// A part of an upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its upload.
    pub upload: String,
    /// Its number.
    pub number: u32,
    /// Bytes.
    pub size: u64,
    /// Entity tag without quotes: the MD5 in hex.
    pub etag: String,
    /// When it was written.
    pub modified: Millis,
    /// Its bytes.
    pub extents: Vec<Extent>,
    /// Checksums computed of it; CRC64NVME always.
    pub checksums: Vec<Checksum>,
}
