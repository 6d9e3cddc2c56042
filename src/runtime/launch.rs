//! What is to be started, and how it is asked whether it is ready: values only.

use crate::runtime::runas::RunAs;
use sha2::{Digest, Sha256};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// Everything that decides how a native service runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// The service's name: `postgres`, `redis`.
    pub name: String,
    /// The program's absolute path.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Environment variables on top of a minimal inherited set (`process` says which).
    pub env: Vec<(String, String)>,
    /// Working directory.
    pub dir: PathBuf,
    /// Whose identity it takes.
    pub run_as: RunAs,
    /// How readiness is found out.
    pub probe: Probe,
    /// How it is asked to stop.
    pub stop: StopSignal,
    /// How long it may take to stop before it is killed.
    pub stop_grace: Duration,
    /// The version that runs: `17.10`, `valkey 9.1.2`.
    pub version: String,
    /// What people should know: a parity gap such as "profile prefers Postgres 15; 17.10 runs".
    pub note: Option<String>,
    /// Where clients reach it: `127.0.0.1:5432`.
    pub address: String,
}

impl Launch {
    /// Identifies what runs: a child left by a killed daemon is adopted only if this is unchanged.
    pub fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        let mut feed = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        };
        feed(self.program.as_os_str().as_encoded_bytes());
        self.args.iter().for_each(|arg| feed(arg.as_encoded_bytes()));
        self.env.iter().for_each(|(key, value)| {
            feed(key.as_bytes());
            feed(value.as_bytes());
        });
        feed(self.dir.as_os_str().as_encoded_bytes());
        feed(format!("{:?}", self.run_as).as_bytes());
        hex::encode(hash.finalize())
    }
}

/// How a service is asked whether it is ready. `check` is in `probe.rs`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probe {
    /// Postgres accepts a session: it answers a startup packet by asking for authentication.
    Postgres {
        /// Address.
        host: String,
        /// Port.
        port: u16,
        /// Role named in the startup packet.
        user: String,
        /// Database named in the startup packet.
        database: String,
        /// Where a native server says what it is about: asked before it is spoken to, as each word to
        /// one that starts costs it a process.
        pid_file: Option<PathBuf>,
    },
    /// Redis answers `PING` with `PONG`.
    Redis {
        /// Address.
        host: String,
        /// Port.
        port: u16,
    },
    /// Something accepts a TCP connection.
    Tcp {
        /// Address.
        host: String,
        /// Port.
        port: u16,
    },
    /// `GET path` is answered with a status below 400.
    Http {
        /// Address.
        host: String,
        /// Port.
        port: u16,
        /// Path with its leading slash.
        path: String,
    },
}

/// How a process is asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopSignal {
    /// SIGINT: Postgres' fast shutdown.
    Interrupt,
    /// SIGTERM.
    Terminate,
    /// Redis' command `SHUTDOWN`, which does what SIGTERM does without its wait for up to a tenth of a
    /// second, and SIGTERM for a server that does not take it.
    Shutdown,
    /// SIGQUIT: Postgres' immediate shutdown.
    Quit,
    /// SIGKILL, for data that nobody wants any more.
    Kill,
}

impl StopSignal {
    pub(crate) fn number(self) -> rustix::process::Signal {
        match self {
            StopSignal::Interrupt => rustix::process::Signal::INT,
            StopSignal::Terminate | StopSignal::Shutdown => rustix::process::Signal::TERM,
            StopSignal::Quit => rustix::process::Signal::QUIT,
            StopSignal::Kill => rustix::process::Signal::KILL,
        }
    }
}
