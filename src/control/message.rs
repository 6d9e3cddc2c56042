//! What is said over the control socket: one JSON object a line, in both directions.
//!
//! A client sends one [`Request`]; the daemon answers with [`Update`]s until the connection ends.
//! `Status` is also what `devenv status --json` prints, so its fields are a contract.

use super::lease::LeaseAsk;
use crate::base::{Exit, Problem};
use crate::data::snapshot::{Manifest, Reason};
use crate::services::{ClockOrder, ClockView};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Version of this protocol; a daemon refuses requests of another one.
pub const VERSION: u32 = 1;

/// The longest request line, in bytes.
pub const REQUEST_BYTES_MAX: u64 = 64 * 1024;

/// One request: all that a client ever sends on a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// [`VERSION`] of the sender.
    pub version: u32,
    /// What is asked.
    pub ask: Ask,
}

/// What can be asked of a daemon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Ask {
    /// One status, and the end.
    Status,
    /// The environment variables for programs, and the end.
    Env,
    /// A status now and at each change, with progress and notes, until the client leaves.
    Follow,
    /// Start these parts (and what they need), then as `Follow`.
    Start {
        /// Names of parts or of emulated services.
        parts: Vec<String>,
    },
    /// Stop these parts (and what needs them), then as `Follow`.
    Stop {
        /// Names of parts or of emulated services.
        parts: Vec<String>,
    },
    /// Restart these parts, then as `Follow`.
    Restart {
        /// Names of parts or of emulated services.
        parts: Vec<String>,
    },
    /// The profile as it is now: what differs is carried out; `Planned`, then as `Follow`.
    Replan {
        /// A shipped profile's name, or a file's absolute path.
        profile: String,
    },
    /// So many containers of services; `Planned`, then as `Follow`.
    Scale {
        /// By service.
        counts: BTreeMap<String, u32>,
    },
    /// One run of a scheduled service, now; `Ran` at its end.
    Run {
        /// Its name.
        service: String,
    },
    /// Back to the seeded state; `Done` at the end. No names: everything.
    Reset {
        /// Names of parts or of emulated services.
        services: Vec<String>,
        /// No snapshot is made before.
        #[serde(default)]
        no_snapshot: bool,
    },
    /// Makes a snapshot of everything; `Snapshot` at the end.
    Save {
        /// Its name.
        name: String,
        /// One that has the name makes room.
        replace: bool,
        /// Why it is made.
        reason: Reason,
    },
    /// Brings a snapshot back; `Snapshot` at the end.
    Restore {
        /// Its name.
        name: String,
    },
    /// Gives leases; `Leases` at the end.
    Lease(LeaseAsk),
    /// Those that are out.
    Leases,
    /// Ends a lease; `Done` when what it had is gone.
    Release {
        /// Its id.
        id: String,
    },
    /// What a test has left behind; `Found` at the end.
    Check {
        /// Which kinds of things.
        checks: Vec<Check>,
    },
    /// Put files into a bucket, messages into a queue or mails into the inbox: a step of the profile's `[seed]`.
    Seed {
        /// `{"objects": {…}}` or `{"messages": {…}}`.
        step: serde_json::Value,
    },
    /// How the clock stands, after an order to it if one is given.
    Clock {
        /// What to do with it.
        order: Option<ClockOrder>,
    },
    /// Stop everything and end; updates until the connection is closed.
    Down,
}

impl Ask {
    /// Whether this changes nothing.
    pub fn only_looks(&self) -> bool {
        matches!(
            self,
            Ask::Status | Ask::Env | Ask::Leases | Ask::Check { .. } | Ask::Clock { order: None }
        )
    }
}

/// What a test should not leave behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// Messages in queues.
    NoMessages,
    /// Mails that were not cleared.
    NoMails,
    /// Multipart uploads that were neither completed nor aborted.
    NoUploads,
    /// Sessions with Postgres that are idle in a transaction.
    NoIdleTransactions,
}

/// What a daemon tells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", content = "body")]
pub enum Update {
    /// How things stand.
    Status(Status),
    /// Variables for programs that use the environment.
    Env(BTreeMap<String, String>),
    /// How the clock stands, as it is shown.
    Clock(serde_json::Value),
    /// The snapshot that was made or restored, and the automatic one that was made before.
    Snapshot {
        /// What is known of it.
        manifest: Manifest,
        /// The name of the other one.
        before: Option<String>,
    },
    /// Leases with their variables.
    Leases(Vec<serde_json::Value>),
    /// What a test has left behind, as lines for people.
    Found(Vec<String>),
    /// What is carried out of a new plan.
    Planned {
        /// For people; none where nothing differs.
        lines: Vec<String>,
        /// Parts that come or are made anew.
        parts: Vec<String>,
    },
    /// A run that was asked for has ended.
    Ran {
        /// Which one of its service, since the environment is up.
        number: usize,
        /// Its exit code.
        code: i64,
    },
    /// A fact that people should see once.
    Note(String),
    /// A long piece of work begins.
    Begin {
        /// Names the work in later updates.
        id: String,
        /// For people.
        label: String,
        /// Bytes, where known.
        total: Option<u64>,
    },
    /// More bytes of that work are done.
    Advance {
        /// Which work.
        id: String,
        /// Bytes.
        by: u64,
    },
    /// That work is over.
    End {
        /// Which work.
        id: String,
    },
    /// A step of the seed is done, and put so many things.
    Seeded(u64),
    /// What was asked is done.
    Done,
    /// It cannot be done, or the environment ended because of this.
    Failed(Told),
    /// Another daemon has this directory; ask that one.
    Held,
}

/// How an environment stands as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EnvState {
    /// Not everything has answered yet.
    Starting,
    /// Every part answers.
    Ready,
    /// It was ready, and some part does not answer now.
    Degraded,
    /// Going down.
    Stopping,
}

impl EnvState {
    /// The word shown.
    pub fn word(self) -> &'static str {
        match self {
            EnvState::Starting => "starting",
            EnvState::Ready => "ready",
            EnvState::Degraded => "degraded",
            EnvState::Stopping => "stopping",
        }
    }
}

/// `devenv status --json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Version of this object's shape.
    pub schema: u32,
    /// The profile's name.
    pub profile: String,
    /// As a whole.
    pub state: EnvState,
    /// The gateway's address, if the environment has one.
    pub endpoint: Option<String>,
    /// Every service.
    pub services: Vec<ServiceStatus>,
    /// What people should know, each about one service, also one that is not served.
    #[serde(default)]
    pub notes: Vec<ServiceNote>,
    /// How the virtual clock stands, where it is not the machine's own time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<ClockNote>,
    /// The project's directory.
    pub project: String,
    /// Where state and logs lie.
    pub state_dir: String,
    /// The daemon's process id.
    pub pid: u32,
    /// The daemon's version.
    pub version: String,
}

/// A virtual clock in `devenv status --json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockNote {
    /// Milliseconds by which it is ahead of the machine's, while it runs.
    pub offset_ms: Option<i64>,
    /// Where it stands still, RFC 3339.
    pub frozen_at: Option<String>,
}

impl ClockNote {
    /// The note on a clock that is not the machine's.
    pub fn of(view: &ClockView) -> ClockNote {
        match view.frozen {
            true => ClockNote { offset_ms: None, frozen_at: Some(view.now.iso8601()) },
            false => ClockNote { offset_ms: Some(view.offset_ms), frozen_at: None },
        }
    }
}

/// What people should know about a service, such as a parity gap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceNote {
    /// The service's name.
    pub service: String,
    /// For people.
    pub text: String,
}

impl std::fmt::Display for ServiceNote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.service, self.text)
    }
}

/// One service in `devenv status --json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceStatus {
    /// Its name.
    pub name: String,
    /// `native`, `emulated`, `container` or `forwarded`.
    pub kind: String,
    /// `down`, `waiting`, `starting`, `healthy`, `unhealthy`, `restarting`, `stopping`, `completed` or `failed`.
    pub state: String,
    /// Where clients reach it.
    pub address: Option<String>,
    /// Its process, if it has one of its own.
    pub pid: Option<u32>,
    /// Since when it is in this state, RFC 3339.
    pub since: String,
    /// Times it was started again after a failure.
    pub restarts: u32,
    /// Why it is not healthy.
    pub reason: Option<String>,
    /// What runs: `17.10`.
    pub version: Option<String>,
    /// The notes about it, in one line.
    pub note: Option<String>,
    /// The part of the environment that it belongs to: `gateway` for emulated services.
    pub part: String,
}

/// A [`Problem`] on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    code: String,
    message: String,
    hint: Option<String>,
    exit: u8,
    retryable: bool,
}

impl From<&Problem> for Told {
    fn from(problem: &Problem) -> Self {
        Told {
            code: problem.code.to_owned(),
            message: problem.message.clone(),
            hint: problem.hint.clone(),
            exit: problem.exit.code(),
            retryable: problem.retryable,
        }
    }
}

impl From<Told> for Problem {
    fn from(told: Told) -> Self {
        let exit = match told.exit {
            2 => Exit::Usage,
            3 => Exit::NotRunning,
            4 => Exit::NotReady,
            5 => Exit::InTheWay,
            _ => Exit::Failed,
        };
        // A command meets one problem and ends: what is leaked here is a word.
        let code: &'static str = Box::leak(told.code.into_boxed_str());
        let mut problem = Problem::new(exit, code, told.message);
        problem.hint = told.hint;
        problem.retryable = told.retryable;
        problem
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_survives_the_wire() {
        let problem =
            Problem::in_the_way("port-taken", "port 1 is taken").hint("free it").retryable();
        let line = serde_json::to_string(&Update::Failed(Told::from(&problem))).unwrap();
        let Ok(Update::Failed(told)) = serde_json::from_str(&line) else { panic!("{line}") };
        assert_eq!(Problem::from(told), problem);
    }

    #[test]
    fn requests_are_one_line() {
        let ask = Ask::Stop { parts: vec!["a\nb".to_owned()] };
        let line = serde_json::to_string(&Request { version: VERSION, ask: ask.clone() }).unwrap();
        assert!(!line.contains('\n'));
        assert_eq!(serde_json::from_str::<Request>(&line).unwrap().ask, ask);
    }
}
