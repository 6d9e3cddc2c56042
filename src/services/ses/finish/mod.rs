//! What is done to a mail when its bytes are shown or passed on, not when it is sent: links and a pixel
//! that tell of clicks and opens, and then the DKIM signature. Which of them follows from the account as
//! it is when the mail is accepted, and is kept with the mail.
//!
//! Invariant: the same mail, keys and address of the gateway give the same bytes.

pub mod dkim;
pub mod track;

use super::address::normal;
use super::calls::kinds::{CONFIG_SET, EVENT_DESTINATION};
use super::records::PART;
use super::state::{Home, Identity, State, is_domain};
use crate::base::Caller;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finish {
    /// Who signs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign: Option<Signer>,
    /// What is watched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub track: Option<Tracking>,
}

/// Whose key signs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signer {
    /// The domain.
    pub domain: String,
    /// The key's selector.
    pub selector: String,
    /// Bits of the key that SES makes; none for a key that the owner brought.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bits: Option<usize>,
}

/// What is watched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tracking {
    /// Whether the pixel goes in.
    pub opens: bool,
    /// Whether links lead through the gateway.
    pub clicks: bool,
    /// Where the gateway was when the mail was sent.
    pub endpoint: String,
}

impl Finish {
    /// For a mail from `from` with the configuration set `set`.
    pub fn of(
        state: &State,
        caller: &Caller,
        home: &Home,
        from: Option<&String>,
        set: Option<&str>,
    ) -> Option<Box<Finish>> {
        let known = state.identities.get(home);
        let sign = known.zip(from).and_then(|(known, from)| Signer::of(known, from));
        let track = set.and_then(|set| Tracking::of(state, caller, home, set));
        (sign.is_some() || track.is_some()).then(|| Box::new(Finish { sign, track }))
    }
}

impl Signer {
    /// The identity of the address says whether, that of its domain or one above has the key.
    fn of(known: &BTreeMap<String, Identity>, from: &str) -> Option<Signer> {
        let address = normal(from);
        if known.get(&address).is_some_and(|own| own.settings.dkim_off) {
            return None;
        }
        let (_, domain) = address.rsplit_once('@')?;
        let above =
            std::iter::successors(Some(domain), |d| d.split_once('.').map(|(_, above)| above));
        let (name, identity) =
            above.filter_map(|name| known.get_key_value(name)).find(|(name, _)| is_domain(name))?;
        let settings = &identity.settings;
        if settings.pending || settings.dkim_off {
            return None;
        }
        let domain = name.clone();
        match &settings.dkim_selector {
            Some(selector) => Some(Signer { domain, selector: selector.clone(), bits: None }),
            None => {
                let bits = Some(if settings.dkim_short { 1024 } else { 2048 });
                let selector = identity.dkim.first()?.clone();
                Some(Signer { domain, selector, bits })
            }
        }
    }
}

impl Tracking {
    fn of(state: &State, caller: &Caller, home: &Home, set: &str) -> Option<Tracking> {
        let record = state.records.get(home, CONFIG_SET.name, set)?;
        let engagement = record.get("VdmOptions").map(|o| &o["DashboardOptions"]);
        let engagement = engagement.is_some_and(|o| o["EngagementMetrics"] == "ENABLED");
        let prefix = format!("{set}{PART}");
        let destinations = state.records.range(home, EVENT_DESTINATION.name, &prefix, None);
        let (mut opens, mut clicks) = (engagement, engagement);
        for (_, destination) in destinations {
            if destination.get("Enabled") != Some(&Value::Bool(true)) {
                continue;
            }
            let types = destination.get("MatchingEventTypes").and_then(Value::as_array);
            for kind in types.into_iter().flatten() {
                opens |= kind == "OPEN";
                clicks |= kind == "CLICK";
            }
        }
        let endpoint = caller.endpoint.clone();
        (opens || clicks).then_some(Tracking { opens, clicks, endpoint })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Millis;
    use crate::services::ses::settings::Settings;

    fn identity(dkim: &[&str], settings: Settings) -> Identity {
        Identity {
            created: Millis(0),
            token: String::new(),
            dkim: dkim.iter().map(|t| (*t).to_owned()).collect(),
            tags: vec![],
            config_set: None,
            settings,
        }
    }

    #[test]
    fn the_domain_signs_unless_it_or_the_address_is_told_not_to() {
        let off = || Settings { dkim_off: true, ..Settings::default() };
        let own = Settings { dkim_selector: Some("sel".into()), ..Settings::default() };
        let known: BTreeMap<String, Identity> = [
            ("x.org".to_owned(), identity(&["one", "two"], Settings::default())),
            ("silent@x.org".to_owned(), identity(&[], off())),
            ("a@x.org".to_owned(), identity(&[], Settings::default())),
            ("off.org".to_owned(), identity(&["t"], off())),
            ("own.org".to_owned(), identity(&["t"], own)),
        ]
        .into();
        let of = |from: &str| {
            let signer = Signer::of(&known, from)?;
            Some(format!("{} {} {:?}", signer.domain, signer.selector, signer.bits))
        };
        for from in ["a@x.org", "b@x.org", "b@Mail.X.org"] {
            assert_eq!(of(from).as_deref(), Some("x.org one Some(2048)"), "{from}");
        }
        assert_eq!(of("c@own.org").as_deref(), Some("own.org sel None"));
        for from in ["silent@x.org", "a@off.org", "a@y.org", "nobody", ""] {
            assert_eq!(of(from), None, "{from}");
        }
    }
}
