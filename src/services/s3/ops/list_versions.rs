//! The page of ListObjectVersions: every version and delete marker, the newest of a key first.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectVersions.html>

use super::list::{Order, Page, behind, common_prefix, walk};
use super::objects::{check_version_id, kept_id};
use crate::services::s3::error::{Error, Result};
use crate::services::s3::index::{Look, Place};
use crate::services::s3::model::Version;
use crate::services::s3::names::after_prefix;

/// What to list.
#[derive(Debug, Clone, Default)]
pub struct ListObjectVersions {
    /// Only keys that begin so.
    pub prefix: String,
    /// Groups keys by what stands before it.
    pub delimiter: String,
    /// `key-marker`; empty for none.
    pub key_marker: String,
    /// `version-id-marker`; empty for none.
    pub version_marker: String,
    /// Entries at the most.
    pub max: usize,
}

impl ListObjectVersions {
    /// The page of `bucket`: versions, and whether each is its key's newest.
    pub fn apply(&self, index: &impl Look, bucket: i64) -> Result<Page<(Version, bool)>> {
        let Some(from) = self.start(index, bucket)? else {
            return Ok(Page { entries: Vec::new(), truncated: false });
        };
        let mut before = (from.order > i64::MIN).then(|| from.key.clone());
        let filter = (self.prefix.as_str(), self.delimiter.as_str(), self.max);
        walk(
            filter,
            from,
            |from, limit| index.versions(bucket, from, limit),
            |version| {
                let newest = before.as_deref() != Some(version.key.as_str());
                before = Some(version.key.clone());
                (version, newest)
            },
        )
    }

    fn start(&self, index: &impl Look, bucket: i64) -> Result<Option<Place>> {
        if self.key_marker.is_empty() {
            if !self.version_marker.is_empty() {
                return Err(Error::invalid_argument(
                    "A version-id marker cannot be specified without a key marker.",
                    "version-id-marker",
                    self.version_marker.as_str(),
                ));
            }
            return Ok(Some(Place::at(self.prefix.as_str())));
        }
        let place = if !self.version_marker.is_empty() {
            check_version_id(&self.version_marker)?;
            let id = kept_id(&self.version_marker);
            let version = index.version(bucket, &self.key_marker, id)?;
            let order = version.map_or(i64::MIN, |v| v.order + 1);
            Place { key: self.key_marker.clone(), order }
        } else {
            match common_prefix(&self.key_marker, &self.prefix, &self.delimiter) {
                Some(common) => match after_prefix(common) {
                    Some(after) => Place::at(after),
                    None => return Ok(None),
                },
                None => Place::at(behind(&self.key_marker)),
            }
        };
        let first = Place::at(self.prefix.as_str());
        Ok(Some(if place.key < first.key { first } else { place }))
    }
}

impl Order for Place {
    type Row = Version;

    fn key(row: &Version) -> &str {
        &row.key
    }

    fn leaps(&self, row: &Version) -> bool {
        (row.key.as_str(), row.order) < (self.key.as_str(), self.order)
    }

    fn before_key(key: &str) -> Self {
        Place::at(key)
    }

    fn behind(row: &Version) -> Self {
        Place { key: row.key.clone(), order: row.order + 1 }
    }
}
