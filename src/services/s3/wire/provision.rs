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
            settings.push(Setting::Versioning(Versioning::Enabled));
        }
        if spec.public {
            settings.extend(public(name)?);
        }
        let mut only_stored = Vec::new();
        for (key, value) in &spec.settings {
            match setting(key, value, caller)? {
                Some(setting) => settings.push(setting),
                None => {
                    settings.push(Setting::Put(format!("profile:{key}"), value.to_string()));
                    only_stored.push(key.clone());
                }
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
    let document = match key {
        "encryption" => encryption(value),
        "cors" => cors(value),
        "lifecycle" => lifecycle(value),
        "replication" => replication(value, &caller.account),
        "tags" => Some(tags(value)),
        _ => None,
    };
    let Some(document) = document else { return Ok(None) };
    let kind = Kind::of(if key == "tags" { "tagging" } else { key });
    let kind = kind.ok_or_else(Error::malformed_xml)?;
    let accepted = kind
        .accept(document.document().as_bytes())
        .map_err(|error| Error { message: format!("{key}: {}", error.message).into(), ..error })?;
    Ok(Some(match key {
        "encryption" => {
            let meant = documents::encryption(&accepted, &caller.region, &caller.account);
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

fn encryption(value: &Value) -> Option<Element> {
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
    Some(Element::named("ServerSideEncryptionConfiguration").with(rule))
}

fn cors(value: &Value) -> Option<Element> {
    let mut root = Element::named("CORSConfiguration");
    for given in items(value) {
        let mut rule = Element::named("CORSRule");
        for (key, element) in [
            ("headers", "AllowedHeader"),
            ("methods", "AllowedMethod"),
            ("origins", "AllowedOrigin"),
            ("expose", "ExposeHeader"),
        ] {
            let Some(values) = given.get(key) else { continue };
            rule.children.extend(items(values).iter().map(|v| Element::leaf(element, text(v))));
        }
        if let Some(seconds) = given.get("max_age").and_then(seconds) {
            rule.children.push(Element::leaf("MaxAgeSeconds", seconds.to_string()));
        }
        root.children.push(rule);
    }
    Some(root)
}

/// Seconds, or a text such as `1h`.
fn seconds(value: &Value) -> Option<u64> {
    let Some(text) = value.as_str() else { return value.as_u64() };
    let (digits, unit) =
        text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let factor = match unit {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 604_800,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(factor)
}

fn lifecycle(value: &Value) -> Option<Element> {
    let mut root = Element::named("LifecycleConfiguration");
    for given in items(value) {
        let enabled = given["enabled"].as_bool().unwrap_or(true);
        let mut rule = Element::named("Rule");
        if let Some(id) = given["id"].as_str() {
            rule.children.push(Element::leaf("ID", id));
        }
        let prefix = Element::leaf("Prefix", given["prefix"].as_str().unwrap_or_default());
        rule.children.push(Element::named("Filter").with(prefix));
        rule.children.push(Element::leaf("Status", if enabled { "Enabled" } else { "Disabled" }));
        for given in given.get("transitions").map(items).unwrap_or_default() {
            let transition = Element::named("Transition")
                .with(Element::leaf("Days", text(&given["days"])))
                .with(Element::leaf("StorageClass", text(&given["storage_class"])));
            rule.children.push(transition);
        }
        for (key, action, element) in [
            ("expire_days", "Expiration", "Days"),
            ("noncurrent_expire_days", "NoncurrentVersionExpiration", "NoncurrentDays"),
            ("abort_uploads_days", "AbortIncompleteMultipartUpload", "DaysAfterInitiation"),
        ] {
            if let Some(days) = given.get(key) {
                rule.children.push(Element::named(action).with(Element::leaf(element, text(days))));
            }
        }
        root.children.push(rule);
    }
    Some(root)
}

fn replication(value: &Value, account: &str) -> Option<Element> {
    let mut destination = Element::named("Destination");
    let bucket = value["bucket"].as_str()?;
    destination.children.push(Element::leaf("Bucket", format!("arn:aws:s3:::{bucket}")));
    if let Some(class) = value["storage_class"].as_str() {
        destination.children.push(Element::leaf("StorageClass", class));
    }
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
    Some(Element::named("ReplicationConfiguration").with(role).with(rule))
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
