//! `auth = "enforce"`: before an operation, the policies that speak of it are asked. S3 asks them itself,
//! for only it knows what a request does; it finds the caller in the request's extensions.

use super::auth::Gate;
use super::classify::Target;
use crate::base::Caller;
use crate::protocol::{Failure, Form, Tree};
use crate::services::Service;
use crate::services::access::{Asked, Denial, Subject, Vouch};
use bytes::Bytes;
use http::request::Parts;
use serde_json::Value;
use std::sync::Arc;

/// The header in which a denial's encoded message goes out.
pub(super) const MESSAGE: &str = "x-devenv-authorization-message";

/// Why a request is not carried out.
pub(super) enum Stopped {
    /// A policy says so.
    Denied(Denial),
    /// It could not be found out.
    Failed(Failure),
}

impl Gate {
    /// Asks whether the caller may do what a request to `service` asks. `body` is absent where the
    /// service reads it itself.
    pub(super) fn authorize(
        &self,
        service: &dyn Service,
        target: &Target,
        parts: &mut Parts,
        body: Option<&Bytes>,
        caller: &Caller,
    ) -> Result<(), Stopped> {
        let Some(judge) = self.judge() else { return Ok(()) };
        let subject = judge.subject(caller).map_err(Stopped::Failed)?;
        let Some(body) = body else {
            if !caller.access_key.is_empty() {
                parts.extensions.insert(Arc::new(subject) as Arc<Subject>);
                return Ok(());
            }
            // A form names its signer in its body.
            let (judge, caller) = (judge.clone(), caller.clone());
            let vouch =
                Vouch(Box::new(move |access_key| judge.subject_of(access_key, &caller).ok()));
            parts.extensions.insert(Arc::new(vouch));
            return Ok(());
        };
        let input = input(target, parts, body);
        let operation = operation(target, parts);
        let rest = (parts.method.as_str(), parts.uri.path());
        let asked = Asked { operation: &operation, rest, input: &input, caller };
        let agent = parts.headers.get(http::header::USER_AGENT).and_then(|v| v.to_str().ok());
        let keys = judge.keys(&subject, caller, agent);
        for ask in service.asks(&asked).map_err(Stopped::Failed)? {
            judge.check(&subject, &ask, &keys).map_err(Stopped::Denied)?;
        }
        Ok(())
    }
}

/// The operation, where the protocol names it.
fn operation(target: &Target, parts: &Parts) -> String {
    if target.query {
        let form = parts.extensions.get::<Arc<Form>>();
        return form.and_then(|form| form.get("Action")).unwrap_or_default().to_owned();
    }
    let name = parts.headers.get(&super::classify::TARGET).and_then(|t| t.to_str().ok());
    name.and_then(|name| name.split('.').nth(1)).unwrap_or_default().to_owned()
}

/// The input as it came. What cannot be read is no input; the protocol says so later.
fn input(target: &Target, parts: &Parts, body: &Bytes) -> Value {
    if target.query {
        let form = parts.extensions.get::<Arc<Form>>();
        let tree = form.and_then(|form| form.read::<Tree>().ok());
        return tree.map_or(Value::Null, |tree| tree.0);
    }
    serde_json::from_slice(body).unwrap_or(Value::Null)
}

/// A denial in the shape of the protocol.
pub(super) fn denied(target: &Target, parts: &Parts, denial: &Denial) -> Failure {
    let rest = parts.uri.path().starts_with("/v2/");
    match target.service.as_ref() {
        "sqs" if denial.via.is_some() => Failure::new(400, "KmsAccessDenied", &denial.text)
            .query_code("KMS.AccessDeniedException"),
        _ if target.query => Failure::new(403, "AccessDenied", &denial.text),
        "sqs" => {
            Failure::new(403, "AccessDeniedException", &denial.text).query_code("AccessDenied")
        }
        _ if rest => Failure::new(403, "AccessDeniedException", &denial.text),
        _ => Failure::new(400, "AccessDeniedException", &denial.text),
    }
}
