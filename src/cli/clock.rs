//! `devenv clock`: the virtual clock that the emulated services live by.

use super::choose;
use super::outcome::Outcome;
use super::printer::Printer;
use crate::base::{Millis, Problem, duration};
use crate::control::client;
use crate::control::{Ask, Update};
use crate::services::{ClockOrder, parse_instant};
use std::time::Duration;

/// Longest wait for the daemon's answer.
const ANSWER_WAIT: Duration = Duration::from_secs(10);

/// Show or move the time of the emulated services; Postgres, Redis and clients keep the machine's
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  devenv clock advance 15m\n  devenv clock set 2027-01-31T09:00:00Z\n  devenv clock set now"
)]
pub(super) struct Clock {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Clone, clap::Subcommand)]
enum What {
    /// How it stands
    Show,
    /// Move it forward
    Advance {
        /// `500ms`, `60s`, `15m`, `2h`, `7d`
        #[arg(value_parser = duration::parse, value_name = "TIME")]
        by: Duration,
    },
    /// Show this instant from now on; `now` goes back to the machine's own time
    Set {
        /// `2027-01-31T09:00:00Z`, `2027-01-31` (UTC), seconds since 1970, or `now`
        #[arg(value_parser = goal, value_name = "TIME")]
        to: Goal,
    },
    /// Stand still
    Freeze,
    /// Go on from where it stood still
    Resume,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Goal {
    Machine,
    Instant(Millis),
}

fn goal(text: &str) -> Result<Goal, String> {
    match text {
        "now" => Ok(Goal::Machine),
        text => parse_instant(text).map(Goal::Instant),
    }
}

impl Clock {
    pub(super) fn run(self, printer: &Printer) -> Result<Outcome, Problem> {
        let order = match self.what {
            What::Show => None,
            What::Advance { by } => Some(ClockOrder::Advance { by_ms: by.as_millis() as i64 }),
            What::Set { to: Goal::Machine } => Some(ClockOrder::Reset),
            What::Set { to: Goal::Instant(at) } => Some(ClockOrder::Set { to_ms: at.0 }),
            What::Freeze => Some(ClockOrder::Freeze),
            What::Resume => Some(ClockOrder::Resume),
        };
        let home = choose::home()?;
        match client::ask_once(&home, Ask::Clock { order }, ANSWER_WAIT)? {
            Update::Clock(view) if printer.json => printer.object(&view),
            Update::Clock(view) => printer.out(told(&view)),
            _ => return Err(client::daemon_left("it answered something else")),
        }
        Ok(Outcome::Done)
    }
}

/// `2027-01-31T09:00:00.000Z, 15 m ahead`.
fn told(view: &serde_json::Value) -> String {
    let now = view["now"].as_str().unwrap_or_default();
    match (view["frozen"].as_bool(), view["offset_ms"].as_i64()) {
        (Some(true), _) => format!("{now}, standing still"),
        (_, Some(0)) => format!("{now}, the machine's own time"),
        (_, offset) => format!("{now}, {}", ahead(offset.unwrap_or_default())),
    }
}

/// `15 m ahead of the machine`, `2 d 3 h behind the machine`.
pub(super) fn ahead(offset_ms: i64) -> String {
    let seconds = offset_ms.unsigned_abs() / 1000;
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let units = [(days, "d"), (rest / 3600, "h"), (rest / 60 % 60, "m"), (rest % 60, "s")];
    let mut parts: Vec<String> =
        units.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n} {unit}")).collect();
    if parts.is_empty() {
        parts.push(format!("{} ms", offset_ms.unsigned_abs()));
    }
    let side = if offset_ms < 0 { "behind" } else { "ahead of" };
    format!("{} {side} the machine", parts.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_said_shortly() {
        assert_eq!(ahead(900_000), "15 m ahead of the machine");
        assert_eq!(ahead(-(2 * 86_400_000 + 3_600_000)), "2 d 1 h behind the machine");
        assert_eq!(ahead(7), "7 ms ahead of the machine");
    }
}
