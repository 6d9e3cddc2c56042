//! Opens a session: temporary credentials that last until the clock says otherwise.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp.html>

use super::Wish;
use crate::base::Context;
use crate::services::Operation;
use crate::services::access::keys::access_key;
use crate::services::model::Refusal;
use crate::services::sts::state::{Change, REMEMBERED_SECONDS, SESSIONS_MAX, Session, State};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// Random bytes that a session is made of: its key, its secret, its token.
pub const RANDOM_BYTES: usize = 10 + 30 + 96;

/// A session to open, with the bytes that its credentials are made of.
pub struct OpenSession {
    /// Whose, and for how long.
    pub wish: Wish,
    /// Unpredictable.
    pub random: [u8; RANDOM_BYTES],
}

impl Operation for OpenSession {
    type State = State;
    type Output = Value;
    type Change = Change;
    type Error = Refusal;
    const NAME: &'static str = "OpenSession";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<Value, Refusal> {
        let now = context.now;
        let forgotten = now.plus_seconds(-REMEMBERED_SECONDS);
        if state.sessions.values().filter(|s| s.expires > now).count() >= SESSIONS_MAX {
            return Err(Refusal::new("Throttling", "Rate exceeded"));
        }
        if state.sessions.values().any(|session| session.expires <= forgotten) {
            state.sessions.retain(|_, session| session.expires > forgotten);
            changes.push(Change::Expired(forgotten));
        }
        let session = self.session(now);
        let answer = json!({
            "AccessKeyId": session.access_key,
            "SecretAccessKey": session.secret,
            "SessionToken": session.token,
            "Expiration": session.expires.seconds(),
        });
        state.sessions.insert(session.access_key.clone(), session.clone());
        changes.push(Change::Opened(Box::new(session)));
        Ok(answer)
    }
}

impl OpenSession {
    fn session(self, now: crate::base::Millis) -> Session {
        let mut key = [0; 10];
        key.copy_from_slice(&self.random[..10]);
        Session {
            access_key: access_key("ASIA", &self.wish.account, key),
            secret: STANDARD.encode(&self.random[10..40]),
            token: STANDARD.encode(&self.random[40..]),
            account: self.wish.account,
            arn: self.wish.arn,
            user_id: self.wish.user_id,
            expires: now.plus_seconds(self.wish.seconds),
            facts: self.wish.facts,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Caller, Ids, Millis};
    use crate::services::access::Subject;
    use crate::services::model::Input;

    fn open(state: &mut State, now: Millis) -> String {
        let caller = Caller::internal("000000000000", "us-east-1", "http://127.0.0.1:4566");
        let mut context = Context { now, ids: &mut Ids::seeded(1), caller: &caller };
        let asked = json!({"RoleArn": "arn:aws:iam::123456789012:role/team/reader", "RoleSessionName": "me"});
        let input = Input(asked.as_object().cloned().unwrap());
        let wish = Wish::role(&input, &Subject::root("000000000000"), None, None).unwrap();
        assert_eq!(wish.arn, "arn:aws:sts::123456789012:assumed-role/reader/me");
        let mut random = [7; RANDOM_BYTES];
        random[9] = (now.0 / 1000) as u8;
        let answer = OpenSession { wish, random }.apply(state, &mut context, &mut Vec::new());
        answer.unwrap()["AccessKeyId"].as_str().unwrap().to_owned()
    }

    #[test]
    fn a_session_acts_in_the_roles_account_until_it_ends_and_is_remembered_for_a_while() {
        let mut state = State::default();
        let key = open(&mut state, Millis(0));
        assert_eq!(state.session(&key, Millis(3_599_999)).unwrap().account, "123456789012");
        assert_eq!(state.session(&key, Millis(3_600_000)), None);
        open(&mut state, Millis(3_601_000));
        assert_eq!(state.sessions.len(), 2);
        open(&mut state, Millis(3_600_000 + REMEMBERED_SECONDS * 1000));
        assert!(!state.sessions.contains_key(&key), "at last it is forgotten");
    }
}
