//! Group commit: one thread owns the writing connection and puts all waiting jobs into one transaction.
//!
//! Memory may run ahead of the disk: a service applies an operation first and submits its changes
//! under the same lock. If a transaction fails, every job submitted under the same epoch fails with
//! it; services notice the new epoch and reload from disk, which is right.
//!
//! A full disk costs the group that meets it, and the reserve. Until there is room again jobs run one
//! by one: what makes the file grow is refused, what frees space is committed.

use super::error::{StorageError, disk_full};
use super::open::{Schema, open_reader, open_writer};
use super::reserve::Reserve;
use crate::base::Problem;
use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use tokio::sync::oneshot;

/// Jobs in one transaction at the most; bounds how long the first of them waits.
const GROUP_MAX: usize = 512;
/// Jobs that may wait before `submit` blocks its caller.
const WAITING_MAX: usize = 16_384;
/// Idle read connections kept.
const READERS_MAX: usize = 8;

type Work = Box<dyn FnMut(&Transaction<'_>) -> rusqlite::Result<()> + Send>;

struct Job {
    epoch: u64,
    work: Work,
    done: oneshot::Sender<Result<(), StorageError>>,
}

enum Order {
    Job(Job),
    Stop,
}

struct Shared {
    path: PathBuf,
    epoch: AtomicU64,
    orders: mpsc::SyncSender<Order>,
    readers: Mutex<Vec<Connection>>,
    thread: Mutex<Option<std::thread::JoinHandle<()>>>,
    reserve: Arc<Reserve>,
}

/// The state file. Cheap to clone.
#[derive(Clone)]
pub struct Storage {
    shared: Arc<Shared>,
}

/// A commit under way.
pub struct Ticket {
    done: oneshot::Receiver<Result<(), StorageError>>,
}

impl Ticket {
    /// Waits until the changes are durable.
    pub async fn committed(self) -> Result<(), StorageError> {
        self.done.await.unwrap_or(Err(StorageError::Closed))
    }

    /// The same for a caller outside the async runtime.
    pub fn committed_blocking(self) -> Result<(), StorageError> {
        self.done.blocking_recv().unwrap_or(Err(StorageError::Closed))
    }
}

impl Storage {
    /// Opens the state file `path`, brings its schemas up to date and starts the writer.
    pub fn open(path: &Path, schemas: &[Schema]) -> Result<Storage, Problem> {
        let reserve = Arc::new(Reserve::beside(path));
        // SQLite calls a full disk an I/O error where it meets it while opening.
        let connection = match open_writer(path, schemas) {
            Err(_) if reserve.disk_is_full() => {
                reserve.release();
                let again = open_writer(path, schemas);
                again.map_err(|p| if reserve.disk_is_full() { disk_full(path) } else { p })?
            }
            other => other?,
        };
        let (orders, inbox) = mpsc::sync_channel(WAITING_MAX);
        let shared = Arc::new(Shared {
            path: path.to_owned(),
            epoch: AtomicU64::new(0),
            orders,
            readers: Mutex::new(Vec::new()),
            thread: Mutex::new(None),
            reserve: reserve.clone(),
        });
        let storage = Storage { shared };
        let weak = Arc::downgrade(&storage.shared);
        let bump = move || {
            if let Some(shared) = weak.upgrade() {
                shared.epoch.fetch_add(1, Ordering::SeqCst);
            }
        };
        let epoch_of = Arc::downgrade(&storage.shared);
        let epoch = move || epoch_of.upgrade().map_or(u64::MAX, |s| s.epoch.load(Ordering::SeqCst));
        let thread = std::thread::Builder::new()
            .name("state-writer".into())
            .stack_size(512 * 1024)
            .spawn(move || {
                let epochs = Epochs { now: &epoch, bump: &bump };
                write_loop(connection, &inbox, &epochs, &reserve);
            })
            .map_err(|e| {
                Problem::failed("thread", format!("the state writer cannot start: {e}"))
            })?;
        *lock(&storage.shared.thread) = Some(thread);
        Ok(storage)
    }

    /// The current epoch; it grows when a transaction failed and memory must be reloaded.
    pub fn epoch(&self) -> u64 {
        self.shared.epoch.load(Ordering::SeqCst)
    }

    /// Whether the disk has room for more than deletions.
    pub(super) fn has_room(&self) -> bool {
        self.shared.reserve.hold()
    }

    /// A file beside the state met a full disk: the reserve is given up for what frees space.
    pub(super) fn met_full_disk(&self) {
        self.shared.reserve.release();
    }

    /// Hands `work` to the writer. Call it under the lock that orders the changes. `work` may run
    /// once, inside a transaction shared with others; any error fails the whole group.
    pub fn submit(
        &self,
        epoch: u64,
        work: impl FnMut(&Transaction<'_>) -> rusqlite::Result<()> + Send + 'static,
    ) -> Ticket {
        let (done, waiting) = oneshot::channel();
        let job = Job { epoch, work: Box::new(work), done };
        if let Err(mpsc::SendError(Order::Job(job))) = self.shared.orders.send(Order::Job(job)) {
            let _ = job.done.send(Err(StorageError::Closed));
        }
        Ticket { done: waiting }
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

    /// Runs `query` on a read connection, which sees all that is committed.
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

    /// Commits what waits, folds the log into the file and ends the writer. Blocks.
    pub fn close(&self) {
        let thread = lock(&self.shared.thread).take();
        if let Some(thread) = thread {
            lock(&self.shared.readers).clear();
            let _ = self.shared.orders.send(Order::Stop);
            let _ = thread.join();
        }
    }
}

/// A lock that a panicked holder does not take away: the data behind is replaced whole, never half.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// The current epoch, and how it ends.
struct Epochs<'a> {
    now: &'a dyn Fn() -> u64,
    bump: &'a dyn Fn(),
}

fn write_loop(
    mut connection: Connection,
    inbox: &mpsc::Receiver<Order>,
    epochs: &Epochs<'_>,
    reserve: &Reserve,
) {
    let mut group: Vec<Job> = Vec::with_capacity(GROUP_MAX);
    let mut stopping = false;
    while !stopping {
        match inbox.recv() {
            Ok(Order::Job(job)) => group.push(job),
            Ok(Order::Stop) | Err(_) => break,
        }
        while group.len() < GROUP_MAX {
            match inbox.try_recv() {
                Ok(Order::Job(job)) => group.push(job),
                Ok(Order::Stop) => {
                    stopping = true;
                    break;
                }
                Err(_) => break,
            }
        }
        commit_group(&mut connection, &mut group, epochs, reserve);
    }
    for order in inbox.try_iter() {
        if let Order::Job(job) = order {
            group.push(job);
        }
    }
    commit_group(&mut connection, &mut group, epochs, reserve);
    // A failed checkpoint loses nothing: the log is read again at the next start.
    if let Err(error) = connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)") {
        tracing::warn!(%error, "state file: checkpoint at close failed");
    }
}

fn commit_group(
    connection: &mut Connection,
    group: &mut Vec<Job>,
    epochs: &Epochs<'_>,
    reserve: &Reserve,
) {
    let epoch = (epochs.now)();
    group.retain_mut(|job| job.epoch >= epoch || give_up(job));
    if group.is_empty() {
        return;
    }
    if !reserve.hold() {
        return commit_lean(connection, group, epochs);
    }
    match run_group(connection, group) {
        Ok(()) => group.drain(..).for_each(|job| drop(job.done.send(Ok(())))),
        Err(error) => {
            if error.sqlite_error_code() == Some(ErrorCode::DiskFull) {
                reserve.release();
            }
            fail(error, group.drain(..), epochs);
        }
    }
}

fn fail(error: rusqlite::Error, jobs: impl ExactSizeIterator<Item = Job>, epochs: &Epochs<'_>) {
    tracing::error!(%error, jobs = jobs.len(), "state file: a commit failed");
    // The epoch moves before anyone hears of the failure, so whoever retries reloads first.
    (epochs.bump)();
    let error = StorageError::from(error);
    jobs.for_each(|job| drop(job.done.send(Err(error.clone()))));
}

/// On a full disk: each job by itself in the space of the reserve, unless it makes the file grow.
fn commit_lean(connection: &mut Connection, group: &mut Vec<Job>, epochs: &Epochs<'_>) {
    for mut job in group.drain(..) {
        if job.epoch < (epochs.now)() {
            give_up(&mut job);
            continue;
        }
        shorten_log(connection);
        match run_lean(connection, &mut job) {
            Ok(()) => drop(job.done.send(Ok(()))),
            Err(error) => fail(error, std::iter::once(job), epochs),
        }
    }
    shorten_log(connection);
}

fn run_lean(connection: &mut Connection, job: &mut Job) -> rusqlite::Result<()> {
    let pages = |transaction: &Transaction<'_>| {
        transaction.query_row("PRAGMA page_count", [], |row| row.get::<_, i64>(0))
    };
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let before = pages(&transaction)?;
    (job.work)(&transaction)?;
    if pages(&transaction)? > before {
        let full = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL);
        return Err(rusqlite::Error::SqliteFailure(full, None));
    }
    transaction.commit()
}

/// Folds the log into the file and gives its space back.
fn shorten_log(connection: &Connection) {
    // It stays as it is if that needs space too: nothing is lost.
    if let Err(error) = connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)") {
        tracing::debug!(%error, "state file: no checkpoint on a full disk");
    }
}

/// Tells a job of a bygone epoch that it was rolled back; `false` takes it out of the group.
fn give_up(job: &mut Job) -> bool {
    let (closed, _) = oneshot::channel();
    let done = std::mem::replace(&mut job.done, closed);
    let _ = done.send(Err(StorageError::RolledBack));
    false
}

fn run_group(connection: &mut Connection, group: &mut [Job]) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for job in group.iter_mut() {
        (job.work)(&transaction)?;
    }
    transaction.commit()
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
