//! Parts of a request that `SendEmail` of v1 and v2 share.

use crate::services::ses::address::{Mailbox, parse};
use crate::services::ses::error::Error;
use crate::services::ses::limits::TAG_CHARS_MAX;
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;

/// Recipients by role.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Destination {
    /// `To`.
    pub to_addresses: Vec<String>,
    /// `Cc`.
    pub cc_addresses: Vec<String>,
    /// In the envelope only.
    pub bcc_addresses: Vec<String>,
}

/// A text; its `Charset` is not needed, see `compose`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Content {
    /// The text.
    pub data: String,
}

/// Text, HTML or both.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Body {
    /// Plain.
    pub text: Option<Content>,
    /// HTML.
    pub html: Option<Content>,
}

/// A whole mail in base64.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct RawMessage {
    /// In base64.
    pub data: Option<String>,
}

/// A name and a value for events and for the inbox.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct MessageTag {
    /// Letters, digits, `_` and `-`.
    pub name: String,
    /// These, `.` and `@`.
    pub value: String,
}

/// Reads a list of addresses.
pub fn mailboxes(texts: &[String]) -> Result<Vec<Mailbox>, Error> {
    let mut all = Vec::with_capacity(texts.len());
    for text in texts {
        all.extend(parse(text)?);
    }
    Ok(all)
}

/// Checks the message tags, each one's name before its value.
pub fn tags(tags: Vec<MessageTag>) -> Result<Vec<(String, String)>, Error> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    for MessageTag { name, value } in &tags {
        if name.is_empty() {
            return Err(Error::TagNameMissing);
        }
        if name.chars().count() > TAG_CHARS_MAX {
            return Err(Error::TagNameTooLong);
        }
        if !name.chars().all(plain) {
            return Err(Error::TagNameInvalid { name: name.clone() });
        }
        if value.is_empty() {
            return Err(Error::TagValueMissing);
        }
        if value.chars().count() > TAG_CHARS_MAX {
            return Err(Error::TagValueTooLong);
        }
        if !value.chars().all(|c| plain(c) || c == '.' || c == '@') {
            return Err(Error::TagValueInvalid { value: value.clone() });
        }
    }
    Ok(tags.into_iter().map(|tag| (tag.name, tag.value)).collect())
}

/// Decodes base64 with or without padding and line ends.
pub fn base64(text: String, member: &'static str) -> Result<Vec<u8>, Error> {
    let lenient =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let spaced = text.bytes().any(|b| b.is_ascii_whitespace());
    let text = if spaced { text.split_ascii_whitespace().collect() } else { text };
    GeneralPurpose::new(&STANDARD, lenient).decode(text).map_err(|_| Error::Base64 { member })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::ServiceError;

    fn refused(name: &str, value: &str) -> String {
        let tag = MessageTag { name: name.into(), value: value.into() };
        tags(vec![tag]).map_or_else(|e| e.message(), |_| "fine".into())
    }

    /// As recorded from AWS.
    #[test]
    fn tags_are_refused_in_the_words_and_the_order_of_aws() {
        assert_eq!(
            refused("test_invalid_name:123", "test_invalid_value:123"),
            "Invalid tag name <test_invalid_name:123>: only alphanumeric ASCII characters, '_',  '-' are allowed."
        );
        assert_eq!(
            refused("test", "test_invalid_value:123"),
            "Invalid tag value <test_invalid_value:123>: only alphanumeric ASCII characters, '_',  '-' , '.', '@' are allowed."
        );
        assert_eq!(refused(&"a".repeat(256), "x"), "Tag name cannot exceed 255 characters.");
        assert_eq!(refused("a", &"x".repeat(256)), "Tag value cannot exceed 255 characters.");
        assert_eq!(refused("", ""), "The tag name must be specified.");
        assert_eq!(refused("test", ""), "The tag value must be specified.");
        assert_eq!(refused("a_B-1", "x.y@z"), "fine");
    }

    #[test]
    fn base64_is_read_with_or_without_ornament() {
        for text in ["aGk=", "aGk", "aG\r\nk=\n"] {
            assert_eq!(base64(text.into(), "Data").unwrap(), b"hi");
        }
        assert!(base64("a*".into(), "Data").is_err());
    }
}
