//! The profile's own commands around the life of an environment: `sh -c` in the project's directory,
//! with the environment's variables; what they print goes to the log `hooks`.

use crate::base::Problem;
use crate::runtime::{Dirs, logs};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::Command;
use tokio::sync::mpsc;

/// Longest run of one command, in seconds.
const HOOK_S_MAX: u64 = 900;
/// Lines of a failed command that are shown.
const LINES_SHOWN: usize = 10;
/// The name of the log.
pub(super) const LOG: &str = "hooks";

/// Where and with what hooks run.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) project: std::path::PathBuf,
    pub(super) variables: BTreeMap<String, String>,
    pub(super) dirs: Dirs,
}

/// Runs `commands` one after another; the first failure ends it.
pub(super) async fn run(when: &str, commands: &[String], place: &Place) -> Result<(), Problem> {
    for command in commands {
        run_one(when, command, place).await?;
    }
    Ok(())
}

async fn run_one(when: &str, command: &str, place: &Place) -> Result<(), Problem> {
    let mut log = logs::Writer::open(&place.dirs, LOG)?;
    let _ = log.line(&format!("{when}: {command}"));
    let mut child = shell(command, &place.project)
        .envs(&place.variables)
        .spawn()
        .map_err(|e| failed(when, command, &format!("cannot run `sh`: {e}"), &[]))?;
    let (sender, mut lines) = mpsc::channel(64);
    if let Some(out) = child.stdout.take() {
        tokio::spawn(forward(out, sender.clone()));
    }
    if let Some(err) = child.stderr.take() {
        tokio::spawn(forward(err, sender));
    }
    let mut last = Vec::new();
    let work = async {
        let status = loop {
            tokio::select! {
                Some(line) = lines.recv() => note(&mut log, &mut last, line),
                status = child.wait() => break status,
            }
        };
        // What it wrote last may still be under way; a child left in the background may hold the
        // pipe for ever, so this does not wait for its end.
        while let Ok(Some(line)) =
            tokio::time::timeout(Duration::from_millis(50), lines.recv()).await
        {
            note(&mut log, &mut last, line);
        }
        status
    };
    match tokio::time::timeout(Duration::from_secs(HOOK_S_MAX), work).await {
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => Err(failed(when, command, &status.to_string(), &last)),
        Ok(Err(e)) => Err(failed(when, command, &e.to_string(), &last)),
        Err(_) => Err(failed(when, command, &format!("not done after {HOOK_S_MAX} s"), &last)),
    }
}

fn shell(command: &str, project: &Path) -> Command {
    let mut shell = Command::new("sh");
    shell
        .args(["-c", command])
        .current_dir(project)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    shell
}

async fn forward(stream: impl AsyncRead + Unpin, sender: mpsc::Sender<String>) {
    let mut lines = BufReader::new(stream).split(b'\n');
    while let Ok(Some(line)) = lines.next_segment().await {
        if sender.send(String::from_utf8_lossy(&line).into_owned()).await.is_err() {
            return;
        }
    }
}

fn note(log: &mut logs::Writer, last: &mut Vec<String>, line: String) {
    let _ = log.line(&line);
    if last.len() == LINES_SHOWN {
        last.remove(0);
    }
    last.push(line);
}

fn failed(when: &str, command: &str, why: &str, last: &[String]) -> Problem {
    let mut message = format!("hook {when} `{command}` failed: {why}");
    for line in last {
        message.push_str("\n  ");
        message.push_str(line);
    }
    Problem::failed("hook-failed", message)
        .hint("`devenv logs hooks` has all that it printed; mend it in `[hooks]` of devenv.toml")
}
