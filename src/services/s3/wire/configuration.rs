//! Bucket configuration over HTTP: versioning, documents, policy.

use super::S3;
use super::answer::{document as xml_document, empty, set};
use super::buckets::{tag_pairs, tag_set};
use super::head::Head;
use super::receive::{Plan, receive_document};
use crate::policy::{Grammar, Policy};
use crate::protocol::{Answer, Incoming, body as bytes_body};
use crate::services::s3::access;
use crate::services::s3::documents::{self, Kind};
use crate::services::s3::error::{Error, Result};
use crate::services::s3::index::{Index, Look, existing};
use crate::services::s3::lifecycle::{ALL_CLASSES, BY_CLASS, MINIMUM_SIZE};
use crate::services::s3::limits::BUCKET_TAGS_MAX;
use crate::services::s3::model::{Bucket, Versioning};
use crate::services::s3::named::{Named, PER_KIND_MAX};
use crate::services::s3::notifications;
use crate::services::s3::ops::configuration::{Configure, Setting};
use crate::services::s3::ops::{replication, tagging};
use crate::services::s3::xml::{Element, Xml};
use crate::services::sqs::QueueArn;
use http::{HeaderValue, Method, StatusCode, header};

/// Below which size objects stay in their class.
const MINIMUM_HEADER: &str = "x-amz-transition-default-minimum-object-size";
/// Bytes of a bucket policy at the most.
const POLICY_BYTES_MAX: usize = 20 * 1024;
pub(super) async fn configure(s3: &S3, head: &Head, setting: Setting) -> Result<()> {
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
                let minimum = bucket.settings.documents.get(MINIMUM_SIZE).map(String::as_str);
                set(answer.headers_mut(), MINIMUM_HEADER, minimum.unwrap_or(ALL_CLASSES));
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
            match kind.name {
                "notification" => return notification(s3, head, element).await,
                "lifecycle" => return lifecycle(s3, head, element).await,
                "accelerate" if head.bucket.contains('.') => {
                    let text = "S3 Transfer Acceleration is not supported for buckets with periods (.) in their names";
                    return Err(Error::invalid_request(text));
                }
                "replication" => {
                    s3.check_pass_role(head, element.value("Role").unwrap_or_default())?;
                    check_destinations(s3, &bucket, &element)?;
                }
                "logging" => check_log_target(s3, &bucket, &element)?,
                _ => {}
            }
            let setting = match kind.name {
                "encryption" => {
                    let meant = documents::encryption(&element);
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

/// PutBucketNotificationConfiguration, and the test event that each queue then gets.
async fn notification(s3: &S3, head: &Head, document: Element) -> Result<Answer> {
    let queues = notifications::queues(&document);
    let skip = head.header("x-amz-skip-destination-validation");
    if skip.is_none_or(|skip| !skip.eq_ignore_ascii_case("true")) {
        let refusal = |arn: &String| {
            let found = QueueArn::parse(arn).map(|parsed| {
                s3.sqs.look(|queues, _| queues.find_arn(&parsed).is_some()).unwrap_or(false)
            });
            let reason = match found {
                Some(true) if arn.ends_with(".fifo") => "FIFO queues are not supported",
                Some(true) => return None,
                _ => "The destination queue does not exist",
            };
            Some((arn.clone(), reason))
        };
        let refused: Vec<(String, &str)> = queues.iter().filter_map(refusal).collect();
        if !refused.is_empty() {
            return Err(notifications::refused_destinations(&refused));
        }
    }
    let setting = Setting::Put("notification".into(), document.document());
    let configure = Configure { bucket: head.bucket.clone(), setting };
    let change = s3.change(&head.caller, move |index, context| {
        let bucket = configure.apply(index, context)?;
        for queue in &queues {
            index.post(&notifications::test_event(queue, &bucket.name, context))?;
        }
        Ok(())
    });
    change.await.map(|()| empty(StatusCode::OK))
}

/// PutBucketLifecycleConfiguration.
async fn lifecycle(s3: &S3, head: &Head, document: Element) -> Result<Answer> {
    let minimum = head.header(MINIMUM_HEADER).unwrap_or(ALL_CLASSES).to_owned();
    if ![ALL_CLASSES, BY_CLASS].contains(&minimum.as_str()) {
        return Err(Error::invalid_request(format!(
            "Invalid TransitionDefaultMinimumObjectSize found: {minimum}"
        )));
    }
    let settings = [
        Setting::Put(MINIMUM_SIZE.into(), minimum.clone()),
        Setting::Put("lifecycle".into(), document.document()),
    ];
    let bucket = head.bucket.clone();
    let change = s3.change(&head.caller, move |index, context| {
        settings.into_iter().try_for_each(|setting| {
            Configure { bucket: bucket.clone(), setting }.apply(index, context).map(drop)
        })
    });
    change.await?;
    let mut answer = empty(StatusCode::OK);
    set(answer.headers_mut(), MINIMUM_HEADER, &minimum);
    Ok(answer)
}

/// The buckets that a replication document names must have versions.
fn check_destinations(s3: &S3, bucket: &Bucket, document: &Element) -> Result<()> {
    if bucket.settings.versioning != Versioning::Enabled {
        // Refused in its own words when it is stored.
        return Ok(());
    }
    for rule in document.all("Rule") {
        let arn = rule.child("Destination").and_then(|d| d.value("Bucket")).unwrap_or_default();
        let target = s3.look(|index| index.bucket(replication::bucket_of(arn)))?;
        if target.is_none_or(|t| t.settings.versioning != Versioning::Enabled) {
            let text = "Destination bucket must have versioning enabled.";
            return Err(Error::invalid_request(text));
        }
    }
    Ok(())
}

/// Logs can only be delivered to a bucket of the same region.
fn check_log_target(s3: &S3, bucket: &Bucket, document: &Element) -> Result<()> {
    let Some(enabled) = document.child("LoggingEnabled") else { return Ok(()) };
    let name = enabled.value("TargetBucket").unwrap_or_default();
    let Some(target) = s3.look(|index| index.bucket(name))? else {
        return Err(Error::new(
            400,
            "InvalidTargetBucketForLogging",
            "The target bucket for logging does not exist",
        )
        .with("TargetBucket", name));
    };
    if target.region == bucket.region {
        return Ok(());
    }
    let message = "Cross S3 location logging not allowed. ";
    let mut error = Error::new(403, "CrossLocationLoggingProhibitted", message);
    // us-east-1 has no name of its own here.
    for (member, region) in
        [("SourceBucketLocation", &bucket.region), ("TargetBucketLocation", &target.region)]
    {
        if region != "us-east-1" {
            error = error.with(member, region.as_str());
        }
    }
    Err(error)
}

/// Put, get, list or delete a configuration of a kind of which a bucket has many.
pub(super) async fn named(s3: &S3, kind: &Named, head: &Head, body: Incoming) -> Result<Answer> {
    let bucket = s3.look(|index| existing(index, &head.bucket))?;
    let settings = &bucket.settings;
    let id = head.param("id");
    match (&head.method, id) {
        (&Method::GET, None) => {
            let after = head.param("continuation-token").filter(|t| !t.is_empty());
            Ok(xml_document(kind.list(settings, after)?))
        }
        (&Method::GET, Some(id)) => Ok(xml_document(kind.find(settings, id)?.to_owned())),
        (_, None) => {
            Err(Error::new(400, "InvalidConfigurationId", "Missing parameter: configuration ID"))
        }
        (&Method::DELETE, Some(id)) => {
            kind.find(settings, id)?;
            configure(s3, head, Setting::Delete(kind.kept(id))).await?;
            Ok(empty(StatusCode::NO_CONTENT))
        }
        (_, Some(id)) => {
            let plan = Plan::read(head)?;
            let text = receive_document(body, &plan).await?;
            let document = kind.accept(&text, id)?;
            let prefix = kind.kept("");
            let others = settings.documents.keys().filter(|name| name.starts_with(&prefix)).count();
            if others >= PER_KIND_MAX && kind.find(settings, id).is_err() {
                let message = "You are attempting to create a new configuration but have already reached the 1,000-configuration limit.";
                return Err(Error::new(400, "TooManyConfigurations", message));
            }
            configure(s3, head, Setting::Put(kind.kept(id), document)).await?;
            Ok(empty(StatusCode::NO_CONTENT))
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
        let mfa = bucket.settings.mfa_delete.map(|on| if on { "Enabled" } else { "Disabled" });
        xml.maybe("MfaDelete", mfa);
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
    let mfa = match wanted.value("MfaDelete") {
        None => None,
        Some("Enabled") => Some(true),
        Some("Disabled") => Some(false),
        Some(_) => return Err(Error::malformed_xml()),
    };
    configure(s3, head, Setting::Versioning(versioning, mfa)).await?;
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
            let bucket = s3.look(|index| existing(index, &head.bucket))?;
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
            access::policy::check(&policy, &bucket)?;
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

/// GetBucketPolicyStatus: whether a statement allows everybody something.
pub(super) async fn policy_status(s3: &S3, head: &Head) -> Result<Answer> {
    let policy = Policy::parse(&stored_policy(s3, head)?, Grammar::Resource);
    let public = policy.is_ok_and(|policy| policy.is_public());
    let mut xml = Xml::document("PolicyStatus");
    xml.number("IsPublic", public);
    Ok(xml_document(xml.finish()))
}
