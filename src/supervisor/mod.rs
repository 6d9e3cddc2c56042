//! What should run, what runs, in which order: a pure state machine from events to actions.
//!
//! `Supervisor::apply(event, now)` is the only way in and its actions the only way out. It knows
//! no process, no clock and no thread: `now` is milliseconds since any fixed moment, so hours of
//! restarts are a test of microseconds. Invariants, held by the property tests: a part starts only
//! while everything it needs is healthy; a part never has two runs at once; an orderly stop ends,
//! whatever the processes do.

mod machine;
mod part;
#[cfg(test)]
mod tests;

pub use machine::Supervisor;
pub use part::{Desired, Millis, Need, PartSpec, PartView, Phase, Policy, Restart, Until};

/// Something that happened, to the parts or by the user's wish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// These parts, and all that they need, should run. Parts given up are tried again.
    Want {
        /// Names of parts.
        parts: Vec<String>,
    },
    /// These parts, and all that need them, should not run.
    Release {
        /// Names of parts.
        parts: Vec<String>,
    },
    /// These parts go down in order and come up again, with the running parts that need them.
    Restart {
        /// Names of parts.
        parts: Vec<String>,
    },
    /// Nothing should run.
    StopAll,
    /// What happened to one run of a part; stale reports of earlier runs are ignored.
    Run {
        /// The part's name.
        part: String,
        /// Which of its runs, as given by `Action::Start`.
        run: u64,
        /// What happened.
        report: Report,
    },
    /// Time has passed.
    Tick,
}

/// What the outside world says about a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// Its process is there; not known to answer yet.
    Started {
        /// `true` when it had been left by an earlier daemon and was taken over.
        adopted: bool,
    },
    /// There is no process: it could not be started.
    StartFailed {
        /// Why, for people.
        reason: String,
        /// `true` when another try cannot help.
        fatal: bool,
    },
    /// The probe was answered.
    ProbeOk,
    /// The probe was not answered, or wrongly.
    ProbeFailed {
        /// The probe's own answer.
        reason: String,
    },
    /// The process is gone.
    Exited {
        /// How it ended, for people.
        reason: String,
    },
    /// The process has ended by itself, well.
    Completed,
}

/// What is to be done in the outside world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Start the part, or adopt it where it still runs.
    Start {
        /// The part's name.
        part: String,
        /// The number to report this run by.
        run: u64,
    },
    /// Ask the run to end, and answer `Exited` (or `StartFailed`) when it has.
    Stop {
        /// The part's name.
        part: String,
        /// Which run.
        run: u64,
    },
    /// End the run by force.
    Kill {
        /// The part's name.
        part: String,
        /// Which run.
        run: u64,
    },
}
