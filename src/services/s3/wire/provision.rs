//! Buckets as the profile declares them, made at boot. Doing it again changes nothing.
//!
//! The keys and shapes are those of `docs/profile.md`. What S3 serves becomes the very document that
//! its `Put…` operation would store; the rest is kept as it was written, and named to the caller.

use super::S3;
use crate::base::Caller;
use crate::protocol::Failure;
use crate::services::s3::documents::{self, Kind};
use crate::services::s3::error::{Error, Result};
use crate::services::s3::index::Look;
use crate::services::s3::model::Versioning;
use crate::services::s3::ops::buckets::CreateBucket;
use crate::services::s3::ops::configuration::{Configure, Setting};
use crate::services::s3::xml::Element;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A bucket as the profile declares it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BucketSpec {
    /// Versioning enabled.
    pub versioning: bool,
    /// Readable by anyone.
    pub public: bool,
    /// Object lock enabled at creation.
    pub object_lock: bool,
    /// All other settings by key.
    pub settings: BTreeMap<String, Value>,
}

/// Keys of the profile whose settings S3 acts upon. The others are stored, and shown by `Get…` where
/// S3 has a document for them.
const ACTED_UPON: &[&str] =
    &["cors", "encryption", "lifecycle", "notifications", "replication", "tags"];

impl S3 {
    /// Makes sure that the bucket is there and set as `spec` says. Hands back the keys that are only
    /// stored and shown.
    pub async fn provision(
        &self,
        caller: &Caller,
        name: &str,
        spec: BucketSpec,
    ) -> std::result::Result<Vec<String>, Failure> {
        self.provisioned(&Arc::new(caller.clone()), name, &spec).await.map_err(|error| {
            let message = format!("bucket {name}: {}", error.message);
            Failure::new(error.status, error.code, message)
        })
    }

    async fn provisioned(
        &self,
        caller: &Arc<Caller>,
        name: &str,
        spec: &BucketSpec,
    ) -> Result<Vec<String>> {
        let mut settings = Vec::new();
        if spec.versioning || spec.object_lock {
            settings.push(Setting::Versioning(Versioning::Enabled, None));
        }
        if spec.public {
            settings.extend(public(name)?);
        }
        let mut only_stored = Vec::new();
        for (key, value) in &spec.settings {
            let kept = || Setting::Put(format!("profile:{key}"), value.to_string());
            settings.push(setting(key, value, caller)?.unwrap_or_else(kept));
            if !ACTED_UPON.contains(&key.as_str()) {
                only_stored.push(key.clone());
            }
        }
        let create = CreateBucket {
            name: name.to_owned(),
            location: (caller.region != "us-east-1").then(|| caller.region.clone()),
            object_lock: spec.object_lock,
            documents: BTreeMap::new(),
        };
        let bucket = name.to_owned();
        let done = self.change(caller, move |index, context| {
            let owner = index.bucket(&bucket)?.map(|b| b.account);
            if owner.as_ref() != Some(&context.caller.account) {
                create.apply(index, context)?;
            }
            for setting in settings {
                Configure { bucket: bucket.clone(), setting }.apply(index, context)?;
            }
            Ok(())
        });
        done.await?;
        Ok(only_stored)
    }
}

/// A profile's setting as S3's own, if S3 has one for it.
fn setting(key: &str, value: &Value, caller: &Caller) -> Result<Option<Setting>> {
    let (kind, document) = match key {
        "encryption" => (key, encryption(value)),
        "cors" => (key, cors(value)),
        "lifecycle" => (key, lifecycle(value)),
        "replication" => (key, replication(value, &caller.account)),
        "notifications" => ("notification", notifications(value, caller)),
        "object_lock" => ("object-lock", object_lock(value)),
        "tags" => ("tagging", tags(value)),
        _ => return Ok(None),
    };
    let kind = Kind::of(kind).ok_or_else(Error::malformed_xml)?;
    let accepted = kind
        .accept(document.document().as_bytes())
        .map_err(|error| Error { message: format!("{key}: {}", error.message).into(), ..error })?;
    Ok(Some(match key {
        "encryption" => {
            let meant = documents::encryption(&accepted);
            Setting::Encryption(accepted.document(), meant)
        }
        _ => Setting::Put(kind.name.to_owned(), accepted.document()),
    }))
}

/// Everybody may read: the policy that says so, and nothing that blocks it.
fn public(name: &str) -> Result<[Setting; 2]> {
    let policy = serde_json::json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": "PublicRead", "Effect": "Allow", "Principal": "*",
            "Action": "s3:GetObject", "Resource": format!("arn:aws:s3:::{name}/*"),
        }],
    });
    let kind = Kind::of("publicAccessBlock").ok_or_else(Error::malformed_xml)?;
    let open = Element::named(kind.root).with(Element::leaf("BlockPublicAcls", "false"));
    let open = kind.accept(open.document().as_bytes())?;
    Ok([
        Setting::Put("policy".into(), policy.to_string()),
        Setting::Put(kind.name.into(), open.document()),
    ])
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The items of a list, or the one item in place of a list.
fn items(value: &Value) -> &[Value] {
    match value {
        Value::Array(items) => items,
        one => std::slice::from_ref(one),
    }
}

fn encryption(value: &Value) -> Element {
    let (algorithm, key, bucket_key) = match value {
        Value::String(algorithm) => (algorithm.as_str(), None, false),
        table => (
            table["algorithm"].as_str().unwrap_or("AES256"),
            table["key"].as_str(),
            table["bucket_key"].as_bool().unwrap_or(false),
        ),
    };
    let mut apply = Element::named("ApplyServerSideEncryptionByDefault")
        .with(Element::leaf("SSEAlgorithm", algorithm));
    if let Some(key) = key {
        // The profile names its keys as `[kms.keys]` does: by what becomes their alias.
        let key = if key.contains([':', '/']) { key.to_owned() } else { format!("alias/{key}") };
        apply.children.push(Element::leaf("KMSMasterKeyID", key));
    }
    let rule = Element::named("Rule")
        .with(apply)
        .with(Element::leaf("BucketKeyEnabled", bucket_key.to_string()));
    Element::named("ServerSideEncryptionConfiguration").with(rule)
}

fn cors(value: &Value) -> Element {
    let mut root = Element::named("CORSConfiguration");
    for given in items(value) {
        let mut rule = Element::named("CORSRule");
        for (key, element) in [
            ("headers", "AllowedHeader"),
            ("methods", "AllowedMethod"),
            ("origins", "AllowedOrigin"),
            ("expose", "ExposeHeader"),
        ] {
            let values = given.get(key).map(items).unwrap_or_default();
            rule.children.extend(values.iter().map(|v| Element::leaf(element, text(v))));
        }
        if let Some(seconds) = given.get("max_age") {
            rule.children.push(Element::leaf("MaxAgeSeconds", text(seconds)));
        }
        root.children.push(rule);
    }
    root
}

fn lifecycle(value: &Value) -> Element {
    let mut root = Element::named("LifecycleConfiguration");
    root.children.extend(items(value).iter().map(lifecycle_rule));
    root
}

fn lifecycle_rule(given: &Value) -> Element {
    let enabled = given["enabled"].as_bool().unwrap_or(true);
    let mut rule = Element::named("Rule");
    let rest = &mut rule.children;
    rest.extend(given["id"].as_str().map(|id| Element::leaf("ID", id)));
    rest.push(lifecycle_filter(given));
    rest.push(Element::leaf("Status", if enabled { "Enabled" } else { "Disabled" }));
    for (key, name, days) in [
        ("transitions", "Transition", "Days"),
        ("noncurrent_transitions", "NoncurrentVersionTransition", "NoncurrentDays"),
    ] {
        let transitions = given.get(key).map(items).unwrap_or_default();
        rest.extend(transitions.iter().map(|transition| {
            Element::named(name)
                .with(Element::leaf(days, text(&transition["days"])))
                .with(Element::leaf("StorageClass", text(&transition["storage_class"])))
        }));
    }
    for (key, action, element) in [
        ("expire_days", "Expiration", "Days"),
        ("noncurrent_expire_days", "NoncurrentVersionExpiration", "NoncurrentDays"),
        ("abort_multipart_days", "AbortIncompleteMultipartUpload", "DaysAfterInitiation"),
    ] {
        let days = given.get(key).map(|days| Element::leaf(element, text(days)));
        rest.extend(days.map(|days| Element::named(action).with(days)));
    }
    if given["expired_delete_markers"].as_bool() == Some(true) {
        let markers = Element::leaf("ExpiredObjectDeleteMarker", "true");
        rest.push(Element::named("Expiration").with(markers));
    }
    rule
}

fn lifecycle_filter(given: &Value) -> Element {
    let prefix = given["prefix"].as_str();
    let mut parts: Vec<Element> = prefix.map(|p| Element::leaf("Prefix", p)).into_iter().collect();
    parts.extend(given["tags"].as_object().into_iter().flatten().map(|(key, value)| {
        Element::named("Tag")
            .with(Element::leaf("Key", key.as_str()))
            .with(Element::leaf("Value", text(value)))
    }));
    let filter = Element::named("Filter");
    match parts.len() {
        0 => filter.with(Element::leaf("Prefix", "")),
        1 => Element { children: parts, ..filter },
        _ => filter.with(Element { children: parts, ..Element::named("And") }),
    }
}

fn notifications(value: &Value, caller: &Caller) -> Element {
    let mut root = Element::named("NotificationConfiguration");
    for given in items(value) {
        let (region, account) = (&caller.region, &caller.account);
        let queue = text(&given["queue"]);
        let arn = if queue.starts_with("arn:") {
            queue
        } else {
            format!("arn:aws:sqs:{region}:{account}:{queue}")
        };
        let mut target = Element::named("QueueConfiguration").with(Element::leaf("Queue", arn));
        let events = given.get("events").map(items).unwrap_or_default();
        target.children.extend(events.iter().map(|event| Element::leaf("Event", text(event))));
        let mut rules = Element::named("S3Key");
        for name in ["prefix", "suffix"] {
            if let Some(value) = given[name].as_str() {
                let rule = Element::named("FilterRule")
                    .with(Element::leaf("Name", name))
                    .with(Element::leaf("Value", value));
                rules.children.push(rule);
            }
        }
        if !rules.children.is_empty() {
            target.children.push(Element::named("Filter").with(rules));
        }
        root.children.push(target);
    }
    root
}

fn object_lock(value: &Value) -> Element {
    let mut root = Element::named("ObjectLockConfiguration")
        .with(Element::leaf("ObjectLockEnabled", "Enabled"));
    if let Some(mode) = value["mode"].as_str() {
        let mut retention = Element::named("DefaultRetention").with(Element::leaf("Mode", mode));
        for (key, element) in [("days", "Days"), ("years", "Years")] {
            let period = value.get(key).map(|n| Element::leaf(element, text(n)));
            retention.children.extend(period);
        }
        root.children.push(Element::named("Rule").with(retention));
    }
    root
}

fn replication(value: &Value, account: &str) -> Element {
    let bucket = value["bucket"].as_str().unwrap_or_default();
    let mut destination = Element::named("Destination")
        .with(Element::leaf("Bucket", format!("arn:aws:s3:::{bucket}")));
    let class = value["storage_class"].as_str();
    destination.children.extend(class.map(|class| Element::leaf("StorageClass", class)));
    let markers = value["delete_markers"].as_bool().unwrap_or(false);
    let markers = Element::leaf("Status", if markers { "Enabled" } else { "Disabled" });
    let prefix = Element::leaf("Prefix", value["prefix"].as_str().unwrap_or_default());
    let rule = Element::named("Rule")
        .with(Element::leaf("ID", "profile"))
        .with(Element::leaf("Priority", "1"))
        .with(Element::named("Filter").with(prefix))
        .with(Element::leaf("Status", "Enabled"))
        .with(destination)
        .with(Element::named("DeleteMarkerReplication").with(markers));
    let role = Element::leaf("Role", format!("arn:aws:iam::{account}:role/devenv-replication"));
    Element::named("ReplicationConfiguration").with(role).with(rule)
}

fn tags(value: &Value) -> Element {
    let mut set = Element::named("TagSet");
    for (key, value) in value.as_object().into_iter().flatten() {
        let tag = Element::named("Tag")
            .with(Element::leaf("Key", key.as_str()))
            .with(Element::leaf("Value", text(value)));
        set.children.push(tag);
    }
    Element::named("Tagging").with(set)
}
