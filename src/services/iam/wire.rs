//! IAM over awsQuery.

use super::limits::REQUEST_BYTES_MAX;
use super::model;
use super::ops::{Call, RANDOM_BYTES, served};
use super::state::State;
use crate::base::{Caller, Problem};
use crate::protocol::{Answer, Endpoint, Failure, Names, QueryNames, QueryRoutes, Request, Tree};
use crate::services::model::{Fault, Faults, Input, read, write};
use crate::services::{Clock, Host, Pending, Service, read_whole};
use crate::storage::Storage;
use serde_json::Value;
use std::sync::{Arc, OnceLock};

const NAMES: Names = Names {
    query: QueryNames {
        xmlns: "https://iam.amazonaws.com/doc/2010-05-08/",
        flat: |member| (member == "entry").then_some("entry"),
    },
    ..Names::PLAIN
};

/// The service.
pub struct Iam {
    endpoint: Endpoint,
    host: Arc<Host<State>>,
}

impl Iam {
    /// Opens the service on its table.
    pub fn open(storage: &Storage, clock: &Clock) -> Result<Self, Problem> {
        let host: Arc<Host<State>> = Host::open(storage, clock)?;
        let mut routes = QueryRoutes::new("iam", NAMES);
        for name in served() {
            let host = host.clone();
            routes = routes.add(name, move |Tree(tree): Tree, caller: Arc<Caller>| {
                let host = host.clone();
                async move { call(&host, name, &tree, &caller).await }
            });
        }
        static ALL: OnceLock<Vec<&'static str>> = OnceLock::new();
        Ok(Iam { endpoint: routes.by_action(ALL.get_or_init(|| model().names())), host })
    }

    /// Its state, for those who judge and for STS.
    pub fn host(&self) -> &Arc<Host<State>> {
        &self.host
    }
}

async fn call(
    host: &Host<State>,
    name: &'static str,
    tree: &Value,
    caller: &Caller,
) -> Result<Value, Failure> {
    let input = read(model(), name, tree)
        .map_err(|faults| Failure::new(400, "ValidationError", in_words(&faults)))?;
    let mut random = [0; RANDOM_BYTES];
    if name == "CreateAccessKey" {
        host.storage().draws().fill("iam", &mut random).map_err(|_| {
            let text = "devenv could not get random bytes from the system.";
            Failure::new(500, "ServiceFailure", text)
        })?;
    }
    let user =
        host.look(|state, _| state.key(&caller.access_key).map(|(_, user, _)| user.name.clone()))?;
    let call = Call { name, input: Input(input), user, random };
    let answer = host.run(call, caller).await?;
    Ok(write(model(), name, answer))
}

/// Faults in IAM's words: of names and paths it says what they must be.
fn in_words(faults: &Faults) -> String {
    let [Fault { at, rule, .. }] = faults.0.as_slice() else { return faults.text() };
    if rule.ends_with(r"pattern: [\w+=,.@-]+") {
        return format!(
            "The specified value for {at} is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-"
        );
    }
    if rule.contains("pattern") && at.to_ascii_lowercase().ends_with("path") {
        return format!(
            "The specified value for {at} is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters."
        );
    }
    faults.text()
}

impl Service for Iam {
    fn name(&self) -> &'static str {
        "iam"
    }

    fn body_limit(&self) -> Option<usize> {
        Some(REQUEST_BYTES_MAX)
    }

    fn call(&self, request: Request) -> Pending<'_, Answer> {
        Box::pin(async move { self.endpoint.call(read_whole(request).await).await })
    }

    fn asks(
        &self,
        asked: &crate::services::access::Asked<'_>,
    ) -> Result<Vec<crate::services::access::Ask>, Failure> {
        self.host.look(|state, _| super::asks::asks(state, asked))
    }

    fn reset(&self) -> Pending<'_, Result<(), Problem>> {
        Box::pin(self.host.wipe())
    }

    fn forget<'a>(&'a self, account: &'a str) -> Pending<'a, Result<(), Problem>> {
        Box::pin(self.host.forget(account))
    }

    fn operations(&self) -> Vec<&'static str> {
        served()
    }
}
