//! One task a running container: image, making or adoption, start, health, log, end.

use super::super::boot::Plan;
use super::super::drive::{Info, Order, Pulse, Run};
use super::super::environment::{self, USUAL};
use super::super::parts::ServicesCell;
use super::cron::scheduled;
use super::ground::Ground;
use super::plan::{DEFAULT_NETWORK, Server, Unit, Units};
use crate::base::Problem;
use crate::compose::Attachment;
use crate::data;
use crate::runtime::engine::Engine;
use crate::runtime::engine::container::{Made, State, Wanted};
use crate::runtime::{self, Dirs, Probe, certificates, logs};
use crate::supervisor::Report;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Between looks at a container that is not well yet.
const LOOK_PACE: Duration = Duration::from_millis(25);
/// Between looks at one that is.
const WATCH_PACE: Duration = Duration::from_secs(2);
/// Between looks for an engine that is gone.
const ENGINE_PACE: Duration = Duration::from_millis(500);
/// How long the last lines of a log may take after the end.
const LOG_WAIT: Duration = Duration::from_secs(2);
/// The name that every container knows devenv by.
const NAME: &str = "devenv";

/// A run of a container.
pub(in crate::control) async fn container(
    run: Run,
    services: ServicesCell,
    mut orders: mpsc::UnboundedReceiver<Order>,
) {
    let plan = run.plan.clone();
    let found = plan.units.as_ref().and_then(|units| Some((units, units.by_part.get(&run.part)?)));
    let Some((units, unit)) = found else { return run.stopped_early().await };
    let Some(ground) = units.ground.get() else { return run.stopped_early().await };
    if let Some(schedule) = unit.service.schedule.clone() {
        // Containers stand on the gateway, so it is there; but it may be about to go.
        let Some(services) = services.get() else { return run.stopped_early().await };
        let clock = services.clock.clone();
        return scheduled(run.clone(), schedule, clock, ground, orders).await;
    }
    let engine = ground.engine.clone();
    let started = tokio::select! {
        started = start(&run, units, unit, &ground) => started,
        _ = orders.recv() => {
            // Whether it was made already is not known; by its name it is found.
            let _ = engine.remove(&unit.name).await;
            return run.stopped_early().await;
        }
    };
    let made = match started {
        Ok(made) => made,
        Err(problem) => {
            let gone = engine.answers().await;
            if gone.is_err() {
                engine_back(&run, &engine, &mut orders).await;
            }
            if gone.is_ok() && problem.code != "engine" {
                return run.give_up(problem).await;
            }
            let reason = problem.message;
            return run.report(Report::StartFailed { reason, fatal: false }).await;
        }
    };
    let log = follow(&engine, &made, &run);
    let state = engine.state(&made.id).await.unwrap_or_default();
    let info = Info {
        pid: state.pid,
        address: address(unit, &state),
        version: Some(unit.tag.clone()),
        ..Info::default()
    };
    run.info(info).await;
    run.report(Report::Started { adopted: made.adopted }).await;
    let end = watch(&run, unit, &engine, &made, &mut orders).await;
    let _ = tokio::time::timeout(LOG_WAIT, log).await;
    conclude(&run, &engine, &made.id, end, &mut orders).await;
}

/// Reports the end, and takes away what is not wanted any more.
async fn conclude(
    run: &Run,
    engine: &Engine,
    id: &str,
    end: End,
    orders: &mut mpsc::UnboundedReceiver<Order>,
) {
    match end {
        End::Ordered => {
            let _ = engine.remove(id).await;
            run.report(Report::Exited { reason: "stopped".to_owned() }).await;
        }
        End::Code(0) => run.report(Report::Completed).await,
        End::Code(code) => {
            let reason = format!("{} ended with {code}", run.part);
            run.report(Report::Exited { reason }).await;
        }
        End::Unknown(reason) => {
            // Nothing can be started without the engine, so its absence is no failure of this part.
            engine_back(run, engine, orders).await;
            run.report(Report::Exited { reason }).await;
        }
        End::Refused(problem) => {
            let _ = engine.remove(id).await;
            run.give_up(problem).await;
        }
    }
}

/// How a run ended.
enum End {
    Ordered,
    Code(i64),
    Unknown(String),
    Refused(Problem),
}

/// Waits until the engine answers again, or an order comes.
async fn engine_back(run: &Run, engine: &Engine, orders: &mut mpsc::UnboundedReceiver<Order>) {
    let mut pulse = Pulse::default();
    while let Err(reason) = engine.answers().await {
        if let Some(report) = pulse.beat(Err(reason)) {
            run.report(report).await;
        }
        tokio::select! {
            () = tokio::time::sleep(ENGINE_PACE) => {}
            _ = orders.recv() => return,
        }
    }
}

pub(super) async fn start(
    run: &Run,
    units: &Units,
    unit: &Unit,
    ground: &Ground,
) -> Result<Made, Problem> {
    let engine = &ground.engine;
    let image = engine.image(&unit.part, &unit.tag, &unit.service, &run.hub).await?;
    let wanted = wanted(run, units, unit, ground, image)?;
    let made = engine.make(&wanted).await?;
    if !made.adopted
        && let Err(problem) = begin(units, unit, engine, &made, &wanted).await
    {
        let _ = engine.remove(&made.id).await;
        return Err(problem);
    }
    ground.has_started(run).await;
    Ok(made)
}

/// Starts what was made, with what was copied into the container before it.
async fn begin(
    units: &Units,
    unit: &Unit,
    engine: &Engine,
    made: &Made,
    wanted: &Wanted,
) -> Result<(), Problem> {
    let synced = units.synced.of(&unit.part);
    if !synced.is_empty() {
        engine.put(&made.id, synced).await?;
    }
    engine.start(&made.id, wanted).await
}

fn wanted(
    run: &Run,
    units: &Units,
    unit: &Unit,
    ground: &Ground,
    image: String,
) -> Result<Wanted, Problem> {
    let service = &unit.service;
    let mut attached: Vec<(&String, &Attachment)> = service.networks.iter().collect();
    attached.sort_by_key(|(_, attachment)| -attachment.priority);
    let first = attached.first().and_then(|(key, _)| ground.addresses.get(*key));
    let networks = attached
        .iter()
        .filter_map(|(key, a)| Some((units.networks.get(*key)?.0.clone(), (*a).clone())))
        .collect();
    let host = service.network_mode.as_deref() == Some("host");
    let address = if host { Some("127.0.0.1".to_owned()) } else { first.cloned() };
    let given = |name: &str| service.host.extra_hosts.iter().any(|(own, _)| own == name);
    let hosts = match &address {
        Some(address) => {
            let names = known_names(units).filter(|name| !given(name));
            names.map(|name| format!("{name}:{address}")).collect()
        }
        None => vec![],
    };
    let mut environment = match (&unit.server, &address) {
        (None, Some(address)) => {
            let own = service.environment.contains_key(ENDPOINT);
            injected(&run.plan, host, (!own).then_some(address))
        }
        _ => BTreeMap::new(),
    };
    environment.extend(service.environment.clone());
    let pair = |(name, value): (String, String)| format!("{name}={value}");
    Ok(Wanted {
        name: unit.name.clone(),
        project: units.project.clone(),
        part: unit.part.clone(),
        image,
        service: service.clone(),
        environment: environment.into_iter().map(pair).collect(),
        networks,
        hosts,
        files: [files(unit, &run.plan.dirs)?, certificate(unit, &run.plan.dirs)?].concat(),
        volumes: units.volumes.iter().map(|(key, (name, _))| (key.clone(), name.clone())).collect(),
        ports_may_move: units.ports_may_move && unit.server.is_none(),
    })
}

/// What a container that is no part stands on, while the ground is there.
pub(in crate::control) fn stand(plan: &Plan) -> Option<data::Ground> {
    let units = plan.units.as_ref()?;
    let Ground { engine, addresses, .. } = units.ground.get()?;
    let address = addresses.get(DEFAULT_NETWORK)?;
    Some(data::Ground {
        engine,
        project: units.project.clone(),
        network: units.networks.get(DEFAULT_NETWORK)?.0.clone(),
        hosts: known_names(units).map(|name| format!("{name}:{address}")).collect(),
        variables: injected(plan, false, Some(address)),
    })
}

/// The names by which containers reach devenv's servers.
fn known_names(units: &Units) -> impl Iterator<Item = &str> {
    units.names.iter().map(String::as_str).chain([NAME, "host.docker.internal"])
}

/// The variable by which AWS's SDKs find the gateway, and the one for S3 alone.
const ENDPOINT: &str = "AWS_ENDPOINT_URL";
const ENDPOINT_OF_S3: &str = "AWS_ENDPOINT_URL_S3";

/// What `devenv env` says, with addresses that work from inside. To `s3`, an address of devenv's, S3 is
/// spoken by its number: there AWS's SDKs name the bucket in the path, which works for all buckets, and
/// not in a host name, which a hosts file would have to know.
fn injected(plan: &Plan, host: bool, s3: Option<&String>) -> BTreeMap<String, String> {
    let mut all = match host {
        true => plan.variables.clone(),
        false => {
            let usual = |(part, port): (&str, u16)| {
                plan.ports.contains_key(part).then(|| (part.to_owned(), port))
            };
            let ports = USUAL.into_iter().filter_map(usual).collect();
            environment::variables(&plan.profile, &ports, &plan.dirs, NAME)
        }
    };
    if let Some(endpoint) = all.get(ENDPOINT)
        && let Some(address) = s3.filter(|address| !host && address.parse::<IpAddr>().is_ok())
    {
        let endpoint = endpoint.replace(NAME, address);
        all.insert(ENDPOINT_OF_S3.to_owned(), endpoint);
    }
    all.remove("DEVENV_STATE_DIR");
    all
}

/// The directory with its certificate, and where it goes, for those that serve TLS.
fn certificate(unit: &Unit, dirs: &Dirs) -> Result<Vec<(String, String)>, Problem> {
    let Some(tls) = &unit.service.tls else { return Ok(vec![]) };
    let aliases = unit.service.networks.values().flat_map(|attachment| &attachment.aliases);
    let known = [Some(&unit.part), unit.service.host.hostname.as_ref()].into_iter().flatten();
    let mut names: Vec<String> = known.chain(aliases).cloned().collect();
    names.extend(unit.service.container_name.clone());
    // Browsers take no certificate for all names below one without a dot.
    let below: Vec<String> = names.iter().map(|name| format!("{name}.localhost")).collect();
    names.extend(below.into_iter().chain(["host.docker.internal".to_owned()]));
    names.extend(tls.names.clone());
    let made = certificates::server(dirs, &unit.part, &names, jiff::Timestamp::now())?;
    Ok(vec![(made.display().to_string(), tls.path.clone())])
}

/// Secrets and configs as files of this machine.
fn files(unit: &Unit, dirs: &Dirs) -> Result<Vec<(String, String)>, Problem> {
    let mut all = Vec::new();
    for (i, placed) in unit.service.files.iter().enumerate() {
        let from = match (&placed.file, &placed.content) {
            (Some(file), _) => file.clone(),
            (None, content) => {
                let dir = dirs.state.join("container-files").join(&unit.part);
                let path = dir.join(i.to_string());
                let written = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&dir);
                let mut options = std::fs::OpenOptions::new();
                // Readable by whoever runs inside; the directory above it is nobody else's.
                let mode = placed.mode.unwrap_or(0o444);
                options.write(true).create(true).truncate(true).mode(mode);
                let _ = std::fs::remove_file(&path);
                let text = content.as_deref().unwrap_or_default();
                let written = written
                    .and_then(|()| options.open(&path))
                    .and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()));
                written.map_err(|error| {
                    let message = format!("cannot write {}: {error}", path.display());
                    Problem::in_the_way("not-writable", message)
                })?;
                path
            }
        };
        all.push((from.display().to_string(), placed.target.clone()));
    }
    Ok(all)
}

/// Writes what the container says into its log.
pub(super) fn follow(engine: &Engine, made: &Made, run: &Run) -> JoinHandle<()> {
    let (engine, id, dirs, part) =
        (engine.clone(), made.id.clone(), run.plan.dirs.clone(), run.part.clone());
    // What an adopted one wrote before is in the log already, but for what it wrote meanwhile.
    let since = made
        .adopted
        .then(|| std::fs::metadata(logs::path(&dirs, &part)).ok()?.modified().ok())
        .flatten();
    let since = since.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
    let since = since.and_then(|at| i64::try_from(at.as_secs()).ok());
    tokio::spawn(async move {
        let Ok(mut writer) = logs::Writer::open(&dirs, &part) else { return };
        engine.lines(&id, since, |line| drop(writer.line(line))).await;
    })
}

/// Looks and obeys until the container ends.
async fn watch(
    run: &Run,
    unit: &Unit,
    engine: &Engine,
    made: &Made,
    orders: &mut mpsc::UnboundedReceiver<Order>,
) -> End {
    let mut ended = Box::pin(engine.ended(&made.id));
    let mut pulse = Pulse::default();
    let (mut pace, mut initialised, mut ordered) = (Duration::ZERO, false, false);
    loop {
        let look = async {
            tokio::time::sleep(pace).await;
            well(run, unit, engine, &made.id).await
        };
        let answer = tokio::select! {
            end = &mut ended => {
                return match end {
                    _ if ordered => End::Ordered,
                    Ok(code) => End::Code(code),
                    Err(reason) => End::Unknown(reason),
                };
            }
            order = orders.recv() => {
                ordered = true;
                match order {
                    Some(Order::Stop) => {
                        let signal = unit.service.host.stop_signal.as_deref();
                        engine.stop(&made.id, signal).await;
                    }
                    // The channel closes with the daemon's loop; then this is the end as well.
                    Some(Order::Kill) => engine.signal(&made.id, "SIGKILL").await,
                    None => return End::Ordered,
                }
                continue;
            }
            answer = look, if !ordered => answer,
        };
        if answer.is_ok() && !initialised {
            if let Some(Server::Postgres(settings)) = &unit.server {
                let port = run.plan.ports.get(&run.part).copied().unwrap_or_default();
                if let Err(problem) = runtime::postgres::initialise(settings, port).await {
                    return End::Refused(problem);
                }
            }
            initialised = true;
        }
        pace = if answer.is_ok() { WATCH_PACE } else { LOOK_PACE };
        if let Some(report) = pulse.beat(answer) {
            run.report(report).await;
        }
    }
}

/// Whether a container is well: by its server's own protocol, else by its health check, else by running.
async fn well(run: &Run, unit: &Unit, engine: &Engine, id: &str) -> Result<(), String> {
    let port = run.plan.ports.get(&run.part).copied().unwrap_or_default();
    let host = "127.0.0.1".to_owned();
    match &unit.server {
        Some(Server::Postgres(settings)) => {
            let (user, database) = (settings.user.clone(), "postgres".to_owned());
            Probe::Postgres { host, port, user, database, pid_file: None }.check().await
        }
        Some(Server::Redis) => Probe::Redis { host, port }.check().await,
        None => {
            let state = engine.state(id).await?;
            match state {
                State { health: Some(health), running: true, .. } => health,
                State { running: true, .. } => Ok(()),
                _ => Err("it does not run".to_owned()),
            }
        }
    }
}

fn address(unit: &Unit, state: &State) -> Option<String> {
    let inside = || unit.service.expose.first().map(|port| format!("{}:{port}", unit.part));
    state.address.clone().or_else(inside)
}
