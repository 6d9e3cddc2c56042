//! What SES keeps in memory: identities and how much was sent. Mails live on disk alone.

use super::address::normal;
use super::events::Event;
use super::finish::Finish;
use super::limits::{DAY_MS, SLOT_MS, STATISTICS_MS};
use super::mail::{Body, Mail};
use super::records::{Name, Record, Records};
use super::settings::Settings;
use crate::base::{Caller, Millis};
use std::collections::BTreeMap;

/// How strictly senders are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Whoever sends may send.
    #[default]
    Lenient,
    /// Only verified identities may send.
    Strict,
    /// As in SES's sandbox: and only verified identities may receive.
    Sandbox,
}

impl Mode {
    /// For mails whose recipients need no verification.
    #[must_use]
    pub fn without_recipients(self) -> Mode {
        if self == Mode::Sandbox { Mode::Strict } else { self }
    }
}

/// Account and region.
pub type Home = (String, String);

/// The account and region of a caller.
pub fn home(caller: &Caller) -> Home {
    (caller.account.clone(), caller.region.clone())
}

/// An address or domain that may send. In devenv it is verified as soon as it is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// When it was made.
    pub created: Millis,
    /// The token that AWS wants in a domain's TXT record; empty for addresses.
    pub token: String,
    /// The three DKIM tokens of a domain.
    pub dkim: Vec<String>,
    /// Tags of v2.
    pub tags: Vec<(String, String)>,
    /// Default configuration set of v2.
    pub config_set: Option<String>,
    /// Everything that can be set later.
    pub settings: Settings,
}

/// Whether an identity's name is a domain.
pub fn is_domain(identity: &str) -> bool {
    !identity.contains('@')
}

/// What an operation records for the disk.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// An identity was made or altered.
    IdentityPut {
        /// Account and region.
        home: Home,
        /// Normalised name.
        name: String,
        /// The identity.
        identity: Identity,
    },
    /// An identity was deleted.
    IdentityDelete {
        /// Account and region.
        home: Home,
        /// Normalised name.
        name: String,
    },
    /// A mail was accepted.
    MailPut {
        /// What is known of it.
        mail: Box<Mail>,
        /// Its header, with the empty line.
        head: Vec<u8>,
        /// Its body.
        body: Body,
        /// What is done to it before anybody sees it.
        finish: Option<Box<Finish>>,
    },
    /// A domain's owner brought the key that signs.
    KeyPut {
        /// Account and region.
        home: Home,
        /// The domain.
        domain: String,
        /// The key's selector.
        selector: String,
        /// PKCS#1 or PKCS#8, in DER.
        key: Secret,
    },
    /// A record was made or altered.
    RecordPut {
        /// Account and region.
        home: Home,
        /// Kind and key.
        name: Name,
        /// The record.
        record: Record,
    },
    /// A record was deleted.
    RecordDelete {
        /// Account and region.
        home: Home,
        /// Kind and key.
        name: Name,
    },
    /// Something happened to a mail.
    EventPut {
        /// Account and region.
        home: Home,
        /// What happened.
        event: Box<Event>,
    },
    /// A mail was thrown away, or all of them.
    MailsDelete {
        /// The message id.
        id: Option<String>,
    },
    /// Recipients were served.
    SentPut {
        /// Account and region.
        home: Home,
        /// Start of the quarter of an hour, in milliseconds since the epoch.
        slot: i64,
        /// How many in this quarter of an hour so far.
        recipients: u64,
        /// Whether they are the first of it: then what the statistics no longer show goes.
        first: bool,
    },
}

/// Bytes that no log shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub Vec<u8>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct State {
    /// By account and region, then by normalised name.
    pub identities: BTreeMap<Home, BTreeMap<String, Identity>>,
    /// Recipients served, by account and region, then by the start of the quarter of an hour.
    pub sent: BTreeMap<Home, BTreeMap<i64, u64>>,
    /// The number of the newest mail.
    pub last_mail: i64,
    /// All else that an account has: configuration sets, templates, contacts and so on.
    pub records: Records,
}

impl State {
    /// The identity called `name` in the caller's account and region.
    pub fn identity(&self, caller: &Caller, name: &str) -> Option<&Identity> {
        self.identities.get(&home(caller))?.get(&normal(name))
    }

    /// Whether `address` may send: itself, the address without its `+label`, its domain or one above is verified.
    ///
    /// <https://docs.aws.amazon.com/ses/latest/dg/creating-identities.html>
    pub fn is_verified(&self, caller: &Caller, address: &str) -> bool {
        let Some(known) = self.identities.get(&home(caller)) else { return false };
        let verified = |name: &str| known.get(name).is_some_and(|i| !i.settings.pending);
        let address = normal(address);
        if verified(&address) {
            return true;
        }
        let Some((local, mut domain)) = address.rsplit_once('@') else { return false };
        if let Some((base, _label)) = local.split_once('+')
            && verified(&format!("{base}@{domain}"))
        {
            return true;
        }
        loop {
            if verified(domain) {
                return true;
            }
            match domain.split_once('.') {
                Some((_, above)) => domain = above,
                None => return false,
            }
        }
    }

    /// Counts recipients, forgetting what the statistics no longer show; the change tells the disk.
    pub fn count_sent(&mut self, home: Home, slot: i64, recipients: u64) -> Change {
        let slots = match self.sent.get_mut(&home) {
            Some(slots) => slots,
            None => self.sent.entry(home.clone()).or_default(),
        };
        let first = !slots.contains_key(&slot);
        if first {
            *slots = slots.split_off(&(slot - STATISTICS_MS));
        }
        let sum = slots.entry(slot).or_default();
        *sum += recipients;
        Change::SentPut { home, slot, recipients: *sum, first }
    }

    /// Does in memory what `change` says of identities and records.
    pub fn absorb(&mut self, change: &Change) {
        match change.clone() {
            Change::IdentityPut { home, name, identity } => {
                self.identities.entry(home).or_default().insert(name, identity);
            }
            Change::IdentityDelete { home, name } => {
                self.identities.entry(home).or_default().remove(&name);
            }
            Change::RecordPut { home, name, record } => self.records.put(&home, name, record),
            Change::RecordDelete { home, name } => drop(self.records.delete(&home, &name)),
            _ => {}
        }
    }

    /// Puts an identity in its place, in memory and on disk.
    pub fn put_identity(
        &mut self,
        home: Home,
        name: String,
        identity: Identity,
        changes: &mut Vec<Change>,
    ) {
        let change = Change::IdentityPut { home, name, identity };
        self.absorb(&change);
        changes.push(change);
    }

    /// Recipients served in the last 24 hours.
    pub fn sent_in_day(&self, caller: &Caller, now: Millis) -> u64 {
        let Some(slots) = self.sent.get(&home(caller)) else { return 0 };
        slots.range(now.0 - DAY_MS + 1 - SLOT_MS..).map(|(_, count)| count).sum()
    }
}

/// Start of the quarter of an hour that holds `now`.
pub fn slot_of(now: Millis) -> i64 {
    now.0.div_euclid(SLOT_MS) * SLOT_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(names: &[&str]) -> (State, Caller) {
        let caller = Caller::internal("000000000000", "us-east-1", "");
        let mut state = State::default();
        let identity = Identity {
            created: Millis(0),
            token: String::new(),
            dkim: vec![],
            tags: vec![],
            config_set: None,
            settings: Settings::default(),
        };
        for name in names {
            let known = state.identities.entry(home(&caller)).or_default();
            known.insert(normal(name), identity.clone());
        }
        (state, caller)
    }

    #[test]
    fn an_address_is_verified_by_itself_its_base_or_a_domain_above() {
        let (state, caller) = with(&["a@x.org", "example.com"]);
        for fine in ["a@x.org", "a@X.ORG", "a+news@x.org", "b@example.com", "b@mail.example.com"] {
            assert!(state.is_verified(&caller, fine), "{fine}");
        }
        for not in ["b@x.org", "A@x.org", "a@badexample.com", "a@com", "a"] {
            assert!(!state.is_verified(&caller, not), "{not}");
        }
        let elsewhere = Caller::internal("000000000000", "eu-west-1", "");
        assert!(!state.is_verified(&elsewhere, "a@x.org"));
    }

    #[test]
    fn the_day_and_the_fortnight_pass() {
        let (mut state, caller) = with(&[]);
        let start = Millis(1_700_000_000_000);
        state.count_sent(home(&caller), slot_of(start), 3);
        assert_eq!(state.sent_in_day(&caller, start), 3);
        assert_eq!(state.sent_in_day(&caller, start.plus_seconds(25 * 3600)), 0);
        let later = start.plus_seconds(15 * 24 * 3600);
        state.count_sent(home(&caller), slot_of(later), 1);
        assert_eq!(state.sent[&home(&caller)].len(), 1);
    }
}
