//! Values masked by a program of the project's own: it is started once for a rule, gets each value as a JSON
//! string on a line of its standard input, and answers with one on a line of its standard output, in order.
//!
//! The one mask that is not pure. What the program says on its standard error is dropped, because values may
//! stand in it; it does not get the key of the masks.

use super::{Beside, Mask, Reason};
use rustix::process::{Pid, Signal, kill_process_group};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Bytes of an answer at the most.
const ANSWER_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// The variable that holds the key of the masks.
const KEY_VARIABLE: &str = "DEVENV_DATA_KEY";

/// A program, and the run of it that is under way.
pub(super) struct Program {
    argv: Vec<String>,
    wait: Duration,
    running: Mutex<Option<Running>>,
}

impl Program {
    pub(super) fn new(argv: &[String], wait: Duration) -> Program {
        Program { argv: argv.to_vec(), wait, running: Mutex::new(None) }
    }
}

impl Mask for Program {
    fn mask(&self, value: &str, _: &Beside<'_>, out: &mut String) -> Result<(), Reason> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let run = match running.take() {
            Some(run) => run,
            None => Running::start(&self.argv)?,
        };
        // One that failed is not asked again: it ends here.
        out.push_str(&run.ask(value, self.wait)?);
        *running = Some(run);
        Ok(())
    }
}

/// A program that runs, and the thread that talks with it.
struct Running {
    child: Child,
    values: Sender<String>,
    answers: Receiver<Result<String, Reason>>,
}

impl Running {
    fn start(argv: &[String]) -> Result<Running, Reason> {
        const NOT: Reason = Reason("cannot be masked: the command of its rule cannot be run");
        let (program, arguments) = argv.split_first().ok_or(NOT)?;
        let mut command = Command::new(program);
        command.args(arguments).env_remove(KEY_VARIABLE).process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().map_err(|_| NOT)?;
        let ends = child.stdin.take().zip(child.stdout.take());
        let ((values, asked), (answer, answers)) = (channel::<String>(), channel());
        // From here on its end is seen to, whatever fails.
        let run = Running { child, values, answers };
        let (mut input, output) = ends.ok_or(NOT)?;
        let talk = move || {
            let mut output = BufReader::new(output);
            for value in asked {
                let answered = exchange(&value, &mut input, &mut output);
                let failed = answered.is_err();
                if answer.send(answered).is_err() || failed {
                    return;
                }
            }
        };
        std::thread::Builder::new().name("mask command".into()).spawn(talk).map_err(|_| NOT)?;
        Ok(run)
    }

    fn ask(&self, value: &str, wait: Duration) -> Result<String, Reason> {
        const GONE: Reason = Reason("was not masked: the command of its rule ended");
        self.values.send(value.to_owned()).map_err(|_| GONE)?;
        match self.answers.recv_timeout(wait) {
            Ok(answer) => answer,
            Err(RecvTimeoutError::Disconnected) => Err(GONE),
            Err(RecvTimeoutError::Timeout) => {
                Err(Reason("was not masked: the command of its rule did not answer in time"))
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(group) = id {
            // It may have ended of itself meanwhile.
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

fn exchange(
    value: &str,
    input: &mut impl Write,
    output: &mut impl BufRead,
) -> Result<String, Reason> {
    const ENDED: Reason = Reason("was not masked: the command of its rule ended");
    let line = format!("{}\n", serde_json::Value::from(value));
    input.write_all(line.as_bytes()).and_then(|()| input.flush()).map_err(|_| ENDED)?;
    let mut answer = String::new();
    let read = output.by_ref().take(ANSWER_BYTES_MAX).read_line(&mut answer);
    match read {
        Ok(0) | Err(_) => Err(ENDED),
        Ok(_) => serde_json::from_str(&answer).map_err(|_| {
            Reason("was not masked: the command of its rule answered with no JSON string")
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(script: &str, values: &[&str]) -> Result<Vec<String>, Reason> {
        let argv = ["sh", "-c", script].map(str::to_owned);
        // Long where an answer comes, short where none ever does.
        let seconds = if script.contains("sleep") { 1 } else { 60 };
        let program = Program::new(&argv, Duration::from_secs(seconds));
        let one = |value: &&str| {
            let mut out = String::new();
            program.mask(value, &Beside::default(), &mut out).map(|()| out)
        };
        values.iter().map(one).collect()
    }

    #[test]
    fn a_program_is_asked_line_by_line() {
        let script = "while read -r line; do n=$((n + 1)); echo \"\\\"$n ${#line}\\\"\"; done";
        let answers = mask(script, &["a", "two\nlines", "\"quoted\""]).expect("answers");
        assert_eq!(answers, ["1 3", "2 12", "3 12"], "each a line, by one run of it");
        assert_eq!(mask("cat", &["Müller\t\\"]), Ok(vec!["Müller\t\\".to_owned()]));
    }

    #[test]
    fn one_that_fails_is_told_without_the_value() {
        for (script, why) in [
            ("exit 3", "ended"),
            ("exec no-such-program-here", "ended"),
            ("read -r line; echo no json; cat", "answered with no JSON string"),
            ("read -r line; echo 7; cat", "answered with no JSON string"),
            ("sleep 86400 & wait", "did not answer in time"),
        ] {
            let reason = mask(script, &["secret"]).expect_err(script);
            assert!(
                reason.0.contains(why) && !reason.0.contains("secret"),
                "{script}: {}",
                reason.0
            );
        }
        let program = Program::new(&["/no/such/program".to_owned()], Duration::from_secs(60));
        let reason = program.mask("secret", &Beside::default(), &mut String::new());
        assert!(reason.expect_err("no program").0.contains("cannot be run"));
    }
}
