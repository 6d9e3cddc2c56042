//! A queue's attributes: typed, checked as AWS checks them, and written back as AWS writes them.
//!
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>

use super::error::Error;
use super::limits;
use super::redrive::{Redrive, RedriveAllow};
use crate::policy::{Grammar, Pattern, Policy};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// Attributes as they come over the wire: all text.
pub type RawAttributes = BTreeMap<String, String>;

/// What can be set on a queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// `DelaySeconds`.
    pub delay_s: u32,
    /// `MaximumMessageSize`.
    pub message_bytes_max: u32,
    /// `MessageRetentionPeriod`.
    pub retention_s: u32,
    /// `ReceiveMessageWaitTimeSeconds`.
    pub wait_s: u32,
    /// `VisibilityTimeout`.
    pub visibility_s: u32,
    /// `Policy`, as text.
    pub policy: Option<String>,
    /// `RedrivePolicy`.
    pub redrive: Option<Redrive>,
    /// `RedriveAllowPolicy`.
    pub redrive_allow: Option<RedriveAllow>,
    /// `KmsMasterKeyId`.
    pub kms_key: Option<String>,
    /// `KmsDataKeyReusePeriodSeconds`.
    pub kms_reuse_s: u32,
    /// `SqsManagedSseEnabled`.
    pub managed_sse: bool,
    /// What only FIFO queues have.
    pub fifo: Option<Fifo>,
}

/// What only FIFO queues have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Fifo {
    /// `ContentBasedDeduplication`.
    pub by_content: bool,
    /// `DeduplicationScope` is `messageGroup`.
    pub scope_is_group: bool,
    /// `FifoThroughputLimit` is `perMessageGroupId`.
    pub limit_is_per_group: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            delay_s: 0,
            message_bytes_max: *limits::MESSAGE_BYTES.end() as u32,
            retention_s: limits::RETENTION_SECONDS_DEFAULT,
            wait_s: 0,
            visibility_s: limits::VISIBILITY_SECONDS_DEFAULT,
            policy: None,
            redrive: None,
            redrive_allow: None,
            kms_key: None,
            kms_reuse_s: limits::KMS_REUSE_SECONDS_DEFAULT,
            managed_sse: true,
            fifo: None,
        }
    }
}

impl Settings {
    /// A new queue's.
    pub fn new(is_fifo: bool) -> Self {
        Settings { fifo: is_fifo.then(Fifo::default), ..Settings::default() }
    }

    /// These settings with `raw` set, or what AWS says is wrong with it. `created` tells CreateQueue,
    /// where `FifoQueue` may be given.
    pub fn with(&self, raw: &RawAttributes, creating: bool) -> Result<Settings, Error> {
        let mut new = self.clone();
        if raw.get("KmsMasterKeyId").is_some_and(|k| !k.is_empty())
            && raw.get("SqsManagedSseEnabled").is_some_and(|v| v.eq_ignore_ascii_case("true"))
        {
            return Err(Error::EncryptionAmbiguous);
        }
        for (name, value) in raw {
            new.set(name, value, creating)?;
        }
        match new.fifo {
            Some(fifo) if fifo.limit_is_per_group && !fifo.scope_is_group => {
                Err(Error::InvalidAttributeValue {
                    name: "FifoThroughputLimit".into(),
                    reason: Some(
                        "The perMessageGroupId value is allowed only when the value for DeduplicationScope is messageGroup.",
                    ),
                })
            }
            _ => Ok(new),
        }
    }

    fn set(&mut self, name: &str, value: &str, creating: bool) -> Result<(), Error> {
        match name {
            "DelaySeconds" => self.delay_s = number(name, value, limits::DELAY_SECONDS)?,
            "MaximumMessageSize" => {
                self.message_bytes_max = number(name, value, limits::MESSAGE_BYTES)?;
            }
            "MessageRetentionPeriod" => {
                self.retention_s = number(name, value, limits::RETENTION_SECONDS)?;
            }
            "ReceiveMessageWaitTimeSeconds" => {
                self.wait_s = number(name, value, limits::WAIT_SECONDS)?;
            }
            "VisibilityTimeout" => {
                self.visibility_s = number(name, value, limits::VISIBILITY_SECONDS)?;
            }
            "Policy" => self.policy = policy(value)?,
            "RedrivePolicy" => self.redrive = Redrive::parse(value)?,
            "RedriveAllowPolicy" => self.redrive_allow = RedriveAllow::parse(value)?,
            "KmsMasterKeyId" => {
                self.kms_key = (!value.is_empty()).then(|| value.to_owned());
                self.managed_sse = false;
            }
            "KmsDataKeyReusePeriodSeconds" => {
                self.kms_reuse_s = number(name, value, limits::KMS_REUSE_SECONDS)?;
            }
            "SqsManagedSseEnabled" => {
                self.managed_sse = flag(name, value)?;
                if self.managed_sse {
                    self.kms_key = None;
                }
            }
            _ => return self.set_fifo(name, value, creating),
        }
        Ok(())
    }

    fn set_fifo(&mut self, name: &str, value: &str, creating: bool) -> Result<(), Error> {
        let unknown = || Err(Error::UnknownAttribute { name: name.to_owned() });
        let fifo = match (&mut self.fifo, name) {
            (Some(fifo), _) => fifo,
            (None, "DeduplicationScope") => {
                return Err(Error::AttributeOnlyForFifo { name: "DeduplicationScope" });
            }
            (None, "FifoThroughputLimit") => {
                return Err(Error::AttributeOnlyForFifo { name: "FifoThroughputLimit" });
            }
            (None, _) => return unknown(),
        };
        match name {
            // Whether a name fits its type is CreateQueue's matter.
            "FifoQueue" if creating || flag(name, value)? => {}
            "FifoQueue" => {
                return Err(Error::InvalidAttributeValue {
                    name: name.into(),
                    reason: Some("Modifying queue type is not supported."),
                });
            }
            "ContentBasedDeduplication" => fifo.by_content = flag(name, value)?,
            "DeduplicationScope" => {
                fifo.scope_is_group = one_of(name, value, ["queue", "messageGroup"])?;
            }
            "FifoThroughputLimit" => {
                fifo.limit_is_per_group = one_of(name, value, ["perQueue", "perMessageGroupId"])?;
            }
            _ => return unknown(),
        }
        Ok(())
    }

    /// The first attribute of `raw` whose value, once set, would differ from what is set now.
    pub fn first_difference(&self, raw: &RawAttributes) -> Result<Option<String>, Error> {
        for (name, value) in raw {
            let one = [(name.clone(), value.clone())].into();
            if self.with(&one, true)?.written() != self.written() {
                return Ok(Some(name.clone()));
            }
        }
        Ok(None)
    }

    /// The attributes as AWS writes them; those that are not set are left out.
    pub fn written(&self) -> BTreeMap<&'static str, String> {
        let mut all = BTreeMap::from([
            ("DelaySeconds", self.delay_s.to_string()),
            ("MaximumMessageSize", self.message_bytes_max.to_string()),
            ("MessageRetentionPeriod", self.retention_s.to_string()),
            ("ReceiveMessageWaitTimeSeconds", self.wait_s.to_string()),
            ("SqsManagedSseEnabled", self.managed_sse.to_string()),
            ("VisibilityTimeout", self.visibility_s.to_string()),
        ]);
        if let Some(policy) = &self.policy {
            all.insert("Policy", policy.clone());
        }
        if let Some(redrive) = &self.redrive {
            all.insert("RedrivePolicy", redrive.text());
        }
        if let Some(allow) = &self.redrive_allow {
            all.insert("RedriveAllowPolicy", allow.text());
        }
        if let Some(key) = &self.kms_key {
            all.insert("KmsMasterKeyId", key.clone());
            all.insert("KmsDataKeyReusePeriodSeconds", self.kms_reuse_s.to_string());
        }
        if let Some(fifo) = self.fifo {
            let scope = if fifo.scope_is_group { "messageGroup" } else { "queue" };
            let limit = if fifo.limit_is_per_group { "perMessageGroupId" } else { "perQueue" };
            all.insert("FifoQueue", "true".into());
            all.insert("ContentBasedDeduplication", fifo.by_content.to_string());
            all.insert("DeduplicationScope", scope.into());
            all.insert("FifoThroughputLimit", limit.into());
        }
        all
    }
}

/// The names that can be asked for, beside those of [`Settings::written`].
pub(super) const OPTIONAL_NAMES: &[&str] = &[
    "Policy",
    "RedrivePolicy",
    "RedriveAllowPolicy",
    "KmsMasterKeyId",
    "KmsDataKeyReusePeriodSeconds",
    "FifoQueue",
    "ContentBasedDeduplication",
    "DeduplicationScope",
    "FifoThroughputLimit",
];

fn invalid(name: &str) -> Error {
    Error::InvalidAttributeValue { name: name.to_owned(), reason: None }
}

fn number(name: &str, value: &str, range: RangeInclusive<i64>) -> Result<u32, Error> {
    let number: i64 = value.trim().parse().map_err(|_| invalid(name))?;
    if range.contains(&number) { Ok(number as u32) } else { Err(invalid(name)) }
}

fn flag(name: &str, value: &str) -> Result<bool, Error> {
    match value.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(invalid(name)),
    }
}

/// Whether `value` is the second of two words.
fn one_of(name: &str, value: &str, words: [&str; 2]) -> Result<bool, Error> {
    match words.iter().position(|w| *w == value) {
        Some(at) => Ok(at == 1),
        None => Err(invalid(name)),
    }
}

/// An access policy must be a policy document about SQS; it is kept as it came.
fn policy(value: &str) -> Result<Option<String>, Error> {
    if value.is_empty() {
        return Ok(None);
    }
    let document = Policy::parse(value, Grammar::Resource).map_err(|_| invalid("Policy"))?;
    let is_ours = |pattern: &Pattern| {
        let text = pattern.text().to_ascii_lowercase();
        text == "*" || text.starts_with("sqs:")
    };
    let proper = document.statements.len() <= limits::POLICY_STATEMENTS_MAX
        && document.statements.iter().all(|s| s.actions.patterns().iter().all(is_ours));
    if proper { Ok(Some(value.to_owned())) } else { Err(invalid("Policy")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::ServiceError;

    fn raw(pairs: &[(&str, &str)]) -> RawAttributes {
        pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
    }

    fn refused(fifo: bool, pairs: &[(&str, &str)]) -> (&'static str, String) {
        let error = Settings::new(fifo).with(&raw(pairs), false).unwrap_err();
        (error.code(), error.message())
    }

    #[test]
    fn each_number_has_its_range() {
        for (name, low, high) in [
            ("DelaySeconds", 0, 900),
            ("MaximumMessageSize", 1024, 1_048_576),
            ("MessageRetentionPeriod", 60, 1_209_600),
            ("ReceiveMessageWaitTimeSeconds", 0, 20),
            ("VisibilityTimeout", 0, 43_200),
            ("KmsDataKeyReusePeriodSeconds", 60, 86_400),
        ] {
            for good in [low, high] {
                let set = raw(&[(name, &i64::to_string(&good))]);
                assert!(Settings::default().with(&set, false).is_ok(), "{name}={good}");
            }
            for bad in [(low - 1).to_string(), (high + 1).to_string(), "x".into(), String::new()] {
                let (code, message) = refused(false, &[(name, &bad)]);
                assert_eq!(code, "InvalidAttributeValue");
                assert_eq!(message, format!("Invalid value for the parameter {name}."));
            }
        }
    }

    #[test]
    fn attributes_of_the_wrong_queue_type_are_refused_in_awss_words() {
        let name = "InvalidAttributeName";
        assert_eq!(
            refused(false, &[("FifoQueue", "true")]),
            (name, "Unknown Attribute FifoQueue.".into())
        );
        assert_eq!(
            refused(false, &[("DeduplicationScope", "queue")]),
            (
                name,
                "You can specify the DeduplicationScope only when FifoQueue is set to true.".into()
            )
        );
        assert_eq!(
            refused(true, &[("FifoQueue", "false")]),
            (
                "InvalidAttributeValue",
                "Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported.".into()
            )
        );
        assert_eq!(
            refused(true, &[("Nonsense", "1")]),
            (name, "Unknown Attribute Nonsense.".into())
        );
    }

    #[test]
    fn the_two_kinds_of_encryption_exclude_each_other() {
        let kms = Settings::default().with(&raw(&[("KmsMasterKeyId", "k")]), false).unwrap();
        assert_eq!(kms.written()["SqsManagedSseEnabled"], "false");
        assert_eq!(kms.written()["KmsDataKeyReusePeriodSeconds"], "300");
        let back = kms.with(&raw(&[("SqsManagedSseEnabled", "true")]), false).unwrap();
        assert!(!back.written().contains_key("KmsMasterKeyId"));
        let both = refused(false, &[("KmsMasterKeyId", "k"), ("SqsManagedSseEnabled", "true")]);
        assert!(both.1.starts_with("You can use one type"), "{}", both.1);
    }
}
