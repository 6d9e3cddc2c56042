//! Sessions that outlive their server: one that is busy with a query does not see that the process which
//! began it was killed, and as long as it holds the shared memory no other server starts on its data.
//!
//! Invariant: only processes whose working directory is the data directory are ended, and only when the
//! server that `postmaster.pid` names is not among them: a backend's directory is always its server's
//! (<https://www.postgresql.org/docs/current/server-shutdown.html> on what must be gone before a start).

use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// Between SIGQUIT, which Postgres calls an immediate shutdown, and SIGKILL.
const GRACE: Duration = Duration::from_secs(1);
/// Longest wait for their end.
const WAIT_MAX: Duration = Duration::from_secs(5);
const PACE: Duration = Duration::from_millis(5);

/// Ends what a server that was killed has left on `data`. Returns when nothing is left, or it stays.
pub(super) fn end(data: &Path) {
    let Some(server) = server(data) else { return };
    let Ok(data) = data.canonicalize() else { return };
    let begun = Instant::now();
    let mut sent = None;
    loop {
        let left = on(&data);
        if left.is_empty() || left.contains(&server) || begun.elapsed() > WAIT_MAX {
            return;
        }
        let signal = if begun.elapsed() < GRACE { Signal::QUIT } else { Signal::KILL };
        if sent != Some(signal) {
            sent = Some(signal);
            tracing::warn!(?left, "Postgres was killed, and its sessions were left; they end now");
            for pid in left {
                // One that has ended meanwhile is what is wanted.
                let _ = kill_process(pid, signal);
            }
        }
        std::thread::sleep(PACE);
    }
}

/// The server that last started on `data` and has not ended in order.
fn server(data: &Path) -> Option<Pid> {
    let text = fs::read_to_string(data.join("postmaster.pid")).ok()?;
    Pid::from_raw(text.lines().next()?.trim().parse().ok()?)
}

/// Processes whose working directory is `data`; none where the system does not tell.
fn on(data: &Path) -> Vec<Pid> {
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    all.filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?))
        .filter(|pid| {
            let link = format!("/proc/{}/cwd", pid.as_raw_nonzero());
            fs::read_link(link).is_ok_and(|dir| dir == data)
        })
        .filter(|pid| !has_ended(*pid))
        .collect()
}

/// Whether a process has ended and only waits for whoever began it.
fn has_ended(pid: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
    stat.is_ok_and(|stat| {
        stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('Z'))
    })
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn only_what_was_left_on_the_data_ends() {
        let (data, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let sleeping = |dir: &Path| Command::new("sleep").arg("600").current_dir(dir).spawn();
        let (mut left, mut elsewhere) =
            (sleeping(data.path()).unwrap(), sleeping(other.path()).unwrap());
        end(data.path());
        assert!(left.try_wait().unwrap().is_none(), "no server was ever there");
        let note = data.path().join("postmaster.pid");
        fs::write(&note, format!("{}\n", left.id())).unwrap();
        end(data.path());
        assert!(left.try_wait().unwrap().is_none(), "the server itself");
        fs::write(&note, format!("{}\n", elsewhere.id())).unwrap();
        end(data.path());
        assert!(!left.wait().unwrap().success());
        assert!(elsewhere.try_wait().unwrap().is_none(), "not of this data");
        elsewhere.kill().unwrap();
        elsewhere.wait().unwrap();
    }
}
