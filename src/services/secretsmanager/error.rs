//! Why Secrets Manager refuses, as facts; the codes and words are AWS's.
//!
//! Texts of the commonest errors were recorded against AWS; <https://docs.aws.amazon.com/secretsmanager/latest/apireference/CommonErrors.html>
//! and each operation's own list name the codes of the others.

use super::limits::{TAGS_MAX, WINDOW_DAYS_MAX, WINDOW_DAYS_MIN};
use crate::services::ServiceError;

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// A member breaks a rule of the model: `at` and the rule in AWS's words.
    Constraint {
        /// The member (`clientRequestToken`).
        at: &'static str,
        /// Its value, unless it is sensitive.
        value: Option<String>,
        /// `Member must have length less than or equal to 64`.
        rule: String,
    },
    /// A secret's name holds other characters than AWS allows.
    InvalidName,
    /// No secret of this name or ARN.
    SecretNotFound,
    /// The secret has no such version.
    VersionNotFound(String),
    /// No version bears this staging label.
    StageNotFound(String),
    /// The version asked for does not bear the label asked for.
    StageNotOfVersion,
    /// A secret of this name exists.
    SecretExists(String),
    /// The token names a version with other content.
    TokenInUse {
        /// The token.
        token: String,
        /// The secret that has such a version.
        arn: String,
    },
    /// No `ClientRequestToken`.
    TokenMissing,
    /// The secret waits for its deletion.
    MarkedForDeletion,
    /// A secret of this name waits for its deletion.
    NameScheduledForDeletion,
    /// Both a text and a binary value.
    TwoValues,
    /// Neither a text nor a binary value.
    NoValue,
    /// The value is longer than a secret may be.
    ValueTooLong,
    /// Both `ForceDeleteWithoutRecovery` and `RecoveryWindowInDays`.
    ForceWithWindow,
    /// The recovery window is out of range.
    WindowOutOfRange,
    /// `AWSCURRENT` may move, never vanish.
    CurrentMustStay,
    /// The label sits on a version that the request does not name.
    StageElsewhere {
        /// The label.
        stage: String,
        /// Where it is.
        version: String,
    },
    /// The label is not on the version from which it shall be removed.
    StageNotThere {
        /// The label.
        stage: String,
        /// The version named.
        version: String,
    },
    /// Neither a version to move to nor one to remove from.
    NothingToMove,
    /// The secret has no version of this id.
    NotAVersion(String),
    /// More labels than a secret may have.
    TooManyStages,
    /// More versions than a secret may have.
    TooManyVersions,
    /// More secrets than an account may have.
    TooManySecrets,
    /// More tags than a secret may have.
    TooManyTags,
    /// A tag's key that AWS keeps for itself.
    ReservedTag(String),
    /// A key that appears twice.
    DuplicateTag(String),
    /// A tag with characters that AWS does not allow.
    InvalidTag(String),
    /// A page token that was not made here.
    InvalidNextToken,
    /// A parameter whose value does not fit, in words.
    InvalidParameter(String),
    /// A resource policy that cannot be read.
    MalformedPolicy(String),
    /// A resource policy that would let everybody in.
    PublicPolicy,
    /// The secret is a copy: only its primary can be changed.
    ReplicaReadOnly,
    /// The secret is no copy.
    NotAReplica,
    /// A secret with copies cannot be deleted.
    StillReplicated {
        /// The secret.
        arn: String,
        /// Where its copies are.
        regions: Vec<String>,
    },
    /// It has a copy in another account already.
    TooManyReplicas,
    /// `RotateSecret` without a token.
    RotationTokenMissing,
    /// No rotation function is known of the secret.
    NoFunction,
    /// The rotation function that was named is none of this environment.
    FunctionUnknown,
    /// The KMS key cannot encrypt now.
    CannotEncrypt,
    /// The KMS key cannot decrypt now.
    CannotDecrypt,
    /// A rotation before this one has not come to its end.
    RotationUnfinished,
    /// AWS has it, devenv does not serve it.
    NotServed(&'static str),
    /// The machine gave no randomness.
    NoEntropy,
}

impl ServiceError for Error {
    fn code(&self) -> &'static str {
        use Error::*;
        match self {
            Constraint { .. } | InvalidName => "ValidationException",
            SecretNotFound | VersionNotFound(_) | StageNotFound(_) => "ResourceNotFoundException",
            SecretExists(_) | TokenInUse { .. } => "ResourceExistsException",
            StageNotOfVersion
            | TokenMissing
            | MarkedForDeletion
            | NameScheduledForDeletion
            | NotAReplica
            | NoFunction
            | RotationUnfinished
            | NoValue => "InvalidRequestException",
            FunctionUnknown => "AccessDeniedException",
            CannotEncrypt => "EncryptionFailure",
            CannotDecrypt => "DecryptionFailure",
            TooManyReplicas | TooManyStages | TooManyVersions | TooManySecrets => {
                "LimitExceededException"
            }
            TwoValues
            | ValueTooLong
            | ForceWithWindow
            | WindowOutOfRange
            | CurrentMustStay
            | StageElsewhere { .. }
            | StageNotThere { .. }
            | NothingToMove
            | NotAVersion(_)
            | TooManyTags
            | ReservedTag(_)
            | DuplicateTag(_)
            | InvalidTag(_)
            | ReplicaReadOnly
            | StillReplicated { .. }
            | RotationTokenMissing
            | InvalidParameter(_) => "InvalidParameterException",
            InvalidNextToken => "InvalidNextTokenException",
            MalformedPolicy(_) => "MalformedPolicyDocumentException",
            PublicPolicy => "PublicPolicyException",
            NotServed(_) => "NotImplemented",
            NoEntropy => "InternalServiceError",
        }
    }

    fn status(&self) -> u16 {
        match self {
            Error::NotServed(_) => 501,
            Error::NoEntropy => 500,
            _ => 400,
        }
    }

    fn message(&self) -> String {
        use Error::*;
        match self {
            Constraint { at, value, rule } => match value {
                Some(value) => format!(
                    "1 validation error detected: Value '{value}' at '{at}' failed to satisfy constraint: {rule}"
                ),
                None => format!(
                    "1 validation error detected: Value at '{at}' failed to satisfy constraint: {rule}"
                ),
            },
            InvalidName => "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!".into(),
            SecretNotFound => "Secrets Manager can't find the specified secret.".into(),
            VersionNotFound(id) => {
                format!("Secrets Manager can't find the specified secret value for VersionId: {id}")
            }
            StageNotFound(stage) => format!(
                "Secrets Manager can't find the specified secret value for staging label: {stage}"
            ),
            StageNotOfVersion => {
                "You provided a VersionStage that is not associated to the provided VersionId.".into()
            }
            SecretExists(name) => {
                format!("The operation failed because the secret {name} already exists.")
            }
            TokenInUse { token, arn } => format!(
                "You can't use ClientRequestToken {token} because that value is already in use for a version of secret {arn}."
            ),
            TokenMissing | RotationTokenMissing => {
                "You must provide a ClientRequestToken value. We recommend a UUID-type value.".into()
            }
            MarkedForDeletion => "You can't perform this operation on the secret because it was marked for deletion.".into(),
            NameScheduledForDeletion => "You can't create this secret because a secret with this name is already scheduled for deletion.".into(),
            TwoValues => "You can't specify both a binary secret value and a string secret value in the same secret.".into(),
            NoValue => "You must provide either SecretString or SecretBinary.".into(),
            ValueTooLong => "The secret value is too large: it may have 65536 bytes.".into(),
            ForceWithWindow => {
                "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.".into()
            }
            WindowOutOfRange => format!(
                "The RecoveryWindowInDays value must be between {WINDOW_DAYS_MIN} and {WINDOW_DAYS_MAX} days (inclusive)."
            ),
            _ => self.rarer(),
        }
    }
}

impl Error {
    /// The texts of labels, quotas, tags and policies.
    fn rarer(&self) -> String {
        use Error::*;
        match self {
            CurrentMustStay => "You can only move staging label AWSCURRENT to a different secret version. It can't be completely removed.".into(),
            StageElsewhere { stage, version } => format!(
                "The parameter RemoveFromVersionId can't be empty. Staging label {stage} is currently attached to version {version}, so you must explicitly reference that version in RemoveFromVersionId."
            ),
            StageNotThere { stage, version } => {
                format!("Staging label {stage} is not attached to version {version}.")
            }
            NothingToMove => {
                "You must provide at least one of MoveToVersionId and RemoveFromVersionId.".into()
            }
            NotAVersion(id) => format!("Not a valid version: {id}"),
            TooManyStages => "You've exceeded the limit of staging labels attached to the versions of this secret.".into(),
            TooManyVersions => "You've exceeded the limit of versions of this secret.".into(),
            TooManySecrets => "You've exceeded the limit of secrets in this account.".into(),
            TooManyTags => format!("A secret can have at most {TAGS_MAX} tags."),
            ReservedTag(key) => {
                format!("The tag key {key} isn't allowed: keys that begin with aws: are reserved.")
            }
            DuplicateTag(key) => format!("The tag key {key} appears more than once."),
            InvalidTag(key) => format!("The tag {key} contains characters that aren't allowed."),
            InvalidNextToken => "The NextToken value is invalid.".into(),
            InvalidParameter(text) => text.clone(),
            MalformedPolicy(what) => what.clone(),
            PublicPolicy => "This resource policy grants broad access to your secret, and BlockPublicPolicy is set.".into(),
            ReplicaReadOnly => "Operation not permitted on a replica secret. Call must be made in primary secret's region.".into(),
            NotAReplica => "The secret isn't a replica secret.".into(),
            StillReplicated { arn, regions } => format!(
                "You can't delete secret {arn} that still has replica regions [{}].",
                regions.join(", ")
            ),
            TooManyReplicas => "A secret can have at most one cross-account replica.".into(),
            NoFunction => "No Lambda rotation function ARN is associated with this secret.".into(),
            FunctionUnknown => "Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy grants access to the principal secretsmanager.amazonaws.com.".into(),
            CannotEncrypt => "Secrets Manager can't encrypt the protected secret text using the provided KMS key. Check that the KMS key is available, enabled, and not in an invalid state.".into(),
            CannotDecrypt => {
                "Secrets Manager can't decrypt the protected secret text using the provided KMS key.".into()
            }
            RotationUnfinished => {
                "A previous rotation isn't complete. That rotation will be reattempted.".into()
            }
            NotServed(what) => {
                format!("devenv does not serve {what} yet; see docs/secretsmanager.md")
            }
            NoEntropy => "devenv could not get random bytes from the system.".into(),
            // Written out in `message`.
            _ => self.code().into(),
        }
    }
}
