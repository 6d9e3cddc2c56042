//! The operations of KMS.

pub mod aliases;
pub mod create_key;
pub mod cryptic;
pub mod data_key;
pub mod decrypt;
pub mod describe_key;
pub mod encrypt;
pub mod grants;
pub mod metadata;
pub mod page;
pub mod permit;
pub mod policies;
pub mod provision;
pub mod rotation;
pub mod tags;
pub mod tend;

pub use aliases::{CreateAlias, DeleteAlias, ListAliases, UpdateAlias};
pub use create_key::{CreateKey, MakeKey, Plan};
pub use cryptic::Cryptic;
pub use data_key::{DataKeyInput, GenerateDataKey, GenerateDataKeyWithoutPlaintext, GeneratedKey};
pub use decrypt::{Decrypt, Plain};
pub use describe_key::{DescribeKey, GetKeyLastUsage, ListKeys};
pub use encrypt::{Encrypt, Encrypted, Pairs};
pub use grants::{CreateGrant, ListGrants, ListRetirableGrants, RetireGrant, RevokeGrant};
pub use metadata::KeyMetadata;
pub use permit::{NoteUse, Permit, Permits, Permitted, Which};
pub use policies::{GetKeyPolicy, ListKeyPolicies, PutKeyPolicy};
pub use provision::{MANAGED, Provide, managed_service, named_id};
pub use rotation::{
    DisableKeyRotation, EnableKeyRotation, GetKeyRotationStatus, ListKeyRotations, OfKey,
    RotateKeyOnDemand,
};
pub use tags::{ListResourceTags, TagResource, UntagResource};
pub use tend::{Due, Tend};

use serde::Serialize;

/// A key's metadata: the answer of two operations.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Described {
    /// What is known of it.
    pub key_metadata: KeyMetadata,
}
