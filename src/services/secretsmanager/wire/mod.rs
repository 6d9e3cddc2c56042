//! Secrets Manager over awsJson 1.1.

mod keys;
mod quick;
mod rotation;

pub(crate) use rotation::Rotations;
pub use rotation::{Called, RotationFunctions};

use crate::base::{Caller, Problem};
use crate::protocol::{Answer, AwsJson11, Endpoint, Failure, JsonRoutes, Names, Request};
use crate::services::kms::Kms;
use crate::services::secretsmanager::error::Error;
use crate::services::secretsmanager::limits::REQUEST_BYTES_MAX;
use crate::services::secretsmanager::ops::*;
use crate::services::secretsmanager::password::GetRandomPassword;
use crate::services::secretsmanager::sealed::Text;
use crate::services::secretsmanager::state::{Change, State};
use crate::services::{
    Clock, Host, Operation, Pending, Service, ServiceError, failure, read_whole,
};
use crate::storage::Storage;
use keys::Keyed;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::future::ready;
use std::sync::Arc;

/// What AWS has (botocore's service model of 2026-11).
const MODEL: &[&str] = &[
    "AssociateCrossAccountReplica",
    "BatchGetSecretValue",
    "CancelRotateSecret",
    "CreateSecret",
    "DeleteResourcePolicy",
    "DeleteSecret",
    "DescribeSecret",
    "DisassociateCrossAccountReplica",
    "GetRandomPassword",
    "GetResourcePolicy",
    "GetSecretValue",
    "ListResourcePolicies",
    "ListSecretVersionIds",
    "ListSecrets",
    "PutResourcePolicy",
    "PutSecretValue",
    "RemoveRegionsFromReplication",
    "ReplicateSecretToRegions",
    "RestoreSecret",
    "RotateSecret",
    "StopReplicationToReplica",
    "TagResource",
    "UntagResource",
    "UpdateSecret",
    "UpdateSecretVersionStage",
    "ValidateResourcePolicy",
];

/// Errors bear their bare name.
const NAMES: Names = Names { error_prefix: "", ..Names::PLAIN };

type Routes = JsonRoutes<AwsJson11>;

/// The service.
pub struct SecretsManager {
    host: Arc<Host<State>>,
    kms: Kms,
    rotations: Arc<Rotations>,
    endpoint: Endpoint,
    served: Vec<&'static str>,
}

impl SecretsManager {
    /// Opens the service on its tables.
    pub fn open(storage: &Storage, clock: &Clock, kms: &Kms) -> Result<Self, Problem> {
        let host = Host::open(storage, clock)?;
        let mut served = Vec::new();
        let routes = Routes::new("secretsmanager", NAMES);
        let routes =
            with_keys(routes, &Keyed { host: host.clone(), kms: kms.clone() }, &mut served);
        let routes = add::<DescribeSecret>(routes, &host, &mut served);
        let routes = add::<ListSecrets>(routes, &host, &mut served);
        let routes = add::<DeleteSecret>(routes, &host, &mut served);
        let routes = add::<RestoreSecret>(routes, &host, &mut served);
        let routes = add::<ListSecretVersionIds>(routes, &host, &mut served);
        let routes = add::<UpdateSecretVersionStage>(routes, &host, &mut served);
        let routes = add::<TagResource>(routes, &host, &mut served);
        let routes = add::<UntagResource>(routes, &host, &mut served);
        let routes = add::<PutResourcePolicy>(routes, &host, &mut served);
        let routes = add::<GetResourcePolicy>(routes, &host, &mut served);
        let routes = add::<DeleteResourcePolicy>(routes, &host, &mut served);
        let routes = add::<ListResourcePolicies>(routes, &host, &mut served);
        let routes = add::<ValidateResourcePolicy>(routes, &host, &mut served);
        let routes = add::<ReplicateSecretToRegions>(routes, &host, &mut served);
        let routes = add::<RemoveRegionsFromReplication>(routes, &host, &mut served);
        let routes = add::<StopReplicationToReplica>(routes, &host, &mut served);
        let routes = add::<AssociateCrossAccountReplica>(routes, &host, &mut served);
        let routes = add::<DisassociateCrossAccountReplica>(routes, &host, &mut served);
        let routes = add::<CancelRotateSecret>(routes, &host, &mut served);
        let rotating = host.clone();
        let routes =
            routes.add("RotateSecret", move |operation: RotateSecret, caller: Arc<Caller>| {
                let host = rotating.clone();
                async move { rotate(&host, operation, &caller).await }
            });
        served.push("RotateSecret");
        served.push("GetRandomPassword");
        let drawing = storage.clone();
        let routes = routes.add("GetRandomPassword", move |input: GetRandomPassword, _| {
            let password = input.generate(&mut |bytes| entropy(&drawing, bytes));
            ready(password.map_err(|error| in_capitals(failure(&error))))
        });
        served.sort_unstable();
        let rotations = Rotations::new(&host);
        Ok(SecretsManager {
            host,
            kms: kms.clone(),
            rotations,
            endpoint: routes.by_target("secretsmanager", MODEL),
            served,
        })
    }

    /// Puts what a profile declares, unless somebody else has changed it since.
    pub async fn provision(
        &self,
        caller: &Caller,
        name: &str,
        value: String,
        description: Option<&str>,
    ) -> Result<Provisioned, Failure> {
        let operation = Provision {
            name: name.to_owned(),
            value: Text(value.into()),
            description: description.map(str::to_owned),
        };
        run(&self.host, operation, caller).await
    }

    /// Runs an operation as a caller would, without HTTP.
    pub async fn run<O>(&self, operation: O, caller: &Caller) -> Result<O::Output, Failure>
    where
        O: Operation<State = State, Change = Change, Error = Error>,
    {
        run(&self.host, operation, caller).await
    }

    /// The worker that deletes and rotates what is due.
    pub fn worker(&self) -> Arc<Rotations> {
        self.rotations.clone()
    }

    /// Has rotations call these functions from now on; before, none is called.
    pub async fn set_functions(
        &self,
        functions: Arc<dyn RotationFunctions>,
    ) -> Result<(), Failure> {
        let caller = Caller::internal("", "", "");
        run(&self.host, KnowFunctions(functions.names()), &caller).await?;
        self.rotations.set(functions);
        self.host.clock().call();
        Ok(())
    }

    /// Whether a secret of this name is there, waiting for its deletion or not.
    pub async fn holds(&self, caller: &Caller, name: &str) -> Result<bool, Failure> {
        purge(&self.host, caller).await?;
        self.host.look(|state, _| state.find(caller, name).is_ok())
    }

    /// A password of `length` letters and digits, for secrets that a profile has made up.
    pub fn random_password(&self, length: u32) -> Result<String, Failure> {
        let wish = GetRandomPassword {
            password_length: Some(i64::from(length)),
            exclude_punctuation: true,
            require_each_included_type: Some(length >= 3),
            ..GetRandomPassword::default()
        };
        let password = wish.generate(&mut |bytes| entropy(self.host.storage(), bytes));
        password.map(|p| p.random_password).map_err(|error| failure(&error))
    }
}

/// Routes the operation `O` to the host.
fn add<O>(routes: Routes, host: &Arc<Host<State>>, served: &mut Vec<&'static str>) -> Routes
where
    O: Operation<State = State, Change = Change, Error = Error>,
    O: DeserializeOwned + Send + Sync + 'static,
    O::Output: Serialize + Send + Sync + 'static,
{
    served.push(O::NAME);
    let host = host.clone();
    routes.add(O::NAME, move |operation: O, caller: Arc<Caller>| {
        let host = host.clone();
        async move { run(&host, operation, &caller).await }
    })
}

/// The operations that need a secret's key.
fn with_keys(routes: Routes, keyed: &Keyed, served: &mut Vec<&'static str>) -> Routes {
    macro_rules! route {
        ($routes:expr, $operation:ident, $handler:ident) => {{
            let keyed = keyed.clone();
            served.push(stringify!($operation));
            $routes.add(
                stringify!($operation),
                move |operation: $operation, caller: Arc<Caller>| {
                    let keyed = keyed.clone();
                    async move { keyed.$handler(operation, &caller).await }
                },
            )
        }};
    }
    let routes = route!(routes, CreateSecret, create);
    let routes = route!(routes, GetSecretValue, get);
    let routes = route!(routes, PutSecretValue, put);
    let routes = route!(routes, UpdateSecret, update);
    route!(routes, BatchGetSecretValue, batch)
}

async fn run<O>(host: &Host<State>, operation: O, caller: &Caller) -> Result<O::Output, Failure>
where
    O: Operation<State = State, Change = Change, Error = Error>,
{
    purge(host, caller).await?;
    host.run(Tended(operation), caller).await.map_err(in_capitals)
}

/// Sets a rotation off, or has one that did not come to its end tried again.
async fn rotate(
    host: &Host<State>,
    operation: RotateSecret,
    caller: &Caller,
) -> Result<Rotating, Failure> {
    let secret_id = operation.secret_id.clone();
    let answer = run(host, operation, caller).await;
    let unfinished =
        answer.as_ref().is_err_and(|f| f.message == Error::RotationUnfinished.message());
    if let Some(secret_id) = secret_id.filter(|_| unfinished) {
        run(host, ResumeRotation { secret_id }, caller).await?;
    }
    host.clock().call();
    answer
}

/// Takes away what is due before an operation looks.
async fn purge(host: &Host<State>, caller: &Caller) -> Result<(), Failure> {
    if host.look(|state, now| state.is_due(now))? {
        host.run(Tended(Purge), caller).await?;
    }
    Ok(())
}

/// Secrets Manager's own errors carry `Message`; those of AWS's framework, `message`.
fn in_capitals(mut failure: Failure) -> Failure {
    let own = !matches!(failure.code.as_ref(), "ValidationException" | "NotImplemented");
    if own && failure.status != 500 {
        failure.members.push(("Message", failure.message.clone().into()));
    }
    failure
}

fn entropy(storage: &Storage, bytes: &mut [u8]) -> Result<(), Error> {
    storage.draws().fill("secretsmanager", bytes).map_err(|_| Error::NoEntropy)
}

impl Service for SecretsManager {
    fn name(&self) -> &'static str {
        "secretsmanager"
    }

    fn body_limit(&self) -> Option<usize> {
        Some(REQUEST_BYTES_MAX)
    }

    fn call(&self, request: Request) -> Pending<'_, Answer> {
        Box::pin(async move {
            let request = read_whole(request).await;
            match quick::answer(self, &request).await {
                Some(answer) => answer,
                None => self.endpoint.call(request).await,
            }
        })
    }

    fn stopping(&self) {
        self.rotations.stop();
    }

    fn asks(
        &self,
        asked: &crate::services::access::Asked<'_>,
    ) -> Result<Vec<crate::services::access::Ask>, Failure> {
        let look =
            |state: &State| (super::asks::asks(state, asked), super::asks::key_uses(state, asked));
        let (mut all, uses) = self.host.look(|state, _| look(state))?;
        all.extend(self.kms.asks_for(asked.caller, &uses)?);
        Ok(all)
    }

    fn reset(&self) -> Pending<'_, Result<(), Problem>> {
        Box::pin(self.host.wipe())
    }

    fn forget<'a>(&'a self, account: &'a str) -> Pending<'a, Result<(), Problem>> {
        Box::pin(self.host.forget(account))
    }

    fn operations(&self) -> Vec<&'static str> {
        self.served.clone()
    }
}
