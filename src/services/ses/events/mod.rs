//! What becomes of a mail: nothing leaves the machine, so what its recipients would have done follows
//! from their addresses (the simulator's, the profile's rules, the suppression list), and the events
//! that SES would publish follow from that.
//!
//! A mail that is simply delivered and that nobody watches makes no events: they would say nothing.
//!
//! <https://docs.aws.amazon.com/ses/latest/dg/send-an-email-from-console.html#send-email-simulator>,
//! <https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html>

mod fate;
mod filter;
mod json;
mod raise;
mod receipt;
mod watchers;

pub use fate::Fate;
pub use filter::blocked;
pub use json::{mail_json, sns_envelope};
pub use raise::{Cause, Raise};
pub use receipt::{Arrival, Bounce, Incoming, Reception, wants_tls};

use super::calls::kinds::{ACCOUNT, STATISTICS, SUPPRESSED};
use super::calls::suppression_key;
use super::mail::{Body, Mail};
use super::records::Record;
use super::state::{Change, Home, State, slot_of};
use crate::base::{Caller, Ids, Millis};
use serde_json::{Value, json};
use watchers::Watchers;
pub use watchers::queue_of;

/// An event as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The mail that it is about.
    pub mail: String,
    /// When it happened.
    pub at: Millis,
    /// `Bounce`, as in `eventType`.
    pub kind: &'static str,
    /// The document as published for event destinations.
    pub document: String,
    /// Messages for queues: ARN and body.
    pub messages: Vec<(String, String)>,
    /// Objects for buckets.
    pub objects: Vec<Deposit>,
    /// The topics and other targets that want it, delivered to or not.
    pub targets: Vec<String>,
}

/// A mail for a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deposit {
    /// The bucket.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// The mail's header, with the empty line.
    pub head: Vec<u8>,
    /// Its body.
    pub body: Body,
}

impl Event {
    /// Whether other services are to be called.
    pub fn posts(&self) -> bool {
        !self.messages.is_empty() || !self.objects.is_empty()
    }
}

/// What makes events.
#[derive(Debug)]
pub struct Occasion<'a> {
    /// As it is before them.
    pub state: &'a State,
    /// Account and region of the mail.
    pub home: &'a Home,
    /// Who sent it.
    pub caller: &'a Caller,
    /// The mail.
    pub mail: &'a Mail,
    /// Its header as delivered.
    pub head: &'a [u8],
    /// The operation that sent it.
    pub operation: &'a str,
    /// Now.
    pub now: Millis,
}

/// Something that happened to a mail or to one of its recipients.
#[derive(Debug, Clone, PartialEq)]
pub struct Happening {
    /// `Bounce`.
    pub kind: &'static str,
    /// The member of the document that tells more, and what it says.
    pub detail: (&'static str, Value),
    /// What the statistics count beside the kind.
    pub counted: Option<&'static str>,
    /// The address that goes to the suppression list, and why.
    pub suppresses: Option<(String, &'static str)>,
}

impl Occasion<'_> {
    /// The changes that follow from accepting the mail, whose recipients may all have one fate.
    pub fn accepted(&self, all: Option<Fate>, ids: &mut Ids) -> Vec<Change> {
        let recipients = || self.mail.to.iter().chain(&self.mail.cc).chain(&self.mail.bcc);
        // What nearly every mail is: there is nobody to watch it, and nothing that says more of it.
        if all.is_none()
            && self.state.records.none(self.home)
            && !self.state.identities.contains_key(self.home)
            && !recipients().any(|address| Fate::is_simulated(address))
        {
            return Vec::new();
        }
        let fates: Vec<(&String, Fate)> = recipients()
            .map(|address| {
                let of = || Fate::of(self.state, self.home, self.mail, address);
                (address, all.unwrap_or_else(of))
            })
            .collect();
        let watchers = Watchers::of(self);
        if watchers.none() && fates.iter().all(|(_, fate)| *fate == Fate::Delivered) {
            return Vec::new();
        }
        let mut happenings = vec![Happening::plain("Send", "send", json!({}))];
        if fates.iter().any(|(_, fate)| *fate == Fate::Rejected) {
            // The whole mail is: no recipient gets it.
            happenings.push(Happening::plain("Reject", "reject", json!({"reason": "Bad content"})));
        } else {
            for (address, fate) in fates {
                happenings
                    .extend(fate.happenings(address, self.now, &mut || self.feedback_id(ids)));
            }
        }
        self.changes(&watchers, happenings, ids)
    }

    /// What follows from the receipt rules, for a mail that came by SMTP.
    pub fn received(&self, incoming: &Incoming<'_>, ids: &mut Ids) -> Reception {
        receipt::received(self, incoming, ids)
    }

    /// The changes that follow from something that happened to the mail.
    pub fn happened(&self, happenings: Vec<Happening>, ids: &mut Ids) -> Vec<Change> {
        self.changes(&Watchers::of(self), happenings, ids)
    }

    fn feedback_id(&self, ids: &mut Ids) -> String {
        super::ops::message_id(&self.home.1, self.now, &ids.uuid())
    }

    fn changes(
        &self,
        watchers: &Watchers<'_>,
        happenings: Vec<Happening>,
        ids: &mut Ids,
    ) -> Vec<Change> {
        let mut changes = Vec::new();
        let slot = slot_of(self.now).to_string();
        let known = self.state.records.get(self.home, STATISTICS.name, &slot);
        let (mut counts, mut counted) = (known.cloned().unwrap_or_default(), false);
        for happening in happenings {
            for name in [Some(happening.kind), happening.counted].into_iter().flatten() {
                if !["Send", "Delivery"].contains(&name) {
                    let count = counts.get(name).and_then(Value::as_u64).unwrap_or(0) + 1;
                    counts.insert(name.into(), count.into());
                    counted = true;
                }
            }
            changes.extend(self.suppression(&happening));
            let event = watchers.event(self, &happening, ids);
            changes.push(Change::EventPut { home: self.home.clone(), event: Box::new(event) });
        }
        if counted {
            let name = (STATISTICS.name.to_owned(), slot);
            changes.push(Change::RecordPut { home: self.home.clone(), name, record: counts });
        }
        changes
    }

    /// Bounces and complaints put their address on the account's list, where it is in use.
    fn suppression(&self, happening: &Happening) -> Option<Change> {
        let (address, reason) = happening.suppresses.as_ref()?;
        let account = self.state.records.get(self.home, ACCOUNT.name, "");
        if !suppressed_reasons(account, None).iter().any(|r| r == reason) {
            return None;
        }
        let record = json!({
            "EmailAddress": address, "Reason": reason,
            "LastUpdateTime": self.now.as_seconds_f64(),
            "Attributes": {"MessageId": self.mail.id,
                           "FeedbackId": happening.detail.1["feedbackId"]}});
        let name = (SUPPRESSED.name.to_owned(), suppression_key("", address));
        let record = record.as_object().cloned().unwrap_or_default();
        Some(Change::RecordPut { home: self.home.clone(), name, record })
    }
}

impl Happening {
    /// One that has no consequences of its own.
    pub fn plain(kind: &'static str, member: &'static str, detail: Value) -> Happening {
        Happening { kind, detail: (member, detail), counted: None, suppresses: None }
    }
}

/// Which reasons keep a suppressed address from getting mail: the configuration set's, else the
/// account's, else both.
pub fn suppressed_reasons(account: Option<&Record>, set: Option<&Record>) -> Vec<String> {
    let of = |record: Option<&Record>, member: &str| {
        let reasons = record?.get(member)?["SuppressedReasons"].as_array()?;
        Some(reasons.iter().filter_map(|r| r.as_str().map(str::to_owned)).collect::<Vec<_>>())
    };
    of(set, "SuppressionOptions")
        .or_else(|| of(account, "SuppressionAttributes"))
        .unwrap_or_else(|| vec!["BOUNCE".into(), "COMPLAINT".into()])
}
