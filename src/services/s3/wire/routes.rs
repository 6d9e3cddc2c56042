//! Which operation a request is, and who serves it.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html>

use super::S3;
use super::configuration as config;
use super::head::Head;
use super::metadata;
use crate::protocol::{Answer, Incoming};
use crate::services::s3::documents::Kind;
use crate::services::s3::error::{Error, Result};
use crate::services::s3::named::Named;
use http::Method;
use std::sync::Arc;

/// Operations that are served.
pub(super) const SERVED: &[&str] = &[
    "AbortMultipartUpload",
    "CompleteMultipartUpload",
    "CopyObject",
    "CreateBucket",
    "CreateBucketMetadataConfiguration",
    "CreateBucketMetadataTableConfiguration",
    "CreateMultipartUpload",
    "DeleteBucket",
    "DeleteBucketAnalyticsConfiguration",
    "DeleteBucketCors",
    "DeleteBucketEncryption",
    "DeleteBucketIntelligentTieringConfiguration",
    "DeleteBucketInventoryConfiguration",
    "DeleteBucketLifecycle",
    "DeleteBucketMetadataConfiguration",
    "DeleteBucketMetadataTableConfiguration",
    "DeleteBucketMetricsConfiguration",
    "DeleteBucketOwnershipControls",
    "DeleteBucketPolicy",
    "DeleteBucketReplication",
    "DeleteBucketTagging",
    "DeleteBucketWebsite",
    "DeleteObject",
    "DeleteObjectAnnotation",
    "DeleteObjectTagging",
    "DeleteObjects",
    "DeletePublicAccessBlock",
    "GetBucketAbac",
    "GetBucketAccelerateConfiguration",
    "GetBucketAcl",
    "GetBucketAnalyticsConfiguration",
    "GetBucketCors",
    "GetBucketEncryption",
    "GetBucketIntelligentTieringConfiguration",
    "GetBucketInventoryConfiguration",
    "GetBucketLifecycle",
    "GetBucketLifecycleConfiguration",
    "GetBucketLocation",
    "GetBucketLogging",
    "GetBucketMetadataConfiguration",
    "GetBucketMetadataTableConfiguration",
    "GetBucketMetricsConfiguration",
    "GetBucketNotification",
    "GetBucketNotificationConfiguration",
    "GetBucketOwnershipControls",
    "GetBucketPolicy",
    "GetBucketPolicyStatus",
    "GetBucketReplication",
    "GetBucketRequestPayment",
    "GetBucketTagging",
    "GetBucketVersioning",
    "GetBucketWebsite",
    "GetObject",
    "GetObjectAcl",
    "GetObjectAnnotation",
    "GetObjectAttributes",
    "GetObjectLegalHold",
    "GetObjectLockConfiguration",
    "GetObjectRetention",
    "GetObjectTagging",
    "GetPublicAccessBlock",
    "HeadBucket",
    "HeadObject",
    "ListBucketAnalyticsConfigurations",
    "ListBucketIntelligentTieringConfigurations",
    "ListBucketInventoryConfigurations",
    "ListBucketMetricsConfigurations",
    "ListBuckets",
    "ListMultipartUploads",
    "ListObjectAnnotations",
    "ListObjectVersions",
    "ListObjects",
    "ListObjectsV2",
    "ListParts",
    "PutBucketAbac",
    "PutBucketAccelerateConfiguration",
    "PutBucketAcl",
    "PutBucketAnalyticsConfiguration",
    "PutBucketCors",
    "PutBucketEncryption",
    "PutBucketIntelligentTieringConfiguration",
    "PutBucketInventoryConfiguration",
    "PutBucketLifecycle",
    "PutBucketLifecycleConfiguration",
    "PutBucketLogging",
    "PutBucketMetricsConfiguration",
    "PutBucketNotification",
    "PutBucketNotificationConfiguration",
    "PutBucketOwnershipControls",
    "PutBucketPolicy",
    "PutBucketReplication",
    "PutBucketRequestPayment",
    "PutBucketTagging",
    "PutBucketVersioning",
    "PutBucketWebsite",
    "PutObject",
    "PutObjectAcl",
    "PutObjectAnnotation",
    "PutObjectLegalHold",
    "PutObjectLockConfiguration",
    "PutObjectRetention",
    "PutObjectTagging",
    "PutPublicAccessBlock",
    "RestoreObject",
    "UpdateBucketMetadataAnnotationTableConfiguration",
    "UpdateBucketMetadataInventoryTableConfiguration",
    "UpdateBucketMetadataJournalTableConfiguration",
    "UpdateObjectEncryption",
    "UploadPart",
    "UploadPartCopy",
];

/// An operation as the router sees it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Operation {
    /// One with a handler of its own, by AWS's name.
    Named(&'static str),
    /// Put, get or delete the document of this kind.
    Document(&'static str),
    /// Put, get, list or delete a configuration of this kind, of which a bucket has many.
    Kept(&'static Named),
}

/// Query parameters that make another operation of a request to a bucket, and that operation's
/// names for GET, PUT, DELETE and POST; empty where there is none.
const OF_BUCKET: &[(&str, [&str; 4])] = &[
    ("acl", ["GetBucketAcl", "PutBucketAcl", "", ""]),
    ("delete", ["", "", "", "DeleteObjects"]),
    ("location", ["GetBucketLocation", "", "", ""]),
    (
        "metadataConfiguration",
        [
            "GetBucketMetadataConfiguration",
            "",
            "DeleteBucketMetadataConfiguration",
            "CreateBucketMetadataConfiguration",
        ],
    ),
    (
        "metadataTable",
        [
            "GetBucketMetadataTableConfiguration",
            "",
            "DeleteBucketMetadataTableConfiguration",
            "CreateBucketMetadataTableConfiguration",
        ],
    ),
    ("metadataInventoryTable", ["", "UpdateBucketMetadataInventoryTableConfiguration", "", ""]),
    ("metadataJournalTable", ["", "UpdateBucketMetadataJournalTableConfiguration", "", ""]),
    ("metadataAnnotationTable", ["", "UpdateBucketMetadataAnnotationTableConfiguration", "", ""]),
    ("policy", ["GetBucketPolicy", "PutBucketPolicy", "DeleteBucketPolicy", ""]),
    ("policyStatus", ["GetBucketPolicyStatus", "", "", ""]),
    ("session", ["CreateSession", "", "", ""]),
    ("uploads", ["ListMultipartUploads", "", "", ""]),
    ("versioning", ["GetBucketVersioning", "PutBucketVersioning", "", ""]),
    ("versions", ["ListObjectVersions", "", "", ""]),
];

/// The same for requests to an object.
const OF_OBJECT: &[(&str, [&str; 4])] = &[
    ("acl", ["GetObjectAcl", "PutObjectAcl", "", ""]),
    ("annotation", ["GetObjectAnnotation", "PutObjectAnnotation", "DeleteObjectAnnotation", ""]),
    ("attributes", ["GetObjectAttributes", "", "", ""]),
    ("encryption", ["", "UpdateObjectEncryption", "", ""]),
    ("legal-hold", ["GetObjectLegalHold", "PutObjectLegalHold", "", ""]),
    ("renameObject", ["", "RenameObject", "", ""]),
    ("restore", ["", "", "", "RestoreObject"]),
    ("retention", ["GetObjectRetention", "PutObjectRetention", "", ""]),
    ("select", ["", "", "", "SelectObjectContent"]),
    ("tagging", ["GetObjectTagging", "PutObjectTagging", "DeleteObjectTagging", ""]),
    ("torrent", ["GetObjectTorrent", "", "", ""]),
    ("uploadId", ["ListParts", "", "AbortMultipartUpload", "CompleteMultipartUpload"]),
    ("uploads", ["", "", "", "CreateMultipartUpload"]),
];

/// The operation that a request means.
pub(super) fn operation(head: &Head) -> Result<Operation> {
    let not_allowed = || {
        let resource = match (head.bucket.is_empty(), head.key.is_empty()) {
            (true, _) => "SERVICE",
            (_, true) => "BUCKET",
            _ => "OBJECT",
        };
        Error::method_not_allowed(head.method.as_str(), resource)
    };
    if head.bucket.is_empty() {
        return match head.method {
            Method::GET => Ok(Operation::Named("ListBuckets")),
            _ => Err(not_allowed()),
        };
    }
    let column = match head.method {
        Method::GET => 0,
        Method::PUT => 1,
        Method::DELETE => 2,
        Method::POST => 3,
        Method::HEAD if head.key.is_empty() => return Ok(Operation::Named("HeadBucket")),
        Method::HEAD => return Ok(Operation::Named("HeadObject")),
        _ => return Err(not_allowed()),
    };
    let table = if head.key.is_empty() { OF_BUCKET } else { OF_OBJECT };
    if head.key.is_empty()
        && column < 3
        && let Some(kind) = head.query.iter().find_map(|(name, _)| Named::of(name))
    {
        return Ok(Operation::Kept(kind));
    }
    if let Some((_, names)) = table.iter().find(|(param, _)| head.has(param)) {
        let name = match names[column] {
            "GetObjectAnnotation" if !head.has("annotationName") => "ListObjectAnnotations",
            name => name,
        };
        // `?uploadId` on a PUT is a part, which follows below.
        if !name.is_empty() {
            return Ok(Operation::Named(name));
        }
        if head.key.is_empty() {
            return Err(not_allowed());
        }
    }
    if head.key.is_empty() { of_bucket(head, column) } else { of_object(head, column) }
        .ok_or_else(not_allowed)
}

fn of_bucket(head: &Head, column: usize) -> Option<Operation> {
    if let Some((name, _)) = head.query.iter().find(|(name, _)| Kind::of(name).is_some()) {
        let kind = Kind::of(name)?;
        return (column < 3).then_some(Operation::Document(kind.name));
    }
    Some(Operation::Named(match column {
        0 if head.param("list-type") == Some("2") => "ListObjectsV2",
        0 => "ListObjects",
        1 => "CreateBucket",
        2 => "DeleteBucket",
        _ => "PostObject",
    }))
}

fn of_object(head: &Head, column: usize) -> Option<Operation> {
    let part = head.has("uploadId") || head.has("partNumber");
    Some(Operation::Named(match column {
        0 => "GetObject",
        1 if part && head.is_copy() => "UploadPartCopy",
        1 if part => "UploadPart",
        1 if head.is_copy() => "CopyObject",
        1 => "PutObject",
        2 => "DeleteObject",
        _ => return None,
    }))
}

/// Serves an operation.
pub(super) async fn dispatch(
    s3: &S3,
    operation: Operation,
    head: &Arc<Head>,
    body: Incoming,
) -> Result<Answer> {
    let name = match operation {
        Operation::Document(kind) => return config::document(s3, kind, head, body).await,
        Operation::Kept(kind) => return config::named(s3, kind, head, body).await,
        Operation::Named(name) => name,
    };
    match name {
        "GetObject" | "HeadObject" => s3.get_object(head).await,
        "PutObject" => s3.put_object(head, body).await,
        "PostObject" => s3.post_object(head, body).await,
        "DeleteObject" => s3.delete_object(head).await,
        "DeleteObjects" => s3.delete_objects(head, body).await,
        "CopyObject" => s3.copy_object(head).await,
        "GetObjectAttributes" => s3.get_object_attributes(head).await,
        "GetObjectTagging" => s3.get_object_tagging(head).await,
        "PutObjectTagging" => s3.put_object_tagging(head, body).await,
        "DeleteObjectTagging" => s3.delete_object_tagging(head).await,
        "ListBuckets" => s3.list_buckets(head).await,
        "CreateBucket" => s3.create_bucket(head, body).await,
        "DeleteBucket" => s3.delete_bucket(head).await,
        "HeadBucket" => s3.head_bucket(head).await,
        "GetBucketLocation" => s3.get_bucket_location(head).await,
        "ListObjects" => s3.list_objects(head, false).await,
        "ListObjectsV2" => s3.list_objects(head, true).await,
        "ListObjectVersions" => s3.list_object_versions(head).await,
        "CreateMultipartUpload" => s3.create_upload(head).await,
        "UploadPart" => s3.upload_part(head, body).await,
        "UploadPartCopy" => s3.upload_part_copy(head).await,
        "CompleteMultipartUpload" => s3.complete_upload(head, body).await,
        "AbortMultipartUpload" => s3.abort_upload(head).await,
        "ListParts" => s3.list_parts(head).await,
        "ListMultipartUploads" => s3.list_uploads(head).await,
        "GetBucketVersioning" | "PutBucketVersioning" => config::versioning(s3, head, body).await,
        "GetBucketPolicy" | "PutBucketPolicy" | "DeleteBucketPolicy" => {
            config::policy(s3, head, body).await
        }
        "GetObjectRetention" | "PutObjectRetention" => s3.retention(head, body).await,
        "GetObjectLegalHold" | "PutObjectLegalHold" => s3.legal_hold(head, body).await,
        "RestoreObject" => s3.restore_object(head, body).await,
        "UpdateObjectEncryption" => s3.update_encryption(head, body).await,
        "RenameObject" => Err(Error::header_not_on_general_purpose("x-amz-rename-source")),
        name if name.contains("BucketMetadata") => metadata::serve(s3, name, head, body).await,
        "PutObjectAnnotation" => s3.put_annotation(head, body).await,
        "GetObjectAnnotation" => s3.get_annotation(head).await,
        "ListObjectAnnotations" => s3.list_annotations(head).await,
        "DeleteObjectAnnotation" => s3.delete_annotation(head).await,
        "GetBucketPolicyStatus" => config::policy_status(s3, head).await,
        "GetBucketAcl" | "PutBucketAcl" => s3.bucket_acl(head, body).await,
        "GetObjectAcl" | "PutObjectAcl" => s3.object_acl(head, body).await,
        other => Err(Error::operation_not_implemented(other)),
    }
}
