//! devenv's own addresses on the gateway: `/_devenv/…`, and those that people who come from LocalStack know.

use super::dispatch::Dispatch;
use crate::protocol::{Answer, body};
use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};

/// The routes.
pub(super) fn routes() -> Router<Dispatch> {
    Router::new()
        .route("/_devenv/health", get(health))
        .route("/_devenv/reset", post(reset))
        .route("/_localstack/health", get(localstack_health))
}

async fn health(State(dispatch): State<Dispatch>) -> Answer {
    let mut names: Vec<&str> = dispatch.services().map(|s| s.name()).collect();
    names.sort_unstable();
    let version = env!("CARGO_PKG_VERSION");
    json_answer(
        StatusCode::OK,
        &json!({"schema": 1, "status": "ok", "version": version, "services": names}),
    )
}

async fn localstack_health(State(dispatch): State<Dispatch>) -> Answer {
    let services: serde_json::Map<String, Value> =
        dispatch.services().map(|s| (s.name().to_owned(), "available".into())).collect();
    json_answer(
        StatusCode::OK,
        &json!({"services": services, "edition": "devenv", "version": env!("CARGO_PKG_VERSION")}),
    )
}

/// Wipes every emulated service's state; the reply leaves when it is gone from disk.
async fn reset(State(dispatch): State<Dispatch>) -> Answer {
    for service in dispatch.services() {
        if let Err(problem) = service.reset().await {
            let error = json!({"code": problem.code, "message": problem.message,
                "hint": problem.hint, "retryable": problem.retryable});
            return json_answer(
                StatusCode::INTERNAL_SERVER_ERROR,
                &json!({"schema": 1, "error": error}),
            );
        }
    }
    json_answer(StatusCode::OK, &json!({"schema": 1, "status": "ok"}))
}

fn json_answer(status: StatusCode, value: &Value) -> Answer {
    let mut answer = http::Response::new(body(value.to_string()));
    *answer.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    answer.headers_mut().insert(header::CONTENT_TYPE, json);
    answer
}
