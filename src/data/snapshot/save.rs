//! How the one moment of all stores is taken (decision 007).
//!
//! Invariant: between the fork of Redis and the end of Postgres' log no write of Redis and no commit of
//! the AWS services is acknowledged. So whatever Postgres' copy shows, its causes elsewhere are in the
//! snapshot, and whatever was acknowledged anywhere before is in it too.

use super::ahead::Ahead;
use super::manifest::{LAYOUT, Manifest, Reason, boot};
use super::store::{Draft, Kept, Store, part};
use crate::base::Problem;
use crate::runtime::dirs::{private_dir, unwritable};
use crate::runtime::mirror::Mirror;
use crate::runtime::tree::{self, How, Keep, Size};
use crate::runtime::{postgres, redis};
use crate::storage::{Moment, Storage, StorageError};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Where each store's part lies in a snapshot.
pub(super) const STATE: &str = "state";
pub(super) const POSTGRES: &str = "postgres";
pub(super) const REDIS: &str = "redis";
/// Redis' part of a server that ran, and of one that did not.
pub(super) const REDIS_DUMP: &str = "dump.rdb";
pub(super) const REDIS_FILES: &str = "files";
/// The state file, and what lies beside it while nobody has it open.
pub(super) const STATE_FILE: &str = "state.db";
pub(super) const STATE_REST: [&str; 2] = ["state.db-wal", "state.journal"];
/// The key that sealed values open with.
pub(super) const KEY_FILE: &str = "master.key";
/// Directories of files that never change once they are recorded.
pub(super) const FILES: [&str; 2] = ["blobs", "mail"];
/// Copies of Postgres' data that may be spoilt by a checkpoint before it is given up.
const TRIES_MAX: usize = 5;

/// What a snapshot is made of.
#[derive(Clone)]
pub struct Sources {
    /// The directory of the AWS services' state.
    pub state_dir: PathBuf,
    /// Their state file, while somebody has it open.
    pub storage: Option<Storage>,
    /// Postgres' major and data directory, if the environment has one.
    pub postgres: Option<(u32, PathBuf)>,
    /// Redis' data directory, and its port while it runs.
    pub redis: Option<(PathBuf, Option<u16>)>,
}

/// What is to be known of a snapshot.
#[derive(Debug, Clone)]
pub struct Taken {
    /// Its name.
    pub name: String,
    /// Why it is made.
    pub reason: Reason,
    /// The profile's name.
    pub profile: String,
    /// The project's directory.
    pub project: PathBuf,
    /// One that has the name makes room.
    pub replace: bool,
}

/// Makes a snapshot, of what was copied ahead if there is anything. Blocks.
pub fn save(
    store: &Store,
    sources: &Sources,
    taken: &Taken,
    ahead: Option<Ahead>,
) -> Result<Kept, Problem> {
    if !taken.replace {
        store.refuse_taken(&taken.name)?;
    }
    Manifest::check_name(&taken.name)?;
    let (draft, mirror) = match ahead.filter(|ahead| ahead.is_of(sources)) {
        Some(Ahead { draft, mirror }) => (draft, Some(mirror)),
        None => (store.draft()?, None),
    };
    let (paused_us, size) = write(&draft, sources, mirror)?;
    let services = draft.dir.join(STATE).join(STATE_FILE).exists();
    let (files, bytes) = (size.files, size.bytes);
    let manifest = Manifest { files, bytes, paused_us, ..manifest(taken, sources, services) };
    store.finish(draft, &manifest, taken.replace)
}

/// What is known of a snapshot before it is made.
pub(super) fn manifest(taken: &Taken, sources: &Sources, services: bool) -> Manifest {
    Manifest {
        layout: LAYOUT,
        name: taken.name.clone(),
        created: now(),
        reason: taken.reason,
        devenv: env!("CARGO_PKG_VERSION").to_owned(),
        profile: taken.profile.clone(),
        project: taken.project.to_string_lossy().into_owned(),
        services,
        postgres: sources.postgres.as_ref().map(|(major, _)| *major),
        redis: sources.redis.is_some(),
        files: 0,
        bytes: 0,
        paused_us: 0,
        boot: boot(),
    }
}

/// Now, to the millisecond.
pub(super) fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// The stores' copies below the draft; for how many microseconds writers were held up, and how much it is.
fn write(
    draft: &Draft,
    sources: &Sources,
    mut ahead: Option<Mirror>,
) -> Result<(u64, Size), Problem> {
    let dir = |name: &str| draft.dir.join(name);
    let part = |name| part(&draft.dir, name).map_err(|error| unwritable(&draft.dir, &error));
    for name in [STATE, REDIS] {
        private_dir(&dir(name))?;
    }
    for left in (0..TRIES_MAX).rev() {
        let postgres = match &sources.postgres {
            Some((_, data)) => copy_postgres(data, &dir(POSTGRES), ahead.take())?,
            None => None,
        };
        let files = sources.storage.as_ref().map(Storage::keep_files);
        let instant = instant(sources, postgres.as_ref())?;
        if instant.is_spoilt {
            std::fs::remove_dir_all(dir(POSTGRES))
                .map_err(|error| unwritable(&draft.dir, &error))?;
            tracing::debug!(left, "snapshot: Postgres ended a checkpoint meanwhile; once more");
            continue;
        }
        let redis = instant.redis;
        let paused = instant.paused_us;
        let size = std::thread::scope(|scope| -> Result<Size, Problem> {
            let saved = scope.spawn(|| -> Result<Size, Problem> {
                keep_redis(sources, redis, &dir(REDIS))?;
                // Postgres' part is whole already.
                Ok(part(POSTGRES)?.and(part(REDIS)?))
            });
            keep_state(sources, instant.moment.as_ref(), &dir(STATE))?;
            let saved = saved.join();
            let panicked = |_| Err(Problem::failed("redis-save", "it panicked"));
            Ok(saved.unwrap_or_else(panicked)?.and(part(STATE)?))
        })?;
        drop(files);
        return Ok((paused, size));
    }
    let message = format!("Postgres ended a checkpoint during each of {TRIES_MAX} copies");
    Err(Problem::failed("postgres-busy", message).retryable())
}

/// A copy under way of a server that runs; one of a server that does not is made at once.
fn copy_postgres(
    data: &Path,
    to: &Path,
    ahead: Option<Mirror>,
) -> Result<Option<postgres::Copy>, Problem> {
    let is_in_use = postgres::is_in_use(data);
    if let Some(mirror) = ahead {
        match is_in_use.then(|| postgres::Copy::begin(data, to, Some(mirror))) {
            Some(Ok(copy)) => return Ok(Some(copy)),
            Some(Err(problem)) => tracing::debug!("copied anew: {}", problem.message),
            None => {}
        }
        tree::remove(to).map_err(|error| unwritable(to, &error))?;
    }
    if is_in_use {
        return postgres::Copy::begin(data, to, None).map(Some);
    }
    postgres::copy_stopped(data, to).map(|()| None)
}

/// What was taken in one moment.
struct Everything {
    moment: Option<Moment>,
    redis: Option<redis::Saving>,
    is_spoilt: bool,
    paused_us: u64,
}

fn instant(sources: &Sources, postgres: Option<&postgres::Copy>) -> Result<Everything, Problem> {
    let mut paused = match &sources.redis {
        Some((data, Some(port))) => Some(redis::Paused::begin(*port, data)?),
        _ => None,
    };
    let begun = Instant::now();
    let mut act = || -> Result<bool, Problem> {
        if let Some(paused) = &mut paused {
            paused.fork()?;
        }
        Ok(match postgres {
            Some(copy) => !copy.finish()?,
            None => false,
        })
    };
    let (moment, spoilt) = match &sources.storage {
        Some(storage) => {
            let (moment, spoilt) = storage.moment(act).map_err(|e| unreadable(&e))?;
            (Some(moment), spoilt)
        }
        None => (None, act()),
    };
    let redis = paused.map(redis::Paused::resume).transpose()?;
    let paused_us = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
    Ok(Everything { moment, redis, is_spoilt: spoilt?, paused_us })
}

fn keep_redis(sources: &Sources, saving: Option<redis::Saving>, to: &Path) -> Result<(), Problem> {
    if let Some(saving) = saving {
        return saving.fetch(&to.join(REDIS_DUMP));
    }
    let Some((data, _)) = sources.redis.as_ref().filter(|(data, _)| data.is_dir()) else {
        return Ok(());
    };
    let copied = tree::bring(data, &to.join(REDIS_FILES), How::Copy, &|_| Keep::All);
    copied.map(drop).map_err(|error| unwritable(to, &error))
}

fn keep_state(sources: &Sources, moment: Option<&Moment>, to: &Path) -> Result<(), Problem> {
    let from = &sources.state_dir;
    let failed = |error: std::io::Error| unwritable(to, &error);
    let mut copied = vec![KEY_FILE];
    match moment {
        Some(moment) => moment.copy_to(&to.join(STATE_FILE)).map_err(|e| unreadable(&e))?,
        None => copied.extend([STATE_FILE].iter().chain(&STATE_REST)),
    }
    for name in copied {
        tree::bring_file(&from.join(name), &to.join(name), How::Copy).map_err(failed)?;
    }
    for name in FILES.iter().filter(|name| from.join(name).is_dir()) {
        tree::bring(&from.join(name), &to.join(name), How::Link, &|_| Keep::All).map_err(failed)?;
    }
    Ok(())
}

fn unreadable(error: &StorageError) -> Problem {
    Problem::failed("snapshot-state", format!("the state cannot be copied: {}", error.for_people()))
}
