//! How a snapshot comes back: whole, or not at all.
//!
//! 1. [`prepare`] lays everything out beside what is there, under names of its own, while all runs.
//! 2. [`Swap::commit`], when nothing runs, writes down what is to be exchanged: from that moment on the
//!    snapshot is the environment's state. Then it exchanges, by renames.
//! 3. [`Exchanged::adopt`] makes a snapshot of what has made room, while all starts.
//! 4. [`settle`], before anything starts, finishes what was written down, and removes what a restore that
//!    was not has left.
//!
//! Invariant: each step of 2 and 3 can be done again after any part of it was done, and none of 2 once 3
//! has begun: what is written down gets another name then.

use super::adopt::Adoption;
use super::save::{
    FILES, KEY_FILE, POSTGRES, REDIS, REDIS_DUMP, REDIS_FILES, STATE, STATE_FILE, STATE_REST,
    Sources, Taken, manifest,
};
use super::store::{Kept, Store};
use crate::base::Problem;
use crate::runtime::dirs::unwritable;
use crate::runtime::tree::{self, How, Keep};
use crate::runtime::{Dirs, postgres, redis, runas};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// What is to be exchanged, in the state directory.
const INTENT: &str = "restore.json";
/// The same when all is exchanged, and what has made room is still to be adopted.
const EXCHANGED: &str = "restored.json";
/// Begin the names of what is to come and of what has made room.
const NEW: &str = ".restore-new-";
pub(super) const OLD: &str = ".restore-old-";
/// State that belongs to a file which is exchanged, and goes with it.
const GOES: [&str; 3] = ["state.db-wal", "state.db-shm", "state.journal"];

/// Where an environment's state lies.
#[derive(Debug, Clone)]
pub struct Place {
    dirs: Dirs,
    postgres: PathBuf,
}

impl Place {
    /// Of the environment with these directories.
    pub fn of(dirs: &Dirs) -> Result<Place, Problem> {
        Ok(Place { dirs: dirs.clone(), postgres: postgres::data_root(dirs)? })
    }
}

/// An exchange that is ready.
#[derive(Debug, Serialize, Deserialize)]
pub struct Swap {
    /// The state directory.
    state: PathBuf,
    /// What comes to be where.
    steps: Vec<Step>,
    /// What becomes of all that makes room.
    #[serde(default)]
    adoption: Option<Adoption>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Step {
    current: PathBuf,
    /// Whether something takes its place.
    comes: bool,
}

impl Step {
    /// Does it, or what is left of it.
    fn run(&self) -> io::Result<()> {
        let (new, old) = (beside(&self.current, NEW), beside(&self.current, OLD));
        if self.comes && !new.exists() {
            return Ok(());
        }
        if self.current.exists() {
            tree::remove(&old)?;
            fs::rename(&self.current, &old)?;
        }
        if self.comes { fs::rename(&new, &self.current) } else { Ok(()) }
    }
}

/// Where something lies that is to come to `place`, or has made room there.
pub(super) fn beside(place: &Path, prefix: &str) -> PathBuf {
    let name = place.file_name().unwrap_or_default().to_string_lossy();
    place.with_file_name(format!("{prefix}{name}"))
}

/// Brings a copy of Postgres' data to rest.
pub type AtRest<'a> = &'a dyn Fn(&Path) -> Result<(), Problem>;

/// Lays the snapshot out beside the environment's state. `at_rest` brings Postgres' data to rest where
/// that was not done in the snapshot; without it the server does when it starts, and waits for the
/// disk. Blocks; everything may run meanwhile.
pub fn prepare(kept: &Kept, place: &Place, at_rest: Option<AtRest<'_>>) -> Result<Swap, Problem> {
    adopt_rest(&place.dirs)?;
    sweep(&place.dirs);
    let state = place.dirs.state.clone();
    let mut swap = Swap { state, steps: Vec::new(), adoption: None };
    let laid = lay_out(kept, place, at_rest, &mut swap);
    laid.inspect_err(|_| sweep(&place.dirs))?;
    Ok(swap)
}

fn lay_out(
    kept: &Kept,
    place: &Place,
    at_rest: Option<AtRest<'_>>,
    swap: &mut Swap,
) -> Result<(), Problem> {
    let (state, redis) = (plan_state(kept, place, swap), plan_redis(kept, place, swap));
    std::thread::scope(|scope| {
        let others = scope.spawn(|| {
            state.iter().try_for_each(Piece::bring)?;
            redis.iter().try_for_each(Piece::bring)
        });
        let postgres = lay_out_postgres(kept, place, at_rest, swap);
        let others = others.join();
        postgres.and(others.unwrap_or_else(|_| Err(Problem::failed("restore", "it panicked"))))
    })
}

/// Something of the snapshot that comes to lie beside the environment's state.
struct Piece {
    from: PathBuf,
    new: PathBuf,
    kind: Kind,
}

enum Kind {
    File,
    Tree(How),
    /// The file that a Redis begins with.
    Dump,
}

impl Piece {
    fn bring(&self) -> Result<(), Problem> {
        let Piece { from, new, kind } = self;
        let brought = match kind {
            Kind::File => tree::bring_file(from, new, How::Copy).map(drop),
            Kind::Tree(how) => tree::bring(from, new, *how, &|_| Keep::All).map(drop),
            Kind::Dump => redis::lay_out(from, new),
        };
        brought.map_err(|error| unwritable(new, &error))
    }
}

fn plan_state(kept: &Kept, place: &Place, swap: &mut Swap) -> Vec<Piece> {
    let mut pieces = Vec::new();
    if !kept.manifest.services {
        return pieces;
    }
    let (state, kept) = (&place.dirs.state, kept.dir.join(STATE));
    // First of all: a log that belongs to another file must never be read with the new one.
    GOES.iter().for_each(|name| swap.gone(&state.join(name)));
    for name in [KEY_FILE, STATE_FILE].iter().chain(&STATE_REST) {
        let from = kept.join(name);
        if from.exists() {
            pieces.push(Piece { from, new: swap.comes(&state.join(name)), kind: Kind::File });
        }
    }
    for name in FILES {
        let from = kept.join(name);
        if from.is_dir() {
            let new = swap.comes(&state.join(name));
            pieces.push(Piece { from, new, kind: Kind::Tree(How::Link) });
        } else {
            swap.gone(&state.join(name));
        }
    }
    pieces
}

fn plan_redis(kept: &Kept, place: &Place, swap: &mut Swap) -> Option<Piece> {
    if !kept.manifest.redis {
        return None;
    }
    let (kept, current) = (kept.dir.join(REDIS), place.dirs.data.join("redis"));
    let (dump, files) = (kept.join(REDIS_DUMP), kept.join(REDIS_FILES));
    if dump.exists() {
        Some(Piece { from: dump, new: swap.comes(&current), kind: Kind::Dump })
    } else if files.is_dir() {
        Some(Piece { from: files, new: swap.comes(&current), kind: Kind::Tree(How::Copy) })
    } else {
        swap.gone(&current);
        None
    }
}

fn lay_out_postgres(
    kept: &Kept,
    place: &Place,
    at_rest: Option<AtRest<'_>>,
    swap: &mut Swap,
) -> Result<(), Problem> {
    let Some(major) = kept.manifest.postgres else { return Ok(()) };
    refuse_other_major(major, place)?;
    let new = swap.comes(&place.postgres.join(format!("postgres-{major}")));
    let failed = |error: io::Error| unwritable(&new, &error);
    // Where the server's identity may not enter the snapshot, its copy is brought to rest.
    if let Some(Err(problem)) = at_rest.map(|at_rest| kept.bring_to_rest(at_rest)) {
        tracing::debug!("not brought to rest in the snapshot: {}", problem.message);
    }
    if !kept.take_ready(&new) {
        tree::bring(&kept.dir.join(POSTGRES), &new, How::Copy, &|_| Keep::All).map_err(failed)?;
    }
    give_to_owner(&place.postgres, &new).map_err(failed)?;
    postgres::comes_back(&new);
    match at_rest.filter(|_| !kept.is_at_rest()) {
        Some(at_rest) => at_rest(&new),
        None => Ok(()),
    }
}

impl Swap {
    /// Something takes the place of `current`; where it is to be laid out.
    fn comes(&mut self, current: &Path) -> PathBuf {
        // What was to go makes room instead.
        self.steps.retain(|step| step.current != current);
        let step = Step { current: current.to_owned(), comes: true };
        let new = beside(current, NEW);
        self.steps.push(step);
        new
    }

    fn gone(&mut self, current: &Path) {
        self.steps.push(Step { current: current.to_owned(), comes: false });
    }

    /// Makes all that is in `sources` and makes room the snapshot that `taken` names, without a copy.
    /// False, and nothing is planned, where something of it stays or lies on another file system.
    pub fn adopt(
        &mut self,
        store: &Store,
        sources: &Sources,
        taken: &Taken,
    ) -> Result<bool, Problem> {
        let to = store.place(&taken.name)?;
        let made = manifest(taken, sources, self.state.join(STATE_FILE).exists());
        let adoption = Adoption::plan(sources, &to, made);
        let goes = |place: &Path| self.steps.iter().any(|step| step.current == place);
        self.adoption = adoption.filter(|adoption| adoption.places().all(goes));
        Ok(self.adoption.is_some())
    }

    /// Exchanges. Nothing runs on the state, and nothing starts before this returns.
    pub fn commit(self) -> Result<Exchanged, Problem> {
        let (path, new) = (self.state.join(INTENT), self.state.join(format!("{NEW}{INTENT}")));
        let text = serde_json::to_vec(&self).unwrap_or_default();
        let write = || -> io::Result<()> {
            tree::remove(&new)?;
            let mut options = File::options();
            let mut file = options.write(true).create_new(true).mode(0o600).open(&new)?;
            file.write_all(&text)?;
            file.sync_all()?;
            fs::rename(&new, &path)
        };
        write().map_err(|error| unwritable(&path, &error))?;
        self.carry_out()
    }

    fn carry_out(self) -> Result<Exchanged, Problem> {
        for step in &self.steps {
            step.run().map_err(|error| unwritable(&step.current, &error))?;
        }
        let path = self.state.join(INTENT);
        let done = match self.adoption {
            Some(_) => fs::rename(&path, self.state.join(EXCHANGED)),
            None => fs::remove_file(&path),
        };
        done.map_err(|error| unwritable(&path, &error))?;
        Ok(Exchanged(self))
    }
}

/// An exchange that is through: everything may start.
#[derive(Debug)]
#[must_use = "what has made room is still to be adopted"]
pub struct Exchanged(Swap);

impl Exchanged {
    /// Makes the snapshot that [`Swap::adopt`] planned, if it did.
    pub fn adopt(self) -> Result<(), Problem> {
        let Swap { state, adoption: Some(adoption), .. } = self.0 else { return Ok(()) };
        adoption.carry_out().map_err(|error| unwritable(&state, &error))?;
        let path = state.join(EXCHANGED);
        fs::remove_file(&path).map_err(|error| unwritable(&path, &error))
    }
}

/// Whether an exchange was written down that is not through.
pub fn is_pending(dirs: &Dirs) -> bool {
    dirs.state.join(INTENT).exists()
}

/// Finishes what was written down, and removes what is left of what was not. Nothing runs.
pub fn settle(dirs: &Dirs) -> Result<(), Problem> {
    let exchanged = match written(&dirs.state.join(INTENT))? {
        Some(swap) => Some(swap.carry_out()?),
        None => None,
    };
    match exchanged {
        Some(exchanged) => exchanged.adopt()?,
        None => adopt_rest(dirs)?,
    }
    sweep(dirs);
    Ok(())
}

/// Adopts what an exchange that is through has left to be adopted.
fn adopt_rest(dirs: &Dirs) -> Result<(), Problem> {
    written(&dirs.state.join(EXCHANGED))?.map_or(Ok(()), |swap| Exchanged(swap).adopt())
}

/// What was written down at `path`, if anything.
fn written(path: &Path) -> Result<Option<Swap>, Problem> {
    let text = match fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        text => text.map_err(|error| unwritable(path, &error))?,
    };
    serde_json::from_slice(&text).map(Some).map_err(|error| {
        let message = format!("{} cannot be read: {error}", path.display());
        Problem::failed("restore-unreadable", message)
            .hint("the environment's state is between two snapshots; start anew with `devenv down --volumes`")
    })
}

/// Removes what is neither state nor to become state.
pub fn sweep(dirs: &Dirs) {
    if dirs.state.join(EXCHANGED).exists() {
        // What has made room is to be a snapshot.
        return;
    }
    for dir in [dirs.state.clone(), dirs.data.clone(), runas::outside_data(dirs)] {
        for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with(NEW) || name.starts_with(OLD) {
                // What cannot be removed now is removed by the next start.
                let _ = tree::remove(&entry.path());
            }
        }
    }
}

fn refuse_other_major(major: u32, place: &Place) -> Result<(), Problem> {
    let there = postgres::data_dirs(&place.dirs)?;
    if there.is_empty() || there.iter().any(|(other, _)| *other == major) {
        return Ok(());
    }
    let others: Vec<String> = there.iter().map(|(other, _)| other.to_string()).collect();
    let message = format!(
        "the snapshot holds data of Postgres {major}; this environment runs {}",
        others.join(" and ")
    );
    Err(Problem::in_the_way("postgres-major", message)
        .hint(format!("set `version = {major}` in `[postgres]`, or restore it in another project")))
}

/// Under root, the server's own identity gets its data: a snapshot may come from another place.
fn give_to_owner(root: &Path, new: &Path) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let owner = fs::metadata(root)?;
    if fs::metadata(new)?.uid() == owner.uid() {
        // A copy's files have the owner of its directory: one server made them all.
        return Ok(());
    }
    give(new, owner.uid(), owner.gid())
}

fn give(path: &Path, uid: u32, gid: u32) -> io::Result<()> {
    std::os::unix::fs::chown(path, Some(uid), Some(gid))?;
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            give(&entry?.path(), uid, gid)?;
        }
    }
    Ok(())
}
