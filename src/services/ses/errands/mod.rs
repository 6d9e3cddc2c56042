//! Requests that become mails with the help of what the account has: templates, bulk mails,
//! verification mails, bounces. Each is made into [`AcceptMail`]s, which are accepted like any other.

mod bounce;
mod bulk;
mod list;
mod templated;
mod verification;

pub use bounce::{bounce, original_id};
pub use bulk::{bulk_v1, bulk_v2, status};
pub use list::{Membership, unsubscribe_token};
pub use templated::{Filling, send_templated, template};
pub use verification::{Confirm, Pend, token_of, verification};

use super::calls::kinds::TEMPLATE;
use super::error::Error;
use super::mail::Via;
use super::model::Version;
use super::ops::AcceptMail;
use super::records::Record;
use super::state::{Mode, State, home};
use crate::base::{Caller, Millis};
use serde_json::Value;

/// A request with what it is answered from.
#[derive(Debug)]
pub struct Errand<'a> {
    /// As it is.
    pub state: &'a State,
    /// Who calls.
    pub caller: &'a Caller,
    /// The input, checked.
    pub input: &'a Record,
    /// How strictly senders are checked.
    pub mode: Mode,
    /// Of which API.
    pub version: Version,
    /// Now.
    pub now: Millis,
}

/// What to accept, one for each destination.
pub type Outgoing = Vec<Result<AcceptMail, Error>>;

/// Makes an errand into mails.
pub type Making = fn(&Errand<'_>) -> Result<Outgoing, Error>;

impl Errand<'_> {
    fn text(&self, member: &str) -> &str {
        self.input.get(member).and_then(Value::as_str).unwrap_or_default()
    }

    fn some_text(&self, member: &str) -> Option<String> {
        Some(self.text(member)).filter(|text| !text.is_empty()).map(str::to_owned)
    }

    fn record(&self, kind: &'static super::calls::Kind, key: &str) -> Result<&Record, Error> {
        let found = self.state.records.get(&home(self.caller), kind.name, key);
        found.ok_or_else(|| kind.missing(key))
    }

    /// The template of that name, or of that ARN.
    fn template(&self, name: Option<&str>, arn: Option<&str>) -> Result<(String, &Record), Error> {
        let named = arn.and_then(|arn| arn.rsplit('/').next()).filter(|name| !name.is_empty());
        let name = name.filter(|name| !name.is_empty()).or(named).unwrap_or_default();
        Ok((name.to_owned(), self.record(&TEMPLATE, name)?))
    }

    fn via(&self) -> Via {
        match self.version {
            Version::V1 => Via::Ses,
            Version::V2 => Via::SesV2,
        }
    }
}

/// The texts of a list.
fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(|v| v.as_str().map(str::to_owned)).collect()
}

/// Names and values of tags or headers.
fn pairs(value: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let items = value.as_array().into_iter().flatten();
    items.map(|item| (text(&item["Name"]), text(&item["Value"]))).collect()
}
