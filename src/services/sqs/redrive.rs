//! Dead letters: which queue they go to, after how many receives, and which queues may send theirs.
//!
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html>

use super::error::Error;
use super::limits;
use super::queue::QueueRecord;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// `arn:aws:sqs:region:account:name`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueArn {
    /// The account.
    pub account: String,
    /// The region.
    pub region: String,
    /// The queue's name.
    pub name: String,
}

impl QueueArn {
    /// Reads an ARN of a queue.
    pub fn parse(text: &str) -> Option<QueueArn> {
        let parts: Vec<&str> = text.split(':').collect();
        match parts[..] {
            ["arn", _, "sqs", region, account, name] if !name.is_empty() => {
                Some(QueueArn { account: account.into(), region: region.into(), name: name.into() })
            }
            _ => None,
        }
    }

    /// Whether this is the ARN of `queue`.
    pub fn means(&self, queue: &QueueRecord) -> bool {
        self.name == queue.name && self.account == queue.account && self.region == queue.region
    }

    /// The ARN.
    pub fn text(&self) -> String {
        format!("arn:aws:sqs:{}:{}:{}", self.region, self.account, self.name)
    }
}

/// `RedrivePolicy`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redrive {
    /// The dead-letter queue.
    pub target: QueueArn,
    /// Receives after which a message goes there.
    pub receives_max: u32,
}

impl Redrive {
    /// Reads the attribute; empty text clears it.
    pub fn parse(text: &str) -> Result<Option<Redrive>, Error> {
        if text.is_empty() {
            return Ok(None);
        }
        let refuse = |reason: String| Error::parameter("RedrivePolicy", text, reason);
        let value: Value = serde_json::from_str(text).unwrap_or_default();
        let Value::Object(members) = value else {
            return Err(refuse("Redrive policy is not a valid JSON map.".into()));
        };
        if members.is_empty() {
            return Ok(None);
        }
        for name in ["deadLetterTargetArn", "maxReceiveCount"] {
            if !members.contains_key(name) {
                let reason =
                    format!("Redrive policy does not contain mandatory attribute: {name}.");
                return Err(refuse(reason));
            }
        }
        if let Some(extra) = members
            .keys()
            .find(|k| !matches!(k.as_str(), "deadLetterTargetArn" | "maxReceiveCount"))
        {
            return Err(refuse(format!("Unknown attribute in redrive policy: {extra}.")));
        }
        let count = integer(&members["maxReceiveCount"]);
        let count = count.filter(|n| limits::MAX_RECEIVE_COUNT.contains(n)).ok_or_else(|| {
            refuse(format!(
                "Invalid value for maxReceiveCount: {}, valid values are from {} to {} both inclusive.",
                plain(&members["maxReceiveCount"]),
                limits::MAX_RECEIVE_COUNT.start(),
                limits::MAX_RECEIVE_COUNT.end()
            ))
        })?;
        let arn = members["deadLetterTargetArn"].as_str().and_then(QueueArn::parse);
        let target =
            arn.ok_or_else(|| refuse("Invalid value for deadLetterTargetArn.".to_owned()))?;
        Ok(Some(Redrive { target, receives_max: count as u32 }))
    }

    /// The attribute.
    pub fn text(&self) -> String {
        json!({"deadLetterTargetArn": self.target.text(), "maxReceiveCount": self.receives_max})
            .to_string()
    }
}

/// A number, or a number written as text: SDKs and templates send both.
fn integer(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// `RedriveAllowPolicy`: which queues may name this one as their dead-letter queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum RedriveAllow {
    /// Every queue of the account and region.
    All,
    /// None.
    None,
    /// These.
    Queues(Vec<QueueArn>),
}

impl RedriveAllow {
    /// Reads the attribute; empty text clears it.
    pub fn parse(text: &str) -> Result<Option<RedriveAllow>, Error> {
        if text.is_empty() {
            return Ok(None);
        }
        let refuse = |reason: &str| Error::parameter("RedriveAllowPolicy", text, reason);
        let value: Value = serde_json::from_str(text).unwrap_or_default();
        let Value::Object(members) = value else {
            return Err(refuse("Redrive allow policy is not a valid JSON map."));
        };
        if members.is_empty() {
            return Ok(None);
        }
        let sources = members.get("sourceQueueArns");
        match (members.get("redrivePermission").and_then(Value::as_str), sources) {
            (Some("allowAll"), None) => Ok(Some(RedriveAllow::All)),
            (Some("denyAll"), None) => Ok(Some(RedriveAllow::None)),
            (Some("allowAll" | "denyAll"), Some(_)) => Err(refuse(
                "sourceQueueArns can be specified only when the redrivePermission is byQueue.",
            )),
            (Some("byQueue"), Some(Value::Array(sources))) if (1..=10).contains(&sources.len()) => {
                let read = sources.iter().map(|s| s.as_str().and_then(QueueArn::parse));
                let arns: Option<Vec<_>> = read.collect();
                let arns = arns.ok_or_else(|| refuse("Invalid value for sourceQueueArns."))?;
                Ok(Some(RedriveAllow::Queues(arns)))
            }
            (Some("byQueue"), _) => Err(refuse("sourceQueueArns must name 1 to 10 queues.")),
            _ => Err(refuse("Invalid value for redrivePermission.")),
        }
    }

    /// The attribute.
    pub fn text(&self) -> String {
        match self {
            RedriveAllow::All => json!({"redrivePermission": "allowAll"}),
            RedriveAllow::None => json!({"redrivePermission": "denyAll"}),
            RedriveAllow::Queues(arns) => {
                let arns: Vec<String> = arns.iter().map(QueueArn::text).collect();
                json!({"redrivePermission": "byQueue", "sourceQueueArns": arns})
            }
        }
        .to_string()
    }

    /// Whether `source` may send its dead letters.
    pub fn allows(&self, source: &QueueArn) -> bool {
        match self {
            RedriveAllow::All => true,
            RedriveAllow::None => false,
            RedriveAllow::Queues(arns) => arns.contains(source),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::ServiceError;

    #[test]
    fn a_policy_is_read_and_written_back() {
        let text = r#"{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead","maxReceiveCount":"3"}"#;
        let redrive = Redrive::parse(text).unwrap().unwrap();
        assert_eq!((redrive.receives_max, redrive.target.name.as_str()), (3, "dead"));
        assert_eq!(redrive.text(), text.replace("\"3\"", "3"));
        assert_eq!(Redrive::parse(""), Ok(None));
    }

    #[test]
    fn mistakes_are_told_apart() {
        let reason = |text: &str| {
            let message = Redrive::parse(text).unwrap_err().message();
            message.rsplit("Reason: ").next().unwrap_or_default().to_owned()
        };
        assert_eq!(reason("x"), "Redrive policy is not a valid JSON map.");
        assert!(reason(r#"{"maxReceiveCount":1}"#).contains("attribute: deadLetterTargetArn"));
        let with = |n: &str| {
            reason(&format!(
                r#"{{"deadLetterTargetArn":"arn:aws:sqs:r:0:q","maxReceiveCount":{n}}}"#
            ))
        };
        assert!(
            with("0").starts_with("Invalid value for maxReceiveCount: 0, valid values are from 1")
        );
        assert!(with("1001").contains("1001"));
        assert!(
            reason(r#"{"deadLetterTargetArn":"dead","maxReceiveCount":1}"#)
                .contains("deadLetterTargetArn")
        );
    }

    #[test]
    fn permission_is_by_queue() {
        let arn = |name: &str| QueueArn::parse(&format!("arn:aws:sqs:r:0:{name}")).unwrap();
        let text = r#"{"redrivePermission":"byQueue","sourceQueueArns":["arn:aws:sqs:r:0:a"]}"#;
        let allow = RedriveAllow::parse(text).unwrap().unwrap();
        assert!(allow.allows(&arn("a")) && !allow.allows(&arn("b")));
        assert_eq!(allow.text(), text);
        assert!(RedriveAllow::parse(r#"{"redrivePermission":"byQueue"}"#).is_err());
    }
}
