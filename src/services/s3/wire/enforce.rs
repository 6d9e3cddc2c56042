//! `auth = "enforce"` for S3: whoever signed may do what its own policies and the bucket's allow together.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/how-s3-evaluates-access-control.html>,
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html>. ACLs that
//! grant to other accounts are not asked. The gateway says who signed.

use super::S3;
use super::head::Head;
use crate::policy::Keys;
use crate::services::access::{Ask, Denial, Kind, Subject, Verdict, evaluate};
use crate::services::iam::asks::pass_role;
use crate::services::s3::access::actions;
use crate::services::s3::error::{Error, Result};
use crate::services::s3::index::{Look, existing};
use crate::services::s3::ops::objects::kept_id;

/// Kinds of a bucket's documents and what stands behind `Get` and `Put` in their actions.
const DOCUMENTS: &[(&str, &str)] = &[
    ("abac", "BucketAbac"),
    ("accelerate", "AccelerateConfiguration"),
    ("analytics", "AnalyticsConfiguration"),
    ("cors", "BucketCORS"),
    ("encryption", "EncryptionConfiguration"),
    ("intelligent-tiering", "IntelligentTieringConfiguration"),
    ("inventory", "InventoryConfiguration"),
    ("lifecycle", "LifecycleConfiguration"),
    ("logging", "BucketLogging"),
    ("metrics", "MetricsConfiguration"),
    ("notification", "BucketNotification"),
    ("object-lock", "BucketObjectLockConfiguration"),
    ("ownershipControls", "BucketOwnershipControls"),
    ("policy", "BucketPolicy"),
    ("publicAccessBlock", "BucketPublicAccessBlock"),
    ("replication", "ReplicationConfiguration"),
    ("requestPayment", "BucketRequestPayment"),
    ("tagging", "BucketTagging"),
    ("versioning", "BucketVersioning"),
    ("website", "BucketWebsite"),
];
/// What the root of a bucket's account may do whatever the bucket's policy says.
const ROOTS_OWN: &[&str] = &["s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"];

/// The action that a method does to a bucket's document.
pub(super) fn document_action(method: &http::Method, kind: &str) -> String {
    let known = DOCUMENTS.iter().find(|(name, _)| *name == kind).map(|(_, action)| *action);
    let action = known.map_or_else(|| format!("Bucket{kind}"), str::to_owned);
    match *method {
        http::Method::GET => format!("s3:Get{action}"),
        http::Method::DELETE if matches!(kind, "policy" | "website") => {
            format!("s3:Delete{action}")
        }
        _ => format!("s3:Put{action}"),
    }
}

/// The action of an operation with a name of its own.
pub(super) fn action_of(name: &str, of_version: bool) -> String {
    if let Some(action) = actions::action(name, of_version) {
        return action.name.to_owned();
    }
    match name {
        "ListBuckets" | "ListDirectoryBuckets" => "s3:ListAllMyBuckets".into(),
        "PutBucketCors" => "s3:PutBucketCORS".into(),
        name => format!("s3:{name}"),
    }
}

impl S3 {
    /// Refuses `subject` what no policy allows it, or one denies.
    pub(super) fn check_subject(
        &self,
        head: &Head,
        subject: &Subject,
        action: &str,
        (bucket, key, version): (&str, &str, Option<&str>),
    ) -> Result<()> {
        let bare = action.strip_prefix("s3:").unwrap_or(action);
        let of_bucket = actions::OF_BUCKETS.contains(&bare) || key.is_empty();
        let resource = match (bucket, of_bucket) {
            ("", _) => "*".to_owned(),
            (bucket, true) => format!("arn:aws:s3:::{bucket}"),
            (bucket, false) => format!("arn:aws:s3:::{bucket}/{key}"),
        };
        let mut keys = self.keys(head);
        let mut ask = Ask::new(action, resource);
        let found = self.look(|index| {
            let Ok(bucket) = existing(index, bucket) else { return Ok(None) };
            let object = match version {
                _ if key.is_empty() => None,
                Some(id) => index.version(bucket.id, key, kept_id(id))?,
                None => index.newest(bucket.id, key)?,
            };
            for (name, value) in object.iter().flat_map(|v| &v.attributes.tags) {
                keys.add(&format!("s3:ExistingObjectTag/{name}"), value);
            }
            Ok(Some(bucket))
        })?;
        if let Some(bucket) = &found {
            ask.owner = Some(bucket.account.clone());
            ask = ask.with_policy(bucket.settings.documents.get("policy").map(String::as_str));
            keys.add("s3:ResourceAccount", &bucket.account);
            if subject.kind == Kind::Root
                && subject.account == bucket.account
                && ROOTS_OWN.contains(&action)
            {
                return Ok(());
            }
        }
        self.decide(subject, &ask, &keys)
    }

    /// Refuses whoever signed to give `role` to S3, unless a policy allows it.
    pub(super) fn check_pass_role(&self, head: &Head, role: &str) -> Result<()> {
        let Some(subject) = &head.subject else { return Ok(()) };
        self.decide(subject, &pass_role(role, "s3.amazonaws.com"), &self.keys(head))
    }

    pub(super) fn decide(&self, subject: &Subject, ask: &Ask, keys: &Keys) -> Result<()> {
        let keys = ask.all_keys(subject, keys);
        match evaluate(subject, ask, &keys) {
            Verdict::Allowed => Ok(()),
            verdict => {
                let denial = Denial::new(subject, ask, &keys, verdict);
                Err(Error::new(403, "AccessDenied", denial.text))
            }
        }
    }
}
