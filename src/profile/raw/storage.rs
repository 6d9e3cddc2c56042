//! S3 as typed: buckets and their configurations. Names of events, methods, classes are AWS's
//! (API reference: `PutBucketLifecycleConfiguration`, `PutBucketCors`, `PutBucketEncryption`,
//! `PutBucketNotificationConfiguration`, `PutBucketReplication`, `PutObjectLockConfiguration`).

use super::Part;
use super::queues::Seconds;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

/// S3.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct S3 {
    /// Buckets by name.
    #[schemars(with = "Option<BTreeMap<String, Part<Bucket>>>")]
    pub(crate) buckets: Option<BTreeMap<String, Bucket>>,
}

/// One value or several.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

impl<T: Clone> OneOrMany<T> {
    /// All of them, in order.
    pub(crate) fn list(&self) -> Vec<T> {
        match self {
            OneOrMany::One(one) => vec![one.clone()],
            OneOrMany::Many(many) => many.clone(),
        }
    }
}

/// A bucket.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Bucket {
    /// Keep every version of each object.
    pub(crate) versioning: Option<bool>,
    /// Readable by anyone.
    pub(crate) public: Option<bool>,
    /// Object lock: `true`, or a default retention. Turns versioning on.
    pub(crate) object_lock: Option<ObjectLock>,
    /// Encryption at rest: an algorithm, or `{ algorithm = "aws:kms", key = "documents" }`. Default: `AES256`.
    pub(crate) encryption: Option<Encryption>,
    /// Lifecycle rules: transitions and expirations.
    pub(crate) lifecycle: Option<Vec<LifecycleRule>>,
    /// CORS rules for browsers.
    pub(crate) cors: Option<Vec<CorsRule>>,
    /// Queues told of events in this bucket.
    pub(crate) notifications: Option<Vec<Notification>>,
    /// Copies objects to another bucket. Both must be versioned.
    pub(crate) replication: Option<Replication>,
    /// Files or directories, relative to the project, that a fresh bucket holds.
    pub(crate) seed: Option<OneOrMany<String>>,
    /// Tags.
    pub(crate) tags: Option<BTreeMap<String, String>>,
}

/// Object lock.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum ObjectLock {
    Enabled(bool),
    Default(Retention),
}

/// Default retention: `days` or `years`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Retention {
    /// Who may shorten it.
    pub(crate) mode: RetentionMode,
    /// Days.
    #[schemars(range(min = 1, max = 36500))]
    pub(crate) days: Option<u32>,
    /// Years.
    #[schemars(range(min = 1, max = 100))]
    pub(crate) years: Option<u32>,
}

/// Object lock's modes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum RetentionMode {
    /// Users with a special permission may shorten it.
    Governance,
    /// Nobody may.
    Compliance,
}

/// Encryption at rest.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Encryption {
    Algorithm(Algorithm),
    Table(EncryptionTable),
}

/// Encryption with its key.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EncryptionTable {
    /// The algorithm.
    pub(crate) algorithm: Algorithm,
    /// A key of `[kms.keys]`, an alias or an ARN. Default: AWS's own key.
    pub(crate) key: Option<String>,
    /// S3 Bucket Keys.
    pub(crate) bucket_key: Option<bool>,
}

/// Algorithms of encryption at rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub(crate) enum Algorithm {
    /// SSE-S3.
    #[serde(rename = "AES256")]
    Aes256,
    /// SSE-KMS.
    #[serde(rename = "aws:kms")]
    Kms,
    /// Dual-layer SSE-KMS.
    #[serde(rename = "aws:kms:dsse")]
    KmsDsse,
}

/// A lifecycle rule: where it applies and at least one action.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LifecycleRule {
    /// Its name.
    #[schemars(length(max = 255))]
    pub(crate) id: Option<String>,
    /// Only keys that start so.
    pub(crate) prefix: Option<String>,
    /// Only objects with all of these tags.
    pub(crate) tags: Option<BTreeMap<String, String>>,
    /// `false` keeps the rule without applying it. Default: `true`.
    pub(crate) enabled: Option<bool>,
    /// Moves to other storage classes.
    pub(crate) transitions: Option<Vec<Transition>>,
    /// Days after which objects expire.
    #[schemars(range(min = 1))]
    pub(crate) expire_days: Option<u32>,
    /// Moves of versions that are no longer current.
    pub(crate) noncurrent_transitions: Option<Vec<Transition>>,
    /// Days after which versions that are no longer current go.
    #[schemars(range(min = 1))]
    pub(crate) noncurrent_expire_days: Option<u32>,
    /// Days after which unfinished multipart uploads go.
    #[schemars(range(min = 1))]
    pub(crate) abort_multipart_days: Option<u32>,
    /// Removes delete markers that hide nothing.
    pub(crate) expired_delete_markers: Option<bool>,
}

/// A move to another storage class.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Transition {
    /// Days after creation (or after becoming noncurrent).
    pub(crate) days: u32,
    /// Where to.
    pub(crate) storage_class: StorageClass,
}

/// Storage classes that objects can move to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum StorageClass {
    StandardIa,
    #[serde(rename = "ONEZONE_IA")]
    OneZoneIa,
    IntelligentTiering,
    GlacierIr,
    Glacier,
    DeepArchive,
}

/// A CORS rule.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CorsRule {
    /// Origins, each with at most one `*`.
    #[schemars(length(min = 1))]
    pub(crate) origins: Vec<String>,
    /// Methods.
    #[schemars(length(min = 1))]
    pub(crate) methods: Vec<CorsMethod>,
    /// Request headers that are allowed, each with at most one `*`.
    pub(crate) headers: Option<Vec<String>>,
    /// Response headers that scripts may read.
    pub(crate) expose: Option<Vec<String>>,
    /// How long browsers may remember the answer.
    pub(crate) max_age: Option<Seconds>,
}

/// Methods of CORS rules.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum CorsMethod {
    Get,
    Put,
    Post,
    Delete,
    Head,
}

/// Events sent to a queue.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Notification {
    /// A standard queue of this profile.
    pub(crate) queue: String,
    /// Event types, as `s3:ObjectCreated:*`.
    #[schemars(length(min = 1))]
    pub(crate) events: Vec<String>,
    /// Only keys that start so.
    pub(crate) prefix: Option<String>,
    /// Only keys that end so.
    pub(crate) suffix: Option<String>,
}

/// Replication.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Replication {
    /// A bucket of this profile.
    pub(crate) bucket: String,
    /// Only keys that start so.
    pub(crate) prefix: Option<String>,
    /// The copies' storage class.
    pub(crate) storage_class: Option<StorageClass>,
    /// Copies delete markers too.
    pub(crate) delete_markers: Option<bool>,
}
