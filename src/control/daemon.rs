//! The daemon: the one loop that owns the supervisor. Everything that happens comes in as a
//! message; every action goes out to the task of a run. It ends when nothing runs any more.

use super::boot::{Boot, Plan, clean_ephemeral};
use super::containers::GROUND;
use super::drive::{Info, Message, Order, Run, When};
use super::edits;
use super::home::Lock;
use super::hooks::{self, Place};
use super::hub::Hub;
use super::message::{EnvState, Update};
use super::parts::{self, ServicesCell};
use super::replan::{Changes, moves_ground};
use super::server::{self, Access};
use super::snapshot::AheadCell;
use super::status::{Sources, status};
use crate::base::{Exit, Problem};
use crate::runtime::{Dirs, logs};
use crate::supervisor::{Action, Desired, Event, Phase, Supervisor};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot};

/// Messages that may wait for the loop; senders wait beyond that.
const MESSAGES_MAX: usize = 256;
/// Log lines shown with a part that was given up.
const LOG_LINES_SHOWN: usize = 8;
/// How long the last words may take to reach those who follow.
const LAST_WORDS: Duration = Duration::from_millis(20);

/// Runs the environment until it is stopped (by a signal, a client, or `stop`); holds `lock` all
/// the while.
pub async fn run(
    boot: Boot,
    hub: Hub,
    lock: Lock,
    stop: oneshot::Receiver<()>,
) -> Result<(), Problem> {
    let home = boot.home.clone();
    let (sender, messages) = mpsc::channel(MESSAGES_MAX);
    let services = ServicesCell::default();
    let stopping = sender.clone();
    tokio::spawn(async move {
        if stop.await.is_ok() {
            let _ = stopping.send(Message::Stop).await;
        }
    });
    let result = match server::Server::bind(&home) {
        Ok(server) => {
            let access = Access {
                hub: hub.clone(),
                loop_: sender.clone(),
                services: services.clone(),
                plan: server::PlanCell::default(),
                turn: Arc::default(),
                ahead: AheadCell::default(),
            };
            if let Some(named) = boot.followed.clone() {
                tokio::spawn(edits::follow(access.clone(), named));
            }
            let ahead = access.ahead.clone();
            let serving = server.serve(access);
            let result = boot_and_run(boot, &hub, &serving, sender, messages, services).await;
            if let Err(problem) = &result {
                hub.fail(problem.clone());
            }
            drop(ahead.take());
            // Those who follow read the last words before the connection ends.
            tokio::time::sleep(LAST_WORDS).await;
            serving.end();
            result
        }
        Err(problem) => {
            hub.fail(problem.clone());
            Err(problem)
        }
    };
    // The kernel takes it when the process is gone: whoever gets it finds nothing left of this one.
    std::mem::forget(lock);
    result
}

async fn boot_and_run(
    boot: Boot,
    hub: &Hub,
    serving: &server::Serving,
    sender: mpsc::Sender<Message>,
    messages: mpsc::Receiver<Message>,
    services: ServicesCell,
) -> Result<(), Problem> {
    signals(sender.clone())
        .map_err(|e| Problem::failed("signals", format!("cannot wait for signals: {e}")))?;
    let plan = {
        let hub = hub.clone();
        let made = tokio::task::spawn_blocking(move || Plan::make(boot, &hub)).await;
        Arc::new(made.map_err(|e| Problem::failed("boot", format!("the boot failed: {e}")))??)
    };
    serving.planned(plan.clone());
    let supervisor =
        Supervisor::new(plan.specs.clone()).map_err(|ring| Problem::failed("parts", ring))?;
    let daemon = Daemon {
        supervisor,
        hub: hub.clone(),
        loop_: sender,
        services,
        zero: Instant::now(),
        epoch: Timestamp::now(),
        orders: BTreeMap::new(),
        infos: BTreeMap::new(),
        problems: BTreeMap::new(),
        stage: Stage::Hooks(When::BeforeUp),
        failure: None,
        plan,
    };
    let home = daemon.plan.home.clone();
    let ephemeral = daemon.plan.is_ephemeral();
    let result = daemon.run(messages).await;
    if ephemeral {
        // Volumes go by an engine's answer, which must not be waited for in here.
        let _ = tokio::task::spawn_blocking(move || clean_ephemeral(&home)).await;
    }
    result
}

/// How far the environment has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Commands of this moment run.
    Hooks(When),
    /// Parts come up for the first time.
    Rising,
    /// It has been ready.
    Up,
    /// Parts go down.
    Falling,
}

struct Daemon {
    plan: Arc<Plan>,
    supervisor: Supervisor,
    hub: Hub,
    loop_: mpsc::Sender<Message>,
    services: ServicesCell,
    zero: Instant,
    epoch: Timestamp,
    orders: BTreeMap<String, (u64, mpsc::UnboundedSender<Order>)>,
    infos: BTreeMap<String, Info>,
    problems: BTreeMap<String, Problem>,
    stage: Stage,
    failure: Option<Problem>,
}

impl Daemon {
    async fn run(mut self, mut messages: mpsc::Receiver<Message>) -> Result<(), Problem> {
        self.hook(When::BeforeUp);
        self.publish();
        loop {
            let due =
                self.supervisor.next_deadline().map(|ms| self.zero + Duration::from_millis(ms));
            let message = tokio::select! {
                message = messages.recv() => message,
                () = sleep_until(due) => Some(Message::Event(Event::Tick)),
            };
            let Some(message) = message else { break };
            self.take(message);
            self.advance();
            self.publish();
            if self.stage == Stage::Falling && self.supervisor.is_at_rest() {
                break;
            }
        }
        match self.failure {
            Some(problem) => Err(problem),
            None => Ok(()),
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.zero.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Event(event) => self.apply(event),
            Message::Info { part, info } => {
                self.problems.remove(&part);
                self.infos.insert(part, info);
            }
            Message::Problem { part, problem } => {
                tracing::warn!(part, problem = %problem.message, "cannot start");
                self.problems.insert(part, problem);
            }
            Message::Hooked { when, result } => self.hooked(when, result),
            Message::Settled(sender) => {
                // Who asked may have left.
                let _ = sender.send(());
            }
            // The status that is published after each message shows it.
            Message::ClockMoved => {}
            Message::Replan { plan, changes, done } => {
                let _ = done.send(self.replan(plan, &changes));
            }
            Message::Stop => self.begin_stop(),
            Message::Kill => self.kill_all(),
        }
    }

    fn apply(&mut self, event: Event) {
        if self.stage == Stage::Falling
            && matches!(event, Event::Want { .. } | Event::Restart { .. })
        {
            return;
        }
        let mut of = None;
        if let Event::Run { part, run, report } = &event {
            tracing::info!(part, run, ?report);
            of = Some(part.clone());
        }
        for action in self.supervisor.apply(event, self.now()) {
            tracing::info!(?action);
            self.act(action);
        }
        if let Some(part) = of.filter(|_| self.stage == Stage::Up) {
            self.tell_of_end(&part);
        }
    }

    /// A part that is given up once everything has been ready ends nothing; it is told, with its last words.
    fn tell_of_end(&self, part: &str) {
        let view = self.supervisor.view().into_iter().find(|p| p.name == part);
        let Some(view) = view.filter(|p| p.phase == Phase::Failed) else { return };
        let reason = view.reason.unwrap_or_default();
        let said = last_lines(&self.plan.dirs, part);
        self.hub.tell(Update::Note(format!("{part} is given up: {reason}{said}")));
    }

    /// What runs goes on under the new plan; only what differs is touched.
    fn replan(&mut self, plan: Arc<Plan>, changes: &Changes) -> Result<(), Problem> {
        if self.stage != Stage::Up {
            let message = "the environment is starting or going down";
            return Err(Problem::failed("replan", message).retryable());
        }
        let parts = self.supervisor.replan(plan.specs.clone(), self.now());
        parts.map_err(|ring| Problem::new(Exit::Usage, "parts", ring))?;
        let moves = moves_ground(&self.plan, &plan);
        self.plan = plan;
        if let Some(units) = self.plan.units.as_ref().filter(|_| self.plan.watch) {
            units.rule();
        }
        let mut anew = changes.changed.clone();
        anew.extend(moves.then(|| GROUND.to_owned()));
        let is_wanted = |part: &String| {
            let view = self.supervisor.view();
            view.iter().any(|p| p.name == *part && p.desired == Desired::Up)
        };
        // What was stopped by hand stays so.
        anew.retain(is_wanted);
        self.apply(Event::Restart { parts: anew });
        self.apply(Event::Want { parts: changes.added.clone() });
        Ok(())
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Start { part, run } => {
                let (plan, hub) = (self.plan.clone(), self.hub.clone());
                let order = Run { part: part.clone(), run, plan, hub, loop_: self.loop_.clone() };
                let orders = parts::start(order, &self.services);
                self.orders.insert(part, (run, orders));
            }
            Action::Stop { part, run } => self.order(&part, run, Order::Stop),
            Action::Kill { part, run } => self.order(&part, run, Order::Kill),
        }
    }

    fn order(&self, part: &str, run: u64, order: Order) {
        if let Some((of, orders)) = self.orders.get(part)
            && *of == run
        {
            // A run that has ended takes no orders.
            let _ = orders.send(order);
        }
    }

    /// Goes on to the next stage when the present one is through.
    fn advance(&mut self) {
        if self.stage != Stage::Rising {
            return;
        }
        if let Some(problem) = self.given_up() {
            self.fail(problem);
        } else if self.supervisor.is_ready() {
            self.stage = Stage::Hooks(When::AfterReady);
            self.hook(When::AfterReady);
        }
    }

    /// The problem of a part that was given up before the environment was ever ready.
    fn given_up(&self) -> Option<Problem> {
        let part = self.supervisor.view().into_iter().find(|p| p.phase == Phase::Failed)?;
        if let Some(problem) = self.problems.get(&part.name) {
            return Some(problem.clone());
        }
        let name = &part.name;
        let mut message = format!(
            "{name} does not stay up; it was started {} times: {}",
            part.restarts + 1,
            part.reason.unwrap_or_default()
        );
        message.push_str(&last_lines(&self.plan.dirs, name));
        let hint = format!("`devenv logs {name}` has all that it wrote");
        Some(Problem::new(Exit::NotReady, "not-ready", message).hint(hint))
    }

    fn fail(&mut self, problem: Problem) {
        tracing::error!(code = problem.code, "{}", problem.message);
        if self.failure.is_none() {
            self.hub.fail(problem.clone());
            self.failure = Some(problem);
        }
        self.fall();
    }

    fn hook(&self, when: When) {
        let hooks = &self.plan.profile.hooks;
        let (name, commands) = match when {
            When::BeforeUp => ("before_up", hooks.before_up.clone()),
            When::AfterReady => ("after_ready", hooks.after_ready.clone()),
            When::BeforeDown => ("before_down", hooks.before_down.clone()),
        };
        let place = Place {
            project: self.plan.profile.project_dir.clone(),
            variables: self.plan.variables.clone(),
            dirs: self.plan.dirs.clone(),
        };
        let loop_ = self.loop_.clone();
        tokio::spawn(async move {
            let result = hooks::run(name, &commands, &place).await;
            let _ = loop_.send(Message::Hooked { when, result }).await;
        });
    }

    fn hooked(&mut self, when: When, result: Result<(), Problem>) {
        // A stop may have overtaken the commands.
        if self.stage != Stage::Hooks(when) {
            return;
        }
        match (when, result) {
            (When::BeforeDown, result) => {
                if let Err(problem) = result {
                    self.hub.tell(Update::Note(problem.message));
                }
                self.fall();
            }
            (_, Err(problem)) => self.fail(problem),
            (When::BeforeUp, Ok(())) => {
                self.stage = Stage::Rising;
                let parts = self.plan.specs.iter().map(|s| s.name.clone()).collect();
                self.apply(Event::Want { parts });
            }
            (When::AfterReady, Ok(())) => {
                self.stage = Stage::Up;
                self.plan.leases.clone().sweep();
            }
        }
    }

    fn begin_stop(&mut self) {
        match self.stage {
            Stage::Up => {
                self.stage = Stage::Hooks(When::BeforeDown);
                self.hook(When::BeforeDown);
            }
            Stage::Hooks(When::BeforeDown) | Stage::Falling => {}
            Stage::Hooks(_) | Stage::Rising => self.fall(),
        }
    }

    fn fall(&mut self) {
        self.stage = Stage::Falling;
        self.apply(Event::StopAll);
    }

    fn kill_all(&mut self) {
        self.fall();
        for (run, orders) in self.orders.values() {
            tracing::warn!(run, "killed by a second signal");
            let _ = orders.send(Order::Kill);
        }
    }

    fn publish(&self) {
        let state = match self.stage {
            Stage::Hooks(When::BeforeUp | When::AfterReady) | Stage::Rising => EnvState::Starting,
            Stage::Up if self.supervisor.is_ready() => EnvState::Ready,
            Stage::Up => EnvState::Degraded,
            Stage::Hooks(When::BeforeDown) | Stage::Falling => EnvState::Stopping,
        };
        let sources = Sources {
            plan: &self.plan,
            state,
            view: self.supervisor.view(),
            clock: self.services.clock(),
            infos: &self.infos,
            epoch: self.epoch,
        };
        self.hub.set_status(status(&sources));
    }
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}

/// The end of a part's log, as lines to append to a message.
pub fn last_lines(dirs: &Dirs, name: &str) -> String {
    let lines = logs::read(dirs, name, None, LOG_LINES_SHOWN).unwrap_or_default();
    lines.iter().map(|line| format!("\n  {name} | {}", line.text)).collect()
}

/// SIGINT and SIGTERM stop in order; a second one stops at once. SIGHUP is the terminal's end.
fn signals(loop_: mpsc::Sender<Message>) -> std::io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        let mut first = true;
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
            }
            let message = if std::mem::take(&mut first) { Message::Stop } else { Message::Kill };
            if loop_.send(message).await.is_err() {
                return;
            }
        }
    });
    Ok(())
}
