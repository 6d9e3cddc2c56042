//! The one owner of a service's state in memory: applies operations under a lock, has their changes
//! committed, and answers only after that.

use super::{Clock, Operation, ServiceError};
use crate::base::{Caller, Context, Ids, Millis, Problem};
use crate::protocol::Failure;
use crate::storage::Transaction;
use crate::storage::rusqlite::{self, Connection};
use crate::storage::{Brief, Counted, ReplayError, Schema, Storage, StorageError, Ticket, Work};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// State that lives in memory and is kept in tables of its own.
pub trait Domain: Default + Send + 'static {
    /// What an operation records.
    type Change: Send + 'static;
    /// The tables.
    const SCHEMA: Schema;
    /// Whether requests read in the tables what `record` keeps of changes, by [`Host::read`].
    const READS_TABLES: bool = false;
    /// What a job with a record weighs at least in the journal's backlog: one for a few small rows.
    const WEIGHT: usize = 1;

    /// Reads the state from disk.
    fn load(connection: &Connection) -> rusqlite::Result<Self>;
    /// Writes one change: an exhaustive match.
    fn write(change: &Self::Change, transaction: &Transaction<'_>) -> rusqlite::Result<()>;
    /// Appends the record by which the journal keeps these changes; whether it can, else they go to
    /// the tables at once.
    fn record(_changes: &[Self::Change], _into: &mut Vec<u8>) -> bool {
        false
    }
    /// The changes of a record that `record` made, or why it cannot be read.
    fn recorded(_record: &[u8]) -> Result<Vec<Self::Change>, String> {
        Err(format!("{} keeps no records", Self::SCHEMA.name))
    }
    /// What a change is to the row that it is about, so that one that lives briefly is never written.
    fn fate(_change: &Self::Change) -> Fate {
        Fate::Other
    }
    /// Takes into `next`, which was read anew or is empty, what this process was told and no row holds.
    fn carry_over(&self, _next: &mut Self) {}
    /// Deletes what hangs on an account's rows and does not name it. Those that do go without this.
    fn forget(_account: &str, _transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        Ok(())
    }
    /// Deletes every row.
    fn wipe(transaction: &Transaction<'_>) -> rusqlite::Result<()>;
}

/// Writes what the journal kept of a service's changes, after a crash.
pub(super) fn replay<D: Domain>(
    record: &[u8],
    transaction: &Transaction<'_>,
) -> Result<(), ReplayError> {
    let changes = D::recorded(record).map_err(ReplayError::Unreadable)?;
    Ok(changes.iter().try_for_each(|change| D::write(change, transaction))?)
}

/// What a change is to the row that it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The row, and only it, begins here.
    Made(u64),
    /// Nothing but this row is written.
    Written(u64),
    /// The row, and only it, ends here for good.
    Deleted(u64),
    /// About no row, or not only about one.
    Other,
}

/// An operation's changes on their way to the tables.
struct Changes<D: Domain>(Vec<D::Change>);

impl<D: Domain> Work for Changes<D> {
    fn run(&mut self, transaction: &Transaction<'_>, brief: &Brief) -> rusqlite::Result<()> {
        let is_brief = |change| match D::fate(change) {
            Fate::Made(row) | Fate::Written(row) | Fate::Deleted(row) => {
                brief.holds(D::SCHEMA.name, row)
            }
            Fate::Other => false,
        };
        let mut written = self.0.iter().filter(|change| !is_brief(change));
        written.try_for_each(|change| D::write(change, transaction))
    }

    fn survey(&self, brief: &mut Brief) {
        for change in &self.0 {
            match D::fate(change) {
                Fate::Made(row) => brief.made(D::SCHEMA.name, row),
                Fate::Deleted(row) => brief.deleted(D::SCHEMA.name, row),
                Fate::Written(_) | Fate::Other => {}
            }
        }
    }

    fn record(&self, into: &mut Vec<u8>) -> Option<&'static str> {
        D::record(&self.0, into).then_some(D::SCHEMA.name)
    }

    fn weight(&self) -> usize {
        D::WEIGHT.max(self.0.len())
    }

    fn is_read_in_tables(&self) -> bool {
        D::READS_TABLES && !self.0.is_empty()
    }

    fn is_idle(&self) -> bool {
        self.0.is_empty()
    }
}

/// Told of an operation's changes and its instant.
type Watcher<C> = Box<dyn Fn(&[C], Millis) + Send + Sync>;

struct Owned<D> {
    state: D,
    ids: Ids,
    /// The storage epoch that `state` belongs to.
    epoch: u64,
}

/// Owner of a service's state.
pub struct Host<D: Domain> {
    owned: Mutex<Owned<D>>,
    storage: Storage,
    clock: Clock,
    /// Submitted but perhaps not yet durable changes, so that readers wait for what they saw.
    in_flight: Arc<AtomicI64>,
    watcher: OnceLock<Watcher<D::Change>>,
}

impl<D: Domain> Host<D> {
    /// Loads the state.
    pub fn open(storage: &Storage, clock: &Clock) -> Result<Arc<Self>, Problem> {
        let epoch = storage.epoch();
        let state = storage.read(D::load).map_err(|e| {
            Problem::failed("state-unreadable", format!("{}: {}", D::SCHEMA.name, e.for_people()))
        })?;
        let owned = Mutex::new(Owned { state, ids: storage.draws().ids(D::SCHEMA.name), epoch });
        let in_flight = Arc::default();
        let (storage, clock, watcher) = (storage.clone(), clock.clone(), OnceLock::new());
        Ok(Arc::new(Host { owned, storage, clock, in_flight, watcher }))
    }

    /// Has `watcher` told of all changes from now on, in their order, as soon as they are in memory:
    /// what an operation does upon hearing of them is committed behind them. It must not call back.
    pub fn watch(&self, watcher: impl Fn(&[D::Change], Millis) + Send + Sync + 'static) {
        // There is one watcher, set when the service opens; a second would be a mistake of ours.
        let first = self.watcher.set(Box::new(watcher)).is_ok();
        debug_assert!(first, "a host has one watcher");
    }

    /// The clock.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The state file.
    pub fn storage(&self) -> &Storage {
        &self.storage
    }

    /// Runs an operation and waits until its changes are durable.
    pub async fn run<O>(&self, operation: O, caller: &Caller) -> Result<O::Output, Failure>
    where
        O: Operation<State = D, Change = D::Change>,
    {
        let (output, ticket) = self.apply(operation, caller)?;
        if let Some(ticket) = ticket {
            ticket.committed().await.map_err(|e| unavailable(&e))?;
        }
        Ok(output)
    }

    /// Looks at the state without changing it.
    pub fn look<T>(&self, view: impl FnOnce(&D, Millis) -> T) -> Result<T, Failure> {
        let owned = self.fresh()?;
        Ok(view(&owned.state, self.clock.now()))
    }

    /// Reads the service's tables, with all that is acknowledged in them. May block for a transaction.
    pub fn read<T>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StorageError> {
        self.storage.read_latest(query)
    }

    /// Empties the state, durably.
    pub async fn wipe(&self) -> Result<(), Problem> {
        let ticket = {
            let mut owned = self.owned.lock().unwrap_or_else(PoisonError::into_inner);
            owned.epoch = self.storage.epoch();
            let ticket = self.storage.submit(owned.epoch, |t| D::wipe(t));
            let mut empty = D::default();
            owned.state.carry_over(&mut empty);
            owned.state = empty;
            if self.storage.draws().is_seeded() {
                owned.ids = self.storage.draws().ids(D::SCHEMA.name);
                self.storage.draws().begin_again(D::SCHEMA.name);
            }
            ticket
        };
        let done = ticket.committed().await;
        done.map_err(|e| {
            Problem::failed("reset-failed", format!("{}: {}", D::SCHEMA.name, e.for_people()))
        })
    }

    /// Forgets what one account has, durably.
    pub async fn forget(self: &Arc<Self>, account: &str) -> Result<(), Problem> {
        let (host, account) = (self.clone(), account.to_owned());
        let done = tokio::task::spawn_blocking(move || host.forget_now(account)).await;
        done.map_err(|e| e.to_string())
            .and_then(|done| done)
            .map_err(|why| Problem::failed("forget-failed", format!("{}: {why}", D::SCHEMA.name)))
    }

    /// Deletes an account's rows, and reads anew what is left, if there were any; others wait meanwhile.
    fn forget_now(&self, account: String) -> Result<(), String> {
        let mut owned = self.fresh().map_err(|failure| failure.message.to_string())?;
        let gone = Arc::new(AtomicI64::new(0));
        let counted = gone.clone();
        let ticket = self.storage.submit(owned.epoch, move |transaction| {
            D::forget(&account, transaction)?;
            let rows = forget_rows(D::SCHEMA.name, &account, transaction)?;
            counted.store(rows, Ordering::Release);
            Ok(())
        });
        ticket.committed_blocking().map_err(|e| e.for_people())?;
        if gone.load(Ordering::Acquire) > 0 {
            let mut read = self.storage.read(D::load).map_err(|e| e.for_people())?;
            owned.state.carry_over(&mut read);
            owned.state = read;
        }
        Ok(())
    }

    /// Runs an operation. What it changed is durable when the ticket says so, and must not be answered
    /// before.
    pub fn apply<O>(
        &self,
        operation: O,
        caller: &Caller,
    ) -> Result<(O::Output, Option<Ticket>), Failure>
    where
        O: Operation<State = D, Change = D::Change>,
    {
        let mut owned = self.fresh()?;
        let owned = &mut *owned;
        let mut changes = Vec::new();
        let now = self.clock.now();
        let mut context = Context { now, ids: &mut owned.ids, caller };
        let output = operation
            .apply(&mut owned.state, &mut context, &mut changes)
            .map_err(|error| failure(&error))?;
        if let Some(watcher) = self.watcher.get().filter(|_| !changes.is_empty()) {
            watcher(&changes, now);
        }
        let must_wait = !changes.is_empty() || self.in_flight.load(Ordering::Acquire) > 0;
        // A reader that may have seen what is not yet durable waits behind it with an empty commit.
        let ticket = must_wait.then(|| self.submit(owned.epoch, changes));
        Ok((output, ticket))
    }

    fn submit(&self, epoch: u64, changes: Vec<D::Change>) -> Ticket {
        let counted = Counted::enter(&self.in_flight);
        self.storage.submit_work(epoch, counted, Changes::<D>(changes))
    }

    /// The state, loaded anew if a commit failed since.
    fn fresh(&self) -> Result<MutexGuard<'_, Owned<D>>, Failure> {
        let poisoned = self.owned.is_poisoned();
        let mut owned = self.owned.lock().unwrap_or_else(PoisonError::into_inner);
        let epoch = self.storage.epoch();
        if owned.epoch != epoch || poisoned {
            self.storage.settle().map_err(|e| unavailable(&e))?;
            let mut read = self.storage.read(D::load).map_err(|e| unavailable(&e))?;
            owned.state.carry_over(&mut read);
            owned.state = read;
            owned.epoch = epoch;
            self.owned.clear_poison();
        }
        Ok(owned)
    }
}

/// Deletes an account's rows from all tables of a service that name accounts; how many there were.
fn forget_rows(service: &str, account: &str, to: &Transaction<'_>) -> rusqlite::Result<i64> {
    let tables: Vec<String> = to
        .prepare_cached(
            "SELECT m.name FROM sqlite_master m JOIN pragma_table_info(m.name) c
              WHERE m.type='table' AND m.name GLOB ?1 AND c.name='account' ORDER BY m.name",
        )?
        .query_map([format!("{service}_*")], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let mut rows = 0;
    for table in tables {
        rows += to.execute(&format!("DELETE FROM {table} WHERE account=?1"), [account])?;
    }
    Ok(rows as i64)
}

/// A service's error as the protocols write it.
pub fn failure<E: ServiceError + ?Sized>(error: &E) -> Failure {
    let failure = Failure::new(error.status(), error.code(), error.message());
    match error.query_code() {
        Some(code) => failure.query_code(code),
        None => failure,
    }
}

/// The disk refused: nothing was acknowledged, and the client may try again.
pub fn unavailable(error: &StorageError) -> Failure {
    let message = format!("devenv could not keep this change: {}", error.for_people());
    Failure::new(500, "InternalFailure", message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::Storage;

    #[derive(Default)]
    struct Counter(i64);

    struct Add(i64);

    #[derive(Debug)]
    struct Negative;

    impl ServiceError for Negative {
        fn code(&self) -> &'static str {
            "Negative"
        }
        fn message(&self) -> String {
            "below zero".into()
        }
    }

    impl Operation for Add {
        type State = Counter;
        type Output = i64;
        type Change = i64;
        type Error = Negative;
        const NAME: &'static str = "Add";

        fn apply(
            self,
            state: &mut Counter,
            _: &mut Context<'_>,
            changes: &mut Vec<i64>,
        ) -> Result<i64, Negative> {
            if state.0 + self.0 < 0 {
                return Err(Negative);
            }
            state.0 += self.0;
            if self.0 != 0 {
                changes.push(state.0);
            }
            Ok(state.0)
        }
    }

    impl Domain for Counter {
        type Change = i64;
        const SCHEMA: Schema = Schema {
            name: "counter",
            scripts: &["CREATE TABLE counter(n INTEGER NOT NULL); INSERT INTO counter VALUES (0);"],
        };

        fn load(connection: &Connection) -> rusqlite::Result<Self> {
            connection.query_row("SELECT n FROM counter", [], |row| row.get(0)).map(Counter)
        }
        fn write(change: &i64, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
            transaction.execute("UPDATE counter SET n = ?1", [change]).map(drop)
        }
        fn wipe(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
            transaction.execute("UPDATE counter SET n = 0", []).map(drop)
        }
    }

    fn caller() -> Caller {
        Caller::internal("000000000000", "us-east-1", "http://127.0.0.1")
    }

    fn open(dir: &tempfile::TempDir) -> (Storage, Arc<Host<Counter>>) {
        let storage = Storage::open(&dir.path().join("state.db"), &[Counter::SCHEMA]).unwrap();
        let host = Host::open(&storage, &Clock::default()).unwrap();
        (storage, host)
    }

    #[tokio::test]
    async fn what_was_answered_is_on_disk_without_any_farewell() {
        let dir = tempfile::tempdir().unwrap();
        let (storage, host) = open(&dir);
        assert_eq!(host.run(Add(2), &caller()).await.unwrap(), 2);
        assert_eq!(host.run(Add(3), &caller()).await.unwrap(), 5);
        let other = rusqlite::Connection::open(dir.path().join("state.db")).unwrap();
        let n: i64 = other.query_row("SELECT n FROM counter", [], |row| row.get(0)).unwrap();
        assert_eq!(n, 5);
        drop((storage, host));
    }

    #[tokio::test]
    async fn a_refused_operation_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let (_storage, host) = open(&dir);
        assert_eq!(host.run(Add(-1), &caller()).await.unwrap_err().code, "Negative");
        assert_eq!(host.run(Add(0), &caller()).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn when_the_disk_refuses_memory_goes_back_to_what_the_disk_has() {
        let dir = tempfile::tempdir().unwrap();
        let (storage, host) = open(&dir);
        host.run(Add(1), &caller()).await.unwrap();
        storage
            .transact(|t| {
                t.execute_batch(
                    "CREATE TRIGGER full BEFORE UPDATE ON counter WHEN NEW.n > 10
                     BEGIN SELECT RAISE(ABORT, 'disk full'); END;",
                )
            })
            .await
            .unwrap();
        let failed = host.run(Add(100), &caller()).await.unwrap_err();
        assert_eq!((failed.status, failed.code.as_ref()), (500, "InternalFailure"));
        assert_eq!(host.run(Add(0), &caller()).await.unwrap(), 1, "memory follows the disk");
        assert_eq!(host.run(Add(2), &caller()).await.unwrap(), 3, "and goes on from there");
    }

    #[tokio::test]
    async fn wiping_is_durable_and_later_operations_build_on_it() {
        let dir = tempfile::tempdir().unwrap();
        let (storage, host) = open(&dir);
        host.run(Add(7), &caller()).await.unwrap();
        host.wipe().await.unwrap();
        assert_eq!(host.run(Add(1), &caller()).await.unwrap(), 1);
        let n = storage.read(|c| c.query_row("SELECT n FROM counter", [], |r| r.get::<_, i64>(0)));
        assert_eq!(n.unwrap(), 1);
    }
}
