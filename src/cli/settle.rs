//! What `wait`, `start`, `stop` and `restart` share: following one or more services to a state.

use super::outcome::Outcome;
use super::printer::{Printer, SCHEMA};
use super::progress::View;
use crate::base::duration;
use crate::base::{Exit, Problem};
use crate::control::client::{self, Silence, Updates};
use crate::control::daemon::last_lines;
use crate::control::{Ask, Home, ServiceStatus, Status, Update};
use crate::profile::nearest;
use crate::runtime::{Dirs, dirs::user_cache_dir};
use serde_json::json;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long parts may take when the command does not say.
pub(super) const USUAL_TIMEOUT: Duration = Duration::from_secs(60);

/// A state that can be waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Goal {
    /// It answers.
    Healthy,
    /// It runs, whether or not it answers.
    Up,
    /// It does not run.
    Down,
}

impl Goal {
    fn word(self) -> &'static str {
        match self {
            Goal::Healthy => "healthy",
            Goal::Up => "up",
            Goal::Down => "down",
        }
    }

    fn is_met(self, row: &ServiceStatus) -> bool {
        match self {
            Goal::Healthy => row.state == "healthy",
            Goal::Up => {
                matches!(row.state.as_str(), "healthy" | "unhealthy")
                    || row.state == "starting" && row.pid.is_some()
            }
            Goal::Down => matches!(row.state.as_str(), "down" | "failed"),
        }
    }
}

/// Asks the daemon and follows until all of `names` have met `goal`.
pub(super) fn to(
    home: &Home,
    ask: Ask,
    names: &[String],
    goal: Goal,
    timeout: Duration,
    printer: &Printer,
) -> Result<Status, Problem> {
    let updates = client::ask(home, ask)?;
    let mut view = View::joining(printer);
    let result = follow(&updates, names, goal, timeout, &mut view);
    view.clear();
    result
}

fn follow(
    updates: &Updates,
    names: &[String],
    goal: Goal,
    timeout: Duration,
    view: &mut View,
) -> Result<Status, Problem> {
    let deadline = Instant::now().checked_add(timeout);
    let mut last: Option<Status> = None;
    loop {
        match updates.next(deadline) {
            Ok(Update::Failed(told)) => return Err(told.into()),
            Ok(Update::Status(status)) => {
                view.show(&Update::Status(status.clone()));
                let rows = match chosen(&status, names) {
                    // Which services the gateway has is known when it has started.
                    Err(_) if status.services.iter().any(|s| s.name == "gateway") => {
                        last = Some(status);
                        continue;
                    }
                    rows => rows?,
                };
                if rows.iter().all(|row| goal.is_met(row)) {
                    return Ok(status);
                }
                if let Some(row) = rows.iter().find(|row| row.state == "failed") {
                    return Err(not_met(row, goal, &status, "was given up"));
                }
                last = Some(status);
            }
            Ok(update) => view.show(&update),
            // Everything is down with the daemon.
            Err(Silence::Closed) if goal == Goal::Down && last.is_some() => {
                return last.ok_or_else(|| client::daemon_left("it closed the connection"));
            }
            Err(Silence::Closed) => return Err(client::daemon_left("it closed the connection")),
            Err(Silence::TimedOut) => return Err(late(last.as_ref(), names, goal, timeout)),
        }
    }
}

/// The rows that names stand for; the gateway's name stands for all its services.
fn chosen<'a>(status: &'a Status, names: &[String]) -> Result<Vec<&'a ServiceStatus>, Problem> {
    let mut rows = Vec::new();
    for name in names {
        let found = status.services.iter().filter(|s| s.name == *name || s.part == *name);
        let before = rows.len();
        rows.extend(found);
        if rows.len() == before {
            return Err(unknown(name, status));
        }
    }
    Ok(rows)
}

fn unknown(name: &str, status: &Status) -> Problem {
    let names: Vec<&str> = status.services.iter().map(|s| s.name.as_str()).collect();
    let near = nearest(name, names.iter().copied());
    let list = names.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ");
    let hint = match near {
        Some(near) => format!("did you mean `{near}`? It has {list}"),
        None => format!("it has {list}"),
    };
    let message = format!("this environment has no service `{name}`");
    Problem::new(Exit::Usage, "unknown-service", message).hint(hint)
}

fn late(status: Option<&Status>, names: &[String], goal: Goal, timeout: Duration) -> Problem {
    let row = status.and_then(|status| {
        let rows = chosen(status, names).ok()?;
        rows.into_iter().find(|row| !goal.is_met(row)).map(|row| (status, row))
    });
    let after = format!("after {}", duration::say(timeout));
    match row {
        Some((status, row)) => not_met(row, goal, status, &after),
        None => Problem::new(Exit::NotReady, "not-ready", format!("the daemon is silent {after}")),
    }
}

fn not_met(row: &ServiceStatus, goal: Goal, status: &Status, how: &str) -> Problem {
    let (name, state) = (&row.name, &row.state);
    let mut message = format!("{name} is not {} {how}: it is {state}", goal.word());
    if let Some(reason) = &row.reason {
        message.push_str(&format!(": {reason}"));
    }
    if let Ok(cache) = user_cache_dir() {
        message.push_str(&last_lines(&Dirs::at(Path::new(&status.state_dir), cache), &row.part));
    }
    Problem::new(Exit::NotReady, "not-ready", message)
        .hint(format!("`devenv logs {}` has the whole log", row.part))
        .retryable()
}

/// Prints where the services have come to.
pub(super) fn report(status: &Status, names: &[String], printer: &Printer) -> Outcome {
    let named = |s: &&ServiceStatus| names.iter().any(|n| s.name == *n || s.part == *n);
    let rows: Vec<_> = status.services.iter().filter(named).collect();
    if printer.json {
        printer.object(&json!({"schema": SCHEMA, "services": rows}));
    } else {
        rows.iter().for_each(|row| printer.out(format!("{} {}", row.name, row.state)));
    }
    Outcome::Done
}
