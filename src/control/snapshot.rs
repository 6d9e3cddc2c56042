//! Snapshots of a running environment, and their return: what `data::snapshot` does with files, and
//! here the parts that have to run, or not to run, meanwhile.

use super::boot::{NATIVE, POSTGRES, Plan, REDIS};
use super::drive::Message;
use super::home::Home;
use super::reset::until;
use super::server::{Access, settle};
use crate::base::Problem;
use crate::data::snapshot::{
    self, Ahead, AtRest, Kept, Place, Reason, Sources, Store, Swap, Taken,
};
use crate::profile::Profile;
use crate::runtime::{Dirs, StopSignal, postgres, process, redis};
use crate::supervisor::Event;
use jiff::Timestamp;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long what a killed daemon left may take to stop.
const CLEAN_UP_GRACE: Duration = Duration::from_secs(20);

/// When a snapshot is forced to the disk: the system has written most of it by then, and nobody waits
/// for a disk that is busy with it.
const FORCE_OUT_AFTER: Duration = Duration::from_secs(30);

/// When a copy is made ready of a snapshot that was made or restored: it is likely to come back.
const READY_AFTER: Duration = Duration::from_millis(500);

/// When an automatic snapshot is brought to rest.
const SETTLE_AFTER: Duration = Duration::from_secs(10);

/// What was restored, and what there was before.
pub struct Restored {
    /// The snapshot.
    pub kept: Kept,
    /// The automatic snapshot of the state that was replaced, if there was any.
    pub before: Option<Kept>,
}

/// Makes a snapshot while everything runs.
pub(super) async fn save(
    name: &str,
    reason: Reason,
    replace: bool,
    plan: &Arc<Plan>,
    access: &Access,
) -> Result<Kept, Problem> {
    let sources = sources(plan, access)?;
    let store = Store::of(&plan.project);
    let taken = taken(name, reason, replace, plan);
    let ahead = access.ahead.take();
    let kept = blocking(move || snapshot::save(&store, &sources, &taken, ahead)).await?;
    tend(kept.clone(), plan.clone(), access.clone());
    Ok(kept)
}

/// What was copied for the next snapshot, while there is such a copy.
#[derive(Clone, Default)]
pub(super) struct AheadCell(Arc<Mutex<Option<Ahead>>>);

impl AheadCell {
    /// The copy: whoever has it makes a snapshot of it, or lets it go.
    pub(super) fn take(&self) -> Option<Ahead> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Makes one where there is none of these sources. Blocks.
    fn fill(&self, store: &Store, sources: &Sources) -> Result<(), Problem> {
        let made = match self.take().filter(|ahead| ahead.is_of(sources)) {
            Some(there) => Some(there),
            None => Ahead::make(store, sources)?,
        };
        let mut cell = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let other = std::mem::replace(&mut *cell, made);
        drop(cell);
        // One that came meanwhile is let go.
        drop(other);
        Ok(())
    }
}

/// Has copies of Postgres' part ready for when this snapshot comes back, and for when the next is made.
fn have_ready(kept: Kept, store: Store, plan: Arc<Plan>, access: Access) {
    tokio::spawn(async move {
        tokio::time::sleep(READY_AFTER).await;
        let (of, beside) = (store.clone(), kept.dir.clone());
        let made = tokio::task::spawn_blocking(move || store.make_ready(&kept)).await;
        if let Ok(Err(error)) = made {
            tracing::debug!(%error, ?beside, "no copy of a snapshot was made ready");
        }
        let Ok(sources) = sources(&plan, &access) else { return };
        let ahead = access.ahead.clone();
        let made = tokio::task::spawn_blocking(move || ahead.fill(&of, &sources)).await;
        if let Ok(Err(problem)) = made {
            tracing::debug!("nothing was copied ahead of a snapshot: {}", problem.message);
        }
    });
}

/// Brings what was made to rest, and to the disk, beside the answer: a restore that comes earlier does
/// the first itself, and a power cut before the second is seen by the sizes of files.
fn tend(kept: Kept, plan: Arc<Plan>, access: Access) {
    tokio::spawn(async move {
        if kept.manifest.reason.is_automatic() {
            // Rarely restored, and what it was made before has the machine now.
            tokio::time::sleep(SETTLE_AFTER).await;
        }
        let (settled, store) = (kept.clone(), Store::of(&plan.project));
        let planned = plan.clone();
        let _ = tokio::task::spawn_blocking(move || bring_to_rest(&settled, &planned)).await;
        if kept.manifest.reason == Reason::Asked {
            have_ready(kept.clone(), store, plan, access);
        }
        tokio::time::sleep(FORCE_OUT_AFTER).await;
        let forced = tokio::task::spawn_blocking(move || kept.force_out()).await;
        if let Ok(Err(error)) = forced {
            tracing::debug!(%error, "a snapshot is not forced to the disk, or gone");
        }
    });
}

fn taken(name: &str, reason: Reason, replace: bool, plan: &Plan) -> Taken {
    Taken {
        name: name.to_owned(),
        reason,
        profile: plan.profile.name.clone(),
        project: plan.project.clone(),
        replace,
    }
}

async fn save_before(reason: Reason, plan: &Arc<Plan>, access: &Access) -> Result<Kept, Problem> {
    save(&automatic_name(reason), reason, false, plan, access).await
}

fn bring_to_rest(kept: &Kept, plan: &Plan) {
    let Some(settings) = plan.profile.postgres.as_ref() else { return };
    let rest = |data: &Path| postgres::bring_to_rest(settings, &plan.dirs, data);
    if let Err(problem) = kept.bring_to_rest(rest) {
        tracing::debug!("not brought to rest in the snapshot: {}", problem.message);
    }
}

/// The name of a snapshot that nobody named.
pub(super) fn automatic_name(reason: Reason) -> String {
    format!("{}-{}", reason.word(), Timestamp::now().strftime("%Y%m%dT%H%M%S.%3fZ"))
}

/// A snapshot that is laid out, and what becomes of the state that it replaces.
struct Laid {
    swap: Swap,
    before: Before,
}

/// The automatic snapshot of the state that is replaced.
enum Before {
    /// It was copied.
    Saved(Box<Kept>),
    /// It comes into being with the exchange, under this name.
    Moved(String),
}

/// Brings a snapshot back: laid out while everything runs, exchanged while nothing does.
pub(super) async fn restore(
    name: &str,
    plan: &Arc<Plan>,
    access: &Access,
) -> Result<Restored, Problem> {
    let store = Store::of(&plan.project);
    let kept = store.find(name)?;
    let Laid { swap, before } = make_ready(&kept, &store, plan, access).await?;
    let parts = live(access);
    order(Event::Release { parts: parts.clone() }, access).await;
    let dirs = plan.dirs.clone();
    let redis_stops = match before {
        // What it would write at its end is thrown away.
        Before::Saved(_) => StopSignal::Kill,
        Before::Moved(_) => StopSignal::Shutdown,
    };
    let of_redis = plan.dirs.clone();
    // Both at once: each waits for its own files.
    let (postgres, redis) = tokio::join!(
        blocking(move || process::clean_up(POSTGRES, &dirs, StopSignal::Quit, CLEAN_UP_GRACE)),
        blocking(move || process::clean_up(REDIS, &of_redis, redis_stops, CLEAN_UP_GRACE)),
    );
    postgres.and(redis)?;
    for part in &parts {
        until(part, "down", access).await?;
    }
    let exchanged = blocking(move || swap.commit()).await;
    if let (Err(problem), true) = (&exchanged, snapshot::is_pending(&plan.dirs)) {
        // Nothing may start on a state that is half exchanged: the next start finishes it.
        let _ = access.loop_.send(Message::Stop).await;
        let hint = "the environment goes down; `devenv up` finishes the restore";
        return Err(problem.clone().hint(hint));
    }
    order(Event::Want { parts: parts.clone() }, access).await;
    let exchanged = exchanged?;
    let (adopted, up) =
        tokio::join!(blocking(move || exchanged.adopt()), all_healthy(&parts, access));
    up.and(adopted.map_err(|problem| {
        problem.hint("the snapshot is restored; what was there becomes one with the next start")
    }))?;
    let dirs = plan.dirs.clone();
    tokio::task::spawn_blocking(move || snapshot::sweep(&dirs));
    have_ready(kept.clone(), store.clone(), plan.clone(), access.clone());
    let before = match before {
        Before::Saved(before) => *before,
        Before::Moved(name) => {
            let before = store.find(&name)?;
            tend(before.clone(), plan.clone(), access.clone());
            tokio::task::spawn_blocking(move || store.prune());
            before
        }
    };
    Ok(Restored { kept, before: Some(before) })
}

async fn all_healthy(parts: &[String], access: &Access) -> Result<(), Problem> {
    for part in parts {
        until(part, "healthy", access).await?;
    }
    Ok(())
}

/// Lays the snapshot out. The state that it is to replace is moved into one of its own if that can be,
/// and else copied meanwhile.
async fn make_ready(
    kept: &Kept,
    store: &Store,
    plan: &Arc<Plan>,
    access: &Access,
) -> Result<Laid, Problem> {
    let laid = |kept: Kept| {
        let planned = plan.clone();
        blocking(move || lay_out(&kept, &planned.dirs, Some(&planned.profile)))
    };
    let sources = sources(plan, access)?;
    let reason = Reason::BeforeRestore;
    let running = sources.redis.as_ref().and_then(|(_, port)| *port);
    if blocking(move || redis::Talk::all_in_files(running)).await? {
        let taken = taken(&automatic_name(reason), reason, false, plan);
        let mut swap = laid(kept.clone()).await?;
        if swap.adopt(store, &sources, &taken)? {
            return Ok(Laid { swap, before: Before::Moved(taken.name) });
        }
        snapshot::sweep(&plan.dirs);
    }
    let before = save_before(reason, plan, access);
    let (before, swap) = if kept.manifest.reason.is_automatic() {
        // The oldest automatic one makes room for it: that may be the one to restore.
        let before = before.await?;
        (before, laid(store.find(&kept.manifest.name).unwrap_or(kept.clone())).await?)
    } else {
        let (before, swap) = tokio::join!(before, laid(kept.clone()));
        if before.is_err() || swap.is_err() {
            snapshot::sweep(&plan.dirs);
        }
        (before?, swap?)
    };
    Ok(Laid { swap, before: Before::Saved(Box::new(before)) })
}

/// The same where nothing runs.
pub fn restore_stopped(home: &Home, name: &str) -> Result<Restored, Problem> {
    let store = Store::of(&home.project);
    let kept = store.find(name)?;
    let dirs = Dirs::create(&home.project)?;
    let Some(_lock) = home.try_lock()? else {
        let message = format!("an environment is starting in {}", home.project.display());
        return Err(Problem::failed("running", message).retryable());
    };
    clean_up(&dirs)?;
    snapshot::settle(&dirs)?;
    let there = dirs.state.join("state.db").exists();
    let before = match there {
        true => Some(save_stopped(home, &store, &dirs)?),
        false => None,
    };
    put(&kept, &dirs, None)?;
    Ok(Restored { kept, before })
}

/// Puts a snapshot in place of what is there; nothing runs. Without a profile its server brings the
/// data to rest when it starts.
pub(super) fn put(kept: &Kept, dirs: &Dirs, profile: Option<&Profile>) -> Result<(), Problem> {
    lay_out(kept, dirs, profile)?.commit()?.adopt()?;
    snapshot::sweep(dirs);
    Ok(())
}

/// Finishes a restore that was broken off, before anything starts.
pub(super) fn settle_restore(dirs: &Dirs) -> Result<(), Problem> {
    if snapshot::is_pending(dirs) {
        clean_up(dirs)?;
    }
    snapshot::settle(dirs)
}

fn lay_out(kept: &Kept, dirs: &Dirs, profile: Option<&Profile>) -> Result<Swap, Problem> {
    let settings = profile.and_then(|profile| profile.postgres.as_ref());
    let at_rest = settings.map(|s| move |data: &Path| postgres::bring_to_rest(s, dirs, data));
    let at_rest = at_rest.as_ref().map(|at_rest| at_rest as AtRest<'_>);
    snapshot::prepare(kept, &Place::of(dirs)?, at_rest)
}

fn clean_up(dirs: &Dirs) -> Result<(), Problem> {
    for (name, stop) in NATIVE {
        process::clean_up(name, dirs, stop, CLEAN_UP_GRACE)?;
    }
    Ok(())
}

fn save_stopped(home: &Home, store: &Store, dirs: &Dirs) -> Result<Kept, Problem> {
    let redis = Some(dirs.data.join("redis")).filter(|data| data.is_dir());
    let sources = Sources {
        state_dir: dirs.state.clone(),
        storage: None,
        postgres: newest(dirs)?,
        redis: redis.map(|data| (data, None)),
    };
    let taken = Taken {
        name: automatic_name(Reason::BeforeRestore),
        reason: Reason::BeforeRestore,
        profile: String::new(),
        project: home.project.clone(),
        replace: false,
    };
    snapshot::save(store, &sources, &taken, None)
}

/// Whether everything lies where a snapshot can be made of it.
pub(super) fn is_possible(plan: &Plan) -> bool {
    !plan.is_container(POSTGRES) && !plan.is_container(REDIS)
}

fn sources(plan: &Arc<Plan>, access: &Access) -> Result<Sources, Problem> {
    let dirs = &plan.dirs;
    let live = live(access);
    let is_live = |part: &str| live.iter().any(|name| name == part);
    let postgres = newest(dirs)?;
    if is_live(POSTGRES) && (postgres.is_none() || plan.is_container(POSTGRES)) {
        return Err(elsewhere("Postgres"));
    }
    let redis = Some(dirs.data.join("redis")).filter(|data| data.is_dir());
    if is_live(REDIS) && (redis.is_none() || plan.is_container(REDIS)) {
        return Err(elsewhere("Redis"));
    }
    let port = plan.ports.get(REDIS).copied().filter(|_| is_live(REDIS));
    Ok(Sources {
        state_dir: dirs.state.clone(),
        storage: access.services.get().map(|services| services.storage.clone()),
        postgres,
        redis: redis.map(|data| (data, port)),
    })
}

fn elsewhere(part: &str) -> Problem {
    let message =
        format!("the data of {part} do not lie in the state directory: it runs in a container");
    Problem::failed("data-elsewhere", message)
        .hint("snapshots are made of native servers: set `provider = \"native\"`")
}

/// The data directory that is in use, else the one of the newest major.
fn newest(dirs: &Dirs) -> Result<Option<(u32, PathBuf)>, Problem> {
    let mut all = postgres::data_dirs(dirs)?;
    let used = all.iter().position(|(_, dir)| postgres::is_in_use(dir));
    Ok(used.map(|at| all.swap_remove(at)).or_else(|| all.pop()))
}

/// The parts that are not down.
fn live(access: &Access) -> Vec<String> {
    let rows = access.hub.status().map(|status| status.services).unwrap_or_default();
    let mut parts: Vec<String> =
        rows.into_iter().filter(|row| row.state != "down").map(|row| row.part).collect();
    parts.dedup();
    parts
}

async fn order(event: Event, access: &Access) {
    let _ = access.loop_.send(Message::Event(event)).await;
    settle(access).await;
}

/// Runs `work` where it may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|e| Err(Problem::failed("snapshot", format!("it broke off: {e}"))))
}
