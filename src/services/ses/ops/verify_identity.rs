//! <https://docs.aws.amazon.com/ses/latest/APIReference/API_VerifyEmailIdentity.html>,
//! <https://docs.aws.amazon.com/ses/latest/APIReference/API_VerifyDomainIdentity.html>,
//! <https://docs.aws.amazon.com/ses/latest/APIReference/API_VerifyEmailAddress.html>
//!
//! AWS sends a mail or waits for a DNS record; here an identity is verified at once.

use super::Empty;
use crate::base::{Context, Ids, Millis};
use crate::services::Operation;
use crate::services::ses::address::{check, check_domain, normal};
use crate::services::ses::error::Error;
use crate::services::ses::settings::Settings;
use crate::services::ses::state::{Change, Identity, State, home, is_domain};
use serde::{Deserialize, Serialize};

/// `VerifyEmailIdentity`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct VerifyEmailIdentity {
    /// The address.
    pub email_address: String,
}

/// `VerifyEmailAddress`, deprecated by AWS and the same but for its answer.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct VerifyEmailAddress {
    /// The address.
    pub email_address: String,
}

/// `VerifyDomainIdentity`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct VerifyDomainIdentity {
    /// The domain.
    pub domain: String,
}

/// What AWS wants to see in the domain's TXT record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DomainToken {
    /// 44 characters.
    pub verification_token: String,
}

/// An identity as it begins; its name is checked.
pub fn fresh_identity(name: &str, now: Millis, ids: &mut Ids) -> Result<Identity, Error> {
    let domain = is_domain(name);
    if domain {
        check_domain(name).map_err(|_| Error::IdentityInvalid { identity: name.to_owned() })?;
    } else {
        check(name)?;
    }
    const LOWER: &[u8] = b"abcdefghijklmnopqrstuvwxyz234567";
    Ok(Identity {
        created: now,
        token: if domain { format!("{}=", ids.alphanumeric(43)) } else { String::new() },
        dkim: (0..if domain { 3 } else { 0 }).map(|_| ids.text(LOWER, 32)).collect(),
        tags: Vec::new(),
        config_set: None,
        settings: Settings::default(),
    })
}

/// Makes an identity, or leaves the one that is there.
pub fn put_identity(
    state: &mut State,
    context: &mut Context<'_>,
    changes: &mut Vec<Change>,
    name: &str,
) -> Result<Identity, Error> {
    let name = normal(name.trim());
    if let Some(known) = state.identity(context.caller, &name) {
        return Ok(known.clone());
    }
    let identity = fresh_identity(&name, context.now, context.ids)?;
    state.put_identity(home(context.caller), name, identity.clone(), changes);
    Ok(identity)
}

fn put_address(
    state: &mut State,
    context: &mut Context<'_>,
    changes: &mut Vec<Change>,
    address: &str,
) -> Result<(), Error> {
    check(address.trim())?;
    put_identity(state, context, changes, address).map(drop)
}

impl Operation for VerifyEmailIdentity {
    type State = State;
    type Output = Empty;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "VerifyEmailIdentity";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<Empty, Error> {
        put_address(state, context, changes, &self.email_address).map(|()| Empty {})
    }
}

impl Operation for VerifyEmailAddress {
    type State = State;
    type Output = ();
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "VerifyEmailAddress";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<(), Error> {
        put_address(state, context, changes, &self.email_address)
    }
}

impl Operation for VerifyDomainIdentity {
    type State = State;
    type Output = DomainToken;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "VerifyDomainIdentity";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<DomainToken, Error> {
        if !is_domain(&self.domain) {
            return Err(Error::IdentityInvalid { identity: self.domain });
        }
        let identity = put_identity(state, context, changes, &self.domain)?;
        Ok(DomainToken { verification_token: identity.token })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Caller;

    #[test]
    fn the_second_time_changes_nothing_and_a_bad_name_neither() {
        let caller = Caller::internal("000000000000", "us-east-1", "");
        let mut ids = Ids::seeded(1);
        let mut context = Context { now: Millis(0), ids: &mut ids, caller: &caller };
        let (mut state, mut changes) = (State::default(), Vec::new());
        let mut verify = |domain: &str| {
            let operation = VerifyDomainIdentity { domain: domain.into() };
            operation.apply(&mut state, &mut context, &mut changes)
        };
        let first = verify("Example.com").unwrap();
        assert_eq!(first.verification_token.len(), 44);
        assert_eq!(verify("example.com").unwrap(), first);
        assert!(verify("a@example.com").is_err() && verify("exa mple.com").is_err());
        assert_eq!(changes.len(), 1);
        let nobody = VerifyEmailIdentity { email_address: "nobody".into() };
        assert!(nobody.apply(&mut state, &mut context, &mut Vec::new()).is_err());
    }
}
