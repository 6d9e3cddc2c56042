//! Group commit without a thread of its own: whoever waits for a commit carries out everybody's.
//!
//! Jobs queue up; a ticket that is polled and finds no leader becomes it, puts all waiting jobs into
//! one transaction and tells their owners. So a commit costs no change of threads, and while one runs
//! the next group gathers. A ticket first lets other requests have their turn, so that what they submit
//! goes into the same transaction. The keeper's thread (`keeper.rs`) commits what nobody waits for.
//!
//! A job that can record its changes needs no transaction to be durable (`journal.rs`).
//!
//! Memory may run ahead of the disk: a service applies an operation first and submits its changes
//! under the same lock. If a transaction fails, every job submitted under the same epoch fails with
//! it; services notice the new epoch and reload from disk, which is right.

use super::commit::{Committer, Handed};
use super::draws::Draws;
use super::error::{StorageError, disk_full};
use super::handover::{Done, Line, Queued, lock};
use super::helper::Helper;
use super::journal::{self, Journal};
use super::keeper::Keeper;
use super::open::{Layout, Schema, open_reader, open_writer};
use super::reserve::Reserve;
use super::settler;
use super::tables::Tables;
use super::transaction::Transaction;
use crate::base::Problem;
use rusqlite::Connection;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};

/// Jobs that may wait before `submit` has its caller commit some.
const WAITING_MAX: usize = 16_384;
/// Turns that others get before a ticket leads: with two the groups are larger than with one, and three
/// gain nothing more.
const TURNS: usize = 2;
/// Idle read connections kept.
const READERS_MAX: usize = 8;

/// What a job does in its transaction.
pub trait Work: Send {
    /// Does it; rows of `brief` need not be written.
    fn run(&mut self, transaction: &Transaction<'_>, brief: &Brief) -> rusqlite::Result<()>;
    /// Names the rows that it makes and deletes.
    fn survey(&self, _brief: &mut Brief) {}
    /// Appends the record by which the journal keeps it, and names the service that can replay that;
    /// none if it goes to the tables at once.
    fn record(&self, _into: &mut Vec<u8>) -> Option<&'static str> {
        None
    }
    /// Whether requests read its rows in the tables, and not in memory: [`Storage::read_latest`] finds them.
    fn is_read_in_tables(&self) -> bool {
        false
    }
    /// Whether it decides by what the tables say, so that it runs before its record is asked for. It may run
    /// again after that: then it does what its record says.
    fn runs_at_once(&self) -> bool {
        false
    }
    /// How much of the backlog's room it takes: one for a few small rows.
    fn weight(&self) -> usize {
        1
    }
    /// Whether there is nothing to do: it only waits its turn.
    fn is_idle(&self) -> bool {
        false
    }
}

impl<F: FnMut(&Transaction<'_>) -> rusqlite::Result<()> + Send> Work for F {
    fn run(&mut self, transaction: &Transaction<'_>, _: &Brief) -> rusqlite::Result<()> {
        self(transaction)
    }
}

/// Rows that are made and deleted within one backlog: the state file never needs to see them.
#[derive(Default)]
pub struct Brief {
    made: HashSet<(&'static str, u64)>,
    gone: HashSet<(&'static str, u64)>,
}

impl Brief {
    /// A service makes this row.
    pub fn made(&mut self, service: &'static str, row: u64) {
        self.made.insert((service, row));
    }

    /// A service deletes this row for good.
    pub fn deleted(&mut self, service: &'static str, row: u64) {
        if self.made.contains(&(service, row)) {
            self.gone.insert((service, row));
        }
    }

    /// Whether nothing of this row has to be written.
    pub fn holds(&self, service: &'static str, row: u64) -> bool {
        !self.gone.is_empty() && self.gone.contains(&(service, row))
    }
}

/// Work that waits for its transaction; dropped without an outcome, it was rolled back.
pub(super) struct Job {
    pub(super) epoch: u64,
    work: Box<dyn Work>,
    told: Told,
}

impl Job {
    /// Tells whoever waits.
    pub(super) fn finish(self, result: Result<(), StorageError>) {
        self.told.finish(result);
    }

    pub(super) fn run(&mut self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        self.work.run(transaction, &Brief::default())
    }

    pub(super) fn work(&self) -> &dyn Work {
        &*self.work
    }

    /// The work, if there is any, and whom to tell that the journal holds it.
    pub(super) fn part(self) -> (Option<Box<dyn Work>>, Told) {
        ((!self.work.is_idle()).then_some(self.work), self.told)
    }
}

/// Whoever waits for a job, and who counts it until it is done.
pub(super) struct Told {
    done: Arc<Done<Result<(), StorageError>>>,
    _counted: Option<Counted>,
}

impl Told {
    pub(super) fn finish(self, result: Result<(), StorageError>) {
        self.done.finish(result);
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        self.done.finish(Err(StorageError::RolledBack));
    }
}

/// Counts a submitted job until it is durable or given up.
pub struct Counted(Arc<AtomicI64>);

impl Counted {
    /// One more in `count`.
    pub fn enter(count: &Arc<AtomicI64>) -> Counted {
        count.fetch_add(1, Ordering::AcqRel);
        Counted(count.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Queued for Job {
    type Outcome = Result<(), StorageError>;

    fn done(&self) -> &Done<Self::Outcome> {
        &self.told.done
    }
}

/// What all handles to a state file share.
pub(super) struct Shared {
    pub(super) path: PathBuf,
    pub(super) epoch: AtomicU64,
    pub(super) reserve: Reserve,
    /// The journal holds rows that requests read in the tables.
    is_behind: Arc<AtomicBool>,
    line: Line<Job, Committer>,
    tables: Arc<Mutex<Tables>>,
    readers: Mutex<Vec<Connection>>,
    /// Some job's owner has left before its commit.
    pub(super) abandoned: AtomicBool,
    /// Held by whoever deletes files beside the state file, or keeps them from being deleted.
    pub(super) deletions: Mutex<()>,
    keeper: Keeper,
    settler: Arc<Helper>,
    draws: Draws,
}

/// The state file. Cheap to clone.
#[derive(Clone)]
pub struct Storage {
    shared: Arc<Shared>,
}

/// A commit under way. Dropped early, the commit happens all the same.
pub struct Ticket {
    shared: Arc<Shared>,
    done: Arc<Done<Result<(), StorageError>>>,
}

impl Ticket {
    /// Waits until the changes are durable.
    pub async fn committed(self) -> Result<(), StorageError> {
        for _ in 0..TURNS {
            tokio::task::yield_now().await;
        }
        std::future::poll_fn(|context| self.poll(context)).await
    }

    /// The same for a caller outside the async runtime.
    pub fn committed_blocking(self) -> Result<(), StorageError> {
        loop {
            if let Some(result) = self.done.result() {
                return result;
            }
            self.shared.lead(self.shared.writer());
        }
    }

    fn poll(&self, context: &mut Context<'_>) -> Poll<Result<(), StorageError>> {
        let shared = &self.shared;
        let done = shared.line.poll(&self.done, context.waker(), |writer| shared.lead(writer));
        done.map_or(Poll::Pending, Poll::Ready)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.done.result().is_none() {
            self.shared.abandoned.store(true, Ordering::SeqCst);
            self.shared.keeper.nudge();
        }
    }
}

impl Shared {
    /// Commits the jobs at the head of the line as one group, then has the next leader woken.
    pub(super) fn lead(&self, writer: MutexGuard<'_, Committer>) {
        let wrote = self
            .line
            .lead(writer, |committer, queue| committer.commit(queue, &self.epoch, &self.reserve));
        if let Some(writes) = wrote {
            self.keeper.wrote(writes);
        }
    }

    /// Brings the state file up to the journal.
    pub(super) fn settle(&self) -> rusqlite::Result<()> {
        let settled = self.writer().settle(&self.reserve);
        // Whoever came meanwhile found the lock taken and waits for a leader.
        self.line.wake_next();
        self.keeper.count(settled?);
        Ok(())
    }

    /// The same, where that can be while others go on.
    pub(super) fn settle_beside(&self) -> rusqlite::Result<()> {
        let mut writer = self.writer();
        let settled = match writer.hand_over() {
            Handed::Over | Handed::Later => Ok(0),
            Handed::Never => writer.settle(&self.reserve),
        };
        drop(writer);
        self.line.wake_next();
        self.keeper.count(settled?);
        self.settle_handed_over()
    }

    /// Brings the state file up to what was handed over.
    pub(super) fn settle_handed_over(&self) -> rusqlite::Result<()> {
        let settled = lock(&self.tables).settle_handed_over(&self.reserve);
        self.keeper.count(settled?);
        Ok(())
    }

    /// Commits all that waits.
    pub(super) fn lead_all(&self) {
        while !self.line.is_empty() {
            self.lead(self.writer());
        }
    }

    /// Runs `act` while commits are held up.
    #[cfg(test)]
    pub(super) fn hold_up(&self, act: impl FnOnce()) {
        let writer = self.writer();
        let tables = lock(&self.tables);
        act();
        drop(tables);
        self.lead(writer);
    }

    /// Runs `act` while commits are held up and the state file has all that the journal has.
    pub(super) fn hold_up_settled(&self, act: impl FnOnce()) {
        let mut writer = self.writer();
        // What cannot be settled stays in the journal, and is tried again.
        if let Ok(writes) = writer.settle(&self.reserve) {
            self.keeper.count(writes);
        }
        act();
        self.lead(writer);
    }

    /// The right to write; whoever takes it leads afterwards.
    pub(super) fn writer(&self) -> MutexGuard<'_, Committer> {
        self.line.writer()
    }

    pub(super) fn keeper(&self) -> &Keeper {
        &self.keeper
    }

    pub(super) fn settler(&self) -> &Helper {
        &self.settler
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // Their threads hold this weakly, and end.
        self.keeper.nudge();
        self.settler.nudge();
    }
}

impl Storage {
    /// Opens the state file `path`, brings its schemas up to date and starts the keeper.
    pub fn open(path: &Path, schemas: &[Schema]) -> Result<Storage, Problem> {
        Storage::open_with(path, &Layout { schemas, ..Layout::default() })
    }

    /// The same with all that a layout can say.
    pub fn open_with(path: &Path, layout: &Layout<'_>) -> Result<Storage, Problem> {
        let reserve = Reserve::beside(path);
        let is_new = !path.exists();
        // SQLite calls a full disk an I/O error where it meets it while opening.
        let mut connection = match open_writer(path, layout) {
            Err(_) if reserve.disk_is_full() => {
                reserve.release();
                let again = open_writer(path, layout);
                again.map_err(|p| if reserve.disk_is_full() { disk_full(path) } else { p })?
            }
            other => other?,
        };
        let applied = journal::replay(&mut connection, path, layout.replays)?;
        let journal = Journal::beside(path, applied);
        let draws = Draws::open(layout.seed, is_new, &connection, path)?;
        let is_behind = Arc::new(AtomicBool::new(false));
        let tables = Arc::new(Mutex::new(Tables::new(connection)));
        let settler = Arc::new(Helper::default());
        let committer = Committer::new(tables.clone(), settler.clone(), journal, is_behind.clone());
        let shared = Arc::new(Shared {
            path: path.to_owned(),
            epoch: AtomicU64::new(0),
            reserve,
            line: Line::new(committer),
            tables,
            is_behind,
            readers: Mutex::default(),
            abandoned: AtomicBool::new(false),
            deletions: Mutex::new(()),
            keeper: Keeper::default(),
            settler,
            draws,
        });
        shared.keeper.start(&shared)?;
        settler::start(&shared.settler, &shared)?;
        Ok(Storage { shared })
    }

    /// The current epoch; it grows when a transaction failed and memory must be reloaded.
    pub fn epoch(&self) -> u64 {
        self.shared.epoch.load(Ordering::SeqCst)
    }

    /// Where names come from.
    pub fn draws(&self) -> &Draws {
        &self.shared.draws
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Whether the disk has room for more than deletions.
    pub(super) fn has_room(&self) -> bool {
        self.shared.reserve.hold()
    }

    /// A file beside the state met a full disk: the reserve is given up for what frees space.
    pub(super) fn met_full_disk(&self) {
        self.shared.reserve.release();
    }

    /// Queues `work` for the next transaction. Call it under the lock that orders the changes. `work`
    /// may run once, inside a transaction shared with others; any error fails the whole group.
    pub fn submit(
        &self,
        epoch: u64,
        work: impl FnMut(&Transaction<'_>) -> rusqlite::Result<()> + Send + 'static,
    ) -> Ticket {
        self.enqueue(epoch, None, Box::new(work))
    }

    /// The same for work that the journal may keep; it may run again if it failed, and `counted` ends
    /// when it is durable. What is read from the state file shows it only after `settle`.
    pub fn submit_work(&self, epoch: u64, counted: Counted, work: impl Work + 'static) -> Ticket {
        self.enqueue(epoch, Some(counted), Box::new(work))
    }

    /// Adds work that belongs to no epoch, as it decides by what the tables say.
    pub fn submit_deciding(&self, work: impl Work + 'static) -> Ticket {
        self.enqueue(u64::MAX, None, Box::new(work))
    }

    /// Brings the state file up to all that is acknowledged. Blocks for a transaction at the most.
    pub fn settle(&self) -> Result<(), StorageError> {
        Ok(self.shared.settle()?)
    }

    fn enqueue(&self, epoch: u64, counted: Option<Counted>, work: Box<dyn Work>) -> Ticket {
        let done = Arc::new(Done::default());
        let told = Told { done: done.clone(), _counted: counted };
        let job = Job { epoch, work, told };
        if self.shared.line.push(job) > WAITING_MAX {
            self.shared.lead(self.shared.writer());
        }
        Ticket { shared: self.shared.clone(), done }
    }

    /// Runs `work` in a write transaction and hands back its value once it is durable. For state
    /// that lives in SQLite itself: `work` checks first and changes last.
    pub async fn transact<T: Send + 'static>(
        &self,
        mut work: impl FnMut(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StorageError> {
        let slot = Arc::new(Mutex::new(None));
        let result = slot.clone();
        let ticket = self.submit(u64::MAX, move |transaction| {
            *lock(&slot) = Some(work(transaction)?);
            Ok(())
        });
        ticket.committed().await?;
        let value = lock(&result).take();
        value.ok_or(StorageError::Closed)
    }

    /// Runs `query` on a read connection, which sees what is in the tables, and all that is acknowledged of
    /// work that [`Work::is_read_in_tables`]. May block for a transaction.
    pub fn read_latest<T>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StorageError> {
        if self.shared.is_behind.load(Ordering::SeqCst) {
            self.settle()?;
        }
        self.read(query)
    }

    /// Runs `query` on a read connection, which sees all that is in the tables; what the journal keeps may
    /// not be there yet.
    pub fn read<T>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StorageError> {
        let reader = lock(&self.shared.readers).pop();
        let reader = match reader {
            Some(reader) => reader,
            None => open_reader(&self.shared.path)?,
        };
        let value = query(&reader)?;
        let mut readers = lock(&self.shared.readers);
        if readers.len() < READERS_MAX {
            readers.push(reader);
        }
        Ok(value)
    }

    /// Runs `act` while nothing is written.
    #[cfg(test)]
    pub(super) fn held_up(&self, act: impl FnOnce()) {
        self.shared.hold_up(act);
    }

    /// Commits what waits, folds the log into the file and closes it. Blocks.
    pub fn close(&self) {
        self.shared.keeper.stop();
        self.shared.settler.stop();
        lock(&self.shared.readers).clear();
        self.shared.lead_all();
        self.shared.writer().close(&self.shared.reserve);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: &[Schema] =
        &[Schema { name: "t", scripts: &["CREATE TABLE t(k INTEGER PRIMARY KEY, v TEXT)"] }];

    fn count(storage: &Storage) -> i64 {
        storage.read(|c| c.query_row("SELECT count(*) FROM t", [], |r| r.get(0))).unwrap()
    }

    #[test]
    fn what_is_committed_is_there_after_reopening() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.db");
        let storage = Storage::open(&path, SCHEMA).unwrap();
        let tickets: Vec<_> = (0..1000)
            .map(|i| {
                storage
                    .submit(0, move |t| t.execute("INSERT INTO t VALUES (?1,'v')", [i]).map(drop))
            })
            .collect();
        for ticket in tickets {
            ticket.committed_blocking().unwrap();
        }
        assert_eq!(count(&storage), 1000);
        storage.close();
        let again = Storage::open(&path, SCHEMA).unwrap();
        assert_eq!(count(&again), 1000);
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_failed_commit_takes_its_epoch_with_it_and_the_next_works() {
        let dir = tempfile::tempdir().unwrap();
        let storage = Storage::open(&dir.path().join("state.db"), SCHEMA).unwrap();
        let bad = storage.submit(0, |t| t.execute("INSERT INTO missing VALUES (1)", []).map(drop));
        assert!(matches!(bad.committed_blocking(), Err(StorageError::Sqlite(_))));
        assert_eq!(storage.epoch(), 1);
        let stale = storage.submit(0, |t| t.execute("INSERT INTO t VALUES (1,'v')", []).map(drop));
        assert!(matches!(stale.committed_blocking(), Err(StorageError::RolledBack)));
        let fresh = storage.submit(1, |t| t.execute("INSERT INTO t VALUES (2,'v')", []).map(drop));
        fresh.committed_blocking().unwrap();
        assert_eq!(count(&storage), 1);
    }

    #[test]
    fn what_nobody_waits_for_is_committed_too() {
        let dir = tempfile::tempdir().unwrap();
        let storage = Storage::open(&dir.path().join("state.db"), SCHEMA).unwrap();
        drop(storage.submit(0, |t| t.execute("INSERT INTO t VALUES (1,'v')", []).map(drop)));
        let begun = std::time::Instant::now();
        while count(&storage) != 1 {
            assert!(begun.elapsed().as_secs() < 10, "it was not committed");
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
    }

    #[test]
    fn a_leader_that_panics_takes_its_group_with_it_and_the_next_works() {
        let dir = tempfile::tempdir().unwrap();
        let storage = Storage::open(&dir.path().join("state.db"), SCHEMA).unwrap();
        let insert = |t: &Transaction<'_>| t.execute("INSERT INTO t VALUES (1,'v')", []).map(drop);
        let before = storage.submit(0, insert);
        let bad = storage.submit(0, |_| panic!("a mistake of ours"));
        let leader = std::thread::spawn(move || bad.committed_blocking());
        assert!(leader.join().is_err());
        let next = storage.submit(1, |t| t.execute("INSERT INTO t VALUES (2,'v')", []).map(drop));
        next.committed_blocking().unwrap();
        assert!(matches!(before.committed_blocking(), Err(StorageError::RolledBack)));
        assert_eq!((storage.epoch(), count(&storage)), (1, 1));
    }

    #[test]
    fn a_job_that_panics_with_nobody_waiting_leaves_the_keeper_at_work() {
        let dir = tempfile::tempdir().unwrap();
        let storage = Storage::open(&dir.path().join("state.db"), SCHEMA).unwrap();
        let wait_for = |is_so: &dyn Fn() -> bool| {
            let begun = std::time::Instant::now();
            while !is_so() {
                assert!(begun.elapsed().as_secs() < 30, "the keeper does nothing");
                std::thread::sleep(std::time::Duration::from_millis(2));
            }
        };
        drop(storage.submit(0, |_| panic!("a mistake of ours")));
        wait_for(&|| storage.shared.writer().is_broken_off());
        drop(storage.submit(9, |t| t.execute("INSERT INTO t VALUES (1,'v')", []).map(drop)));
        wait_for(&|| count(&storage) == 1);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn many_that_wait_and_some_that_leave_are_all_committed() {
        let dir = tempfile::tempdir().unwrap();
        let storage = Storage::open(&dir.path().join("state.db"), SCHEMA).unwrap();
        let tasks: Vec<_> = (0..64)
            .map(|task: i64| {
                let storage = storage.clone();
                tokio::spawn(async move {
                    for n in 0..50 {
                        let key = task * 1000 + n;
                        let ticket = storage.submit(0, move |t| {
                            t.execute("INSERT INTO t VALUES (?1,'v')", [key]).map(drop)
                        });
                        tokio::select! {
                            biased;
                            // Every third leaves at some point of its waiting.
                            () = tokio::task::yield_now(), if key % 3 == 0 => {}
                            done = ticket.committed() => done.unwrap(),
                        }
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        let storage = tokio::task::spawn_blocking(move || {
            storage.close();
            storage
        });
        assert_eq!(count(&storage.await.unwrap()), 64 * 50);
    }

    #[test]
    fn a_closed_file_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let storage = Storage::open(&dir.path().join("state.db"), SCHEMA).unwrap();
        storage.close();
        let late = storage.submit(0, |_| Ok(()));
        assert!(matches!(late.committed_blocking(), Err(StorageError::Closed)));
    }

    #[test]
    fn a_damaged_file_is_named_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.db");
        std::fs::write(&path, vec![7u8; 8192]).unwrap();
        let problem = Storage::open(&path, SCHEMA).err().unwrap();
        assert_eq!(problem.code, "state-corrupt");
        assert!(problem.message.contains("state.db"), "{}", problem.message);
        assert_eq!(std::fs::read(&path).unwrap(), vec![7u8; 8192]);
    }

    #[test]
    fn a_newer_schema_is_refused_and_an_older_one_is_brought_up() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.db");
        const SCRIPTS: &[&str] =
            &["CREATE TABLE t(k INTEGER PRIMARY KEY, v TEXT)", "ALTER TABLE t ADD COLUMN w TEXT"];
        let two = &[Schema { name: "t", scripts: SCRIPTS }];
        Storage::open(&path, SCHEMA).unwrap().close();
        Storage::open(&path, two).unwrap().close();
        let problem = Storage::open(&path, SCHEMA).err().unwrap();
        assert_eq!(problem.code, "state-newer");
        let again = Storage::open(&path, two).unwrap();
        let columns: i64 = again
            .read(|c| c.query_row("SELECT count(*) FROM pragma_table_info('t')", [], |r| r.get(0)))
            .unwrap();
        assert_eq!(columns, 3);
    }
}
