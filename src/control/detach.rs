//! A daemon of its own: this program again, in a session of its own, telling its boot through a
//! pipe until it is ready or has failed.

use super::client::Updates;
use super::home::Home;
use super::hub::Follower;
use super::message::{EnvState, Update};
use crate::base::Problem;
use crate::runtime::process;
use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::{BufRead, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::process::{ChildStdin, Command, Stdio};

/// The name of the daemon's own log.
pub const LOG: &str = "daemon";

/// Starts this program with `args` as a detached daemon. Its stderr goes to `.devenv/logs/daemon.log`.
pub fn spawn(home: &Home, args: &[OsString]) -> Result<Updates, Problem> {
    start(home, args, Stdio::null()).map(|(updates, _)| updates)
}

/// The same; the daemon ends, and everything with it, when what is returned is dropped, or when this
/// process ends in whatever way.
pub fn spawn_for_life(
    home: &Home,
    args: &[OsString],
) -> Result<(Updates, Option<ChildStdin>), Problem> {
    start(home, args, Stdio::piped())
}

fn start(
    home: &Home,
    args: &[OsString],
    stdin: Stdio,
) -> Result<(Updates, Option<ChildStdin>), Problem> {
    let path = home.dir.join("logs").join(format!("{LOG}.log"));
    let cannot = |what: &str, e: &std::io::Error| {
        Problem::in_the_way("daemon-start", format!("cannot start the daemon: {what}: {e}"))
    };
    let log = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(&path)
        .map_err(|e| cannot(&path.display().to_string(), &e))?;
    let program = std::env::current_exe().map_err(|e| cannot("finding this program", &e))?;
    let mut child = Command::new(&program)
        .args(args)
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .map_err(|e| cannot(&program.display().to_string(), &e))?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    // It outlives this process; while both live, someone has to bury it.
    std::thread::spawn(move || child.wait());
    match stdout {
        Some(stdout) => Ok((Updates::from_lines(stdout), stdin)),
        None => {
            Err(Problem::failed("daemon-start", "the daemon has no pipe to tell its boot through"))
        }
    }
}

/// Tells the daemon whom to end when this process is killed; nobody after the last has ended.
pub fn tell_of_children(mut life: &ChildStdin, pids: &[u32]) {
    let known = |pid: &u32| Some(format!("{pid} {}", process::start_time(*pid)?));
    let known: Vec<String> = pids.iter().filter_map(known).collect();
    // A daemon that is gone ends nobody.
    let _ = writeln!(life, "{}", known.join(","));
}

/// In the daemon: waits until the process that started it for its life lets go, or ends. Its children, if
/// it had some then, are asked to end.
pub fn wait_for_end_of_starter() {
    let lines = std::io::stdin().lock().lines();
    let last = lines.map_while(Result::ok).last().unwrap_or_default();
    for (pid, start) in last.split(',').filter_map(|child| child.split_once(' ')) {
        let Ok(pid) = pid.parse() else { continue };
        if process::start_time(pid).as_deref() == Some(start)
            && let Some(pid) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw)
        {
            // It may have ended in this moment.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
    }
}

/// In the daemon: leaves the terminal's session, so that its end does not end the environment.
pub fn leave_terminal() {
    // Fails only for a leader of a group, which then has nothing to leave.
    let _ = rustix::process::setsid();
}

/// In the daemon: tells through the pipe that is stdout, and lets go of it when the boot is over.
pub async fn tell_boot(mut follower: Follower) {
    while let Some(update) = follower.next().await {
        // A parent that has left does not end the daemon.
        let heard = tell(&update).is_ok();
        match &update {
            // The pipe stays open until the process ends: the parent waits for that.
            Update::Failed(_) => return,
            Update::Status(status)
                if matches!(status.state, EnvState::Ready | EnvState::Degraded) =>
            {
                break;
            }
            _ if !heard => break,
            _ => {}
        }
    }
    release_stdout();
}

/// Says one thing through the boot pipe.
pub fn tell(update: &Update) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(update)?;
    line.push(b'\n');
    let mut out = std::io::stdout().lock();
    out.write_all(&line)?;
    out.flush()
}

fn release_stdout() {
    if let Ok(null) = OpenOptions::new().write(true).open("/dev/null") {
        // If this fails the pipe stays open until the daemon ends; the parent does not wait for it.
        let _ = rustix::stdio::dup2_stdout(null);
    }
}
