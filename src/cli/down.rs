//! `devenv down`: stops everything, also what a killed daemon left behind; `--volumes` deletes the state.

use super::choose;
use super::outcome::Outcome;
use super::printer::{Printer, SCHEMA};
use super::progress::View;
use crate::base::{Exit, Problem};
use crate::control::client::{self, Silence};
use crate::control::{Ask, EnvState, Home, Update, leftovers};
use crate::runtime::{Dirs, dirs::user_cache_dir};
use serde_json::json;
use std::time::{Duration, Instant};

/// Longest wait for the end of everything; beyond the longest grace of any part.
const DOWN_WAIT: Duration = Duration::from_secs(60);
/// Longest wait for the daemon's lock after its last word.
const LOCK_WAIT: Duration = Duration::from_secs(5);

/// Stop everything
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  devenv down --volumes --yes")]
pub(super) struct Down {
    /// Delete the state as well: databases, objects, queues, logs
    #[arg(long)]
    volumes: bool,
    /// Do not ask
    #[arg(long, requires = "volumes")]
    yes: bool,
}

impl Down {
    pub(super) fn run(self, printer: &Printer) -> Result<Outcome, Problem> {
        let home = choose::home()?;
        if self.volumes && !self.yes {
            agree(&home, printer)?;
        }
        let stopped = stop(&home, printer)?;
        let left = leftovers::stop(&home)?;
        for name in &left {
            printer.say(format!("stopped {name}, which a killed daemon had left behind"));
        }
        let removed = self.volumes && remove(&home)?;
        if !stopped && left.is_empty() && !removed {
            return Err(home.not_running());
        }
        if printer.json {
            printer.object(&json!({"schema": SCHEMA, "stopped": stopped || !left.is_empty(),
                "removed": removed}));
        } else {
            printer.out(if removed { "down, state deleted" } else { "down" });
        }
        Ok(Outcome::Done)
    }
}

fn agree(home: &Home, printer: &Printer) -> Result<(), Problem> {
    let question = format!("delete all state in {}?", home.dir.display());
    match printer.confirm(&question) {
        Some(true) => Ok(()),
        Some(false) => Err(Problem::failed("not-confirmed", "nothing was deleted")),
        None => Err(needs_yes("deletes the state", "devenv down --volumes --yes")),
    }
}

/// There is nobody to ask.
pub(super) fn needs_yes(what: &str, command: &str) -> Problem {
    let message = format!("this {what}, and there is no terminal to ask on");
    Problem::new(Exit::Usage, "needs-yes", message).hint(format!("say so beforehand: `{command}`"))
}

/// Ends the daemon; `false` when none was there.
fn stop(home: &Home, printer: &Printer) -> Result<bool, Problem> {
    let Some(stream) = client::connect(home)? else { return Ok(false) };
    let Ok(updates) = client::send(stream, Ask::Down) else { return Ok(false) };
    let deadline = Instant::now() + DOWN_WAIT;
    let mut view = View::joining(printer);
    let mut stopping = false;
    loop {
        match updates.next(Some(deadline)) {
            // A boot's own failure is that of its `up`; for `down` it is an end like any other.
            Ok(Update::Failed(told)) if !stopping => {
                let problem: Problem = told.into();
                if problem.code == "daemon-version" {
                    return Err(problem);
                }
            }
            Ok(update) => {
                if let Update::Status(status) = &update {
                    stopping |= status.state == EnvState::Stopping;
                }
                view.show(&update);
            }
            Err(Silence::Closed) => break,
            Err(Silence::TimedOut) => {
                let message = format!("not everything is down after {} s", DOWN_WAIT.as_secs());
                return Err(Problem::new(Exit::NotReady, "not-down", message)
                    .hint("`devenv status` shows what still runs")
                    .retryable());
            }
        }
    }
    view.clear();
    let limit = Instant::now() + LOCK_WAIT;
    while home.try_lock()?.is_none() && Instant::now() < limit {
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(true)
}

/// Deletes `.devenv`, and what lies elsewhere because of it; `false` when there is nothing.
fn remove(home: &Home) -> Result<bool, Problem> {
    if !home.dir.exists() {
        return Ok(false);
    }
    let Some(_lock) = home.try_lock()? else {
        let message = format!("a daemon has started in {} meanwhile", home.project.display());
        return Err(Problem::failed("running", message).retryable());
    };
    leftovers::remove_volumes(home)?;
    Dirs::at(&home.dir, user_cache_dir()?).remove_data()?;
    std::fs::remove_dir_all(&home.dir).map_err(|e| {
        let message = format!("cannot delete {}: {e}", home.dir.display());
        Problem::in_the_way("not-writable", message).hint("check the owner of what is in it")
    })?;
    Ok(true)
}
