//! devenv's own addresses on the gateway: `/_devenv/…`, and those that people who come from LocalStack know.

mod faults;
mod requests;

use super::dispatch::Dispatch;
use crate::base::{Exit, Problem, duration};
use crate::protocol::{Answer, body};
use crate::services::{ClockOrder, parse_instant};
use axum::Router;
use axum::extract::State;
use axum::routing::{delete, get, post};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};
use std::sync::Arc;

/// The routes.
pub(super) fn routes() -> Router<Arc<Dispatch>> {
    Router::new()
        .route("/_devenv/health", get(health))
        .route("/_devenv/reset", post(reset))
        .route("/_devenv/clock", get(show_clock).post(move_clock))
        .route("/_devenv/requests", get(requests::list).delete(requests::clear))
        .route("/_devenv/requests/{id}", get(requests::show))
        .route("/_devenv/requests/{id}/replay", post(requests::replay))
        .route("/_devenv/faults", get(faults::list).post(faults::add).delete(faults::clear))
        .route("/_devenv/faults/{id}", delete(faults::clear_one))
        .route("/_localstack/health", get(localstack_health))
}

async fn health(State(dispatch): State<Arc<Dispatch>>) -> Answer {
    let mut names: Vec<&str> = dispatch.services().map(|s| s.name()).collect();
    names.sort_unstable();
    let version = env!("CARGO_PKG_VERSION");
    json_answer(
        StatusCode::OK,
        &json!({"schema": 1, "status": "ok", "version": version, "services": names}),
    )
}

async fn localstack_health(State(dispatch): State<Arc<Dispatch>>) -> Answer {
    let services: serde_json::Map<String, Value> =
        dispatch.services().map(|s| (s.name().to_owned(), "available".into())).collect();
    json_answer(
        StatusCode::OK,
        &json!({"services": services, "edition": "devenv", "version": env!("CARGO_PKG_VERSION")}),
    )
}

/// Wipes every emulated service's state, and the clock's; the reply leaves when it is gone from disk.
async fn reset(State(dispatch): State<Arc<Dispatch>>) -> Answer {
    if let Err(problem) = dispatch.clock().start_over().await {
        return refused(&problem);
    }
    dispatch.begin_again();
    for service in dispatch.services() {
        if let Err(problem) = service.reset().await {
            return refused(&problem);
        }
    }
    json_answer(StatusCode::OK, &json!({"schema": 1, "status": "ok"}))
}

async fn show_clock(State(dispatch): State<Arc<Dispatch>>) -> Answer {
    json_answer(StatusCode::OK, &dispatch.clock().view().json())
}

/// `{"set": "2027-01-31T09:00:00Z"}`, `{"advance": "15m"}`, `{"freeze": true}`, `{"resume": true}`;
/// of several at once the clock stands still first, then shows the instant, then goes on.
async fn move_clock(State(dispatch): State<Arc<Dispatch>>, body: Bytes) -> Answer {
    let orders = match clock_orders(&body) {
        Ok(orders) => orders,
        Err(problem) => return refused(&problem),
    };
    let mut view = dispatch.clock().view();
    for order in orders {
        view = match dispatch.clock().order(order).await {
            Ok(view) => view,
            Err(problem) => return refused(&problem),
        };
    }
    json_answer(StatusCode::OK, &view.json())
}

fn clock_orders(body: &[u8]) -> Result<Vec<ClockOrder>, Problem> {
    let wrong = |message: String| {
        Problem::new(Exit::Usage, "clock-order", message).hint(
            r#"send {"advance": "15m"}, {"set": "2027-01-31T09:00:00Z"}, {"set": "now"}, {"freeze": true} or {"resume": true}"#,
        )
    };
    let asked: ClockBody = serde_json::from_slice(body)
        .map_err(|e| wrong(format!("the body is no order to the clock: {e}")))?;
    let mut orders = Vec::new();
    let to_now = asked.set.as_deref() == Some("now");
    orders.extend(to_now.then_some(ClockOrder::Reset));
    // Before the instant is set: a clock that stands still shows exactly the instant asked for.
    orders.extend(asked.freeze.then_some(ClockOrder::Freeze));
    if let Some(text) = asked.set.filter(|_| !to_now) {
        let to_ms = parse_instant(&text).map_err(wrong)?.0;
        orders.push(ClockOrder::Set { to_ms });
    }
    if let Some(text) = asked.advance {
        let by = duration::parse(&text).map_err(wrong)?;
        orders.push(ClockOrder::Advance { by_ms: by.as_millis() as i64 });
    }
    orders.extend(asked.resume.then_some(ClockOrder::Resume));
    match orders.is_empty() {
        true => Err(wrong("the body orders nothing".to_owned())),
        false => Ok(orders),
    }
}

#[derive(serde::Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct ClockBody {
    set: Option<String>,
    advance: Option<String>,
    freeze: bool,
    resume: bool,
}

pub(super) fn refused(problem: &Problem) -> Answer {
    let status = match problem.exit {
        Exit::Usage => StatusCode::BAD_REQUEST,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let error = json!({"code": problem.code, "message": problem.message,
        "hint": problem.hint, "retryable": problem.retryable});
    json_answer(status, &json!({"schema": 1, "error": error}))
}

pub(super) fn json_answer(status: StatusCode, value: &Value) -> Answer {
    let mut answer = http::Response::new(body(value.to_string()));
    *answer.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    answer.headers_mut().insert(header::CONTENT_TYPE, json);
    answer
}
