//! All that an account has, deleted.

use super::Store;
use crate::services::s3::error::Result;
use crate::services::s3::index::{Index, Look, Place};

/// Buckets and versions that are read at a time.
const BATCH: usize = 512;

impl Store<'_> {
    /// Deletes the buckets of an account with all that is in them; how many there were.
    pub(in crate::services::s3) fn forget(&mut self, account: &str) -> Result<usize> {
        let mut count = 0;
        loop {
            let buckets = self.buckets(account, "", BATCH)?;
            if buckets.is_empty() {
                return Ok(count);
            }
            count += buckets.len();
            for bucket in buckets {
                let first = Place { key: String::new(), order: i64::MIN };
                loop {
                    let versions = self.versions(bucket.id, &first, BATCH)?;
                    for version in &versions {
                        self.delete_version(version)?;
                    }
                    if versions.len() < BATCH {
                        break;
                    }
                }
                self.delete_bucket(&bucket)?;
            }
        }
    }
}
