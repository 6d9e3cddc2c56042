//! A mail that was accepted, without its content.

use crate::base::Millis;
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
