//! The operations of Secrets Manager, one a file.

mod batch_get_secret_value;
mod cancel_rotate_secret;
mod create_secret;
mod cross_account;
mod delete_secret;
mod describe_secret;
mod get_secret_value;
mod know_functions;
mod list_secret_versions;
mod list_secrets;
mod provision;
mod purge;
mod put_secret_value;
mod replicate;
mod resource_policy;
mod restore_secret;
mod rotate_secret;
mod rotation_steps;
mod tags;
mod tended;
mod update_secret;
mod update_version_stage;

pub use batch_get_secret_value::{BatchError, BatchGetSecretValue, SecretValues};
pub use cancel_rotate_secret::CancelRotateSecret;
pub use create_secret::{CreateSecret, Created};
pub use cross_account::{
    AssociateCrossAccountReplica, Association, DisassociateCrossAccountReplica,
};
pub use delete_secret::{DeleteSecret, Deleted};
pub(super) use describe_secret::primary_region;
pub use describe_secret::{
    Common, CrossAccountPrimary, CrossAccountReplica, DescribeSecret, Description, ShownRotation,
};
pub use get_secret_value::{GetSecretValue, SecretValue};
pub use know_functions::KnowFunctions;
pub use list_secret_versions::{ListSecretVersionIds, VersionEntry, Versions};
pub use list_secrets::{Filter, ListSecrets, SecretEntry, Secrets};
pub use provision::{Provision, ProvisionRotation, Provisioned};
pub use purge::Purge;
pub use put_secret_value::{Put, PutSecretValue};
pub use replicate::{
    Promoted, RemoveRegionsFromReplication, ReplicaRegion, ReplicateSecretToRegions, Replicated,
    ReplicationStatus, StopReplicationToReplica,
};
pub use resource_policy::{
    DeleteResourcePolicy, GetResourcePolicy, ListResourcePolicies, Policies, Policy, PolicyName,
    PutResourcePolicy, ValidateResourcePolicy, Validation, ValidationError,
};
pub use restore_secret::RestoreSecret;
pub use rotate_secret::{ExternalItem, ResumeRotation, RotateSecret, Rotating, function_name};
pub use rotation_steps::{BeginRotation, Call, EndStep, Event, Next};
pub use tags::{TagResource, UntagResource};
pub use tended::Tended;
pub use update_secret::UpdateSecret;
pub use update_version_stage::UpdateSecretVersionStage;

use super::state::{Key, Secret};
use serde::Serialize;

/// Which secret an operation worked on: the answer of several operations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Named {
    /// The whole ARN.
    #[serde(rename = "ARN")]
    pub arn: String,
    /// The friendly name.
    #[serde(rename = "Name")]
    pub name: String,
}

impl Named {
    fn of(key: &Key, secret: &Secret) -> Self {
        Named { arn: secret.meta.arn.clone(), name: key.name.clone() }
    }
}
