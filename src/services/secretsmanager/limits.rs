//! The numbers of Secrets Manager, from its quotas page and from botocore's model of 2026-11.
//!
//! <https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html>

/// Bytes of a secret value at the most.
pub const VALUE_BYTES_MAX: usize = 65_536;
/// Characters of a secret's name at the most.
pub const NAME_CHARS_MAX: usize = 512;
/// Characters of a `SecretId` at the most.
pub const SECRET_ID_CHARS_MAX: usize = 2048;
/// Characters of a description at the most.
pub const DESCRIPTION_CHARS_MAX: usize = 2048;
/// Characters of a KMS key id at the most.
pub const KMS_KEY_ID_CHARS_MAX: usize = 2048;
/// Characters of a client request token, which becomes the version's id, at the least.
pub const TOKEN_CHARS_MIN: usize = 32;
/// The same at the most.
pub const TOKEN_CHARS_MAX: usize = 64;
/// Characters of a staging label at the most.
pub const STAGE_CHARS_MAX: usize = 256;
/// Staging labels across all versions of a secret at the most.
pub const STAGES_MAX: usize = 20;
/// Versions that are kept although nothing refers to them any more.
pub const VERSIONS_KEPT: usize = 100;
/// Age below which a version is never removed, in seconds.
pub const VERSION_KEPT_SECONDS: i64 = 24 * 3600;
/// Versions of one secret at the most. AWS says "about 100" and counts what is younger than a day
/// beyond that; this bound is devenv's own.
pub const VERSIONS_MAX: usize = 1000;
/// Tags of a secret at the most.
pub const TAGS_MAX: usize = 50;
/// Characters of a tag's key at the most.
pub const TAG_KEY_CHARS_MAX: usize = 128;
/// Characters of a tag's value at the most.
pub const TAG_VALUE_CHARS_MAX: usize = 256;
/// Secrets in one account and region at the most.
pub const SECRETS_MAX: usize = 500_000;
/// Characters of a resource policy at the most.
pub const POLICY_CHARS_MAX: usize = 20_480;
/// Days that a deleted secret can be restored, at the least.
pub const WINDOW_DAYS_MIN: i64 = 7;
/// The same at the most, and the default.
pub const WINDOW_DAYS_MAX: i64 = 30;
/// Entries of a page of a list at the most, and the default.
pub const PAGE_MAX: i64 = 100;
/// Values in one answer of `BatchGetSecretValue` at the most, and the default.
pub const BATCH_MAX: i64 = 20;
/// Filters, and values of a filter, at the most.
pub const FILTERS_MAX: usize = 10;
/// Characters of a random password at the most.
pub const PASSWORD_CHARS_MAX: i64 = 4096;
/// Characters of a random password unless asked otherwise.
pub const PASSWORD_CHARS_DEFAULT: i64 = 32;
/// Attempts of a rotation before it is given up. AWS says "multiple times".
pub const ROTATION_ATTEMPTS_MAX: u32 = 5;
/// Seconds between a failed attempt and the next; each further failure doubles them.
pub const ROTATION_PAUSE_SECONDS: i64 = 5;
/// Characters of the ARN of a rotation function at the most.
pub const FUNCTION_CHARS_MAX: usize = 2048;
/// Regions of one request, and replicas of a secret, at the most: devenv's own bound.
pub const REPLICAS_MAX: usize = 64;
/// Characters of an ARN of a secret at the least.
pub const ARN_CHARS_MIN: usize = 20;
/// Characters of the kind of a managed external secret at the most.
pub const KIND_CHARS_MAX: usize = 256;
/// Items of the metadata of a managed external secret at the most: devenv's own bound.
pub const EXTERNAL_ITEMS_MAX: usize = 50;
/// Characters of a policy's name at the most.
pub const POLICY_NAME_CHARS_MAX: usize = 64;
/// Bytes of a request at the most: a value of full size in base64 or with every character escaped
/// as `\u0000`, and a policy beside it.
pub const REQUEST_BYTES_MAX: usize = 1024 * 1024;
