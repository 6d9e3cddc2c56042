//! Sending on behalf of another account's identity: its policies say who may.
//!
//! <https://docs.aws.amazon.com/ses/latest/dg/sending-authorization.html>,
//! <https://docs.aws.amazon.com/ses/latest/dg/sending-authorization-policies.html>

use super::address::normal;
use super::draft::Draft;
use super::error::Error;
use super::state::{Identity, State};
use crate::base::{Caller, Millis};
use crate::policy::{Decision, Grammar, Keys, Policy, Request, Who};

/// A mail on behalf of an identity.
#[derive(Debug, Clone, Copy)]
pub struct Delegation<'a> {
    /// The identity's ARN.
    pub arn: &'a str,
    /// Who sends.
    pub caller: &'a Caller,
    /// What is sent.
    pub draft: &'a Draft,
    /// `SendRawEmail`.
    pub action: &'a str,
    /// When.
    pub now: Millis,
}

impl Delegation<'_> {
    /// Refuses the mail unless the identity is verified, is that of all its senders, and its owner lets
    /// the caller send.
    pub fn check(&self, state: &State) -> Result<(), Error> {
        let invalid = || {
            let text = format!("Invalid ARN: {}", self.arn);
            Error::bad("InvalidParameterValue", text)
        };
        let (region, account, name) = parts(self.arn).ok_or_else(invalid)?;
        let home = (account.to_owned(), region.to_owned());
        let known = state.identities.get(&home).and_then(|known| known.get(&normal(name)));
        let identity = known.filter(|identity| !identity.settings.pending);
        let strange: Vec<String> = self
            .draft
            .senders
            .iter()
            .filter(|sender| identity.is_none() || !is_of(name, sender))
            .cloned()
            .collect();
        let Some(identity) = identity.filter(|_| strange.is_empty()) else {
            let region = self.caller.region.clone();
            return Err(Error::Unverified { identities: strange, region });
        };
        if account == self.caller.account || self.decide(identity) == Decision::Allow {
            return Ok(());
        }
        let text = format!(
            "User `arn:aws:iam::{}:root' is not authorized to perform `ses:{}' on resource `{}'",
            self.caller.account, self.action, self.arn
        );
        Err(Error::Refused {
            code: "AccessDeniedException",
            query: "AccessDenied",
            status: 403,
            text,
        })
    }

    fn decide(&self, identity: &Identity) -> Decision {
        let who = Who::account(&self.caller.account);
        let mut keys =
            Keys::of_request(self.now).with("ses:FeedbackAddress", self.draft.source.as_str());
        self.draft.senders.iter().for_each(|sender| keys.add("ses:FromAddress", sender.as_str()));
        let draft = self.draft;
        let recipients = draft.to.iter().chain(&draft.cc).chain(&draft.bcc);
        recipients.for_each(|recipient| keys.add("ses:Recipients", recipient.as_str()));
        let action = format!("ses:{}", self.action);
        let request = Request { who: &who, action: &action, resource: self.arn, keys: &keys };
        // What cannot be read allows nothing.
        let policies = identity.settings.policies.values();
        let read = policies.filter_map(|text| Policy::parse(text, Grammar::Resource).ok());
        read.fold(Decision::Implicit, |all, policy| all.and(policy.decide(&request)))
    }
}

/// Region, account and name of an identity.
fn parts(arn: &str) -> Option<(&str, &str, &str)> {
    let mut parts = arn.strip_prefix("arn:")?.splitn(5, ':');
    let (partition, service) = (parts.next()?, parts.next()?);
    let (region, account, resource) = (parts.next()?, parts.next()?, parts.next()?);
    let name = resource.strip_prefix("identity/").filter(|name| !name.is_empty())?;
    (partition.starts_with("aws") && service == "ses").then_some((region, account, name))
}

/// Whether `sender` is the identity `name`, or of its domain or one below.
fn is_of(name: &str, sender: &str) -> bool {
    let (name, sender) = (normal(name), normal(sender));
    let domain = sender.rsplit('@').next().unwrap_or_default();
    name == sender || name == domain || domain.ends_with(&format!(".{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::ServiceError;
    use crate::services::ses::ops::fresh_identity;
    use bytes::Bytes;
    use serde_json::json;

    const ARN: &str = "arn:aws:ses:us-east-1:111111111111:identity/example.com";

    fn owned(policies: &[serde_json::Value]) -> State {
        let mut state = State::default();
        let mut ids = crate::base::Ids::seeded(1);
        let mut identity = fresh_identity("example.com", Millis(0), &mut ids).unwrap();
        for (n, policy) in policies.iter().enumerate() {
            identity.settings.policies.insert(n.to_string(), policy.to_string());
        }
        let home = ("111111111111".to_owned(), "us-east-1".to_owned());
        state.identities.entry(home).or_default().insert("example.com".into(), identity);
        state
    }

    fn statement(effect: &str, action: &str, condition: serde_json::Value) -> serde_json::Value {
        json!({"Version": "2012-10-17", "Statement": [{
            "Effect": effect, "Principal": {"AWS": "222222222222"}, "Action": action,
            "Resource": ARN, "Condition": condition}]})
    }

    /// The code of the refusal, or `fine`.
    fn sent(state: &State, account: &str, arn: &str, from: &str) -> &'static str {
        let raw = format!("From: {from}\r\nTo: to@x.org\r\n\r\n");
        let draft = Draft::of_raw(Bytes::from(raw), None, &[]).unwrap();
        let caller = &Caller::internal(account, "us-east-1", "");
        let (action, now) = ("SendRawEmail", Millis(0));
        let delegation = Delegation { arn, caller, draft: &draft, action, now };
        delegation.check(state).map_or_else(|error| error.code(), |()| "fine")
    }

    #[test]
    fn the_owners_policies_say_who_may_send() {
        let other = "222222222222";
        let allow = statement("Allow", "ses:SendRawEmail", json!({}));
        let denied = "AccessDeniedException";
        assert_eq!(sent(&owned(&[]), other, ARN, "a@example.com"), denied);
        let allowed = owned(std::slice::from_ref(&allow));
        assert_eq!(sent(&allowed, other, ARN, "a@example.com"), "fine");
        assert_eq!(sent(&allowed, other, ARN, "a@mail.example.com"), "fine");
        assert_eq!(sent(&allowed, "333333333333", ARN, "a@example.com"), denied);
        assert_eq!(sent(&allowed, "111111111111", ARN, "a@example.com"), "fine", "its owner");
        assert_eq!(sent(&allowed, other, ARN, "a@other.org"), "MessageRejected");
        assert_eq!(
            sent(&allowed, other, &ARN.replace("us-", "eu-"), "a@example.com"),
            "MessageRejected"
        );
        assert_eq!(sent(&allowed, other, "arn:aws:s3:::x", "a@example.com"), "BadRequestException");
        let deny = statement("Deny", "ses:*", json!({"StringLike": {"ses:FromAddress": "boss@*"}}));
        let both = owned(&[allow, deny]);
        assert_eq!(sent(&both, other, ARN, "a@example.com"), "fine");
        assert_eq!(sent(&both, other, ARN, "boss@example.com"), denied);
        let only = json!({"ForAllValues:StringLike": {"ses:Recipients": "*@y.org"}});
        let elsewhere = owned(&[statement("Allow", "ses:SendRawEmail", only)]);
        assert_eq!(sent(&elsewhere, other, ARN, "a@example.com"), denied);
        let api = owned(&[statement("Allow", "ses:SendEmail", json!({}))]);
        assert_eq!(sent(&api, other, ARN, "a@example.com"), denied);
    }
}
