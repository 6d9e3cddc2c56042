//! Calls from one service to another: the change that is their reason writes them in its own
//! transaction, and the deliverer makes them later, without HTTP.
//!
//! A service posts with [`post`] where it writes its changes (`Domain::write`, or an operation over
//! SQLite) and rings `Clock::call` after the commit. Invariants: a posted call is removed only after
//! its target's commit, so it survives `kill -9` and may then be made twice; calls to one target are
//! made in the order in which they were posted; a call that the target refuses is dropped with a
//! warning, as AWS drops events to a queue that is gone.

use super::sqs::ops::SendMessage;
use super::sqs::{AttributeValue, QueueArn, Sqs};
use super::{Clock, Failure, Pending, Worker};
use crate::base::{Caller, Millis, Problem};
use crate::storage::rusqlite::{self, Connection};
use crate::storage::{Schema, Storage};
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// Calls made at a time.
const BATCH_MAX: usize = 256;
/// Calls that may wait before services refuse what would post more.
const WAITING_MAX: i64 = 100_000;

/// The table of calls that wait.
pub const SCHEMA: Schema = Schema {
    name: "outbox",
    scripts: &["CREATE TABLE outbox(id INTEGER PRIMARY KEY AUTOINCREMENT, call TEXT NOT NULL);"],
};

/// A call to another service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Call {
    /// SQS `SendMessage`.
    SendMessage {
        /// The queue's ARN.
        queue: String,
        /// The message.
        body: String,
        /// Message attributes, each of type String.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        attributes: BTreeMap<String, String>,
        /// `AWSTraceHeader`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        trace: Option<String>,
    },
    /// S3 `PutObject`.
    PutObject(PutObject),
}

/// An object for a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutObject {
    /// Who puts it.
    pub account: String,
    /// Where.
    pub region: String,
    /// The bucket.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// Its bytes, in base64, or what they begin with.
    pub content: String,
    /// The file of a mail that goes on behind `content`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mail: Option<String>,
}

/// Where objects go: S3, which is opened after the outbox that it posts to.
pub trait Objects: Send + Sync {
    /// Puts one, durably.
    fn put<'a>(&'a self, object: &'a PutObject) -> Pending<'a, Result<(), Failure>>;
}

impl Call {
    /// A message to the queue with this ARN.
    pub fn send_message(queue: &str, body: String) -> Call {
        Call::SendMessage { queue: queue.into(), body, attributes: BTreeMap::new(), trace: None }
    }

    fn target(&self) -> &str {
        match self {
            Call::SendMessage { queue, .. } => queue,
            Call::PutObject(object) => &object.bucket,
        }
    }
}

/// Posts a call in the transaction of the change that is its reason.
pub fn post(transaction: &Connection, call: &Call) -> rusqlite::Result<()> {
    // Texts and maps of texts: serialising them cannot fail.
    let text = serde_json::to_string(call).unwrap_or_default();
    transaction.prepare_cached("INSERT INTO outbox(call) VALUES (?1)")?.execute([text]).map(drop)
}

/// The deliverer.
pub struct Outbox {
    storage: Storage,
    clock: Clock,
    sqs: Arc<Sqs>,
    objects: OnceLock<Box<dyn Objects>>,
    full: AtomicBool,
}

impl Outbox {
    /// Over the state file, delivering to these services.
    pub fn new(storage: &Storage, clock: &Clock, sqs: &Arc<Sqs>) -> Outbox {
        let (storage, clock, sqs) = (storage.clone(), clock.clone(), sqs.clone());
        Outbox { storage, clock, sqs, objects: OnceLock::new(), full: AtomicBool::new(false) }
    }

    /// Says where objects go; once, when all services are open.
    pub fn deliver_objects(&self, objects: Box<dyn Objects>) {
        let first = self.objects.set(objects).is_ok();
        debug_assert!(first, "objects go to one place");
    }

    /// Whether so many calls wait that nothing should be done that posts more.
    pub fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }

    async fn deliver(&self) -> Result<usize, Problem> {
        let (waiting, batch) =
            self.storage.read(oldest).map_err(|e| unreadable(&e.for_people()))?;
        // Ids have gaps: that few are left is seen by a batch that is not full.
        let many = batch.len() == BATCH_MAX && waiting > WAITING_MAX;
        self.full.store(many, Ordering::Relaxed);
        // Each call is carried out in memory when its future is first polled, so they keep their
        // order; their commits are waited for together.
        let outcomes = join_all(batch.iter().map(|(_, call)| self.make(call))).await;
        let (mut done, mut held_up) = (Vec::with_capacity(batch.len()), None);
        for ((id, call), outcome) in batch.iter().zip(outcomes) {
            match (call, outcome) {
                (_, Ok(())) => done.push(*id),
                (Some(call), Err(failure)) if failure.status >= 500 => {
                    held_up = Some(format!("{}: {}", call.target(), failure.message));
                }
                (call, Err(failure)) => {
                    let target = call.as_ref().map_or("unknown", Call::target);
                    let (code, text) = (failure.code, failure.message);
                    tracing::warn!(target, %code, %text, "a call to another service was refused and is dropped");
                    done.push(*id);
                }
            }
        }
        let count = done.len();
        let removed = self.storage.transact(move |transaction| {
            let mut delete = transaction.prepare_cached("DELETE FROM outbox WHERE id=?1")?;
            done.iter().try_for_each(|id| delete.execute([id]).map(drop))
        });
        removed.await.map_err(|e| unreadable(&e.for_people()))?;
        match held_up {
            Some(why) => Err(Problem::failed("undelivered", why).retryable()),
            None => Ok(count),
        }
    }

    async fn make(&self, call: &Option<Call>) -> Result<(), Failure> {
        let unknown = |what: &str| Failure::new(400, "InvalidParameter", what.to_owned());
        match call {
            None => Err(unknown("the call is not readable")),
            Some(Call::PutObject(object)) => match self.objects.get() {
                Some(objects) => objects.put(object).await,
                None => Err(Failure::new(500, "InternalFailure", "S3 is not open".to_owned())),
            },
            Some(Call::SendMessage { queue, body, attributes, trace }) => {
                let arn = QueueArn::parse(queue).ok_or_else(|| unknown("no ARN of a queue"))?;
                let text = |value: &String| AttributeValue::text(value);
                let system = trace.iter().map(|t| ("AWSTraceHeader".to_owned(), text(t)));
                let send = SendMessage {
                    queue_url: format!("/{}/{}", arn.account, arn.name),
                    message_body: body.as_str().into(),
                    message_attributes: attributes
                        .iter()
                        .map(|(n, v)| (n.clone(), text(v)))
                        .collect(),
                    message_system_attributes: system.collect(),
                    ..SendMessage::default()
                };
                let caller = Caller::internal(&arn.account, &arn.region, "");
                self.sqs.run(send, &caller).await.map(drop)
            }
        }
    }
}

type Waiting = (i64, Vec<(i64, Option<Call>)>);

/// How many calls wait, nearly, and the oldest of them.
fn oldest(connection: &Connection) -> rusqlite::Result<Waiting> {
    let count = "SELECT ifnull(max(id) - min(id), 0) FROM outbox";
    let waiting = connection.prepare_cached(count)?.query_row([], |row| row.get(0))?;
    let mut rows = connection.prepare_cached("SELECT id, call FROM outbox ORDER BY id LIMIT ?1")?;
    let read = |row: &rusqlite::Row<'_>| {
        Ok((row.get(0)?, serde_json::from_str(row.get_ref(1)?.as_str()?).ok()))
    };
    let batch = rows.query_map([BATCH_MAX as i64], read)?.collect::<rusqlite::Result<Vec<_>>>()?;
    Ok((waiting, batch))
}

fn unreadable(why: &str) -> Problem {
    Problem::failed("state-unreadable", format!("outbox: {why}"))
}

impl Worker for Outbox {
    fn name(&self) -> &'static str {
        "outbox"
    }

    fn next_due(&self) -> Result<Option<Millis>, Problem> {
        let any = self.storage.read(|connection| {
            connection.prepare_cached("SELECT 1 FROM outbox LIMIT 1")?.exists([])
        });
        let any = any.map_err(|e| unreadable(&e.for_people()))?;
        Ok(any.then(|| self.clock.now()))
    }

    fn work(&self) -> Pending<'_, Result<usize, Problem>> {
        Box::pin(self.deliver())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::sqs::ops::{CreateQueue, ReceiveMessage};
    use crate::services::{Services, schemas};

    fn services(dir: &tempfile::TempDir) -> (Storage, Services) {
        let storage = Storage::open(&dir.path().join("state.db"), &schemas()).unwrap();
        let services = Services::open(&storage, &Clock::default(), dir.path()).unwrap();
        (storage, services)
    }

    async fn bodies(services: &Services, caller: &Caller) -> Vec<String> {
        let receive = ReceiveMessage {
            queue_url: "/000000000000/q".into(),
            max_number_of_messages: Some(10),
            ..ReceiveMessage::default()
        };
        let received = services.sqs.run(receive, caller).await.unwrap();
        received.messages.iter().map(|m| m.body.0.to_string()).collect()
    }

    #[tokio::test]
    async fn calls_are_made_in_order_once_and_after_a_restart_too() {
        let dir = tempfile::tempdir().unwrap();
        let caller = Caller::internal("000000000000", "us-east-1", "http://h");
        let (storage, first) = services(&dir);
        let create = CreateQueue { queue_name: "q".into(), ..CreateQueue::default() };
        first.sqs.run(create, &caller).await.unwrap();
        let arn = "arn:aws:sqs:us-east-1:000000000000:q";
        storage
            .transact(move |t| {
                for n in 0..5 {
                    post(t, &Call::send_message(arn, format!("{n}")))?;
                }
                post(t, &Call::send_message("arn:aws:sqs:us-east-1:000000000000:gone", "x".into()))
            })
            .await
            .unwrap();
        drop((first, storage));
        // Another process.
        let (_storage, again) = services(&dir);
        assert!(again.outbox.next_due().unwrap().is_some());
        assert_eq!(again.outbox.deliver().await.unwrap(), 6, "the refused one is dropped");
        assert_eq!(again.outbox.next_due().unwrap(), None);
        assert_eq!(bodies(&again, &caller).await, ["0", "1", "2", "3", "4"]);
        assert_eq!(again.outbox.deliver().await.unwrap(), 0, "nothing is made twice");
    }
}
