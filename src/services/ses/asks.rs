//! What requests to SES ask to be allowed: to send from an identity, or an action on what the input names.
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonses.html>,
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsimpleemailservicev2.html>

use super::models::V2;
use super::state::State;
use crate::services::access::{Ask, Asked};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// What `asked` asks.
pub fn asks(state: &State, asked: &Asked<'_>) -> Vec<Ask> {
    let (operation, label) = match asked.operation {
        "" => by_path(asked.rest.0, asked.rest.1),
        named => (named, None),
    };
    let raw = asked.input.get("Content").and_then(|content| content.get("Raw"));
    let operation = match operation {
        "SendEmail" if raw.is_some() => "SendRawEmail",
        other => other,
    };
    if operation.starts_with("Send") {
        return vec![sending(state, asked, operation, raw)];
    }
    let identity = ["Identity", "EmailIdentity", "EmailAddress", "Domain"];
    let named = identity.iter().map(|member| asked.text(member)).find(|text| !text.is_empty());
    let of_identity = operation.contains("Identity").then_some(label).flatten();
    let resource = match named.map(str::to_owned).or(of_identity) {
        Some(name) if operation.contains("Identity") => {
            asked.arn("ses", &format!("identity/{name}"))
        }
        _ => "*".to_owned(),
    };
    vec![Ask::new(format!("ses:{operation}"), resource)]
}

fn sending(state: &State, asked: &Asked<'_>, operation: &str, raw: Option<&Value>) -> Ask {
    let given = ["Source", "FromEmailAddress"].iter().map(|member| asked.text(member));
    let from = given.filter(|text| !text.is_empty()).map(str::to_owned).next();
    let data = raw.or_else(|| asked.input.get("RawMessage")).and_then(|raw| raw["Data"].as_str());
    let from = from.or_else(|| from_header(data?)).unwrap_or_default();
    let address = address_in(&from).to_ascii_lowercase();
    let domain = address.rsplit('@').next().unwrap_or_default();
    // Who may use an address may use it by its domain's identity too.
    let known = state.identity(asked.caller, &address).is_some();
    let identity =
        if known || state.identity(asked.caller, domain).is_none() { &address } else { domain };
    let arn = asked.arn("ses", &format!("identity/{identity}"));
    let mut ask = Ask::new(format!("ses:{operation}"), arn);
    ask = ask.with_key("ses:FromAddress", &address);
    let destination = asked.input.get("Destination");
    for list in ["ToAddresses", "CcAddresses", "BccAddresses"] {
        let list = destination.and_then(|to| to.get(list));
        let items: Vec<&Value> = match list {
            Some(Value::Array(items)) => items.iter().collect(),
            Some(Value::Object(form)) => form
                .get("member")
                .and_then(Value::as_object)
                .into_iter()
                .flat_map(|m| m.values())
                .collect(),
            _ => Vec::new(),
        };
        for to in items.iter().filter_map(|to| to.as_str()) {
            ask.keys.add("ses:Recipients", address_in(to));
        }
    }
    ask
}

/// The address in `Jane <jane@example.com>`.
fn address_in(text: &str) -> &str {
    let inner = text.rsplit_once('<').and_then(|(_, rest)| rest.split('>').next());
    inner.unwrap_or(text).trim()
}

/// The `From` header of a raw mail in base64.
fn from_header(data: &str) -> Option<String> {
    let bytes = STANDARD.decode(data).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let line = text
        .lines()
        .take_while(|line| !line.trim().is_empty())
        .find(|line| line.get(..5).is_some_and(|name| name.eq_ignore_ascii_case("from:")))?;
    Some(line[5..].trim().to_owned())
}

/// The operation of v2 behind a method and a path, and the first label of the path.
fn by_path(method: &str, path: &str) -> (&'static str, Option<String>) {
    let given: Vec<&str> = path.trim_end_matches('/').split('/').collect();
    for (name, known, template) in V2.iter().filter(|(_, known, _)| *known == method) {
        debug_assert_eq!(*known, method);
        let parts: Vec<&str> = template.trim_end_matches('/').split('/').collect();
        let fits = parts.len() == given.len()
            && parts.iter().zip(&given).all(|(part, text)| part.starts_with('{') || part == text);
        if fits {
            let label = parts.iter().zip(&given).find(|(part, _)| part.starts_with('{'));
            let label = label.map(|(_, text)| {
                percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
            });
            return (name, label);
        }
    }
    ("", None)
}
