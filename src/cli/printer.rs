//! The only way out: data to stdout, progress to stderr, problems as text or as JSON.

use crate::base::{Exit, Problem};
use serde_json::{Value, json};
use std::io::{IsTerminal, Write};
use std::process::ExitCode;

/// Version of the JSON objects printed.
pub(super) const SCHEMA: u32 = 1;

const RED: &str = "\x1b[1;31m";
const CYAN: &str = "\x1b[1;36m";
const PLAIN: &str = "\x1b[0m";

/// How and where things are printed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Printer {
    /// One JSON object instead of text.
    pub(super) json: bool,
    /// More detail.
    pub(super) verbose: bool,
    /// Bars and spinners may move on stderr.
    pub(super) lively: bool,
    quiet: bool,
    colour: bool,
}

impl Printer {
    pub(super) fn new(json: bool, quiet: bool, verbose: bool) -> Printer {
        let set = |key: &str| std::env::var_os(key).is_some_and(|v| !v.is_empty());
        let terminal = std::io::stderr().is_terminal();
        let dumb = std::env::var_os("TERM").is_some_and(|t| t == "dumb");
        let colour = terminal && !set("NO_COLOR") && !set("CI") && !json && !dumb;
        let lively = terminal && !set("CI") && !json && !quiet && !dumb;
        Printer { json, verbose, lively, quiet, colour }
    }

    /// One that shows no progress, for what is not the command's own affair.
    pub(super) fn quieter(&self) -> Printer {
        Printer { quiet: true, lively: false, ..*self }
    }

    /// A line of data.
    pub(super) fn out(&self, text: impl AsRef<str>) {
        let mut out = std::io::stdout().lock();
        // A reader that has left (`| head`) wants no more.
        let _ = writeln!(out, "{}", text.as_ref()).and_then(|()| out.flush());
    }

    /// Data as it is, byte by byte.
    pub(super) fn bytes(&self, data: &[u8]) {
        let mut out = std::io::stdout().lock();
        let _ = out.write_all(data).and_then(|()| out.flush());
    }

    /// An object as the command's one JSON answer.
    pub(super) fn object(&self, value: &Value) {
        self.out(value.to_string());
    }

    /// A line of progress.
    pub(super) fn say(&self, text: impl AsRef<str>) {
        if !self.quiet && !self.json {
            self.err(text.as_ref());
        }
    }

    /// A line that counts even when progress does not.
    pub(super) fn warn(&self, text: impl AsRef<str>) {
        if !self.json {
            self.err(&format!("{} {}", self.paint(CYAN, "note:"), text.as_ref()));
        }
    }

    /// A question on the terminal; `None` when there is nobody to answer.
    pub(super) fn confirm(&self, question: &str) -> Option<bool> {
        if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() || self.json {
            return None;
        }
        let mut err = std::io::stderr().lock();
        let _ = write!(err, "{question} [y/N] ").and_then(|()| err.flush());
        let mut answer = String::new();
        std::io::stdin().read_line(&mut answer).ok()?;
        Some(matches!(answer.trim(), "y" | "Y" | "yes"))
    }

    /// What went wrong: on stderr for people, as an object on stdout for machines.
    pub(super) fn problem(&self, problem: &Problem) {
        if self.json {
            return self.object(&json!({"schema": SCHEMA, "error": {
                "code": problem.code,
                "message": problem.message,
                "hint": problem.hint,
                "retryable": problem.retryable,
            }}));
        }
        self.err(&format!("{} {}", self.paint(RED, "error:"), problem.message));
        if let Some(hint) = &problem.hint {
            self.err(&format!("\n{} {hint}", self.paint(CYAN, "hint:")));
        }
    }

    fn err(&self, text: &str) {
        let _ = writeln!(std::io::stderr().lock(), "{text}");
    }

    fn paint(&self, colour: &str, text: &str) -> String {
        if self.colour { format!("{colour}{text}{PLAIN}") } else { text.to_owned() }
    }
}

/// Help and version go to stdout; mistakes in arguments are exit 2.
pub(super) fn usage(error: &clap::Error, json: bool) -> ExitCode {
    if !error.use_stderr() {
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    if !json {
        let _ = error.print();
        return ExitCode::from(Exit::Usage.code());
    }
    let text = error.to_string();
    let message = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
    let problem = Problem::new(Exit::Usage, "usage", message).hint("see `devenv --help`");
    Printer::new(true, true, false).problem(&problem);
    ExitCode::from(Exit::Usage.code())
}
