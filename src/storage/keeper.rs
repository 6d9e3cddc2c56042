//! The state file's housekeeping, off the path of requests: it is brought up to its journal, the log is
//! folded into the file when it is long or nothing has been written for a while, and what nobody waits
//! for is committed.
//!
//! Folding runs on a connection of its own beside the writer, so that nobody waits for the disk. Only
//! where writers never pause, and the log would grow without end, are they held up for its last part.

use super::helper::Helper;
use super::open::open_keeper;
use super::writer::Shared;
use crate::base::Problem;
use rusqlite::Connection;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// Transactions after which the log is folded while others write.
const GROUPS_MANY: u64 = 2000;
/// Pages of log at which writers are held up until it is folded: 128 MiB.
const LOG_MAX_PAGES: i64 = 32 * 1024;
/// Pages that may be left over when writers go on, and how often they are tried again.
const TAIL_PAGES: i64 = 256;
const ROUNDS: usize = 4;
/// How often the log is looked at while there is writing.
const PACE: Duration = Duration::from_millis(200);
/// After this long without writing the rest is folded too: what was acknowledged before then
/// survives even the loss of power.
const QUIET: Duration = Duration::from_secs(2);

/// The keeper as others see it.
#[derive(Default)]
pub(super) struct Keeper {
    helper: Helper,
    /// What was written to the state file, counted in small transactions.
    writes: AtomicU64,
    /// How often something became durable, in the journal or the state file.
    groups: AtomicU64,
    /// Whether the keeper has been told that there are writes to look after.
    awake: AtomicBool,
}

impl Keeper {
    /// Starts its thread. It holds `shared` weakly, and ends with it.
    pub(super) fn start(&self, shared: &Arc<Shared>) -> Result<(), Problem> {
        let weak = Arc::downgrade(shared);
        self.helper.start("state-keeper", move || keep(&weak))
    }

    /// Has it look at once.
    pub(super) fn nudge(&self) {
        self.helper.nudge();
    }

    /// So much was written, counted in small transactions.
    pub(super) fn count(&self, writes: u64) {
        self.writes.fetch_add(writes, Ordering::Relaxed);
    }

    /// Something became durable, and so much of it was written to the state file.
    pub(super) fn wrote(&self, writes: u64) {
        self.count(writes);
        self.groups.fetch_add(1, Ordering::SeqCst);
        if !self.awake.swap(true, Ordering::AcqRel) {
            self.nudge();
        }
    }

    /// Ends the thread and waits for it.
    pub(super) fn stop(&self) {
        self.helper.stop();
    }
}

/// What the thread remembers from look to look. Quiet comes first after a while, so that what an
/// earlier process left, or a new file, is folded once in any case.
struct Watch {
    connection: Option<Connection>,
    /// Whether the master key is on the disk.
    is_key_forced: bool,
    /// Writes at the last folding, and when it was.
    folded: (u64, Instant),
    /// Groups at the last look, and since when there are no more.
    seen: (u64, Instant),
}

fn keep(weak: &Weak<Shared>) {
    let now = Instant::now();
    let mut watch =
        Watch { connection: None, is_key_forced: false, folded: (0, now), seen: (0, now) };
    while let Some(shared) = weak.upgrade() {
        let keeper = shared.keeper();
        if keeper.helper.is_stopping() {
            // Closing folds what is left.
            watch.force_key(&shared);
            return;
        }
        // A job that panics takes its group with it, and not the keeper.
        let looked = std::panic::catch_unwind(AssertUnwindSafe(|| {
            if shared.abandoned.swap(false, Ordering::SeqCst) {
                shared.lead_all();
            }
            watch.look(&shared)
        }));
        let is_quiet = looked.unwrap_or_else(|_| {
            tracing::error!("state file: a job that nobody waited for panicked");
            false
        });
        drop(shared);
        if is_quiet { std::thread::park() } else { std::thread::park_timeout(PACE) }
    }
}

impl Watch {
    /// Folds if it is time to; whether there is nothing more to look after.
    fn look(&mut self, shared: &Shared) -> bool {
        let keeper = shared.keeper();
        let (groups, now) = (keeper.groups.load(Ordering::SeqCst), Instant::now());
        // An error is told to whoever needs the file next: the journal keeps what it lacks.
        let _ = shared.settle_beside();
        let writes = keeper.writes.load(Ordering::Relaxed);
        if groups != self.seen.0 {
            self.seen = (groups, now);
        }
        let quiet = now.duration_since(self.seen.1) >= QUIET;
        let many = writes - self.folded.0 >= GROUPS_MANY;
        let long_ago = writes != self.folded.0 && now.duration_since(self.folded.1) >= QUIET;
        if quiet || many || long_ago {
            self.fold(shared);
            self.folded = (writes, now);
        }
        if !quiet {
            return false;
        }
        keeper.awake.store(false, Ordering::SeqCst);
        // A write between the count and the store has nudged nobody.
        keeper.groups.load(Ordering::SeqCst) == groups || {
            keeper.awake.store(true, Ordering::SeqCst);
            false
        }
    }

    /// Forces the master key to the disk, once; whether it is there.
    fn force_key(&mut self, shared: &Shared) -> bool {
        if !self.is_key_forced {
            let forced = super::sealing::force(&shared.path);
            if let Err(error) = &forced {
                tracing::warn!(%error, "state file: its master key cannot be forced to the disk");
            }
            self.is_key_forced = forced.is_ok();
        }
        self.is_key_forced
    }

    fn fold(&mut self, shared: &Shared) {
        if !self.force_key(shared) {
            return;
        }
        if let Err(error) = self.try_fold(shared) {
            // Nothing is lost: the log keeps what could not be folded.
            tracing::debug!(%error, "state file: the log was not folded");
            self.connection = None;
        }
    }

    fn try_fold(&mut self, shared: &Shared) -> rusqlite::Result<()> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => open_keeper(&shared.path)?,
        };
        let mut left = fold_once(&connection)?;
        for _ in 0..ROUNDS {
            if left.log - left.folded <= TAIL_PAGES {
                break;
            }
            left = fold_once(&connection)?;
        }
        if left.log > LOG_MAX_PAGES {
            shared.hold_up_settled(|| drop(fold_once(&connection)));
        }
        self.connection = Some(connection);
        Ok(())
    }
}

/// Pages in the log, and how many of them are in the file too.
struct Log {
    log: i64,
    folded: i64,
}

fn fold_once(connection: &Connection) -> rusqlite::Result<Log> {
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| {
        Ok(Log { log: row.get(1)?, folded: row.get(2)? })
    })
}
