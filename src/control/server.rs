//! The control socket from the inside: accepts, reads one request a connection, answers with
//! updates. Only this user reaches it (mode 0600 in a directory of mode 0700).

use super::boot::{GATEWAY, Plan, unknown_part};
use super::drive::Message;
use super::home::Home;
use super::hub::Hub;
use super::message::{Ask, EnvState, REQUEST_BYTES_MAX, Request, Told, Update, VERSION};
use super::parts::ServicesCell;
use super::replan::{Wish, replan};
use super::{check, containers, environment, reset, snapshot};
use crate::base::{Caller, Exit, Problem};
use crate::data;
use crate::services::{ClockOrder, ClockView};
use crate::supervisor::Event;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::OwnedWriteHalf;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;

/// Connections at a time; more wait to be accepted.
const CONNECTIONS_MAX: usize = 64;
/// How long a client may take to say what it wants.
const REQUEST_WAIT: Duration = Duration::from_secs(5);
/// How long a request that came before the environment is planned may wait for that.
const PLAN_WAIT: Duration = Duration::from_secs(30);
const PLAN_PACE: Duration = Duration::from_millis(2);

/// What requests need.
#[derive(Clone)]
pub(super) struct Access {
    pub(super) hub: Hub,
    pub(super) loop_: mpsc::Sender<Message>,
    pub(super) services: ServicesCell,
    /// Known once the boot has claimed its ports.
    pub(super) plan: PlanCell,
    /// Taken by whoever replaces or copies the state as a whole.
    pub(super) turn: Arc<tokio::sync::Mutex<()>>,
    /// What the next snapshot begins with.
    pub(super) ahead: snapshot::AheadCell,
}

/// The plan of now; none before the boot has claimed its ports.
#[derive(Clone, Default)]
pub(super) struct PlanCell(Arc<Mutex<Option<Arc<Plan>>>>);

impl PlanCell {
    pub(super) fn get(&self) -> Option<Arc<Plan>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set(&self, plan: Arc<Plan>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(plan);
    }
}

/// A bound socket.
pub(super) struct Server {
    listener: UnixListener,
    path: PathBuf,
}

/// A socket that is being served.
pub(super) struct Serving {
    task: JoinHandle<()>,
    path: PathBuf,
    plan: PlanCell,
}

impl Server {
    /// Binds the socket of `home`. The caller holds the lock, so one that is there is stale.
    pub(super) fn bind(home: &Home) -> Result<Server, Problem> {
        let path = home.place_socket()?;
        let bind = || -> std::io::Result<UnixListener> {
            match std::fs::remove_file(&path) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e),
                _ => {}
            }
            let listener = UnixListener::bind(&path)?;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
            Ok(listener)
        };
        let listener = bind().map_err(|e| {
            let message = format!("cannot listen on {}: {e}", path.display());
            Problem::in_the_way("socket", message)
                .hint("the project may lie on a file system without sockets; try `--ephemeral` in another directory")
        })?;
        Ok(Server { listener, path })
    }

    /// Serves until [`Serving::end`].
    pub(super) fn serve(self, access: Access) -> Serving {
        let plan = access.plan.clone();
        let listener = self.listener;
        let task = tokio::spawn(async move {
            let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
            loop {
                let Ok(place) = places.clone().acquire_owned().await else { return };
                let Ok((stream, _)) = listener.accept().await else {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    continue;
                };
                let access = access.clone();
                tokio::spawn(async move {
                    // An error here is a client that left.
                    let _ = connection(stream, &access).await;
                    drop(place);
                });
            }
        });
        Serving { task, path: self.path, plan }
    }
}

impl Serving {
    /// The environment is planned: requests that need to know it can be answered.
    pub(super) fn planned(&self, plan: Arc<Plan>) {
        self.plan.set(plan);
    }

    /// Takes the socket away.
    pub(super) fn end(&self) {
        let _ = std::fs::remove_file(&self.path);
        self.task.abort();
    }
}

async fn connection(stream: UnixStream, access: &Access) -> std::io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    let mut read = BufReader::new(read.take(REQUEST_BYTES_MAX));
    let got = tokio::time::timeout(REQUEST_WAIT, read.read_line(&mut line)).await;
    let request = match got {
        Ok(Ok(_)) => serde_json::from_str::<Request>(&line),
        _ => return Ok(()),
    };
    let ask = match request {
        Ok(Request { version: VERSION, ask }) => ask,
        other => {
            let other = other.map(|r| r.version).ok();
            return tell(&mut write, &Update::Failed(Told::from(&foreign(other)))).await;
        }
    };
    match answer(ask, access, &mut write).await? {
        Ok(()) => Ok(()),
        Err(problem) => tell(&mut write, &Update::Failed(Told::from(&problem))).await,
    }
}

fn foreign(version: Option<u32>) -> Problem {
    let theirs = version.map_or("something else".to_owned(), |v| format!("version {v}"));
    let message =
        format!("the running daemon speaks version {VERSION} of its protocol, not {theirs}");
    Problem::failed("daemon-version", message)
        .hint("devenv was upgraded while the environment ran: `devenv down` with the old one, or end the daemon by its pid, then `devenv up`")
}

/// The outer result is the connection's, the inner one the request's.
async fn answer(
    ask: Ask,
    access: &Access,
    write: &mut OwnedWriteHalf,
) -> std::io::Result<Result<(), Problem>> {
    let event = match ask {
        Ask::Follow => return follow(access, write).await,
        Ask::Status => {
            access.hub.until(Option::is_some).await;
            if let Some(mut status) = access.hub.status() {
                status.clock = access.services.clock();
                tell(write, &Update::Status(status)).await?;
            }
            return Ok(Ok(()));
        }
        Ask::Down => {
            let follower = access.hub.follow();
            let _ = access.loop_.send(Message::Stop).await;
            return forward(follower, write).await;
        }
        Ask::Env => {
            let Some(plan) = planned(access).await else { return Ok(Err(not_planned())) };
            tell(write, &Update::Env(plan.variables.clone())).await?;
            return Ok(Ok(()));
        }
        Ask::Clock { .. }
        | Ask::Run { .. }
        | Ask::Lease(_)
        | Ask::Leases
        | Ask::Release { .. }
        | Ask::Check { .. }
        | Ask::Seed { .. }
        | Ask::Reset { .. }
        | Ask::Save { .. }
        | Ask::Restore { .. } => {
            return match one_answer(ask, access).await {
                Ok(update) => tell(write, &update).await.map(Ok),
                Err(problem) => Ok(Err(problem)),
            };
        }
        Ask::Replan { profile } => return change(Wish::Profile(profile), access, write).await,
        Ask::Scale { counts } => return change(Wish::Scale(counts), access, write).await,
        Ask::Start { parts } => {
            resolve(access, parts, true).await.map(|parts| Event::Want { parts })
        }
        Ask::Stop { parts } => {
            resolve(access, parts, false).await.map(|parts| Event::Release { parts })
        }
        Ask::Restart { parts } => {
            resolve(access, parts, false).await.map(|parts| Event::Restart { parts })
        }
    };
    match event {
        Ok(event) => {
            if access.hub.status().is_none_or(|s| s.state == EnvState::Stopping) {
                return Ok(Err(not_planned()));
            }
            // The loop handles messages in order: once the second one is taken, the first is done
            // and its status published.
            let _ = access.loop_.send(Message::Event(event)).await;
            settle(access).await;
            follow(access, write).await
        }
        Err(problem) => Ok(Err(problem)),
    }
}

/// Another plan, told and then followed.
async fn change(
    wish: Wish,
    access: &Access,
    write: &mut OwnedWriteHalf,
) -> std::io::Result<Result<(), Problem>> {
    let Some(plan) = planned(access).await else { return Ok(Err(not_planned())) };
    match replan(wish, access, plan).await {
        Ok(planned) => tell(write, &planned).await?,
        Err(problem) => return Ok(Err(problem)),
    }
    settle(access).await;
    follow(access, write).await
}

/// A step of the seed, for the emulated services.
async fn seed(step: &serde_json::Value, plan: &Plan, access: &Access) -> Result<u64, Problem> {
    let services = access.services.get().ok_or_else(not_planned)?;
    let endpoint = environment::facts(&plan.profile, &plan.ports).endpoint;
    let caller = Caller::internal(&plan.profile.account, &plan.profile.region, &endpoint);
    data::seed_services(step, &plan.project, &services, &caller).await
}

/// Does what is answered by one update.
async fn one_answer(ask: Ask, access: &Access) -> Result<Update, Problem> {
    if let Ask::Clock { order } = ask {
        return clock(access, order).await.map(|view| Update::Clock(view.json()));
    }
    let plan = planned(access).await.ok_or_else(not_planned)?;
    match ask {
        Ask::Run { service } => containers::run_now(&plan, &service).await,
        Ask::Lease(ask) => plan.leases.take(&ask).await.map(Update::Leases),
        Ask::Release { id } => plan.leases.release(&id).await.map(|()| Update::Done),
        Ask::Leases => Ok(Update::Leases(plan.leases.list())),
        Ask::Check { checks } => check::check(&checks, &plan, access).await.map(Update::Found),
        ask => change_state(ask, &plan, access).await,
    }
}

/// What fills, replaces or copies the state: one at a time.
async fn change_state(ask: Ask, plan: &Arc<Plan>, access: &Access) -> Result<Update, Problem> {
    let _turn = access.turn.lock().await;
    match ask {
        Ask::Reset { services, no_snapshot } => {
            reset::reset(&services, no_snapshot, plan, access).await.map(|()| Update::Done)
        }
        Ask::Save { name, replace, reason } => {
            let kept = snapshot::save(&name, reason, replace, plan, access).await?;
            Ok(Update::Snapshot { manifest: kept.manifest, before: None })
        }
        Ask::Restore { name } => {
            let restored = snapshot::restore(&name, plan, access).await?;
            let before = restored.before.map(|kept| kept.manifest.name);
            Ok(Update::Snapshot { manifest: restored.kept.manifest, before })
        }
        Ask::Seed { step } => seed(&step, plan, access).await.map(Update::Seeded),
        _ => Ok(Update::Done),
    }
}

/// Waits until the loop has taken everything that was sent before.
pub(super) async fn settle(access: &Access) {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    if access.loop_.send(Message::Settled(sender)).await.is_ok() {
        let _ = receiver.await;
    }
}

/// Names of parts; emulated services stand for the gateway only where nothing is stopped by it.
async fn resolve(
    access: &Access,
    names: Vec<String>,
    starting: bool,
) -> Result<Vec<String>, Problem> {
    let plan = planned(access).await.ok_or_else(not_planned)?;
    let parts: Vec<&str> = plan.specs.iter().map(|s| s.name.as_str()).collect();
    let emulated = access.services.names();
    let mut found = Vec::new();
    for name in names {
        if parts.contains(&name.as_str()) {
            found.push(name);
        } else if !emulated.contains(&name) {
            return Err(unknown_part(&name, &parts));
        } else if starting {
            found.push(GATEWAY.to_owned());
        } else {
            let message =
                format!("`{name}` is served by the gateway, together with all AWS services");
            return Err(Problem::new(Exit::Usage, "not-alone", message)
                .hint(format!("name `{GATEWAY}` to stop or restart them together")));
        }
    }
    Ok(found)
}

async fn planned(access: &Access) -> Option<Arc<Plan>> {
    let wait = async {
        loop {
            if let Some(plan) = access.plan.get() {
                return plan;
            }
            tokio::time::sleep(PLAN_PACE).await;
        }
    };
    tokio::time::timeout(PLAN_WAIT, wait).await.ok()
}

fn not_planned() -> Problem {
    Problem::new(
        Exit::NotRunning,
        "not-running",
        "the environment is not up: it is starting or going down",
    )
    .hint("`devenv status` shows how far it is")
    .retryable()
}

async fn clock(access: &Access, order: Option<ClockOrder>) -> Result<ClockView, Problem> {
    let Some(services) = access.services.get() else {
        let message = "the gateway, whose clock this is, does not run";
        return Err(Problem::failed("no-gateway", message)
            .hint(format!("`devenv start {GATEWAY}`, or `devenv status` to see why it is down"))
            .retryable());
    };
    match order {
        Some(order) => services.clock.order(order).await,
        None => Ok(services.clock.view()),
    }
}

async fn follow(
    access: &Access,
    write: &mut OwnedWriteHalf,
) -> std::io::Result<Result<(), Problem>> {
    forward(access.hub.follow(), write).await
}

async fn forward(
    mut follower: super::hub::Follower,
    write: &mut OwnedWriteHalf,
) -> std::io::Result<Result<(), Problem>> {
    while let Some(update) = follower.next().await {
        tell(write, &update).await?;
    }
    Ok(Ok(()))
}

async fn tell(write: &mut OwnedWriteHalf, update: &Update) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(update)?;
    line.push(b'\n');
    write.write_all(&line).await
}
