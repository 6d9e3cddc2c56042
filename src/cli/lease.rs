//! `devenv lease`: slices of the running environment for tests that run side by side.

use super::choose;
use super::outcome::Outcome;
use super::printer::{Printer, SCHEMA};
use super::table;
use crate::base::{Problem, duration};
use crate::control::{Ask, LeaseAsk, Update, client};
use serde_json::{Value, json};
use std::time::Duration;

/// Longest wait: a large database is copied for each.
const LONG_WAIT: Duration = Duration::from_secs(600);

/// Slices of the running environment: an account, a database, a Redis database and a mail domain each
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  devenv lease --count 4 --ttl 10m --json\n  devenv lease release 01234567890\n  devenv lease list"
)]
pub(super) struct Lease {
    #[command(subcommand)]
    what: Option<What>,
    /// How many
    #[arg(long, default_value_t = 1, value_name = "N")]
    count: usize,
    /// For how long
    #[arg(long, value_parser = checked, default_value = "1h", value_name = "TIME")]
    ttl: String,
    /// The process whose end ends them
    #[arg(long, value_name = "PID")]
    pid: Option<u32>,
    /// The database that theirs are copies of; the profile's first if none is named
    #[arg(long, value_name = "DATABASE")]
    template: Option<String>,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Those that are out
    List,
    /// End one; what it had is deleted
    Release {
        /// Its id
        id: String,
    },
}

fn checked(text: &str) -> Result<String, String> {
    duration::parse(text).map(|_| text.to_owned())
}

impl Lease {
    pub(super) fn run(self, printer: &Printer) -> Result<Outcome, Problem> {
        let home = choose::home()?;
        let ask = match self.what {
            None => Ask::Lease(LeaseAsk {
                count: Some(self.count),
                ttl: Some(self.ttl),
                pid: self.pid,
                template: self.template,
            }),
            Some(What::List) => Ask::Leases,
            Some(What::Release { id }) => Ask::Release { id },
        };
        match client::ask_once(&home, ask, LONG_WAIT)? {
            Update::Leases(leases) if printer.json => {
                printer.object(&json!({"schema": SCHEMA, "leases": leases}));
            }
            Update::Leases(leases) => printer.out(told(&leases)),
            Update::Done if printer.json => printer.object(&json!({"schema": SCHEMA})),
            Update::Done => printer.out("released"),
            _ => return Err(client::daemon_left("it answered something else")),
        }
        Ok(Outcome::Done)
    }
}

fn told(leases: &[Value]) -> String {
    let head = ["ID", "ACCOUNT", "DATABASE", "REDIS", "MAIL DOMAIN", "EXPIRES"];
    let keys = ["id", "account", "database", "redis", "mail_domain", "expires"];
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    let rows = leases.iter().map(|lease| keys.iter().map(|key| text(&lease[key])).collect());
    table::columns(std::iter::once(head.map(str::to_owned).to_vec()).chain(rows))
}
