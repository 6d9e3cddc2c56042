//! The operations of KMS on their way to the router.

use super::{Core, ROTATE};
use crate::base::Caller;
use crate::protocol::{AwsJson11, Failure, JsonRoutes};
use crate::services::Operation;
use crate::services::kms::error::Error;
use crate::services::kms::ops::*;
use crate::services::kms::state::{Change, State};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::future::Future;
use std::sync::Arc;

/// What AWS has (botocore's service model of 2026-11).
pub(super) const MODEL: &[&str] = &[
    "CancelKeyDeletion",
    "ConnectCustomKeyStore",
    "CreateAlias",
    "CreateCustomKeyStore",
    "CreateGrant",
    "CreateKey",
    "Decapsulate",
    "Decrypt",
    "DeleteAlias",
    "DeleteCustomKeyStore",
    "DeleteImportedKeyMaterial",
    "DeriveSharedSecret",
    "DescribeCustomKeyStores",
    "DescribeKey",
    "DisableKey",
    "DisableKeyRotation",
    "DisconnectCustomKeyStore",
    "EnableKey",
    "EnableKeyRotation",
    "Encapsulate",
    "Encrypt",
    "GenerateDataKey",
    "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext",
    "GenerateDataKeyWithoutPlaintext",
    "GenerateMac",
    "GenerateRandom",
    "GetKeyLastUsage",
    "GetKeyPolicy",
    "GetKeyRotationStatus",
    "GetParametersForImport",
    "GetPublicKey",
    "ImportKeyMaterial",
    "ListAliases",
    "ListGrants",
    "ListKeyPolicies",
    "ListKeyRotations",
    "ListKeys",
    "ListResourceTags",
    "ListRetirableGrants",
    "PutKeyPolicy",
    "ReEncrypt",
    "ReplicateKey",
    "RetireGrant",
    "RevokeGrant",
    "RotateKeyOnDemand",
    "ScheduleKeyDeletion",
    "Sign",
    "TagResource",
    "UntagResource",
    "UpdateAlias",
    "UpdateCustomKeyStore",
    "UpdateKeyDescription",
    "UpdatePrimaryRegion",
    "Verify",
    "VerifyMac",
];

/// Collects the routes.
pub(super) struct Adding {
    routes: JsonRoutes<AwsJson11>,
    core: Arc<Core>,
    served: Vec<&'static str>,
}

impl Adding {
    /// To these routes.
    pub(super) fn to(routes: JsonRoutes<AwsJson11>, core: Arc<Core>) -> Adding {
        Adding { routes, core, served: Vec::new() }
    }

    /// Every operation that is served, and their names.
    pub(super) fn all(self) -> (JsonRoutes<AwsJson11>, Vec<&'static str>) {
        let added = self
            .with(MakeKey::NAME, |core, create: CreateKey, caller| async move {
                core.create_key(create, &caller).await
            })
            .with(DescribeKey::NAME, |core, describe: DescribeKey, caller| async move {
                if let Some(id) = &describe.key_id {
                    core.ensure_managed(&caller, id).await?;
                }
                core.run(describe, &caller).await
            });
        let added = added
            .with(ROTATE, |core, of: OfKey, caller| async move {
                core.rotate_on_demand(of, &caller).await
            })
            .with(
                "GetParametersForImport",
                |core, get: GetParametersForImport, caller| async move {
                    core.parameters_for_import(get, &caller).await
                },
            )
            .with(PutImported::NAME, |core, import: ImportKeyMaterial, caller| async move {
                core.import(import, &caller).await
            });
        let Adding { routes, mut served, .. } = added.records().cryptography();
        served.sort_unstable();
        (routes, served)
    }

    /// Operations on the keys' data.
    fn records(self) -> Adding {
        self.op::<ListKeys>()
            .op::<GetKeyLastUsage>()
            .op::<CreateAlias>()
            .op::<UpdateAlias>()
            .op::<DeleteAlias>()
            .op::<ListAliases>()
            .op::<TagResource>()
            .op::<UntagResource>()
            .op::<ListResourceTags>()
            .op::<PutKeyPolicy>()
            .op::<GetKeyPolicy>()
            .op::<ListKeyPolicies>()
            .op::<CreateGrant>()
            .op::<ListGrants>()
            .op::<ListRetirableGrants>()
            .op::<RetireGrant>()
            .op::<RevokeGrant>()
            .op::<EnableKey>()
            .op::<DisableKey>()
            .op::<UpdateKeyDescription>()
            .op::<ScheduleKeyDeletion>()
            .op::<CancelKeyDeletion>()
            .op::<EnableKeyRotation>()
            .op::<DisableKeyRotation>()
            .op::<GetKeyRotationStatus>()
            .op::<ListKeyRotations>()
            .op::<DeleteImportedKeyMaterial>()
            .op::<ReplicateKey>()
            .op::<UpdatePrimaryRegion>()
            .op::<GetPublicKey>()
    }

    /// Operations that use keys.
    fn cryptography(self) -> Adding {
        self.cryptic::<Encrypt>()
            .cryptic::<Decrypt>()
            .cryptic::<GenerateDataKey>()
            .cryptic::<GenerateDataKeyWithoutPlaintext>()
            .cryptic::<GenerateDataKeyPair>()
            .cryptic::<GenerateDataKeyPairWithoutPlaintext>()
            .cryptic::<ReEncrypt>()
            .cryptic::<Sign>()
            .cryptic::<Verify>()
            .cryptic::<GenerateMac>()
            .cryptic::<VerifyMac>()
            .cryptic::<GenerateRandom>()
            .cryptic::<DeriveSharedSecret>()
            .cryptic::<Encapsulate>()
            .cryptic::<Decapsulate>()
    }

    fn op<O>(self) -> Adding
    where
        O: Operation<State = State, Change = Change, Error = Error>,
        O: DeserializeOwned + Send + Sync + 'static,
        O::Output: Serialize + Send + Sync + 'static,
    {
        self.with(O::NAME, |core, operation: O, caller| async move {
            core.run(operation, &caller).await
        })
    }

    fn cryptic<O>(self) -> Adding
    where
        O: Cryptic + DeserializeOwned + Send + Sync + 'static,
        O::Output: Serialize + Send + Sync + 'static,
    {
        self.with(O::NAME, |core, operation: O, caller| async move {
            core.work(operation, &caller).await
        })
    }

    fn with<I, O, F, Fut>(mut self, name: &'static str, handle: F) -> Adding
    where
        I: DeserializeOwned + Send + Sync + 'static,
        O: Serialize + Send + Sync + 'static,
        F: Fn(Arc<Core>, I, Arc<Caller>) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<O, Failure>> + Send + 'static,
    {
        let core = self.core.clone();
        self.served.push(name);
        self.routes = self
            .routes
            .add(name, move |input: I, caller: Arc<Caller>| handle(core.clone(), input, caller));
        self
    }
}
