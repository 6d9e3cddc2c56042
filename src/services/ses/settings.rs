//! What can be set on an identity after it was made.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// An identity's settings; the default is that of a fresh one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Its owner has not followed the link of the verification mail yet.
    pub pending: bool,
    /// Mails are not signed although there are keys.
    pub dkim_off: bool,
    /// Bring your own DKIM: the selector of the owner's key, which is kept apart.
    pub dkim_selector: Option<String>,
    /// Another region's identity whose keys sign (`AWS_SES_EU_WEST_1`).
    pub dkim_origin: Option<String>,
    /// `RSA_1024_BIT` instead of `RSA_2048_BIT`.
    pub dkim_short: bool,
    /// The domain of the envelope's sender.
    pub mail_from: Option<MailFrom>,
    /// Bounces and complaints are not mailed to the sender.
    pub feedback_off: bool,
    /// SNS topics by `Bounce`, `Complaint`, `Delivery`.
    pub topics: BTreeMap<String, String>,
    /// Notifications that carry the mail's headers.
    pub with_headers: BTreeSet<String>,
    /// Sending authorization policies by name.
    pub policies: BTreeMap<String, String>,
}

/// `MAIL FROM`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailFrom {
    /// A subdomain of the identity.
    pub domain: String,
    /// Whether mails are refused while its MX record is not there.
    pub reject: bool,
}
