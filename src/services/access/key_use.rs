//! That a service uses a key of KMS for its caller; [`crate::services::kms::on_behalf`] says what that asks.

/// What writes under a key ask, where a data key is made and read back.
pub const WRITES: &[&str] = &["GenerateDataKey", "Decrypt"];
/// What reads ask.
pub const READS: &[&str] = &["Decrypt"];

/// A service's use of a key for its caller.
#[derive(Debug, Clone)]
pub struct KeyUse {
    /// The service, as `kms:ViaService` names it (`s3`).
    pub service: &'static str,
    /// The key's id, ARN or alias.
    pub key: String,
    /// Operations of KMS.
    pub operations: &'static [&'static str],
    /// The encryption context.
    pub context: Vec<(&'static str, String)>,
}
