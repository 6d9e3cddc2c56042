//! Quotas of IAM. <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>

/// Bytes of a request's body at the most.
pub const REQUEST_BYTES_MAX: usize = 1024 * 1024;
/// Users of an account.
pub const USERS_MAX: usize = 5000;
/// Groups of an account.
pub const GROUPS_MAX: usize = 300;
/// Roles of an account.
pub const ROLES_MAX: usize = 1000;
/// Managed policies of an account.
pub const POLICIES_MAX: usize = 1500;
/// Instance profiles of an account.
pub const PROFILES_MAX: usize = 1000;
/// Identity providers of an account.
pub const PROVIDERS_MAX: usize = 100;
/// Groups of a user.
pub const GROUPS_PER_USER_MAX: usize = 10;
/// Access keys of a user.
pub const KEYS_PER_USER_MAX: usize = 2;
/// Managed policies attached to a user, group or role.
pub const ATTACHED_MAX: usize = 10;
/// Versions of a managed policy.
pub const VERSIONS_MAX: usize = 5;
/// Characters of a managed policy, without white space.
pub const POLICY_CHARS_MAX: usize = 6144;
/// Characters of a role's trust policy, without white space.
pub const TRUST_CHARS_MAX: usize = 2048;
/// Characters of all inline policies of a user, a group, a role.
pub const INLINE_CHARS_MAX: [usize; 3] = [2048, 5120, 10_240];
/// Tags of anything.
pub const TAGS_MAX: usize = 50;
/// Entries on a page unless asked otherwise.
pub const PAGE: usize = 100;
