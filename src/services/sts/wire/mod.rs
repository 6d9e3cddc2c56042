//! STS over awsQuery.

mod credentials;
mod judge;

pub use judge::Judge;

use super::ops::{OpenSession, RANDOM_BYTES, Role, Wish, get_caller_identity, role_in};
use super::state::State;
use super::{model, token};
use crate::base::{Caller, Problem, account_of};
use crate::policy::{Grammar, Keys, Policy};
use crate::protocol::sigv4::Credentials;
use crate::protocol::{Answer, Endpoint, Failure, Names, QueryNames, QueryRoutes, Request, Tree};
use crate::services::access::{Ask, Asked, Denial, Kind, Rule, Subject, decode, evaluate, keys};
use crate::services::iam::{Iam, subjects};
use crate::services::model::{Input, Refusal, read, write};
use crate::services::{Clock, Host, Pending, Service, failure, read_whole};
use crate::storage::Storage;
use credentials::Secrets;
use serde_json::{Value, json};
use std::sync::{Arc, OnceLock};

const NAMES: Names = Names {
    query: QueryNames { xmlns: "https://sts.amazonaws.com/doc/2011-06-15/", flat: |_| None },
    ..Names::PLAIN
};
/// Bytes of a request's body at the most.
const REQUEST_BYTES_MAX: usize = 256 * 1024;
/// What is served.
const SERVED: &[&str] = &[
    "AssumeRole",
    "AssumeRoleWithWebIdentity",
    "DecodeAuthorizationMessage",
    "GetAccessKeyInfo",
    "GetCallerIdentity",
    "GetFederationToken",
    "GetSessionToken",
];

/// The service.
pub struct Sts {
    endpoint: Endpoint,
    host: Arc<Host<State>>,
    judge: Judge,
}

/// What the operations work with.
#[derive(Clone)]
struct Inner {
    host: Arc<Host<State>>,
    judge: Judge,
}

impl Sts {
    /// Opens the service on its table of sessions, beside the users and roles of `iam`.
    pub fn open(storage: &Storage, clock: &Clock, iam: &Iam) -> Result<Self, Problem> {
        let host: Arc<Host<State>> = Host::open(storage, clock)?;
        let judge = Judge::new(iam.host().clone(), host.clone());
        let inner = Inner { host: host.clone(), judge: judge.clone() };
        let mut routes = QueryRoutes::new("sts", NAMES);
        for name in SERVED.iter().copied() {
            let inner = inner.clone();
            routes = routes.add(name, move |Tree(tree): Tree, caller: Arc<Caller>| {
                let inner = inner.clone();
                async move { inner.call(name, &tree, &caller).await }
            });
        }
        static ALL: OnceLock<Vec<&'static str>> = OnceLock::new();
        let endpoint = routes.by_action(ALL.get_or_init(|| model().names()));
        Ok(Sts { endpoint, host, judge })
    }

    /// The keys that may sign: those of `test` and the accounts, of users and of sessions.
    pub fn credentials(&self) -> Arc<dyn Credentials> {
        Arc::new(Secrets::new(self.judge.clone()))
    }

    /// Who knows every caller and what it may.
    pub fn judge(&self) -> &Judge {
        &self.judge
    }
}

impl Inner {
    async fn call(
        &self,
        name: &'static str,
        tree: &Value,
        caller: &Caller,
    ) -> Result<Value, Failure> {
        let invalid = |text| Failure::new(400, "ValidationError", text);
        let input = read(model(), name, tree).map_err(|faults| invalid(faults.text()))?;
        let answer = self.answer(name, &Input(input), caller).await?;
        Ok(write(model(), name, answer))
    }

    async fn answer(&self, name: &str, input: &Input, caller: &Caller) -> Result<Value, Failure> {
        let subject = self.judge.subject(caller)?;
        match name {
            "GetAccessKeyInfo" => {
                let key = input.text("AccessKeyId");
                let account = keys::account_in(key).unwrap_or_else(|| account_of(key).to_owned());
                Ok(json!({"Account": account}))
            }
            "DecodeAuthorizationMessage" => {
                let decoded = decode(input.text("EncodedMessage")).ok_or_else(|| {
                    let text = "Message could not be decoded: it is no authorization message.";
                    Failure::new(400, "InvalidAuthorizationMessageException", text)
                })?;
                Ok(json!({"DecodedMessage": decoded}))
            }
            "AssumeRole" => self.assume(input, &subject, caller).await,
            "AssumeRoleWithWebIdentity" => self.web_identity(input, caller).await,
            "GetSessionToken" => {
                let wish = Wish::token(input, &subject).map_err(|refusal| failure(&refusal))?;
                self.open(wish, caller).await
            }
            "GetFederationToken" => {
                let wish =
                    Wish::federation(input, &subject).map_err(|refusal| failure(&refusal))?;
                let user = json!({"FederatedUserId": wish.user_id, "Arn": wish.arn});
                let mut answer = self.open(wish, caller).await?;
                answer["FederatedUser"] = user;
                if answer["PackedPolicySize"].is_null() {
                    answer["PackedPolicySize"] = 0.into();
                }
                Ok(answer)
            }
            _ => Ok(get_caller_identity(&subject)),
        }
    }

    /// What IAM knows of a role.
    fn role(&self, arn: &str) -> Result<Option<Role>, Failure> {
        self.judge.iam().look(|state, _| {
            let found = subjects::role(state, arn);
            found.map(|(_, role)| Role { id: role.id.clone(), max_session: role.max_session })
        })
    }

    async fn assume(
        &self,
        input: &Input,
        subject: &Subject,
        caller: &Caller,
    ) -> Result<Value, Failure> {
        let role = self.role(input.text("RoleArn"))?;
        let from = self.host.look(|state, now| state.session(&caller.access_key, now).cloned())?;
        let wish = Wish::role(input, subject, from.as_ref(), role.as_ref())
            .map_err(|refusal| failure(&refusal))?;
        self.open_role(wish, caller).await
    }

    async fn web_identity(&self, input: &Input, caller: &Caller) -> Result<Value, Failure> {
        let now = self.host.clock().now();
        let claims = token::read(input.text("WebIdentityToken"), now);
        let claims = claims.map_err(|refusal| failure(&refusal))?;
        let arn = input.text("RoleArn");
        let wish = Wish::web_identity(input, self.role(arn)?.as_ref());
        let wish = wish.map_err(|refusal| failure(&refusal))?;
        if self.judge.enforces() {
            self.check_trust(arn, &claims)?;
        }
        let account = wish.account.clone();
        let mut answer = self.open_role(wish, caller).await?;
        answer["SubjectFromWebIdentityToken"] = claims.subject.into();
        answer["Audience"] = claims.audience.into();
        answer["Provider"] =
            format!("arn:aws:iam::{account}:oidc-provider/{}", claims.provider).into();
        Ok(answer)
    }

    /// Whether the role's trust policy lets in whom the provider vouches for.
    fn check_trust(&self, arn: &str, claims: &token::Claims) -> Result<(), Failure> {
        let (account, _) = role_in(arn).map_err(|refusal| failure(&refusal))?;
        let provider = format!("arn:aws:iam::{account}:oidc-provider/{}", claims.provider);
        let (known, trust) = self.judge.iam().look(|state, _| {
            let known = state.account(account).is_some_and(|a| a.providers.contains_key(&provider));
            (known, trust_of(state, arn))
        })?;
        if !known {
            return Err(failure(&Refusal::new(
                "InvalidIdentityToken",
                format!(
                    "No OpenIDConnect provider found in your account for https://{}",
                    claims.provider
                ),
            )));
        }
        let mut ask = Ask::new("sts:AssumeRoleWithWebIdentity", arn);
        ask.policy = trust;
        ask.rule = Rule::Decides;
        let subject = Subject {
            kind: Kind::Federated,
            arn: provider.clone(),
            provider: Some(provider),
            ..Subject::root(account)
        };
        let keys = Keys::new()
            .with(&format!("{}:sub", claims.provider), &claims.subject)
            .with(&format!("{}:aud", claims.provider), &claims.audience);
        match evaluate(&subject, &ask, &keys) {
            crate::services::access::Verdict::Allowed => Ok(()),
            _ => Err(Failure::new(
                403,
                "AccessDenied",
                "Not authorized to perform sts:AssumeRoleWithWebIdentity",
            )),
        }
    }

    async fn open_role(&self, wish: Wish, caller: &Caller) -> Result<Value, Failure> {
        let user = json!({"AssumedRoleId": wish.user_id, "Arn": wish.arn});
        let source = wish.facts.source_identity.clone();
        let mut answer = self.open(wish, caller).await?;
        answer["AssumedRoleUser"] = user;
        answer["SourceIdentity"] = source.into();
        Ok(answer)
    }

    async fn open(&self, wish: Wish, caller: &Caller) -> Result<Value, Failure> {
        let mut random = [0; RANDOM_BYTES];
        self.host.storage().draws().fill("sts", &mut random).map_err(|_| {
            let text = "devenv could not get random bytes from the system.";
            Failure::new(500, "InternalFailure", text)
        })?;
        let packed = wish.packed();
        let credentials = self.host.run(OpenSession { wish, random }, caller).await?;
        Ok(json!({"Credentials": credentials, "PackedPolicySize": packed}))
    }
}

/// A role's trust policy.
fn trust_of(state: &crate::services::iam::state::State, arn: &str) -> Option<Policy> {
    let (_, role) = subjects::role(state, arn)?;
    Policy::parse(role.trust.trim(), Grammar::Trust).ok()
}

impl Service for Sts {
    fn name(&self) -> &'static str {
        "sts"
    }

    fn body_limit(&self) -> Option<usize> {
        Some(REQUEST_BYTES_MAX)
    }

    fn call(&self, request: Request) -> Pending<'_, Answer> {
        Box::pin(async move { self.endpoint.call(read_whole(request).await).await })
    }

    fn asks(&self, asked: &Asked<'_>) -> Result<Vec<Ask>, Failure> {
        Ok(match asked.operation {
            "AssumeRole" => {
                let arn = asked.text("RoleArn");
                let mut ask = Ask::new("sts:AssumeRole", arn);
                ask.policy = self.judge.iam().look(|state, _| trust_of(state, arn))?;
                ask.rule = Rule::Decides;
                for name in ["ExternalId", "RoleSessionName", "SourceIdentity"] {
                    if !asked.text(name).is_empty() {
                        ask = ask.with_key(&format!("sts:{name}"), asked.text(name));
                    }
                }
                vec![ask]
            }
            "DecodeAuthorizationMessage" => vec![Ask::new("sts:DecodeAuthorizationMessage", "*")],
            "GetFederationToken" => {
                let resource = format!("federated-user/{}", asked.text("Name"));
                let account = &asked.caller.account;
                let arn = format!("arn:aws:sts::{account}:{resource}");
                vec![Ask::new("sts:GetFederationToken", arn)]
            }
            // The others need no permission; who brings a token is judged by the role's trust policy.
            _ => Vec::new(),
        })
    }

    fn reset(&self) -> Pending<'_, Result<(), Problem>> {
        Box::pin(self.host.wipe())
    }

    fn forget<'a>(&'a self, account: &'a str) -> Pending<'a, Result<(), Problem>> {
        Box::pin(self.host.forget(account))
    }

    fn operations(&self) -> Vec<&'static str> {
        SERVED.to_vec()
    }
}

impl Judge {
    /// Decides `ask` of `subject`, whose request has these keys.
    pub fn check(&self, subject: &Subject, ask: &Ask, keys: &Keys) -> Result<(), Denial> {
        let keys = ask.all_keys(subject, keys);
        match evaluate(subject, ask, &keys) {
            crate::services::access::Verdict::Allowed => Ok(()),
            verdict => Err(Denial::new(subject, ask, &keys, verdict)),
        }
    }
}
