//! One supervised part: what it needs, the phase it is in, and its restart policy.

/// Milliseconds since a moment of the caller's choice.
pub type Millis = u64;

/// A part as declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartSpec {
    /// Its name, unique among the parts.
    pub name: String,
    /// What must be so before it starts.
    pub needs: Vec<Need>,
    /// How it is restarted and stopped.
    pub policy: Policy,
}

/// Another part, and how far it must have come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// Its name.
    pub part: String,
    /// How far.
    pub until: Until,
}

/// How far a needed part must have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// It runs, well or not, or has run and ended well.
    Started,
    /// It answers.
    Healthy,
    /// It has ended well.
    Completed,
}

impl Until {
    /// Whether a part in this phase has come far enough.
    pub fn is_met(self, phase: Phase) -> bool {
        match self {
            Until::Started => matches!(
                phase,
                Phase::Probing | Phase::Healthy | Phase::Unhealthy | Phase::Completed
            ),
            Until::Healthy => phase == Phase::Healthy,
            Until::Completed => phase == Phase::Completed,
        }
    }
}

impl Need {
    /// `part` must answer.
    pub fn healthy(part: &str) -> Need {
        Need { part: part.to_owned(), until: Until::Healthy }
    }
}

/// What becomes of a run that ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restart {
    /// It is started again, however it ended.
    Always,
    /// It is started again where it failed.
    OnFailure,
    /// Ended is ended.
    Never,
}

/// Restart and stop behaviour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// What becomes of a run that ends by itself.
    pub restart: Restart,
    /// Pause before the first restart; doubles with each failure in a row.
    pub backoff_first_ms: Millis,
    /// The longest pause.
    pub backoff_max_ms: Millis,
    /// Failures in a row after which the part is given up.
    pub failures_max: u32,
    /// Healthy for this long, and earlier failures are forgotten.
    pub stable_after_ms: Millis,
    /// Between the request to stop and the first kill.
    pub stop_grace_ms: Millis,
    /// Between kills.
    pub kill_pace_ms: Millis,
    /// Kills after which a run is written off, so that a stop always ends.
    pub kills_max: u32,
}

impl Default for Policy {
    fn default() -> Self {
        Policy {
            restart: Restart::Always,
            backoff_first_ms: 100,
            backoff_max_ms: 5_000,
            failures_max: 5,
            stable_after_ms: 30_000,
            stop_grace_ms: 10_000,
            kill_pace_ms: 1_000,
            kills_max: 3,
        }
    }
}

impl Policy {
    /// The pause after `failures` failures in a row (at least one).
    pub fn backoff_ms(&self, failures: u32) -> Millis {
        let doublings = failures.saturating_sub(1).min(16);
        (self.backoff_first_ms << doublings).min(self.backoff_max_ms)
    }
}

/// Whether a part should run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Desired {
    /// It should.
    Up,
    /// It should not.
    Down,
}

/// Where a part is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Not running.
    Down,
    /// Wanted; what it needs is not healthy yet.
    Waiting,
    /// Being started; there may be no process yet.
    Starting,
    /// Its process is there and has not answered yet.
    Probing,
    /// It answers.
    Healthy,
    /// It has answered before, and does not now.
    Unhealthy,
    /// It died; the next try is at this time.
    Backoff {
        /// When.
        until: Millis,
    },
    /// Asked to stop.
    Stopping {
        /// When it is killed (again).
        kill_at: Millis,
        /// Kills so far.
        kills: u32,
    },
    /// It has ended by itself, well, and is not started again.
    Completed,
    /// Given up.
    Failed,
}

impl Phase {
    /// Whether a process may exist.
    pub fn is_live(self) -> bool {
        matches!(
            self,
            Phase::Starting
                | Phase::Probing
                | Phase::Healthy
                | Phase::Unhealthy
                | Phase::Stopping { .. }
        )
    }

    /// The word shown to people and machines.
    pub fn word(self) -> &'static str {
        match self {
            Phase::Down => "down",
            Phase::Waiting => "waiting",
            Phase::Starting | Phase::Probing => "starting",
            Phase::Healthy => "healthy",
            Phase::Unhealthy => "unhealthy",
            Phase::Backoff { .. } => "restarting",
            Phase::Stopping { .. } => "stopping",
            Phase::Completed => "completed",
            Phase::Failed => "failed",
        }
    }
}

/// A part as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartView {
    /// Its name.
    pub name: String,
    /// Whether it should run.
    pub desired: Desired,
    /// Where it is.
    pub phase: Phase,
    /// Since when it is in this phase.
    pub since: Millis,
    /// Times it was started again after a failure.
    pub restarts: u32,
    /// Its current run was left by an earlier daemon.
    pub adopted: bool,
    /// Why it is not healthy.
    pub reason: Option<String>,
}
