//! The operations of Secrets Manager, one a file.

mod batch_get_secret_value;
mod create_secret;
mod delete_secret;
mod describe_secret;
mod get_secret_value;
mod list_secret_versions;
mod list_secrets;
mod provision;
mod purge;
mod put_secret_value;
mod resource_policy;
mod restore_secret;
mod tags;
mod update_secret;
mod update_version_stage;

pub use batch_get_secret_value::{BatchError, BatchGetSecretValue, SecretValues};
pub use create_secret::{CreateSecret, Created};
pub use delete_secret::{DeleteSecret, Deleted};
pub use describe_secret::{Common, DescribeSecret, Description};
pub use get_secret_value::{GetSecretValue, SecretValue};
pub use list_secret_versions::{ListSecretVersionIds, VersionEntry, Versions};
pub use list_secrets::{Filter, ListSecrets, SecretEntry, Secrets};
pub use provision::{Provision, Provisioned};
pub use purge::Purge;
pub use put_secret_value::{Put, PutSecretValue};
pub use resource_policy::{
    DeleteResourcePolicy, GetResourcePolicy, Policy, PutResourcePolicy, ValidateResourcePolicy,
    Validation, ValidationError,
};
pub use restore_secret::RestoreSecret;
pub use tags::{TagResource, UntagResource};
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
