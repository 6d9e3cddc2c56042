//! The decision of all policies that speak of a request.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html>

use super::{Ask, Kind, Rule, Subject};
use crate::policy::{Decision, Keys, Policy, Request};

/// Which kind of policy decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The principal's own.
    Identity,
    /// The resource's.
    Resource,
    /// The bounds of the principal's own.
    Boundary,
    /// The bounds of its session.
    Session,
}

/// Whether a request is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is.
    Allowed,
    /// A policy of this kind denies it.
    Denied(Reason),
    /// No policy of this kind allows it.
    Missing(Reason),
}

fn decide(policies: &[Policy], request: &Request<'_>) -> Decision {
    policies.iter().map(|p| p.decide(request)).fold(Decision::Implicit, Decision::and)
}

/// Decides `ask` of `subject`; `keys` are the request's condition keys, the subject's and the ask's
/// among them.
pub fn evaluate(subject: &Subject, ask: &Ask, keys: &Keys) -> Verdict {
    let who = subject.who();
    let request = Request { who: &who, action: &ask.action, resource: &ask.resource, keys };
    let identity = match subject.kind {
        Kind::Root => Decision::Allow,
        _ => decide(&subject.identity, &request),
    };
    let boundary = subject.boundary.as_ref().map(|policy| policy.decide(&request));
    let session = (!subject.session.is_empty()).then(|| decide(&subject.session, &request));
    let resource = ask.policy.as_ref().map_or(Decision::Implicit, |p| p.decide(&request));
    for (reason, decision) in [
        (Reason::Resource, Some(resource)),
        (Reason::Identity, Some(identity)),
        (Reason::Boundary, boundary),
        (Reason::Session, session),
    ] {
        if decision == Some(Decision::Deny) {
            return Verdict::Denied(reason);
        }
    }
    let own = ask.owner.as_ref().is_none_or(|owner| *owner == subject.account);
    let direct = resource == Decision::Allow
        && ask.policy.as_ref().is_some_and(|policy| policy.allows_directly(&request));
    let bounds = || {
        let bound = |reason, decision| match decision {
            None | Some(Decision::Allow) => Ok(()),
            Some(_) => Err(Verdict::Missing(reason)),
        };
        bound(Reason::Boundary, boundary)?;
        bound(Reason::Session, session)
    };
    if !own {
        return match (identity, resource) {
            (Decision::Allow, Decision::Allow) => bounds().err().unwrap_or(Verdict::Allowed),
            (Decision::Allow, _) => Verdict::Missing(Reason::Resource),
            _ => Verdict::Missing(Reason::Identity),
        };
    }
    if direct {
        // A user, or a session by its own name, is let in past its bounds; a role is not.
        let named_role = subject.kind == Kind::Role && !names_session(ask, &request);
        let bounded = named_role.then(bounds);
        return bounded.and_then(Result::err).unwrap_or(Verdict::Allowed);
    }
    if ask.rule == Rule::Decides && resource != Decision::Allow && subject.kind != Kind::Root {
        return Verdict::Missing(Reason::Resource);
    }
    if identity != Decision::Allow {
        return Verdict::Missing(Reason::Identity);
    }
    bounds().err().unwrap_or(Verdict::Allowed)
}

/// Whether the resource's policy names the session itself and not only its role.
fn names_session(ask: &Ask, request: &Request<'_>) -> bool {
    let alone = crate::policy::Who { also: Vec::new(), ..request.who.clone() };
    let request = Request { who: &alone, ..*request };
    ask.policy.as_ref().is_some_and(|policy| policy.allows_directly(&request))
}
