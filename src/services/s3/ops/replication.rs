//! Replication: which objects go to which other bucket, and the copies.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication.html>. A write notes in its own
//! transaction that it is to be replicated; the worker makes the replica, with the version's id and
//! date, in one transaction with the status `COMPLETED`. So after `kill -9` it is done once.

use super::objects::Cause;
use super::{annotations, lifecycle};
use crate::base::Context;
use crate::services::s3::error::Result;
use crate::services::s3::index::Index;
use crate::services::s3::lifecycle::Filter;
use crate::services::s3::model::{Bucket, Encryption, Pending, Version, Versioning};
use crate::services::s3::notifications::{Event, notify};
use crate::services::s3::xml::Element;
use serde_json::json;

/// Status of a version that waits for its replica.
pub const PENDING: &str = "PENDING";
/// Status of a version whose replica was made.
pub const COMPLETED: &str = "COMPLETED";
/// Status of a version whose replica cannot be made.
pub const FAILED: &str = "FAILED";
/// Status of a replica.
pub const REPLICA: &str = "REPLICA";

/// Where a version goes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Destination {
    rule: String,
    priority: i64,
    bucket: String,
    storage_class: Option<String>,
    key: Option<String>,
}

/// The bucket that an ARN names.
pub fn bucket_of(arn: &str) -> &str {
    arn.strip_prefix("arn:aws:s3:::").unwrap_or(arn)
}

/// Where `version` goes by the bucket's rules: of those for one destination, the rule with the
/// highest priority.
fn destinations(bucket: &Bucket, version: &Version) -> Vec<Destination> {
    let document = bucket.settings.documents.get("replication");
    let document = document
        .and_then(|text| Element::parse(text.as_bytes(), "ReplicationConfiguration").ok())
        .unwrap_or_default();
    let fitting = document.all("Rule").filter(|rule| is_for(rule, version));
    let mut found: Vec<Destination> = fitting.filter_map(destination).collect();
    found.sort_by(|a, b| (&a.bucket, -a.priority).cmp(&(&b.bucket, -b.priority)));
    found.dedup_by(|a, b| a.bucket == b.bucket);
    found
}

fn is_for(rule: &Element, version: &Version) -> bool {
    let enabled = |part: &Element, name: &str| {
        part.child(name).is_some_and(|e| e.value("Status") == Some("Enabled"))
    };
    let filter = Filter::read(rule);
    let markers = enabled(rule, "DeleteMarkerReplication") && !filter.has_tags();
    // Rules of the first version of the schema, without `Filter`, take delete markers along.
    let markers = markers || rule.child("Filter").is_none();
    let kms = version.attributes.encryption.is_kms() && !version.marker;
    let takes_kms = rule
        .child("SourceSelectionCriteria")
        .is_some_and(|criteria| enabled(criteria, "SseKmsEncryptedObjects"));
    rule.value("Status") == Some("Enabled")
        && filter.fits(version)
        && (!version.marker || markers)
        && (!kms || takes_kms)
}

fn destination(rule: &Element) -> Option<Destination> {
    let destination = rule.child("Destination")?;
    let encryption = destination.child("EncryptionConfiguration");
    Some(Destination {
        rule: rule.value("ID").unwrap_or_default().to_owned(),
        priority: rule.value("Priority").and_then(|p| p.parse().ok()).unwrap_or(0),
        bucket: bucket_of(destination.value("Bucket")?).to_owned(),
        storage_class: destination.value("StorageClass").map(str::to_owned),
        key: encryption.and_then(|e| e.value("ReplicaKmsKeyID")).map(str::to_owned),
    })
}

/// Whether a version that is about to be stored is to be replicated; it then says so of itself.
pub(super) fn mark(bucket: &Bucket, version: &mut Version) -> bool {
    let wanted = bucket.settings.versioning == Versioning::Enabled
        && version.attributes.replication != REPLICA
        && !destinations(bucket, version).is_empty();
    if wanted {
        version.attributes.replication = PENDING.into();
    }
    wanted
}

/// Makes the replicas of a version that waits for them.
pub fn replicate(
    pending: &Pending,
    index: &mut impl Index,
    context: &mut Context<'_>,
) -> Result<()> {
    index.dequeue(pending.id)?;
    let Some(bucket) = index.bucket(&pending.bucket)? else { return Ok(()) };
    let Some(mut version) = index.version(bucket.id, &pending.key, &pending.version)? else {
        return Ok(());
    };
    let mut status = COMPLETED;
    for destination in destinations(&bucket, &version) {
        let target = index.bucket(&destination.bucket)?;
        let target =
            target.filter(|t| t.settings.versioning == Versioning::Enabled && t.id != bucket.id);
        match target {
            Some(target) => copy(&version, &target, &destination, index, context)?,
            None => {
                status = FAILED;
                failed(&bucket, &version, &destination, index, context)?;
            }
        }
    }
    version.attributes.replication = status.into();
    index.update_version(&version)
}

fn copy(
    version: &Version,
    target: &Bucket,
    destination: &Destination,
    index: &mut impl Index,
    context: &mut Context<'_>,
) -> Result<()> {
    let mut attributes = version.attributes.clone();
    attributes.replication = REPLICA.into();
    if let Some(class) = &destination.storage_class {
        attributes.storage_class = if class == "STANDARD" { String::new() } else { class.clone() };
    }
    if let Some(key) = &destination.key {
        let (algorithm, key) = ("aws:kms".into(), Some(key.clone()));
        attributes.encryption = Encryption { algorithm, key, ..Encryption::default() };
    }
    let annotated = annotations::hold(version, index)?;
    if let Some(known) = index.version(target.id, &version.key, &version.id)? {
        // Its tags, annotations or other metadata were changed since.
        annotations::clear(&known, index)?;
        annotated.iter().try_for_each(|one| index.put_annotation(&known, one))?;
        return index.update_version(&Version { attributes, ..known });
    }
    let newest = index.newest(target.id, &version.key)?;
    index.share(&version.extents)?;
    let order = newest.map_or(0, |newest| newest.order - 1);
    let replica = Version { bucket: target.id, order, attributes, ..version.clone() };
    index.put_version(&replica)?;
    annotated.iter().try_for_each(|one| index.put_annotation(&replica, one))?;
    let cause = if version.marker { Cause::DeleteMarker } else { Cause::Put };
    notify(index, context, target, &Event::by_s3(cause.event(), &replica))?;
    lifecycle::written(index, target, context.now)
}

fn failed(
    bucket: &Bucket,
    version: &Version,
    destination: &Destination,
    index: &mut impl Index,
    context: &mut Context<'_>,
) -> Result<()> {
    let data = json!({
        "replicationRuleId": destination.rule,
        "destinationBucket": format!("arn:aws:s3:::{}", destination.bucket),
        "s3Operation": if version.marker { "OBJECT_DELETE" } else { "OBJECT_PUT" },
        "requestTime": version.modified.iso8601(),
        "failureReason": "DstBucketNotFound",
    });
    let event = Event {
        more: Some(("replicationEventData", data)),
        ..Event::by_s3("Replication:OperationFailedReplication", version)
    };
    notify(index, context, bucket, &event)
}
