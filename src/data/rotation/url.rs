//! A rotation function behind an address: the event is posted as JSON, and it has done its step when it
//! answers with a status of 2xx that tells of no error. The Lambda runtime emulator answers so.

use crate::services::secretsmanager::{Called, Event};
use serde_json::Value;
use std::time::Duration;

/// Bytes of an answer that are read.
const ANSWER_BYTES_MAX: u64 = 256 * 1024;

/// Why an event was not taken.
#[derive(Debug)]
pub(super) enum Refusal {
    /// Nobody is there, or whoever is there hung up.
    Unanswered(String),
    /// The function says so, or takes too long.
    Answered(String),
}

/// Calls it.
pub(super) async fn call(address: &str, timeout: Duration, event: &Event) -> Called {
    post_to(address, timeout, event).await.map_err(|refusal| match refusal {
        Refusal::Unanswered(why) | Refusal::Answered(why) => why,
    })
}

/// The same, telling whether somebody answered.
pub(super) async fn post_to(
    address: &str,
    timeout: Duration,
    event: &Event,
) -> Result<(), Refusal> {
    let (address, event) = (address.to_owned(), event.clone());
    let done = tokio::task::spawn_blocking(move || post(&address, timeout, &event)).await;
    done.unwrap_or_else(|e| Err(Refusal::Answered(e.to_string())))
}

fn post(address: &str, timeout: Duration, event: &Event) -> Result<(), Refusal> {
    let config = ureq::Agent::config_builder()
        .timeout_global(Some(timeout))
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .build();
    let agent = ureq::Agent::new_with_config(config);
    let shown = shown(address);
    // As Lambda writes it, without blanks; texts and nothing else: serialising them cannot fail.
    let text = serde_json::to_vec(event).unwrap_or_default();
    let sent = agent.post(address).content_type("application/json").send(&text[..]);
    let mut answer = sent.map_err(|e| match e {
        ureq::Error::Io(e) => Refusal::Unanswered(format!("cannot call {shown}: {e}")),
        ureq::Error::Timeout(_) => {
            let why = format!("{shown} has not answered after {} s", timeout.as_secs());
            Refusal::Answered(why)
        }
        // Others may quote the address.
        _ => Refusal::Unanswered(format!("cannot call {shown}")),
    })?;
    let status = answer.status();
    if !status.is_success() {
        return Err(Refusal::Answered(format!("{shown} answered with {status}")));
    }
    let function_error = answer.headers().get("x-amz-function-error").is_some();
    let body = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string();
    let body: Value =
        body.ok().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    // What it says of its error may hold the secret; its kind does not.
    let kind = body.get("errorType").and_then(Value::as_str);
    if function_error || kind.is_some() || body.get("errorMessage").is_some() {
        let kind = kind.unwrap_or("it does not say how");
        return Err(Refusal::Answered(format!("the function has failed: {kind}")));
    }
    Ok(())
}

/// The address without what may be secret in it: a user, a password, a query.
fn shown(address: &str) -> String {
    let Ok(mut url) = url::Url::parse(address) else { return "the address".to_owned() };
    // An address that has a host can have both taken away.
    let _ = (url.set_username(""), url.set_password(None));
    url.set_query(None);
    url.set_fragment(None);
    url.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_its_credentials() {
        assert_eq!(shown("http://ann:pw@h:9000/f?token=t#x"), "http://h:9000/f");
        assert_eq!(shown("no address"), "the address");
    }

    #[tokio::test]
    async fn nobody_there_is_told() {
        let event = Event {
            step: "testSecret",
            secret_id: "arn".into(),
            client_request_token: "token".into(),
            rotation_token: "rotation".into(),
        };
        // A port that is kept for a service that nobody runs any more.
        let address = "http://u:hunter22@127.0.0.1:1/";
        let why = call(address, Duration::from_secs(60), &event).await.unwrap_err();
        assert!(why.starts_with("cannot call http://127.0.0.1:1/"), "{why}");
        assert!(!why.contains("hunter22"), "{why}");
    }
}
