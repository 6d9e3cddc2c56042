//! `devenv test`: a command in an environment of its own, which is gone when the command is.
//!
//! Invariant: the environment's daemon lives as long as this process, by a pipe: however this one ends,
//! that one stops everything and removes it. What both leave when both are killed, the next test removes.

use super::choose;
use super::env::variables;
use super::outcome::Outcome;
use super::printer::{Printer, SCHEMA};
use super::progress::View;
use super::up::{Watched, died_early, discard, watch};
use super::words::Words;
use crate::base::{Exit, Problem, duration};
use crate::control::client::{self, Updates};
use crate::control::{Ask, Check, Home, LeaseAsk, Update, detach, leftovers};
use crate::data::snapshot::Reason;
use crate::runtime::{Dirs, process};
use serde_json::json;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, ExitStatus};
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};

/// Begins the names of directories of tests.
const PREFIX: &str = "devenv-test-";
/// Longest wait for an answer, for a snapshot of what failed, and for the end of everything.
const ANSWER_WAIT: Duration = Duration::from_secs(35);
const SAVE_WAIT: Duration = Duration::from_secs(600);
const DOWN_WAIT: Duration = Duration::from_secs(60);
/// How long a daemon that was just started may be without its lock.
const UNLOCKED_WAIT: Duration = Duration::from_secs(2);
/// Logs of failed tests that are kept.
const LOGS_KEPT: usize = 5;
/// What shells answer for a command that is not there, and for one that may not be run.
const NOT_FOUND: u8 = 127;
const NOT_EXECUTABLE: u8 = 126;

/// Run a command in an environment of its own, removed afterwards; its exit code is ours
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  devenv test -- npm test\n  devenv test --snapshot seeded --check no-messages,no-uploads -- pytest -q\n  devenv test --fill app.devseed --fill users.json -- cargo test"
)]
pub(super) struct Test {
    /// A shipped profile's name, or a file
    #[arg(long, value_name = "NAME|FILE")]
    profile: Option<String>,
    /// Begin with the state of this snapshot
    #[arg(long, value_name = "NAME")]
    snapshot: Option<String>,
    /// Fill it first, as `devenv seed FILE` does; `profile`: by what its `[seed]` lists
    #[arg(long, value_name = "FILE")]
    fill: Vec<PathBuf>,
    /// Have ids, receipt handles, versions and the time follow from this number (docs/seeded.md)
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Run the command so often at once, each in a slice of its own (docs/leases.md)
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=128))]
    jobs: u16,
    /// What the command should not leave behind; if it does, the test fails
    #[arg(long, value_enum, value_delimiter = ',', value_name = "A,B")]
    check: Vec<Kind>,
    /// How long the environment may take until it answers
    #[arg(long, value_parser = duration::parse, default_value = "60s")]
    timeout: Duration,
    /// Keep no logs and no snapshot of a failure
    #[arg(long)]
    discard: bool,
    #[command(flatten)]
    words: Words,
}

/// What can be checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// Messages in queues
    #[value(name = "no-messages")]
    Messages,
    /// Mails that were not cleared
    #[value(name = "no-mails")]
    Mails,
    /// Multipart uploads that are open
    #[value(name = "no-uploads")]
    Uploads,
    /// Sessions with Postgres that are idle in a transaction
    #[value(name = "no-idle-transactions")]
    IdleTransactions,
}

impl Kind {
    fn check(self) -> Check {
        match self {
            Kind::Messages => Check::NoMessages,
            Kind::Mails => Check::NoMails,
            Kind::Uploads => Check::NoUploads,
            Kind::IdleTransactions => Check::NoIdleTransactions,
        }
    }
}

/// A running environment of a test.
struct Environment {
    home: Home,
    /// Let go, everything ends.
    life: Option<ChildStdin>,
    updates: Updates,
}

/// What is left of a failed test.
#[derive(Default)]
struct Remains {
    snapshot: Option<String>,
    logs: Option<PathBuf>,
}

impl Test {
    pub(super) fn run(self, printer: &Printer) -> Result<Outcome, Problem> {
        let begun = Instant::now();
        let choice = choose::profile(self.profile.as_deref(), printer)?;
        let project = Dirs::create(&choice.home.project)?;
        let fill = super::seed::steps(&self.fill, self.profile.as_deref(), printer)?;
        sweep();
        let environment = self.boot(printer)?;
        super::seed::fill(&fill, &environment.home, printer)?;
        let up = begun.elapsed();
        let slices = environment.slices(self.jobs)?;
        let started = Instant::now();
        let codes = run_all(&self.words.command, &slices, environment.life.as_ref(), printer)?;
        let code = codes.iter().copied().find(|code| *code != 0).unwrap_or(0);
        let took = started.elapsed();
        let found = environment.check(&self.check)?;
        found.iter().for_each(|line| printer.warn(line));
        let failed = code != 0 || !found.is_empty();
        let remains = match failed && !self.discard {
            true => environment.keep(&project, printer),
            false => Remains::default(),
        };
        let ended = Instant::now();
        environment.end()?;
        let down = ended.elapsed();
        if printer.json {
            printer.object(&json!({"schema": SCHEMA, "passed": !failed, "exit": code,
                "exits": codes,
                "found": found, "up_ms": millis(up), "command_ms": millis(took),
                "down_ms": millis(down), "snapshot": remains.snapshot, "logs": remains.logs}));
        } else {
            let word = if failed { "failed" } else { "passed" };
            printer.say(format!(
                "{word} in {} (up {}, down {})",
                duration::say(took),
                duration::say(up),
                duration::say(down)
            ));
            if let Some(name) = &remains.snapshot {
                printer.say(format!(
                    "the state is snapshot `{name}`: `devenv snapshot restore {name}`"
                ));
            }
            if let Some(logs) = &remains.logs {
                printer.say(format!("the logs are in {}", logs.display()));
            }
        }
        Ok(Outcome::Code(if code == 0 && failed { Exit::Failed.code() } else { code }))
    }

    fn boot(&self, printer: &Printer) -> Result<Environment, Problem> {
        let made = tempfile::Builder::new().prefix(PREFIX).tempdir();
        let dir = made.map_err(|e| {
            let message = format!("cannot make a temporary directory: {e}");
            Problem::in_the_way("not-writable", message).hint("set TMPDIR to a writable directory")
        })?;
        // From here on the daemon and `end` see to it.
        let home = Home::of(&dir.keep());
        Dirs::create(&home.project)?;
        let mut args: Vec<OsString> = vec!["up".into(), "--as-daemon".into(), "--throwaway".into()];
        args.push(home.project.clone().into_os_string());
        let seed = self.seed.map(|seed| seed.to_string());
        let passed =
            [("--profile", &self.profile), ("--snapshot", &self.snapshot), ("--seed", &seed)];
        for (flag, value) in passed {
            if let Some(value) = value {
                args.extend([flag.into(), value.into()]);
            }
        }
        let booted = detach::spawn_for_life(&home, &args);
        let (updates, life) = booted.inspect_err(|_| discard(&home))?;
        let environment = Environment { home, life, updates };
        let deadline = Some(Instant::now() + self.timeout);
        let mut view = View::new(&printer.quieter());
        let home = &environment.home;
        let problem = match watch(&environment.updates, deadline, &mut view, self.timeout, home) {
            Ok(Watched::Ready(_)) => return Ok(environment),
            Ok(Watched::Held | Watched::Ended) => died_early(home),
            Err(problem) => problem,
        };
        // Its end is seen by the directory's removal, and reported only if there is nothing worse.
        let _ = environment.end();
        Err(problem)
    }
}

impl Environment {
    /// The variables of each job: the environment's own for one, else those of a lease each.
    fn slices(&self, jobs: u16) -> Result<Vec<BTreeMap<String, String>>, Problem> {
        if jobs == 1 {
            return Ok(vec![variables(&self.home)?]);
        }
        let ask =
            LeaseAsk { count: Some(jobs.into()), ttl: Some("7d".into()), ..LeaseAsk::default() };
        let Update::Leases(leases) = client::ask_once(&self.home, Ask::Lease(ask), SAVE_WAIT)?
        else {
            return Err(client::daemon_left("it answered something else"));
        };
        let slice = |(number, lease): (usize, &serde_json::Value)| {
            let env = lease["env"].as_object().into_iter().flatten();
            let env =
                env.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
            let own = [("DEVENV_JOB", (number + 1).to_string()), ("DEVENV_JOBS", jobs.to_string())];
            env.chain(own.map(|(key, value)| (key.to_owned(), value))).collect()
        };
        Ok(leases.iter().enumerate().map(slice).collect())
    }

    fn check(&self, kinds: &[Kind]) -> Result<Vec<String>, Problem> {
        if kinds.is_empty() {
            return Ok(Vec::new());
        }
        let checks = kinds.iter().map(|kind| kind.check()).collect();
        match client::ask_once(&self.home, Ask::Check { checks }, ANSWER_WAIT)? {
            Update::Found(found) => Ok(found),
            _ => Err(client::daemon_left("it answered something else")),
        }
    }

    /// Keeps what helps to find out why; what cannot be kept does not change how the test ended.
    fn keep(&self, project: &Dirs, printer: &Printer) -> Remains {
        let stamp = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%S.%3fZ").to_string();
        let name = format!("{}-{stamp}", Reason::TestFailed.word());
        let ask = Ask::Save { name, replace: false, reason: Reason::TestFailed };
        let snapshot = match client::ask_once(&self.home, ask, SAVE_WAIT) {
            Ok(Update::Snapshot { manifest, .. }) => Some(manifest.name),
            Ok(_) => None,
            Err(problem) => {
                printer.warn(format!("no snapshot was made: {}", problem.message));
                None
            }
        };
        let logs = keep_logs(&self.home, project, &stamp);
        let logs = logs.map_err(|e| printer.warn(format!("the logs were not kept: {e}"))).ok();
        Remains { snapshot, logs }
    }

    /// Ends it, and removes what is left of it.
    fn end(mut self) -> Result<(), Problem> {
        drop(self.life.take());
        let deadline = Instant::now() + DOWN_WAIT;
        while self.home.project.exists() {
            let locked = self.home.dir.join("lock").exists();
            // A daemon that ended early never had the lock.
            let is_over = match locked {
                true => matches!(self.home.try_lock(), Ok(Some(_))),
                false => Instant::now() + DOWN_WAIT > deadline + UNLOCKED_WAIT,
            };
            if is_over {
                // The daemon is gone and has left something.
                leftovers::stop(&self.home)?;
                discard(&self.home);
                break;
            }
            if Instant::now() > deadline {
                let message = format!("{} is not down", self.home.project.display());
                return Err(Problem::new(Exit::NotReady, "not-down", message));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Runs the command to its end, once with each set of variables, all at once. Signals to this process
/// are the commands', too: the terminal sends an interrupt to all, and a request to end is passed on.
fn run_all(
    command: &[OsString],
    slices: &[BTreeMap<String, String>],
    life: Option<&ChildStdin>,
    printer: &Printer,
) -> Result<Vec<u8>, Problem> {
    let Some((program, args)) = command.split_first() else {
        return Err(Problem::new(Exit::Usage, "usage", "`devenv test` needs a command"));
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let failed = |e: std::io::Error| Problem::failed("test", format!("cannot wait: {e}"));
    runtime.map_err(failed)?.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        let mut children = Vec::new();
        for variables in slices {
            match tokio::process::Command::new(program).args(args).envs(variables).spawn() {
                Ok(child) => children.push(child),
                Err(error) => {
                    let text = format!("cannot run `{}`: {error}", program.to_string_lossy());
                    printer.problem(&Problem::failed("cannot-run", text));
                    let found = error.kind() != ErrorKind::NotFound;
                    return Ok(vec![if found { NOT_EXECUTABLE } else { NOT_FOUND }]);
                }
            }
        }
        let pids: Vec<u32> = children.iter().filter_map(tokio::process::Child::id).collect();
        let tell = |pids: &[u32]| {
            life.into_iter().for_each(|life| detach::tell_of_children(life, pids));
        };
        tell(&pids);
        let ends = children.iter_mut().map(tokio::process::Child::wait);
        let mut ends = std::pin::pin!(futures_util::future::join_all(ends));
        let statuses = loop {
            tokio::select! {
                statuses = &mut ends => break statuses,
                _ = interrupt.recv() => {}
                _ = terminate.recv() => pids.iter().for_each(|pid| ask_to_end(*pid)),
            }
        };
        tell(&[]);
        statuses.into_iter().map(|status| status.map(code_of).map_err(failed)).collect()
    })
}

fn ask_to_end(pid: u32) {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    // It may have ended in this moment.
    let _ = pid.map(|pid| rustix::process::kill_process(pid, rustix::process::Signal::TERM));
}

/// As shells say it: 128 and the signal's number.
fn code_of(status: ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt;
    let signal = status.signal().map(|signal| 128 + signal);
    u8::try_from(status.code().or(signal).unwrap_or(1)).unwrap_or(1)
}

fn keep_logs(home: &Home, project: &Dirs, stamp: &str) -> std::io::Result<PathBuf> {
    let all = project.logs.join("tests");
    let to = all.join(stamp);
    std::fs::create_dir_all(&to)?;
    for entry in std::fs::read_dir(home.dir.join("logs"))?.flatten() {
        if entry.path().is_file() {
            std::fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    let mut kept: Vec<PathBuf> = std::fs::read_dir(&all)?.flatten().map(|e| e.path()).collect();
    kept.sort();
    for old in &kept[..kept.len().saturating_sub(LOGS_KEPT)] {
        let _ = std::fs::remove_dir_all(old);
    }
    Ok(to)
}

/// Removes environments whose test and daemon were both killed.
fn sweep() {
    let own = rustix::process::geteuid().as_raw();
    for entry in std::fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten() {
        let is_test = entry.file_name().to_string_lossy().starts_with(PREFIX);
        if is_test && is_of(&entry.path(), own) {
            let home = Home::of(&entry.path());
            // One that is being made has no daemon's number in its lock yet; one that runs is locked.
            if is_left(&home) && matches!(home.try_lock(), Ok(Some(_))) {
                let _ = leftovers::stop(&home);
                discard(&home);
            }
        }
    }
}

/// Whether the daemon that had it is gone.
fn is_left(home: &Home) -> bool {
    let pid = std::fs::read_to_string(home.dir.join("lock")).ok();
    let pid = pid.and_then(|pid| pid.trim().parse().ok());
    pid.is_some_and(|pid| !process::is_alive(pid))
}

fn is_of(path: &Path, uid: u32) -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir() && meta.uid() == uid)
}
