//! SQS as typed: queues, durations, dead-letter queues (API reference: `CreateQueue`).

use super::Part;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// SQS.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sqs {
    /// Queues by name.
    #[schemars(with = "Option<BTreeMap<String, Part<Queue>>>")]
    pub(crate) queues: Option<BTreeMap<String, Queue>>,
    /// Whether AWS's waits of sixty seconds after a purge and a deletion hold. Default: `relaxed`.
    pub(crate) mode: Option<SqsMode>,
}

/// Treatment of AWS's waits. Limits and errors are AWS's in both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SqsMode {
    /// No waits: a queue can be purged again, and its name used again, at once.
    Relaxed,
    /// `PurgeQueueInProgress` and `QueueDeletedRecently` for sixty seconds, as on AWS.
    Strict,
}

/// A duration: seconds, or a text like `"30s"`, `"5m"`, `"12h"`, `"14d"`.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Seconds {
    Number(i64),
    Text(String),
}

impl JsonSchema for Seconds {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Seconds, or a text like \"30s\", \"5m\", \"12h\", \"14d\".",
            "anyOf": [
                { "type": "integer", "minimum": 0 },
                { "type": "string", "pattern": "^[0-9]+[smhd]$" }
            ]
        })
    }
}

impl Seconds {
    /// In seconds; `None` if the text is no duration.
    pub(crate) fn seconds(&self) -> Option<u64> {
        let text = match self {
            Seconds::Number(n) => return u64::try_from(*n).ok(),
            Seconds::Text(text) => text,
        };
        let unit = text.chars().last()?;
        let factor = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            _ => return None,
        };
        let digits = &text[..text.len() - 1];
        let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| digits.parse::<u64>().ok()?.checked_mul(factor)).flatten()
    }
}

/// A queue.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Queue {
    /// A FIFO queue. Its name gets the ending `.fifo` unless it has it; a name with the ending is FIFO.
    pub(crate) fifo: Option<bool>,
    /// FIFO: the body's SHA-256 is the deduplication id.
    pub(crate) content_based_deduplication: Option<bool>,
    /// How long a received message stays hidden, up to 12 h. Default: 30 s.
    pub(crate) visibility_timeout: Option<Seconds>,
    /// How long a new message stays hidden, up to 15 m. Default: 0.
    pub(crate) delay: Option<Seconds>,
    /// How long a message is kept, 1 m to 14 d. Default: 4 d.
    pub(crate) retention: Option<Seconds>,
    /// How long `ReceiveMessage` waits for a message, up to 20 s. Default: 0.
    pub(crate) receive_wait: Option<Seconds>,
    /// Bytes of the largest message, 1024 to 1048576. Default: 1048576.
    #[schemars(range(min = 1024, max = 1_048_576))]
    pub(crate) max_message_size: Option<u64>,
    /// Where messages go that were received too often.
    #[schemars(with = "Option<Part<DeadLetter>>")]
    pub(crate) dead_letter: Option<DeadLetter>,
    /// Tags.
    pub(crate) tags: Option<BTreeMap<String, String>>,
}

/// A dead-letter queue.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeadLetter {
    /// A queue of this profile, of the same kind (FIFO or standard).
    pub(crate) queue: String,
    /// Receives before a message moves, 1 to 1000.
    #[schemars(range(min = 1, max = 1000))]
    pub(crate) max_receive_count: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let text = |s: &str| Seconds::Text(s.to_owned()).seconds();
        assert_eq!(text("30s"), Some(30));
        assert_eq!(text("14d"), Some(1_209_600));
        for no in [
            "",
            "s",
            "30",
            "-3s",
            "+3s",
            "3 s",
            "3w",
            "99999999999999999999d",
            "213503982334602d",
            "3é",
        ] {
            assert_eq!(text(no), None, "{no}");
        }
        assert_eq!(Seconds::Number(-1).seconds(), None);
    }
}
