//! Operations that need a secret's KMS key: refused, as on AWS, while the key is not there or not enabled.
//! AWS's own key is always there.

use super::{State, in_capitals, run};
use crate::base::Caller;
use crate::protocol::Failure;
use crate::services::kms::Kms;
use crate::services::secretsmanager::error::Error;
use crate::services::secretsmanager::ops::{
    BatchError, BatchGetSecretValue, CreateSecret, Created, GetSecretValue, Put, PutSecretValue,
    SecretValue, SecretValues, UpdateSecret,
};
use crate::services::secretsmanager::state::Meta;
use crate::services::{Host, ServiceError, failure};

/// The state, and the keys.
#[derive(Clone)]
pub(super) struct Keyed {
    pub(super) host: std::sync::Arc<Host<State>>,
    pub(super) kms: Kms,
}

impl Keyed {
    async fn works(&self, caller: &Caller, key: &str) -> bool {
        self.kms.key(caller, key).await.is_ok_and(|key| key.encrypts().is_ok())
    }

    async fn encrypts(&self, caller: &Caller, key: Option<&str>) -> Result<(), Failure> {
        match key {
            Some(key) if !self.works(caller, key).await => {
                Err(in_capitals(failure(&Error::CannotEncrypt)))
            }
            _ => Ok(()),
        }
    }

    /// The key of a secret that is there.
    fn key_of(&self, caller: &Caller, id: Option<&str>) -> Result<Option<String>, Failure> {
        self.host.look(|state, _| {
            let (_, secret) = state.find(caller, id.unwrap_or_default()).ok()?;
            secret.meta.own_key().map(str::to_owned)
        })
    }

    pub(super) async fn create(
        &self,
        create: CreateSecret,
        caller: &Caller,
    ) -> Result<Created, Failure> {
        let value = create.secret_string.is_some() || create.secret_binary.is_some();
        let key = named(create.kms_key_id.as_deref()).filter(|_| value);
        self.encrypts(caller, key.as_deref()).await?;
        run(&self.host, create, caller).await
    }

    pub(super) async fn put(&self, put: PutSecretValue, caller: &Caller) -> Result<Put, Failure> {
        let key = self.key_of(caller, put.secret_id.as_deref())?;
        self.encrypts(caller, key.as_deref()).await?;
        run(&self.host, put, caller).await
    }

    pub(super) async fn update(
        &self,
        update: UpdateSecret,
        caller: &Caller,
    ) -> Result<Created, Failure> {
        let value = update.secret_string.is_some() || update.secret_binary.is_some();
        // Another key: what is there is encrypted anew, for which it is read with the old one.
        let old = self.key_of(caller, update.secret_id.as_deref())?;
        if let Some(old) = old.as_deref().filter(|_| update.kms_key_id.is_some())
            && !self.works(caller, old).await
        {
            return Err(in_capitals(failure(&Error::CannotDecrypt)));
        }
        let key = match &update.kms_key_id {
            Some(key) => named(Some(key)),
            None if value => old,
            None => None,
        };
        self.encrypts(caller, key.as_deref()).await?;
        run(&self.host, update, caller).await
    }

    pub(super) async fn get(
        &self,
        get: GetSecretValue,
        caller: &Caller,
    ) -> Result<SecretValue, Failure> {
        let value = run(&self.host, get, caller).await?;
        match &value.key {
            Some(key) if !self.works(caller, key).await => {
                Err(in_capitals(failure(&Error::CannotDecrypt)))
            }
            _ => Ok(value),
        }
    }

    pub(super) async fn batch(
        &self,
        get: BatchGetSecretValue,
        caller: &Caller,
    ) -> Result<SecretValues, Failure> {
        let mut all = run(&self.host, get, caller).await?;
        for value in std::mem::take(&mut all.secret_values) {
            let usable = match &value.key {
                Some(key) => self.works(caller, key).await,
                None => true,
            };
            if usable {
                all.secret_values.push(value);
                continue;
            }
            let error = Error::CannotDecrypt;
            let (error_code, message) = (error.code().to_owned(), error.message());
            all.errors.push(BatchError { secret_id: value.arn, error_code, message });
        }
        Ok(all)
    }
}

/// A key that a request names, where it is not AWS's own.
fn named(key: Option<&str>) -> Option<String> {
    let mut meta = Meta::new(String::new(), crate::base::Millis(0));
    meta.kms_key_id = key.filter(|key| !key.is_empty()).map(str::to_owned);
    meta.own_key().map(str::to_owned)
}
