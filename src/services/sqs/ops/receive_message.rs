//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html>
//!
//! An operation does not wait: its result says how long the caller may, and when a message becomes
//! visible by itself; `wire` waits and asks again.

use super::super::error::Error;
use super::super::limits;
use super::super::message::{
    AttributeValue, Content, Message, Text, attributes_md5, sequence_text, uuid_text,
};
use super::super::queue::{Queue, Want};
use super::super::receipt::Receipt;
use super::super::state::{Change, State};
use super::sending::{insert, is_proper_id};
use crate::base::{Context, Millis, hex_text};
use crate::services::Operation;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// Receives up to ten messages.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[allow(missing_docs, reason = "the members are AWS's")]
pub struct ReceiveMessage {
    pub queue_url: String,
    #[serde(alias = "AttributeName")]
    pub attribute_names: Vec<String>,
    #[serde(alias = "MessageSystemAttributeName")]
    pub message_system_attribute_names: Vec<String>,
    #[serde(alias = "MessageAttributeName")]
    pub message_attribute_names: Vec<String>,
    pub max_number_of_messages: Option<i64>,
    pub visibility_timeout: Option<i64>,
    pub wait_time_seconds: Option<i64>,
    pub receive_request_attempt_id: Option<String>,
}

/// The messages, and when it is worth asking again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Received {
    /// What was received.
    #[serde(rename = "Messages", skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<ReceivedMessage>,
    /// The queue's number.
    #[serde(skip)]
    pub queue: u64,
    /// How long the caller wants to wait for a message.
    #[serde(skip)]
    pub wait_s: u32,
    /// When a message becomes visible by itself.
    #[serde(skip)]
    pub next_due: Option<Millis>,
    /// Whether another receiver would find something now.
    #[serde(skip)]
    pub more: bool,
}

/// A message as its receiver sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ReceivedMessage {
    /// Its id.
    pub message_id: String,
    /// By which it can be deleted.
    pub receipt_handle: String,
    /// MD5 of the body.
    #[serde(rename = "MD5OfBody")]
    pub md5_of_body: String,
    /// The body.
    pub body: Text,
    /// System attributes that were asked for.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<&'static str, String>,
    /// MD5 of the user attributes that were asked for.
    #[serde(rename = "MD5OfMessageAttributes", skip_serializing_if = "Option::is_none")]
    pub md5_of_message_attributes: Option<String>,
    /// User attributes that were asked for.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub message_attributes: BTreeMap<String, AttributeValue>,
}

impl Operation for ReceiveMessage {
    type State = State;
    type Output = Received;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "ReceiveMessage";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<Received, Error> {
        let now = context.now;
        let queue = state.by_url(&self.queue_url, context.caller)?;
        self.check()?;
        let settings = &queue.record.settings;
        let wait_s = self.wait_time_seconds.map_or(settings.wait_s, |s| s as u32);
        // Who waits is not refused, but gets what comes.
        if queue.is_over_limit(now) && wait_s == 0 {
            return Err(Error::OverLimit);
        }
        let id = queue.record.id;
        // A dead-letter queue that is gone cannot take anything: messages stay.
        let dead_letters = settings.redrive.as_ref().and_then(|r| {
            let target = state.find_arn(&r.target).filter(|target| *target != id);
            target.map(|target| (target, r.receives_max))
        });
        let want = Want {
            messages_max: self.max_number_of_messages.unwrap_or(1) as usize,
            visibility_s: self.visibility_timeout.map_or(settings.visibility_s, |s| s as u32),
            receives_max: dead_letters.map(|(_, receives_max)| receives_max),
        };
        let queue = state.queue_mut(id).ok_or(Error::QueueDoesNotExist)?;
        queue.settle(now, changes);
        if let Some(messages) = self.replayed(queue, now, want, changes) {
            return Ok(Received { messages, queue: id, wait_s, next_due: None, more: false });
        }
        let want = Want { messages_max: want.messages_max.min(queue.in_flight_left()), ..want };
        let (taken, dead) = queue.receive(now, want, || context.ids.next_u64(), changes);
        let messages = taken.iter().filter_map(|p| self.told(queue, *p)).collect();
        self.remember(queue, &taken, now);
        let (next_due, more) = (queue.next_due(), queue.has_ready() && !queue.is_over_limit(now));
        let source: Arc<str> = queue.arn().into();
        if let Some((target, _)) = dead_letters
            && let Some((target, positions)) = state.to_send(target)
        {
            for message in dead {
                bury(target, positions.next(changes), message, &source, now, changes);
            }
        }
        Ok(Received { messages, queue: id, wait_s, next_due, more })
    }
}

/// Moves a message to the dead-letter queue. It keeps its age in a standard queue; a FIFO queue
/// counts its age anew.
fn bury(
    target: &mut Queue,
    position: u64,
    dead: Message,
    source: &Arc<str>,
    now: Millis,
    changes: &mut Vec<Change>,
) {
    let sent = if target.is_fifo() { now } else { dead.content.sent };
    let content = Arc::new(Content {
        source: Some(source.clone()),
        sent,
        sequence: position,
        ..Content::clone(&dead.content)
    });
    insert(target, position, content, now, now, changes);
    let mut delivery = dead.delivery;
    delivery.released = true;
    delivery.until = now;
    target.redeliver(position, delivery, changes);
}

impl ReceiveMessage {
    fn check(&self) -> Result<(), Error> {
        let check =
            |name, value: Option<i64>, range: RangeInclusive<i64>, reason: String| match value
                .filter(|v| !range.contains(v))
            {
                Some(value) => Err(Error::parameter(name, value, reason)),
                None => Ok(()),
            };
        let between = |range: &RangeInclusive<i64>| {
            format!("Must be between {} and {}, if provided.", range.start(), range.end())
        };
        let (messages, visibility) = (limits::RECEIVE_MESSAGES, limits::VISIBILITY_SECONDS);
        let reason = between(&messages);
        check("MaxNumberOfMessages", self.max_number_of_messages, messages, reason)?;
        let (low, high) = limits::WAIT_SECONDS.into_inner();
        let reason = format!("Must be >= {low} and <= {high}, if provided.");
        check("WaitTimeSeconds", self.wait_time_seconds, limits::WAIT_SECONDS, reason)?;
        let reason = between(&visibility);
        check("VisibilityTimeout", self.visibility_timeout, visibility, reason)?;
        let attempt = self.receive_request_attempt_id.as_deref();
        if let Some(id) = attempt.filter(|id| !is_proper_id(id)) {
            let name = "ReceiveRequestAttemptId";
            let reason = format!(
                "{name} can only include alphanumeric and punctuation characters. 1 to {} in length.",
                limits::ID_CHARS_MAX
            );
            return Err(Error::parameter(name, id, reason));
        }
        for name in self.system_names() {
            if !SYSTEM_NAMES.contains(&name.as_str()) && name != "All" {
                return Err(Error::UnknownAttribute { name: name.clone() });
            }
        }
        Ok(())
    }

    fn system_names(&self) -> impl Iterator<Item = &String> {
        self.message_system_attribute_names.iter().chain(&self.attribute_names)
    }

    /// The messages of a receive that was already made under this attempt id, hidden for the whole
    /// time again.
    fn replayed(
        &self,
        queue: &mut Queue,
        now: Millis,
        want: Want,
        changes: &mut Vec<Change>,
    ) -> Option<Vec<ReceivedMessage>> {
        let attempt = self.receive_request_attempt_id.as_ref().filter(|_| queue.is_fifo())?;
        let receipts = queue.attempt(attempt, now)?;
        let mut messages = Vec::with_capacity(receipts.len());
        for position in receipts.iter().map(|r| r.row.position) {
            let mut delivery = queue.message(position)?.delivery;
            delivery.until = now.plus_seconds(i64::from(want.visibility_s));
            queue.redeliver(position, delivery, changes);
            messages.extend(self.told(queue, position));
        }
        Some(messages)
    }

    fn remember(&self, queue: &mut Queue, taken: &[u64], now: Millis) {
        let attempt = self.receive_request_attempt_id.as_ref().filter(|_| queue.is_fifo());
        if let (Some(attempt), false) = (attempt, taken.is_empty()) {
            let receipt = |p: &u64| {
                let nonce = queue.message(*p)?.delivery.nonce;
                Some(Receipt { row: queue.row(*p), nonce })
            };
            let receipts = taken.iter().filter_map(receipt).collect();
            queue.remember_attempt(attempt.clone(), now, receipts);
        }
    }

    fn told(&self, queue: &Queue, position: u64) -> Option<ReceivedMessage> {
        let message = queue.message(position)?;
        let content = &message.content;
        let receipt = Receipt { row: queue.row(position), nonce: message.delivery.nonce };
        let asked = content.attributes.iter().filter(|(name, _)| self.asks_for(name));
        let message_attributes: BTreeMap<_, _> =
            asked.map(|(name, value)| (name.clone(), value.clone())).collect();
        Some(ReceivedMessage {
            message_id: uuid_text(content.message_id),
            receipt_handle: receipt.text(),
            md5_of_body: hex_text(&content.md5),
            body: Text(content.body.clone()),
            attributes: self.system_attributes(message, queue.is_fifo()),
            md5_of_message_attributes: attributes_md5(message_attributes.iter()),
            message_attributes,
        })
    }

    /// `All`, `.*`, a name, or a prefix (`Hel.*`, `Hel*`).
    fn asks_for(&self, name: &str) -> bool {
        self.message_attribute_names.iter().any(|asked| match asked.as_str() {
            "All" | ".*" | "*" => true,
            asked => match asked.strip_suffix(".*") {
                Some(prefix) => name.starts_with(prefix),
                None => asked == name,
            },
        })
    }

    fn system_attributes(
        &self,
        message: &Message,
        is_fifo: bool,
    ) -> BTreeMap<&'static str, String> {
        if self.system_names().next().is_none() {
            return BTreeMap::new();
        }
        let Message { content, delivery, .. } = message;
        let all = [
            ("SenderId", Some(content.sender.to_string())),
            ("SentTimestamp", Some(content.sent.0.to_string())),
            ("ApproximateReceiveCount", Some(delivery.receives.to_string())),
            ("ApproximateFirstReceiveTimestamp", Some(delivery.first_received.0.to_string())),
            ("AWSTraceHeader", content.trace.as_ref().map(ToString::to_string)),
            ("MessageGroupId", content.group.as_ref().map(ToString::to_string)),
            ("MessageDeduplicationId", content.deduplication.as_ref().map(ToString::to_string)),
            ("SequenceNumber", is_fifo.then(|| sequence_text(content.sequence))),
            ("DeadLetterQueueSourceArn", content.source.as_ref().map(ToString::to_string)),
        ];
        let asked = |name: &str| self.system_names().any(|n| n == name || n == "All");
        all.into_iter().filter(|(n, _)| asked(n)).filter_map(|(n, v)| Some((n, v?))).collect()
    }
}

const SYSTEM_NAMES: &[&str] = &[
    "AWSTraceHeader",
    "ApproximateFirstReceiveTimestamp",
    "ApproximateReceiveCount",
    "DeadLetterQueueSourceArn",
    "MessageDeduplicationId",
    "MessageGroupId",
    "SenderId",
    "SentTimestamp",
    "SequenceNumber",
];
