//! `/_devenv/faults`: the faults in force.

use super::{json_answer, refused};
use crate::base::{Exit, Problem};
use crate::edge::dispatch::Dispatch;
use crate::edge::faults::Rule;
use crate::protocol::Answer;
use axum::extract::{Path, State};
use bytes::Bytes;
use http::StatusCode;
use serde_json::json;
use std::sync::Arc;

pub(super) async fn list(State(dispatch): State<Arc<Dispatch>>) -> Answer {
    json_answer(StatusCode::OK, &json!({"schema": 1, "faults": dispatch.faults().list()}))
}

/// The body is one fault; the answer names its id.
pub(super) async fn add(State(dispatch): State<Arc<Dispatch>>, body: Bytes) -> Answer {
    let rule = serde_json::from_slice::<Rule>(&body).map_err(|e| e.to_string());
    match rule.and_then(|rule| dispatch.faults().add(rule)) {
        Ok(id) => json_answer(StatusCode::OK, &json!({"schema": 1, "id": id})),
        Err(message) => refused(
            &Problem::new(Exit::Usage, "fault", format!("this is no fault: {message}")).hint(
                r#"send {"service": "s3", "operation": "PutObject", "rate": 0.5, "fault": "error", "code": "SlowDown", "status": 503}; docs/faults.md lists the kinds"#,
            ),
        ),
    }
}

pub(super) async fn clear(State(dispatch): State<Arc<Dispatch>>) -> Answer {
    let cleared = dispatch.faults().clear(None);
    json_answer(StatusCode::OK, &json!({"schema": 1, "cleared": cleared}))
}

pub(super) async fn clear_one(
    State(dispatch): State<Arc<Dispatch>>,
    Path(id): Path<u64>,
) -> Answer {
    match dispatch.faults().clear(Some(id)) {
        0 => {
            let error = json!({"code": "no-such-fault", "message": format!("there is no fault {id}"),
                "hint": "`devenv faults list` names them", "retryable": false});
            json_answer(StatusCode::NOT_FOUND, &json!({"schema": 1, "error": error}))
        }
        cleared => json_answer(StatusCode::OK, &json!({"schema": 1, "cleared": cleared})),
    }
}
