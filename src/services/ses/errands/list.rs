//! List management of v2's `SendEmail`: whether the recipient still wants mail on a topic, and the
//! links by which it says that it does not.
//! <https://docs.aws.amazon.com/ses/latest/dg/sending-email-subscription-management.html>

use super::Errand;
use crate::services::ses::calls::kinds::{CONTACT, CONTACT_LIST};
use crate::services::ses::calls::{contact_key, subscribed};
use crate::services::ses::error::Error;
use crate::services::ses::records::PART;
use crate::services::ses::state::home;

/// A recipient as a contact of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// Whether it wants the mail.
    pub subscribed: bool,
    /// Where it unsubscribes.
    pub link: String,
}

/// Names list, address and topic in a link.
pub fn unsubscribe_token(list: &str, address: &str, topic: Option<&str>) -> String {
    hex::encode(format!("{list}{PART}{address}{PART}{}", topic.unwrap_or_default()))
}

impl Membership {
    /// Of `address` in `list`; an address that is no contact yet has the list's defaults.
    pub fn of(
        errand: &Errand<'_>,
        list: &str,
        topic: Option<&str>,
        address: &str,
    ) -> Result<Membership, Error> {
        let record = errand.record(&CONTACT_LIST, list)?;
        let home = home(errand.caller);
        let key = contact_key(list, address);
        let contact = errand.state.records.get(&home, CONTACT.name, &key);
        let nobody = Default::default();
        let subscribed = subscribed(record, contact.unwrap_or(&nobody), topic);
        let token = unsubscribe_token(list, address, topic);
        let (account, region) = home;
        let path = format!("/_devenv/ses/unsubscribe/{account}/{region}/{token}");
        Ok(Membership { subscribed, link: format!("{}{path}", errand.caller.endpoint) })
    }

    /// The header fields that offer the link.
    pub fn headers(&self) -> Vec<(String, String)> {
        vec![
            ("List-Unsubscribe".into(), format!("<{}>", self.link)),
            ("List-Unsubscribe-Post".into(), "List-Unsubscribe=One-Click".into()),
        ]
    }
}
