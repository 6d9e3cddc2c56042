//! A rotation function that is a program: the event comes on its standard input, and it has done its step
//! when it ends with 0. Its environment is that of `devenv env`; nothing secret is in its arguments.

use super::Surroundings;
use super::redacted;
use crate::services::secretsmanager::{Called, Event};
use rustix::process::{Pid, Signal, kill_process_group};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

/// Bytes of its output that are looked at; the rest is read and dropped.
const OUTPUT_BYTES_MAX: usize = 64 * 1024;
/// Lines of a failed program's last words that are told.
const LINES_TOLD: usize = 3;
/// How long its output may stay open after its end, in the hands of a child.
const OUTPUT_GRACE: Duration = Duration::from_millis(200);

/// Calls it. `values` are hidden in what it printed last.
pub(super) async fn call(
    argv: &[String],
    timeout: Duration,
    event: &Event,
    surroundings: &Surroundings,
    values: Vec<String>,
) -> Called {
    let Some((program, arguments)) = argv.split_first() else { return Err("no program".into()) };
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(&surroundings.project)
        .envs(&surroundings.variables)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    let mut child = command.spawn().map_err(|e| format!("cannot run `{program}`: {e}"))?;
    let mut group = Group(child.id());
    // Texts and nothing else: serialising them cannot fail.
    let mut text = serde_json::to_vec(event).unwrap_or_default();
    text.push(b'\n');
    let input = child.stdin.take();
    let words = child.stderr.take().map(|stderr| tokio::spawn(last_words(stderr)));
    let work = async {
        if let Some(mut input) = input {
            // One that does not read its event may still do its step.
            let _ = input.write_all(&text).await;
        }
        child.wait().await
    };
    let ended = tokio::time::timeout(timeout, work).await;
    if ended.is_ok() {
        // What it left running on purpose stays.
        group.0 = None;
    }
    drop(group);
    let status = match ended {
        Ok(Ok(status)) if status.success() => return Ok(()),
        Ok(Ok(status)) => status.to_string(),
        Ok(Err(e)) => e.to_string(),
        Err(_) => {
            let _ = child.wait().await;
            format!("not done after {} s", timeout.as_secs())
        }
    };
    let words = match words {
        Some(words) => tokio::time::timeout(OUTPUT_GRACE, words).await.ok().and_then(Result::ok),
        None => None,
    };
    match words.filter(|words| !words.is_empty()) {
        Some(words) => Err(format!("{status}: {}", redacted::hide(&words, &values))),
        None => Err(status),
    }
}

/// A program and its children, ended together when this is dropped: it took too long, or devenv stops.
struct Group(Option<u32>);

impl Drop for Group {
    fn drop(&mut self) {
        let id = self.0.and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(group) = id {
            // It may have ended of itself meanwhile.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

async fn last_words(mut stream: impl AsyncRead + Unpin) -> String {
    let (mut kept, mut buffer) = (Vec::new(), [0; 4096]);
    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
        kept.extend_from_slice(&buffer[..read]);
        let surplus = kept.len().saturating_sub(OUTPUT_BYTES_MAX);
        kept.drain(..surplus);
    }
    let text = String::from_utf8_lossy(&kept);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(LINES_TOLD)..].join(" | ")
}
