//! Quotas of Parameter Store.
//! <https://docs.aws.amazon.com/general/latest/gr/ssm.html#limits_ssm>,
//! <https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html>

/// Bytes of a request's body at the most.
pub const REQUEST_BYTES_MAX: usize = 1024 * 1024;
/// Characters of a standard parameter's value at the most.
pub const STANDARD_CHARS_MAX: usize = 4096;
/// Characters of an advanced parameter's value at the most.
pub const ADVANCED_CHARS_MAX: usize = 8192;
/// Standard parameters of an account and region at the most.
pub const STANDARD_MAX: usize = 10_000;
/// Parameters of an account and region at the most.
pub const PARAMETERS_MAX: usize = 100_000;
/// Characters of a name at the most, without the ARN before it.
pub const NAME_CHARS_MAX: usize = 1011;
/// Levels of a hierarchy at the most.
pub const LEVELS_MAX: usize = 15;
/// Versions of a parameter at the most: the oldest goes when another comes.
pub const VERSIONS_MAX: usize = 100;
/// Labels of a version at the most.
pub const LABELS_MAX: usize = 10;
/// Tags of a parameter at the most.
pub const TAGS_MAX: usize = 50;
/// Policies of a parameter at the most.
pub const POLICIES_MAX: usize = 10;
/// Parameters on a page of `GetParametersByPath` unless asked otherwise.
pub const PATH_PAGE: usize = 10;
/// Entries on a page of all else.
pub const PAGE: usize = 50;
/// Bytes that a compiled `AllowedPattern` may take.
pub const PATTERN_BYTES_MAX: usize = 1 << 20;
