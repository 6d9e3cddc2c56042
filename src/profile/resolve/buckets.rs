//! Buckets: S3's naming rules, and configurations that hang together. Settings other than the three
//! flags go on as the JSON of what was typed, with short forms written out.
//! Source: S3 user guide, "Bucket naming rules" and "Lifecycle configuration elements".

use super::{Checks, queues};
use crate::profile::document::Node;
use crate::profile::limits::{BUCKET_NAME, CORS_RULES_MAX, INFREQUENT_ACCESS_DAYS_MIN};
use crate::profile::raw::storage::{
    Algorithm, CorsRule, Encryption, LifecycleRule, StorageClass, Transition,
};
use crate::profile::raw::{self, ObjectLock, RawProfile};
use crate::profile::resolved::Bucket;
use crate::profile::words;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Event types that S3 sends (user guide, "Event notification types and destinations").
const EVENTS: &[&str] = &[
    "s3:ObjectCreated:*",
    "s3:ObjectCreated:Put",
    "s3:ObjectCreated:Post",
    "s3:ObjectCreated:Copy",
    "s3:ObjectCreated:CompleteMultipartUpload",
    "s3:ObjectRemoved:*",
    "s3:ObjectRemoved:Delete",
    "s3:ObjectRemoved:DeleteMarkerCreated",
    "s3:ObjectRestore:*",
    "s3:ObjectRestore:Post",
    "s3:ObjectRestore:Completed",
    "s3:ObjectRestore:Delete",
    "s3:ReducedRedundancyLostObject",
    "s3:Replication:*",
    "s3:Replication:OperationFailedReplication",
    "s3:Replication:OperationMissedThreshold",
    "s3:Replication:OperationReplicatedAfterThreshold",
    "s3:Replication:OperationNotTracked",
    "s3:LifecycleExpiration:*",
    "s3:LifecycleExpiration:Delete",
    "s3:LifecycleExpiration:DeleteMarkerCreated",
    "s3:LifecycleTransition",
    "s3:IntelligentTiering",
    "s3:ObjectTagging:*",
    "s3:ObjectTagging:Put",
    "s3:ObjectTagging:Delete",
    "s3:ObjectAcl:Put",
    "s3:TestEvent",
];

/// All buckets by name.
pub(super) fn buckets(raw: &RawProfile, checks: &mut Checks<'_>) -> BTreeMap<String, Bucket> {
    let typed = raw.s3.as_ref().and_then(|s| s.buckets.as_ref());
    let mut buckets = BTreeMap::new();
    for (name, bucket) in typed.into_iter().flatten() {
        let path = ["s3", "buckets", name.as_str()];
        if let Some(why) = wrong_name(name) {
            checks.key(&path, format!("bucket name `{}` {why}", name.escape_debug()));
        }
        checks.tags(&[&path[..], &["tags"]].concat(), bucket.tags.as_ref());
        lifecycle(&path, bucket, checks);
        cors(&path, bucket.cors.as_deref().unwrap_or_default(), checks);
        encryption(&path, bucket, checks);
        notifications(&path, bucket, raw, checks);
        let object_lock = object_lock(&path, bucket, checks);
        replication(&path, name, bucket, raw, checks);
        let resolved = Bucket {
            versioning: bucket.versioning.unwrap_or(object_lock),
            public: bucket.public.unwrap_or(false),
            object_lock,
            settings: settings(checks.document.get(&path), bucket),
        };
        buckets.insert(name.clone(), resolved);
    }
    buckets
}

/// Why S3 would refuse the name.
fn wrong_name(name: &str) -> Option<String> {
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    if !BUCKET_NAME.contains(&name.chars().count()) {
        return Some(format!(
            "must have {} to {} characters",
            BUCKET_NAME.start(),
            BUCKET_NAME.end()
        ));
    }
    if name.chars().any(|c| c.is_ascii_uppercase()) {
        return Some(format!(
            "has capital letters; did you mean `{}`?",
            name.to_lowercase().replace('_', "-")
        ));
    }
    if name.contains('_') {
        return Some(format!("has `_`; did you mean `{}`?", name.replace('_', "-")));
    }
    if !name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.'))
    {
        return Some("must be lower-case letters, digits, `-` and `.`".to_owned());
    }
    if !edge(name.chars().next()) || !edge(name.chars().last()) {
        return Some("must start and end with a letter or digit".to_owned());
    }
    if name.contains("..") {
        return Some("has two dots in a row".to_owned());
    }
    if name.parse::<std::net::Ipv4Addr>().is_ok() {
        return Some("looks like an IP address".to_owned());
    }
    let prefix = ["xn--", "sthree-", "amzn-s3-demo-"].into_iter().find(|p| name.starts_with(p));
    let suffix = ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"]
        .into_iter()
        .find(|s| name.ends_with(s));
    match (prefix, suffix) {
        (Some(prefix), _) => Some(format!("starts with `{prefix}`, which AWS reserves")),
        (_, Some(suffix)) => Some(format!("ends in `{suffix}`, which AWS reserves")),
        _ => None,
    }
}

fn lifecycle(path: &[&str], bucket: &raw::Bucket, checks: &mut Checks<'_>) {
    let mut ids: Vec<&str> = Vec::new();
    for (i, rule) in bucket.lifecycle.iter().flatten().enumerate() {
        let index = format!("\0{i}");
        let place = [path, &["lifecycle", &index]].concat();
        if let Some(id) = rule.id.as_deref() {
            if ids.contains(&id) {
                checks
                    .value(&[&place[..], &["id"]].concat(), format!("names `{id}` a second time"));
            }
            ids.push(id);
        }
        if !acts(rule) {
            checks.missing(&place, "does nothing: it needs `transitions`, `expire_days`, `noncurrent_expire_days` or another action");
        }
        transitions(
            &place,
            "transitions",
            rule.transitions.as_deref(),
            rule.expire_days,
            "expire_days",
            checks,
        );
        let after = rule.noncurrent_expire_days;
        let noncurrent = rule.noncurrent_transitions.as_deref();
        transitions(
            &place,
            "noncurrent_transitions",
            noncurrent,
            after,
            "noncurrent_expire_days",
            checks,
        );
    }
}

/// Whether a rule has an action.
fn acts(rule: &LifecycleRule) -> bool {
    let moves = |t: &Option<Vec<Transition>>| t.as_ref().is_some_and(|t| !t.is_empty());
    moves(&rule.transitions)
        || moves(&rule.noncurrent_transitions)
        || rule.expire_days.is_some()
        || rule.noncurrent_expire_days.is_some()
        || rule.abort_multipart_days.is_some()
        || rule.expired_delete_markers == Some(true)
}

fn transitions(
    place: &[&str],
    key: &str,
    list: Option<&[Transition]>,
    expire: Option<u32>,
    expire_key: &str,
    checks: &mut Checks<'_>,
) {
    let mut last: Option<u32> = None;
    for (i, transition) in list.into_iter().flatten().enumerate() {
        let index = format!("\0{i}");
        let days = [place, &[key, &index, "days"]].concat();
        let infrequent =
            matches!(transition.storage_class, StorageClass::StandardIa | StorageClass::OneZoneIa);
        if infrequent && transition.days < INFREQUENT_ACCESS_DAYS_MIN {
            checks.value(
                &days,
                format!(
                    "must be at least {INFREQUENT_ACCESS_DAYS_MIN} for an infrequent-access class"
                ),
            );
        } else if last.is_some_and(|last| transition.days <= last) {
            checks.value(&days, "must be later than the transition before it");
        }
        last = Some(transition.days);
    }
    if let (Some(last), Some(expire)) = (last, expire)
        && expire <= last
    {
        checks.value(
            &[place, &[expire_key]].concat(),
            format!("must be more than the {last} days of the last transition"),
        );
    }
}

fn cors(path: &[&str], rules: &[CorsRule], checks: &mut Checks<'_>) {
    if rules.len() > CORS_RULES_MAX {
        checks.value(
            &[path, &["cors"]].concat(),
            format!("has {} rules; S3 takes {CORS_RULES_MAX}", rules.len()),
        );
    }
    for (i, rule) in rules.iter().enumerate() {
        let index = format!("\0{i}");
        let place = [path, &["cors", &index]].concat();
        let lists = [("origins", Some(&rule.origins)), ("headers", rule.headers.as_ref())];
        for (key, list) in lists {
            for (j, text) in list.into_iter().flatten().enumerate() {
                if text.matches('*').count() > 1 {
                    let item = format!("\0{j}");
                    checks.value(&[&place[..], &[key, &item]].concat(), "can have one `*`");
                }
            }
        }
        if let Some(age) = &rule.max_age {
            queues::duration(
                &[&place[..], &["max_age"]].concat(),
                age,
                &(0..=i32::MAX as u64),
                checks,
            );
        }
    }
}

fn encryption(path: &[&str], bucket: &raw::Bucket, checks: &mut Checks<'_>) {
    let Some(Encryption::Table(table)) = &bucket.encryption else {
        return;
    };
    let Some(key) = &table.key else { return };
    let place = [path, &["encryption", "key"]].concat();
    if table.algorithm == Algorithm::Aes256 {
        return checks.value(&place, "is for `aws:kms`; `AES256` has no key");
    }
    let elsewhere = key.starts_with("arn:") || key.starts_with("alias/aws/");
    let name = key.strip_prefix("alias/").unwrap_or(key);
    if !elsewhere && !checks.declared.kms_keys.iter().any(|k| k == name) {
        let names = checks.declared.kms_keys.clone();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let suggestion = words::suggestion(name, &names, "keys in `[kms.keys]`");
        checks
            .value(&place, format!("names `{key}`, which `[kms.keys]` does not have{suggestion}"));
    }
}

fn notifications(path: &[&str], bucket: &raw::Bucket, raw: &RawProfile, checks: &mut Checks<'_>) {
    for (i, notification) in bucket.notifications.iter().flatten().enumerate() {
        let index = format!("\0{i}");
        let place = [path, &["notifications", &index]].concat();
        let queue_place = [&place[..], &["queue"]].concat();
        match queues::find(&notification.queue, raw, checks) {
            None => {
                let names = checks.declared.queues.clone();
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                let suggestion =
                    words::suggestion(&notification.queue, &names, "queues of this profile");
                checks.value(
                    &queue_place,
                    format!(
                        "names `{}`, which this profile does not declare{suggestion}",
                        notification.queue
                    ),
                );
            }
            Some((name, queue))
                if name.ends_with(".fifo") || queue.is_some_and(|q| q.fifo == Some(true)) =>
            {
                checks.value(
                    &queue_place,
                    "is a FIFO queue; S3 sends events to standard queues only",
                );
            }
            Some(_) => {}
        }
        for (j, event) in notification.events.iter().enumerate() {
            if !EVENTS.contains(&event.as_str()) {
                let item = format!("\0{j}");
                let meant = words::nearest(event, EVENTS.iter().copied())
                    .map(|m| format!("; did you mean `{m}`?"));
                let hint =
                    meant.unwrap_or_else(|| "; it looks like `s3:ObjectCreated:*`".to_owned());
                checks.value(
                    &[&place[..], &["events", &item]].concat(),
                    format!("is no event of S3's{hint}"),
                );
            }
        }
    }
}

fn object_lock(path: &[&str], bucket: &raw::Bucket, checks: &mut Checks<'_>) -> bool {
    let place = [path, &["object_lock"]].concat();
    let locked = match &bucket.object_lock {
        None => false,
        Some(ObjectLock::Enabled(on)) => *on,
        Some(ObjectLock::Default(retention)) => {
            if retention.days.is_some() == retention.years.is_some() {
                checks.missing(&place, "needs either `days` or `years`");
            }
            true
        }
    };
    if locked && bucket.versioning == Some(false) {
        checks.value(&[path, &["versioning"]].concat(), "cannot be `false` with `object_lock`");
    }
    locked
}

fn replication(
    path: &[&str],
    name: &str,
    bucket: &raw::Bucket,
    raw: &RawProfile,
    checks: &mut Checks<'_>,
) {
    let Some(replication) = &bucket.replication else {
        return;
    };
    let place = [path, &["replication"]].concat();
    let target = replication.bucket.as_str();
    let to = [&place[..], &["bucket"]].concat();
    let versioned = |b: &raw::Bucket| {
        let locked = !matches!(b.object_lock, None | Some(ObjectLock::Enabled(false)));
        b.versioning.unwrap_or(locked)
    };
    if !versioned(bucket) {
        checks.value(&place, "needs `versioning = true` in this bucket");
    }
    if target == name {
        return checks.value(&to, "is the bucket itself");
    }
    if !checks.declared.buckets.iter().any(|b| b == target) {
        let names: Vec<String> =
            checks.declared.buckets.iter().filter(|b| *b != name).cloned().collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let suggestion = words::suggestion(target, &names, "other buckets of this profile");
        return checks.value(
            &to,
            format!("names `{target}`, which this profile does not declare{suggestion}"),
        );
    }
    let other = raw.s3.as_ref().and_then(|s| s.buckets.as_ref()).and_then(|b| b.get(target));
    if other.is_some_and(|b| !versioned(b)) {
        checks.value(
            &to,
            format!("names `{target}`, which needs `versioning = true` to receive copies"),
        );
    }
}

/// All but the flags, as JSON of what was typed, short forms written out.
fn settings(node: Option<&Node>, bucket: &raw::Bucket) -> BTreeMap<String, Value> {
    let Some(Value::Object(typed)) = node.map(Node::to_json) else {
        return BTreeMap::new();
    };
    let mut settings: BTreeMap<String, Value> = typed.into_iter().collect();
    settings.retain(|key, value| match key.as_str() {
        "versioning" | "public" => false,
        "object_lock" => value.is_object(),
        _ => true,
    });
    if let Some(short @ Value::String(_)) = settings.get("encryption").cloned() {
        settings.insert("encryption".into(), json!({ "algorithm": short }));
    }
    if let Some(short @ Value::String(_)) = settings.get("seed").cloned() {
        settings.insert("seed".into(), json!([short]));
    }
    if let Some(Value::Array(rules)) = settings.get_mut("cors") {
        for (rule, typed) in rules.iter_mut().zip(bucket.cors.iter().flatten()) {
            if let (Some(object), Some(age)) =
                (rule.as_object_mut(), typed.max_age.as_ref().and_then(|a| a.seconds()))
            {
                object.insert("max_age".into(), age.into());
            }
        }
    }
    settings
}
