//! SES as typed: identities, templates, forwarding.

use super::{Part, PortNumber};
use crate::base::Outcome;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Mail: nothing leaves the machine unless `forward` says so.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ses {
    /// Verified addresses and domains.
    pub(crate) identities: Option<Vec<String>>,
    /// Templates by name.
    #[schemars(with = "Option<BTreeMap<String, Part<Template>>>")]
    pub(crate) templates: Option<BTreeMap<String, Template>>,
    /// Whether unverified senders are refused, as AWS does. Default: `lenient`.
    pub(crate) mode: Option<SesMode>,
    /// What becomes of mail to an address or a domain; by default it is delivered.
    pub(crate) outcomes: Option<BTreeMap<String, SesOutcome>>,
    /// SQS queues by the names of the SNS topics that they are subscribed to.
    pub(crate) subscriptions: Option<BTreeMap<String, String>>,
    /// A second SMTP port, for programs that begin with TLS (as on port 465). Default: none.
    pub(crate) smtps: Option<PortNumber>,
    /// A real mail server that captured mail is passed on to. Default: nothing leaves the machine.
    #[schemars(with = "Option<Part<Forward>>")]
    pub(crate) forward: Option<Forward>,
    /// What is kept in the inbox. Default: everything.
    #[schemars(with = "Option<Part<Keep>>")]
    pub(crate) keep: Option<Keep>,
}

/// Mails beyond this are thrown away.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Keep {
    /// So many of the newest.
    #[schemars(range(min = 1))]
    pub(crate) count: Option<u64>,
    /// So long: `"30d"`.
    pub(crate) age: Option<String>,
}

/// Treatment of unverified senders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SesMode {
    /// Any sender will do.
    Lenient,
    /// Unverified senders are refused.
    Strict,
    /// Unverified senders and recipients are refused, as in SES's sandbox.
    Sandbox,
}

/// What becomes of a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SesOutcome(pub(crate) Outcome);

impl<'de> Deserialize<'de> for SesOutcome {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let names: &[&str] = &Outcome::NAMES.map(|(name, _)| name);
        let unknown = || {
            let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
            D::Error::custom(format!(
                "unknown outcome `{name}`, expected one of {}",
                names.join(", ")
            ))
        };
        Outcome::named(&name).map(SesOutcome).ok_or_else(unknown)
    }
}

impl JsonSchema for SesOutcome {
    fn schema_name() -> Cow<'static, str> {
        "SesOutcome".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names: Vec<&str> = Outcome::NAMES.iter().map(|(name, _)| *name).collect();
        json_schema!({"description": "What becomes of a mail.", "type": "string", "enum": names})
    }
}

/// An e-mail template; `{{name}}` is replaced.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Template {
    /// The subject.
    pub(crate) subject: String,
    /// The HTML part.
    pub(crate) html: Option<String>,
    /// The text part.
    pub(crate) text: Option<String>,
}

/// A mail server.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Forward {
    /// Its host.
    pub(crate) host: String,
    /// Its port. Default: 587.
    #[schemars(range(min = 1))]
    pub(crate) port: Option<u16>,
    /// User.
    pub(crate) user: Option<String>,
    /// Password.
    pub(crate) password: Option<String>,
    /// Only mail to these addresses or domains is passed on.
    pub(crate) only: Vec<String>,
}
