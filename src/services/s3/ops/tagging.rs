//! Tags: their rules, and PutObjectTagging, GetObjectTagging, DeleteObjectTagging.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html>

use super::objects::find;
use super::{lifecycle, replication};
use crate::base::Context;
use crate::services::s3::error::{Error, Result};
use crate::services::s3::index::{Index, existing};
use crate::services::s3::limits::{TAG_KEY_CHARS_MAX, TAG_VALUE_CHARS_MAX};
use crate::services::s3::model::Version;
use crate::services::s3::notifications::{Event, notify};
use std::collections::BTreeMap;

fn allowed(text: &str) -> bool {
    text.chars().all(|c| c.is_alphanumeric() || c.is_whitespace() || "_.:/=+-@".contains(c))
}

/// The tags of a request, held against AWS's rules.
pub fn checked(
    tags: Vec<(String, String)>,
    max: usize,
    of_bucket: bool,
) -> Result<BTreeMap<String, String>> {
    if tags.len() > max {
        if of_bucket {
            return Err(Error::new(
                400,
                "BadRequest",
                format!("Bucket tag count cannot be greater than {max}"),
            ));
        }
        return Err(Error::new(
            400,
            "BadRequest",
            format!("Object tags cannot be greater than {max}"),
        ));
    }
    let mut checked = BTreeMap::new();
    for (key, value) in tags {
        let chars = key.chars().count();
        if chars == 0 || chars > TAG_KEY_CHARS_MAX || !allowed(&key) {
            return Err(
                Error::invalid_tag("The TagKey you have provided is invalid").with("TagKey", key)
            );
        }
        if value.chars().count() > TAG_VALUE_CHARS_MAX || !allowed(&value) {
            return Err(Error::invalid_tag("The TagValue you have provided is invalid")
                .with("TagKey", key)
                .with("TagValue", value));
        }
        if key.to_ascii_lowercase().starts_with("aws:") {
            let message = if of_bucket {
                "System tags cannot be added/updated by requester"
            } else {
                "Your TagKey cannot be prefixed with aws:"
            };
            return Err(Error::invalid_tag(message).with("TagKey", key));
        }
        if checked.contains_key(&key) {
            return Err(Error::invalid_tag("Cannot provide multiple Tags with the same key")
                .with("TagKey", key));
        }
        checked.insert(key, value);
    }
    Ok(checked)
}

/// PutObjectTagging; with no tags, DeleteObjectTagging.
#[derive(Debug, Clone)]
pub struct PutObjectTagging {
    /// The bucket's name.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// `versionId`.
    pub version: Option<String>,
    /// The tags.
    pub tags: BTreeMap<String, String>,
    /// Whether it is DeleteObjectTagging.
    pub delete: bool,
}

impl PutObjectTagging {
    /// Sets the tags.
    pub fn apply(self, index: &mut impl Index, context: &mut Context<'_>) -> Result<Version> {
        let bucket = existing(index, &self.bucket)?;
        let mut found = find(index, &bucket, &self.key, self.version.as_deref(), "PUT")?;
        found.attributes.tags = self.tags;
        let replicated = replication::mark(&bucket, &mut found);
        index.update_version(&found)?;
        if replicated {
            index.enqueue(&found)?;
        }
        let name = if self.delete { "ObjectTagging:Delete" } else { "ObjectTagging:Put" };
        notify(index, context, &bucket, &Event::new(name, &found))?;
        lifecycle::written(index, &bucket, context.now)?;
        Ok(found)
    }
}
