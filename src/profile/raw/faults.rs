//! `[faults]` as typed: what goes wrong on purpose from the first request on.

use schemars::JsonSchema;
use serde::Deserialize;

/// Faults on purpose.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Faults {
    /// Whether Postgres and Redis are reached through a proxy of their own, on which faults can be done.
    /// Default: false.
    pub(crate) proxy: Option<bool>,
    /// Those in force from the beginning, in order.
    pub(crate) rules: Option<Vec<Fault>>,
}

/// What is done to which requests.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fault {
    /// `s3`, `sqs`, `postgres`. Default: every AWS service.
    pub(crate) service: Option<String>,
    /// `PutObject`, `Put*`, `SELECT`. Default: every operation.
    pub(crate) operation: Option<String>,
    /// A parameter that the request has to have: `Key=reports/*`, `Queue=jobs`.
    #[serde(rename = "where")]
    pub(crate) parameter: Option<String>,
    /// What share of these requests, above 0 and at most 1. Default: 1.
    pub(crate) rate: Option<f64>,
    /// How many of them. Default: without end.
    pub(crate) times: Option<u64>,
    /// What the share is drawn from: the same seed hits the same requests. Default: 0.
    pub(crate) seed: Option<u64>,
    /// What happens to them.
    pub(crate) fault: FaultKind,
    /// Of `latency`: milliseconds.
    pub(crate) ms: Option<u64>,
    /// Of `latency`: up to so many milliseconds more. Default: 0.
    pub(crate) jitter_ms: Option<u64>,
    /// Of `error`: its code.
    pub(crate) code: Option<String>,
    /// Of `error`: its HTTP status. Default: 500.
    #[schemars(range(min = 400, max = 599))]
    pub(crate) status: Option<u32>,
    /// Of `error`: its text.
    pub(crate) message: Option<String>,
    /// Of `throttle`: requests a second that pass.
    pub(crate) per_second: Option<f64>,
    /// Of `drop`: whether the operation is done first. Default: false.
    pub(crate) after: Option<bool>,
    /// Of `partial`: bytes of the answer that pass.
    pub(crate) bytes: Option<u64>,
}

/// The kinds of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum FaultKind {
    /// The request waits.
    Latency,
    /// An error instead of the operation.
    Error,
    /// Requests beyond a rate are told to slow down.
    Throttle,
    /// The connection ends.
    Drop,
    /// The answer ends early.
    Partial,
}
