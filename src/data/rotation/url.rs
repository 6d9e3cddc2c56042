//! A rotation function behind an address: the event is posted as JSON, and it has done its step when it
//! answers with a status of 2xx that tells of no error. The Lambda runtime emulator answers so.

use crate::services::secretsmanager::{Called, Event};
use serde_json::Value;
use std::time::Duration;

/// Bytes of an answer that are read.
const ANSWER_BYTES_MAX: u64 = 256 * 1024;

/// Calls it.
pub(super) async fn call(address: &str, timeout: Duration, event: &Event) -> Called {
    let (address, event) = (address.to_owned(), event.clone());
    let done = tokio::task::spawn_blocking(move || post(&address, timeout, &event)).await;
    done.unwrap_or_else(|e| Err(e.to_string()))
}

fn post(address: &str, timeout: Duration, event: &Event) -> Called {
    let config = ureq::Agent::config_builder()
        .timeout_global(Some(timeout))
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .build();
    let agent = ureq::Agent::new_with_config(config);
    let sent = agent.post(address).send_json(event);
    // An error of the client names the address and never the event.
    let mut answer = sent.map_err(|e| format!("cannot call {address}: {e}"))?;
    let status = answer.status();
    if !status.is_success() {
        return Err(format!("{address} answered with {status}"));
    }
    let function_error = answer.headers().get("x-amz-function-error").is_some();
    let body = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string();
    let body: Value =
        body.ok().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    // What it says of its error may hold the secret; its kind does not.
    let kind = body.get("errorType").and_then(Value::as_str);
    if function_error || kind.is_some() || body.get("errorMessage").is_some() {
        return Err(format!("the function has failed: {}", kind.unwrap_or("it does not say how")));
    }
    Ok(())
}
