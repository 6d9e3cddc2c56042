//! The secrets behind access keys: the environment's own, users', sessions'.

use super::Judge;
use crate::protocol::sigv4::{Credentials, TestCredentials};

/// The keys that may sign.
pub(super) struct Secrets {
    judge: Judge,
}

impl Secrets {
    pub(super) fn new(judge: Judge) -> Self {
        Secrets { judge }
    }
}

impl Credentials for Secrets {
    fn lookup(&self, access_key: &str, token: Option<&str>) -> Option<String> {
        if access_key.starts_with("AKIA") {
            let found = self.judge.iam().look(|state, _| {
                let key = state.key(access_key).map(|(_, _, key)| key);
                key.filter(|key| key.active).map(|key| key.secret.clone())
            });
            return found.ok().flatten();
        }
        if !access_key.starts_with("ASIA") {
            return TestCredentials.lookup(access_key, token);
        }
        let found = self.judge.sts().look(|state, now| {
            let session = state.session(access_key, now);
            session.filter(|s| token == Some(s.token.as_str())).map(|s| s.secret.clone())
        });
        found.ok().flatten()
    }

    fn account(&self, access_key: &str) -> Option<String> {
        if access_key.starts_with("AKIA") {
            let found = self
                .judge
                .iam()
                .look(|state, _| state.key(access_key).map(|(account, ..)| account.to_owned()));
            return found.ok().flatten();
        }
        if !access_key.starts_with("ASIA") {
            return None;
        }
        let found = self
            .judge
            .sts()
            .look(|state, _| state.sessions.get(access_key).map(|s| s.account.clone()));
        found.ok().flatten()
    }

    fn has_ended(&self, access_key: &str) -> bool {
        access_key.starts_with("ASIA")
            && self.judge.sts().look(|state, now| {
                state.sessions.get(access_key).is_some_and(|session| session.expires <= now)
            }) == Ok(true)
    }
}
