//! The numbers of S3, in their units, with AWS's page they come from.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html> and
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/BucketRestrictions.html>.

/// Bytes of a key in UTF-8 at the most.
pub const KEY_BYTES_MAX: usize = 1024;
/// Bytes of a bucket's name at the least.
pub const BUCKET_NAME_MIN: usize = 3;
/// Bytes of a bucket's name at the most.
pub const BUCKET_NAME_MAX: usize = 63;
/// Bytes of an object uploaded in one request at the most (5 GiB).
pub const PUT_BYTES_MAX: u64 = 5 * 1024 * 1024 * 1024;
/// Bytes of an object at the most (5 TiB).
pub const OBJECT_BYTES_MAX: u64 = 5 * 1024 * 1024 * 1024 * 1024;
/// Bytes of a part other than the last at the least (5 MiB).
pub const PART_BYTES_MIN: u64 = 5 * 1024 * 1024;
/// The highest part number.
pub const PART_NUMBER_MAX: u32 = 10_000;
/// Bytes of user metadata (names and values) at the most.
pub const USER_METADATA_BYTES_MAX: usize = 2048;
/// Entries in a page of any listing at the most.
pub const PAGE_MAX: usize = 1000;
/// Buckets in a page of `ListBuckets` at the most.
pub const BUCKETS_PAGE_MAX: usize = 10_000;
/// Keys in one `DeleteObjects` at the most.
pub const DELETE_KEYS_MAX: usize = 1000;
/// Tags of an object at the most.
pub const OBJECT_TAGS_MAX: usize = 10;
/// Tags of a bucket at the most.
pub const BUCKET_TAGS_MAX: usize = 50;
/// Annotations of a version at the most.
pub const ANNOTATIONS_MAX: u32 = 1000;
/// Bytes of an annotation's name at the most.
pub const ANNOTATION_NAME_BYTES_MAX: usize = 512;
/// Bytes of an annotation at the most (1 MiB).
pub const ANNOTATION_BYTES_MAX: u64 = 1024 * 1024;
/// Characters of a tag's key at the most.
pub const TAG_KEY_CHARS_MAX: usize = 128;
/// Characters of a tag's value at the most.
pub const TAG_VALUE_CHARS_MAX: usize = 256;
/// Bytes of an XML or JSON document in a request at the most. AWS allows 20 KiB for policies and
/// a little more than 1 MiB for `DeleteObjects` and `CompleteMultipartUpload`; keys may be escaped.
pub const DOCUMENT_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Bytes of a body up to which it is kept in the state file rather than in a file of its own
/// (devenv's own figure: measured, see `docs/decisions/003-own-s3-codec.md`).
pub const INLINE_BYTES_MAX: usize = 16 * 1024;
/// Seconds that a presigned URL may live at the most (7 days).
pub const PRESIGNED_SECONDS_MAX: i64 = 604_800;
