//! The actions that policies name, and which of them, and which permission of an ACL, an operation needs.
//!
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html>,
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html>,
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#permissions>.

use super::acl::Permission;

/// What an action is done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The bucket.
    Bucket,
    /// An object.
    Object,
}

/// An action, and what of an ACL permits it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Action {
    /// `s3:GetObject`.
    pub name: &'static str,
    /// What it is done to.
    pub scope: Scope,
    /// The permission that an ACL must grant, and whether it is the object's ACL.
    pub permission: Option<(Permission, bool)>,
}

/// Actions on objects that a bucket's policy may name.
pub const OF_OBJECTS: &[&str] = &[
    "AbortMultipartUpload",
    "BypassGovernanceRetention",
    "DeleteObject",
    "DeleteObjectAnnotation",
    "DeleteObjectTagging",
    "DeleteObjectVersion",
    "DeleteObjectVersionTagging",
    "GetObject",
    "GetObjectAcl",
    "GetObjectAnnotation",
    "GetObjectAttributes",
    "GetObjectLegalHold",
    "GetObjectRetention",
    "GetObjectTagging",
    "GetObjectTorrent",
    "GetObjectVersion",
    "GetObjectVersionAcl",
    "GetObjectVersionAttributes",
    "GetObjectVersionForReplication",
    "GetObjectVersionTagging",
    "GetObjectVersionTorrent",
    "InitiateReplication",
    "ListMultipartUploadParts",
    "ListObjectAnnotations",
    "ObjectOwnerOverrideToBucketOwner",
    "PutObject",
    "PutObjectAcl",
    "PutObjectAnnotation",
    "PutObjectLegalHold",
    "PutObjectRetention",
    "PutObjectTagging",
    "PutObjectVersionAcl",
    "PutObjectVersionTagging",
    "ReplicateDelete",
    "ReplicateObject",
    "ReplicateTags",
    "RestoreObject",
    "UpdateObjectEncryption",
];

/// Actions on buckets that a bucket's policy may name.
pub const OF_BUCKETS: &[&str] = &[
    "CreateBucket",
    "CreateBucketMetadataTableConfiguration",
    "DeleteBucket",
    "DeleteBucketMetadataTableConfiguration",
    "DeleteBucketPolicy",
    "DeleteBucketWebsite",
    "GetAccelerateConfiguration",
    "GetAnalyticsConfiguration",
    "GetBucketAbac",
    "GetBucketAcl",
    "GetBucketCORS",
    "GetBucketLocation",
    "GetBucketLogging",
    "GetBucketMetadataTableConfiguration",
    "GetBucketNotification",
    "GetBucketObjectLockConfiguration",
    "GetBucketOwnershipControls",
    "GetBucketPolicy",
    "GetBucketPolicyStatus",
    "GetBucketPublicAccessBlock",
    "GetBucketRequestPayment",
    "GetBucketTagging",
    "GetBucketVersioning",
    "GetBucketWebsite",
    "GetEncryptionConfiguration",
    "GetIntelligentTieringConfiguration",
    "GetInventoryConfiguration",
    "GetLifecycleConfiguration",
    "GetMetricsConfiguration",
    "GetReplicationConfiguration",
    "ListBucket",
    "ListBucketMultipartUploads",
    "ListBucketVersions",
    "PutAccelerateConfiguration",
    "PutAnalyticsConfiguration",
    "PutBucketAbac",
    "PutBucketAcl",
    "PutBucketCORS",
    "PutBucketLogging",
    "PutBucketNotification",
    "PutBucketObjectLockConfiguration",
    "PutBucketOwnershipControls",
    "PutBucketPolicy",
    "PutBucketPublicAccessBlock",
    "PutBucketRequestPayment",
    "PutBucketTagging",
    "PutBucketVersioning",
    "PutBucketWebsite",
    "PutEncryptionConfiguration",
    "PutIntelligentTieringConfiguration",
    "PutInventoryConfiguration",
    "PutLifecycleConfiguration",
    "PutMetricsConfiguration",
    "PutReplicationConfiguration",
];

/// An operation, its action, the action on a version, and the permission.
type Row = (&'static str, &'static str, &'static str, Option<(Permission, bool)>);

/// Operations, their actions and permissions.
const OPERATIONS: &[Row] = {
    use Permission::{Read, ReadAcp, Write, WriteAcp};
    const OF_BUCKET: bool = false;
    const OF_OBJECT: bool = true;
    &[
        ("GetObject", "s3:GetObject", "s3:GetObjectVersion", Some((Read, OF_OBJECT))),
        ("HeadObject", "s3:GetObject", "s3:GetObjectVersion", Some((Read, OF_OBJECT))),
        (
            "GetObjectAttributes",
            "s3:GetObjectAttributes",
            "s3:GetObjectVersionAttributes",
            Some((Read, OF_OBJECT)),
        ),
        ("GetObjectAcl", "s3:GetObjectAcl", "s3:GetObjectVersionAcl", Some((ReadAcp, OF_OBJECT))),
        ("PutObjectAcl", "s3:PutObjectAcl", "s3:PutObjectVersionAcl", Some((WriteAcp, OF_OBJECT))),
        ("GetObjectTagging", "s3:GetObjectTagging", "s3:GetObjectVersionTagging", None),
        ("PutObjectTagging", "s3:PutObjectTagging", "s3:PutObjectVersionTagging", None),
        ("DeleteObjectTagging", "s3:DeleteObjectTagging", "s3:DeleteObjectVersionTagging", None),
        ("GetObjectAnnotation", "s3:GetObjectAnnotation", "", None),
        ("ListObjectAnnotations", "s3:ListObjectAnnotations", "", None),
        ("PutObjectAnnotation", "s3:PutObjectAnnotation", "", None),
        ("DeleteObjectAnnotation", "s3:DeleteObjectAnnotation", "", None),
        ("DeleteObject", "s3:DeleteObject", "s3:DeleteObjectVersion", Some((Write, OF_BUCKET))),
        ("PutObject", "s3:PutObject", "", Some((Write, OF_BUCKET))),
        ("PostObject", "s3:PutObject", "", Some((Write, OF_BUCKET))),
        ("CopyObject", "s3:PutObject", "", Some((Write, OF_BUCKET))),
        ("CreateMultipartUpload", "s3:PutObject", "", Some((Write, OF_BUCKET))),
        ("UploadPart", "s3:PutObject", "", Some((Write, OF_BUCKET))),
        ("UploadPartCopy", "s3:PutObject", "", Some((Write, OF_BUCKET))),
        ("CompleteMultipartUpload", "s3:PutObject", "", Some((Write, OF_BUCKET))),
        ("AbortMultipartUpload", "s3:AbortMultipartUpload", "", Some((Write, OF_BUCKET))),
        ("ListParts", "s3:ListMultipartUploadParts", "", None),
        ("GetObjectRetention", "s3:GetObjectRetention", "", None),
        ("PutObjectRetention", "s3:PutObjectRetention", "", None),
        ("GetObjectLegalHold", "s3:GetObjectLegalHold", "", None),
        ("PutObjectLegalHold", "s3:PutObjectLegalHold", "", None),
        ("RestoreObject", "s3:RestoreObject", "", None),
        ("ListObjects", "s3:ListBucket", "", Some((Read, OF_BUCKET))),
        ("ListObjectsV2", "s3:ListBucket", "", Some((Read, OF_BUCKET))),
        ("HeadBucket", "s3:ListBucket", "", Some((Read, OF_BUCKET))),
        ("ListObjectVersions", "s3:ListBucketVersions", "", Some((Read, OF_BUCKET))),
        ("ListMultipartUploads", "s3:ListBucketMultipartUploads", "", Some((Read, OF_BUCKET))),
        ("GetBucketAcl", "s3:GetBucketAcl", "", Some((ReadAcp, OF_BUCKET))),
        ("PutBucketAcl", "s3:PutBucketAcl", "", Some((WriteAcp, OF_BUCKET))),
        ("GetBucketLocation", "s3:GetBucketLocation", "", None),
        ("GetBucketPolicy", "s3:GetBucketPolicy", "", None),
        ("GetBucketPolicyStatus", "s3:GetBucketPolicyStatus", "", None),
        ("GetBucketVersioning", "s3:GetBucketVersioning", "", None),
        ("GetBucketWebsite", "s3:GetBucketWebsite", "", None),
        ("GetBucketCors", "s3:GetBucketCORS", "", None),
        ("GetBucketTagging", "s3:GetBucketTagging", "", None),
        ("GetBucketEncryption", "s3:GetEncryptionConfiguration", "", None),
        ("GetBucketLifecycleConfiguration", "s3:GetLifecycleConfiguration", "", None),
    ]
};

/// What an operation needs; `None` for operations that nobody may do anonymously, whatever a policy
/// says.
pub fn action(operation: &str, of_version: bool) -> Option<Action> {
    let (_, plain, versioned, permission) =
        *OPERATIONS.iter().find(|(name, ..)| *name == operation)?;
    let name = if of_version && !versioned.is_empty() { versioned } else { plain };
    let bare = name.strip_prefix("s3:").unwrap_or(name);
    let scope = if OF_OBJECTS.contains(&bare) { Scope::Object } else { Scope::Bucket };
    Some(Action { name, scope, permission })
}
