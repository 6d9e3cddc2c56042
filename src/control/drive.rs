//! One task a run of a part: it starts the thing, asks it whether it answers, carries out orders,
//! and reports all of it to the daemon's loop. It decides nothing; the supervisor does.

use super::boot::Plan;
use super::hub::Hub;
use super::message::ServiceNote;
use super::replan::Changes;
use crate::base::Problem;
use crate::runtime::{ExitReport, Launch, Running, adopt, spawn};
use crate::supervisor::{Event, Report};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Between probes until the first answer, which most give soon.
const QUICK_PACE: Duration = Duration::from_millis(2);
const QUICK_FOR: Duration = Duration::from_millis(250);
const PROBE_PACE: Duration = Duration::from_millis(8);
/// Between probes of a part that answers.
const WATCH_PACE: Duration = Duration::from_secs(2);
/// Unanswered probes in a row that make a healthy part unhealthy.
const MISSES_MAX: u32 = 2;

/// What a run is told to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// End in its own way.
    Stop,
    /// End now.
    Kill,
}

/// What the loop is told.
pub(super) enum Message {
    /// For the supervisor.
    Event(Event),
    /// What runs, for the status.
    Info { part: String, info: Info },
    /// Why a run could not be started, in full.
    Problem { part: String, problem: Problem },
    /// The hooks of one moment are through.
    Hooked { when: When, result: Result<(), Problem> },
    /// Everything sent before this one has been taken.
    Settled(tokio::sync::oneshot::Sender<()>),
    /// Another plan takes the place of this one.
    Replan {
        plan: Arc<Plan>,
        changes: Changes,
        done: tokio::sync::oneshot::Sender<Result<(), Problem>>,
    },
    /// The virtual clock was moved.
    ClockMoved,
    /// Everything is to end.
    Stop,
    /// Everything is to end without grace.
    Kill,
}

/// The moments that have hooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// Before anything starts.
    BeforeUp,
    /// When every part answers.
    AfterReady,
    /// Before anything stops.
    BeforeDown,
}

/// What is known of a run.
#[derive(Debug, Clone, Default)]
pub(super) struct Info {
    pub(super) pid: Option<u32>,
    pub(super) address: Option<String>,
    pub(super) version: Option<String>,
    /// What people should know, about this part or a service behind it.
    pub(super) notes: Vec<ServiceNote>,
    /// Emulated services behind this part.
    pub(super) emulated: Vec<String>,
}

/// What every run needs.
#[derive(Clone)]
pub(super) struct Run {
    pub(super) part: String,
    pub(super) run: u64,
    pub(super) plan: Arc<Plan>,
    pub(super) hub: Hub,
    pub(super) loop_: mpsc::Sender<Message>,
}

impl Run {
    pub(super) async fn report(&self, report: Report) {
        let (part, run) = (self.part.clone(), self.run);
        // The loop outlives its runs; if it is gone, there is nobody to care.
        let _ = self.loop_.send(Message::Event(Event::Run { part, run, report })).await;
    }

    pub(super) async fn info(&self, info: Info) {
        let _ = self.loop_.send(Message::Info { part: self.part.clone(), info }).await;
    }

    /// It could not be started, and another try would not help.
    pub(super) async fn give_up(&self, problem: Problem) {
        let reason = problem.message.clone();
        let part = self.part.clone();
        let _ = self.loop_.send(Message::Problem { part, problem }).await;
        self.report(Report::StartFailed { reason, fatal: true }).await;
    }

    pub(super) async fn stopped_early(&self) {
        let reason = "stopped while it was starting".to_owned();
        self.report(Report::StartFailed { reason, fatal: false }).await;
    }
}

/// What a native part is, apart from how it runs.
pub(super) trait Native: Send + Sync + 'static {
    /// Finds or fetches what is needed; blocks.
    fn prepare(&self, run: &Run) -> Result<Launch, Problem>;
    /// Work on the server once it answers.
    fn initialise(&self, launch: &Launch) -> impl Future<Output = Result<(), Problem>> + Send;
}

/// A run of a native part, from preparation to its end.
pub(super) async fn native<N: Native>(
    part: N,
    run: Run,
    mut orders: mpsc::UnboundedReceiver<Order>,
) {
    let part = Arc::new(part);
    let gate = Arc::new(Gate::default());
    let mut work = tokio::task::spawn_blocking({
        let (part, run, gate) = (part.clone(), run.clone(), gate.clone());
        move || start(&*part, &run, &gate)
    });
    let (started, order) = tokio::select! {
        started = &mut work => (started, None),
        order = orders.recv() => {
            // A download cannot be broken off, but nothing waits for it, and nothing starts after it.
            if gate.close() {
                return run.stopped_early().await;
            }
            (work.await, order)
        }
    };
    let (launch, mut running) = match started {
        Ok(Ok(started)) => started,
        Ok(Err(problem)) => return run.give_up(problem).await,
        Err(e) => {
            let message = format!("starting {} failed: {e}", run.part);
            return run.give_up(Problem::failed("start-failed", message)).await;
        }
    };
    match order {
        Some(Order::Stop) => running.signal(launch.stop),
        Some(Order::Kill) => running.kill(),
        None => {}
    }
    // Told already, while it was prepared.
    let notes = launch
        .note
        .iter()
        .map(|text| ServiceNote { service: run.part.clone(), text: text.clone() });
    let notes = notes.collect();
    run.info(Info {
        pid: Some(running.pid()),
        address: Some(launch.address.clone()),
        version: Some(launch.version.clone()),
        notes,
        emulated: vec![],
    })
    .await;
    run.report(Report::Started { adopted: running.adopted() }).await;
    let how = watch(&*part, &run, &launch, &mut running, &mut orders).await;
    match how {
        Ok(exit) => {
            run.report(Report::Exited { reason: format!("{} {exit}", run.part) }).await;
        }
        Err(problem) => {
            running.stop(launch.stop, launch.stop_grace).await;
            run.give_up(problem).await;
        }
    }
}

fn start<N: Native>(part: &N, run: &Run, gate: &Gate) -> Result<(Launch, Running), Problem> {
    let launch = part.prepare(run)?;
    if !gate.pass() {
        return Err(Problem::failed("stopped", format!("{} was stopped early", run.part)));
    }
    let dirs = &run.plan.dirs;
    let running = match adopt(&launch, dirs)? {
        Some(running) => running,
        None => spawn(&launch, dirs)?,
    };
    Ok((launch, running))
}

/// Stands between a preparation and the process that follows it: passed or closed, never both.
#[derive(Debug, Default)]
struct Gate(AtomicU8);

impl Gate {
    const PASSED: u8 = 1;
    const CLOSED: u8 = 2;

    /// Whether the process may start; from then on it cannot be closed.
    fn pass(&self) -> bool {
        self.0.compare_exchange(0, Self::PASSED, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Whether no process will start.
    fn close(&self) -> bool {
        self.0.compare_exchange(0, Self::CLOSED, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

/// Probes and obeys until the process ends; `Err` when its first work on the server fails.
async fn watch<N: Native>(
    part: &N,
    run: &Run,
    launch: &Launch,
    running: &mut Running,
    orders: &mut mpsc::UnboundedReceiver<Order>,
) -> Result<ExitReport, Problem> {
    let mut pulse = Pulse::default();
    let mut initialised = false;
    let begun = Instant::now();
    let mut pace = Duration::ZERO;
    loop {
        let look = async {
            tokio::time::sleep(pace).await;
            launch.probe.check().await
        };
        let answer = tokio::select! {
            exit = running.wait() => return Ok(exit),
            Some(order) = orders.recv() => {
                match order {
                    Order::Stop => running.signal(launch.stop),
                    Order::Kill => running.kill(),
                }
                return Ok(obey(launch, running, orders).await);
            }
            answer = look => answer,
        };
        if answer.is_ok() && !initialised {
            tokio::select! {
                exit = running.wait() => return Ok(exit),
                done = part.initialise(launch) => done?,
            }
            initialised = true;
        }
        pace = match initialised {
            true => WATCH_PACE,
            false if begun.elapsed() < QUICK_FOR => QUICK_PACE,
            false => PROBE_PACE,
        };
        if let Some(report) = pulse.beat(answer) {
            run.report(report).await;
        }
    }
}

/// After the request to stop: waits for the end, with further orders.
async fn obey(
    launch: &Launch,
    running: &mut Running,
    orders: &mut mpsc::UnboundedReceiver<Order>,
) -> ExitReport {
    loop {
        tokio::select! {
            exit = running.wait() => return exit,
            Some(order) = orders.recv() => match order {
                Order::Stop => running.signal(launch.stop),
                Order::Kill => running.kill(),
            },
        }
    }
}

/// Turns answers to probes into reports worth making.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    healthy: bool,
    misses: u32,
    last: Option<String>,
}

impl Pulse {
    /// The report that an answer deserves, if any: changes, and new words.
    pub(super) fn beat(&mut self, answer: Result<(), String>) -> Option<Report> {
        match answer {
            Ok(()) => {
                self.misses = 0;
                self.last = None;
                (!std::mem::replace(&mut self.healthy, true)).then_some(Report::ProbeOk)
            }
            Err(reason) => {
                self.misses += 1;
                if self.healthy && self.misses < MISSES_MAX || self.last.as_ref() == Some(&reason) {
                    return None;
                }
                self.healthy = false;
                self.last = Some(reason.clone());
                Some(Report::ProbeFailed { reason })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_is_passed_or_closed() {
        let gate = Gate::default();
        assert!(gate.pass() && !gate.close());
        let gate = Gate::default();
        assert!(gate.close() && !gate.pass());
    }

    #[test]
    fn a_pulse_reports_changes_only() {
        let mut pulse = Pulse::default();
        let refused = || Err("refused".to_owned());
        let failed = Some(Report::ProbeFailed { reason: "refused".to_owned() });
        assert_eq!(pulse.beat(refused()), failed);
        assert_eq!(pulse.beat(refused()), None);
        assert_eq!(pulse.beat(Ok(())), Some(Report::ProbeOk));
        assert_eq!(pulse.beat(Ok(())), None);
        assert_eq!(pulse.beat(refused()), None, "one miss is not an illness");
        assert_eq!(pulse.beat(refused()), failed);
        assert_eq!(pulse.beat(Ok(())), Some(Report::ProbeOk));
    }
}
