//! Event notifications: which of a bucket's rules an event meets, and the message that tells of it.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html>,
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-event-types-and-destinations.html>.
//! Messages go to SQS queues through the outbox, in the transaction of the change that they tell of.
//! Topics, functions and EventBridge are kept in the document; devenv has none to deliver to.

use super::error::{Error, Result};
use super::index::Index;
use super::model::{Bucket, Version};
use super::names::{host_id, short_id, url_encoded};
use super::xml::Element;
use crate::base::{Context, Millis};
use crate::services::Call;
use serde_json::{Value, json};

/// Where a document's configurations send events: the element, the element of its ARN, the service.
const TARGETS: &[(&str, &str, &str)] = &[
    ("QueueConfiguration", "Queue", "sqs"),
    ("TopicConfiguration", "Topic", "sns"),
    ("CloudFunctionConfiguration", "CloudFunction", "lambda"),
];

/// The event types that S3 knows, without `s3:`.
const EVENTS: &[&str] = &[
    "ReducedRedundancyLostObject",
    "ObjectCreated:*",
    "ObjectCreated:Put",
    "ObjectCreated:Post",
    "ObjectCreated:Copy",
    "ObjectCreated:CompleteMultipartUpload",
    "ObjectRemoved:*",
    "ObjectRemoved:Delete",
    "ObjectRemoved:DeleteMarkerCreated",
    "ObjectRestore:*",
    "ObjectRestore:Post",
    "ObjectRestore:Completed",
    "ObjectRestore:Delete",
    "Replication:*",
    "Replication:OperationFailedReplication",
    "Replication:OperationNotTracked",
    "Replication:OperationMissedThreshold",
    "Replication:OperationReplicatedAfterThreshold",
    "LifecycleTransition",
    "IntelligentTiering",
    "ObjectAcl:Put",
    "LifecycleExpiration:*",
    "LifecycleExpiration:Delete",
    "LifecycleExpiration:DeleteMarkerCreated",
    "ObjectTagging:*",
    "ObjectTagging:Put",
    "ObjectTagging:Delete",
    "ObjectAnnotation:*",
    "ObjectAnnotation:Put",
    "ObjectAnnotation:Delete",
    "ObjectRetention:Put",
];

/// MD5 of nothing, which events show for delete markers.
const EMPTY_MD5: &str = "d41d8cd98f00b204e9800998ecf8427e";

/// Something that happened to an object.
#[derive(Debug, Clone)]
pub struct Event<'a> {
    /// `ObjectCreated:Put`.
    pub name: &'static str,
    /// What it happened to.
    pub version: &'a Version,
    /// Whether the version's id is shown.
    pub shows_version: bool,
    /// Further members of the record (`lifecycleEventData`).
    pub more: Option<(&'static str, Value)>,
    /// Done by S3 of itself, not by a request.
    pub by_s3: bool,
}

impl<'a> Event<'a> {
    /// An event of a request.
    pub fn new(name: &'static str, version: &'a Version) -> Self {
        let shows_version = !version.id.is_empty();
        Event { name, version, shows_version, more: None, by_s3: false }
    }

    /// An event of what S3 does of itself.
    pub fn by_s3(name: &'static str, version: &'a Version) -> Self {
        Event { by_s3: true, ..Event::new(name, version) }
    }

    /// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html>
    fn schema(&self) -> &'static str {
        match self.name.split(':').next().unwrap_or_default() {
            "Replication" => "2.2",
            "ObjectTagging"
            | "ObjectAnnotation"
            | "ObjectAcl"
            | "ObjectRetention"
            | "LifecycleExpiration"
            | "LifecycleTransition" => "2.3",
            _ => "2.1",
        }
    }

    fn object(&self, now: Millis) -> Value {
        let version = self.version;
        // What is said of an object, and not of its bytes.
        const DESCRIBED: &[&str] =
            &["ObjectTagging", "ObjectAnnotation", "ObjectAcl", "ObjectRetention"];
        let described = DESCRIBED.iter().any(|group| self.name.starts_with(group));
        let removed = self.name.ends_with(":Delete") && !described;
        let mut object = json!({ "key": url_encoded(&version.key) });
        if !removed && !described && !version.marker {
            object["size"] = version.size.into();
        }
        if !removed {
            let etag = if version.marker { EMPTY_MD5 } else { version.etag.as_str() };
            object["eTag"] = etag.into();
        }
        if self.shows_version {
            object["versionId"] = version.shown_id().into();
        }
        if !described {
            // Larger for what came later, within one millisecond too.
            let step = version.order.unsigned_abs() * 2 + u64::from(removed);
            object["sequencer"] = format!("{:012X}{:06X}", now.0, step & 0xFF_FFFF).into();
        }
        object
    }

    fn record(&self, bucket: &Bucket, rule: &str, context: &Context<'_>, id: &str) -> Value {
        let caller = context.caller;
        let (user, address) = if self.by_s3 {
            ("s3.amazonaws.com".to_owned(), "s3.amazonaws.com")
        } else if caller.access_key.is_empty() {
            ("AWS:Anonymous".to_owned(), "127.0.0.1")
        } else {
            (format!("AWS:{}", caller.account), "127.0.0.1")
        };
        let mut record = json!({
            "eventVersion": self.schema(),
            "eventSource": "aws:s3",
            "awsRegion": bucket.region,
            "eventTime": context.now.iso8601(),
            "eventName": self.name,
            "userIdentity": { "principalId": user },
            "requestParameters": { "sourceIPAddress": address },
            "responseElements": { "x-amz-request-id": short_id(id), "x-amz-id-2": host_id(id) },
            "s3": {
                "s3SchemaVersion": "1.0",
                "configurationId": rule,
                "bucket": {
                    "name": bucket.name,
                    "ownerIdentity": { "principalId": principal(&bucket.account) },
                    "arn": format!("arn:aws:s3:::{}", bucket.name),
                },
                "object": self.object(context.now),
            },
        });
        if let Some((name, more)) = &self.more {
            record[*name] = more.clone();
        }
        record
    }
}

/// An owner as events name it.
fn principal(account: &str) -> String {
    use sha2::{Digest, Sha256};
    let mut id = format!("A{}", hex::encode(Sha256::digest(account.as_bytes())));
    id.make_ascii_uppercase();
    id.truncate(14);
    id
}

/// Posts the messages that an event causes by the bucket's rules.
pub fn notify(
    index: &mut impl Index,
    context: &mut Context<'_>,
    bucket: &Bucket,
    event: &Event<'_>,
) -> Result<()> {
    let Some(document) = bucket.settings.documents.get("notification") else { return Ok(()) };
    let rules = Element::parse(document.as_bytes(), "NotificationConfiguration")?;
    for rule in rules.all("QueueConfiguration").filter(|rule| meets(rule, event)) {
        let id = request_id(context);
        let name = rule.value("Id").unwrap_or_default();
        let body = json!({ "Records": [event.record(bucket, name, context, &id)] });
        let queue = rule.value("Queue").unwrap_or_default();
        index.post(&Call::send_message(queue, body.to_string()))?;
    }
    Ok(())
}

fn request_id(context: &mut Context<'_>) -> String {
    let of_request = context.caller.request_id.clone();
    if of_request.is_empty() { context.ids.uuid() } else { of_request }
}

fn meets(rule: &Element, event: &Event<'_>) -> bool {
    let named = rule.all("Event").any(|wanted| covers(&wanted.text, event.name));
    let (prefix, suffix) = filter(rule);
    let key = event.version.key.as_str();
    // Filters may be written as they are, or percent-encoded as AWS asks for.
    let fits = |key: &str| key.starts_with(prefix) && key.ends_with(suffix);
    named && (fits(key) || fits(&url_encoded(key)))
}

/// Whether an event type of a rule covers another.
fn covers(wanted: &str, name: &str) -> bool {
    let wanted = wanted.strip_prefix("s3:").unwrap_or(wanted);
    let name = name.strip_prefix("s3:").unwrap_or(name);
    match wanted.strip_suffix('*') {
        Some(group) => name.starts_with(group),
        None => wanted == name,
    }
}

fn filter(rule: &Element) -> (&str, &str) {
    let rules = rule.child("Filter").and_then(|f| f.child("S3Key"));
    let value = |name: &str| {
        let of_name = |r: &&Element| r.value("Name").is_some_and(|n| n.eq_ignore_ascii_case(name));
        rules.and_then(|r| r.all("FilterRule").find(of_name)?.value("Value")).unwrap_or_default()
    };
    (value("prefix"), value("suffix"))
}

/// The queues that a document sends to.
pub fn queues(document: &Element) -> Vec<String> {
    let mut queues: Vec<String> = Vec::new();
    for rule in document.all("QueueConfiguration") {
        let queue = rule.value("Queue").unwrap_or_default();
        if !queues.iter().any(|known| known == queue) {
            queues.push(queue.to_owned());
        }
    }
    queues
}

/// What a queue gets when events begin to go to it.
pub fn test_event(queue: &str, bucket: &str, context: &mut Context<'_>) -> Call {
    let id = request_id(context);
    let body = json!({
        "Service": "Amazon S3",
        "Event": "s3:TestEvent",
        "Time": context.now.iso8601(),
        "Bucket": bucket,
        "RequestId": short_id(&id),
        "HostId": host_id(&id),
    });
    Call::send_message(queue, body.to_string())
}

/// Why destinations are refused: `(ARN, reason)` of each.
pub fn refused_destinations(refused: &[(String, &str)]) -> Error {
    let text = "Unable to validate the following destination configurations";
    let mut error = Error::new(400, "InvalidArgument", text);
    for (n, (arn, reason)) in refused.iter().enumerate() {
        error.members.push((format!("ArgumentName{}", n + 1).into(), arn.clone()));
        error.members.push((format!("ArgumentValue{}", n + 1).into(), (*reason).to_owned()));
    }
    error
}

/// Checks a document, in AWS's order, and puts its filters as S3 answers them.
pub fn check(document: &mut Element) -> Result<()> {
    for (element, name, service) in TARGETS {
        for target in document.children.iter_mut().filter(|c| c.name == *element) {
            check_target(target, name, service)?;
        }
    }
    let targets: Vec<&Element> =
        document.children.iter().filter(|c| TARGETS.iter().any(|(e, ..)| *e == c.name)).collect();
    for (n, one) in targets.iter().enumerate() {
        targets[n + 1..].iter().try_for_each(|other| check_overlap(one, other))?;
    }
    Ok(())
}

fn check_target(target: &mut Element, name: &'static str, service: &str) -> Result<()> {
    let arn = target.value(name).ok_or_else(Error::malformed_xml)?;
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let known = matches!(parts[..], ["arn", _, s, region, account, rest]
        if s == service && !region.is_empty() && account.len() == 12 && !rest.is_empty());
    if !known {
        return Err(Error::invalid_argument("The ARN could not be parsed", name, arn));
    }
    if target.child("Event").is_none() {
        return Err(Error::malformed_xml());
    }
    for event in target.all("Event") {
        let known = event.text.strip_prefix("s3:").is_some_and(|e| EVENTS.contains(&e));
        if !known {
            let text = "The event is not supported for notifications";
            return Err(Error::invalid_argument(text, "Event", event.text.as_str()));
        }
    }
    check_filter(target)
}

fn check_filter(target: &mut Element) -> Result<()> {
    let filters = target.children.iter_mut().filter(|c| c.name == "Filter");
    let keys = filters.flat_map(|f| f.children.iter_mut()).filter(|c| c.name == "S3Key");
    for key in keys {
        let mut seen: Vec<&str> = Vec::new();
        for rule in key.children.iter_mut().filter(|c| c.name == "FilterRule") {
            let name = rule.value("Name").ok_or_else(Error::malformed_xml)?.to_owned();
            let value = rule.value("Value").ok_or_else(Error::malformed_xml)?;
            let (shown, twice) = match name.to_ascii_lowercase().as_str() {
                "prefix" => ("Prefix", "Cannot specify more than one prefix rule in a filter."),
                "suffix" => ("Suffix", "Cannot specify more than one suffix rule in a filter."),
                _ => {
                    let text = "filter rule name must be either prefix or suffix";
                    return Err(Error::invalid_argument(text, "FilterRule.Name", name));
                }
            };
            if value.len() > super::limits::KEY_BYTES_MAX {
                let text = "filter rule value cannot exceed 1024 bytes in UTF-8 representation";
                return Err(Error::invalid_argument(text, "FilterRule.Value", value));
            }
            if seen.contains(&shown) {
                return Err(Error::invalid_argument(twice, "FilterRule.Name", name));
            }
            seen.push(shown);
            let own = rule.children.iter_mut().find(|c| c.name == "Name");
            own.into_iter().for_each(|n| n.text = shown.to_owned());
        }
    }
    Ok(())
}

/// One event of one key goes to one destination.
fn check_overlap(one: &Element, other: &Element) -> Result<()> {
    let shared = one
        .all("Event")
        .any(|a| other.all("Event").any(|b| covers(&a.text, &b.text) || covers(&b.text, &a.text)));
    let ((prefix, suffix), (prefix2, suffix2)) = (filter(one), filter(other));
    let prefixes = prefix.starts_with(prefix2) || prefix2.starts_with(prefix);
    let suffixes = suffix.ends_with(suffix2) || suffix2.ends_with(suffix);
    if !(shared && prefixes && suffixes) {
        return Ok(());
    }
    let unfiltered = [prefix, suffix, prefix2, suffix2].iter().all(|f| f.is_empty());
    Err(Error::new(
        400,
        "InvalidArgument",
        if unfiltered {
            "Configurations overlap. Configurations on the same bucket cannot share a common event type."
        } else {
            "Configuration is ambiguously defined. Cannot have overlapping suffixes in two rules if the prefixes are overlapping for the same event type."
        },
    ))
}
