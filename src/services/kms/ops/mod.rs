//! The operations of KMS.

pub mod aliases;
pub mod create_key;
pub mod cryptic;
pub mod data_key;
pub mod data_key_pair;
pub mod decrypt;
pub mod describe_key;
pub mod encrypt;
pub mod grants;
pub mod import;
pub mod key_state;
pub mod mac;
pub mod metadata;
pub mod multi_region;
pub mod page;
pub mod permit;
pub mod policies;
pub mod provision;
pub mod public_key;
pub mod random;
pub mod re_encrypt;
pub mod rotation;
pub mod shared_secret;
pub mod sign;
pub mod tags;
pub mod tend;

pub use aliases::{CreateAlias, DeleteAlias, ListAliases, UpdateAlias};
pub use create_key::{CreateKey, MakeKey, Plan};
pub use cryptic::Cryptic;
pub use data_key::{DataKeyInput, GenerateDataKey, GenerateDataKeyWithoutPlaintext, GeneratedKey};
pub use data_key_pair::{GenerateDataKeyPair, GenerateDataKeyPairWithoutPlaintext};
pub use decrypt::{Decrypt, Plain};
pub use describe_key::{DescribeKey, GetKeyLastUsage, ListKeys};
pub use encrypt::{Encrypt, Encrypted, Pairs};
pub use grants::{CreateGrant, ListGrants, ListRetirableGrants, RetireGrant, RevokeGrant};
pub use import::{
    DeleteImportedKeyMaterial, GetParametersForImport, ImportKeyMaterial, OnMaterial, Parameters,
    PutImported,
};
pub use key_state::{
    CancelKeyDeletion, DisableKey, EnableKey, ScheduleKeyDeletion, UpdateKeyDescription,
};
pub use mac::{GenerateMac, VerifyMac};
pub use metadata::KeyMetadata;
pub use multi_region::{ReplicateKey, UpdatePrimaryRegion};
pub use permit::{NoteUse, Permit, Permits, Permitted, Which};
pub use policies::{GetKeyPolicy, ListKeyPolicies, PutKeyPolicy};
pub use provision::{MANAGED, Provide, managed_service, named_id};
pub use public_key::GetPublicKey;
pub use random::GenerateRandom;
pub use re_encrypt::ReEncrypt;
pub use rotation::{
    DisableKeyRotation, EnableKeyRotation, GetKeyRotationStatus, ListKeyRotations, OfKey,
    RotateKeyOnDemand, Rotated,
};
pub use shared_secret::{Decapsulate, DeriveSharedSecret, Encapsulate};
pub use sign::{Sign, Verify};
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
