//! Queues: names, FIFO and its ending, SQS's ranges, dead-letter queues that exist and fit.
//! Source: SQS API reference, `CreateQueue`.

use super::Checks;
use crate::profile::limits::{
    DELAY_SECONDS, MESSAGE_BYTES, QUEUE_NAME_MAX, RECEIVE_WAIT_SECONDS, RETENTION_SECONDS,
    VISIBILITY_SECONDS,
};
use crate::profile::raw::{self, RawProfile};
use crate::profile::resolved::{DeadLetter, Queue};
use crate::profile::words;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// Keys of a queue and the attributes of `CreateQueue` that they are.
pub(crate) const ATTRIBUTES: [(&str, &str); 6] = [
    ("content_based_deduplication", "ContentBasedDeduplication"),
    ("visibility_timeout", "VisibilityTimeout"),
    ("delay", "DelaySeconds"),
    ("retention", "MessageRetentionPeriod"),
    ("receive_wait", "ReceiveMessageWaitTimeSeconds"),
    ("max_message_size", "MaximumMessageSize"),
];

/// The ending of a FIFO queue's name.
const FIFO: &str = ".fifo";

/// Whether the queue typed as `name` is FIFO.
fn is_fifo(name: &str, raw: Option<&raw::Queue>) -> bool {
    name.ends_with(FIFO) || raw.and_then(|q| q.fifo) == Some(true)
}

/// The name that the queue typed as `name` has.
fn full_name(name: &str, fifo: bool) -> String {
    match fifo && !name.ends_with(FIFO) {
        true => format!("{name}{FIFO}"),
        false => name.to_owned(),
    }
}

/// All queues by their full names.
pub(super) fn queues(raw: &RawProfile, checks: &mut Checks<'_>) -> BTreeMap<String, Queue> {
    let typed = raw.sqs.as_ref().and_then(|s| s.queues.as_ref());
    let mut queues = BTreeMap::new();
    for (name, queue) in typed.into_iter().flatten() {
        let path = ["sqs", "queues", name.as_str()];
        let fifo = is_fifo(name, Some(queue));
        let full = full_name(name, fifo);
        check_name(&path, name, &full, checks);
        if name.ends_with(FIFO) && queue.fifo == Some(false) {
            checks.value(
                &[&path[..], &["fifo"]].concat(),
                "cannot be `false`: a name ending in `.fifo` is a FIFO queue's",
            );
        }
        if queue.content_based_deduplication.is_some() && !fifo {
            let key = [&path[..], &["content_based_deduplication"]].concat();
            checks.value(&key, "is for FIFO queues; set `fifo = true`");
        }
        checks.tags(&[&path[..], &["tags"]].concat(), queue.tags.as_ref());
        let resolved = Queue {
            fifo,
            attributes: attributes(&path, queue, fifo, checks),
            dead_letter: queue
                .dead_letter
                .as_ref()
                .and_then(|d| dead_letter(name, fifo, d, raw, checks)),
            tags: queue.tags.clone().unwrap_or_default(),
        };
        if queues.insert(full.clone(), resolved).is_some() {
            checks.key(&path, format!("two queues are called `{full}`"));
        }
    }
    queues
}

fn check_name(path: &[&str], typed: &str, full: &str, checks: &mut Checks<'_>) {
    let stem = full.strip_suffix(FIFO).unwrap_or(full);
    let shaped = stem.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    if stem.is_empty() || !shaped {
        checks.key(
            path,
            format!(
                "queue name `{}`: letters, digits, `-` and `_` only, then `.fifo` for FIFO",
                typed.escape_debug()
            ),
        );
    } else if full.len() > QUEUE_NAME_MAX {
        checks.key(
            path,
            format!(
                "queue name `{full}` has {} characters; SQS takes {QUEUE_NAME_MAX}",
                full.len()
            ),
        );
    }
}

fn attributes(
    path: &[&str],
    queue: &raw::Queue,
    fifo: bool,
    checks: &mut Checks<'_>,
) -> BTreeMap<String, String> {
    let mut attributes = BTreeMap::new();
    let mut put = |key: &str, value: String| {
        let attribute = ATTRIBUTES.iter().find(|(k, _)| *k == key).map_or(key, |(_, a)| a);
        attributes.insert(attribute.to_owned(), value);
    };
    let durations = [
        ("visibility_timeout", &queue.visibility_timeout, VISIBILITY_SECONDS),
        ("delay", &queue.delay, DELAY_SECONDS),
        ("retention", &queue.retention, RETENTION_SECONDS),
        ("receive_wait", &queue.receive_wait, RECEIVE_WAIT_SECONDS),
    ];
    for (key, value, range) in durations {
        let Some(value) = value else { continue };
        if let Some(seconds) = duration(&[path, &[key]].concat(), value, &range, checks) {
            put(key, seconds.to_string());
        }
    }
    if let Some(bytes) = queue.max_message_size.filter(|b| MESSAGE_BYTES.contains(b)) {
        put("max_message_size", bytes.to_string());
    }
    if fifo {
        put("FifoQueue", "true".to_owned());
        if let Some(on) = queue.content_based_deduplication {
            put("content_based_deduplication", on.to_string());
        }
    }
    attributes
}

/// A duration within `range`, or a mistake.
pub(super) fn duration(
    path: &[&str],
    value: &raw::Seconds,
    range: &RangeInclusive<u64>,
    checks: &mut Checks<'_>,
) -> Option<u64> {
    let Some(seconds) = value.seconds() else {
        checks.value(path, "is no duration; it looks like `30` (seconds), `\"30s\"`, `\"5m\"`, `\"12h\"` or `\"14d\"`");
        return None;
    };
    if !range.contains(&seconds) {
        let (low, high) = (range.start(), range.end());
        checks.value(
            path,
            format!(
                "must be between {} and {}, not {seconds} seconds",
                spoken(*low),
                spoken(*high)
            ),
        );
        return None;
    }
    Some(seconds)
}

/// Seconds in the largest unit that fits.
fn spoken(seconds: u64) -> String {
    let plural = |n: u64, unit: &str| format!("{n} {unit}{}", if n == 1 { "" } else { "s" });
    match seconds {
        s if s > 0 && s % 86_400 == 0 => plural(s / 86_400, "day"),
        s if s > 0 && s % 3_600 == 0 => plural(s / 3_600, "hour"),
        s if s > 0 && s % 60 == 0 => plural(s / 60, "minute"),
        s => plural(s, "second"),
    }
}

/// The declared queue that `name` means: as typed, or by its full name.
pub(super) fn find<'a>(
    name: &str,
    raw: &'a RawProfile,
    checks: &Checks<'_>,
) -> Option<(String, Option<&'a raw::Queue>)> {
    let typed = raw.sqs.as_ref().and_then(|s| s.queues.as_ref());
    let get = |n: &str| typed.and_then(|t| t.get(n));
    let stem = name.strip_suffix(FIFO).filter(|stem| is_fifo(stem, get(stem)));
    let known = [Some(name), stem]
        .into_iter()
        .flatten()
        .find(|n| checks.declared.queues.iter().any(|d| d == n))?;
    Some((known.to_owned(), get(known)))
}

fn dead_letter(
    name: &str,
    fifo: bool,
    raw_dead: &raw::DeadLetter,
    raw: &RawProfile,
    checks: &mut Checks<'_>,
) -> Option<DeadLetter> {
    let path = ["sqs", "queues", name, "dead_letter", "queue"];
    let target = raw_dead.queue.as_str();
    let Some((known, queue)) = find(target, raw, checks) else {
        let names: Vec<String> =
            checks.declared.queues.iter().filter(|n| *n != name).cloned().collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let suggestion = words::suggestion(target, &names, "queues of this profile");
        checks.value(
            &path,
            format!("names `{target}`, which this profile does not declare{suggestion}"),
        );
        return None;
    };
    if known == name {
        checks.value(&path, "is the queue itself");
        return None;
    }
    let target_fifo = is_fifo(&known, queue);
    if queue.is_some() && target_fifo != fifo {
        let kind = |fifo: bool| {
            if fifo { "a FIFO queue" } else { "a standard queue" }
        };
        checks.value(
            &path,
            format!(
                "names {}, but `{name}` is {}: SQS wants both of one kind",
                kind(target_fifo),
                kind(fifo)
            ),
        );
    }
    Some(DeadLetter {
        queue: full_name(&known, target_fifo),
        max_receive_count: raw_dead.max_receive_count,
    })
}
