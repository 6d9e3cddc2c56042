//! Grants: who may do what with a key beside what its policy says.
//!
//! Kept, listed, retired and revoked; nothing is refused for the want of one.
//! <https://docs.aws.amazon.com/kms/latest/developerguide/grants.html>

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a grant may allow.
pub const OPERATIONS: &[&str] = &[
    "Decrypt",
    "Encrypt",
    "GenerateDataKey",
    "GenerateDataKeyWithoutPlaintext",
    "ReEncryptFrom",
    "ReEncryptTo",
    "Sign",
    "Verify",
    "GetPublicKey",
    "CreateGrant",
    "RetireGrant",
    "DescribeKey",
    "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext",
    "GenerateMac",
    "VerifyMac",
    "DeriveSharedSecret",
    "Encapsulate",
    "Decapsulate",
];

/// Under which circumstances a grant allows it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Constraints {
    /// The encryption context has these pairs at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption_context_subset: Option<BTreeMap<String, String>>,
    /// The encryption context is this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption_context_equals: Option<BTreeMap<String, String>>,
    /// For a service: on whose behalf.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_arn: Option<String>,
}

/// A grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// 64 hexadecimal digits.
    pub id: String,
    /// What its token ends in.
    pub secret: String,
    /// A name, which makes a repeated call find it.
    pub name: Option<String>,
    /// When it was made, in milliseconds.
    pub created: i64,
    /// Who is allowed.
    pub grantee: Option<String>,
    /// Which service is allowed.
    pub grantee_service: Option<String>,
    /// Who may retire it.
    pub retiring: Option<String>,
    /// Which service may retire it.
    pub retiring_service: Option<String>,
    /// The account that made it.
    pub issuer: String,
    /// What is allowed.
    pub operations: Vec<String>,
    /// When.
    pub constraints: Option<Constraints>,
}
