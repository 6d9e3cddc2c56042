//! Native processes and what they need: binaries, ports, probes, logs.
//!
//! Order of reading: [`dirs`] (where things lie) → [`postgres`] and [`redis`] (what is to run: a
//! [`Launch`]) → [`process`] (a running child, its adoption and end) → [`probe`] (does it answer).
//! Nothing here prints; progress goes through [`Progress`], failures are [`crate::base::Problem`]s.

pub mod certificates;
pub mod clients;
pub mod dirs;
pub mod doctor;
pub mod engine;
mod fetch;
pub mod launch;
pub mod logs;
pub mod mirror;
pub mod ports;
pub mod postgres;
mod probe;
pub mod process;
pub mod progress;
pub mod redis;
pub mod runas;
pub mod tree;

pub use dirs::Dirs;
pub use launch::{Launch, Probe, StopSignal};
pub use process::{ExitReport, Running, adopt, spawn};
pub use progress::{Progress, Silent};
pub use runas::{RunAs, reexec_main};

/// `provider = "docker"` where only native servers are served.
pub(crate) fn no_docker(part: &str) -> crate::base::Problem {
    let message = format!("`{part}.provider = \"docker\"` is not served yet");
    crate::base::Problem::in_the_way("docker-not-served", message)
        .hint("set `provider = \"auto\"`: a native server is found or fetched")
}
