//! The parts there are, each as a run: Postgres and Redis as processes, the gateway in this process.

use super::boot::{GATEWAY, POSTGRES, Plan, REDIS, SMTP};
use super::drive::{Info, Message, Native, Order, Run, native};
use super::lease::Lends;
use super::message::{ClockNote, ServiceNote};
use super::{containers, environment, follow, mail};
use crate::base::Problem;
use crate::data;
use crate::edge::{Gateway, GatewayConfig, Lending, check_auth};
use crate::profile;
use crate::runtime::{self, Launch, Probe, StopSignal};
use crate::services::{Clock, Services};
use crate::supervisor::Report;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;

/// Longest wait for the gateway's own answer, and the pace of asking.
const GATEWAY_PROBES_MAX: u32 = 500;
const GATEWAY_PROBE_PACE: Duration = Duration::from_millis(2);

/// The services of the running gateway, for those in this process who need them.
#[derive(Clone, Default)]
pub(super) struct ServicesCell {
    running: Arc<Mutex<Option<Services>>>,
    names: Arc<Mutex<Vec<String>>>,
}

impl ServicesCell {
    pub(super) fn get(&self) -> Option<Services> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How the clock stands, where it is not the machine's own time.
    pub(super) fn clock(&self) -> Option<ClockNote> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.as_ref().and_then(|services| services.clock.unreal()).map(|v| ClockNote::of(&v))
    }

    /// The names of the services, also while the gateway is down; none before its first start.
    pub(super) fn names(&self) -> Vec<String> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_names(&self, names: &[String]) {
        *self.names.lock().unwrap_or_else(PoisonError::into_inner) = names.to_vec();
    }

    fn set(&self, services: Option<Services>) {
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = services;
    }
}

/// Starts a run of its part; its orders go through what is returned.
pub(super) fn start(run: Run, services: &ServicesCell) -> mpsc::UnboundedSender<Order> {
    let (sender, orders) = mpsc::unbounded_channel();
    let profile = &run.plan.profile;
    if run.part == containers::GROUND {
        tokio::spawn(containers::ground(run, orders));
        return sender;
    }
    if run.plan.is_container(&run.part) {
        tokio::spawn(containers::container(run, services.clone(), orders));
        return sender;
    }
    match (run.part.as_str(), profile.postgres.clone(), profile.redis.clone()) {
        (POSTGRES, Some(settings), _) => {
            let port = port(&run.plan, POSTGRES);
            let services = services.clone();
            tokio::spawn(native(Postgres { settings, port, services }, run, orders));
        }
        (REDIS, _, Some(settings)) => {
            let port = port(&run.plan, REDIS);
            tokio::spawn(native(Redis { settings, port }, run, orders));
        }
        (SMTP, _, _) => {
            tokio::spawn(mail::smtp(run, services.clone(), orders));
        }
        _ => {
            tokio::spawn(gateway(run, services.clone(), orders));
        }
    }
    sender
}

pub(super) fn port(plan: &Plan, part: &str) -> u16 {
    plan.ports.get(part).copied().unwrap_or_default()
}

struct Postgres {
    settings: profile::Postgres,
    port: u16,
    services: ServicesCell,
}

impl Native for Postgres {
    fn prepare(&self, run: &Run) -> Result<Launch, Problem> {
        let mut launch =
            runtime::postgres::prepare(&self.settings, self.port, &run.plan.dirs, &run.hub)?;
        if run.plan.throwaway {
            // Its checkpoint at the end would be for nobody.
            launch.stop = StopSignal::Quit;
        }
        Ok(launch)
    }

    async fn initialise(&self, launch: &Launch) -> Result<(), Problem> {
        if runtime::postgres::is_back(launch, &self.settings) {
            return Ok(());
        }
        runtime::postgres::initialise(&self.settings, self.port).await?;
        runtime::postgres::is_made(launch, &self.settings);
        follow::catch_up(&self.settings, self.port, &self.services).await
    }
}

struct Redis {
    settings: profile::Redis,
    port: u16,
}

impl Native for Redis {
    fn prepare(&self, run: &Run) -> Result<Launch, Problem> {
        let mut launch =
            runtime::redis::prepare(&self.settings, self.port, &run.plan.dirs, &run.hub)?;
        if run.plan.throwaway {
            // It looks for a request to end ten times a second.
            launch.stop = StopSignal::Kill;
        }
        Ok(launch)
    }

    async fn initialise(&self, _: &Launch) -> Result<(), Problem> {
        Ok(())
    }
}

/// A run of the gateway. It lives in this process, so it ends by being told to.
async fn gateway(run: Run, cell: ServicesCell, mut orders: mpsc::UnboundedReceiver<Order>) {
    let started = tokio::select! {
        started = open(&run) => started,
        _ = orders.recv() => return run.stopped_early().await,
    };
    let (gateway, notes) = match started {
        Ok(started) => started,
        Err(problem) => return run.give_up(problem).await,
    };
    cell.set(Some(gateway.services().clone()));
    run.plan.leases.serve(Some(gateway.services().clone()));
    follow::begin(&run.plan, &gateway.services().clock).await;
    let mut emulated: Vec<String> =
        gateway.services().all().iter().map(|s| s.name().to_owned()).collect();
    emulated.sort_unstable();
    emulated.dedup();
    cell.set_names(&emulated);
    let address = gateway.address();
    let version = Some(env!("CARGO_PKG_VERSION").to_owned());
    notes.iter().for_each(|note| run.hub.tell(super::Update::Note(note.to_string())));
    let info =
        Info { address: Some(address.to_string()), version, notes, emulated, ..Info::default() };
    run.info(info).await;
    run.report(Report::Started { adopted: false }).await;
    run.report(answers(address).await).await;
    // The channel closes with the daemon's loop; then this is the end as well.
    tokio::select! {
        _ = orders.recv() => {}
        () = tell_moves(&run, &gateway.services().clock) => {}
    }
    cell.set(None);
    run.plan.leases.serve(None);
    tokio::select! {
        () = gateway.shutdown() => {}
        // A second order is a kill: what was answered is committed, so nothing is lost by leaving.
        Some(Order::Kill) = orders.recv() => {}
    }
    run.report(Report::Exited { reason: "stopped".to_owned() }).await;
}

/// Has the status follow the clock; without end.
async fn tell_moves(run: &Run, clock: &Clock) {
    loop {
        clock.moved().await;
        let _ = run.loop_.send(Message::ClockMoved).await;
    }
}

async fn open(run: &Run) -> Result<(Gateway, Vec<ServiceNote>), Problem> {
    let plan = &run.plan;
    let listen = SocketAddr::from((plan.listen, port(plan, GATEWAY)));
    let auth = check_auth(plan.profile.auth)?;
    let lending = Lending(Some(Arc::new(Lends(plan.leases.clone()))));
    let config = GatewayConfig {
        auth,
        lending,
        upstreams: plan.profile.upstreams.clone(),
        project: plan.home.project.clone(),
        faults: plan.profile.faults.rules.clone(),
        proxies: plan.proxies(),
        seed: plan.seed,
        ..GatewayConfig::new(listen, plan.dirs.state.clone())
    };
    let gateway = Gateway::start(config).await?;
    match seed(plan, gateway.services()).await {
        Ok(notes) => Ok((gateway, notes)),
        Err(problem) => {
            gateway.shutdown().await;
            Err(problem)
        }
    }
}

/// Declares the profile's resources; what is there already stays. Hands back what no service
/// carries out yet.
pub(super) async fn seed(
    plan: &Arc<Plan>,
    services: &Services,
) -> Result<Vec<ServiceNote>, Problem> {
    let asked = plan.clone();
    let facts = environment::facts(&plan.profile, &plan.ports);
    let surroundings = data::Surroundings {
        project: plan.project.clone(),
        variables: plan.variables.clone(),
        postgres: facts.postgres.clone(),
        grounds: data::Grounds::new(move || containers::stand(&asked)),
    };
    data::install_rotators(&plan.profile, surroundings, services).await?;
    let notes = data::provision(&plan.profile, &facts, services).await?.notes;
    let told = |n: data::Note| ServiceNote { service: n.service.to_owned(), text: n.text };
    Ok(notes.into_iter().map(told).collect())
}

async fn answers(address: SocketAddr) -> Report {
    // Who listens everywhere answers on loopback too, and by no other name than its own.
    let host =
        if address.ip().is_unspecified() { Ipv4Addr::LOCALHOST.into() } else { address.ip() };
    let (host, path) = (host.to_string(), "/_devenv/health".to_owned());
    let probe = Probe::Http { host, port: address.port(), path };
    let mut reason = String::new();
    for _ in 0..GATEWAY_PROBES_MAX {
        match probe.check().await {
            Ok(()) => return Report::ProbeOk,
            Err(answer) => reason = answer,
        }
        tokio::time::sleep(GATEWAY_PROBE_PACE).await;
    }
    Report::ProbeFailed { reason }
}
