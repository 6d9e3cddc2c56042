//! What the operations need of the place where S3's metadata is kept.
//!
//! Ten million keys do not fit into memory, so the metadata stays in SQLite (`store`); tests run the
//! same operations over a map (`memory`). Invariant: an operation checks first and changes last, so
//! that after an `Err` nothing has changed.

use super::error::Result;
use super::lifecycle::Sweep;
use super::model::{Annotation, Blob, BlobId, Bucket, Extent, Part, Pending, Upload, Version};
use crate::services::Call;

/// A place in the order of versions: keys ascending, and the newest version of a key first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The key.
    pub key: String,
    /// Versions of it from this order on; `i64::MIN` for all.
    pub order: i64,
}

impl Place {
    /// Before every version of `key`.
    pub fn at(key: impl Into<String>) -> Self {
        Place { key: key.into(), order: i64::MIN }
    }
}

/// A place in the order of uploads: by key, then by when they began.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct UploadPlace {
    /// The key.
    pub key: String,
    /// When the upload began, in milliseconds; `i64::MAX` for behind all of the key.
    pub initiated: i64,
    /// Its id.
    pub id: String,
}

/// Reads of the metadata. An `Err` means that the disk refused.
pub trait Look {
    /// The bucket called `name`.
    fn bucket(&self, name: &str) -> Result<Option<Bucket>>;
    /// Buckets of `account` whose names follow `after`, in order, `limit` at the most.
    fn buckets(&self, account: &str, after: &str, limit: usize) -> Result<Vec<Bucket>>;
    /// Whether the bucket holds no version of anything.
    fn is_empty(&self, bucket: i64) -> Result<bool>;
    /// The newest version of a key: one seek.
    fn newest(&self, bucket: i64, key: &str) -> Result<Option<Version>>;
    /// The version of a key with this id (empty for `null`).
    fn version(&self, bucket: i64, key: &str, id: &str) -> Result<Option<Version>>;
    /// Versions from a place on, in order, `limit` at the most.
    fn versions(&self, bucket: i64, from: &Place, limit: usize) -> Result<Vec<Version>>;
    /// A stored body.
    fn blob(&self, id: BlobId) -> Result<Option<Blob>>;
    /// An upload under way.
    fn upload(&self, bucket: i64, key: &str, id: &str) -> Result<Option<Upload>>;
    /// Uploads after a place, by key, then by when they began; `limit` at the most.
    fn uploads(&self, bucket: i64, after: &UploadPlace, limit: usize) -> Result<Vec<Upload>>;
    /// Parts of an upload with numbers above `after`, in order, `limit` at the most.
    fn parts(&self, upload: &str, after: u32, limit: usize) -> Result<Vec<Part>>;
    /// A version's annotation of this name.
    fn annotation(&self, of: &Version, name: &str) -> Result<Option<Annotation>>;
    /// A version's annotations whose names begin with `prefix` and follow `after`, in order, `limit` at
    /// the most.
    fn annotations(
        &self,
        of: &Version,
        prefix: &str,
        after: &str,
        limit: usize,
    ) -> Result<Vec<Annotation>>;
    /// When the bucket is swept next by its lifecycle rules.
    fn sweep(&self, bucket: i64) -> Result<Option<Sweep>>;
    /// The name of the bucket whose sweep is due first, and that sweep.
    fn next_sweep(&self) -> Result<Option<(String, Sweep)>>;
    /// Versions that wait for their replicas, oldest first.
    fn pending(&self, limit: usize) -> Result<Vec<Pending>>;
}

/// Changes to the metadata.
pub trait Index: Look {
    /// Stores a bucket, new (`id` 0) or changed.
    fn put_bucket(&mut self, bucket: &Bucket) -> Result<()>;
    /// Forgets a bucket and the uploads under way in it.
    fn delete_bucket(&mut self, bucket: &Bucket) -> Result<()>;
    /// Stores a version; it takes over one reference to each of its extents.
    fn put_version(&mut self, version: &Version) -> Result<()>;
    /// Changes a version's attributes.
    fn update_version(&mut self, version: &Version) -> Result<()>;
    /// Forgets a version and its annotations, and releases their bodies.
    fn delete_version(&mut self, version: &Version) -> Result<()>;
    /// Stores a body with one reference, for the version or part that will hold it.
    fn add_blob(&mut self, blob: &Blob) -> Result<BlobId>;
    /// Counts one more reference to the body of each extent of a version or part that exists.
    fn share(&mut self, extents: &[Extent]) -> Result<()>;
    /// Stores an annotation that is not there yet; it takes over one reference to its extents.
    fn put_annotation(&mut self, of: &Version, annotation: &Annotation) -> Result<()>;
    /// Forgets an annotation and releases its body.
    fn delete_annotation(&mut self, of: &Version, annotation: &Annotation) -> Result<()>;
    /// Stores an upload.
    fn put_upload(&mut self, upload: &Upload) -> Result<()>;
    /// Notes with the uploads of a key that its object was deleted.
    fn disturb(&mut self, bucket: i64, key: &str) -> Result<()>;
    /// Forgets an upload and its parts and releases their bodies.
    fn delete_upload(&mut self, upload: &Upload) -> Result<()>;
    /// Stores a part in place of one with the same number, whose bodies are released.
    fn put_part(&mut self, part: &Part) -> Result<()>;
    /// Stores when the bucket is swept next, or that it is not.
    fn put_sweep(&mut self, bucket: i64, sweep: Option<&Sweep>) -> Result<()>;
    /// Has a version wait for its replicas.
    fn enqueue(&mut self, version: &Version) -> Result<()>;
    /// Takes back what [`Index::enqueue`] did.
    fn dequeue(&mut self, id: i64) -> Result<()>;
    /// Posts a call to another service, made after the commit.
    fn post(&mut self, call: &Call) -> Result<()>;
}

/// The bucket called `name`, or `NoSuchBucket`.
pub fn existing(index: &impl Look, name: &str) -> Result<Bucket> {
    index.bucket(name)?.ok_or_else(|| super::error::Error::no_such_bucket(name))
}

/// The bytes `start..start + length` of a body made of `extents`.
pub fn slice(extents: &[Extent], start: u64, length: u64) -> Vec<Extent> {
    let mut found = Vec::new();
    let (mut skip, mut left) = (start, length);
    for extent in extents {
        if skip >= extent.length {
            skip -= extent.length;
            continue;
        }
        let take = (extent.length - skip).min(left);
        if take == 0 {
            break;
        }
        found.push(Extent { blob: extent.blob, offset: extent.offset + skip, length: take });
        (skip, left) = (0, left - take);
    }
    found
}
