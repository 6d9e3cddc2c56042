//! The running environment's own pages, over the gateway's address.

use super::{choose, env};
use crate::base::{Exit, Problem};
use serde_json::Value;
use std::time::Duration;
use url::Url;

/// Longest wait for an answer, beyond what a page was asked to wait.
pub(super) const ANSWER_WAIT: Duration = Duration::from_secs(60);
/// Bytes of an answer at the most: a mail has 40 MiB, and JSON escapes.
const ANSWER_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// The pages below one address.
pub(super) struct Pages {
    endpoint: Url,
    below: &'static str,
}

/// A request to a page.
pub(super) struct Asked<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) pairs: &'a [(&'a str, String)],
    pub(super) body: Option<&'a Value>,
    /// How long the answer may take.
    pub(super) limit: Duration,
}

impl Default for Asked<'_> {
    fn default() -> Self {
        Asked { method: "GET", path: "", pairs: &[], body: None, limit: ANSWER_WAIT }
    }
}

/// A page's refusal: its HTTP status, and what it says.
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) code: String,
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

impl Refusal {
    /// As a problem of a command; `code` is what the command calls it.
    pub(super) fn problem(self, code: &'static str) -> Problem {
        let problem = match self.status {
            400 => Problem::new(Exit::Usage, code, self.message),
            _ => Problem::failed(code, self.message),
        };
        match self.hint {
            Some(hint) => problem.hint(hint),
            None => problem,
        }
    }
}

impl Pages {
    /// Those of the environment of this directory, below `below` (`/_devenv/mail`).
    pub(super) fn open(below: &'static str) -> Result<Pages, Problem> {
        let variables = env::variables(&choose::home()?)?;
        let endpoint = variables.get("AWS_ENDPOINT_URL").and_then(|url| Url::parse(url).ok());
        let missing = || {
            Problem::failed("no-gateway", "this environment runs without its gateway")
                .hint("`devenv up` starts it")
        };
        Ok(Pages { endpoint: endpoint.ok_or_else(missing)?, below })
    }

    fn address(&self, path: &str, pairs: &[(&str, String)]) -> Url {
        let mut url = self.endpoint.clone();
        url.set_path(&format!("{}{path}", self.below));
        if !pairs.is_empty() {
            url.query_pairs_mut().extend_pairs(pairs.iter().map(|(n, v)| (n, v)));
        }
        url
    }

    /// A page's bytes, or how it refuses.
    pub(super) fn bytes(&self, asked: &Asked<'_>) -> Result<Result<Vec<u8>, Refusal>, Problem> {
        let unreachable = |error: ureq::Error| {
            Problem::failed("gateway-unreachable", format!("the gateway did not answer: {error}"))
                .hint("`devenv status` shows how it is")
                .retryable()
        };
        let url = self.address(asked.path, asked.pairs);
        let body = asked.body.map(Value::to_string).unwrap_or_default();
        let request = ureq::http::Request::builder().method(asked.method).uri(url.as_str());
        let request = request.body(body).map_err(|e| Problem::failed("request", e.to_string()))?;
        let mut answer = agent(asked.limit).run(request).map_err(unreachable)?;
        let read = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec();
        let bytes = read.map_err(unreachable)?;
        if answer.status().is_success() {
            return Ok(Ok(bytes));
        }
        let told: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let text = |name: &str| told["error"][name].as_str().map(str::to_owned);
        Ok(Err(Refusal {
            status: answer.status().as_u16(),
            code: text("code").unwrap_or_default(),
            message: text("message").unwrap_or_else(|| "the gateway refused".to_owned()),
            hint: text("hint"),
        }))
    }

    /// A page's JSON; `code` is what a refusal is called.
    pub(super) fn value(&self, asked: &Asked<'_>, code: &'static str) -> Result<Value, Problem> {
        let bytes = self.bytes(asked)?.map_err(|refusal| refusal.problem(code))?;
        serde_json::from_slice(&bytes).map_err(|e| Problem::failed(code, e.to_string()))
    }
}

fn agent(limit: Duration) -> ureq::Agent {
    let config = ureq::Agent::config_builder().http_status_as_error(false);
    // A proxy of the surroundings must not be asked for what is on this machine.
    config
        .timeout_global(Some(limit))
        .proxy(None)
        .allow_non_standard_methods(true)
        .build()
        .new_agent()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_is_escaped() {
        let endpoint = Url::parse("http://127.0.0.1:4566").unwrap();
        let pages = Pages { endpoint, below: "/_devenv/mail" };
        let url = pages.address("/a b/raw", &[("to", "a+b&c@x.org".into())]);
        assert_eq!(
            url.as_str(),
            "http://127.0.0.1:4566/_devenv/mail/a%20b/raw?to=a%2Bb%26c%40x.org"
        );
    }
}
