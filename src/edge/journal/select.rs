//! Which of the remembered requests somebody wants to see.

use super::View;
use crate::services::parse_instant;
use serde_json::Value;

/// What a request has to be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::edge) struct Wanted {
    /// `sqs`.
    service: Option<String>,
    /// `PutObject`, `Put*`.
    operation: Option<String>,
    status: Option<Status>,
    /// Milliseconds since 1970.
    since: Option<i64>,
    /// Parameters and what stands in them.
    parameters: Vec<(String, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Is(u16),
    /// `4xx`.
    Class(u16),
    /// No answer, or one of 400 and above.
    Error,
}

impl Wanted {
    /// Reads it from the pairs of a query; names that are none of these are an error. `operation` may
    /// carry the service: `s3:PutObject`.
    pub(in crate::edge) fn read(pairs: &[(String, String)]) -> Result<Wanted, String> {
        let mut wanted = Wanted::default();
        for (name, value) in pairs {
            match name.as_str() {
                "service" => wanted.service = Some(value.clone()),
                "operation" => match value.split_once(':') {
                    Some((service, operation)) => {
                        wanted.service = Some(service.to_owned());
                        wanted.operation = Some(operation.to_owned());
                    }
                    None => wanted.operation = Some(value.clone()),
                },
                "status" => wanted.status = Some(status(value)?),
                "since" => wanted.since = Some(parse_instant(value)?.0),
                "where" => match value.split_once('=') {
                    Some((name, value)) => {
                        wanted.parameters.push((name.to_owned(), value.to_owned()));
                    }
                    None => return Err(format!("`where` is NAME=VALUE, not `{value}`")),
                },
                other => return Err(format!("requests are not selected by `{other}`")),
            }
        }
        Ok(wanted)
    }

    /// Whether `view` is one of these.
    pub(in crate::edge) fn fits(&self, view: &View) -> bool {
        let service = self.service.as_deref().is_none_or(|s| s.eq_ignore_ascii_case(&view.service));
        let operation = self.operation.as_deref().is_none_or(|o| matches(o, &view.operation));
        let status = self.status.is_none_or(|status| status.fits(view.status));
        let since = self.since.is_none_or(|since| view.at_ms >= since);
        service
            && operation
            && status
            && since
            && self.parameters.iter().all(|(name, value)| view.has(name, value))
    }
}

impl Status {
    fn fits(self, status: Option<u16>) -> bool {
        match self {
            Status::Is(wanted) => status == Some(wanted),
            Status::Class(class) => status.is_some_and(|status| status / 100 == class),
            Status::Error => status.is_none_or(|status| status >= 400),
        }
    }
}

fn status(text: &str) -> Result<Status, String> {
    match text {
        "error" => Ok(Status::Error),
        "2xx" | "3xx" | "4xx" | "5xx" => Ok(Status::Class((text.as_bytes()[0] - b'0').into())),
        text => text
            .parse()
            .map(Status::Is)
            .map_err(|_| format!("`{text}` is no status: write `404`, `4xx` or `error`")),
    }
}

impl View {
    /// Whether the request has a parameter of this name with this value. A queue is its name too, and a
    /// `*` stands for any text.
    pub(in crate::edge) fn has(&self, name: &str, value: &str) -> bool {
        if name.eq_ignore_ascii_case("queue") {
            let url = self.parameters.get("QueueUrl").or_else(|| self.parameters.get("QueueName"));
            let queue = url.and_then(Value::as_str).and_then(|url| url.rsplit('/').next());
            return queue.is_some_and(|queue| matches(value, queue));
        }
        let found = self.parameters.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.is_some_and(|(_, found)| match found {
            Value::String(text) => matches(value, text),
            other => matches(value, &other.to_string()),
        })
    }
}

/// Whether `text` is what `pattern` says, in which `*` is any text.
pub(in crate::edge) fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.len() >= last.len() && rest.ends_with(last)
}
