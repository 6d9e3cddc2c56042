//! Queues and messages as people see them: where each message is and since when, without touching it.
//!
//! Nothing is settled here: what time has made of a message since its queue was last used is worked out
//! for the picture, and left to the next operation to carry out.

use super::message::{Message, Place, sequence_text, uuid_text};
use super::queue::Queue;
use crate::base::Millis;
use serde_json::{Map, Value, json};

/// Where a message is at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stand {
    /// To be received.
    Ready,
    /// Waiting for its delay to pass.
    Delayed,
    /// Received and neither deleted nor visible again.
    InFlight,
}

impl Stand {
    /// The words of the interface.
    pub const NAMES: [(&'static str, Stand); 3] =
        [("ready", Stand::Ready), ("delayed", Stand::Delayed), ("in_flight", Stand::InFlight)];

    /// Where a message is.
    pub fn of(message: &Message, now: Millis) -> Stand {
        match message.place {
            Place::Delayed(until) if until > now => Stand::Delayed,
            Place::InFlight if message.delivery.until > now => Stand::InFlight,
            _ => Stand::Ready,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Stand::Ready => "ready",
            Stand::Delayed => "delayed",
            Stand::InFlight => "in_flight",
        }
    }
}

/// Which messages are to be shown.
#[derive(Debug, Clone, Copy)]
pub struct Filter {
    /// Only those that are there.
    pub stand: Option<Stand>,
    /// Only those behind this position.
    pub after: u64,
    /// So many at the most.
    pub limit: usize,
}

/// The messages that pass, in the order of their positions, and whether there are more.
pub fn messages(queue: &Queue, now: Millis, filter: Filter) -> (Vec<(u64, &Message)>, bool) {
    let passes = |message: &Message| {
        !queue.is_expired(message.content.sent, now)
            && filter.stand.is_none_or(|stand| Stand::of(message, now) == stand)
    };
    let mut rest = queue.messages_after(filter.after).filter(|(_, message)| passes(message));
    let page: Vec<_> = rest.by_ref().take(filter.limit).collect();
    let more = rest.next().is_some();
    (page, more)
}

/// A queue.
pub fn queue(queue: &Queue, url: &str, now: Millis) -> Value {
    let record = &queue.record;
    let counts = queue.counts_at(now);
    json!({
        "name": record.name, "account": record.account, "region": record.region,
        "url": url, "arn": queue.arn(), "fifo": queue.is_fifo(),
        "created": record.created.iso8601(),
        "messages": {"ready": counts.ready, "delayed": counts.delayed, "in_flight": counts.in_flight},
        "attributes": record.settings.written(), "tags": record.tags,
    })
}

/// A message with its timestamps.
pub fn message(queue: &Queue, position: u64, message: &Message, now: Millis) -> Value {
    let (content, delivery) = (&message.content, &message.delivery);
    let retention_s = i64::from(queue.record.settings.retention_s);
    let visible_at = match message.place {
        Place::Delayed(until) => Some(until),
        Place::InFlight => Some(delivery.until),
        Place::Ready => None,
    };
    let received = |at: Millis| (delivery.receives > 0).then(|| at.iso8601());
    json!({
        "id": uuid_text(content.message_id), "position": position,
        "state": Stand::of(message, now).name(),
        "sent": content.sent.iso8601(),
        "expires": content.sent.plus_seconds(retention_s).iso8601(),
        "visible_at": visible_at.filter(|at| *at > now).map(|at| at.iso8601()),
        "receives": delivery.receives,
        "first_received": received(delivery.first_received),
        "last_received": received(delivery.received),
        "sender": &*content.sender, "source": content.source.as_deref(),
        "group": content.group.as_deref(), "deduplication_id": content.deduplication,
        "sequence_number": queue.is_fifo().then(|| sequence_text(content.sequence)),
        "md5": hex::encode(content.md5), "body": &*content.body,
        "attributes": content.attributes,
    })
}

/// A message as LocalStack's `/_aws/sqs/messages` gives it: as a receive would, with a handle that is none.
pub fn as_received(queue: &Queue, message: &Message, now: Millis) -> Value {
    let (content, delivery) = (&message.content, &message.delivery);
    let stand = Stand::of(message, now);
    let mut system = Map::new();
    let mut put = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            system.insert(name.to_owned(), value.into());
        }
    };
    put("SenderId", Some(content.sender.to_string()));
    put("SentTimestamp", Some(content.sent.0.to_string()));
    put("MessageGroupId", content.group.as_ref().map(ToString::to_string));
    put("MessageDeduplicationId", content.deduplication.as_ref().map(ToString::to_string));
    put("SequenceNumber", queue.is_fifo().then(|| sequence_text(content.sequence)));
    put("AWSTraceHeader", content.trace.as_ref().map(ToString::to_string));
    put("DeadLetterQueueSourceArn", content.source.as_ref().map(ToString::to_string));
    put("ApproximateReceiveCount", Some(delivery.receives.to_string()));
    put("ApproximateFirstReceiveTimestamp", Some(delivery.first_received.0.to_string()));
    put("IsVisible", Some((stand == Stand::Ready).to_string()));
    put("IsDelayed", Some((stand == Stand::Delayed).to_string()));
    let mut shown = json!({
        "MessageId": uuid_text(content.message_id),
        "ReceiptHandle": "SQS/BACKDOOR/ACCESS",
        "MD5OfBody": hex::encode(content.md5),
        "Body": &*content.body,
        "Attributes": system,
    });
    if !content.attributes.is_empty() {
        shown["MessageAttributes"] = json!(content.attributes);
    }
    shown
}
