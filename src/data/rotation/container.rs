//! A rotation function in a container: for each step one is made from the image, on the network of the
//! environment's containers, and taken away after it.
//!
//! The event is in the variable [`EVENT`], and the step is done when the container ends with 0. One that
//! listens at port 8080 instead, as AWS's base images for Lambda do with their runtime interface emulator
//! (<https://docs.aws.amazon.com/lambda/latest/dg/images-test.html>), gets the event there, and the step is
//! done when it answers so.

use super::command::{Failed, Words, where_the_secret_is};
use super::url::{self, Refusal};
use crate::base::Caller;
use crate::runtime::engine::Engine;
use crate::runtime::engine::once::Once;
use crate::services::secretsmanager::Event;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The variable that holds the event.
const EVENT: &str = "DEVENV_ROTATION_EVENT";
/// Where Lambda's runtime interface emulator listens, and the path that it answers.
const EMULATOR: (u16, &str) = (8080, "/2015-03-31/functions/function/invocations");
/// How long an answer may take at the most: the longest time of a step.
const ANSWER_WAIT: Duration = Duration::from_secs(15 * 60);
/// Between two knocks at a container that does not listen yet.
const KNOCK_PACE: Duration = Duration::from_millis(100);
/// How long the last lines of a log may take after the end.
const LOG_WAIT: Duration = Duration::from_secs(2);

/// What a container of the environment stands on.
#[derive(Debug, Clone)]
pub struct Ground {
    /// The engine.
    pub engine: Engine,
    /// Names the environment at the engine.
    pub project: String,
    /// The network, by its name at the engine.
    pub network: String,
    /// `name:address` of devenv's servers.
    pub hosts: Vec<String>,
    /// The variables of `devenv env`, with addresses that work from inside.
    pub variables: BTreeMap<String, String>,
}

/// Says what containers stand on at the moment, if the environment has an engine.
#[derive(Clone)]
pub struct Grounds(Arc<dyn Fn() -> Option<Ground> + Send + Sync>);

impl Grounds {
    /// Asked anew for each call: the network comes after the services, and an engine may go and come back.
    pub fn new(ask: impl Fn() -> Option<Ground> + Send + Sync + 'static) -> Grounds {
        Grounds(Arc::new(ask))
    }

    pub(super) fn now(&self) -> Option<Ground> {
        (self.0)()
    }
}

impl fmt::Debug for Grounds {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("Grounds")
    }
}

/// A function's image.
pub(super) struct Boxed<'a> {
    pub(super) name: &'a str,
    pub(super) image: &'a str,
    pub(super) timeout: Duration,
}

/// Calls it with `event`, about a secret of `caller`'s account and region.
pub(super) async fn call(
    called: Boxed<'_>,
    ground: &Ground,
    event: &Event,
    caller: &Caller,
) -> Result<(), Failed> {
    let engine = &ground.engine;
    let id = engine.run_once(&once(&called, ground, event, caller)).await;
    let id = id.map_err(|problem| Failed::from(problem.message))?;
    let done = tokio::time::timeout(called.timeout, carry_out(engine, &id, event)).await;
    let _ = engine.remove(&id).await;
    done.unwrap_or_else(|_| Err(format!("not done after {} s", called.timeout.as_secs()).into()))
}

fn once(called: &Boxed<'_>, ground: &Ground, event: &Event, caller: &Caller) -> Once {
    let part = format!("rotator-{}", called.name);
    // Several secrets may be rotated by one function at once.
    let one = Sha256::digest(format!("{} {}", event.secret_id, event.client_request_token));
    let mut variables = ground.variables.clone();
    let own = where_the_secret_is(caller).into_iter();
    variables.extend(own.map(|(name, value)| (name.to_owned(), value.to_owned())));
    // Texts and nothing else: serialising them cannot fail.
    variables.insert(EVENT.to_owned(), serde_json::to_string(event).unwrap_or_default());
    Once {
        name: format!("{}-{part}-{}", ground.project, hex::encode(&one[..4])),
        project: ground.project.clone(),
        part,
        image: called.image.to_owned(),
        port: EMULATOR.0,
        environment: variables.iter().map(|(name, value)| format!("{name}={value}")).collect(),
        network: ground.network.clone(),
        hosts: ground.hosts.clone(),
    }
}

/// Waits until the container has done its step, by its end or by its answer.
async fn carry_out(engine: &Engine, id: &str, event: &Event) -> Result<(), Failed> {
    tokio::select! {
        ended = engine.ended(id) => match ended {
            Ok(0) => Ok(()),
            Ok(code) => {
                let how = format!("the container ended with {code}");
                Err(Failed { how, words: words(engine, id).await })
            }
            Err(why) => Err(why.into()),
        },
        answered = knock(engine, id, event) => answered.map_err(Failed::from),
    }
}

/// Posts the event where the emulator listens, as soon as it does.
async fn knock(engine: &Engine, id: &str, event: &Event) -> Result<(), String> {
    loop {
        if let Ok(state) = engine.state(id).await
            && let Some(address) = state.address
        {
            let address = format!("http://{address}{}", EMULATOR.1);
            match url::post_to(&address, ANSWER_WAIT, event).await {
                Err(Refusal::Unanswered(_)) => {}
                Err(Refusal::Answered(why)) => return Err(why),
                Ok(()) => return Ok(()),
            }
        }
        tokio::time::sleep(KNOCK_PACE).await;
    }
}

/// What it printed last.
async fn words(engine: &Engine, id: &str) -> String {
    let mut words = Words::default();
    let read = engine.lines(id, None, |line| words.add(format!("{line}\n").as_bytes()));
    let _ = tokio::time::timeout(LOG_WAIT, read).await;
    words.told()
}
