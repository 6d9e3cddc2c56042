//! The pages of ListMultipartUploads and ListParts.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html>,
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListParts.html>

use super::list::{Entry, Page, ROWS_BEHIND_PREFIX, common_prefix};
use crate::services::s3::error::{Error, Result};
use crate::services::s3::index::{Look, UploadPlace};
use crate::services::s3::limits::PAGE_MAX;
use crate::services::s3::model::{Part, Upload};
use crate::services::s3::names::after_prefix;

/// ListMultipartUploads.
#[derive(Debug, Clone, Default)]
pub struct ListUploads {
    /// Only keys that begin so.
    pub prefix: String,
    /// Groups keys by what stands before it.
    pub delimiter: String,
    /// `key-marker`; empty for none.
    pub key_marker: String,
    /// `upload-id-marker`; heeded only with a key marker.
    pub upload_marker: String,
    /// Entries at the most.
    pub max: usize,
}

impl ListUploads {
    /// The page of `bucket`.
    pub fn apply(&self, index: &impl Look, bucket: i64) -> Result<Page<Upload>> {
        let mut page = Page { entries: Vec::new(), truncated: false };
        let Some(start) = self.start(index, bucket)? else { return Ok(page) };
        let mut after = start.max(before_key(&self.prefix));
        let mut ahead = if self.delimiter.is_empty() { PAGE_MAX } else { ROWS_BEHIND_PREFIX };
        loop {
            let wanted = (self.max + 1 - page.entries.len()).min(ahead).max(1);
            let rows = index.uploads(bucket, &after, wanted)?;
            let last_rows = rows.len() < wanted;
            ahead = (ahead * 2).min(PAGE_MAX);
            for row in rows {
                if row.key < after.key {
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
                    let Some(next) = after_prefix(common) else { return Ok(page) };
                    after = before_key(&next);
                    ahead = ROWS_BEHIND_PREFIX;
                    continue;
                }
                let (key, id) = (row.key.clone(), row.id.clone());
                after = UploadPlace { key, initiated: row.initiated.0, id };
                page.entries.push(Entry::Item(row));
            }
            if last_rows {
                return Ok(page);
            }
        }
    }

    fn start(&self, index: &impl Look, bucket: i64) -> Result<Option<UploadPlace>> {
        if self.key_marker.is_empty() {
            return Ok(Some(before_key(&self.prefix)));
        }
        if self.upload_marker.is_empty() {
            if let Some(common) = common_prefix(&self.key_marker, &self.prefix, &self.delimiter) {
                return Ok(after_prefix(common).map(|next| before_key(&next)));
            }
            let key = self.key_marker.clone();
            return Ok(Some(UploadPlace { key, initiated: i64::MAX, id: String::new() }));
        }
        let known = index.upload(bucket, &self.key_marker, &self.upload_marker)?;
        let Some(upload) = known else {
            return Err(Error::invalid_argument(
                "Invalid uploadId marker",
                "upload-id-marker",
                self.upload_marker.as_str(),
            ));
        };
        let (key, id) = (upload.key, upload.id);
        Ok(Some(UploadPlace { key, initiated: upload.initiated.0, id }))
    }
}

fn before_key(key: &str) -> UploadPlace {
    UploadPlace { key: key.to_owned(), initiated: i64::MIN, id: String::new() }
}

/// ListParts: the upload, its parts behind `after`, and whether there are more.
pub fn list_parts(
    index: &impl Look,
    bucket: i64,
    key: &str,
    id: &str,
    after: u32,
    max: usize,
) -> Result<(Upload, Vec<Part>, bool)> {
    let upload = index.upload(bucket, key, id)?.ok_or_else(|| Error::no_such_upload(id))?;
    let mut parts = index.parts(id, after, max + 1)?;
    let truncated = parts.len() > max;
    parts.truncate(max);
    Ok((upload, parts, truncated))
}
