//! CreateBucket, DeleteBucket, ListBuckets.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html>,
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucket.html>,
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListBuckets.html>

use crate::base::Context;
use crate::services::s3::error::{Error, Result};
use crate::services::s3::index::{Index, Look, existing};
use crate::services::s3::limits::BUCKETS_PAGE_MAX;
use crate::services::s3::model::{Bucket, Settings, Versioning};
use crate::services::s3::names::is_bucket_name;
use std::collections::BTreeMap;

/// CreateBucket.
#[derive(Debug, Clone, Default)]
pub struct CreateBucket {
    /// Its name.
    pub name: String,
    /// `LocationConstraint`.
    pub location: Option<String>,
    /// `x-amz-bucket-object-lock-enabled`.
    pub object_lock: bool,
    /// Documents set from the beginning (`ownershipControls`, `tagging`, `acl`).
    pub documents: BTreeMap<String, String>,
}

impl CreateBucket {
    /// Creates the bucket. In us-east-1 the owner may create it again.
    pub fn apply(self, index: &mut impl Index, context: &mut Context<'_>) -> Result<Bucket> {
        if !is_bucket_name(&self.name) {
            return Err(Error::invalid_bucket_name(&self.name));
        }
        let region = self.region(&context.caller.region)?;
        if let Some(old) = index.bucket(&self.name)? {
            let own = old.account == context.caller.account;
            if own && region == "us-east-1" && old.region == region {
                return Ok(old);
            }
            return Err(Error::bucket_exists(&self.name, own));
        }
        let versioning = if self.object_lock { Versioning::Enabled } else { Versioning::Off };
        let settings = Settings {
            versioning,
            object_lock: self.object_lock,
            documents: self.documents,
            ..Settings::default()
        };
        index.put_bucket(&Bucket {
            id: 0,
            name: self.name.clone(),
            account: context.caller.account.clone(),
            region,
            created: context.now,
            settings,
        })?;
        existing(index, &self.name)
    }

    /// The region that constraint and endpoint agree on.
    fn region(&self, endpoint: &str) -> Result<String> {
        let incompatible = |location: &str| {
            Error::new(
                400,
                "IllegalLocationConstraintException",
                format!(
                    "The {location} location constraint is incompatible for the region specific endpoint this request was sent to."
                ),
            )
        };
        match self.location.as_deref().filter(|l| !l.is_empty()) {
            Some("us-east-1") => Err(Error::new(
                400,
                "InvalidLocationConstraint",
                "The specified location-constraint is not valid",
            )
            .with("LocationConstraint", "us-east-1")),
            Some("EU") if endpoint == "eu-west-1" => Ok("eu-west-1".into()),
            Some(location) if location == endpoint => Ok(location.to_owned()),
            // us-east-1 is the global endpoint, which creates buckets anywhere.
            Some(location) if endpoint == "us-east-1" && is_region(location) => Ok(location.into()),
            Some(location) if endpoint == "us-east-1" => Err(Error::new(
                400,
                "InvalidLocationConstraint",
                "The specified location-constraint is not valid",
            )
            .with("LocationConstraint", location)),
            Some(location) => Err(incompatible(location)),
            None if endpoint == "us-east-1" => Ok(endpoint.to_owned()),
            None => Err(incompatible("unspecified")),
        }
    }
}

/// `eu-west-1`: letters, then a direction, then a number.
fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let letters = |t: &&str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_lowercase());
    text == "EU"
        || parts.len() >= 3
            && parts[..parts.len() - 1].iter().all(letters)
            && parts[parts.len() - 1].parse::<u8>().is_ok()
}

/// DeleteBucket.
#[derive(Debug, Clone)]
pub struct DeleteBucket {
    /// Its name.
    pub name: String,
}

impl DeleteBucket {
    /// Deletes the bucket if nothing is in it; uploads under way go with it.
    pub fn apply(self, index: &mut impl Index, _: &mut Context<'_>) -> Result<()> {
        let bucket = existing(index, &self.name)?;
        if !index.is_empty(bucket.id)? {
            let versioned = bucket.settings.versioning != Versioning::Off;
            return Err(Error::bucket_not_empty(&self.name, versioned));
        }
        index.delete_bucket(&bucket)
    }
}

/// ListBuckets.
#[derive(Debug, Clone, Default)]
pub struct ListBuckets {
    /// Only names that begin so.
    pub prefix: String,
    /// Only those of this region.
    pub region: Option<String>,
    /// Only names behind this one.
    pub after: String,
    /// How many at the most.
    pub max: Option<usize>,
}

impl ListBuckets {
    /// A page of the caller's buckets, and whether there are more.
    pub fn apply(&self, index: &impl Look, account: &str) -> Result<(Vec<Bucket>, bool)> {
        let max = self.max.unwrap_or(BUCKETS_PAGE_MAX).min(BUCKETS_PAGE_MAX);
        let (mut found, mut after) = (Vec::new(), self.after.clone());
        loop {
            let page = index.buckets(account, &after, BUCKETS_PAGE_MAX)?;
            let Some(last) = page.last() else { return Ok((found, false)) };
            after.clone_from(&last.name);
            for bucket in page {
                let in_region = self.region.as_ref().is_none_or(|r| *r == bucket.region);
                if !in_region || !bucket.name.starts_with(&self.prefix) {
                    continue;
                }
                if found.len() == max {
                    return Ok((found, true));
                }
                found.push(bucket);
            }
        }
    }
}
