//! The pages of ListMultipartUploads and ListParts.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html>,
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListParts.html>

use super::list::{Order, Page, common_prefix, walk};
use crate::services::s3::error::{Error, Result};
use crate::services::s3::index::{Look, UploadPlace};
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
        let Some(start) = self.start(index, bucket)? else {
            return Ok(Page { entries: Vec::new(), truncated: false });
        };
        let from = start.max(UploadPlace::before_key(&self.prefix));
        let filter = (self.prefix.as_str(), self.delimiter.as_str(), self.max);
        walk(filter, from, |after, limit| index.uploads(bucket, after, limit), |upload| upload)
    }

    fn start(&self, index: &impl Look, bucket: i64) -> Result<Option<UploadPlace>> {
        if self.key_marker.is_empty() {
            return Ok(Some(UploadPlace::before_key(&self.prefix)));
        }
        if self.upload_marker.is_empty() {
            if let Some(common) = common_prefix(&self.key_marker, &self.prefix, &self.delimiter) {
                return Ok(after_prefix(common).map(|next| UploadPlace::before_key(&next)));
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
        Ok(Some(UploadPlace::behind(&upload)))
    }
}

impl Order for UploadPlace {
    type Row = Upload;

    fn key(row: &Upload) -> &str {
        &row.key
    }

    fn leaps(&self, row: &Upload) -> bool {
        row.key < self.key
    }

    fn before_key(key: &str) -> Self {
        UploadPlace { key: key.to_owned(), initiated: i64::MIN, id: String::new() }
    }

    fn behind(row: &Upload) -> Self {
        UploadPlace { key: row.key.clone(), initiated: row.initiated.0, id: row.id.clone() }
    }
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
