//! The part `network`: what containers stand on. It finds the engine, sweeps away what is no part
//! any more, makes networks and volumes, opens the relays; and at its end takes all but the volumes down.

use super::super::boot::Plan;
use super::super::drive::{Info, Order, Pulse, Run};
use super::plan::{Units, served_volume};
use super::relay::{Doors, Relays, ways};
use super::trace;
use super::watch::watch;
use crate::base::Problem;
use crate::runtime::engine::Engine;
use crate::supervisor::Report;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;

/// Between looks at the engine.
const WATCH_PACE: Duration = Duration::from_secs(2);
/// The address for engines in a virtual machine: the engine itself knows the way to this machine.
const HOST_GATEWAY: &str = "host-gateway";
/// Said where it is so: what a user's own engine runs is kept apart from this machine's loopback.
const UNREACHABLE: &str = "the container engine is rootless: its containers run, but cannot reach devenv's \
    own servers, which listen on loopback alone (docs/containers.md)";

/// What the containers are told of the ground.
#[derive(Debug, Clone)]
pub(super) struct Ground {
    pub(super) engine: Engine,
    /// The address of devenv's servers, by the network that a container is on first.
    pub(super) addresses: BTreeMap<String, String>,
    /// The ways in a rootless engine's own network.
    doors: Option<Arc<Doors>>,
}

impl Ground {
    /// To be called when a container has been started: see [`Doors::again`].
    pub(super) async fn has_started(&self, run: &Run) {
        let Some(doors) = &self.doors else { return };
        if let Err(why) = doors.again().await {
            run.hub.tell(super::super::Update::Note(format!("{UNREACHABLE}: {why}")));
        }
    }
}

/// The ground while it is there.
#[derive(Debug, Clone, Default)]
pub(super) struct GroundCell(Arc<Mutex<Option<Ground>>>);

impl GroundCell {
    pub(super) fn get(&self) -> Option<Ground> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, ground: Option<Ground>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = ground;
    }
}

/// A run of the ground.
pub(in crate::control) async fn ground(run: Run, mut orders: mpsc::UnboundedReceiver<Order>) {
    let plan = run.plan.clone();
    let Some(units) = plan.units.as_ref() else { return run.stopped_early().await };
    let laid = tokio::select! {
        laid = lay(&run, units) => laid,
        _ = orders.recv() => return run.stopped_early().await,
    };
    let (ground, relays) = match laid {
        Ok(laid) => laid,
        Err(problem) => return run.give_up(problem).await,
    };
    let engine = ground.engine.clone();
    let address = ground.addresses.values().next().cloned();
    units.ground.set(Some(ground));
    let version = Some(format!("engine {}", engine.version));
    run.info(Info { address, version, ..Info::default() }).await;
    run.report(Report::Started { adopted: false }).await;
    run.report(Report::ProbeOk).await;
    let mut ruled = units.ruled.subscribe();
    let mut watching = watch(&run, units, units.by_part.clone(), &engine);
    let mut pulse = Pulse::default();
    let _ = pulse.beat(Ok(()));
    loop {
        let look = async {
            tokio::time::sleep(WATCH_PACE).await;
            engine.answers().await
        };
        tokio::select! {
            _ = orders.recv() => break,
            Ok(()) = ruled.changed() => {
                let by_part = ruled.borrow_and_update().clone();
                // What those before have seen is theirs to bring to its end.
                let others = watch(&run, units, by_part, &engine);
                if let Some(before) = std::mem::replace(&mut watching, others) {
                    before.retire();
                }
            }
            answer = look => {
                if let Some(report) = pulse.beat(answer) {
                    run.report(report).await;
                }
            }
        }
    }
    units.ground.set(None);
    drop(watching);
    drop(relays);
    let lift = async {
        let _ = engine.sweep(&units.project, &BTreeSet::new()).await;
        engine.remove_networks(&units.project).await
    };
    tokio::select! {
        lifted = lift => {
            if let Err(problem) = lifted {
                run.hub.tell(super::super::Update::Note(problem.message));
            }
        }
        // A second order is a kill: the next `up` or `down` finds what is left by its labels.
        Some(Order::Kill) = orders.recv() => {}
    }
    run.report(Report::Exited { reason: "stopped".to_owned() }).await;
}

/// Empties the volumes of a server's container, which must be down.
pub(in crate::control) async fn wipe(plan: &Plan, part: &str) -> Result<(), Problem> {
    let units = plan.units.as_ref();
    let Some((units, ground)) = units.and_then(|units| Some((units, units.ground.get()?))) else {
        return Err(Problem::failed("reset", format!("{part} has no container")).retryable());
    };
    let Some((name, volume)) = units.volumes.get(&served_volume(part)) else { return Ok(()) };
    ground.engine.remove_volume(name).await?;
    ground.engine.volume(&units.project, name, volume).await
}

async fn lay(run: &Run, units: &Units) -> Result<(Ground, Relays), Problem> {
    let engine = Engine::connect().await.map_err(|problem| {
        let parts = units.parts().join(", ");
        let message = format!("{}; it is needed for {parts}", problem.message);
        Problem { message, ..problem }
    })?;
    trace::write(&run.plan.dirs, &units.project, &engine.address.url)?;
    let kept: BTreeSet<String> = units.by_part.keys().cloned().collect();
    for part in engine.sweep(&units.project, &kept).await? {
        run.hub.tell(super::super::Update::Note(format!(
            "removed the container of {part}, which is no part any more"
        )));
    }
    for (name, volume) in units.volumes.values() {
        engine.volume(&units.project, name, volume).await?;
    }
    let mut relays = Relays::default();
    let mut addresses = BTreeMap::new();
    let mut opened: BTreeSet<IpAddr> = BTreeSet::new();
    let mut inside = BTreeSet::new();
    for (key, (name, network)) in &units.networks {
        let gateways = engine.network(&units.project, name, network).await?;
        let Some(gateway) = gateways.into_iter().find(IpAddr::is_ipv4) else { continue };
        if engine.way_in.is_some() {
            inside.insert(gateway);
            addresses.insert(key.clone(), gateway.to_string());
            continue;
        }
        let here = opened.contains(&gateway)
            || relays.open(gateway, engine.bridges_are_late, &run.plan.ports).map_err(|why| {
                Problem::in_the_way("relay", format!("containers cannot reach devenv: {why}"))
                    .retryable()
            })?;
        if here {
            opened.insert(gateway);
        }
        let address = if here { gateway.to_string() } else { HOST_GATEWAY.to_owned() };
        addresses.insert(key.clone(), address);
    }
    let doors = match &engine.way_in {
        Some(way) => {
            let all = inside.into_iter().flat_map(|gateway| ways(gateway, &run.plan.ports));
            Doors::open(way.clone(), all.collect())
                .await
                .map(Arc::new)
                .map_err(|why| format!(": {why}"))
        }
        None => Err(String::new()),
    };
    if let Err(why) = &doors
        && engine.is_rootless
        && opened.is_empty()
    {
        run.hub.tell(super::super::Update::Note(format!("{UNREACHABLE}{why}")));
    }
    Ok((Ground { engine, addresses, doors: doors.ok() }, relays))
}
