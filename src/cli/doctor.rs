//! `devenv doctor`: what is missing or in the way, and the command that mends it.

use super::choose;
use super::exec::all_on_path;
use super::outcome::Outcome;
use super::printer::{Printer, SCHEMA};
use super::table;
use crate::base::{Exit, Problem};
use crate::control::{Home, client};
use crate::profile::{Port, Profile};
use crate::runtime::doctor::Finding;
use crate::runtime::ports;
use serde_json::json;

/// Look for what is missing or in the way, and say how to mend it
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  devenv doctor --json")]
pub(super) struct Doctor {}

impl Doctor {
    pub(super) fn run(self, printer: &Printer) -> Result<Outcome, Problem> {
        let mut findings = Vec::new();
        match choose::profile(None, printer) {
            Ok(choice) => {
                findings
                    .push(good("profile", format!("`{}` has no mistakes", choice.profile.name)));
                findings.push(directory(&choice.home));
                findings.extend(port_findings(&choice.profile, &choice.home));
            }
            Err(problem) => findings.push(bad("profile", &problem)),
        }
        findings.push(program());
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

/// Whether fixed ports are free, where the environment does not run already.
fn port_findings(profile: &Profile, home: &Home) -> Vec<Finding> {
    if matches!(client::connect(home), Ok(Some(_))) {
        return vec![good("ports", "the environment runs; `devenv status` shows its ports")];
    }
    let mut wished = vec![("gateway", profile.ports.gateway), ("smtp", profile.ports.smtp)];
    wished.extend(profile.postgres.as_ref().map(|_| ("postgres", profile.ports.postgres)));
    wished.extend(profile.redis.as_ref().map(|_| ("redis", profile.ports.redis)));
    let mut taken = Vec::new();
    let look = |(what, port): (&str, Port)| match ports::claim(port, what, &mut taken) {
        Ok(port) => good(&format!("port for {what}"), format!("{port} is free")),
        Err(problem) => bad(&format!("port for {what}"), &problem),
    };
    wished.into_iter().map(look).collect()
}

/// Whether `devenv` on PATH is this program; cachix has one of the same name.
fn program() -> Finding {
    let own = std::env::current_exe().and_then(|p| p.canonicalize()).ok();
    let all = all_on_path("devenv");
    let is_own = |p: &std::path::PathBuf| p.canonicalize().ok() == own;
    match all.first() {
        None => good("program", "`devenv` is not on PATH; it was called by its path"),
        Some(first) if is_own(first) => good("program", first.display().to_string()),
        Some(first) => {
            let detail = format!("`devenv` on PATH is {}, another program", first.display());
            let remedy = match all.iter().find(|p| is_own(p)) {
                Some(own) => {
                    format!("put {} before it on PATH, or `alias` one of the two", own.display())
                }
                None => {
                    "call this one by its path, or give it another name with `alias`".to_owned()
                }
            };
            Finding { ok: false, name: "program".to_owned(), detail, remedy: Some(remedy) }
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
