//! What a request's operation is called by AWS, for those who read of it: `PutBucketCors`.

use super::head::Head;
use super::routes::{Operation, operation};
use crate::protocol::RequestHead;
use crate::services::Identified;
use http::Method;
use std::borrow::Cow;

/// Documents whose operations are not called `…Bucket` and their parameter in capitals: the parameter,
/// and what follows `Get` or `Put`, and `Delete`.
const STEMS: &[(&str, &str, &str)] = &[
    ("abac", "BucketAbac", "BucketAbac"),
    ("accelerate", "BucketAccelerateConfiguration", "BucketAccelerateConfiguration"),
    ("cors", "BucketCors", "BucketCors"),
    ("encryption", "BucketEncryption", "BucketEncryption"),
    ("lifecycle", "BucketLifecycleConfiguration", "BucketLifecycle"),
    ("logging", "BucketLogging", "BucketLogging"),
    ("notification", "BucketNotificationConfiguration", "BucketNotificationConfiguration"),
    ("object-lock", "ObjectLockConfiguration", "ObjectLockConfiguration"),
    ("ownershipControls", "BucketOwnershipControls", "BucketOwnershipControls"),
    ("publicAccessBlock", "PublicAccessBlock", "PublicAccessBlock"),
    ("replication", "BucketReplication", "BucketReplication"),
    ("requestPayment", "BucketRequestPayment", "BucketRequestPayment"),
    ("tagging", "BucketTagging", "BucketTagging"),
    ("website", "BucketWebsite", "BucketWebsite"),
    ("analytics", "BucketAnalyticsConfiguration", "BucketAnalyticsConfiguration"),
    (
        "intelligent-tiering",
        "BucketIntelligentTieringConfiguration",
        "BucketIntelligentTieringConfiguration",
    ),
    ("inventory", "BucketInventoryConfiguration", "BucketInventoryConfiguration"),
    ("metrics", "BucketMetricsConfiguration", "BucketMetricsConfiguration"),
];

/// The operation that a request's head asks for, with the bucket and the key that it is for.
pub(super) fn identified(head: RequestHead) -> Option<Identified> {
    let head = Head::read(head).ok()?;
    let operation = match operation(&head).ok()? {
        Operation::Named(name) => Cow::Borrowed(name),
        Operation::Document(kind) => Cow::Owned(of_document(&head, kind)?),
        Operation::Kept(kind) if head.method == Method::GET && !head.has("id") => {
            Cow::Owned(format!("List{}s", stem(kind.name)?.0))
        }
        Operation::Kept(kind) => Cow::Owned(of_document(&head, kind.name)?),
    };
    let members = [("Bucket", head.bucket), ("Key", head.key)];
    let members = members.into_iter().filter(|(_, value)| !value.is_empty());
    let members = members.map(|(name, value)| (name.to_owned(), value)).collect();
    Some(Identified { operation, members })
}

fn of_document(head: &Head, kind: &str) -> Option<String> {
    let (stem, deleted) = stem(kind)?;
    Some(match head.method {
        Method::PUT => format!("Put{stem}"),
        Method::DELETE => format!("Delete{deleted}"),
        _ => format!("Get{stem}"),
    })
}

fn stem(kind: &str) -> Option<(&'static str, &'static str)> {
    STEMS.iter().find(|(name, ..)| *name == kind).map(|(_, stem, deleted)| (*stem, *deleted))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(method: &str, uri: &str) -> String {
        let request = http::Request::builder().method(method).uri(uri).header("host", "localhost");
        identified(request.body(()).unwrap().into_parts().0).unwrap().operation.into_owned()
    }

    #[test]
    fn operations_have_their_names() {
        for (method, uri, expected) in [
            ("PUT", "/b/k", "PutObject"),
            ("GET", "/b?cors", "GetBucketCors"),
            ("DELETE", "/b?lifecycle", "DeleteBucketLifecycle"),
            ("PUT", "/b?lifecycle", "PutBucketLifecycleConfiguration"),
            ("GET", "/b?analytics", "ListBucketAnalyticsConfigurations"),
            ("GET", "/b?analytics&id=x", "GetBucketAnalyticsConfiguration"),
            ("DELETE", "/b?publicAccessBlock", "DeletePublicAccessBlock"),
            ("GET", "/b?list-type=2", "ListObjectsV2"),
            ("POST", "/b/k?uploads", "CreateMultipartUpload"),
        ] {
            assert_eq!(name(method, uri), expected);
        }
    }

    #[test]
    fn every_document_has_a_name_that_is_served() {
        for (kind, ..) in STEMS {
            let name = name("PUT", &format!("/b?{kind}&id=x"));
            assert!(super::super::routes::SERVED.contains(&name.as_str()), "{name}");
        }
        for kind in crate::services::s3::documents::KINDS {
            assert!(stem(kind.name).is_some(), "{}", kind.name);
        }
    }
}
