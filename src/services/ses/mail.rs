//! A mail that was accepted, without its content.

use crate::base::Millis;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// The way a mail came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Via {
    /// SES v1.
    Ses,
    /// SES v2.
    SesV2,
    /// SMTP.
    Smtp,
}

impl Via {
    /// As it is stored and shown.
    pub fn name(self) -> &'static str {
        match self {
            Via::Ses => "ses",
            Via::SesV2 => "sesv2",
            Via::Smtp => "smtp",
        }
    }

    /// Back from [`Via::name`].
    pub fn named(name: &str) -> Via {
        match name {
            "ses" => Via::Ses,
            "sesv2" => Via::SesV2,
            _ => Via::Smtp,
        }
    }
}

/// What is known of a mail besides its bytes. The recipients are the envelope's: `bcc` holds those
/// that the delivered headers do not name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// Its number in the store: later mails have higher ones.
    pub seq: i64,
    /// SES's message id.
    pub id: String,
    /// When it was accepted.
    pub received: Millis,
    /// Who sent it.
    pub account: String,
    /// Through which region.
    pub region: String,
    /// The way it came.
    pub via: Via,
    /// The envelope's sender; empty for a bounce.
    pub source: String,
    /// Recipients in `To`.
    pub to: Vec<String>,
    /// Recipients in `Cc`.
    pub cc: Vec<String>,
    /// Recipients that no header names.
    pub bcc: Vec<String>,
    /// Decoded subject.
    pub subject: String,
    /// The configuration set that it was sent with.
    pub config_set: Option<String>,
    /// Message tags.
    pub tags: Vec<(String, String)>,
    /// Bytes.
    pub size: usize,
}

/// What stands behind a mail's header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// In memory, and later in the mail's row.
    Held(Bytes),
    /// In a file of its own: big bodies.
    Stored {
        /// The file's name.
        file: String,
        /// Its length.
        bytes: usize,
    },
}

impl Body {
    /// Its length in bytes.
    pub fn len(&self) -> usize {
        match self {
            Body::Held(bytes) => bytes.len(),
            Body::Stored { bytes, .. } => *bytes,
        }
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes, unless they lie in a file.
    pub fn held(&self) -> Option<&Bytes> {
        match self {
            Body::Held(bytes) => Some(bytes),
            Body::Stored { .. } => None,
        }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Body::Held(bytes)
    }
}
