//! A message's body as a sender brings it, with all that follows from its text alone: that is found out
//! while the request is read, so that a large body holds up nobody else.

use super::message::{is_valid_text, md5_of};
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use std::fmt;
use std::sync::Arc;

/// A body that somebody wants to send.
#[derive(Debug, Clone)]
pub struct Body {
    /// The text.
    pub text: Arc<str>,
    /// MD5 of the text.
    pub md5: [u8; 16],
    /// Whether it consists of characters that AWS lets through.
    pub is_valid: bool,
}

impl From<&str> for Body {
    fn from(text: &str) -> Self {
        Body { text: text.into(), md5: md5_of(text), is_valid: is_valid_text(text) }
    }
}

impl Default for Body {
    fn default() -> Self {
        "".into()
    }
}

impl<'de> Deserialize<'de> for Body {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Reader)
    }
}

/// Reads a body from any text.
struct Reader;

impl Visitor<'_> for Reader {
    type Value = Body;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Body, E> {
        Ok(text.into())
    }
}
