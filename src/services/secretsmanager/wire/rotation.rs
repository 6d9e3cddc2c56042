//! What Secrets Manager does of itself, by the clock: deletions that are due, and rotations, each a call
//! of a rotation function a step.
//!
//! Invariants: what comes next lies in the state file before a function is called, so a rotation goes on
//! after `kill -9` with the step at which it stood; a function is called for at most one step of a secret at
//! a time. Nothing that a function says is logged as it stands: it may hold the secret.

use crate::base::{Caller, Millis, Problem};
use crate::services::secretsmanager::ops::{
    BeginRotation, Call, EndStep, Event, Next, Purge, Tended,
};
use crate::services::secretsmanager::state::{Key, State};
use crate::services::{Failure, Host, Pending, Worker};
use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;

/// Rotations under way at a time.
const ROTATIONS_MAX: usize = 16;
/// Before a step is called again whose end could not be written down.
const DISK_PAUSE: Duration = Duration::from_secs(5);
/// Characters of a function's reason that are logged.
const REASON_CHARS_MAX: usize = 400;

/// What came of calling a function: why it failed, in words without secrets.
pub type Called = Result<(), String>;

/// The rotation functions of an environment.
pub trait RotationFunctions: Send + Sync + 'static {
    /// Their names, as the ARN of a Lambda function ends.
    fn names(&self) -> BTreeSet<String>;

    /// Calls the function called `name` for a step; `caller` stands for the secret's account and region.
    /// Ends in bounded time.
    fn call<'a>(
        &'a self,
        name: &'a str,
        event: &'a Event,
        caller: &'a Caller,
    ) -> Pending<'a, Called>;
}

/// The worker.
pub struct Rotations {
    host: Arc<Host<State>>,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    functions: Option<Arc<dyn RotationFunctions>>,
    under_way: HashSet<Key>,
    tasks: JoinSet<()>,
    stopped: bool,
}

impl Rotations {
    pub(super) fn new(host: &Arc<Host<State>>) -> Arc<Rotations> {
        Arc::new(Rotations { host: host.clone(), inner: Arc::default() })
    }

    pub(super) fn set(&self, functions: Arc<dyn RotationFunctions>) {
        self.lock().functions = Some(functions);
    }

    /// Breaks off what is under way: it is taken up at the next start.
    pub(super) fn stop(&self) {
        let mut inner = self.lock();
        inner.stopped = true;
        inner.tasks.abort_all();
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The soonest thing to do: a deletion, or a rotation that is not under way.
    fn soonest(&self) -> Result<Option<Millis>, Failure> {
        let inner = self.lock();
        let may_rotate = inner.may_begin();
        self.host.look(|state, _| {
            let rotation = may_rotate.then(|| {
                state.rotations().find(|(_, key)| !inner.under_way.contains(key)).map(|(at, _)| *at)
            });
            [state.next_deletion(), rotation.flatten()].into_iter().flatten().min()
        })
    }

    fn due(&self) -> Result<Vec<Key>, Failure> {
        let inner = self.lock();
        let free = ROTATIONS_MAX.saturating_sub(inner.under_way.len());
        self.host.look(|state, now| {
            let due = state.rotations().take_while(|(at, _)| *at <= now).map(|(_, key)| key);
            due.filter(|key| !inner.under_way.contains(*key)).take(free).cloned().collect()
        })
    }

    async fn batch(&self) -> Result<usize, Failure> {
        let mut done = 0;
        if self.host.look(|state, now| state.is_due(now))? {
            self.host.run(Tended(Purge), &Caller::internal("", "", "")).await?;
            done += 1;
        }
        if !self.lock().may_begin() {
            return Ok(done);
        }
        for key in self.due()? {
            done += 1;
            self.begin(key).await?;
        }
        Ok(done)
    }

    async fn begin(&self, key: Key) -> Result<(), Failure> {
        let caller = Caller::internal(&key.account, &key.region, "");
        let begin = BeginRotation { key: key.clone() };
        let Some(call) = self.host.run(Tended(begin), &caller).await? else { return Ok(()) };
        let mut inner = self.lock();
        let Some(functions) = inner.functions.clone().filter(|_| !inner.stopped) else {
            return Ok(());
        };
        inner.under_way.insert(key.clone());
        let place = Place { key, host: self.host.clone(), inner: self.inner.clone() };
        inner.tasks.spawn(async move { drive(&place, &*functions, call, &caller).await });
        // What has ended is let go.
        while inner.tasks.try_join_next().is_some() {}
        Ok(())
    }
}

impl Inner {
    fn may_begin(&self) -> bool {
        !self.stopped && self.functions.is_some() && self.under_way.len() < ROTATIONS_MAX
    }
}

/// A secret whose rotation is under way; free again when it is dropped.
struct Place {
    key: Key,
    host: Arc<Host<State>>,
    inner: Arc<Mutex<Inner>>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.under_way.remove(&self.key);
        drop(inner);
        self.host.clock().call();
    }
}

/// Calls step after step until the rotation ends, fails, or nobody waits for it.
async fn drive(place: &Place, functions: &dyn RotationFunctions, mut call: Call, caller: &Caller) {
    let secret = place.key.name.as_str();
    loop {
        let name = super::function_name(&call.function);
        let called = functions.call(name, &call.event, caller).await;
        let end =
            EndStep { key: place.key.clone(), event: call.event.clone(), done: called.is_ok() };
        let step = call.event.step;
        match place.host.run(Tended(end), caller).await {
            Ok(Next::Call(next)) => call = next,
            Ok(Next::Finished) => {
                tracing::info!(secret, "rotation has ended well");
                return;
            }
            Ok(Next::Failed(missing, again)) => {
                let reason = missing.or(called.err()).unwrap_or_default();
                let reason: String = reason.chars().take(REASON_CHARS_MAX).collect();
                let next = again.map_or_else(|| "given up".to_owned(), Millis::iso8601);
                tracing::warn!(secret, step, function = name, reason, next, "rotation has failed");
                return;
            }
            Ok(Next::Gone) => return,
            Err(failure) => {
                // The step is called again: that it was done is not known to the disk.
                tracing::warn!(secret, step, error = failure.message, "rotation cannot be kept");
                tokio::time::sleep(DISK_PAUSE).await;
                return;
            }
        }
    }
}

fn failed(failure: Failure) -> Problem {
    Problem::failed("secretsmanager", failure.message).retryable()
}

impl Worker for Rotations {
    fn name(&self) -> &'static str {
        "secretsmanager"
    }

    fn next_due(&self) -> Result<Option<Millis>, Problem> {
        self.soonest().map_err(failed)
    }

    fn work(&self) -> Pending<'_, Result<usize, Problem>> {
        Box::pin(async { self.batch().await.map_err(failed) })
    }
}
