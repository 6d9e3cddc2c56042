//! A remembered request as people and programs read it.

use super::{Entry, Kept, redact};
use crate::edge::classify;
use crate::edge::proxy::Told;
use crate::protocol::{Form, Tree};
use crate::services::{Identified, Service};
use http::request::Parts;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// A request with its operation and parameters found out.
#[derive(Debug, Clone)]
pub(in crate::edge) struct View {
    pub(in crate::edge) service: String,
    pub(in crate::edge) operation: String,
    pub(in crate::edge) status: Option<u16>,
    pub(in crate::edge) at_ms: i64,
    /// Whether it is an awsQuery form.
    pub(in crate::edge) is_form: bool,
    /// The input without its secrets.
    pub(in crate::edge) parameters: Map<String, Value>,
    value: Value,
}

impl View {
    /// Reads `entry`; `service_of` gives the service of a name.
    pub(in crate::edge) fn of<'s>(
        entry: &Entry,
        service_of: impl Fn(&str) -> Option<&'s Arc<dyn Service>>,
    ) -> View {
        if let Some(told) = &entry.rare.told {
            return View::of_wire(entry, told);
        }
        let head = head_of(entry);
        let form = form_of(entry);
        let known = entry.service.as_deref().or_else(|| form.as_ref().and_then(classify::by_form));
        let service = known.unwrap_or_default().to_owned();
        let identified = named_by_protocol(&head, form.as_ref()).unwrap_or_else(|| {
            let identified = service_of(&service).and_then(|s| s.identify(head));
            identified.unwrap_or_else(|| Identified { operation: "".into(), members: Vec::new() })
        });
        let mut parameters = input_of(entry, form.as_ref());
        if service == "s3" {
            add_query(entry, &mut parameters);
        }
        let members = identified.members.into_iter().map(|(n, v)| (n, Value::String(v)));
        parameters.extend(members);
        let mut whole = Value::Object(parameters);
        redact::members(&service, &mut whole);
        let parameters = whole.as_object().cloned().unwrap_or_default();
        let operation = identified.operation.into_owned();
        let value = told(entry, &service, &operation, &parameters);
        let (at_ms, status) = (entry.at.0, entry.end.status);
        View { service, operation, status, at_ms, is_form: form.is_some(), parameters, value }
    }

    /// A request to Postgres or Redis, which has no status and no caller.
    fn of_wire(entry: &Entry, of: &Told) -> View {
        let service = entry.service.as_deref().unwrap_or_default();
        let mut view = View::unwritten(service, of);
        view.at_ms = entry.at.0;
        view.value = told(entry, service, &of.operation, &of.parameters);
        view
    }

    /// The same before anything of it is written.
    pub(in crate::edge) fn unwritten(service: &str, of: &Told) -> View {
        let (operation, parameters) = (of.operation.clone(), of.parameters.clone());
        let (service, value) = (service.to_owned(), Value::Null);
        View { service, operation, status: None, at_ms: 0, is_form: false, parameters, value }
    }

    /// As JSON.
    pub(in crate::edge) fn json(self) -> Value {
        self.value
    }
}

fn told(entry: &Entry, service: &str, operation: &str, parameters: &Map<String, Value>) -> Value {
    let headers = &entry.headers;
    let length = |name: &str| {
        let value = headers.get(name).and_then(|v| v.to_str().ok());
        value.and_then(|v| v.parse::<u64>().ok())
    };
    let sent = length("x-amz-decoded-content-length").or_else(|| length("content-length"));
    json!({
        "id": entry.id,
        "time": entry.at.iso8601(),
        "request_id": entry.caller.request_id,
        "service": service,
        "operation": operation,
        "account": entry.caller.account,
        "region": entry.caller.region,
        "principal": entry.caller.access_key,
        "method": entry.method.as_str(),
        "path": redact::address(&entry.uri),
        "status": entry.end.status,
        "error": entry.rare.error,
        "took_ms": entry.end.took.as_secs_f64() * 1000.0,
        "request_bytes": sent.unwrap_or_default(),
        "answer_bytes": entry.end.bytes,
        "parameters": parameters,
        "is_complete": !matches!(entry.body, Kept::Members(_)),
        "fault": entry.rare.fault,
        "forwarded": entry.rare.forwarded,
    })
}

fn head_of(entry: &Entry) -> Parts {
    let (mut parts, ()) = http::Request::new(()).into_parts();
    parts.method = entry.method.clone();
    parts.uri = entry.uri.clone();
    parts.headers = entry.headers.clone();
    parts.extensions.insert(entry.caller.clone());
    parts
}

/// The form of an awsQuery request: its body, or its query.
fn form_of(entry: &Entry) -> Option<Form> {
    let of_body = match &entry.body {
        Kept::Whole(bytes) if !bytes.is_empty() => Form::parse(bytes).ok(),
        _ => entry.uri.query().and_then(|query| Form::parse(query.as_bytes()).ok()),
    };
    of_body.filter(|form| form.get("Action").is_some())
}

fn named_by_protocol(head: &Parts, form: Option<&Form>) -> Option<Identified> {
    let target = head.headers.get(&classify::TARGET).and_then(|t| t.to_str().ok());
    let name = target.and_then(|t| t.split('.').nth(1)).or_else(|| form?.get("Action"))?;
    Some(Identified { operation: name.to_owned().into(), members: Vec::new() })
}

fn input_of(entry: &Entry, form: Option<&Form>) -> Map<String, Value> {
    let input = match (form, &entry.body) {
        (Some(form), _) => form.read::<Tree>().map(|tree| tree.0).unwrap_or_default(),
        (_, Kept::Whole(bytes)) => serde_json::from_slice(bytes).unwrap_or_default(),
        (_, Kept::Members(members)) => return members.clone(),
        (_, Kept::Not) => Value::Null,
    };
    let Value::Object(mut input) = input else { return Map::new() };
    if form.is_some() {
        input.remove("Action");
        input.remove("Version");
    }
    input
}

/// What S3 is told in the query (`prefix=`), but for what only signs.
fn add_query(entry: &Entry, parameters: &mut Map<String, Value>) {
    let form = entry.uri.query().and_then(|query| Form::parse(query.as_bytes()).ok());
    for (name, value) in form.into_iter().flat_map(Form::into_pairs) {
        if !name.to_ascii_lowercase().starts_with("x-amz-") && !value.is_empty() {
            parameters.insert(name, value.into());
        }
    }
}
