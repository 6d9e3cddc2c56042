//! `devenv up`: boots the environment, or joins the one that is already there.
//!
//! Three ways to the same end. In the foreground the daemon runs in this process. With `-d` it is
//! this program again, detached. And where another `up` was first, this one attaches to its daemon.
//! Each way gives a stream of updates, and one loop watches it until everything answers.

use super::choose::{self, Choice};
use super::outcome::Outcome;
use super::printer::Printer;
use super::progress::{View, parts};
use super::{table, trace};
use crate::base::duration;
use crate::base::{Exit, Problem};
use crate::control::client::{self, Silence, Updates};
use crate::control::daemon::{self, last_lines};
use crate::control::home::Lock;
use crate::control::hub::Hub;
use crate::control::{Ask, Boot, EnvState, Home, ServiceStatus, Status, Update, detach};
use crate::profile::{Port, Profile};
use crate::runtime::{Dirs, dirs::user_cache_dir};
use serde_json::json;
use std::ffi::OsString;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Between looks at whether the other daemon listens yet.
const ATTACH_PACE: Duration = Duration::from_millis(3);
/// Longest wait for the end of an environment that was not ready in time.
const GIVE_UP_WAIT: Duration = Duration::from_secs(30);
/// Threads of the daemon at the most: more would only cost memory.
const THREADS_MAX: usize = 4;

/// Boot everything; returns (with -d) or prints `ready` only when every part answers
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  devenv up -d --profile minimal")]
pub(super) struct Up {
    /// Leave it running in the background
    #[arg(short, long)]
    detach: bool,
    /// A shipped profile's name, or a file
    #[arg(long, value_name = "NAME|FILE")]
    profile: Option<String>,
    /// How long everything may take until it answers; downloads that advance do not count
    #[arg(long, value_parser = duration::parse, default_value = "60s")]
    timeout: Duration,
    /// Only these parts, and what they need
    #[arg(long, value_delimiter = ',', value_name = "A,B")]
    only: Vec<String>,
    /// State in a temporary directory, removed at the end
    #[arg(long)]
    ephemeral: bool,
    /// Begin with the state of this snapshot
    #[arg(long, value_name = "NAME")]
    snapshot: Option<String>,
    /// Ports from here on, the next free ones
    #[arg(long, value_name = "N")]
    port_base: Option<u16>,
    /// Have ids, receipt handles, versions and the time of a fresh state follow from this number
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Bring changed files into containers, as `develop.watch` of their Compose files says, and take
    /// over edits of the profile and of these files
    #[arg(long)]
    watch: bool,
    /// Where the gateway and SMTP listen, for containers; whoever reaches this address has all of it
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    listen: IpAddr,
    /// The environment is a test's, lives in this directory and as long as stdin.
    #[arg(long, hide = true, requires = "as_daemon")]
    throwaway: Option<PathBuf>,
    /// This process is the detached daemon.
    #[arg(long, hide = true)]
    as_daemon: bool,
}

/// How watching a boot ended.
pub(super) enum Watched {
    Ready(Box<Status>),
    /// Another daemon has the directory.
    Held,
    /// The daemon ended before it was ready, without saying why.
    Ended,
}

impl Up {
    pub(super) fn run(self, printer: &Printer) -> Result<Outcome, Problem> {
        let started = Instant::now();
        let choice = choose::profile(self.profile.as_deref(), printer)?;
        let home = choice.home.clone();
        if self.snapshot.is_some() && !self.ephemeral && !self.as_daemon {
            let message = "`--snapshot` needs `--ephemeral`";
            return Err(Problem::new(Exit::Usage, "usage", message)
                .hint("to replace the state of this project: `devenv snapshot restore NAME`, then `devenv up`"));
        }
        if self.as_daemon {
            return self.be_daemon(choice, printer);
        }
        Dirs::create(&home.project)?;
        let deadline = started + self.timeout;
        loop {
            if let Some(stream) = client::connect(&home)? {
                if let Ok(updates) = client::send(stream, Ask::Follow)
                    && let Some(outcome) = self.attach(&updates, &choice, deadline, printer)?
                {
                    return Ok(outcome);
                }
            } else if self.detach {
                if let Watched::Ready(status) = self.boot_detached(&home, deadline, printer)? {
                    self.announce(&status, started, printer);
                    return Ok(Outcome::Done);
                }
            } else if let Some(lock) = home.try_lock()? {
                return self.boot_here(choice, lock, started, printer);
            }
            if Instant::now() >= deadline {
                let message = "another `devenv up` holds this directory and does not answer";
                return Err(Problem::new(Exit::NotReady, "not-ready", message)
                    .hint("`devenv logs daemon` may say why")
                    .retryable());
            }
            std::thread::sleep(ATTACH_PACE);
        }
    }

    /// Joins a running environment; `None` when it goes down, so that a new one is due.
    fn attach(
        &self,
        updates: &Updates,
        choice: &Choice,
        deadline: Instant,
        printer: &Printer,
    ) -> Result<Option<Outcome>, Problem> {
        let mut view = View::joining(printer);
        match watch(updates, Some(deadline), &mut view, self.timeout, &choice.home)? {
            Watched::Ready(status) => {
                if self.profile.is_some() && status.profile != choice.profile.name {
                    let message = format!(
                        "the environment of profile `{}` runs here, not `{}`",
                        status.profile, choice.profile.name
                    );
                    return Err(Problem::in_the_way("other-profile", message)
                        .hint("stop it first with `devenv down`"));
                }
                let status = match self.replan(choice, deadline, printer)? {
                    Some(status) => status,
                    None => {
                        printer.say(format!("already running, daemon pid {}", status.pid));
                        status
                    }
                };
                self.print_ready(&status, printer);
                Ok(Some(Outcome::Done))
            }
            Watched::Held | Watched::Ended => Ok(None),
        }
    }

    /// Has the running environment take over what has changed in the profile; `None` where nothing has.
    fn replan(
        &self,
        choice: &Choice,
        deadline: Instant,
        printer: &Printer,
    ) -> Result<Option<Box<Status>>, Problem> {
        if !self.only.is_empty() || self.ephemeral {
            return Ok(None);
        }
        let ask = Ask::Replan { profile: choice.named.clone() };
        follow_plan(&choice.home, ask, deadline, self.timeout, printer)
    }

    fn boot_detached(
        &self,
        home: &Home,
        deadline: Instant,
        printer: &Printer,
    ) -> Result<Watched, Problem> {
        let mut args: Vec<OsString> = std::env::args_os().skip(1).collect();
        args.push("--as-daemon".into());
        let updates = detach::spawn(home, &args)?;
        let mut view = View::new(printer);
        match watch(&updates, Some(deadline), &mut view, self.timeout, home) {
            Ok(Watched::Ended) => Err(died_early(home)),
            Err(problem) => {
                // What this command has started and cannot vouch for does not stay. A daemon that
                // failed by itself is on its way down already.
                let _asked = client::ask(home, Ask::Down);
                let limit = Instant::now() + GIVE_UP_WAIT;
                while updates.next(Some(limit)).is_ok() {}
                Err(problem)
            }
            other => other,
        }
    }

    /// The daemon in this process, in the foreground.
    fn boot_here(
        &self,
        choice: Choice,
        lock: Lock,
        started: Instant,
        printer: &Printer,
    ) -> Result<Outcome, Problem> {
        let home = choice.home.clone();
        let hub = Hub::default();
        let (sender, receiver) = mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let runtime = runtime()?;
        trace::to_log(&Dirs::at(&home.dir, user_cache_dir()?), printer.verbose);
        let mut follower = hub.follow();
        runtime.spawn(async move {
            while let Some(update) = follower.next().await {
                let over = update == Update::Done;
                if sender.send(update).is_err() || over {
                    return;
                }
            }
        });
        let boot = self.boot(choice);
        let ended = runtime.spawn(async move {
            let result = daemon::run(boot, hub.clone(), lock, stopped).await;
            hub.close();
            result
        });
        let updates = Updates::from_channel(receiver);
        let mut view = View::new(printer);
        let deadline = Some(started + self.timeout);
        let mut problem = None;
        match watch(&updates, deadline, &mut view, self.timeout, &home) {
            Ok(Watched::Ready(status)) => {
                self.announce(&status, started, printer);
                printer.say("stop it with Ctrl-C, or with `devenv down` from elsewhere");
            }
            Ok(Watched::Held | Watched::Ended) => {}
            Err(met) => {
                problem = Some(met);
                let _ = stop.send(());
            }
        }
        while let Ok(update) = updates.next(None) {
            view.show(&update);
        }
        view.clear();
        let ended = runtime.block_on(ended).unwrap_or_else(|e| {
            Err(Problem::failed("daemon-panicked", format!("the daemon failed: {e}")))
        });
        runtime.shutdown_timeout(Duration::from_millis(100));
        match problem.map_or(ended, Err) {
            Ok(()) => Ok(Outcome::Done),
            Err(problem) => Err(problem),
        }
    }

    /// The detached daemon's whole life.
    fn be_daemon(self, choice: Choice, printer: &Printer) -> Result<Outcome, Problem> {
        detach::leave_terminal();
        // So that whoever looks at the process sees whose it is, and no other directory is held.
        let _ = std::env::set_current_dir(&choice.home.project);
        let home = self.throwaway.as_deref().map_or(choice.home.clone(), Home::of);
        let Some(lock) = home.try_lock()? else {
            let _ = detach::tell(&Update::Held);
            return Ok(Outcome::Done);
        };
        trace::to_log(&Dirs::at(&home.dir, user_cache_dir()?), printer.verbose);
        let runtime = runtime()?;
        let hub = Hub::default();
        let throwaway = self.throwaway.is_some();
        let result = runtime.block_on(async {
            let telling = tokio::spawn(detach::tell_boot(hub.follow()));
            let (stop, stopped) = oneshot::channel();
            // Kept where nobody sends: an end of the channel is no order.
            let mut stop = Some(stop);
            if let Some(stop) = stop.take_if(|_| throwaway) {
                std::thread::spawn(move || {
                    detach::wait_for_end_of_starter();
                    let _ = stop.send(());
                });
            }
            let result = daemon::run(self.boot(choice), hub, lock, stopped).await;
            if result.is_err() {
                // The last word has to be out before the process is gone.
                let _ = tokio::time::timeout(Duration::from_secs(1), telling).await;
            }
            result
        });
        runtime.shutdown_timeout(Duration::from_millis(100));
        if throwaway {
            discard(&home);
        }
        // The parent has printed it; the log has it too.
        Ok(result.map_or_else(|p| Outcome::Code(p.exit.code()), |()| Outcome::Done))
    }

    fn boot(&self, choice: Choice) -> Boot {
        let project = choice.home.project.clone();
        let is_whole = self.only.is_empty() && !self.ephemeral && self.throwaway.is_none();
        let followed = (self.watch && is_whole).then(|| choice.named.clone());
        let (profile, home) = match &self.throwaway {
            Some(dir) => (profile_for_test(choice.profile), Home::of(dir)),
            None => (choice.profile, choice.home),
        };
        Boot {
            profile,
            home,
            only: self.only.clone(),
            ephemeral: self.ephemeral,
            port_base: self.port_base,
            watch: self.watch,
            followed,
            listen: self.listen,
            snapshot: self.snapshot.clone(),
            project,
            throwaway: self.throwaway.is_some(),
            seed: self.seed,
        }
    }

    fn announce(&self, status: &Status, started: Instant, printer: &Printer) {
        printer.say(format!("{} is up after {}", status.profile, duration::say(started.elapsed())));
        self.print_ready(status, printer);
    }

    fn print_ready(&self, status: &Status, printer: &Printer) {
        if printer.json {
            return printer.object(&json!(status));
        }
        printer.out(table::endpoints(status));
        printer.out("ready");
    }
}

/// Asks for another plan, shows what is carried out, and waits until everything answers again; `None`
/// where nothing differs.
pub(super) fn follow_plan(
    home: &Home,
    ask: Ask,
    deadline: Instant,
    timeout: Duration,
    printer: &Printer,
) -> Result<Option<Box<Status>>, Problem> {
    let updates = client::ask(home, ask)?;
    let (mut lines, mut parts) = (None, Vec::new());
    let mut view = View::joining(printer);
    let mut last: Option<Status> = None;
    loop {
        match updates.next(Some(deadline)) {
            Ok(Update::Planned { lines: told, .. }) if told.is_empty() => return Ok(None),
            Ok(Update::Planned { lines: told, parts: of }) => {
                told.iter().for_each(|line| printer.say(line));
                (lines, parts) = (Some(told), of);
            }
            Ok(Update::Failed(told)) => return Err(told.into()),
            Ok(Update::Status(status)) if lines.is_some() => {
                view.show(&Update::Status(status.clone()));
                match settled(&status, &parts) {
                    Some(true) => return Ok(Some(Box::new(status))),
                    Some(false) => return Err(not_ready(Some(&status), timeout, home)),
                    None => last = Some(status),
                }
            }
            Ok(update) => view.show(&update),
            Err(Silence::Closed) => return Err(client::daemon_left("it closed the connection")),
            Err(Silence::TimedOut) => return Err(not_ready(last.as_ref(), timeout, home)),
        }
    }
}

/// Whether these parts answer, or one of them is given up; `None` while neither is so.
fn settled(status: &Status, parts: &[String]) -> Option<bool> {
    let rows: Vec<_> = status.services.iter().filter(|row| parts.contains(&row.part)).collect();
    if rows.iter().any(|row| row.state == "failed") {
        return Some(false);
    }
    let all_there = parts.iter().all(|part| rows.iter().any(|row| row.part == *part));
    let done = |state: &str| matches!(state, "healthy" | "completed");
    (all_there && rows.iter().all(|row| done(&row.state))).then_some(true)
}

/// An environment beside others, of which nothing is kept: free ports, and no waiting for the disk.
fn profile_for_test(mut profile: Profile) -> Profile {
    let ports = &mut profile.ports;
    for port in [&mut ports.gateway, &mut ports.postgres, &mut ports.redis, &mut ports.smtp] {
        *port = Port::Auto(port.first());
    }
    profile.ses.smtps = profile.ses.smtps.map(|port| Port::Auto(port.first()));
    if let Some(postgres) = &mut profile.postgres {
        postgres.settings.entry("fsync".to_owned()).or_insert_with(|| "off".to_owned());
    }
    profile
}

/// Removes a test's environment; nothing runs in it.
pub(super) fn discard(home: &Home) {
    if let Ok(cache) = user_cache_dir() {
        let _ = Dirs::at(&home.dir, cache).remove_data();
    }
    // What stays is removed by the next test.
    let _ = std::fs::remove_dir_all(&home.project);
}

/// Shows updates until everything answers, time is up, or it has failed. While a download advances,
/// the time counts from its last piece: a slow network on the first day is no failure.
pub(super) fn watch(
    updates: &Updates,
    mut deadline: Option<Instant>,
    view: &mut View,
    timeout: Duration,
    home: &Home,
) -> Result<Watched, Problem> {
    let mut last: Option<Status> = None;
    let result = loop {
        match updates.next(deadline) {
            Ok(Update::Failed(told)) => break Err(told.into()),
            Ok(Update::Held) => break Ok(Watched::Held),
            Ok(update) => {
                view.show(&update);
                if matches!(update, Update::Advance { .. } | Update::End { .. }) {
                    deadline = deadline.map(|limit| limit.max(Instant::now() + timeout));
                }
                let Update::Status(status) = update else { continue };
                if matches!(status.state, EnvState::Ready | EnvState::Degraded) {
                    break Ok(Watched::Ready(Box::new(status)));
                }
                last = Some(status);
            }
            Err(Silence::Closed) => break Ok(Watched::Ended),
            Err(Silence::TimedOut) => break Err(not_ready(last.as_ref(), timeout, home)),
        }
    };
    view.clear();
    result
}

/// Not ready in time: which part, its last log lines, and the failing probe's own answer.
fn not_ready(status: Option<&Status>, timeout: Duration, home: &Home) -> Problem {
    let mut message = format!("not ready after {}", duration::say(timeout));
    let rows = status.map(parts).unwrap_or_default();
    let is_late = |row: &&ServiceStatus| !matches!(row.state.as_str(), "healthy" | "completed");
    let late = rows.into_iter().find(is_late);
    let state_dir = status.map_or(home.dir.as_path(), |s| Path::new(&s.state_dir));
    let dirs = user_cache_dir().map(|cache| Dirs::at(state_dir, cache));
    let log = late.map_or("hooks", |row| row.part.as_str());
    match late {
        Some(row) => {
            let reason = row.reason.clone().unwrap_or_else(|| "no probe was made yet".to_owned());
            message.push_str(&format!(": {} is {}: {reason}", row.part, row.state));
        }
        None if status.is_some() => message.push_str(": a hook still runs"),
        None => message.push_str(": the daemon has not said anything yet"),
    }
    if let Ok(dirs) = dirs {
        message.push_str(&last_lines(&dirs, log));
    }
    Problem::new(Exit::NotReady, "not-ready", message)
        .hint(format!("`devenv logs {log}` has the whole log; `--timeout` gives it longer"))
        .retryable()
}

/// The detached daemon ended without a word: its stderr is in its log.
pub(super) fn died_early(home: &Home) -> Problem {
    let path = home.dir.join("logs").join(format!("{}.log", detach::LOG));
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().rev().take(5).collect();
    let mut message = "the daemon ended before it was ready".to_owned();
    lines.iter().rev().for_each(|line| message.push_str(&format!("\n  {line}")));
    Problem::failed("daemon-gone", message).hint(format!("its log is {}", path.display()))
}

fn runtime() -> Result<tokio::runtime::Runtime, Problem> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cores.min(THREADS_MAX))
        .thread_name("devenv")
        .enable_all()
        .build()
        .map_err(|e| Problem::failed("threads", format!("cannot start threads: {e}")))
}
