//! SQS over awsJson 1.0 and awsQuery, and the waiting of long polls.
//!
//! Invariant of waiting: a receiver is registered with its queue's bell before it looks, so that a
//! message that comes after the look rings it. One message rings one receiver; a receiver that leaves
//! passes its ring on (tokio's `Notify` does that when a notified waiter is dropped).

use super::ops::*;
use super::queue::queue_of;
use super::state::{Change, State};
use crate::base::{Caller, Millis, Problem};
use crate::protocol::{
    Answer, AwsJson10, AwsQuery, Endpoint, Failure, Form, Names, Protocol, QueryNames, Request,
    Routes,
};
use crate::services::{Clock, Host, Operation, Pending, Service, read_whole};
use crate::storage::Storage;
use http::Uri;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

/// Bytes of a request: a batch of 1 MiB, percent-encoded or escaped.
const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;
/// A message that becomes visible later than this can have no receiver that waits for it now.
const WAIT_MILLIS_MAX: i64 = 20_000;

/// What AWS has (botocore's service model of 2026-11).
const MODEL: &[&str] = &[
    "AddPermission",
    "CancelMessageMoveTask",
    "ChangeMessageVisibility",
    "ChangeMessageVisibilityBatch",
    "CreateQueue",
    "DeleteMessage",
    "DeleteMessageBatch",
    "DeleteQueue",
    "GetQueueAttributes",
    "GetQueueUrl",
    "ListDeadLetterSourceQueues",
    "ListMessageMoveTasks",
    "ListQueueTags",
    "ListQueues",
    "PurgeQueue",
    "ReceiveMessage",
    "RemovePermission",
    "SendMessage",
    "SendMessageBatch",
    "SetQueueAttributes",
    "StartMessageMoveTask",
    "TagQueue",
    "UntagQueue",
];

/// Those that are served.
const SERVED: &[&str] = &[
    AddPermission::NAME,
    ChangeMessageVisibility::NAME,
    ChangeMessageVisibilityBatch::NAME,
    CreateQueue::NAME,
    DeleteMessage::NAME,
    DeleteMessageBatch::NAME,
    DeleteQueue::NAME,
    GetQueueAttributes::NAME,
    GetQueueUrl::NAME,
    ListDeadLetterSourceQueues::NAME,
    ListQueueTags::NAME,
    ListQueues::NAME,
    PurgeQueue::NAME,
    ReceiveMessage::NAME,
    RemovePermission::NAME,
    SendMessage::NAME,
    SendMessageBatch::NAME,
    SetQueueAttributes::NAME,
    TagQueue::NAME,
    UntagQueue::NAME,
];

const NAMES: Names = names(flat);

const fn names(flat: fn(&str) -> Option<&'static str>) -> Names {
    Names {
        error_prefix: "com.amazonaws.sqs#",
        query_compatible: true,
        query: QueryNames { xmlns: "http://queue.amazonaws.com/doc/2012-11-05/", flat },
    }
}

fn flat(member: &str) -> Option<&'static str> {
    Some(match member {
        "Attributes" => "Attribute",
        "Failed" => "BatchResultErrorEntry",
        "MessageAttributes" => "MessageAttribute",
        "Messages" => "Message",
        "QueueUrls" | "queueUrls" => "QueueUrl",
        "Tags" => "Tag",
        _ => return None,
    })
}

/// The service.
pub struct Sqs {
    core: Arc<Core>,
    json: Endpoint,
    query: Endpoint,
}

impl Sqs {
    /// Opens the state.
    pub fn open(storage: &Storage, clock: &Clock) -> Result<Self, Problem> {
        let host = Host::<State>::open(storage, clock)?;
        let bells = Arc::new(Bells::default());
        let ringing = bells.clone();
        host.watch(move |changes, now| ringing.ring(changes, now));
        let core = Arc::new(Core { host, bells, stopping: watch::Sender::new(false) });
        let json = routes::<AwsJson10>(&core, |failure| failure).by_target("AmazonSQS", MODEL);
        let query = routes::<AwsQuery>(&core, in_query).by_action(MODEL);
        Ok(Sqs { core, json, query })
    }

    /// Carries out an operation for a caller inside devenv. A receive does not wait.
    pub async fn run<O>(&self, operation: O, caller: &Caller) -> Result<O::Output, Failure>
    where
        O: Operation<State = State, Change = Change>,
    {
        self.core.host.run(operation, caller).await
    }

    /// Looks at the queues without changing them.
    pub fn look<T>(&self, view: impl FnOnce(&State, Millis) -> T) -> Result<T, Failure> {
        self.core.host.look(view)
    }
}

impl Service for Sqs {
    fn name(&self) -> &'static str {
        "sqs"
    }

    fn body_limit(&self) -> Option<usize> {
        Some(BODY_BYTES_MAX)
    }

    fn call(&self, request: Request) -> Pending<'_, Answer> {
        Box::pin(async move {
            let mut request = read_whole(request).await;
            let Some(form) = request.extensions().get::<Arc<Form>>() else {
                // Older SDKs send to the queue's URL; the router knows the root only.
                *request.uri_mut() = Uri::from_static("/");
                return self.json.call(request).await;
            };
            let path = request.uri().path();
            if form.get("QueueUrl").is_none() && path.len() > 1 {
                let with_url = Form::clone(form).with("QueueUrl", path);
                request.extensions_mut().insert(Arc::new(with_url));
            }
            self.query.call(request).await
        })
    }

    fn reset(&self) -> Pending<'_, Result<(), Problem>> {
        Box::pin(async move {
            self.core.host.wipe().await?;
            self.core.bells.ring_all();
            Ok(())
        })
    }

    fn stopping(&self) {
        self.core.stopping.send_replace(true);
    }

    fn operations(&self) -> Vec<&'static str> {
        SERVED.to_vec()
    }
}

/// The query protocol's own words.
fn in_query(mut failure: Failure) -> Failure {
    if failure.code == "QueueDoesNotExist" {
        failure.message = "The specified queue does not exist for this wsdl version.".into();
    }
    failure
}

fn routes<P: Protocol>(core: &Arc<Core>, reword: fn(Failure) -> Failure) -> Routes<P> {
    let receiving = core.clone();
    let routes = Routes::<P>::new("sqs", NAMES).add(
        ReceiveMessage::NAME,
        move |receive: ReceiveMessage, caller: Arc<Caller>| {
            let core = receiving.clone();
            async move { core.receive(receive, &caller).await.map_err(reword) }
        },
    );
    let mut add = Adding { routes, core, reword };
    add = add.op::<CreateQueue>().op::<DeleteQueue>().op::<GetQueueUrl>().op::<ListQueues>();
    add = add.op::<GetQueueAttributes>().op::<SetQueueAttributes>().op::<PurgeQueue>();
    add = add.op::<TagQueue>().op::<UntagQueue>().op::<ListQueueTags>();
    add = add.op::<SendMessage>().op::<DeleteMessage>().op::<ChangeMessageVisibility>();
    add = add.op::<ListDeadLetterSourceQueues>().op::<AddPermission>().op::<RemovePermission>();
    // The results of batches are called `Successful` in JSON, and each by its own name in XML.
    add = add.op_called::<SendMessageBatch>(names(|m| match m {
        "Successful" => Some("SendMessageBatchResultEntry"),
        m => flat(m),
    }));
    add = add.op_called::<DeleteMessageBatch>(names(|m| match m {
        "Successful" => Some("DeleteMessageBatchResultEntry"),
        m => flat(m),
    }));
    add = add.op_called::<ChangeMessageVisibilityBatch>(names(|m| match m {
        "Successful" => Some("ChangeMessageVisibilityBatchResultEntry"),
        m => flat(m),
    }));
    add.routes
}

struct Adding<'a, P> {
    routes: Routes<P>,
    core: &'a Arc<Core>,
    reword: fn(Failure) -> Failure,
}

impl<P: Protocol> Adding<'_, P> {
    fn op<O>(self) -> Self
    where
        O: Operation<State = State, Change = Change> + DeserializeOwned + Send + Sync + 'static,
        O::Output: Serialize + Send + Sync + 'static,
    {
        self.op_called::<O>(NAMES)
    }

    fn op_called<O>(self, names: Names) -> Self
    where
        O: Operation<State = State, Change = Change> + DeserializeOwned + Send + Sync + 'static,
        O::Output: Serialize + Send + Sync + 'static,
    {
        let Adding { routes, core, reword } = self;
        let running = core.clone();
        let routes = routes.named(names).add(O::NAME, move |operation: O, caller: Arc<Caller>| {
            let core = running.clone();
            async move { core.host.run(operation, &caller).await.map_err(reword) }
        });
        Adding { routes: routes.named(NAMES), core, reword }
    }
}

struct Core {
    host: Arc<Host<State>>,
    bells: Arc<Bells>,
    stopping: watch::Sender<bool>,
}

impl Core {
    /// Receives, and waits for a message as long as the caller wants to.
    async fn receive(&self, receive: ReceiveMessage, caller: &Caller) -> Result<Received, Failure> {
        let first = self.host.run(receive.clone(), caller).await?;
        if !first.messages.is_empty() || first.wait_s == 0 {
            return Ok(first);
        }
        let deadline = Instant::now() + Duration::from_secs(u64::from(first.wait_s));
        let mut stopped = self.stopping.subscribe();
        let waiting = self.bells.wait(first.queue);
        loop {
            let ring = waiting.bell.notified();
            tokio::pin!(ring);
            ring.as_mut().enable();
            let moved = self.host.clock().moved();
            let received = self.host.run(receive.clone(), caller).await?;
            if !received.messages.is_empty() || Instant::now() >= deadline {
                return Ok(received);
            }
            let due = received.next_due.and_then(|due| self.host.clock().until(due));
            let due = due.map(|ahead| Instant::now() + ahead.max(Duration::from_millis(1)));
            tokio::select! {
                () = ring => {}
                () = tokio::time::sleep_until(due.unwrap_or(deadline).min(deadline)) => {}
                () = moved => {}
                _ = stopped.wait_for(|stop| *stop) => return Ok(received),
            }
        }
    }
}

/// What rings the receivers that wait, by queue.
#[derive(Default)]
struct Bells {
    by_queue: Mutex<HashMap<u64, (Arc<Notify>, usize)>>,
    waiting: AtomicUsize,
}

/// A receiver's place at a bell.
struct Waiting<'a> {
    bells: &'a Bells,
    queue: u64,
    bell: Arc<Notify>,
}

impl Bells {
    fn wait(&self, queue: u64) -> Waiting<'_> {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let mut by_queue = self.by_queue.lock().unwrap_or_else(PoisonError::into_inner);
        let (bell, count) = by_queue.entry(queue).or_default();
        *count += 1;
        Waiting { bells: self, queue, bell: bell.clone() }
    }

    fn of(&self, queue: u64) -> Option<Arc<Notify>> {
        let by_queue = self.by_queue.lock().unwrap_or_else(PoisonError::into_inner);
        by_queue.get(&queue).map(|(bell, _)| bell.clone())
    }

    /// Tells the receivers of what just changed. Called under the state's lock, in the order of changes.
    fn ring(&self, changes: &[Change], now: Millis) {
        if self.waiting.load(Ordering::SeqCst) == 0 {
            return;
        }
        for change in changes {
            match change {
                Change::Sent { row, available, .. } => {
                    self.ring_at(queue_of(*row), *available, now)
                }
                Change::Delivered { row, delivery } => {
                    let at = if delivery.released { now } else { delivery.until };
                    self.ring_at(queue_of(*row), at, now);
                }
                Change::Deleted { row, frees: true } => self.ring_at(queue_of(*row), now, now),
                Change::QueueDeleted { queue } => {
                    if let Some(bell) = self.of(*queue) {
                        bell.notify_waiters();
                    }
                }
                _ => {}
            }
        }
    }

    /// Rings one receiver when a message becomes visible.
    fn ring_at(&self, queue: u64, at: Millis, now: Millis) {
        let Some(bell) = self.of(queue) else { return };
        let in_ms = at.since(now);
        if in_ms == 0 {
            bell.notify_one();
        } else if in_ms <= WAIT_MILLIS_MAX
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(async move {
                tokio::time::sleep(Duration::from_millis(in_ms as u64)).await;
                bell.notify_one();
            });
        }
    }

    fn ring_all(&self) {
        let by_queue = self.by_queue.lock().unwrap_or_else(PoisonError::into_inner);
        by_queue.values().for_each(|(bell, _)| bell.notify_waiters());
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.bells.waiting.fetch_sub(1, Ordering::SeqCst);
        let mut by_queue = self.bells.by_queue.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, count)) = by_queue.get_mut(&self.queue) {
            *count -= 1;
            if *count == 0 {
                by_queue.remove(&self.queue);
            }
        }
    }
}
