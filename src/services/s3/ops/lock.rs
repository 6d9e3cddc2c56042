//! PutObjectRetention and PutObjectLegalHold.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectRetention.html>,
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectLegalHold.html>

use super::lifecycle;
use super::objects::find;
use crate::base::Context;
use crate::services::s3::error::Result;
use crate::services::s3::index::{Index, Look, existing};
use crate::services::s3::lock::{Retention, check_change, not_on_bucket};
use crate::services::s3::model::Version;
use crate::services::s3::notifications::{Event, notify};

/// A lock to put on a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lock {
    /// Retention, or none; and whether governance is bypassed.
    Retention(Option<Retention>, bool),
    /// Legal hold.
    Hold(bool),
}

/// PutObjectRetention or PutObjectLegalHold.
#[derive(Debug, Clone)]
pub struct PutLock {
    /// The bucket's name.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// `versionId`.
    pub version: Option<String>,
    /// What to set.
    pub lock: Lock,
}

/// The version whose lock a request asks for, in a bucket that has object lock.
pub fn find_locked(
    index: &impl Look,
    bucket: &str,
    key: &str,
    version: Option<&str>,
    method: &str,
) -> Result<Version> {
    let bucket = existing(index, bucket)?;
    if !bucket.settings.object_lock {
        return Err(not_on_bucket());
    }
    find(index, &bucket, key, version, method)
}

impl PutLock {
    /// Sets the lock.
    pub fn apply(self, index: &mut impl Index, context: &mut Context<'_>) -> Result<Version> {
        let version = self.version.as_deref();
        let mut found = find_locked(index, &self.bucket, &self.key, version, "PUT")?;
        match self.lock {
            Lock::Hold(on) => found.attributes.legal_hold = Some(on),
            Lock::Retention(new, bypass) => {
                check_change(found.attributes.retention, new, context.now, bypass)?;
                found.attributes.retention = new;
            }
        }
        index.update_version(&found)?;
        let bucket = existing(index, &self.bucket)?;
        if matches!(self.lock, Lock::Retention(..)) {
            notify(index, context, &bucket, &Event::new("ObjectRetention:Put", &found))?;
        }
        // A rule may have waited for this.
        lifecycle::configured(index, &bucket, context.now)?;
        Ok(found)
    }
}
