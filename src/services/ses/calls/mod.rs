//! The operations on all that an account has besides mails: each is a line in one of the tables below
//! ([`Row`]), its input read and its answer shaped by the model. What is created can be read, listed in
//! pages, altered and deleted, and it is on disk before anyone hears of it.
//!
//! <https://docs.aws.amazon.com/ses/latest/APIReference/API_Operations.html>,
//! <https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_Operations.html>

mod account;
mod config_sets;
mod contacts;
mod declare;
mod deliverability;
mod destinations;
mod dkim;
mod identities;
mod identities_v2;
mod jobs;
pub mod kinds;
mod receipt;
mod receipt_rules;
mod rows;
mod suppression;
mod tags;
mod templates;
mod tenants;
mod v1_config_sets;
mod work;

pub use contacts::{Leave, key_of as contact_key, subscribed};
pub use declare::Declare;
pub use kinds::Kind;
pub use rows::Row;
pub use suppression::key_of as suppression_key;
pub use work::Work;

use super::error::Error;
use super::model::{self, Version};
use super::state::{Change, Mode, State};
use crate::base::Context;
use crate::services::Operation;
use serde_json::Value;

/// A call of an operation that stands in a table.
#[derive(Debug, Clone)]
pub struct Call {
    /// Of which API.
    pub version: Version,
    /// The operation.
    pub name: &'static str,
    /// The input as it came.
    pub input: Value,
    /// Whether the account is in the sandbox.
    pub mode: Mode,
}

/// How the operation called `name` is carried out, if it stands in a table.
pub fn row(version: Version, name: &str) -> Option<Row> {
    match version {
        Version::V1 => v1_config_sets::row(name)
            .or_else(|| templates::v1(name))
            .or_else(|| identities::row(name))
            .or_else(|| receipt::row(name))
            .or_else(|| receipt_rules::row(name))
            .or_else(|| account::v1(name)),
        Version::V2 => config_sets::row(name)
            .or_else(|| destinations::row(name))
            .or_else(|| templates::v2(name))
            .or_else(|| identities_v2::row(name))
            .or_else(|| dkim::row(name))
            .or_else(|| contacts::row(name))
            .or_else(|| suppression::row(name))
            .or_else(|| jobs::row(name))
            .or_else(|| deliverability::row(name))
            .or_else(|| tenants::row(name))
            .or_else(|| tags::row(name))
            .or_else(|| account::v2(name)),
    }
}

impl Operation for Call {
    type State = State;
    type Output = Value;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "Call";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<Value, Error> {
        let input = model::read(self.version, self.name, &self.input)?;
        let missing = || Error::bad("InvalidAction", format!("no operation {}", self.name));
        let row = row(self.version, self.name).ok_or_else(missing)?;
        let mut work = Work::new(state, context, input, self.mode, self.version);
        let answer = row.carry_out(&mut work).map_err(|error| match self.version {
            Version::V1 => error.of_v1(),
            Version::V2 => error,
        })?;
        let made = work.into_changes();
        made.iter().for_each(|change| state.absorb(change));
        changes.extend(made);
        Ok(model::write(self.version, self.name, answer))
    }
}

#[cfg(test)]
mod tests;
