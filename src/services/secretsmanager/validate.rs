//! The rules of single parameters: lengths, characters, tags.

use super::error::Error;
use super::limits::*;
use super::sealed::{Blob, Text, Value};
use serde::{Deserialize, Serialize};

/// A tag on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Tag {
    /// Key.
    pub key: String,
    /// Value.
    #[serde(default)]
    pub value: String,
}

/// A member that must be there.
pub fn required<T>(member: Option<T>, at: &'static str) -> Result<T, Error> {
    member.ok_or_else(|| Error::Constraint {
        at,
        value: Some("null".into()),
        rule: "Member must not be null".into(),
    })
}

/// Characters between `min` and `max`.
pub fn length(text: &str, at: &'static str, min: usize, max: usize) -> Result<(), Error> {
    let chars = text.chars().count();
    let rule = if chars < min {
        format!("Member must have length greater than or equal to {min}")
    } else if chars > max {
        format!("Member must have length less than or equal to {max}")
    } else {
        return Ok(());
    };
    Err(Error::Constraint { at, value: Some(text.chars().take(max).collect()), rule })
}

/// A number between `min` and `max`; `default` when it is not given.
pub fn number(
    given: Option<i64>,
    at: &'static str,
    (min, max): (i64, i64),
    default: i64,
) -> Result<usize, Error> {
    let number = given.unwrap_or(default);
    let rule = if number < min {
        format!("Member must have value greater than or equal to {min}")
    } else if number > max {
        format!("Member must have value less than or equal to {max}")
    } else {
        return Ok(number as usize);
    };
    Err(Error::Constraint { at, value: Some(number.to_string()), rule })
}

/// One of `words`.
pub fn one_of(word: &str, at: &'static str, words: &[&str]) -> Result<(), Error> {
    if words.contains(&word) {
        return Ok(());
    }
    let rule = format!("Member must satisfy enum value set: [{}]", words.join(", "));
    Err(Error::Constraint { at, value: Some(word.to_owned()), rule })
}

/// A region's name: words with hyphens, and a number at the end.
pub fn region(text: &str, at: &'static str) -> Result<(), Error> {
    let mut parts = text.split('-').rev();
    let number = parts.next().unwrap_or_default();
    let digits = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    let mut words = parts.peekable();
    let named = words.peek().is_some()
        && words.all(|w| !w.is_empty() && w.bytes().all(|b| b.is_ascii_lowercase()));
    if digits && named && text.len() <= 128 {
        return Ok(());
    }
    let rule = "Member must satisfy regular expression pattern: ^([a-z]+-)+\\d+$".to_owned();
    Err(Error::Constraint { at, value: Some(text.chars().take(128).collect()), rule })
}

/// A secret's name.
pub fn name(text: &str) -> Result<(), Error> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-/_+=.@!".contains(c);
    if text.is_empty() || text.chars().count() > NAME_CHARS_MAX {
        return length(text, "name", 1, NAME_CHARS_MAX);
    }
    if text.chars().all(fits) { Ok(()) } else { Err(Error::InvalidName) }
}

/// A `SecretId`: there, and not too long.
pub fn secret_id(member: Option<String>) -> Result<String, Error> {
    let id = required(member, "secretId")?;
    length(&id, "secretId", 1, SECRET_ID_CHARS_MAX)?;
    Ok(id)
}

/// A client request token: AWS insists on one, and its SDKs make one unasked.
pub fn token(member: Option<String>) -> Result<String, Error> {
    let token = member.ok_or(Error::TokenMissing)?;
    length(&token, "clientRequestToken", TOKEN_CHARS_MIN, TOKEN_CHARS_MAX)?;
    Ok(token)
}

/// A staging label.
pub fn stage(label: &str, at: &'static str) -> Result<(), Error> {
    length(label, at, 1, STAGE_CHARS_MAX)
}

/// The value of a request, if it brings one.
pub fn value(text: Option<Text>, bytes: Option<Blob>) -> Result<Option<Value>, Error> {
    let value = match (text, bytes) {
        (Some(_), Some(_)) => return Err(Error::TwoValues),
        (Some(text), None) => Value::Text(text.0),
        (None, Some(bytes)) => Value::Bytes(bytes.0),
        (None, None) => return Ok(None),
    };
    if value.is_empty() {
        return Err(Error::NoValue);
    }
    if value.len() > VALUE_BYTES_MAX {
        return Err(Error::ValueTooLong);
    }
    Ok(Some(value))
}

/// New tags, each in itself and among themselves.
pub fn tags(tags: &[Tag]) -> Result<(), Error> {
    let allowed = |text: &str| text.chars().all(|c| c.is_alphanumeric() || " _.:/=+-@".contains(c));
    for (at, tag) in tags.iter().enumerate() {
        length(&tag.key, "tags.member.key", 1, TAG_KEY_CHARS_MAX)?;
        length(&tag.value, "tags.member.value", 0, TAG_VALUE_CHARS_MAX)?;
        if tag.key.get(..4).is_some_and(|p| p.eq_ignore_ascii_case("aws:")) {
            return Err(Error::ReservedTag(tag.key.clone()));
        }
        if !allowed(&tag.key) || !allowed(&tag.value) {
            return Err(Error::InvalidTag(tag.key.clone()));
        }
        if tags[..at].iter().any(|earlier| earlier.key == tag.key) {
            return Err(Error::DuplicateTag(tag.key.clone()));
        }
    }
    if tags.len() > TAGS_MAX { Err(Error::TooManyTags) } else { Ok(()) }
}
