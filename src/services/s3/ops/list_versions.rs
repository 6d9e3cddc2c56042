//! The page of ListObjectVersions: every version and delete marker, the newest of a key first.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectVersions.html>

use super::list::{Entry, Page, ROWS_BEHIND_PREFIX, behind, common_prefix};
use super::objects::{check_version_id, kept_id};
use crate::services::s3::error::{Error, Result};
use crate::services::s3::index::{Look, Place};
use crate::services::s3::limits::PAGE_MAX;
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
        let mut page = Page { entries: Vec::new(), truncated: false };
        let Some(mut from) = self.start(index, bucket)? else { return Ok(page) };
        let mut before = (from.order > i64::MIN).then(|| from.key.clone());
        let mut ahead = if self.delimiter.is_empty() { PAGE_MAX } else { ROWS_BEHIND_PREFIX };
        loop {
            let wanted = (self.max + 1 - page.entries.len()).min(ahead).max(1);
            let rows = index.versions(bucket, &from, wanted)?;
            let last_rows = rows.len() < wanted;
            ahead = (ahead * 2).min(PAGE_MAX);
            for row in rows {
                if (row.key.as_str(), row.order) < (from.key.as_str(), from.order) {
                    continue;
                }
                if !row.key.starts_with(&self.prefix) {
                    return Ok(page);
                }
                if page.entries.len() == self.max {
                    page.truncated = self.max > 0;
                    return Ok(page);
                }
                if let Some(common) = common_prefix(&row.key, &self.prefix, &self.delimiter) {
                    page.entries.push(Entry::Prefix(common.to_owned()));
                    let Some(after) = after_prefix(common) else { return Ok(page) };
                    from = Place::at(after);
                    ahead = ROWS_BEHIND_PREFIX;
                    continue;
                }
                from = Place { key: row.key.clone(), order: row.order + 1 };
                let newest = before.as_deref() != Some(row.key.as_str());
                before = Some(row.key.clone());
                page.entries.push(Entry::Item((row, newest)));
            }
            if last_rows {
                return Ok(page);
            }
        }
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
