//! A part that is not there all the time: at the times of its schedule, by the virtual clock, its container
//! runs once, to its end.
//!
//! Invariant: times that pass while it cannot run (a jump of the clock, a run that is not through, an
//! environment that is down) are one run or none, never several made up for. The part is healthy while it
//! waits for its next time, and unhealthy from a run that failed until one that does not.

use super::super::boot::{Plan, unknown_part};
use super::super::drive::{Info, Order, Run};
use super::super::message::{ServiceNote, Update};
use super::ground::Ground;
use super::plan::Unit;
use super::run::{follow, start};
use crate::base::{Exit, Millis, Problem};
use crate::compose::Schedule;
use crate::runtime::logs;
use crate::services::Clock;
use crate::supervisor::Report;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

/// Runs at a time, where they may overlap.
const OVERLAP_MAX: usize = 10;
/// Between two looks at the latest: after the machine slept or its time was set, timers are late.
const LOOK: Duration = Duration::from_secs(60);

/// How long the last lines of a run may take after its end: who asked for it wants them.
const LOG_WAIT: Duration = Duration::from_secs(10);
/// Runs that are asked for by hand and not taken yet, of one part.
const HANDS_MAX: usize = 16;

/// A run that is asked for by hand: its number and how it ended, or why there was none.
type Hand = oneshot::Sender<Result<(usize, i64), Problem>>;

/// Where scheduled parts can be asked for a run, by name, while they wait for their times.
#[derive(Debug, Clone, Default)]
pub(super) struct Desk(Arc<Mutex<BTreeMap<String, mpsc::Sender<Hand>>>>);

impl Desk {
    fn open(&self, part: &str) -> mpsc::Receiver<Hand> {
        let (sender, receiver) = mpsc::channel(HANDS_MAX);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(part.to_owned(), sender);
        receiver
    }

    fn of(&self, part: &str) -> Option<mpsc::Sender<Hand>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(part).cloned()
    }
}

/// One run of a scheduled service now, beside its times; answers at its end.
pub(in crate::control) async fn run_now(plan: &Plan, service: &str) -> Result<Update, Problem> {
    let units = plan.units.as_ref();
    let Some((units, unit)) = units.and_then(|u| Some((u, u.by_part.get(service)?))) else {
        let parts: Vec<&str> = plan.specs.iter().map(|spec| spec.name.as_str()).collect();
        if parts.contains(&service) {
            return Err(not_scheduled(service));
        }
        return Err(unknown_part(service, &parts));
    };
    if unit.service.schedule.is_none() {
        return Err(not_scheduled(service));
    }
    let (sender, receiver) = oneshot::channel();
    let asked = match units.desk.of(service) {
        Some(desk) => desk.try_send(sender).is_ok(),
        None => false,
    };
    if !asked {
        let message = format!("{service} does not wait for its times");
        return Err(Problem::new(Exit::NotRunning, "part-not-running", message)
            .hint(format!("`devenv start {service}`; `devenv status` shows how it stands"))
            .retryable());
    }
    let ended = receiver.await.unwrap_or_else(|_| {
        let message = format!("{service} was stopped before the run had ended");
        Err(Problem::failed("run-stopped", message).retryable())
    });
    ended.map(|(number, code)| Update::Ran { number, code })
}

fn not_scheduled(service: &str) -> Problem {
    let message = format!("{service} has no schedule");
    Problem::new(Exit::Usage, "not-scheduled", message)
        .hint(format!("`devenv restart {service}` runs it anew"))
}

/// The life of a scheduled part.
pub(super) async fn scheduled(
    run: Run,
    schedule: Schedule,
    clock: Clock,
    ground: Ground,
    mut orders: mpsc::UnboundedReceiver<Order>,
) {
    let Some(mut part) = Part::new(run, schedule, clock, ground) else { return };
    let prepared = tokio::select! {
        prepared = part.prepare() => prepared,
        _ = orders.recv() => return part.run.stopped_early().await,
    };
    if let Err(problem) = prepared {
        return part.run.give_up(problem).await;
    }
    part.show().await;
    part.run.report(Report::Started { adopted: false }).await;
    part.run.report(Report::ProbeOk).await;
    part.keep(&mut orders).await;
    part.end(&mut orders).await;
    part.run.report(Report::Exited { reason: "stopped".to_owned() }).await;
}

struct Part {
    run: Run,
    unit: Unit,
    schedule: Schedule,
    clock: Clock,
    ground: Ground,
    /// Times up to this instant are past.
    seen: Millis,
    jobs: JoinSet<(usize, Result<i64, Problem>)>,
    /// Names of the containers of runs that are not through, by the runs' numbers.
    under_way: BTreeMap<usize, String>,
    runs: usize,
    last: Option<String>,
    /// Who asked for a run by hand, by the run's number.
    asked: BTreeMap<usize, Hand>,
}

impl Part {
    fn new(run: Run, schedule: Schedule, clock: Clock, ground: Ground) -> Option<Part> {
        let unit = run.plan.units.as_ref()?.by_part.get(&run.part)?.clone();
        let (seen, jobs, under_way) = (clock.now(), JoinSet::new(), BTreeMap::new());
        Some(Part {
            run,
            unit,
            schedule,
            clock,
            ground,
            seen,
            jobs,
            under_way,
            runs: 0,
            last: None,
            asked: BTreeMap::new(),
        })
    }

    /// Has the image, so that a run does not wait for it; and ends what a killed daemon left running.
    async fn prepare(&self) -> Result<(), Problem> {
        let (engine, unit) = (&self.ground.engine, &self.unit);
        let Some(units) = self.run.plan.units.as_ref() else { return Ok(()) };
        for (id, part) in engine.containers_of(&units.project).await? {
            if part == unit.part {
                engine.remove(&id).await?;
            }
        }
        engine.image(&unit.part, &unit.tag, &unit.service, &self.run.hub).await.map(drop)
    }

    /// Runs it at its times until there is an order.
    async fn keep(&mut self, orders: &mut mpsc::UnboundedReceiver<Order>) {
        let Some(units) = self.run.plan.units.as_ref() else { return };
        let mut hands = units.desk.open(&self.run.part);
        loop {
            let clock = self.clock.clone();
            // Heard from here on, so that no move is missed.
            let moved = clock.moved();
            let now = clock.now();
            // After a move back, times come again.
            self.seen = self.seen.min(now);
            let next = self.schedule.next_after(self.seen.0).map(Millis);
            if next.is_some_and(|next| next <= now) {
                self.seen = now;
                if self.begin(now).is_none() {
                    let text = "not run, as the one before is not through";
                    self.note(&format!("{}: {text}", now.iso8601()));
                }
                self.show().await;
                continue;
            }
            let wait = async {
                match next.and_then(|next| clock.until(next)) {
                    Some(wait) => tokio::time::sleep(wait.min(LOOK)).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = orders.recv() => return,
                Some(done) = self.jobs.join_next() => {
                    if let Ok((number, ended)) = done {
                        self.ended(number, ended).await;
                    }
                }
                Some(hand) = hands.recv() => self.by_hand(hand),
                () = moved => {}
                () = wait => {}
            }
        }
    }

    /// Begins a run, unless one is under way that is in its way; its number.
    fn begin(&mut self, now: Millis) -> Option<usize> {
        let most = if self.schedule.overlap { OVERLAP_MAX } else { 1 };
        if self.under_way.len() >= most {
            return None;
        }
        self.runs += 1;
        let number = self.runs;
        let name = match self.schedule.overlap {
            true => format!("{}-run-{number}", self.unit.name),
            false => self.unit.name.clone(),
        };
        self.note(&format!("{}: run {number}", now.iso8601()));
        self.under_way.insert(number, name.clone());
        let (run, ground) = (self.run.clone(), self.ground.clone());
        let unit = Unit { name, ..self.unit.clone() };
        self.jobs.spawn(async move { (number, once(run, unit, ground).await) });
        Some(number)
    }

    /// A run beside the times, which go on as they are.
    fn by_hand(&mut self, hand: Hand) {
        match self.begin(self.clock.now()) {
            Some(number) => drop(self.asked.insert(number, hand)),
            None => {
                let message = format!("a run of {} is under way", self.run.part);
                let problem = Problem::failed("run-under-way", message).retryable();
                let hint = "wait for its end, or write `overlap: true` beside its schedule";
                // Whoever asked may have left.
                let _ = hand.send(Err(problem.hint(hint)));
            }
        }
    }

    async fn ended(&mut self, number: usize, ended: Result<i64, Problem>) {
        self.under_way.remove(&number);
        let now = self.clock.now().iso8601();
        let (told, report) = match &ended {
            Ok(0) => ("ended with 0".to_owned(), None),
            Ok(code) => {
                (format!("ended with {code}"), Some(format!("its last run ended with {code}")))
            }
            Err(problem) => {
                (format!("did not run: {}", problem.message), Some(problem.message.clone()))
            }
        };
        self.note(&format!("{now}: run {number} {told}"));
        self.last = Some(format!("run {number} {told}"));
        self.show().await;
        let report = report.map_or(Report::ProbeOk, |reason| Report::ProbeFailed { reason });
        self.run.report(report).await;
        if let Some(hand) = self.asked.remove(&number) {
            let _ = hand.send(ended.map(|code| (number, code)));
        }
    }

    /// Ends the runs that are under way.
    async fn end(&mut self, orders: &mut mpsc::UnboundedReceiver<Order>) {
        let engine = &self.ground.engine;
        let signal = self.unit.service.host.stop_signal.as_deref();
        for name in self.under_way.values() {
            engine.stop(name, signal).await;
        }
        while !self.jobs.is_empty() {
            tokio::select! {
                _ = self.jobs.join_next() => {}
                // A second order is a kill, and the end of the channel the daemon's.
                _ = orders.recv() => break,
            }
        }
        self.jobs.shutdown().await;
        for name in self.under_way.values() {
            let _ = engine.remove(name).await;
        }
    }

    /// A line of its own in the part's log.
    fn note(&self, text: &str) {
        if let Ok(mut writer) = logs::Writer::open(&self.run.plan.dirs, &self.run.part) {
            drop(writer.line(&format!("devenv: {text}")));
        }
    }

    /// What the status says of it.
    async fn show(&self) {
        let next = self.schedule.next_after(self.seen.0).map(|next| Millis(next).iso8601());
        let mut text = format!("next at {}", next.unwrap_or_else(|| "no time".to_owned()));
        if let Some(last) = &self.last {
            text.push_str(&format!(", {last}"));
        }
        let notes = vec![ServiceNote { service: self.run.part.clone(), text }];
        self.run
            .info(Info { version: Some(self.unit.tag.clone()), notes, ..Info::default() })
            .await;
    }
}

/// One run, to its end; its container is gone afterwards.
async fn once(run: Run, unit: Unit, ground: Ground) -> Result<i64, Problem> {
    let engine = &ground.engine;
    let Some(units) = run.plan.units.as_ref() else {
        return Err(Problem::failed("containers", "there are no containers any more"));
    };
    let made = start(&run, units, &unit, &ground).await?;
    let log = follow(engine, &made, &run);
    let ended = engine.ended(&made.id).await;
    let _ = tokio::time::timeout(LOG_WAIT, log).await;
    engine.remove(&made.id).await?;
    ended.map_err(|why| Problem::failed("engine", why).retryable())
}
