//! The numbers of KMS, from its quotas page and from botocore's model of 2026-11.
//!
//! <https://docs.aws.amazon.com/kms/latest/developerguide/resource-limits.html>

/// Characters of a key id, ARN or alias at the most.
pub const KEY_ID_CHARS_MAX: usize = 2048;
/// Characters of an alias at the most, `alias/` included.
pub const ALIAS_CHARS_MAX: usize = 256;
/// Characters of a description at the most.
pub const DESCRIPTION_CHARS_MAX: usize = 8192;
/// Bytes of a plaintext, message or digest at the most.
pub const PLAINTEXT_BYTES_MAX: usize = 4096;
/// Bytes of a ciphertext, signature or import token at the most.
pub const CIPHERTEXT_BYTES_MAX: usize = 6144;
/// Bytes of a public key at the most.
pub const PUBLIC_KEY_BYTES_MAX: usize = 8192;
/// Bytes of randomness or of a data key at the most.
pub const RANDOM_BYTES_MAX: i64 = 1024;
/// Bytes of an encryption context, keys and values together, at the most.
pub const CONTEXT_BYTES_MAX: usize = 8192;
/// Grant tokens of a request at the most.
pub const GRANT_TOKENS_MAX: usize = 10;
/// Characters of a grant token at the most.
pub const GRANT_TOKEN_CHARS_MAX: usize = 8192;
/// Characters of a grant's id at the most.
pub const GRANT_ID_CHARS_MAX: usize = 128;
/// Characters of a grant's name, or of a principal, at the most.
pub const PRINCIPAL_CHARS_MAX: usize = 256;
/// Grants of a key at the most.
pub const GRANTS_MAX: usize = 50_000;
/// Customer keys of an account and region at the most.
pub const KEYS_MAX: usize = 100_000;
/// Aliases of a key at the most.
pub const ALIASES_MAX: usize = 50;
/// Tags of a key at the most.
pub const TAGS_MAX: usize = 50;
/// Characters of a tag's key at the most.
pub const TAG_KEY_CHARS_MAX: usize = 128;
/// Characters of a tag's value at the most.
pub const TAG_VALUE_CHARS_MAX: usize = 256;
/// Characters of a key policy in the model.
pub const POLICY_CHARS_MAX: usize = 131_072;
/// Bytes of a key policy at the most.
pub const POLICY_BYTES_MAX: usize = 32_768;
/// Days that a key waits for its deletion: the least, the most, and unless asked otherwise.
pub const WINDOW_DAYS: (i64, i64, i64) = (7, 30, 30);
/// Days between two automatic rotations: the least, the most, and unless asked otherwise.
pub const ROTATION_DAYS: (i64, i64, i64) = (90, 2560, 365);
/// Rotations on demand of a key at the most.
pub const ROTATIONS_ON_DEMAND_MAX: usize = 25;
/// How long the parameters of an import hold, in milliseconds.
pub const IMPORT_TOKEN_MS: i64 = 24 * 3600 * 1000;
/// Days until imported material expires at the most.
pub const IMPORT_VALID_DAYS_MAX: i64 = 365;
/// Entries of a page at the most.
pub const PAGE_MAX: i64 = 1000;
/// Entries of a page of keys or grants unless asked otherwise.
pub const PAGE_DEFAULT: i64 = 100;
/// Entries of a page of aliases, tags and policies unless asked otherwise.
pub const PAGE_SMALL_DEFAULT: i64 = 50;
/// Characters of a page's marker at the most.
pub const MARKER_CHARS_MAX: usize = 1024;
/// The last use of a key is written down anew after so many milliseconds; in between it is in memory.
pub const LAST_USE_KEPT_MS: i64 = 3600 * 1000;
/// Milliseconds of a day.
pub const DAY_MS: i64 = 24 * 3600 * 1000;
/// Bytes of a request: a policy or a ciphertext in base64, and what goes with it.
pub const REQUEST_BYTES_MAX: usize = 1024 * 1024;
