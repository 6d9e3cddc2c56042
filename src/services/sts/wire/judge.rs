//! Who a caller is, with all policies that are its: the account's root by its own keys, a user by its
//! access key, and whoever a session stands for.

use crate::base::{Caller, account_of};
use crate::policy::{Grammar, Keys, Policy};
use crate::protocol::Failure;
use crate::services::Host;
use crate::services::access::{Kind, Subject};
use crate::services::iam::state::{Kind as Identities, State as Iam};
use crate::services::iam::subjects;
use crate::services::sts::state::{Session, State};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Knows every caller.
#[derive(Clone)]
pub struct Judge {
    iam: Arc<Host<Iam>>,
    sts: Arc<Host<State>>,
    enforces: Arc<AtomicBool>,
}

impl Judge {
    /// Over the users and roles of IAM and the sessions of STS.
    pub(super) fn new(iam: Arc<Host<Iam>>, sts: Arc<Host<State>>) -> Judge {
        Judge { iam, sts, enforces: Arc::default() }
    }

    pub(super) fn iam(&self) -> &Host<Iam> {
        &self.iam
    }

    pub(super) fn sts(&self) -> &Host<State> {
        &self.sts
    }

    /// From now on policies are held to: `auth = "enforce"`.
    pub fn enforce(&self) {
        self.enforces.store(true, Ordering::Release);
    }

    /// Whether policies are held to.
    pub fn enforces(&self) -> bool {
        self.enforces.load(Ordering::Acquire)
    }

    /// Who calls.
    pub fn subject(&self, caller: &Caller) -> Result<Subject, Failure> {
        self.subject_of(&caller.access_key, caller)
    }

    /// Who calls with the access key `key`; root of the caller's account where it is the environment's own.
    pub fn subject_of(&self, key: &str, caller: &Caller) -> Result<Subject, Failure> {
        let session = match key.starts_with("ASIA") {
            true => self.sts.look(|state, now| state.session(key, now).cloned())?,
            false => None,
        };
        self.iam.look(|state, _| match (session, state.key(key)) {
            (Some(session), _) => of_session(state, session),
            (None, Some((account, user, _))) => subjects::subject(state, account, user),
            (None, None) if key == caller.access_key => Subject::root(&caller.account),
            (None, None) => Subject::root(account_of(key)),
        })
    }

    /// The condition keys of every request of `subject`.
    pub fn keys(&self, subject: &Subject, caller: &Caller, user_agent: Option<&str>) -> Keys {
        let mut keys =
            Keys::of_request(self.sts.clock().now()).with("aws:RequestedRegion", &caller.region);
        if let Some(agent) = user_agent {
            keys.add("aws:UserAgent", agent);
        }
        subject.add_keys(&mut keys);
        keys
    }
}

fn parsed<'a>(texts: impl Iterator<Item = &'a String>) -> impl Iterator<Item = Policy> {
    texts.filter_map(|text| Policy::parse(text.trim(), Grammar::Identity).ok())
}

/// Whom a session stands for.
fn of_session(state: &Iam, session: Session) -> Subject {
    let account = session.account.as_str();
    let facts = &session.facts;
    let empty = crate::services::iam::state::Account::default();
    let own = state.account(account).unwrap_or(&empty);
    let managed = facts.policy_arns.iter().filter_map(|arn| subjects::policy(own, arn));
    let mut policies: Vec<Policy> = parsed(facts.policies.iter()).chain(managed).collect();
    let named = facts.policies.len() + facts.policy_arns.len() > 0;
    if (named || facts.federated) && policies.is_empty() {
        // What was named and cannot be found, and the federated without any policy, allow nothing.
        policies.push(Policy { statements: Vec::new() });
    }
    let found = match (&facts.role, &facts.user) {
        (Some(arn), _) => subjects::role(state, arn).map(|(_, role)| role),
        (None, Some(user)) => own.identity(Identities::User, user),
        (None, None) => None,
    };
    let mut subject = match found {
        Some(identity) => subjects::subject(state, account, identity),
        None => Subject::root(account),
    };
    if facts.role.is_some() {
        subject.kind = Kind::Role;
    } else if facts.federated {
        if subject.kind == Kind::Root {
            let all = r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
            subject.identity = parsed([all.to_owned()].iter()).collect();
        }
        subject.kind = Kind::Federated;
    } else if facts.user.is_some() {
        // The user may have been deleted since.
        subject.kind = Kind::User;
    }
    subject.role.clone_from(&facts.role);
    subject.session = policies;
    for (key, value) in &facts.tags {
        subject.tags.retain(|(known, _)| !known.eq_ignore_ascii_case(key));
        subject.tags.push((key.clone(), value.clone()));
    }
    Subject { arn: session.arn, user_id: session.user_id, ..subject }
}
