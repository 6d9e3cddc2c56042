//! SQS over awsJson 1.0 and awsQuery; receives that wait (`receive`, `bells`), pages (`pages`), and the
//! worker that carries move tasks on.

mod bells;
mod encryption;
pub mod fuzz;
mod pages;
mod receive;

use super::ops::*;
use super::state::{Change, State};
use crate::base::{Caller, Millis, Problem};
use crate::protocol::{
    Answer, AwsJson10, AwsQuery, Endpoint, Failure, Form, Names, Protocol, QueryNames, Request,
    Routes,
};
use crate::services::kms::Kms;
use crate::services::{Clock, Host, Operation, Pending, Service, Worker, read_whole};
use crate::storage::Storage;
use bells::Bells;
use encryption::{Encrypts, brings_key};
use http::Uri;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::watch;

/// Bytes of a request: a batch of 1 MiB, percent-encoded or escaped.
const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;

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
    CancelMessageMoveTask::NAME,
    ChangeMessageVisibility::NAME,
    ChangeMessageVisibilityBatch::NAME,
    CreateQueue::NAME,
    DeleteMessage::NAME,
    DeleteMessageBatch::NAME,
    DeleteQueue::NAME,
    GetQueueAttributes::NAME,
    GetQueueUrl::NAME,
    ListDeadLetterSourceQueues::NAME,
    ListMessageMoveTasks::NAME,
    ListQueueTags::NAME,
    ListQueues::NAME,
    PurgeQueue::NAME,
    ReceiveMessage::NAME,
    RemovePermission::NAME,
    SendMessage::NAME,
    SendMessageBatch::NAME,
    SetQueueAttributes::NAME,
    StartMessageMoveTask::NAME,
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
        "Results" => "ListMessageMoveTasksResultEntry",
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
    /// Opens the state. Keys of encrypted queues are those of `kms`.
    pub fn open(storage: &Storage, clock: &Clock, kms: &Kms) -> Result<Self, Problem> {
        let host = Host::<State>::open(storage, clock)?;
        let bells = Arc::new(Bells::new(clock));
        let is_encrypted =
            |state: &State| state.queues().any(|q| q.record.settings.kms_key.is_some());
        let has_keys = host.look(|state, _| is_encrypted(state)).map_err(told)?;
        let has_keys = Arc::new(AtomicBool::new(has_keys));
        let (ringing, noting) = (bells.clone(), has_keys.clone());
        host.watch(move |changes, now| {
            ringing.ring(changes, now);
            if changes.iter().any(brings_key) {
                noting.store(true, Ordering::Release);
            }
        });
        let (kms, stopping) = (kms.clone(), watch::Sender::new(false));
        let core = Arc::new(Core { host, bells, kms, has_keys, stopping });
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

    /// Receives for a caller inside devenv, who waits as long as any other.
    pub async fn receive(
        &self,
        receive: ReceiveMessage,
        caller: &Caller,
    ) -> Result<Received, Failure> {
        self.core.receive(receive, caller).await
    }

    /// Whether AWS's waits of sixty seconds hold.
    pub async fn set_strict(&self, strict: bool) -> Result<(), Failure> {
        let caller = Caller::internal("", "", "");
        self.run(SetMode { cooldowns: strict }, &caller).await.map(drop)
    }

    /// Who carries move tasks on.
    pub fn worker(&self) -> Arc<dyn Worker> {
        self.core.clone()
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
            if request.uri().path().starts_with("/_") {
                return self.core.page(&request);
            }
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

    fn pages(&self) -> &'static [&'static str] {
        &["/_aws/sqs", "/_devenv/sqs"]
    }

    fn asks(
        &self,
        asked: &crate::services::access::Asked<'_>,
    ) -> Result<Vec<crate::services::access::Ask>, Failure> {
        let look =
            |state: &State| (super::asks::asks(state, asked), super::asks::key_use(state, asked));
        let (mut all, key) = self.core.host.look(|state, _| look(state))?;
        all.extend(self.core.kms.asks_for(asked.caller, key.as_slice())?);
        Ok(all)
    }

    fn reset(&self) -> Pending<'_, Result<(), Problem>> {
        Box::pin(async move {
            self.core.host.wipe().await?;
            self.core.bells.ring_all();
            Ok(())
        })
    }

    fn forget<'a>(&'a self, account: &'a str) -> Pending<'a, Result<(), Problem>> {
        Box::pin(async move {
            self.core.host.forget(account).await?;
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
    let starting = core.clone();
    let routes = routes.add(
        StartMessageMoveTask::NAME,
        move |start: StartMessageMoveTask, caller: Arc<Caller>| {
            let core = starting.clone();
            async move {
                let started = core.host.run(start, &caller).await.map_err(reword);
                core.host.clock().call();
                started
            }
        },
    );
    let mut add = Adding { routes, core, reword };
    add = add.op::<CreateQueue>().op::<DeleteQueue>().op::<GetQueueUrl>().op::<ListQueues>();
    add = add.op::<GetQueueAttributes>().op::<SetQueueAttributes>().op::<PurgeQueue>();
    add = add.op::<TagQueue>().op::<UntagQueue>().op::<ListQueueTags>();
    add =
        add.encrypting::<SendMessage>(NAMES).op::<DeleteMessage>().op::<ChangeMessageVisibility>();
    add = add.op::<CancelMessageMoveTask>().op::<ListMessageMoveTasks>();
    add = add.op::<ListDeadLetterSourceQueues>().op::<AddPermission>().op::<RemovePermission>();
    // The results of batches are called `Successful` in JSON, and each by its own name in XML.
    add = add.encrypting::<SendMessageBatch>(names(|m| match m {
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

    /// An operation that needs the queue's key, if it has one.
    fn encrypting<O>(self, names: Names) -> Self
    where
        O: Operation<State = State, Change = Change> + Encrypts,
        O: DeserializeOwned + Send + Sync + 'static,
        O::Output: Serialize + Send + Sync + 'static,
    {
        let Adding { routes, core, reword } = self;
        let running = core.clone();
        let routes = routes.named(names).add(O::NAME, move |operation: O, caller: Arc<Caller>| {
            let core = running.clone();
            async move {
                core.key_works(operation.queue_url(), &caller).await.map_err(reword)?;
                core.host.run(operation, &caller).await.map_err(reword)
            }
        });
        Adding { routes: routes.named(NAMES), core, reword }
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
    kms: Kms,
    /// Whether a queue has, or has had, a key: otherwise none has to be looked for.
    has_keys: Arc<AtomicBool>,
    stopping: watch::Sender<bool>,
}

impl Worker for Core {
    fn name(&self) -> &'static str {
        "sqs move tasks"
    }

    fn next_due(&self) -> Result<Option<Millis>, Problem> {
        self.host.look(|state, _| state.next_move()).map_err(told)
    }

    fn work(&self) -> Pending<'_, Result<usize, Problem>> {
        Box::pin(async {
            let caller = Caller::internal("", "", "");
            self.host.run(AdvanceMoveTasks, &caller).await.map_err(told)
        })
    }
}

fn told(failure: Failure) -> Problem {
    Problem::failed("sqs-move-task", failure.message)
}
