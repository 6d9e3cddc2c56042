//! One queue and its messages.
//!
//! Invariant: each message is in exactly one of three places. `Ready`: [`Ready`] knows whether it can be
//! handed out. `Delayed` and `InFlight`: its deadline is in the ordered set of that name. So a receive
//! takes the first of `ready`, time moves by popping due deadlines, and counts are lengths: nothing
//! ever scans the backlog.

use super::dedup::{Deduplication, Remembered};
use super::limits;
use super::message::{Content, Delivery, Message, Place};
use super::positions::{Row, Runs, runs};
use super::ready::Ready;
use super::receipt::Receipt;
use super::settings::Settings;
use super::state::Change;
use crate::base::Millis;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// What identifies a queue and can be set on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueRecord {
    /// Number of the queue on disk.
    pub id: u64,
    /// Owner.
    pub account: String,
    /// Region.
    pub region: String,
    /// Name.
    pub name: String,
    /// `CreatedTimestamp`.
    pub created: Millis,
    /// `LastModifiedTimestamp`.
    pub modified: Millis,
    /// Attributes.
    pub settings: Settings,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// The last purge.
    pub purged: Option<Millis>,
}

/// A queue.
#[derive(Debug, Clone)]
pub struct Queue {
    /// What is known of it without its messages.
    pub record: QueueRecord,
    messages: BTreeMap<u64, Message>,
    places: Places,
    /// Messages older than one before them: they came from another queue.
    older: BTreeSet<(Millis, u64)>,
    newest_sent: Millis,
    /// Deduplication of FIFO sends.
    pub deduplication: Deduplication,
    attempts: HashMap<String, (Millis, Vec<Receipt>)>,
}

/// Which messages wait where.
#[derive(Debug, Clone)]
struct Places {
    ready: Ready,
    delayed: BTreeSet<(Millis, u64)>,
    in_flight: BTreeSet<(Millis, u64)>,
}

impl Places {
    fn enter(&mut self, position: u64, message: &Message) {
        match message.place {
            Place::Delayed(until) => drop(self.delayed.insert((until, position))),
            Place::InFlight => drop(self.in_flight.insert((message.delivery.until, position))),
            Place::Ready => {}
        }
        self.ready.enter(position, message.content.group.as_ref(), message.place);
    }

    fn leave(&mut self, position: u64, message: &Message) {
        match message.place {
            Place::Delayed(until) => drop(self.delayed.remove(&(until, position))),
            Place::InFlight => drop(self.in_flight.remove(&(message.delivery.until, position))),
            Place::Ready => {}
        }
        self.ready.leave(position, message.content.group.as_ref(), message.place);
    }

    /// A hidden message whose time is over.
    fn due(&self, now: Millis) -> Option<u64> {
        let first = [self.delayed.first(), self.in_flight.first()].into_iter().flatten().min();
        first.filter(|(due, _)| *due <= now).map(|(_, position)| *position)
    }
}

/// How many messages wait where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// `ApproximateNumberOfMessages`.
    pub ready: usize,
    /// `ApproximateNumberOfMessagesDelayed`.
    pub delayed: usize,
    /// `ApproximateNumberOfMessagesNotVisible`.
    pub in_flight: usize,
}

/// What a receive asks of a queue.
#[derive(Debug, Clone, Copy)]
pub struct Want {
    /// Messages at the most.
    pub messages_max: usize,
    /// How long they are hidden.
    pub visibility_s: u32,
    /// Receives after which a message is dead.
    pub receives_max: Option<u32>,
}

impl Queue {
    /// An empty queue.
    pub fn new(record: QueueRecord) -> Self {
        let ready = Ready::new(record.settings.fifo.is_some());
        let places = Places { ready, delayed: BTreeSet::new(), in_flight: BTreeSet::new() };
        Queue {
            record,
            messages: BTreeMap::new(),
            places,
            older: BTreeSet::new(),
            newest_sent: Millis(i64::MIN),
            deduplication: Deduplication::default(),
            attempts: HashMap::new(),
        }
    }

    /// Whether it is a FIFO queue.
    pub fn is_fifo(&self) -> bool {
        self.record.settings.fifo.is_some()
    }

    /// `arn:aws:sqs:region:account:name`
    pub fn arn(&self) -> String {
        let QueueRecord { account, region, name, .. } = &self.record;
        format!("arn:aws:sqs:{region}:{account}:{name}")
    }

    /// How many messages wait where, as of the last [`Queue::settle`].
    pub fn counts(&self) -> Counts {
        let (delayed, in_flight) = (self.places.delayed.len(), self.places.in_flight.len());
        Counts { ready: self.messages.len() - delayed - in_flight, delayed, in_flight }
    }

    /// How many messages are where at `now`, before any [`Queue::settle`].
    pub fn counts_at(&self, now: Millis) -> Counts {
        let due = |set: &BTreeSet<(Millis, u64)>| set.range(..=(now, u64::MAX)).count();
        let Counts { ready, delayed, in_flight } = self.counts();
        let over = (due(&self.places.delayed), due(&self.places.in_flight));
        Counts {
            ready: ready + over.0 + over.1,
            delayed: delayed - over.0,
            in_flight: in_flight - over.1,
        }
    }

    /// Messages behind a position in order, for pages that show them.
    pub fn messages_after(&self, position: u64) -> impl Iterator<Item = (u64, &Message)> {
        let behind = self.messages.range(position.saturating_add(1)..);
        behind.map(|(position, message)| (*position, message))
    }

    /// The message at `position`.
    pub fn message(&self, position: u64) -> Option<&Message> {
        self.messages.get(&position)
    }

    /// When the next message becomes visible by itself.
    pub fn next_due(&self) -> Option<Millis> {
        let first = |set: &BTreeSet<(Millis, u64)>| set.first().map(|(due, _)| *due);
        [first(&self.places.delayed), first(&self.places.in_flight)].into_iter().flatten().min()
    }

    /// The row of the message at `position`.
    pub fn row(&self, position: u64) -> Row {
        Row { queue: self.record.id, position }
    }

    /// Positions of all messages.
    pub fn positions(&self) -> Runs {
        runs(self.messages.keys().copied())
    }

    /// Puts a message in its place.
    pub fn insert(&mut self, position: u64, message: Message) {
        let sent = message.content.sent;
        if sent < self.newest_sent {
            self.older.insert((sent, position));
        }
        self.newest_sent = self.newest_sent.max(sent);
        self.places.enter(position, &message);
        self.messages.insert(position, message);
    }

    /// Takes a message out.
    pub fn remove(&mut self, position: u64) -> Option<Message> {
        let message = self.messages.remove(&position)?;
        self.places.leave(position, &message);
        if !self.older.is_empty() {
            self.older.remove(&(message.content.sent, position));
        }
        Some(message)
    }

    /// Takes the next message out altogether, for a move to another queue.
    pub fn take_next(&mut self, changes: &mut Vec<Change>) -> Option<Message> {
        let position = self.places.ready.first()?;
        let message = self.remove(position)?;
        changes.push(Change::Deleted { row: self.row(position), frees: self.is_fifo() });
        Some(message)
    }

    /// The next message, as it lies there.
    pub fn peek_next(&self) -> Option<&Message> {
        self.messages.get(&self.places.ready.first()?)
    }

    /// Whether a receive would find something.
    pub fn has_ready(&self) -> bool {
        self.places.ready.first().is_some()
    }

    /// Lets time pass: what is due becomes visible, what is too old goes.
    pub fn settle(&mut self, now: Millis, changes: &mut Vec<Change>) {
        while let Some(position) = self.places.due(now) {
            self.show(position);
        }
        loop {
            let first = self.messages.first_key_value().map(|(p, m)| (m.content.sent, *p));
            let oldest = [first, self.older.first().copied()].into_iter().flatten().min();
            let Some((_, position)) = oldest.filter(|(sent, _)| self.is_expired(*sent, now)) else {
                break;
            };
            self.remove(position);
            changes.push(Change::Deleted { row: self.row(position), frees: true });
        }
        while let Some(position) = self.deduplication.forget_one(now) {
            changes.push(Change::Forgotten { position });
        }
    }

    /// Whether a message that was sent then is too old.
    pub fn is_expired(&self, sent: Millis, now: Millis) -> bool {
        sent.plus_seconds(i64::from(self.record.settings.retention_s)) <= now
    }

    /// Whether as many messages are in flight as may be, and stay so for now.
    pub fn is_over_limit(&self, now: Millis) -> bool {
        self.in_flight_left() == 0
            && self.places.in_flight.first().is_some_and(|(due, _)| *due > now)
    }

    /// Messages that may yet be taken in flight.
    pub fn in_flight_left(&self) -> usize {
        let limit = match self.is_fifo() {
            true => limits::IN_FLIGHT_FIFO_MAX,
            false => limits::IN_FLIGHT_STANDARD_MAX,
        };
        limit.saturating_sub(self.places.in_flight.len())
    }

    /// Takes messages in flight. Hands back them and those that have been received too often, which
    /// are out of the queue already.
    pub fn receive(
        &mut self,
        now: Millis,
        want: Want,
        mut nonce: impl FnMut() -> u64,
        changes: &mut Vec<Change>,
    ) -> (Vec<u64>, Vec<Message>) {
        let (mut taken, mut dead) = (Vec::with_capacity(want.messages_max), Vec::new());
        while taken.len() < want.messages_max && dead.len() < limits::REDRIVEN_MAX {
            let Some(position) = self.next_ready(taken.last().copied()) else { break };
            let receives = self.messages.get(&position).map_or(0, |m| m.delivery.receives);
            if want.receives_max.is_some_and(|max| receives >= max) {
                dead.extend(self.remove(position));
                changes.push(Change::Deleted { row: self.row(position), frees: false });
                continue;
            }
            self.deliver(position, now, want.visibility_s, nonce(), changes);
            taken.push(position);
        }
        (taken, dead)
    }

    /// The next message to hand out: in a FIFO queue the one behind the last, if it is of the same
    /// group and ready, before other groups have their turn.
    fn next_ready(&self, last: Option<u64>) -> Option<u64> {
        let group = last.filter(|_| self.is_fifo()).and_then(|p| self.messages.get(&p));
        if let (Some(last), Some(group)) = (last, group.and_then(|m| m.content.group.as_ref()))
            && let Some(position) = self.places.ready.behind(group, last)
        {
            return Some(position);
        }
        self.places.ready.first()
    }

    fn deliver(
        &mut self,
        position: u64,
        now: Millis,
        visibility_s: u32,
        nonce: u64,
        changes: &mut Vec<Change>,
    ) {
        let Some(message) = self.messages.get(&position) else { return };
        let before = message.delivery;
        let delivery = Delivery {
            receives: before.receives + 1,
            first_received: if before.receives == 0 { now } else { before.first_received },
            received: now,
            until: now.plus_seconds(i64::from(visibility_s)),
            nonce,
            released: false,
        };
        self.redeliver(position, delivery, changes);
    }

    /// Gives a message in flight, or about to be, another deadline.
    pub fn redeliver(&mut self, position: u64, delivery: Delivery, changes: &mut Vec<Change>) {
        let place = if delivery.released { Place::Ready } else { Place::InFlight };
        self.put(position, place, delivery);
        changes.push(Change::Delivered { row: self.row(position), delivery });
    }

    /// Removes every message.
    pub fn purge(&mut self, now: Millis) {
        let deduplication = std::mem::take(&mut self.deduplication);
        let attempts = std::mem::take(&mut self.attempts);
        let record = QueueRecord { purged: Some(now), ..self.record.clone() };
        *self = Queue { deduplication, attempts, ..Queue::new(record) };
    }

    /// Remembers a FIFO send.
    pub fn remember(&mut self, sent: Remembered, changes: &mut Vec<Change>) {
        changes.push(Change::Remembered { sent: sent.clone().into() });
        self.deduplication.remember(sent);
    }

    /// The receipts of the receive that was made under `attempt`, if all its messages are still as it
    /// left them.
    pub fn attempt(&self, attempt: &str, now: Millis) -> Option<Vec<Receipt>> {
        let (made, receipts) = self.attempts.get(attempt)?;
        let fresh = made.plus_seconds(limits::ATTEMPT_SECONDS) > now;
        let untouched = receipts.iter().all(|r| {
            let message = self.messages.get(&r.row.position);
            message.is_some_and(|m| m.place == Place::InFlight && m.delivery.nonce == r.nonce)
        });
        (fresh && untouched).then(|| receipts.clone())
    }

    /// Remembers a receive under its attempt id.
    pub fn remember_attempt(&mut self, attempt: String, now: Millis, receipts: Vec<Receipt>) {
        if self.attempts.len() >= limits::ATTEMPTS_MAX {
            self.attempts.retain(|_, (made, _)| made.plus_seconds(limits::ATTEMPT_SECONDS) > now);
        }
        if self.attempts.len() < limits::ATTEMPTS_MAX {
            self.attempts.insert(attempt, (now, receipts));
        }
    }

    /// Moves a message to `place`.
    fn put(&mut self, position: u64, place: Place, delivery: Delivery) {
        let Some(message) = self.messages.get_mut(&position) else { return };
        self.places.leave(position, message);
        (message.place, message.delivery) = (place, delivery);
        self.places.enter(position, message);
    }

    /// Makes a hidden message visible, its time being over.
    fn show(&mut self, position: u64) {
        if let Some(delivery) = self.messages.get(&position).map(|m| m.delivery) {
            self.put(position, Place::Ready, delivery);
        }
    }

    /// Checks the invariant above; for tests.
    pub fn check(&self) -> Result<(), String> {
        for (position, message) in &self.messages {
            let (delayed, in_flight) = (
                self.places.delayed.iter().any(|(_, p)| p == position),
                self.places.in_flight.iter().any(|(_, p)| p == position),
            );
            let group = message.content.group.as_ref();
            let leads = group.is_none_or(|group| {
                let same = |m: &Message| m.content.group.as_ref() == Some(group);
                let before = self
                    .messages
                    .range(..position)
                    .any(|(_, m)| same(m) && (self.is_fifo() || m.place == Place::Ready));
                !before
            });
            let ready = message.place == Place::Ready;
            let wanted = (
                matches!(message.place, Place::Delayed(_)),
                message.place == Place::InFlight,
                ready && leads,
            );
            if (delayed, in_flight, self.places.ready.is_listed(*position)) != wanted {
                return Err(format!("message {position} {:?} is misplaced", message.place));
            }
        }
        let hidden = self.places.delayed.iter().chain(&self.places.in_flight).map(|(_, p)| *p);
        let mut known = self.places.ready.listed().chain(hidden);
        match known.find(|p| !self.messages.contains_key(p)) {
            Some(stray) => Err(format!("{stray} is waited for and gone")),
            None => Ok(()),
        }
    }

    /// A message that was just sent, as it is before any receive.
    pub fn fresh(content: Arc<Content>, available: Millis, now: Millis) -> Message {
        let place = if available > now { Place::Delayed(available) } else { Place::Ready };
        Message { content, delivery: Delivery::default(), place }
    }
}
