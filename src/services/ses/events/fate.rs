//! What becomes of a mail at one recipient.

use super::{Happening, suppressed_reasons};
use crate::base::{Millis, Outcome};
use crate::services::ses::address::normal;
use crate::services::ses::calls::kinds::{ACCOUNT, CONFIG_SET, OUTCOME, SUPPRESSED};
use crate::services::ses::calls::suppression_key;
use crate::services::ses::mail::Mail;
use crate::services::ses::state::{Home, State};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The domain of AWS's simulator.
const SIMULATOR: &str = "simulator.amazonses.com";

/// What becomes of a mail at one recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Fate {
    Delivered,
    /// Real: the address is suppressed from now on.
    Bounced,
    /// As the simulator does it: nothing is suppressed.
    SimulatedBounce,
    TransientBounce,
    Complained,
    SimulatedComplaint,
    /// The simulator's address that is on everyone's suppression list.
    OnGlobalList,
    /// On the account's list, for this reason.
    OnAccountListForBounce,
    OnAccountListForComplaint,
    /// No longer on the contact list that the mail is for.
    Unsubscribed,
    Rejected,
    Delayed,
    Opened,
    Clicked,
}

impl Fate {
    /// Whether an address is one of the simulator's.
    pub fn is_simulated(address: &str) -> bool {
        let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain);
        domain.eq_ignore_ascii_case(SIMULATOR)
    }

    /// Of a mail at `address`.
    pub fn of(state: &State, home: &Home, mail: &Mail, address: &str) -> Fate {
        let address = normal(address).to_lowercase();
        let (local, domain) = address.rsplit_once('@').unwrap_or((&address, ""));
        if domain == SIMULATOR {
            return match local.split('+').next().unwrap_or_default() {
                "bounce" => Fate::SimulatedBounce,
                "complaint" => Fate::SimulatedComplaint,
                "suppressionlist" => Fate::OnGlobalList,
                _ => Fate::Delivered,
            };
        }
        if state.records.none(home) {
            return Fate::Delivered;
        }
        let record = |kind: &str, key: &str| state.records.get(home, kind, key);
        if let Some(listed) = record(SUPPRESSED.name, &suppression_key("", &address)) {
            let set = mail.config_set.as_ref().and_then(|set| record(CONFIG_SET.name, set));
            let reasons = suppressed_reasons(record(ACCOUNT.name, ""), set);
            let reason = listed.get("Reason").and_then(Value::as_str).unwrap_or_default();
            if reasons.iter().any(|r| r == reason) {
                return match reason {
                    "COMPLAINT" => Fate::OnAccountListForComplaint,
                    _ => Fate::OnAccountListForBounce,
                };
            }
        }
        rule(state, home, &address, domain).map_or(Fate::Delivered, Fate::by)
    }

    /// What a rule of the profile, or whoever asks for it, makes of the mail.
    pub fn by(outcome: Outcome) -> Fate {
        match outcome {
            Outcome::Delivery => Fate::Delivered,
            Outcome::Bounce => Fate::Bounced,
            Outcome::TransientBounce => Fate::TransientBounce,
            Outcome::Complaint => Fate::Complained,
            Outcome::Reject => Fate::Rejected,
            Outcome::Delay => Fate::Delayed,
            Outcome::Open => Fate::Opened,
            Outcome::Click => Fate::Clicked,
        }
    }

    /// What happens, in its order. `feedback` makes ids.
    pub fn happenings(
        self,
        address: &str,
        now: Millis,
        feedback: &mut dyn FnMut() -> String,
    ) -> Vec<Happening> {
        let delivered = || delivery(address, now);
        match self {
            Fate::Delivered => vec![delivered()],
            Fate::Bounced | Fate::SimulatedBounce => {
                let mut bounce = bounce(address, now, ("Permanent", "General"), feedback());
                if self == Fate::Bounced {
                    bounce.suppresses = Some((address.to_owned(), "BOUNCE"));
                }
                vec![bounce]
            }
            Fate::TransientBounce => {
                vec![bounce(address, now, ("Transient", "General"), feedback())]
            }
            Fate::Complained | Fate::SimulatedComplaint => {
                let mut complaint = complaint(address, now, None, feedback());
                if self == Fate::Complained {
                    complaint.suppresses = Some((address.to_owned(), "COMPLAINT"));
                }
                vec![delivered(), complaint]
            }
            Fate::OnGlobalList => {
                vec![bounce(address, now, ("Permanent", "Suppressed"), feedback())]
            }
            Fate::OnAccountListForBounce => {
                let kind = ("Permanent", "OnAccountSuppressionList");
                vec![bounce(address, now, kind, feedback())]
            }
            Fate::Unsubscribed => {
                let kind = ("Permanent", "UnsubscribedRecipient");
                vec![bounce(address, now, kind, feedback())]
            }
            Fate::OnAccountListForComplaint => {
                vec![complaint(address, now, Some("OnAccountSuppressionList"), feedback())]
            }
            Fate::Rejected => Vec::new(),
            Fate::Delayed => vec![delay(address, now), delivered()],
            Fate::Opened => vec![delivered(), Happening::open(now, BROWSER)],
            Fate::Clicked => {
                let click = Happening::click(now, BROWSER, "http://localhost/", &BTreeMap::new());
                vec![delivered(), Happening::open(now, BROWSER), click]
            }
        }
    }
}

/// The rule for an address: its own, its domain's, or that of a domain above.
fn rule(state: &State, home: &Home, address: &str, domain: &str) -> Option<Outcome> {
    let of = |key: &str| {
        let record = state.records.get(home, OUTCOME.name, key)?;
        Outcome::named(record.get("Outcome")?.as_str()?)
    };
    let above = std::iter::successors(Some(domain), |d| d.split_once('.').map(|(_, above)| above));
    std::iter::once(address).chain(above).find_map(of)
}

/// A delivery.
fn delivery(address: &str, now: Millis) -> Happening {
    let detail = json!({
        "timestamp": now.iso8601(), "processingTimeMillis": 0, "recipients": [address],
        "smtpResponse": "250 2.0.0 OK", "remoteMtaIp": "127.0.0.1",
        "reportingMTA": "a8-1.smtp-out.amazonses.com"});
    Happening::plain("Delivery", "delivery", detail)
}

fn bounce(address: &str, now: Millis, kind: (&str, &str), feedback: String) -> Happening {
    let (status, diagnostic) = match kind {
        (_, "General") if kind.0 == "Transient" => ("4.4.7", "smtp; 421 4.4.7 message expired"),
        (_, "General") => ("5.1.1", "smtp; 550 5.1.1 user unknown"),
        _ => (
            "5.1.1",
            "Amazon SES did not send the message to this address because it is on the suppression list",
        ),
    };
    let detail = json!({
        "feedbackId": feedback, "bounceType": kind.0, "bounceSubType": kind.1,
        "bouncedRecipients": [{"emailAddress": address, "action": "failed", "status": status,
                               "diagnosticCode": diagnostic}],
        "timestamp": now.iso8601(), "remoteMtaIp": "127.0.0.1",
        "reportingMTA": "dns; a8-1.smtp-out.amazonses.com"});
    let counted = if kind.0 == "Transient" { "TransientBounce" } else { "PermanentBounce" };
    Happening { counted: Some(counted), ..Happening::plain("Bounce", "bounce", detail) }
}

fn complaint(address: &str, now: Millis, sub: Option<&str>, feedback: String) -> Happening {
    let detail = json!({
        "feedbackId": feedback, "complaintSubType": sub,
        "complainedRecipients": [{"emailAddress": address}],
        "timestamp": now.iso8601(), "userAgent": "Amazon SES Mailbox Simulator",
        "complaintFeedbackType": "abuse", "arrivalDate": now.iso8601()});
    Happening::plain("Complaint", "complaint", detail)
}

fn delay(address: &str, now: Millis) -> Happening {
    let detail = json!({
        "timestamp": now.iso8601(), "delayType": "TransientCommunicationFailure",
        "expirationTime": now.plus_seconds(14 * 3600).iso8601(),
        "delayedRecipients": [{"emailAddress": address, "status": "4.4.1",
                               "diagnosticCode": "smtp; 421 4.4.1 unable to connect"}]});
    Happening::plain("DeliveryDelay", "deliveryDelay", detail)
}

/// Who opens mails where nobody does.
const BROWSER: &str = "Mozilla/5.0 (devenv)";

impl Happening {
    /// The pixel was loaded by the program `agent`.
    pub fn open(now: Millis, agent: &str) -> Happening {
        let detail =
            json!({"ipAddress": "127.0.0.1", "timestamp": now.iso8601(), "userAgent": agent});
        Happening::plain("Open", "open", detail)
    }

    /// A link was followed by the program `agent`.
    pub fn click(
        now: Millis,
        agent: &str,
        link: &str,
        tags: &BTreeMap<String, Vec<String>>,
    ) -> Happening {
        let tags = (!tags.is_empty()).then_some(tags);
        let detail = json!({"ipAddress": "127.0.0.1", "timestamp": now.iso8601(),
            "userAgent": agent, "link": link, "linkTags": tags});
        Happening::plain("Click", "click", detail)
    }
}
