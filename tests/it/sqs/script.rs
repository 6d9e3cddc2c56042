//! Scripts over virtual time: `tests/it/scripts/sqs/*.txt`, a line an operation.
//!
//! ```text
//! 0   SendMessage    {"QueueUrl":"q","MessageBody":"hello"}
//! 1   ReceiveMessage {"QueueUrl":"q"}   → {"Messages":[{"Body":"hello","ReceiptHandle":"$=first"}]}
//! 30  ReceiveMessage {"QueueUrl":"q"}   → {}
//! ```
//!
//! Seconds since the start, operation, input, and perhaps what is expected: an object may hold more than
//! is written (`{}` is empty), `*` is anything, `$=x` names what stands there and `$x` is what was named;
//! `! Code: text` is an error in the words of the query protocol.

use devenv::base::{Caller, Context, Ids, Millis};
use devenv::services::sqs::ops::*;
use devenv::services::sqs::{Change, State};
use devenv::services::{Domain, Operation, ServiceError};
use devenv::storage::rusqlite::Connection;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Where scripts begin: 2026-11-21T10:15:30Z.
const START: Millis = Millis(1_795_256_130_000);

/// The pure core, with a disk beside it that hears of every change.
pub(crate) struct Core {
    pub(crate) state: State,
    pub(crate) now: Millis,
    pub(crate) disk: Connection,
    ids: Ids,
    caller: Caller,
}

impl Core {
    pub(crate) fn new() -> Core {
        let disk = Connection::open_in_memory().unwrap();
        State::SCHEMA.scripts.iter().for_each(|script| disk.execute_batch(script).unwrap());
        let caller = Caller::internal("000000000000", "us-east-1", "http://localhost:4566");
        Core { state: State::default(), now: START, disk, ids: Ids::seeded(1), caller }
    }

    /// Applies an operation; a refusal must leave the state as it was and record nothing.
    pub(crate) fn apply<O>(&mut self, operation: O) -> Result<O::Output, O::Error>
    where
        O: Operation<State = State, Change = Change>,
    {
        let before = format!("{:?}", self.state);
        let mut changes = Vec::new();
        let mut context = Context { now: self.now, ids: &mut self.ids, caller: &self.caller };
        let result = operation.apply(&mut self.state, &mut context, &mut changes);
        if result.is_err() {
            assert_eq!(format!("{:?}", self.state), before, "{} changed what it refused", O::NAME);
            return result;
        }
        let (transaction, _) = devenv::storage::Transaction::open(&self.disk).unwrap();
        changes.iter().for_each(|change| State::write(change, &transaction).unwrap());
        transaction.commit().unwrap();
        self.state.queues().for_each(|queue| queue.check().unwrap());
        result
    }

    /// Does what the worker would have done by now.
    pub(crate) fn work(&mut self) {
        while self.apply(AdvanceMoveTasks).unwrap() > 0 {}
    }

    /// Sends `messages` and receives all that can be; the last receive must be refused. Without the
    /// checks of [`Core::apply`], which look at every message.
    pub(crate) fn fill_in_flight(mut self, name: &str, messages: usize) -> usize {
        let mut context = Context { now: self.now, ids: &mut self.ids, caller: &self.caller };
        let is_fifo = name.ends_with(".fifo");
        let mut create = CreateQueue { queue_name: name.into(), ..Default::default() };
        if is_fifo {
            create.attributes.insert("FifoQueue".into(), "true".into());
        }
        create.apply(&mut self.state, &mut context, &mut Vec::new()).unwrap();
        for n in 0..messages {
            let send = SendMessage {
                queue_url: name.into(),
                message_body: "x".into(),
                message_group_id: is_fifo.then(|| n.to_string()),
                message_deduplication_id: is_fifo.then(|| n.to_string()),
                ..Default::default()
            };
            send.apply(&mut self.state, &mut context, &mut Vec::new()).unwrap();
        }
        let mut taken = 0;
        let receive = |wait: Option<i64>| ReceiveMessage {
            queue_url: name.into(),
            max_number_of_messages: Some(10),
            wait_time_seconds: wait,
            ..Default::default()
        };
        loop {
            match receive(None).apply(&mut self.state, &mut context, &mut Vec::new()) {
                Ok(received) => taken += received.messages.len(),
                Err(error) => {
                    assert_eq!((error.code(), error.status()), ("OverLimit", 403));
                    break;
                }
            }
        }
        // Who waits is not refused, and gets what becomes free.
        let waiting = receive(Some(20)).apply(&mut self.state, &mut context, &mut Vec::new());
        assert_eq!(waiting.unwrap().messages.len(), 0);
        context.now = context.now.plus_seconds(30);
        let again = receive(None).apply(&mut self.state, &mut context, &mut Vec::new());
        assert_eq!(again.unwrap().messages.len(), 10);
        taken
    }

    /// Forgets memory and reads the disk, as a restart does.
    pub(crate) fn restart(&mut self) {
        let cooldowns = self.state.cooldowns;
        self.state = State::load(&self.disk).unwrap();
        self.state.cooldowns = cooldowns;
    }

    fn call<O>(&mut self, input: Value) -> Result<Value, String>
    where
        O: Operation<State = State, Change = Change> + DeserializeOwned,
        O::Output: Serialize,
    {
        let operation: O = serde_json::from_value(input).unwrap();
        let output = self.apply(operation).map_err(|error| {
            let code = error.query_code().unwrap_or(error.code());
            format!("! {code}: {}", error.message())
        })?;
        Ok(match serde_json::to_value(output).unwrap() {
            Value::Null => Value::Object(serde_json::Map::new()),
            value => value,
        })
    }

    fn named(&mut self, operation: &str, input: Value) -> Result<Value, String> {
        match operation {
            "AddPermission" => self.call::<AddPermission>(input),
            "CancelMessageMoveTask" => self.call::<CancelMessageMoveTask>(input),
            "ChangeMessageVisibility" => self.call::<ChangeMessageVisibility>(input),
            "ChangeMessageVisibilityBatch" => self.call::<ChangeMessageVisibilityBatch>(input),
            "CreateQueue" => self.call::<CreateQueue>(input),
            "DeleteMessage" => self.call::<DeleteMessage>(input),
            "DeleteMessageBatch" => self.call::<DeleteMessageBatch>(input),
            "DeleteQueue" => self.call::<DeleteQueue>(input),
            "GetQueueAttributes" => self.call::<GetQueueAttributes>(input),
            "GetQueueUrl" => self.call::<GetQueueUrl>(input),
            "ListDeadLetterSourceQueues" => self.call::<ListDeadLetterSourceQueues>(input),
            "ListMessageMoveTasks" => self.call::<ListMessageMoveTasks>(input),
            "ListQueueTags" => self.call::<ListQueueTags>(input),
            "ListQueues" => self.call::<ListQueues>(input),
            "PurgeQueue" => self.call::<PurgeQueue>(input),
            "ReceiveMessage" => self.call::<ReceiveMessage>(input),
            "RemovePermission" => self.call::<RemovePermission>(input),
            "SendMessage" => self.call::<SendMessage>(input),
            "SendMessageBatch" => self.call::<SendMessageBatch>(input),
            "SetQueueAttributes" => self.call::<SetQueueAttributes>(input),
            "StartMessageMoveTask" => self.call::<StartMessageMoveTask>(input),
            "TagQueue" => self.call::<TagQueue>(input),
            "UntagQueue" => self.call::<UntagQueue>(input),
            other => panic!("scripts know no operation {other}"),
        }
    }
}

type Names = BTreeMap<String, Value>;

/// Plays a script on the pure core. `restarting` reads the state anew from disk before every line.
pub(crate) fn play(file: &Path, restarting: bool) {
    let mut core = Core::new();
    let mut names = Names::new();
    for (at, line) in std::fs::read_to_string(file).unwrap().lines().enumerate() {
        let line = line.trim();
        if line == "# with AWS's waits of sixty seconds" {
            core.state.cooldowns = true;
        }
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if restarting {
            core.restart();
        }
        let (given, wanted) = line.split_once('→').unwrap_or((line, ""));
        let (seconds, rest) = given.trim().split_once(' ').unwrap();
        let (operation, input) = rest.trim().split_once(' ').unwrap();
        core.now = Millis(START.0 + (seconds.parse::<f64>().unwrap() * 1000.0).round() as i64);
        core.work();
        let input = filled(serde_json::from_str(input.trim()).unwrap(), &names);
        let answer = core.named(operation, input);
        let place = format!("{}:{}", file.file_name().unwrap().display(), at + 1);
        expect(&place, wanted.trim(), &answer, &mut names);
    }
}

fn expect(place: &str, wanted: &str, answer: &Result<Value, String>, names: &mut Names) {
    match answer {
        Err(error) => {
            let wanted = names.iter().fold(wanted.to_owned(), |text, (name, value)| {
                text.replace(&format!("${name}"), value.as_str().unwrap_or_default())
            });
            let as_wanted = wanted.starts_with('!') && error.starts_with(&wanted);
            assert!(as_wanted, "{place}: {error}");
        }
        Ok(value) => {
            let expected = if wanted.is_empty() {
                Value::String("*".into())
            } else {
                serde_json::from_str(wanted).unwrap_or_else(|_| panic!("{place}: {value}"))
            };
            assert!(matches(&expected, value, names), "{place}: {value}");
        }
    }
}

fn filled(value: Value, names: &Names) -> Value {
    match value {
        Value::String(text) => match text.strip_prefix('$') {
            Some(name) => names[name].clone(),
            None => Value::String(text),
        },
        Value::Array(items) => items.into_iter().map(|v| filled(v, names)).collect(),
        Value::Object(members) => {
            Value::Object(members.into_iter().map(|(k, v)| (k, filled(v, names))).collect())
        }
        other => other,
    }
}

fn matches(expected: &Value, actual: &Value, names: &mut Names) -> bool {
    match (expected, actual) {
        (Value::String(text), _) if text == "*" => true,
        (Value::String(text), _) if text.starts_with("$=") => {
            names.insert(text[2..].to_owned(), actual.clone());
            true
        }
        (Value::String(text), _) if text.starts_with('$') => names[&text[1..]] == *actual,
        (Value::Array(expected), Value::Array(actual)) => {
            expected.len() == actual.len()
                && expected.iter().zip(actual).all(|(e, a)| matches(e, a, names))
        }
        (Value::Object(expected), Value::Object(actual)) if expected.is_empty() => {
            actual.is_empty()
        }
        (Value::Object(expected), Value::Object(actual)) => {
            expected.iter().all(|(k, e)| actual.get(k).is_some_and(|a| matches(e, a, names)))
        }
        (expected, actual) => expected == actual,
    }
}

/// The scripts, in order; `timeless` leaves those in which time passes out.
pub(crate) fn files(timeless: bool) -> Vec<PathBuf> {
    let folder = crate::support::script("scripts/sqs");
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        entries.filter(|p| p.extension().is_some_and(|e| e == "txt")).collect();
    files.retain(|path| !timeless || path.to_string_lossy().contains("no_time_"));
    files.sort();
    files
}
