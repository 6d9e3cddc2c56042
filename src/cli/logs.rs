//! `devenv logs`: what the parts wrote, in the order of time; also after the environment's end.

use super::choose;
use super::outcome::Outcome;
use super::printer::{Printer, SCHEMA};
use crate::base::duration;
use crate::base::{Exit, Problem};
use crate::control::{Home, detach};
use crate::runtime::logs::{self, Follower, Line};
use crate::runtime::{Dirs, dirs::user_cache_dir};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;

/// Lines shown a log when no time is given.
const LINES_SHOWN: usize = 200;
/// Lines shown a log at the most.
const LINES_MAX: usize = 100_000;
/// Between looks for new lines.
const FOLLOW_PACE: Duration = Duration::from_millis(60);

/// Show what the services wrote
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  devenv logs -f --since 10m postgres")]
pub(super) struct Logs {
    /// Go on as lines come
    #[arg(short, long)]
    follow: bool,
    /// Only lines of this last time
    #[arg(long, value_parser = duration::parse, value_name = "TIME")]
    since: Option<Duration>,
    /// Which services; all when none is named. `daemon` is devenv's own log, `hooks` that of hooks
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
}

/// A log by its name, and where it lies.
struct Source {
    name: String,
    dirs: Dirs,
}

impl Logs {
    pub(super) fn run(self, printer: &Printer) -> Result<Outcome, Problem> {
        let sources = self.sources(&choose::home()?)?;
        // Followed from before they are read: a line may come twice, none is missed.
        let followers: Vec<_> =
            sources.iter().map(|s| (s, Follower::at_end(&s.dirs, &s.name))).collect();
        let since = self.since.and_then(|since| {
            Timestamp::now().checked_sub(SignedDuration::try_from(since).ok()?).ok()
        });
        let count = if since.is_some() { LINES_MAX } else { LINES_SHOWN };
        let mut lines: Vec<(&str, Line)> = Vec::new();
        for source in &sources {
            let read = logs::read(&source.dirs, &source.name, since, count)?;
            lines.extend(read.into_iter().map(|line| (source.name.as_str(), line)));
        }
        lines.sort_by(|a, b| a.1.at.cmp(&b.1.at));
        let width = sources.iter().map(|s| s.name.len()).max().unwrap_or_default();
        if printer.json && !self.follow {
            let lines: Vec<_> = lines.iter().map(|(name, line)| object(name, line)).collect();
            printer.object(&json!({"schema": SCHEMA, "lines": lines}));
            return Ok(Outcome::Done);
        }
        lines.iter().for_each(|(name, line)| print(name, line, width, printer));
        if self.follow {
            follow(followers, width, printer);
        }
        Ok(Outcome::Done)
    }

    fn sources(&self, home: &Home) -> Result<Vec<Source>, Problem> {
        let own = Dirs::at(&home.dir, user_cache_dir()?);
        let state = std::fs::read_to_string(home.ephemeral_pointer())
            .map(|dir| Dirs::at(&std::path::Path::new(&dir).join(".devenv"), own.cache.clone()))
            .unwrap_or_else(|_| own.clone());
        let mut there: BTreeSet<String> = names(&state);
        there.insert(detach::LOG.to_owned());
        if !own.logs.is_dir() {
            return Err(home.not_running());
        }
        let place = |name: String| match name == detach::LOG {
            true => Source { name, dirs: own.clone() },
            false => Source { name, dirs: state.clone() },
        };
        if self.services.is_empty() {
            return Ok(there.into_iter().map(place).collect());
        }
        let named = self.services.iter().map(|name| {
            // What runs inside the daemon writes its log.
            let log = if EMULATED.contains(&name.as_str()) { detach::LOG } else { name };
            there.get(log).cloned().map(place).ok_or_else(|| unknown(name, &there))
        });
        named.collect()
    }
}

/// Parts and services without a process of their own.
const EMULATED: [&str; 8] =
    ["gateway", "smtp", "s3", "sqs", "ses", "sesv2", "secretsmanager", "sts"];

fn unknown(name: &str, there: &BTreeSet<String>) -> Problem {
    let list: Vec<_> = there.iter().map(|n| format!("`{n}`")).collect();
    Problem::new(Exit::Usage, "unknown-log", format!("there is no log `{name}` here"))
        .hint(format!("there are {}", list.join(", ")))
}

fn names(dirs: &Dirs) -> BTreeSet<String> {
    let entries = std::fs::read_dir(&dirs.logs).into_iter().flatten().flatten();
    let name = |entry: std::fs::DirEntry| {
        Some(entry.file_name().to_str()?.strip_suffix(".log")?.to_owned())
    };
    entries.filter_map(name).collect()
}

fn follow(mut followers: Vec<(&Source, Follower)>, width: usize, printer: &Printer) {
    loop {
        for (source, follower) in &mut followers {
            follower.poll().iter().for_each(|line| print(&source.name, line, width, printer));
        }
        std::thread::sleep(FOLLOW_PACE);
    }
}

fn print(name: &str, line: &Line, width: usize, printer: &Printer) {
    match printer.json {
        true => printer.object(&object(name, line)),
        false => printer.out(format!("{name:width$} | {} {}", line.at, line.text)),
    }
}

fn object(name: &str, line: &Line) -> serde_json::Value {
    json!({"at": line.at, "service": name, "text": line.text})
}
