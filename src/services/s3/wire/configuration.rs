//! Bucket configuration over HTTP: versioning, documents, policy, ACLs.

use super::S3;
use super::answer::{document as xml_document, empty, set};
use super::attributes;
use super::buckets::{canonical_id, tag_pairs, tag_set};
use super::head::Head;
use super::receive::{Plan, receive_document};
use crate::protocol::{Answer, Incoming, body as bytes_body};
use crate::services::s3::documents::{self, Kind};
use crate::services::s3::error::{Error, Result};
use crate::services::s3::index::existing;
use crate::services::s3::limits::BUCKET_TAGS_MAX;
use crate::services::s3::model::Versioning;
use crate::services::s3::ops::configuration::{Configure, Setting};
use crate::services::s3::ops::objects::find;
use crate::services::s3::ops::tagging;
use crate::services::s3::xml::{Element, Xml};
use http::{HeaderValue, Method, StatusCode, header};

/// Bytes of a bucket policy at the most.
const POLICY_BYTES_MAX: usize = 20 * 1024;
/// The group of everybody.
const ALL_USERS: &str = "http://acs.amazonaws.com/groups/global/AllUsers";
/// The group of everybody who has an AWS account.
const AUTHENTICATED: &str = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers";
/// The group that delivers access logs.
const LOG_DELIVERY: &str = "http://acs.amazonaws.com/groups/s3/LogDelivery";

async fn configure(s3: &S3, head: &Head, setting: Setting) -> Result<()> {
    let configure = Configure { bucket: head.bucket.clone(), setting };
    s3.change(&head.caller, move |i, c| configure.apply(i, c)).await.map(drop)
}

/// Get, put or delete a document of a kind.
pub(super) async fn document(s3: &S3, kind: &str, head: &Head, body: Incoming) -> Result<Answer> {
    let kind = Kind::of(kind).ok_or_else(|| Error::operation_not_implemented(kind))?;
    match head.method {
        Method::GET => {
            let bucket = s3.look(|index| existing(index, &head.bucket))?;
            let mut answer = xml_document(kind.of_bucket(&bucket)?);
            if kind.name == "lifecycle" {
                let name = "x-amz-transition-default-minimum-object-size";
                set(answer.headers_mut(), name, "all_storage_classes_128K");
            }
            Ok(answer)
        }
        Method::DELETE => {
            configure(s3, head, Setting::Delete(kind.name.to_owned())).await?;
            Ok(empty(StatusCode::NO_CONTENT))
        }
        _ => {
            let plan = Plan::read(head)?;
            let bucket = s3.look(|index| existing(index, &head.bucket))?;
            let text = receive_document(body, &plan).await?;
            let element = kind.accept(&text)?;
            let setting = match kind.name {
                "encryption" => {
                    let meant = documents::encryption(&element, &bucket.region, &bucket.account);
                    Setting::Encryption(element.document(), meant)
                }
                "tagging" => {
                    let tags = element.child("TagSet").ok_or_else(Error::malformed_xml)?;
                    let tags = tagging::checked(tag_pairs(tags)?, BUCKET_TAGS_MAX, true)?;
                    Setting::Put(kind.name.to_owned(), tag_set(&tags))
                }
                _ => Setting::Put(kind.name.to_owned(), element.document()),
            };
            configure(s3, head, setting).await?;
            let done = if kind.name == "tagging" { StatusCode::NO_CONTENT } else { StatusCode::OK };
            Ok(empty(done))
        }
    }
}

/// GetBucketVersioning and PutBucketVersioning.
pub(super) async fn versioning(s3: &S3, head: &Head, body: Incoming) -> Result<Answer> {
    if head.method == Method::GET {
        let bucket = s3.look(|index| existing(index, &head.bucket))?;
        let mut xml = Xml::document("VersioningConfiguration");
        match bucket.settings.versioning {
            Versioning::Off => {}
            Versioning::Enabled => xml.leaf("Status", "Enabled"),
            Versioning::Suspended => xml.leaf("Status", "Suspended"),
        }
        return Ok(xml_document(xml.finish()));
    }
    let plan = Plan::read(head)?;
    s3.look(|index| existing(index, &head.bucket))?;
    let text = receive_document(body, &plan).await?;
    let wanted = Element::parse(&text, "VersioningConfiguration")?;
    let versioning = match wanted.value("Status") {
        Some("Enabled") => Versioning::Enabled,
        Some("Suspended") => Versioning::Suspended,
        Some(_) => return Err(Error::malformed_xml()),
        None => {
            return Err(Error::new(
                400,
                "IllegalVersioningConfigurationException",
                "The Versioning element must be specified",
            ));
        }
    };
    configure(s3, head, Setting::Versioning(versioning)).await?;
    Ok(empty(StatusCode::OK))
}

/// GetBucketPolicy, PutBucketPolicy, DeleteBucketPolicy.
pub(super) async fn policy(s3: &S3, head: &Head, body: Incoming) -> Result<Answer> {
    match head.method {
        Method::GET => {
            let mut answer = http::Response::new(bytes_body(stored_policy(s3, head)?));
            let json = HeaderValue::from_static("application/json");
            answer.headers_mut().insert(header::CONTENT_TYPE, json);
            Ok(answer)
        }
        Method::DELETE => {
            configure(s3, head, Setting::Delete("policy".into())).await?;
            Ok(empty(StatusCode::NO_CONTENT))
        }
        _ => {
            let plan = Plan::read(head)?;
            s3.look(|index| existing(index, &head.bucket))?;
            let text = receive_document(body, &plan).await?;
            if text.len() > POLICY_BYTES_MAX {
                return Err(Error::new(
                    400,
                    "PolicyTooLarge",
                    "Policy exceeds the maximum allowed document size.",
                ));
            }
            let policy = String::from_utf8(text.to_vec());
            let policy = policy.map_err(|_| {
                Error::new(400, "MalformedPolicy", "This policy contains invalid Json")
            })?;
            documents::check_policy(&policy)?;
            configure(s3, head, Setting::Put("policy".into(), policy)).await?;
            Ok(empty(StatusCode::NO_CONTENT))
        }
    }
}

fn stored_policy(s3: &S3, head: &Head) -> Result<String> {
    let bucket = s3.look(|index| existing(index, &head.bucket))?;
    bucket.settings.documents.get("policy").cloned().ok_or_else(|| {
        Error::new(404, "NoSuchBucketPolicy", "The bucket policy does not exist")
            .with("BucketName", head.bucket.as_str())
    })
}

/// GetBucketPolicyStatus: whether a statement allows everybody something, unconditionally.
pub(super) async fn policy_status(s3: &S3, head: &Head) -> Result<Answer> {
    let policy: serde_json::Value =
        serde_json::from_str(&stored_policy(s3, head)?).unwrap_or_default();
    let statements = match &policy["Statement"] {
        serde_json::Value::Array(list) => list.clone(),
        one => vec![one.clone()],
    };
    let everybody = |principal: &serde_json::Value| {
        principal == "*" || principal["AWS"] == "*" || principal["AWS"][0] == "*"
    };
    let public = statements.iter().any(|s| {
        s["Effect"] == "Allow" && everybody(&s["Principal"]) && s.get("Condition").is_none()
    });
    let mut xml = Xml::document("PolicyStatus");
    xml.number("IsPublic", public);
    Ok(xml_document(xml.finish()))
}

/// The ACL that a canned one stands for.
pub(super) fn acl_document(account: &str, canned: &str) -> String {
    let mut xml = Xml::document("AccessControlPolicy");
    let owner = canonical_id(account);
    xml.open("Owner");
    xml.leaf("ID", &owner);
    xml.close();
    xml.open("AccessControlList");
    let mut grant = |kind: &str, name: &str, value: &str, permission: &str| {
        xml.open("Grant");
        xml.open_typed("Grantee", kind);
        xml.leaf(name, value);
        xml.close();
        xml.leaf("Permission", permission);
        xml.close();
    };
    grant("CanonicalUser", "ID", &owner, "FULL_CONTROL");
    let groups: &[(&str, &str)] = match canned {
        "public-read" => &[(ALL_USERS, "READ")],
        "public-read-write" => &[(ALL_USERS, "READ"), (ALL_USERS, "WRITE")],
        "authenticated-read" => &[(AUTHENTICATED, "READ")],
        "log-delivery-write" => &[(LOG_DELIVERY, "WRITE"), (LOG_DELIVERY, "READ_ACP")],
        _ => &[],
    };
    groups.iter().for_each(|(group, permission)| grant("Group", "URI", group, permission));
    xml.finish()
}

/// GetBucketAcl and PutBucketAcl.
pub(super) async fn bucket_acl(s3: &S3, head: &Head, body: Incoming) -> Result<Answer> {
    let bucket = s3.look(|index| existing(index, &head.bucket))?;
    if head.method == Method::GET {
        let stored = bucket.settings.documents.get("acl").cloned();
        return Ok(xml_document(
            stored.unwrap_or_else(|| acl_document(&bucket.account, "private")),
        ));
    }
    let canned = attributes::acl(head)?;
    let grants = head.headers.keys().any(|n| n.as_str().starts_with("x-amz-grant-"));
    if canned.is_some() && grants {
        return Err(Error::invalid_request(
            "Specifying both Canned ACLs and Header Grants is not allowed",
        ));
    }
    if grants {
        let text = "devenv does not serve grants by header yet; see docs/s3.md".into();
        return Err(Error::header_not_implemented("x-amz-grant-*", text));
    }
    let plan = Plan::read(head)?;
    let text = receive_document(body, &plan).await?;
    let acl = match (canned, text.is_empty()) {
        (Some(_), false) => {
            return Err(Error::new(
                400,
                "UnexpectedContent",
                "This request does not support content",
            ));
        }
        (Some(canned), true) => acl_document(&bucket.account, &canned),
        (None, true) => {
            return Err(Error::new(
                400,
                "MissingSecurityHeader",
                "Your request was missing a required header",
            )
            .with("MissingHeaderName", "x-amz-acl"));
        }
        (None, false) => {
            let given = Element::parse(&text, "AccessControlPolicy").ok();
            let whole = given.filter(|a| a.child("Owner").is_some());
            let malformed = || Error { code: "MalformedACLError".into(), ..Error::malformed_xml() };
            whole.ok_or_else(malformed)?.document()
        }
    };
    configure(s3, head, Setting::Put("acl".into(), acl)).await?;
    Ok(empty(StatusCode::OK))
}

/// GetObjectAcl.
pub(super) async fn object_acl(s3: &S3, head: &Head) -> Result<Answer> {
    let (bucket, version) = s3.look(|index| {
        let bucket = existing(index, &head.bucket)?;
        let version = find(index, &bucket, &head.key, head.param("versionId"), "GET")?;
        Ok((bucket, version))
    })?;
    Ok(xml_document(acl_document(&bucket.account, &version.attributes.acl)))
}
