//! STS over awsQuery.

use super::error::Error;
use super::ops::*;
use super::state::State;
use crate::base::{Caller, Problem, account_of};
use crate::protocol::sigv4::{Credentials, TestCredentials};
use crate::protocol::{Answer, Endpoint, Failure, Names, QueryNames, QueryRoutes, Request};
use crate::services::access::keys;
use crate::services::{Clock, Host, Pending, Service, failure, read_whole};
use crate::storage::Storage;
use serde::{Deserialize, Serialize};
use std::future::ready;
use std::sync::Arc;

/// What AWS has (botocore's service model of 2026-11).
const MODEL: &[&str] = &[
    "AssumeRole",
    "AssumeRoleWithSAML",
    "AssumeRoleWithWebIdentity",
    "AssumeRoot",
    "DecodeAuthorizationMessage",
    "GetAccessKeyInfo",
    "GetCallerIdentity",
    "GetDelegatedAccessToken",
    "GetFederationToken",
    "GetSessionToken",
    "GetWebIdentityToken",
];

const NAMES: Names = Names {
    query: QueryNames { xmlns: "https://sts.amazonaws.com/doc/2011-06-15/", flat: |_| None },
    ..Names::PLAIN
};

/// The service.
pub struct Sts {
    endpoint: Endpoint,
    host: Arc<Host<State>>,
}

/// What is asked of `GetAccessKeyInfo`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[derive(Default)]
struct AccessKey {
    access_key_id: Option<String>,
}

/// What it answers.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct KeyInfo {
    account: String,
}

impl Sts {
    /// Opens the service on its table of sessions.
    pub fn open(storage: &Storage, clock: &Clock) -> Result<Self, Problem> {
        let host = Host::open(storage, clock)?;
        let (whose, assuming, asking) = (host.clone(), host.clone(), host.clone());
        let routes = QueryRoutes::new("sts", NAMES)
            .add("GetCallerIdentity", move |_: serde::de::IgnoredAny, caller: Arc<Caller>| {
                ready(whose.look(|state: &State, now| {
                    get_caller_identity(&caller, state.session(&caller.access_key, now))
                }))
            })
            .add("GetAccessKeyInfo", |input: AccessKey, _| {
                let key = input.access_key_id.unwrap_or_default();
                let account = keys::account_in(&key).unwrap_or_else(|| account_of(&key).to_owned());
                ready(Ok(KeyInfo { account }))
            })
            .add("AssumeRole", move |input: AssumeRoleInput, caller: Arc<Caller>| {
                let host = assuming.clone();
                async move { host.run(AssumeRole { input, random: random()? }, &caller).await }
            })
            .add("GetSessionToken", move |input: GetSessionTokenInput, caller: Arc<Caller>| {
                let host = asking.clone();
                async move { host.run(GetSessionToken { input, random: random()? }, &caller).await }
            });
        Ok(Sts { endpoint: routes.by_action(MODEL), host })
    }

    /// The keys that may sign: those of `test` and the accounts, and those of sessions.
    pub fn credentials(&self) -> Arc<dyn Credentials> {
        Arc::new(Keys(self.host.clone()))
    }
}

impl Service for Sts {
    fn name(&self) -> &'static str {
        "sts"
    }

    fn body_limit(&self) -> Option<usize> {
        Some(256 * 1024)
    }

    fn call(&self, request: Request) -> Pending<'_, Answer> {
        Box::pin(async move { self.endpoint.call(read_whole(request).await).await })
    }

    fn reset(&self) -> Pending<'_, Result<(), Problem>> {
        Box::pin(self.host.wipe())
    }

    fn operations(&self) -> Vec<&'static str> {
        vec!["AssumeRole", "GetAccessKeyInfo", "GetCallerIdentity", "GetSessionToken"]
    }
}

fn random() -> Result<[u8; RANDOM_BYTES], Failure> {
    let mut bytes = [0; RANDOM_BYTES];
    getrandom::fill(&mut bytes).map_err(|_| failure(&Error::NoEntropy))?;
    Ok(bytes)
}

struct Keys(Arc<Host<State>>);

impl Credentials for Keys {
    fn lookup(&self, access_key: &str, token: Option<&str>) -> Option<String> {
        if !access_key.starts_with("ASIA") {
            return TestCredentials.lookup(access_key, token);
        }
        let found = self.0.look(|state, now| {
            let session = state.session(access_key, now);
            session.filter(|s| token == Some(s.token.as_str())).map(|s| s.secret.clone())
        });
        found.ok().flatten()
    }

    fn account(&self, access_key: &str) -> Option<String> {
        if !access_key.starts_with("ASIA") {
            return None;
        }
        let found =
            self.0.look(|state, now| state.session(access_key, now).map(|s| s.account.clone()));
        found.ok().flatten()
    }
}
