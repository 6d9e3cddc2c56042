//! `/_devenv/requests`: the request journal.

use super::{json_answer, refused};
use crate::base::{Exit, Problem, duration};
use crate::edge::dispatch::Dispatch;
use crate::edge::journal::{Entry, Kept, Wanted};
use crate::protocol::{Answer, Form};
use axum::extract::{Path, State};
use bytes::Bytes;
use http::{Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// Requests in one answer, unless asked otherwise.
const LIMIT_DEFAULT: usize = 50;
/// Longest wait for a request that fits.
const WAIT_MAX: Duration = Duration::from_secs(60);
/// Bytes of a replayed answer that are shown.
const SHOWN_BYTES_MAX: usize = 1024 * 1024;

struct Asked {
    wanted: Wanted,
    after: u64,
    limit: usize,
    wait: Duration,
}

/// The newest requests that fit, oldest first; `after` goes on from an id, `wait` waits for one.
pub(super) async fn list(State(dispatch): State<Arc<Dispatch>>, uri: Uri) -> Answer {
    let asked = match asked(&uri) {
        Ok(asked) => asked,
        Err(message) => return refused(&Problem::new(Exit::Usage, "requests", message)),
    };
    let deadline = tokio::time::Instant::now() + asked.wait;
    loop {
        // Before the look, so that none is missed in between.
        let next = dispatch.journal().next();
        let last = dispatch.journal().last();
        let found = found(&dispatch, &asked);
        if found.is_empty() && tokio::time::timeout_at(deadline, next).await.is_ok() {
            continue;
        }
        return json_answer(StatusCode::OK, &json!({"schema": 1, "requests": found, "last": last}));
    }
}

fn found(dispatch: &Dispatch, asked: &Asked) -> Vec<Value> {
    let entries = dispatch.journal().since(asked.after);
    let views = entries.iter().rev().map(|entry| dispatch.view(entry));
    let fitting = views.filter(|view| asked.wanted.fits(view)).take(asked.limit);
    let mut found: Vec<Value> = fitting.map(crate::edge::journal::View::json).collect();
    found.reverse();
    found
}

fn asked(uri: &Uri) -> Result<Asked, String> {
    let form =
        Form::parse(uri.query().unwrap_or_default().as_bytes()).map_err(|e| e.0.to_string())?;
    let mut asked =
        Asked { wanted: Wanted::default(), after: 0, limit: LIMIT_DEFAULT, wait: Duration::ZERO };
    let mut rest = Vec::new();
    let number = |name: &str, value: &str| {
        value.parse::<u64>().map_err(|_| format!("`{name}` is a number, not `{value}`"))
    };
    for (name, value) in form.into_pairs() {
        match name.as_str() {
            "after" => asked.after = number(&name, &value)?,
            "limit" => asked.limit = usize::try_from(number(&name, &value)?).unwrap_or(usize::MAX),
            "wait" => asked.wait = duration::parse(&value)?.min(WAIT_MAX),
            _ => rest.push((name, value)),
        }
    }
    asked.wanted = Wanted::read(&rest)?;
    Ok(asked)
}

pub(super) async fn clear(State(dispatch): State<Arc<Dispatch>>) -> Answer {
    dispatch.journal().clear();
    json_answer(StatusCode::OK, &json!({"schema": 1, "status": "ok"}))
}

/// One request, and the line that has the AWS CLI send the same.
pub(super) async fn show(State(dispatch): State<Arc<Dispatch>>, Path(id): Path<u64>) -> Answer {
    let Some(entry) = dispatch.journal().one(id) else { return missing(id) };
    let view = dispatch.view(&entry);
    let line = view.aws_line(entry.uri.path());
    let mut value = view.json();
    value["schema"] = 1.into();
    value["aws"] = line.into();
    json_answer(StatusCode::OK, &value)
}

/// Sends it once more, as the same caller. It is let in without its signature, which was of its time.
pub(super) async fn replay(State(dispatch): State<Arc<Dispatch>>, Path(id): Path<u64>) -> Answer {
    let Some(entry) = dispatch.journal().one(id) else { return missing(id) };
    let Some(request) = again(&entry).filter(|_| !entry.is_wire()) else {
        let why = match entry.is_wire() {
            true => format!("request {id} was none of AWS's, and only its beginning was kept"),
            false => format!(
                "the body of request {id} was too long, or passed as a stream, and was not kept"
            ),
        };
        let problem = Problem::failed("not-replayable", why);
        return refused(&problem.hint("send it again by the program that sent it"));
    };
    let answer = dispatch.again(request, &entry).await;
    let status = answer.status().as_u16();
    let body = Limited::new(answer.into_body(), SHOWN_BYTES_MAX).collect().await;
    let text = body.map(|b| String::from_utf8_lossy(&b.to_bytes()).into_owned()).ok();
    json_answer(StatusCode::OK, &json!({"schema": 1, "status": status, "body": text}))
}

fn again(entry: &Entry) -> Option<Request<Full<Bytes>>> {
    let headers = &entry.headers;
    let is_empty = headers.get(header::CONTENT_LENGTH).is_none_or(|length| length == "0")
        && !headers.contains_key("x-amz-decoded-content-length");
    let body = match &entry.body {
        Kept::Whole(bytes) => bytes.clone(),
        Kept::Not if is_empty => Bytes::new(),
        Kept::Not | Kept::Members(_) => return None,
    };
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = entry.method.clone();
    *request.uri_mut() = entry.uri.clone();
    *request.headers_mut() = headers.clone();
    Some(request)
}

fn missing(id: u64) -> Answer {
    let error = json!({"code": "no-such-request", "message": format!("request {id} is not remembered"),
        "hint": "`devenv requests` lists those that are", "retryable": false});
    json_answer(StatusCode::NOT_FOUND, &json!({"schema": 1, "error": error}))
}
