//! `devenv doctor`: what is missing or in the way, and the command that mends it.

use super::choose;
use super::outcome::Outcome;
use super::printer::{Printer, SCHEMA};
use super::table;
use crate::base::{Exit, Problem};
use crate::control::client;
use crate::control::{Ask, Home, Update};
use crate::runtime::doctor::{self as machine, Finding};
use crate::runtime::{Dirs, dirs::user_cache_dir};
use serde_json::json;
use std::time::Duration;

/// Longest wait for the daemon's answer.
const ANSWER_WAIT: Duration = Duration::from_secs(10);

/// Look for what is missing or in the way, and say how to mend it
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  devenv doctor --json")]
pub(super) struct Doctor {}

impl Doctor {
    pub(super) fn run(self, printer: &Printer) -> Result<Outcome, Problem> {
        let mut findings = Vec::new();
        let choice = match choose::profile(None, printer) {
            Ok(choice) => {
                findings
                    .push(good("profile", format!("`{}` has no mistakes", choice.profile.name)));
                choice
            }
            // The machine is looked at whatever the profile says, with what `up` would use by default.
            Err(problem) => {
                findings.push(bad("profile", &problem));
                choose::shipped_default()?
            }
        };
        findings.push(directory(&choice.home));
        findings.extend(running(&choice.home));
        let dirs = Dirs::at(&choice.home.dir, user_cache_dir()?);
        findings.extend(machine::findings(&choice.profile, &dirs));
        print(&findings, printer);
        let well = findings.iter().all(|f| f.ok);
        Ok(if well { Outcome::Done } else { Outcome::Code(Exit::InTheWay.code()) })
    }
}

fn good(name: &str, detail: impl Into<String>) -> Finding {
    Finding { ok: true, name: name.to_owned(), detail: detail.into(), remedy: None }
}

fn bad(name: &str, problem: &Problem) -> Finding {
    let (detail, remedy) = (problem.message.clone(), problem.hint.clone());
    Finding { ok: false, name: name.to_owned(), detail, remedy }
}

/// The environment that runs here, and each service of it that does not answer.
fn running(home: &Home) -> Vec<Finding> {
    let Ok(Update::Status(status)) = client::ask_once(home, Ask::Status, ANSWER_WAIT) else {
        return Vec::new();
    };
    let detail =
        format!("`{}` is {}, daemon pid {}", status.profile, status.state.word(), status.pid);
    let ill = status.services.iter().filter(|s| matches!(s.state.as_str(), "failed" | "unhealthy"));
    let ill = ill.map(|s| {
        let reason = s.reason.as_deref().unwrap_or("it gives no reason");
        let message = format!("{}: {reason}", s.state);
        let hint = format!("`devenv logs {}` says more", s.part);
        bad(&s.name, &Problem::in_the_way("unhealthy", message).hint(hint))
    });
    std::iter::once(good("environment", detail)).chain(ill).collect()
}

/// Whether state can be written beside the profile.
fn directory(home: &Home) -> Finding {
    let at = if home.dir.is_dir() { &home.dir } else { &home.project };
    match tempfile::tempfile_in(at) {
        Ok(_) => good("directory", format!("{} can be written", at.display())),
        Err(e) => {
            let problem = Problem::in_the_way(
                "not-writable",
                format!("cannot write in {}: {e}", at.display()),
            );
            bad(
                "directory",
                &problem.hint("check its owner and mode, or `devenv up --ephemeral` elsewhere"),
            )
        }
    }
}

fn print(findings: &[Finding], printer: &Printer) {
    if printer.json {
        let all: Vec<_> = findings
            .iter()
            .map(|f| json!({"ok": f.ok, "name": f.name, "detail": f.detail, "remedy": f.remedy}))
            .collect();
        let well = findings.iter().all(|f| f.ok);
        return printer.object(&json!({"schema": SCHEMA, "ok": well, "findings": all}));
    }
    let rows = findings.iter().map(|f| {
        let mark = if f.ok { "ok" } else { "BAD" };
        let remedy = f.remedy.as_ref().map(|r| format!("\n→ {r}")).unwrap_or_default();
        vec![mark.to_owned(), f.name.clone(), format!("{}{remedy}", f.detail)]
    });
    printer.out(table::columns(rows));
}
