//! Why KMS refuses, as facts; the codes and words are AWS's, most of them recorded.
//!
//! <https://docs.aws.amazon.com/kms/latest/APIReference/CommonErrors.html> and each operation's list.

use super::spec::{Spec, Usage};
use crate::services::ServiceError;

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// Members break rules of the model: each in AWS's words.
    Constraints(Vec<String>),
    /// A parameter does not fit, in AWS's words.
    Invalid(String),
    /// No key is called so.
    NotAKeyId(String),
    /// The ARN is of another region or account, or no ARN of a key.
    InvalidArn(String),
    /// No ARN of a key or alias.
    MalformedArn(String),
    /// No key of this ARN.
    KeyNotFound(String),
    /// No alias of this ARN.
    AliasNotFound(String),
    /// There is an alias of this ARN.
    AliasExists(String),
    /// There is such a key already.
    KeyExists(String),
    /// A name that aliases may not have.
    InvalidAlias(String),
    /// The key of this ARN is disabled.
    Disabled(String),
    /// The key is in a state that does not allow it: ARN and state in AWS's words.
    State(String, &'static str),
    /// The same, in a sentence.
    StateText(String),
    /// The key is not for this operation.
    Usage {
        /// Its ARN.
        arn: String,
        /// What it is for.
        usage: Usage,
        /// What it should do.
        operation: &'static str,
    },
    /// Keys of this kind do not know the algorithm.
    Algorithm(&'static str, Spec),
    /// The ciphertext is not ours, damaged, or of another context.
    InvalidCiphertext,
    /// The ciphertext's key is not here.
    ForeignCiphertext,
    /// The ciphertext is of another key than the one named.
    IncorrectKey,
    /// The imported material is not the one that was there.
    IncorrectMaterial(String),
    /// Keys have one policy, and it is not called so.
    NoSuchPolicy,
    /// An alias that belongs to AWS.
    NotAuthorized,
    /// The signature is not of this message.
    InvalidSignature,
    /// The code is not of this message.
    InvalidMac,
    /// The key cannot do it: in AWS's words, which are often none.
    Unsupported(String),
    /// More than there may be.
    Limit(String),
    /// Something about tags.
    Tag(&'static str),
    /// The policy is none.
    MalformedPolicy(String),
    /// The page's marker was not made here.
    InvalidMarker,
    /// No such grant token.
    InvalidGrantToken,
    /// No such grant on the key.
    InvalidGrantId,
    /// No such grant.
    GrantNotFound,
    /// The import token was not made here or for another key.
    InvalidImportToken,
    /// The import token's time is over.
    ExpiredImportToken,
    /// AWS's own key, which only AWS manages: operation and ARN.
    Managed(&'static str, String),
    /// All would have been well.
    DryRun,
    /// AWS has it, devenv does not serve it.
    NotServed(String),
    /// A key cannot be opened, or the machine gave no randomness.
    Internal(&'static str),
}

impl Error {
    /// A parameter does not fit.
    pub fn invalid(text: impl Into<String>) -> Error {
        Error::Invalid(text.into())
    }
}

impl ServiceError for Error {
    fn code(&self) -> &'static str {
        use Error::*;
        match self {
            Constraints(_) | Invalid(_) => "ValidationException",
            NotAKeyId(_) | KeyNotFound(_) | AliasNotFound(_) | GrantNotFound | InvalidArn(_)
            | NoSuchPolicy => "NotFoundException",
            MalformedArn(_) => "InvalidArnException",
            AliasExists(_) | KeyExists(_) => "AlreadyExistsException",
            InvalidAlias(_) => "InvalidAliasNameException",
            Disabled(_) => "DisabledException",
            State(..) | StateText(_) => "KMSInvalidStateException",
            Usage { .. } | Algorithm(..) => "InvalidKeyUsageException",
            InvalidCiphertext => "InvalidCiphertextException",
            ForeignCiphertext | Managed(..) => "AccessDeniedException",
            IncorrectKey => "IncorrectKeyException",
            NotAuthorized => "NotAuthorizedException",
            IncorrectMaterial(_) => "IncorrectKeyMaterialException",
            InvalidSignature => "KMSInvalidSignatureException",
            InvalidMac => "KMSInvalidMacException",
            Unsupported(_) => "UnsupportedOperationException",
            Limit(_) => "LimitExceededException",
            Tag(_) => "TagException",
            MalformedPolicy(_) => "MalformedPolicyDocumentException",
            InvalidMarker => "InvalidMarkerException",
            InvalidGrantToken => "InvalidGrantTokenException",
            InvalidGrantId => "InvalidGrantIdException",
            InvalidImportToken => "InvalidImportTokenException",
            ExpiredImportToken => "ExpiredImportTokenException",
            DryRun => "DryRunOperationException",
            NotServed(_) => "NotImplemented",
            Internal(_) => "KMSInternalException",
        }
    }

    fn status(&self) -> u16 {
        match self {
            Error::NotServed(_) => 501,
            Error::Internal(_) => 500,
            _ => 400,
        }
    }

    fn message(&self) -> String {
        use Error::*;
        match self {
            Constraints(broken) => {
                let errors = if broken.len() == 1 { "error" } else { "errors" };
                format!("{} validation {errors} detected: {}", broken.len(), broken.join("; "))
            }
            Invalid(text) | StateText(text) | IncorrectMaterial(text) | Unsupported(text)
            | Limit(text) | MalformedPolicy(text) => text.clone(),
            NotAKeyId(id) => format!("Invalid keyId '{id}'"),
            InvalidArn(what) | MalformedArn(what) => format!("Invalid arn {what}"),
            KeyNotFound(arn) => format!("Key '{arn}' does not exist"),
            AliasNotFound(arn) => format!("Alias {arn} is not found."),
            AliasExists(arn) => format!("An alias with the name {arn} already exists"),
            KeyExists(arn) => format!("Key '{arn}' already exists"),
            InvalidAlias(name) => format!("{name} is not a valid alias name"),
            Disabled(arn) => format!("{arn} is disabled."),
            State(arn, what) => format!("{arn} is {what}."),
            Usage { arn, usage, operation } => {
                format!("{arn} key usage is {} which is not valid for {operation}.", usage.name())
            }
            Algorithm(algorithm, spec) => {
                format!("Algorithm {algorithm} is incompatible with key spec {}.", spec.name())
            }
            // AWS says nothing further.
            InvalidCiphertext | InvalidSignature | InvalidMac => String::new(),
            ForeignCiphertext => "The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access.".into(),
            IncorrectKey => "The key ID in the request does not identify a CMK that can perform this operation.".into(),
            Tag(text) => (*text).into(),
            NoSuchPolicy => "No such policy exists".into(),
            NotAuthorized => String::new(),
            InvalidMarker => "The marker is not valid.".into(),
            InvalidGrantToken => "The grant token is not valid.".into(),
            InvalidGrantId => "The grant ID is not valid.".into(),
            GrantNotFound => "The grant does not exist.".into(),
            InvalidImportToken => "The import token is not valid for this key.".into(),
            ExpiredImportToken => "The import token has expired.".into(),
            Managed(operation, arn) => format!("The caller is not authorized to perform: kms:{operation} on resource: {arn} because no resource-based policy allows the kms:{operation} action"),
            DryRun => "The request would have succeeded, but the DryRun option is set.".into(),
            NotServed(what) => format!("devenv does not serve {what}; see docs/kms.md"),
            Internal(what) => (*what).into(),
        }
    }
}
