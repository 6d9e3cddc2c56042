//! A native service as a process: started, watched, asked to stop, and found again by the next
//! daemon when this one was killed.
//!
//! Invariant: a process is known by pid *and* start time (and boot), so a recycled pid is never
//! signalled; every child is waited for by a thread of its own, so none stays a zombie.

use crate::base::Problem;
use crate::runtime::dirs::{Dirs, unwritable};
use crate::runtime::launch::{Launch, StopSignal};
use crate::runtime::logs;
use crate::runtime::redis;
use rustix::process::{Pid, Signal};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How often an adopted process without a pidfd is looked at.
const LOOK_PACE_MS: u64 = 50;
/// How long a killed process may take to vanish.
const KILL_WAIT_MS: u64 = 5_000;
/// Variables that a service inherits; all others may be secrets of somebody else's.
const INHERITED: [&str; 7] =
    ["PATH", "HOME", "TMPDIR", "TZ", "LANG", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"];

/// How a process ended. All `None`: it was adopted, and only its parent heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ExitReport {
    /// Its exit status.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
}

impl fmt::Display for ExitReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.code, self.signal) {
            (Some(code), _) => write!(f, "exited with status {code}"),
            (None, Some(signal)) => write!(f, "was ended by signal {signal}"),
            (None, None) => f.write_str("ended"),
        }
    }
}

/// A service's process.
#[derive(Debug)]
pub struct Running {
    pid: u32,
    adopted: bool,
    port: Option<u16>,
    handle: Option<OwnedFd>,
    exit: watch::Receiver<Option<ExitReport>>,
}

impl Running {
    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Whether a former daemon started it.
    pub fn adopted(&self) -> bool {
        self.adopted
    }

    /// Waits for its end; may be called again afterwards, and dropped at any time.
    pub async fn wait(&mut self) -> ExitReport {
        match self.exit.wait_for(Option::is_some).await {
            Ok(report) => (*report).unwrap_or_default(),
            // The waiting thread is gone without a report: the process is not ours any more.
            Err(_) => ExitReport::default(),
        }
    }

    /// Asks it to stop. Nothing happens if it has ended.
    pub fn signal(&self, signal: StopSignal) {
        let handle = self.handle.as_ref().and_then(|fd| fd.try_clone().ok());
        let (StopSignal::Shutdown, Some(port), Some(handle)) = (signal, self.port, handle) else {
            return self.send(signal.number());
        };
        let pid = self.pid;
        let thread = std::thread::Builder::new().name("shutdown".into());
        // Beside the caller: the server may be long in answering.
        let asked = thread.spawn(move || {
            ask(pid, Some(port), Some(&handle), signal);
        });
        if asked.is_err() {
            self.send(signal.number());
        }
    }

    /// Ends it at once.
    pub fn kill(&self) {
        self.send(Signal::KILL);
    }

    /// Asks it to stop, and kills it when `grace` is over.
    pub async fn stop(&mut self, signal: StopSignal, grace: Duration) -> ExitReport {
        self.signal(signal);
        match tokio::time::timeout(grace, self.wait()).await {
            Ok(report) => report,
            Err(_) => {
                self.kill();
                self.wait().await
            }
        }
    }

    fn send(&self, signal: Signal) {
        if self.exit.borrow().is_some() {
            return;
        }
        send(self.pid, self.handle.as_ref(), signal);
    }
}

#[cfg(target_os = "linux")]
fn handle(pid: u32) -> Option<OwnedFd> {
    let pid = Pid::from_raw(i32::try_from(pid).ok()?)?;
    rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).ok()
}

#[cfg(not(target_os = "linux"))]
fn handle(_pid: u32) -> Option<OwnedFd> {
    None
}

fn send(pid: u32, handle: Option<&OwnedFd>, signal: Signal) {
    #[cfg(target_os = "linux")]
    if let Some(handle) = handle {
        // It may have ended in this moment; then there is nobody to tell.
        let _ = rustix::process::pidfd_send_signal(handle, signal);
        return;
    }
    #[cfg(not(target_os = "linux"))]
    let _ = handle;
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = rustix::process::kill_process(pid, signal);
    }
}

/// Asks a process to stop. Blocks while its server is spoken to.
fn ask(pid: u32, port: Option<u16>, handle: Option<&OwnedFd>, signal: StopSignal) {
    if let (StopSignal::Shutdown, Some(port)) = (signal, port) {
        redis::end(port, pid);
    }
    send(pid, handle, signal.number());
}

/// The port of `127.0.0.1:5432`.
fn port(address: &str) -> Option<u16> {
    address.rsplit(':').next()?.parse().ok()
}

/// What is written down about a running child, `run/<name>.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Its process id.
    pub pid: u32,
    /// When it started, as the system counts it, with the boot's id.
    pub start_time: String,
    /// [`Launch::fingerprint`].
    pub launch: String,
    /// [`Launch::address`].
    pub address: String,
    /// [`Launch::version`].
    pub version: String,
}

impl Record {
    /// The port of its address.
    pub fn port(&self) -> Option<u16> {
        port(&self.address)
    }

    fn alive(&self) -> bool {
        start_time(self.pid).is_some_and(|time| time == self.start_time)
    }
}

fn record_path(dirs: &Dirs, name: &str) -> PathBuf {
    dirs.run.join(format!("{name}.json"))
}

/// The child of a former daemon that still runs under `name`.
pub fn left_over(dirs: &Dirs, name: &str) -> Option<Record> {
    let text = std::fs::read(record_path(dirs, name)).ok()?;
    serde_json::from_slice::<Record>(&text).ok().filter(Record::alive)
}

/// Starts `launch`; its output goes to `logs/<name>.log`. It outlives this process if that is killed.
pub fn spawn(launch: &Launch, dirs: &Dirs) -> Result<Running, Problem> {
    let log = logs::Writer::open(dirs, &launch.name)?;
    let pipe = logs::pipe(dirs, &launch.name).map_err(|error| unwritable(&dirs.run, &error))?;
    let error_end = pipe.writer.try_clone().map_err(|error| unwritable(&dirs.run, &error))?;
    let child = launch
        .run_as
        .command(&launch.program)
        .args(&launch.args)
        .env_clear()
        .envs(INHERITED.iter().filter_map(|key| Some((key, std::env::var_os(key)?))))
        .envs(launch.env.iter().map(|(key, value)| (key, value)))
        .current_dir(&launch.dir)
        .stdin(Stdio::null())
        .stdout(pipe.writer)
        .stderr(error_end)
        .process_group(0)
        .spawn()
        .map_err(|error| cannot_start(launch, &error))?;
    logs::pump(pipe.reader, log);
    let pid = child.id();
    let running = Running {
        pid,
        adopted: false,
        port: port(&launch.address),
        handle: handle(pid),
        exit: watch_child(child),
    };
    let record = Record {
        pid,
        start_time: start_time(pid).unwrap_or_default(),
        launch: launch.fingerprint(),
        address: launch.address.clone(),
        version: launch.version.clone(),
    };
    if let Err(problem) = write_record(&record_path(dirs, &launch.name), &record) {
        // Without its record no later daemon would find it.
        running.kill();
        return Err(problem);
    }
    Ok(running)
}

fn cannot_start(launch: &Launch, error: &io::Error) -> Problem {
    let text = format!("cannot start {}: {}: {error}", launch.name, launch.program.display());
    match error.kind() {
        io::ErrorKind::NotFound => Problem::in_the_way("binary-missing", text)
            .hint("`devenv doctor` shows where programs are looked for"),
        _ => Problem::failed("cannot-start", text),
    }
}

fn write_record(path: &Path, record: &Record) -> Result<(), Problem> {
    let write = || -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new(".")))?;
        serde_json::to_writer(&mut file, record)?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    write().map_err(|error| unwritable(path, &error))
}

fn watch_child(mut child: Child) -> watch::Receiver<Option<ExitReport>> {
    watch_by(move || match child.wait() {
        Ok(status) => ExitReport { code: status.code(), signal: status.signal() },
        Err(_) => ExitReport::default(),
    })
}

fn watch_by(
    wait: impl FnOnce() -> ExitReport + Send + 'static,
) -> watch::Receiver<Option<ExitReport>> {
    let (sender, receiver) = watch::channel(None);
    let thread = std::thread::Builder::new().name("wait".into()).stack_size(64 * 1024);
    // If no thread can be had, the receiver sees a closed channel and `wait` returns at once.
    let _ = thread.spawn(move || {
        let report = wait();
        let _ = sender.send(Some(report));
    });
    receiver
}

/// The child that a killed daemon left behind, if it runs exactly what `launch` says. Any other
/// one under that name is stopped first, its own way; this may take its grace.
pub fn adopt(launch: &Launch, dirs: &Dirs) -> Result<Option<Running>, Problem> {
    let Some(record) = left_over(dirs, &launch.name) else {
        return Ok(None);
    };
    let handle = handle(record.pid);
    if !record.alive() {
        return Ok(None);
    }
    if record.launch != launch.fingerprint() {
        end(&record, handle.as_ref(), launch.stop, launch.stop_grace)?;
        return Ok(None);
    }
    if let Some(reader) = logs::reopen(dirs, &launch.name) {
        logs::pump(reader, logs::Writer::open(dirs, &launch.name)?);
    }
    let (pid, port) = (record.pid, record.port());
    let watched = handle.as_ref().and_then(|fd| fd.try_clone().ok());
    let exit = watch_by(move || {
        wait_stranger(&record, watched.as_ref(), None);
        ExitReport::default()
    });
    Ok(Some(Running { pid, adopted: true, port, handle, exit }))
}

/// Stops what a killed daemon left under `name`, if anything; used when the service is no longer wanted.
pub fn clean_up(
    name: &str,
    dirs: &Dirs,
    signal: StopSignal,
    grace: Duration,
) -> Result<(), Problem> {
    if let Some(record) = left_over(dirs, name) {
        end(&record, handle(record.pid).as_ref(), signal, grace)?;
    }
    let _ = std::fs::remove_file(record_path(dirs, name));
    Ok(())
}

fn end(
    record: &Record,
    handle: Option<&OwnedFd>,
    signal: StopSignal,
    grace: Duration,
) -> Result<(), Problem> {
    if !record.alive() {
        return Ok(());
    }
    ask(record.pid, record.port(), handle, signal);
    if wait_stranger(record, handle, Some(grace)) {
        return Ok(());
    }
    send(record.pid, handle, Signal::KILL);
    if wait_stranger(record, handle, Some(Duration::from_millis(KILL_WAIT_MS))) {
        return Ok(());
    }
    Err(Problem::in_the_way(
        "left-over",
        format!("pid {} of a former run does not end", record.pid),
    )
    .hint(format!("end it with `kill -9 {}`", record.pid)))
}

/// Waits for the end of a process that is not our child; `false` when `limit` passed first.
fn wait_stranger(record: &Record, handle: Option<&OwnedFd>, limit: Option<Duration>) -> bool {
    let start = Instant::now();
    while record.alive() {
        let left = limit.map(|limit| limit.saturating_sub(start.elapsed()));
        if left == Some(Duration::ZERO) {
            return false;
        }
        nap(handle, left);
    }
    true
}

/// Sleeps until the process behind `handle` ends, or for a moment where there is no handle.
fn nap(handle: Option<&OwnedFd>, left: Option<Duration>) {
    let pace = Duration::from_millis(LOOK_PACE_MS);
    let Some(handle) = handle else {
        std::thread::sleep(left.map_or(pace, |left| left.min(pace)));
        return;
    };
    let limit = left.unwrap_or(Duration::from_secs(3_600));
    let limit = rustix::event::Timespec {
        tv_sec: limit.as_secs() as i64,
        tv_nsec: i64::from(limit.subsec_nanos()),
    };
    let mut fds = [rustix::event::PollFd::new(handle, rustix::event::PollFlags::IN)];
    if rustix::event::poll(&mut fds, Some(&limit)) == Ok(1) {
        // Readable: it ended; its parent may need a moment to bury it.
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// When a process started, by which it is known from a later one with its id; `None` if it is gone.
pub fn started(pid: u32) -> Option<String> {
    start_time(pid)
}

/// Whether a process has this id.
pub fn is_alive(pid: u32) -> bool {
    start_time(pid).is_some()
}

/// When the process started: boot id and clock ticks since boot. `None` if it is gone or a zombie.
#[cfg(target_os = "linux")]
pub(crate) fn start_time(pid: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The command in parentheses may hold anything; fields count from behind its last one.
    let fields: Vec<&str> = stat[stat.rfind(')')? + 1..].split_ascii_whitespace().collect();
    if matches!(*fields.first()?, "Z" | "X") {
        return None;
    }
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    Some(format!("{}:{}", boot.trim(), fields.get(19)?))
}

/// When the process started, in words. `None` if it is gone or a zombie.
#[cfg(not(target_os = "linux"))]
pub(crate) fn start_time(pid: u32) -> Option<String> {
    let output = std::process::Command::new("ps")
        .args(["-o", "stat=,lstart=", "-p", &pid.to_string()])
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let (state, time) = text.split_once(char::is_whitespace)?;
    (!state.starts_with('Z')).then(|| time.trim().to_owned())
}
