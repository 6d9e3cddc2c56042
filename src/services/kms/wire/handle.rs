//! What other services ask of KMS, in the process: Secrets Manager, Parameter Store, S3, SQS. Refusals
//! are KMS's own; a service words them in its own way.

use super::{Kms, blocking, crypto};
use crate::base::Caller;
use crate::protocol::Failure;
use crate::services::access::{Ask, KeyUse};
use crate::services::failure;
use crate::services::kms::bytes::Blob;
use crate::services::kms::error::Error;
use crate::services::kms::key::{Key, KeyState};
use crate::services::kms::material::{Clear, MaterialId};
use crate::services::kms::on_behalf;
use crate::services::kms::ops::*;
use crate::services::kms::spec::{Spec, Usage};

/// A key as other services see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownKey {
    /// Its ARN.
    pub arn: String,
    /// Its id.
    pub id: String,
    /// Its state.
    pub state: KeyState,
    /// Its kind.
    pub spec: Spec,
    /// What it is for.
    pub usage: Usage,
    /// Whether it is AWS's own.
    pub managed: bool,
    /// Its policy.
    pub policy: String,
}

impl KnownKey {
    fn of(key: &Key) -> KnownKey {
        KnownKey {
            arn: key.arn(),
            id: key.at.id.clone(),
            state: key.state(),
            spec: key.record.spec,
            usage: key.record.usage,
            managed: key.record.managed,
            policy: key.record.policy.clone(),
        }
    }

    /// Refuses, in KMS's words, a key under which nothing can be encrypted now.
    pub fn encrypts(&self) -> Result<(), Failure> {
        let arn = self.arn.clone();
        let error = match self.state {
            _ if self.spec != Spec::Symmetric => {
                let usage = self.usage;
                Error::Usage { arn, usage, operation: GenerateDataKey::NAME }
            }
            KeyState::Enabled => return Ok(()),
            KeyState::Disabled => Error::Disabled(arn),
            state => Error::State(arn, state.words()),
        };
        Err(failure(&error))
    }
}

/// A ciphertext and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encrypted {
    /// The ciphertext.
    pub blob: Vec<u8>,
    /// The key's ARN.
    pub key_arn: String,
}

/// A plaintext and the key of its ciphertext. Not printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Decrypted {
    /// The plaintext.
    pub plaintext: Vec<u8>,
    /// The key's ARN.
    pub key_arn: String,
}

impl std::fmt::Debug for Decrypted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decrypted").field("key_arn", &self.key_arn).finish_non_exhaustive()
    }
}

/// A data key of 256 bits. Not printed.
#[derive(Clone, PartialEq, Eq)]
pub struct DataKey {
    /// The key.
    pub plaintext: Vec<u8>,
    /// The same, encrypted.
    pub blob: Vec<u8>,
    /// The ARN of the key under which it is encrypted.
    pub key_arn: String,
}

impl std::fmt::Debug for DataKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DataKey").field("key_arn", &self.key_arn).finish_non_exhaustive()
    }
}

/// A key that a profile declares.
#[derive(Clone, Default)]
pub struct DeclaredKey {
    /// Its name in the profile.
    pub name: String,
    /// Its alias, `alias/` included.
    pub alias: String,
    /// Its kind; symmetric unless it says otherwise.
    pub spec: Option<String>,
    /// What it is for.
    pub usage: Option<String>,
    /// In words.
    pub description: Option<String>,
    /// Its material; made here if there is none.
    pub material: Option<Vec<u8>>,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Declared {
    /// It was missing.
    Made,
    /// Its alias is there already.
    There,
    /// Its alias is there, and leads to a key with other material than the profile's.
    Differs,
}

impl Kms {
    /// Makes a key that a profile declares, unless its alias is there.
    pub async fn declare(&self, caller: &Caller, key: DeclaredKey) -> Result<Declared, Failure> {
        let refuse = |error: Error| failure(&error);
        let spec = key.spec.as_deref().and_then(Spec::of).unwrap_or(Spec::Symmetric);
        let usage = key.usage.unwrap_or_else(|| spec.usages()[0].name().to_owned());
        let create = CreateKey {
            key_spec: key.spec,
            key_usage: Some(usage),
            description: key.description.clone(),
            ..CreateKey::default()
        };
        let plan = create.plan().map_err(refuse)?;
        let held = self.core.host.look(|state, _| {
            let held = state.find(caller, &key.alias, true).ok();
            held.map(|held| match &key.material {
                Some(clear) => {
                    let id = MaterialId::of(&held.at.id, clear);
                    held.materials.iter().any(|m| m.record.id == id)
                }
                None => true,
            })
        })?;
        match held {
            Some(true) => return Ok(Declared::There),
            Some(false) => return Ok(Declared::Differs),
            None => {}
        }
        let (core, id) = (self.core.clone(), named_id(caller, &key.alias));
        let fresh = blocking(move || match key.material {
            None => core.fresh(plan.spec, &id),
            Some(clear) => {
                let clear = Clear::new(clear);
                let wrong =
                    |_| Error::invalid(format!("material is no key of spec {}", plan.spec.name()));
                let public = crypto::public_of(plan.spec, &clear).map_err(wrong)?;
                core.close(&id, &clear, public)
            }
        });
        let provide = Provide {
            alias: key.alias,
            plan,
            fresh: fresh.await.map_err(refuse)?,
            description: key.description.unwrap_or_default(),
            declared: Some(key.name),
        };
        self.core.run(provide, caller).await?;
        Ok(Declared::Made)
    }

    /// The key that `id` (id, ARN, alias or alias ARN) means in the caller's account and region. The
    /// aliases of AWS's own keys (`alias/aws/s3`) make them on demand. In whatever state it is:
    /// [`KnownKey::encrypts`] refuses for it.
    pub async fn key(&self, caller: &Caller, id: &str) -> Result<KnownKey, Failure> {
        self.core.ensure_managed(caller, id).await?;
        self.core.tend().await?;
        self.core.host.look(|state, _| {
            state.find(caller, id, true).map(KnownKey::of).map_err(|error| failure(&error))
        })?
    }

    /// What `uses` of keys ask to be allowed, where policies are asked.
    pub fn asks_for(&self, caller: &Caller, uses: &[KeyUse]) -> Result<Vec<Ask>, Failure> {
        if uses.is_empty() {
            return Ok(Vec::new());
        }
        self.core.host.look(|state, _| on_behalf::asks(state, caller, uses))
    }

    /// AWS's own key of `service` (`s3`) in the caller's account and region, made on demand.
    pub async fn managed_key(&self, caller: &Caller, service: &str) -> Result<KnownKey, Failure> {
        let alias = self.core.provide_managed(caller, service).await?;
        self.key(caller, &alias).await
    }

    /// Encrypts at most 4096 bytes under the key that `id` means.
    pub async fn encrypt(
        &self,
        caller: &Caller,
        id: &str,
        context: &Pairs,
        plaintext: &[u8],
    ) -> Result<Encrypted, Failure> {
        let encrypt = Encrypt {
            key_id: Some(id.to_owned()),
            plaintext: Some(Blob(plaintext.to_vec())),
            encryption_context: Some(context.clone()),
            ..Encrypt::default()
        };
        let done = self.core.work(encrypt, caller).await?;
        Ok(Encrypted { blob: done.ciphertext_blob.0, key_arn: done.key_id })
    }

    /// Decrypts what was encrypted under a symmetric key with this context.
    pub async fn decrypt(
        &self,
        caller: &Caller,
        context: &Pairs,
        blob: &[u8],
    ) -> Result<Decrypted, Failure> {
        let decrypt = Decrypt {
            ciphertext_blob: Some(Blob(blob.to_vec())),
            encryption_context: Some(context.clone()),
            ..Decrypt::default()
        };
        let done = self.core.work(decrypt, caller).await?;
        Ok(Decrypted { plaintext: done.plaintext.0, key_arn: done.key_id })
    }

    /// A new data key of 256 bits, in clear and encrypted under the key that `id` means.
    pub async fn data_key(
        &self,
        caller: &Caller,
        id: &str,
        context: &Pairs,
    ) -> Result<DataKey, Failure> {
        let generate = GenerateDataKey(DataKeyInput {
            key_id: Some(id.to_owned()),
            encryption_context: Some(context.clone()),
            key_spec: Some("AES_256".into()),
            ..DataKeyInput::default()
        });
        let done = self.core.work(generate, caller).await?;
        let plaintext = done.plaintext.map(|p| p.0).unwrap_or_default();
        Ok(DataKey { plaintext, blob: done.ciphertext_blob.0, key_arn: done.key_id })
    }
}
