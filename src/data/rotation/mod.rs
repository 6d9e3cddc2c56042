//! The rotation functions of an environment: those that its profile declares, and those that are built in.
//!
//! A function is called as Lambda calls one, with an event and nothing else; it reads and writes the secret
//! through Secrets Manager itself. Invariants: each call ends in bounded time; an event holds no secret,
//! and what a function prints is passed on only with the secret's values taken out.

mod command;
mod container;
mod password;
mod postgres;
mod redacted;
mod url;

use super::Server;
use crate::base::{Caller, Problem};
use crate::profile::{Profile, Rotator, RotatorKind};
use crate::services::secretsmanager::{Called, Event, RotationFunctions, SecretsManager};
use crate::services::{Pending, Services};
pub use container::{Ground, Grounds};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// The built-in functions, each with the name of AWS's own template that does the same.
const BUILT_IN: &[(&str, Option<&str>, BuiltIn)] = &[
    ("random-password", None, BuiltIn::Password),
    (
        "postgres-single-user",
        Some("SecretsManagerRDSPostgreSQLRotationSingleUser"),
        BuiltIn::Postgres { alternating: false },
    ),
    (
        "postgres-alternating-users",
        Some("SecretsManagerRDSPostgreSQLRotationMultiUser"),
        BuiltIn::Postgres { alternating: true },
    ),
];
/// How long a built-in function may take for a step.
const BUILT_IN_TIMEOUT: Duration = Duration::from_secs(30);

/// What is built in.
#[derive(Debug, Clone, Copy)]
enum BuiltIn {
    /// Makes a new random password and tells nobody.
    Password,
    /// Changes a password in Postgres.
    Postgres { alternating: bool },
}

/// Where functions run and what they are told of the environment.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// The project's directory.
    pub project: PathBuf,
    /// The variables of `devenv env`.
    pub variables: BTreeMap<String, String>,
    /// The environment's own database server, if there is one.
    pub postgres: Option<Server>,
    /// What functions in containers stand on.
    pub grounds: Grounds,
}

/// The functions of a running environment.
struct Functions {
    declared: BTreeMap<String, Rotator>,
    surroundings: Surroundings,
    secrets: Arc<SecretsManager>,
}

/// Has the rotations of `services` call the functions of `profile` from now on.
pub async fn install(
    profile: &Profile,
    surroundings: Surroundings,
    services: &Services,
) -> Result<(), Problem> {
    let secrets = services.secretsmanager.clone();
    let declared = profile.rotators.clone();
    let functions = Functions { declared, surroundings, secrets: secrets.clone() };
    let set = secrets.set_functions(Arc::new(functions)).await;
    set.map_err(|failure| Problem::failed("rotators", failure.message))
}

impl Functions {
    fn built_in(name: &str) -> Option<BuiltIn> {
        let found = BUILT_IN.iter().find(|(own, aws, _)| *own == name || *aws == Some(name));
        found.map(|(_, _, built_in)| *built_in)
    }

    async fn call_declared(
        &self,
        name: &str,
        rotator: &Rotator,
        event: &Event,
        caller: &Caller,
    ) -> Called {
        let timeout = rotator.timeout;
        match &rotator.kind {
            RotatorKind::Command(argv) => {
                let program = command::Program { argv, timeout, surroundings: &self.surroundings };
                let done = command::call(program, event, caller).await;
                self.redacted(done, event, caller).await
            }
            RotatorKind::Url(address) => url::call(address, timeout, event).await,
            RotatorKind::Container(image) => {
                let Some(ground) = self.surroundings.grounds.now() else {
                    return Err(format!(
                        "`{image}` needs a container engine, and the environment has none: see `devenv doctor`"
                    ));
                };
                let boxed = container::Boxed { name, image, timeout };
                let done = container::call(boxed, &ground, event, caller).await;
                self.redacted(done, event, caller).await
            }
            RotatorKind::BuiltIn(name) => match Self::built_in(name) {
                Some(built_in) => self.call_built_in(built_in, event, caller).await,
                None => Err(format!("there is no built-in function `{name}`")),
            },
        }
    }

    /// How a function failed, without the secret's values in what it printed.
    async fn redacted(
        &self,
        done: Result<(), command::Failed>,
        event: &Event,
        caller: &Caller,
    ) -> Called {
        let Err(failed) = done else { return Ok(()) };
        if failed.words.is_empty() {
            return Err(failed.how);
        }
        // What it has put meanwhile counts too.
        let values = redacted::values(&self.secrets, event, caller).await;
        Err(format!("{}: {}", failed.how, redacted::hide(&failed.words, &values)))
    }

    async fn call_built_in(&self, built_in: BuiltIn, event: &Event, caller: &Caller) -> Called {
        let secrets = &self.secrets;
        let work = async {
            match built_in {
                BuiltIn::Password => password::call(secrets, event, caller).await,
                BuiltIn::Postgres { alternating } => {
                    let own = self.surroundings.postgres.as_ref();
                    postgres::Rotation { secrets, event, caller, own, alternating }.call().await
                }
            }
        };
        let late = || format!("not done after {} s", BUILT_IN_TIMEOUT.as_secs());
        tokio::time::timeout(BUILT_IN_TIMEOUT, work).await.unwrap_or_else(|_| Err(late()))
    }
}

impl RotationFunctions for Functions {
    fn names(&self) -> BTreeSet<String> {
        let built_in = BUILT_IN.iter().flat_map(|(own, aws, _)| [Some(*own), *aws]).flatten();
        built_in.map(str::to_owned).chain(self.declared.keys().cloned()).collect()
    }

    fn call<'a>(
        &'a self,
        name: &'a str,
        event: &'a Event,
        caller: &'a Caller,
    ) -> Pending<'a, Called> {
        Box::pin(async move {
            match (self.declared.get(name), Self::built_in(name)) {
                (Some(rotator), _) => self.call_declared(name, rotator, event, caller).await,
                (None, Some(built_in)) => self.call_built_in(built_in, event, caller).await,
                (None, None) => Err(format!("this environment has no rotation function `{name}`")),
            }
        })
    }
}
