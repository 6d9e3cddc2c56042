//! A policy document: its statements, how they are read, and what they say together.

use super::condition::{self, Condition};
use super::{Decision, Keys, Mistake, Pattern, Principals, Request};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// What kind of policy a text must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grammar {
    /// Belongs to a resource: each statement names principals.
    Resource,
    /// Belongs to a principal: no statement names one.
    Identity,
    /// Says who may take on a role: statements name principals and no resources.
    Trust,
}

/// A policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Its statements, in their order.
    pub statements: Vec<Statement>,
}

/// What a statement does to what it speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Allows it.
    Allow,
    /// Denies it, whatever others allow.
    Deny,
}

/// What is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actions {
    /// `Action`.
    Only(Vec<Pattern>),
    /// `NotAction`.
    Except(Vec<Pattern>),
}

/// What it is done to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resources {
    /// `Resource`.
    Only(Vec<Pattern>),
    /// `NotResource`.
    Except(Vec<Pattern>),
}

/// A statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// `Sid`.
    pub sid: Option<String>,
    /// `Effect`.
    pub effect: Effect,
    /// Who.
    pub principals: Principals,
    /// What is done.
    pub actions: Actions,
    /// What it is done to.
    pub resources: Resources,
    /// What else must hold; all of it.
    pub conditions: Vec<Condition>,
}

impl Actions {
    /// The patterns that are written.
    pub fn patterns(&self) -> &[Pattern] {
        match self {
            Actions::Only(patterns) | Actions::Except(patterns) => patterns,
        }
    }

    fn include(&self, action: &str) -> bool {
        let keys = Keys::default();
        match self {
            Actions::Only(all) => all.iter().any(|p| p.fits_any_case(action, &keys)),
            Actions::Except(all) => !all.iter().any(|p| p.fits_any_case(action, &keys)),
        }
    }
}

impl Resources {
    /// The patterns that are written.
    pub fn patterns(&self) -> &[Pattern] {
        match self {
            Resources::Only(patterns) | Resources::Except(patterns) => patterns,
        }
    }

    fn include(&self, resource: &str, keys: &Keys) -> bool {
        match self {
            Resources::Only(all) => all.iter().any(|p| p.fits_arn(resource, keys)),
            Resources::Except(all) => !all.iter().any(|p| p.fits_arn(resource, keys)),
        }
    }
}

impl Statement {
    /// Whether it speaks of a request.
    pub fn applies(&self, request: &Request<'_>) -> bool {
        self.principals.include(request.who)
            && self.actions.include(request.action)
            && self.resources.include(request.resource, request.keys)
            && self.conditions.iter().all(|c| c.holds(request.keys))
    }
}

impl Policy {
    /// Reads a policy and checks its form.
    pub fn parse(text: &str, grammar: Grammar) -> Result<Policy, Mistake> {
        if !text.starts_with('{') {
            return Err(Mistake::NotAnObject);
        }
        let value: Value = serde_json::from_str(text).map_err(|_| Mistake::InvalidJson)?;
        let members = value.as_object().ok_or(Mistake::NotAnObject)?;
        known(members, &["Version", "Id", "Statement"])?;
        let variables = match members.get("Version").map(Value::as_str) {
            Some(Some("2012-10-17")) => true,
            None | Some(Some("2008-10-17")) => false,
            Some(_) => return Err(Mistake::Version),
        };
        if members.get("Id").is_some_and(|id| !id.is_string()) {
            return Err(Mistake::Syntax);
        }
        let list = match members.get("Statement") {
            None => return Err(Mistake::Missing("Statement")),
            Some(Value::Array(list)) => list.as_slice(),
            Some(one) => std::slice::from_ref(one),
        };
        if list.is_empty() {
            return Err(Mistake::NoStatement);
        }
        let statements: Vec<Statement> =
            list.iter().map(|s| statement(s, grammar, variables)).collect::<Result<_, _>>()?;
        let mut sids = BTreeSet::new();
        for sid in statements.iter().filter_map(|s| s.sid.as_deref()).filter(|s| !s.is_empty()) {
            if !sids.insert(sid) {
                return Err(Mistake::DuplicateSid(sid.to_owned()));
            }
        }
        Ok(Policy { statements })
    }

    /// Whether it allows a request to the one that asks itself, and not only to its account.
    pub fn allows_directly(&self, request: &Request<'_>) -> bool {
        let allows = |s: &&Statement| s.effect == Effect::Allow && s.applies(request);
        self.statements.iter().filter(allows).any(|s| s.principals.name(request.who))
    }

    /// What it says to a request: an explicit deny wins.
    pub fn decide(&self, request: &Request<'_>) -> Decision {
        let mut decision = Decision::Implicit;
        for statement in self.statements.iter().filter(|s| s.applies(request)) {
            match statement.effect {
                Effect::Deny => return Decision::Deny,
                Effect::Allow => decision = Decision::Allow,
            }
        }
        decision
    }
}

fn known(members: &Map<String, Value>, names: &[&str]) -> Result<(), Mistake> {
    match members.keys().find(|name| !names.contains(&name.as_str())) {
        Some(unknown) => Err(Mistake::UnknownField(unknown.clone())),
        None => Ok(()),
    }
}

/// A text or a list of texts.
pub(super) fn texts(value: &Value) -> Result<Vec<String>, Mistake> {
    let text = |v: &Value| v.as_str().map(str::to_owned).ok_or(Mistake::Syntax);
    match value {
        Value::Array(list) => list.iter().map(text).collect(),
        one => Ok(vec![text(one)?]),
    }
}

fn statement(value: &Value, grammar: Grammar, variables: bool) -> Result<Statement, Mistake> {
    let members = value.as_object().ok_or(Mistake::Syntax)?;
    const NAMES: &[&str] = &[
        "Sid",
        "Effect",
        "Principal",
        "NotPrincipal",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Condition",
    ];
    known(members, NAMES)?;
    let resource = ["Resource", "NotResource"].iter().any(|name| members.contains_key(*name));
    if resource && grammar == Grammar::Trust {
        return Err(Mistake::ResourceForbidden);
    }
    let sid = match members.get("Sid") {
        None => None,
        Some(Value::String(sid)) => Some(sid.clone()),
        Some(_) => return Err(Mistake::Syntax),
    };
    let effect = match members.get("Effect") {
        None => return Err(Mistake::Missing("Effect")),
        Some(Value::String(text)) if text == "Allow" => Effect::Allow,
        Some(Value::String(text)) if text == "Deny" => Effect::Deny,
        Some(Value::String(text)) => return Err(Mistake::Effect(text.clone())),
        Some(_) => return Err(Mistake::Syntax),
    };
    let principals = match (one_of(members, "Principal", "NotPrincipal")?, grammar) {
        (Some(_), Grammar::Identity) => return Err(Mistake::PrincipalForbidden),
        (None, Grammar::Identity) => Principals::Owner,
        (None, Grammar::Resource | Grammar::Trust) => return Err(Mistake::Missing("Principal")),
        (Some((value, false)), _) => Principals::Only(Principals::read(value)?),
        (Some((value, true)), _) => Principals::Except(Principals::read(value)?),
    };
    let actions = match one_of(members, "Action", "NotAction")? {
        None => return Err(Mistake::Missing("Action")),
        Some((value, false)) => Actions::Only(patterns(value, false, is_action, Mistake::Action)?),
        Some((value, true)) => Actions::Except(patterns(value, false, is_action, Mistake::Action)?),
    };
    let resources = match one_of(members, "Resource", "NotResource")? {
        None if grammar == Grammar::Trust => Resources::Except(Vec::new()),
        None => return Err(Mistake::Missing("Resource")),
        Some((value, not)) => {
            let read = patterns(value, variables, is_resource, Mistake::Resource)?;
            if not { Resources::Except(read) } else { Resources::Only(read) }
        }
    };
    let conditions = match members.get("Condition") {
        None => Vec::new(),
        Some(value) => condition::read(value, variables)?,
    };
    Ok(Statement { sid, effect, principals, actions, resources, conditions })
}

/// The one of two members that is there, and whether it is the second.
fn one_of<'a>(
    members: &'a Map<String, Value>,
    name: &str,
    not: &str,
) -> Result<Option<(&'a Value, bool)>, Mistake> {
    match (members.get(name), members.get(not)) {
        (Some(_), Some(_)) => Err(Mistake::Syntax),
        (Some(value), None) => Ok(Some((value, false))),
        (None, Some(value)) => Ok(Some((value, true))),
        (None, None) => Ok(None),
    }
}

fn patterns(
    value: &Value,
    variables: bool,
    is_right: fn(&str) -> bool,
    mistake: fn(String) -> Mistake,
) -> Result<Vec<Pattern>, Mistake> {
    let all = texts(value)?;
    if let Some(wrong) = all.iter().find(|text| !is_right(text)) {
        return Err(mistake(wrong.clone()));
    }
    if all.is_empty() {
        return Err(mistake(String::new()));
    }
    Ok(all.iter().map(|text| Pattern::new(text, variables, true)).collect())
}

fn is_action(text: &str) -> bool {
    let letters = |t: &str| {
        !t.is_empty()
            && t.bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'*' | b'?' | b'-' | b'_'))
    };
    text == "*" || text.split_once(':').is_some_and(|(s, action)| letters(s) && letters(action))
}

fn is_resource(text: &str) -> bool {
    text == "*" || text.starts_with("arn:") && text.splitn(6, ':').count() == 6
}
