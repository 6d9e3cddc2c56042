//! KMS over awsJson 1.1. Key material is made and opened here and in the operations that it is handed
//! to; long work (key pairs) is done beside the requests' threads.

mod handle;
mod routes;
mod vault;
mod worker;

pub use handle::{DataKey, Declared, DeclaredKey, Decrypted, Encrypted, KnownKey};

use super::crypto;
use super::error::Error;
use super::limits::REQUEST_BYTES_MAX;
use super::material::{Fresh, MaterialId, Vault};
use super::ops::*;
use super::spec::{Origin, Spec};
use super::state::{Change, State};
use crate::base::{Caller, Problem, uuid_text};
use crate::protocol::{Answer, AwsJson11, Endpoint, Failure, JsonRoutes, Names, Request};
use crate::services::{Clock, Host, Operation, Pending, Service, Worker, failure, read_whole};
use crate::storage::{Sealer, Storage};
use routes::{Adding, MODEL};
use std::sync::Arc;
use vault::Locked;

/// Errors bear their bare name.
const NAMES: Names = Names { error_prefix: "", ..Names::PLAIN };

/// The service, and the handle by which the others use it. Cheap to clone.
#[derive(Clone)]
pub struct Kms {
    core: Arc<Core>,
    endpoint: Endpoint,
    served: Arc<Vec<&'static str>>,
}

/// What every operation needs.
struct Core {
    host: Arc<Host<State>>,
    vault: Locked,
}

impl Kms {
    /// Opens the service on its tables, with the environment's master key.
    pub fn open(storage: &Storage, clock: &Clock, sealer: &Sealer) -> Result<Self, Problem> {
        let host = Host::<State>::open(storage, clock)?;
        let core = Arc::new(Core { host, vault: Locked(sealer.clone()) });
        core.can_open_what_is_there()?;
        let routes = JsonRoutes::<AwsJson11>::new("kms", NAMES);
        let (routes, served) = Adding::to(routes, core.clone()).all();
        let endpoint = routes.by_target("TrentService", MODEL);
        Ok(Kms { core, endpoint, served: Arc::new(served) })
    }

    /// Who deletes, rotates and expires by the clock.
    pub fn worker(&self) -> Arc<dyn Worker> {
        self.core.clone()
    }
}

impl Core {
    /// Keys that the master key does not open are found at the start, not at the first use.
    fn can_open_what_is_there(&self) -> Result<(), Problem> {
        let opened = self.host.look(|state, _| match state.any_material() {
            Some(material) => {
                let sealed = material.sealed.as_deref().unwrap_or_default();
                self.vault.open(&material.record.id, sealed).is_ok()
            }
            None => true,
        });
        if opened.unwrap_or(true) {
            return Ok(());
        }
        let text = "the keys of KMS in the state do not open with its `master.key`";
        Err(Problem::in_the_way("master-key", text)
            .hint("put back the `master.key` that belongs to this state, or delete the state with `devenv down --volumes`"))
    }

    /// Carries out an operation on the keys' data, what is due by the clock first.
    async fn run<O>(&self, operation: O, caller: &Caller) -> Result<O::Output, Failure>
    where
        O: Operation<State = State, Change = Change, Error = Error>,
    {
        self.tend().await?;
        self.host.run(operation, caller).await
    }

    /// Carries out a cryptographic operation.
    async fn work<O>(self: &Arc<Self>, operation: O, caller: &Caller) -> Result<O::Output, Failure>
    where
        O: Cryptic + Send + 'static,
        O::Output: Send + 'static,
    {
        let refuse = |error: Error| failure(&error);
        let permits = Permits(operation.permits().map_err(refuse)?);
        for permit in &permits.0 {
            if let Which::Named(id) = &permit.which {
                self.ensure_managed(caller, id).await?;
            }
        }
        let keys = self.run(permits, caller).await?;
        operation.fits(&keys).map_err(refuse)?;
        if operation.dry_run() {
            return Err(refuse(Error::DryRun));
        }
        let used =
            NoteUse { operation: O::NAME, keys: keys.iter().map(|key| key.at.clone()).collect() };
        let done = if operation.is_long(&keys) {
            let core = self.clone();
            blocking(move || operation.carry_out(&keys, &core.vault)).await
        } else {
            operation.carry_out(&keys, &self.vault)
        };
        let done = done.map_err(refuse)?;
        self.host.run(used, caller).await?;
        Ok(done)
    }

    /// Makes a key of AWS's own if `id` names one that is not there yet.
    async fn ensure_managed(&self, caller: &Caller, id: &str) -> Result<(), Failure> {
        let Some(service) = managed_service(caller, id) else { return Ok(()) };
        self.provide_managed(caller, service).await.map(drop)
    }

    /// The alias of a service's own key, which is made if it is not there.
    async fn provide_managed(&self, caller: &Caller, service: &str) -> Result<String, Failure> {
        let alias = format!("alias/aws/{service}");
        let there = self.host.look(|state, _| {
            let shelf = state.shelf(&caller.account, &caller.region);
            shelf.is_some_and(|s| s.aliases.contains_key(&alias))
        })?;
        if !there {
            let id = named_id(caller, &alias);
            let fresh = self.fresh(Spec::Symmetric, &id).map_err(|error| failure(&error))?;
            let provide = Provide {
                alias: alias.clone(),
                plan: MANAGED,
                fresh,
                description: format!(
                    "Default key that protects my {service} data when no other key is defined"
                ),
                declared: None,
            };
            self.run(provide, caller).await?;
        }
        Ok(alias)
    }

    /// New material for the key `id`, closed.
    fn fresh(&self, spec: Spec, id: &str) -> Result<Fresh, Error> {
        let made = crypto::make(spec)?;
        self.close(id, &made.clear, made.public)
    }

    /// Closes material of the key `id`.
    fn close(&self, id: &str, clear: &[u8], public: Option<Vec<u8>>) -> Result<Fresh, Error> {
        let material = MaterialId::of(id, clear);
        let sealed = self.vault.close(&material, clear)?;
        Ok(Fresh { id: material, sealed, public: public.map(Arc::from) })
    }

    async fn create_key(
        self: Arc<Self>,
        create: CreateKey,
        caller: &Caller,
    ) -> Result<Described, Failure> {
        let refuse = |error: Error| failure(&error);
        let plan = create.plan().map_err(refuse)?;
        let id = self.fresh_id(plan.multi_region).map_err(refuse)?;
        let fresh = match plan.origin {
            Origin::Aws => {
                let (core, id) = (self.clone(), id.clone());
                Some(blocking(move || core.fresh(plan.spec, &id)).await.map_err(refuse)?)
            }
            _ => None,
        };
        self.run(MakeKey { create, id, fresh }, caller).await
    }
}

/// The operation's name.
const ROTATE: &str = RotateKeyOnDemand::NAME;

impl Core {
    /// A new key's id.
    fn fresh_id(&self, multi_region: bool) -> Result<String, Error> {
        let mut bits = [0; 16];
        let drawn = self.host.storage().draws().fill("kms", &mut bits);
        drawn.map_err(|_| Error::Internal("the machine gave no randomness"))?;
        // The marks of a random UUID.
        bits[6] = bits[6] & 0x0F | 0x40;
        bits[8] = bits[8] & 0x3F | 0x80;
        let id = uuid_text(u128::from_be_bytes(bits));
        Ok(if multi_region { format!("mrk-{}", id.replace('-', "")) } else { id })
    }

    async fn rotate_on_demand(
        self: Arc<Self>,
        of: OfKey,
        caller: &Caller,
    ) -> Result<Rotated, Failure> {
        let refuse = |error: Error| failure(&error);
        let id = of.clone().id().map_err(refuse)?;
        let found = self.host.look(|state, _| {
            let key = state.own(caller, &id, ROTATE).ok();
            key.filter(|key| key.record.spec == Spec::Symmetric).map(|key| key.at.id.clone())
        })?;
        let fresh = match found {
            Some(id) => Some(self.fresh(Spec::Symmetric, &id).map_err(refuse)?),
            None => None,
        };
        self.run(RotateKeyOnDemand { of, fresh }, caller).await
    }

    async fn parameters_for_import(
        self: Arc<Self>,
        get: GetParametersForImport,
        caller: &Caller,
    ) -> Result<Parameters, Failure> {
        let refuse = |error: Error| failure(&error);
        let target = self.run(get.target().map_err(refuse)?, caller).await?;
        let core = self.clone();
        blocking(move || get.carry_out(&target, &core.vault)).await.map_err(refuse)
    }

    async fn import(
        self: Arc<Self>,
        import: ImportKeyMaterial,
        caller: &Caller,
    ) -> Result<OnMaterial, Failure> {
        let refuse = |error: Error| failure(&error);
        let target = self.run(import.target().map_err(refuse)?, caller).await?;
        let core = self.clone();
        let put = blocking(move || import.carry_out(&target, &core.vault)).await;
        self.run(put.map_err(refuse)?, caller).await
    }
}

/// Runs what takes long where nobody waits for the thread.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or(Err(Error::Internal("the work was given up")))
}

impl Service for Kms {
    fn name(&self) -> &'static str {
        "kms"
    }

    fn body_limit(&self) -> Option<usize> {
        Some(REQUEST_BYTES_MAX)
    }

    fn call(&self, request: Request) -> Pending<'_, Answer> {
        Box::pin(async move { self.endpoint.call(read_whole(request).await).await })
    }

    fn asks(
        &self,
        asked: &crate::services::access::Asked<'_>,
    ) -> Result<Vec<crate::services::access::Ask>, Failure> {
        self.core.host.look(|state, _| super::asks::asks(state, asked))
    }

    fn reset(&self) -> Pending<'_, Result<(), Problem>> {
        Box::pin(self.core.host.wipe())
    }

    fn forget<'a>(&'a self, account: &'a str) -> Pending<'a, Result<(), Problem>> {
        Box::pin(self.core.host.forget(account))
    }

    fn operations(&self) -> Vec<&'static str> {
        self.served.to_vec()
    }
}
