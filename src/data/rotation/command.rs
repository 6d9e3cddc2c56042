//! A rotation function that is a program: the event comes on its standard input, and it has done its step
//! when it ends with 0. Its environment is that of `devenv env`; nothing secret is in its arguments.

use super::Surroundings;
use crate::base::{Caller, DEFAULT_ACCOUNT};
use crate::services::secretsmanager::Event;
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

/// A program to call.
pub(super) struct Program<'a> {
    pub(super) argv: &'a [String],
    pub(super) timeout: Duration,
    pub(super) surroundings: &'a Surroundings,
}

/// Why it failed.
#[derive(Debug)]
pub(super) struct Failed {
    /// How it ended.
    pub(super) how: String,
    /// What it printed last, as it stands: it may hold the secret.
    pub(super) words: String,
}

impl From<String> for Failed {
    fn from(how: String) -> Failed {
        Failed { how, words: String::new() }
    }
}

/// Calls it with `event`, about a secret of `caller`'s account and region.
pub(super) async fn call(
    called: Program<'_>,
    event: &Event,
    caller: &Caller,
) -> Result<(), Failed> {
    let Program { argv, timeout, surroundings } = called;
    let Some((program, arguments)) = argv.split_first() else {
        return Err("no program".to_owned().into());
    };
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(&surroundings.project)
        .envs(&surroundings.variables)
        .envs(where_the_secret_is(caller))
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
    let how = match ended {
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
    Err(Failed { how, words: words.unwrap_or_default() })
}

/// The region and the account of the secret, which need not be the profile's: in them the program finds
/// it by the name that it is called with.
pub(super) fn where_the_secret_is(caller: &Caller) -> Vec<(&'static str, &str)> {
    // A key of twelve digits is the account; any other means the default one.
    let key = if caller.account == DEFAULT_ACCOUNT { "test" } else { &caller.account };
    vec![
        ("AWS_REGION", caller.region.as_str()),
        ("AWS_DEFAULT_REGION", &caller.region),
        ("AWS_ACCESS_KEY_ID", key),
    ]
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
    let (mut words, mut buffer) = (Words::default(), [0; 4096]);
    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
        words.add(&buffer[..read]);
    }
    words.told()
}

/// The end of what a function printed.
#[derive(Default)]
pub(super) struct Words(Vec<u8>);

impl Words {
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
        let surplus = self.0.len().saturating_sub(OUTPUT_BYTES_MAX);
        self.0.drain(..surplus);
    }

    /// The last lines.
    pub(super) fn told(&self) -> String {
        let text = String::from_utf8_lossy(&self.0);
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        lines[lines.len().saturating_sub(LINES_TOLD)..].join(" | ")
    }
}

#[cfg(test)]
mod tests {
    use super::super::container::Grounds;
    use super::*;

    async fn run(script: &str, timeout_s: u64) -> Result<(), (String, String)> {
        let argv = ["sh", "-c", script].map(str::to_owned);
        let surroundings = Surroundings {
            project: std::env::temp_dir(),
            variables: [("GREETING".to_owned(), "hello".to_owned())].into(),
            postgres: None,
            grounds: Grounds::new(|| None),
        };
        let program = Program {
            argv: &argv,
            timeout: Duration::from_secs(timeout_s),
            surroundings: &surroundings,
        };
        let event = Event {
            step: "createSecret",
            secret_id: "arn".into(),
            client_request_token: "token".into(),
            rotation_token: "rotation".into(),
        };
        let caller = Caller::internal("123456789012", "eu-west-1", "");
        call(program, &event, &caller).await.map_err(|failed| (failed.how, failed.words))
    }

    #[tokio::test]
    async fn a_program_gets_the_event_and_the_secrets_account_and_region() {
        let event = r#"{"Step":"createSecret","SecretId":"arn","ClientRequestToken":"token","RotationToken":"rotation"}"#;
        let script = format!(
            "read -r event; test \"$event\" = '{event}' && test $GREETING = hello && \
             test $AWS_REGION$AWS_DEFAULT_REGION = eu-west-1eu-west-1 && test $AWS_ACCESS_KEY_ID = 123456789012"
        );
        assert_eq!(run(&script, 60).await, Ok(()));
        assert_eq!(run("exit 0", 60).await, Ok(()), "one that does not read its event");
    }

    #[tokio::test]
    async fn a_failure_is_told_with_the_last_words() {
        let (how, words) = run("seq 9 >&2; echo oh no >&2; exit 3", 60).await.unwrap_err();
        assert_eq!((how.as_str(), words.as_str()), ("exit status: 3", "8 | 9 | oh no"));
        let (how, _) = run("exec no-such-program-here", 60).await.unwrap_err();
        assert!(how.contains("127"), "{how}");
    }

    #[tokio::test]
    async fn one_that_does_not_end_is_ended_with_its_children() {
        // The child holds the pipe of the words open: only its end closes it.
        let (how, _) = run("sleep 86400 & echo waiting >&2; wait", 1).await.unwrap_err();
        assert_eq!(how, "not done after 1 s");
    }
}
