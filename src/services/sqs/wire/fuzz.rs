//! Entry points for fuzzing: forms of the query protocol, up to the operations themselves. `fuzz/` drives
//! them with libFuzzer, `tests/it/fuzz.rs` with proptest for a moment.

use crate::base::{Caller, Context, Ids, Millis};
use crate::protocol::Form;
use crate::services::Operation;
use crate::services::sqs::ops::*;
use crate::services::sqs::receipt::Receipt;
use crate::services::sqs::state::{Change, State};
use serde::de::DeserializeOwned;

struct World {
    state: State,
    ids: Ids,
    caller: Caller,
    now: Millis,
}

impl World {
    fn apply<O>(&mut self, operation: O) -> Result<O::Output, O::Error>
    where
        O: Operation<State = State, Change = Change>,
    {
        let mut context = Context { now: self.now, ids: &mut self.ids, caller: &self.caller };
        operation.apply(&mut self.state, &mut context, &mut Vec::new())
    }

    /// Two queues with a message each, one of them in flight.
    fn new() -> World {
        let caller = Caller::internal("000000000000", "us-east-1", "http://localhost");
        let (ids, now) = (Ids::seeded(1), Millis(1_795_256_130_000));
        let mut world = World { state: State::default(), ids, caller, now };
        for name in ["q", "q.fifo"] {
            let attributes =
                if name == "q" { "" } else { "&Attribute.1.Name=FifoQueue&Attribute.1.Value=true" };
            let create = format!("QueueName={name}{attributes}");
            let send = format!(
                "QueueUrl={name}&MessageBody=x{}",
                if name == "q" { "" } else { "&MessageGroupId=g&MessageDeduplicationId=d" }
            );
            for sent in [
                read::<CreateQueue>(&create).map(|o| world.apply(o).is_ok()),
                read::<SendMessage>(&send).map(|o| world.apply(o).is_ok()),
            ] {
                assert_eq!(sent, Some(true));
            }
        }
        let received = read::<ReceiveMessage>("QueueUrl=q").map(|o| world.apply(o).is_ok());
        assert_eq!(received, Some(true));
        world
    }

    /// A form that can be read as an operation is carried out or refused: refused, it has changed nothing.
    fn attempt<O>(&mut self, form: &Form)
    where
        O: Operation<State = State, Change = Change> + DeserializeOwned,
    {
        let Ok(operation) = form.read::<O>() else { return };
        let before = format!("{:?}", self.state);
        if self.apply(operation).is_err() {
            assert_eq!(format!("{:?}", self.state), before, "{} changed what it refused", O::NAME);
        }
        self.state.queues().for_each(|queue| assert_eq!(queue.check(), Ok(())));
    }
}

fn read<O: DeserializeOwned>(form: &str) -> Option<O> {
    Form::parse(form.as_bytes()).ok()?.read().ok()
}

/// A form, read as each operation in turn.
pub fn query(data: &[u8]) {
    let Ok(form) = Form::parse(data) else { return };
    let mut world = World::new();
    world.attempt::<SendMessage>(&form);
    world.attempt::<SendMessageBatch>(&form);
    world.attempt::<ReceiveMessage>(&form);
    world.attempt::<ChangeMessageVisibility>(&form);
    world.attempt::<ChangeMessageVisibilityBatch>(&form);
    world.attempt::<DeleteMessage>(&form);
    world.attempt::<DeleteMessageBatch>(&form);
    world.attempt::<GetQueueAttributes>(&form);
    world.attempt::<SetQueueAttributes>(&form);
    world.attempt::<CreateQueue>(&form);
    world.attempt::<TagQueue>(&form);
    world.attempt::<UntagQueue>(&form);
    world.attempt::<AddPermission>(&form);
    world.attempt::<RemovePermission>(&form);
    world.attempt::<ListQueues>(&form);
    world.attempt::<StartMessageMoveTask>(&form);
    world.attempt::<CancelMessageMoveTask>(&form);
    world.attempt::<ListMessageMoveTasks>(&form);
    if let Some(receipt) = form.get("ReceiptHandle").and_then(Receipt::parse) {
        assert_eq!(form.get("ReceiptHandle"), Some(receipt.text().as_str()));
    }
}
