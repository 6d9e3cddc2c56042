//! A message: what was sent, which never changes, and how far its delivery is, which does.

use super::error::Error;
use super::limits;
use crate::base::Millis;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Text that a state, a change and an answer share without copying it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text(pub Arc<str>);

impl Serialize for Text {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// What was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// A version 4 UUID.
    pub message_id: u128,
    /// The body.
    pub body: Arc<str>,
    /// MD5 of the body.
    pub md5: [u8; 16],
    /// User attributes.
    pub attributes: Attributes,
    /// `AWSTraceHeader`.
    pub trace: Option<Box<str>>,
    /// `SenderId`.
    pub sender: Arc<str>,
    /// `SentTimestamp`.
    pub sent: Millis,
    /// `MessageGroupId`.
    pub group: Option<Arc<str>>,
    /// `MessageDeduplicationId`.
    pub deduplication: Option<Box<str>>,
    /// Position in its FIFO queue, behind `SequenceNumber`.
    pub sequence: u64,
    /// `DeadLetterQueueSourceArn`.
    pub source: Option<Arc<str>>,
}

/// How far a message's delivery is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Delivery {
    /// `ApproximateReceiveCount`.
    pub receives: u32,
    /// `ApproximateFirstReceiveTimestamp`.
    pub first_received: Millis,
    /// The last receive, from which the twelve-hour ceiling counts.
    pub received: Millis,
    /// Until when it is hidden.
    pub until: Millis,
    /// What makes the last receipt handle differ from those before it.
    pub nonce: u64,
    /// Made visible by request rather than by time.
    pub released: bool,
}

/// Where a message waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Until its delay is over.
    Delayed(Millis),
    /// To be received.
    Ready,
    /// To be deleted, or to become visible again.
    InFlight,
}

/// A message in a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// What was sent.
    pub content: Arc<Content>,
    /// How far it is.
    pub delivery: Delivery,
    /// Where it is.
    pub place: Place,
}

/// User attributes by name.
pub type Attributes = BTreeMap<String, AttributeValue>;

/// A typed value of a message attribute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
pub struct AttributeValue {
    /// `String`, `Number` or `Binary`, perhaps with a label behind a dot.
    #[serde(default)]
    pub data_type: String,
    /// The value of `String` and `Number`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub string_value: Option<String>,
    /// The value of `Binary`, in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binary_value: Option<String>,
}

impl AttributeValue {
    /// A `String`.
    pub fn text(value: &str) -> Self {
        AttributeValue {
            data_type: "String".into(),
            string_value: Some(value.into()),
            binary_value: None,
        }
    }

    /// The text of `String` and `Number`.
    pub fn as_text(&self) -> Option<&str> {
        self.string_value.as_deref()
    }

    fn bytes(&self) -> Vec<u8> {
        match (&self.binary_value, &self.string_value) {
            (Some(text), _) => BASE64.decode(text).unwrap_or_default(),
            (None, Some(text)) => text.clone().into_bytes(),
            (None, None) => Vec::new(),
        }
    }

    /// Bytes that count towards the message's size.
    fn size(&self) -> usize {
        self.data_type.len() + self.bytes().len()
    }
}

/// Bytes of attributes that count towards the message's size: names, types and values.
pub(super) fn attributes_size(attributes: &Attributes) -> usize {
    attributes.iter().map(|(name, value)| name.len() + value.size()).sum()
}

/// Checks user attributes by AWS's rules.
///
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html>
pub(super) fn check_attributes(attributes: &Attributes) -> Result<(), Error> {
    let refuse = |message: String| Err(Error::Refused { message });
    if attributes.len() > limits::MESSAGE_ATTRIBUTES_MAX {
        return refuse(format!(
            "Number of message attributes [{}] exceeds the allowed maximum [{}].",
            attributes.len(),
            limits::MESSAGE_ATTRIBUTES_MAX
        ));
    }
    for (name, value) in attributes {
        check_attribute_name(name)?;
        check_value(name, value, "user")?;
    }
    Ok(())
}

fn check_attribute_name(name: &str) -> Result<(), Error> {
    let lower = name.to_ascii_lowercase();
    let refuse = |message: String| Err(Error::Refused { message });
    if name.is_empty() {
        return refuse("Message (user) attribute name cannot be empty.".into());
    }
    if name.len() > limits::ATTRIBUTE_NAME_CHARS_MAX {
        return refuse(format!(
            "Length of message (user) attribute name exceeds the allowed maximum [{}].",
            limits::ATTRIBUTE_NAME_CHARS_MAX
        ));
    }
    if lower.starts_with("aws.") || lower.starts_with("amazon.") {
        return refuse(
            "You can't use message (user) attribute names beginning with 'AWS.' or 'Amazon.' because these strings are reserved for internal use."
                .into(),
        );
    }
    let proper = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b));
    if !proper || name.starts_with('.') || name.ends_with('.') || name.contains("..") {
        return refuse(format!("Invalid message (user) attribute name '{name}'."));
    }
    Ok(())
}

/// Checks one value; `kind` is `user` or `system` in messages.
pub(super) fn check_value(name: &str, value: &AttributeValue, kind: &str) -> Result<(), Error> {
    let refuse = |message: String| Err(Error::Refused { message });
    let data_type = value.data_type.as_str();
    let base = data_type.split('.').next().unwrap_or_default();
    if data_type.is_empty() {
        return refuse(format!(
            "The message ({kind}) attribute '{name}' must contain a non-empty message attribute type."
        ));
    }
    if data_type.len() > limits::ATTRIBUTE_NAME_CHARS_MAX
        || !matches!(base, "String" | "Number" | "Binary")
    {
        return refuse(format!(
            "The message ({kind}) attribute '{name}' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String."
        ));
    }
    let empty = || {
        refuse(format!(
            "Message ({kind}) attribute '{name}' must contain a non-empty value of type '{base}'."
        ))
    };
    if base == "Binary" {
        let decoded = value.binary_value.as_deref().map(|text| BASE64.decode(text));
        return match decoded {
            Some(Ok(bytes)) if !bytes.is_empty() => Ok(()),
            Some(Err(_)) => refuse(format!(
                "The value of message ({kind}) attribute '{name}' is not valid base64."
            )),
            _ => empty(),
        };
    }
    let Some(text) = value.string_value.as_deref().filter(|t| !t.is_empty()) else {
        return empty();
    };
    if !is_valid_text(text) {
        return Err(Error::InvalidMessageContents);
    }
    if base == "Number" && text.trim().parse::<f64>().is_err() {
        return refuse(format!(
            "Can't cast the value of message ({kind}) attribute '{name}' to a number."
        ));
    }
    Ok(())
}

/// MD5 over attributes in the order of their names: for each the length and bytes of name and type,
/// a transport type (1 text, 2 binary), the length and bytes of the value.
pub(super) fn attributes_md5<'a>(
    attributes: impl Iterator<Item = (&'a String, &'a AttributeValue)>,
) -> Option<String> {
    let mut digest = Md5::new();
    let mut any = false;
    let put = |digest: &mut Md5, bytes: &[u8]| {
        digest.update((bytes.len() as u32).to_be_bytes());
        digest.update(bytes);
    };
    for (name, value) in attributes {
        any = true;
        put(&mut digest, name.as_bytes());
        put(&mut digest, value.data_type.as_bytes());
        digest.update([if value.data_type.starts_with("Binary") { 2 } else { 1 }]);
        put(&mut digest, &value.bytes());
    }
    any.then(|| hex::encode(digest.finalize()))
}

/// MD5 of a body.
pub(super) fn md5_of(text: &str) -> [u8; 16] {
    Md5::digest(text.as_bytes()).into()
}

/// Whether text consists of characters that AWS lets through:
/// `#x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF`.
pub(super) fn is_valid_text(text: &str) -> bool {
    let bytes = text.as_bytes();
    // Control characters are single bytes; U+FFFE and U+FFFF are EF BF BE and EF BF BF.
    // Each byte is looked at, good or bad: so the compiler takes sixteen at a time.
    bytes.iter().fold(true, |good, b| good & (*b >= 0x20 || matches!(b, 9 | 10 | 13)))
        && (!bytes.contains(&0xEF) || !text.contains(['\u{FFFE}', '\u{FFFF}']))
}

/// A UUID's text. The version's bits are set here.
pub(super) fn uuid_text(bits: u128) -> String {
    crate::base::uuid_text((bits & !(0xF << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62))
}

/// A FIFO message's `SequenceNumber`: twenty digits that grow, as AWS's do.
pub(super) fn sequence_text(sequence: u64) -> String {
    const FIRST: u128 = 18_849_496_460_467_696_128;
    (FIRST + u128::from(sequence) * 256).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attribute_digests_are_those_that_aws_was_recorded_to_send() {
        let all: Attributes = [("Hello", "There"), ("General", "Kenobi"), ("Help.Me", "Me")]
            .map(|(n, v)| (n.to_owned(), AttributeValue::text(v)))
            .into();
        let md5 = attributes_md5(all.iter()).unwrap();
        assert_eq!(md5, "4c360f3fdafd970e05fae2f149d997f5");
        let binary =
            AttributeValue {
                data_type: "Binary".into(),
                string_value: None,
                binary_value: Some(BASE64.encode(
                    b"traceparent\x1e00-774062d6c37081a5a0b9b5b88e30627c-2d2482211f6489da-01",
                )),
            };
        let one: Attributes = [("attr1".to_owned(), binary)].into();
        assert_eq!(attributes_md5(one.iter()).unwrap(), "8cbe4db156db8a94db8b801b7addb984");
        assert_eq!(attributes_md5(Attributes::new().iter()), None);
    }

    #[test]
    fn only_xml_characters_pass() {
        assert!(is_valid_text("tab\tline\nreturn\r ä € 😀 \u{FFFD}"));
        for bad in ["\0", "\u{8}", "\u{b}", "\u{1f}", "a\u{FFFE}", "\u{FFFF}"] {
            assert!(!is_valid_text(bad), "{bad:?}");
        }
    }

    #[test]
    fn uuids_and_sequence_numbers_look_like_aws() {
        let id = uuid_text(u128::MAX);
        assert_eq!(id, "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_eq!(sequence_text(1).len(), 20);
        assert!(sequence_text(2) > sequence_text(1));
    }

    #[test]
    fn wrong_attributes_are_named() {
        let one = |name: &str, value: AttributeValue| {
            let attributes: Attributes = [(name.to_owned(), value)].into();
            crate::services::ServiceError::message(&check_attributes(&attributes).unwrap_err())
        };
        assert_eq!(
            one("ErrorDetails", AttributeValue::text("")),
            "Message (user) attribute 'ErrorDetails' must contain a non-empty value of type 'String'."
        );
        let number = AttributeValue { data_type: "Number".into(), ..AttributeValue::text("one") };
        assert!(one("n", number).contains("to a number"));
        let typed = AttributeValue { data_type: "Date".into(), ..AttributeValue::text("x") };
        assert!(one("n", typed).contains("supported type prefixes"));
        assert!(one("AWS.x", AttributeValue::text("x")).contains("reserved"));
        assert!(one("a b", AttributeValue::text("x")).contains("'a b'"));
    }
}
