//! Faults on purpose: latency, errors, throttling, cut connections and answers, by service, operation,
//! resource and rate. What is done to a request stands in the journal.

use super::journal::{View, matches};
use super::proxy::{Kind, Proxy};
use crate::base::{Exit, Ids, Problem};
use crate::protocol::{Body, BoxError};
use bytes::Bytes;
use http_body::Frame;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

/// Rules at once at the most.
const RULES_MAX: usize = 1000;
/// Longest latency, in milliseconds.
const LATENCY_MS_MAX: u64 = 10 * 60 * 1000;

/// How long the part of an answer that is sent gets to leave.
const LEAVING: Duration = Duration::from_millis(30);

/// What is done to which requests.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq)]
pub(super) struct Rule {
    /// `sqs`; every service without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    service: Option<String>,
    /// `SendMessage`, `Put*`; every operation without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    operation: Option<String>,
    /// A parameter of the request that has to be so (`Key=reports/*`, `Queue=jobs`).
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "where")]
    parameter: Option<String>,
    /// What share of those requests, above 0 and at most 1.
    #[serde(default = "always")]
    rate: f64,
    /// How many of them; without end if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    times: Option<u64>,
    /// What `rate` draws from: the same seed hits the same requests.
    #[serde(default)]
    seed: u64,
    #[serde(flatten)]
    what: What,
}

fn always() -> f64 {
    1.0
}

#[derive(Debug, Clone, Serialize, Deserialize, PartialEq)]
#[serde(tag = "fault", rename_all = "snake_case", deny_unknown_fields)]
enum What {
    /// The answer waits.
    Latency {
        ms: u64,
        /// Up to so much more, drawn evenly.
        #[serde(default)]
        jitter_ms: u64,
    },
    /// An error instead of an answer; the operation is not carried out.
    Error {
        code: String,
        #[serde(default = "internal")]
        status: u16,
        #[serde(default)]
        message: Option<String>,
    },
    /// More than so many a second are told to slow down, in the service's own words.
    Throttle { per_second: f64 },
    /// The connection is cut. `after` the operation, or before it.
    Drop {
        #[serde(default)]
        after: bool,
    },
    /// The answer ends after so many bytes of its body, and the connection with it.
    Partial { bytes: u64 },
}

fn internal() -> u16 {
    500
}

/// What happens to one request.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Strike {
    /// Ids and kinds of the rules, for the journal.
    pub(super) told: String,
    /// How long it waits first.
    pub(super) wait: Duration,
    /// Then this error instead of the operation.
    pub(super) error: Option<(u16, String, String)>,
    /// Then the connection is cut instead of the operation.
    pub(super) drop_before: bool,
    /// The answer's body is cut after so many bytes; the whole answer, head and all, for `None`.
    pub(super) cut: Option<Option<u64>>,
}

/// A rule that is in force.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Standing {
    id: u64,
    #[serde(flatten)]
    rule: Rule,
    /// Requests that it has hit.
    hits: u64,
    #[serde(skip)]
    random: Ids,
    /// What may still pass at once, and when that was so.
    #[serde(skip)]
    allowance: (f64, Instant),
}

#[derive(Default)]
struct Rules {
    last: u64,
    standing: Vec<Standing>,
}

/// The rules in force.
#[derive(Default)]
pub(super) struct Faults {
    any: AtomicBool,
    rules: Mutex<Rules>,
    /// Servers behind a proxy, by name.
    proxied: Vec<&'static str>,
}

/// Servers that only a proxy lets faults reach.
const WIRES: [&str; 2] = [Kind::Postgres.service(), Kind::Redis.service()];

/// Checks the faults of a profile, all of them, before anything starts.
pub fn check_faults(faults: &[Value], proxied: &[&str]) -> Result<(), Problem> {
    faults.iter().enumerate().try_for_each(|(n, fault)| read(n, fault, proxied).map(drop))
}

/// The `n`th fault of a profile.
fn read(n: usize, fault: &Value, proxied: &[&str]) -> Result<Rule, Problem> {
    let rule = serde_json::from_value::<Rule>(fault.clone()).map_err(|e| e.to_string());
    rule.and_then(|rule| rule.check(proxied).map(|()| rule)).map_err(|why| {
        Problem::new(Exit::Usage, "fault", format!("`faults.rules[{n}]` is no fault: {why}"))
            .hint("docs/requests.md lists the kinds and their keys")
    })
}

impl Faults {
    /// Those of a profile.
    pub(super) fn new(proxies: &[Proxy], faults: &[Value]) -> Result<Faults, Problem> {
        let proxied: Vec<_> = proxies.iter().map(|proxy| proxy.kind.service()).collect();
        let begun = Faults { proxied, ..Faults::default() };
        for (n, fault) in faults.iter().enumerate() {
            let rule = read(n, fault, &begun.proxied)?;
            begun.add(rule).map_err(|why| Problem::new(Exit::Usage, "fault", why))?;
        }
        Ok(begun)
    }

    fn rules(&self) -> MutexGuard<'_, Rules> {
        // Rules come and go in one step each: what a panicked holder leaves is whole.
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there are any; all that a request pays for while there are none.
    pub(super) fn any(&self) -> bool {
        self.any.load(Ordering::Relaxed)
    }

    /// Puts a rule in force; its id.
    pub(super) fn add(&self, rule: Rule) -> Result<u64, String> {
        rule.check(&self.proxied)?;
        let mut rules = self.rules();
        if rules.standing.len() >= RULES_MAX {
            return Err(format!("there are {RULES_MAX} faults already"));
        }
        rules.last += 1;
        let id = rules.last;
        let random = Ids::seeded(rule.seed ^ id.rotate_left(32));
        let allowance = (1.0, Instant::now());
        rules.standing.push(Standing { id, rule, hits: 0, random, allowance });
        self.any.store(true, Ordering::Relaxed);
        Ok(id)
    }

    /// All of them, in the order in which they came.
    pub(super) fn list(&self) -> Vec<Standing> {
        self.rules().standing.clone()
    }

    /// Ends one of them, or all; how many there were.
    pub(super) fn clear(&self, id: Option<u64>) -> usize {
        let mut rules = self.rules();
        let before = rules.standing.len();
        rules.standing.retain(|standing| id.is_some_and(|id| id != standing.id));
        self.any.store(!rules.standing.is_empty(), Ordering::Relaxed);
        before - rules.standing.len()
    }

    /// What happens to this request. Latencies add up; of the rest the first counts.
    pub(super) fn strike(&self, view: &View) -> Option<Strike> {
        let mut rules = self.rules();
        let mut strike = Strike::default();
        let mut told = Vec::new();
        for standing in &mut rules.standing {
            if strike.is_final() && !matches!(standing.rule.what, What::Latency { .. }) {
                continue;
            }
            if standing.hits(view) {
                standing.hits += 1;
                told.push(format!("{}:{}", standing.id, standing.rule.what.name()));
                standing.strike(&mut strike, &view.service);
            }
        }
        strike.told = told.join(",");
        (!told.is_empty()).then_some(strike)
    }
}

impl Strike {
    fn is_final(&self) -> bool {
        self.error.is_some() || self.drop_before || self.cut.is_some()
    }
}

impl Rule {
    fn check(&self, proxied: &[&str]) -> Result<(), String> {
        self.check_wire(proxied)?;
        if !(self.rate > 0.0 && self.rate <= 1.0) {
            return Err(format!("`rate` is above 0 and at most 1, not {}", self.rate));
        }
        if self.parameter.as_ref().is_some_and(|p| !p.contains('=')) {
            return Err("`where` is NAME=VALUE".to_owned());
        }
        match &self.what {
            What::Latency { ms, jitter_ms } if ms.saturating_add(*jitter_ms) > LATENCY_MS_MAX => {
                Err(format!("a latency is at most {LATENCY_MS_MAX} ms"))
            }
            What::Error { status, .. } if !(400..600).contains(status) => {
                Err(format!("an error's status is 400 to 599, not {status}"))
            }
            What::Error { code, .. } if !is_code(code) => {
                Err(format!("`{code}` is no error code: letters, digits, `.` and `_`"))
            }
            What::Throttle { per_second } if !(*per_second > 0.0 && per_second.is_finite()) => {
                Err("`per_second` is above 0".to_owned())
            }
            _ => Ok(()),
        }
    }
}

impl Rule {
    /// What can be done to a server that devenv only passes bytes to.
    fn check_wire(&self, proxied: &[&str]) -> Result<(), String> {
        let wire = WIRES.iter().find(|wire| self.service.as_deref() == Some(**wire));
        let Some(wire) = wire else { return Ok(()) };
        if !proxied.contains(wire) {
            return Err(format!(
                "{wire} has no proxy here: set `proxy = true` below `[faults]` in devenv.toml"
            ));
        }
        match self.what {
            What::Latency { .. } | What::Drop { .. } | What::Partial { .. } => Ok(()),
            What::Error { .. } | What::Throttle { .. } => Err(format!(
                "{wire} takes `latency`, `drop` and `partial`, not `{}`",
                self.what.name()
            )),
        }
    }

    /// Whether it is about requests to `service`: one that names none is about AWS's alone.
    fn is_about(&self, service: &str) -> bool {
        match self.service.as_deref() {
            Some(of) => of.eq_ignore_ascii_case(service),
            None => !WIRES.contains(&service),
        }
    }
}

fn is_code(code: &str) -> bool {
    !code.is_empty() && code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'_')
}

impl What {
    fn name(&self) -> &'static str {
        match self {
            What::Latency { .. } => "latency",
            What::Error { .. } => "error",
            What::Throttle { .. } => "throttle",
            What::Drop { .. } => "drop",
            What::Partial { .. } => "partial",
        }
    }
}

impl Standing {
    fn hits(&mut self, view: &View) -> bool {
        let rule = &self.rule;
        let fits = rule.is_about(&view.service)
            && rule.operation.as_deref().is_none_or(|o| matches(o, &view.operation))
            && rule.times.is_none_or(|times| self.hits < times)
            && rule
                .parameter
                .as_deref()
                .and_then(|p| p.split_once('='))
                .is_none_or(|(name, value)| view.has(name, value));
        if !fits {
            return false;
        }
        if rule.rate < 1.0 && share(&mut self.random) >= rule.rate {
            return false;
        }
        match self.rule.what {
            What::Throttle { per_second } => self.is_beyond(per_second),
            _ => true,
        }
    }

    /// Whether this request is one too many for the second.
    fn is_beyond(&mut self, per_second: f64) -> bool {
        let now = Instant::now();
        let (left, at) = self.allowance;
        let left =
            (left + now.duration_since(at).as_secs_f64() * per_second).min(per_second.max(1.0));
        let beyond = left < 1.0;
        self.allowance = (if beyond { left } else { left - 1.0 }, now);
        beyond
    }

    fn strike(&mut self, strike: &mut Strike, service: &str) {
        match &self.rule.what {
            What::Latency { ms, jitter_ms } => {
                let more = (share(&mut self.random) * *jitter_ms as f64) as u64;
                strike.wait += Duration::from_millis(ms + more);
            }
            What::Error { code, status, message } => {
                let text = message.clone().unwrap_or_else(|| "a fault of devenv faults".to_owned());
                strike.error = Some((*status, code.clone(), text));
            }
            What::Throttle { .. } => strike.error = Some(slow_down(service)),
            What::Drop { after: false } => strike.drop_before = true,
            What::Drop { after: true } => strike.cut = Some(None),
            What::Partial { bytes } => strike.cut = Some(Some(*bytes)),
        }
    }
}

/// A body that breaks off.
pub(super) struct Short {
    body: Body,
    left: u64,
    /// What was sent has to leave before the connection ends.
    leaving: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl Short {
    /// The first `bytes` of `body`, then an error.
    pub(super) fn new(body: Body, bytes: u64) -> Short {
        Short { body, left: bytes, leaving: None }
    }
}

impl http_body::Body for Short {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.left == 0 {
            let leaving = self.leaving.get_or_insert_with(|| Box::pin(tokio::time::sleep(LEAVING)));
            ready!(leaving.as_mut().poll(context));
            return Poll::Ready(Some(Err("cut by devenv faults".into())));
        }
        let frame = match ready!(Pin::new(&mut self.body).poll_frame(context)) {
            Some(Ok(frame)) => frame,
            Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
            // It was shorter than that.
            None => return Poll::Ready(None),
        };
        let Ok(mut data) = frame.into_data() else { return Poll::Ready(None) };
        data.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.left -= data.len() as u64;
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    fn size_hint(&self) -> http_body::SizeHint {
        // What the whole body says: the client is promised more than it gets.
        self.body.size_hint()
    }
}

/// From 0 up to 1.
fn share(random: &mut Ids) -> f64 {
    (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}

/// A service's own words when it is asked too much: status, code, text.
///
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>,
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html>
fn slow_down(service: &str) -> (u16, String, String) {
    let (status, code, text) = match service {
        "s3" => (503, "SlowDown", "Please reduce your request rate."),
        "ses" => (400, "Throttling", "Maximum sending rate exceeded."),
        _ => (400, "ThrottlingException", "Rate exceeded"),
    };
    (status, code.to_owned(), text.to_owned())
}
