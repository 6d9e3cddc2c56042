//! What is set on a bucket: versioning, and the configuration documents of Put…, Get… and Delete….
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketVersioning.html>

use super::lifecycle;
use crate::base::Context;
use crate::services::s3::error::{Error, Result};
use crate::services::s3::index::{Index, existing};
use crate::services::s3::model::{Bucket, Encryption, Versioning};

/// Set, change or forget a setting of a bucket.
#[derive(Debug, Clone)]
pub struct Configure {
    /// The bucket's name.
    pub bucket: String,
    /// What to set.
    pub setting: Setting,
}

/// A setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Setting {
    /// PutBucketVersioning, and its MFA flag where it is given.
    Versioning(Versioning, Option<bool>),
    /// A document of this kind.
    Put(String, String),
    /// PutBucketEncryption: the document and what it means.
    Encryption(String, Encryption),
    /// Forget the document of this kind. A document that new buckets have by default is kept as the
    /// empty text, which says that there is none.
    Delete(String),
}

/// Documents that a new bucket has without anyone setting them.
pub const BY_DEFAULT: &[&str] = &["publicAccessBlock", "ownershipControls"];

impl Configure {
    /// Sets it.
    pub fn apply(self, index: &mut impl Index, context: &mut Context<'_>) -> Result<Bucket> {
        let mut bucket = existing(index, &self.bucket)?;
        let settings = &mut bucket.settings;
        let mut new_rules = false;
        match self.setting {
            Setting::Versioning(versioning, mfa) => {
                if settings.object_lock && versioning == Versioning::Suspended {
                    return Err(Error::new(
                        409,
                        "InvalidBucketState",
                        "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.",
                    ));
                }
                let replicates = settings.documents.contains_key("replication");
                if replicates && versioning == Versioning::Suspended {
                    return Err(Error::new(
                        409,
                        "InvalidBucketState",
                        "A replication configuration is present on this bucket, so the versioning state cannot be changed.",
                    ));
                }
                settings.versioning = versioning;
                settings.mfa_delete = mfa.or(settings.mfa_delete);
            }
            Setting::Put(kind, document) => {
                check_state(settings.versioning, &kind)?;
                new_rules = kind == "lifecycle";
                settings.object_lock |= kind == "object-lock";
                settings.documents.insert(kind, document);
            }
            Setting::Encryption(document, encryption) => {
                settings.encryption = encryption;
                settings.documents.insert("encryption".into(), document);
            }
            Setting::Delete(kind) => {
                new_rules = kind == "lifecycle";
                if kind == "encryption" {
                    settings.encryption = Encryption::default();
                }
                if BY_DEFAULT.contains(&kind.as_str()) {
                    settings.documents.insert(kind, String::new());
                } else {
                    settings.documents.remove(&kind);
                }
            }
        }
        index.put_bucket(&bucket)?;
        if new_rules {
            lifecycle::configured(index, &bucket, context.now)?;
        }
        Ok(bucket)
    }
}

/// Some documents want versioning.
fn check_state(versioning: Versioning, kind: &str) -> Result<()> {
    if versioning == Versioning::Enabled {
        return Ok(());
    }
    match kind {
        "replication" => Err(Error::invalid_request(
            "Versioning must be 'Enabled' on the bucket to apply a replication configuration",
        )),
        "object-lock" => Err(Error::new(
            409,
            "InvalidBucketState",
            "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration",
        )),
        _ => Ok(()),
    }
}
