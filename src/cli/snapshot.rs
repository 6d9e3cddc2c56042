//! `devenv snapshot`: the whole state kept under a name, brought back, listed, removed.

use super::choose;
use super::outcome::Outcome;
use super::printer::{Printer, SCHEMA};
use super::table;
use crate::base::Problem;
use crate::control::{Ask, Home, Update, client, snapshot};
use crate::data::snapshot::{Kept, Manifest, Reason, Store, diff, export, import};
use crate::runtime::Dirs;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;

/// Longest wait: a large database is copied.
const LONG_WAIT: Duration = Duration::from_secs(1800);

/// Keep the state of everything as one moment, and bring it back
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  devenv snapshot save seeded\n  devenv snapshot restore seeded\n  devenv snapshot list --json"
)]
pub(super) struct Snapshot {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Make one of the running environment; writers wait for milliseconds
    Save {
        /// Its name
        name: String,
        /// Replace one that has the name
        #[arg(long)]
        replace: bool,
    },
    /// Bring one back; what is there now is kept for `devenv undo`
    Restore {
        /// Its name
        name: String,
    },
    /// Those there are, oldest first
    List,
    /// What is in one
    Show {
        /// Its name
        name: String,
    },
    /// What changed from one to another
    Diff {
        /// The earlier one
        first: String,
        /// The later one
        second: String,
    },
    /// Write one into a file, to give to somebody; it holds everything, secrets too
    Export {
        /// Its name
        name: String,
        /// The file; NAME.devsnap if none is named
        file: Option<PathBuf>,
    },
    /// Take in a file that was exported
    Import {
        /// The file
        file: PathBuf,
        /// A name other than the one that it has
        #[arg(long)]
        name: Option<String>,
    },
    /// Remove one
    Delete {
        /// Its name
        name: String,
    },
}

impl Snapshot {
    pub(super) fn run(self, printer: &Printer) -> Result<Outcome, Problem> {
        let home = choose::home()?;
        let store = Store::of(&home.project);
        match self.what {
            What::Save { name, replace } => save(&home, name, replace, printer),
            What::Restore { name } => restore(&home, &name, printer),
            What::List => {
                let all = store.list()?;
                let all: Vec<&Manifest> = all.iter().map(|kept| &kept.manifest).collect();
                list(&all, printer);
                Ok(Outcome::Done)
            }
            What::Show { name } => {
                let kept = store.find(&name)?;
                show(&kept.manifest, printer);
                Ok(Outcome::Done)
            }
            What::Diff { first, second } => {
                differences(&home, &store.find(&first)?, &store.find(&second)?, printer)
            }
            What::Export { name, file } => {
                let kept = store.find(&name)?;
                let file = file.unwrap_or_else(|| PathBuf::from(format!("{name}.devsnap")));
                let bytes = export(&kept, &file)?;
                match printer.json {
                    true => printer.object(
                        &json!({"schema": SCHEMA, "exported": name, "file": file, "bytes": bytes}),
                    ),
                    false => printer.out(format!("{} ({})", file.display(), size(bytes))),
                }
                Ok(Outcome::Done)
            }
            What::Import { file, name } => {
                Dirs::create(&home.project)?;
                let kept = import(&store, &file, name.as_deref())?;
                match printer.json {
                    true => printer
                        .object(&json!({"schema": SCHEMA, "snapshot": entry(&kept.manifest)})),
                    false => printer.out(format!("imported {}", kept.manifest.name)),
                }
                Ok(Outcome::Done)
            }
            What::Delete { name } => {
                store.delete(&name)?;
                match printer.json {
                    true => printer.object(&json!({"schema": SCHEMA, "deleted": name})),
                    false => printer.out(format!("deleted {name}")),
                }
                Ok(Outcome::Done)
            }
        }
    }
}

fn save(home: &Home, name: String, replace: bool, printer: &Printer) -> Result<Outcome, Problem> {
    Manifest::check_name(&name)?;
    let ask = Ask::Save { name, replace, reason: Reason::Asked };
    match client::ask_once(home, ask, LONG_WAIT)? {
        Update::Snapshot { manifest, .. } if printer.json => {
            printer.object(&json!({"schema": SCHEMA, "snapshot": entry(&manifest)}));
        }
        Update::Snapshot { manifest, .. } => {
            let held = manifest.paused_us.div_ceil(1000);
            printer.out(format!(
                "saved {}: {}, writers held up for {held} ms",
                manifest.name,
                size(manifest.bytes)
            ));
        }
        _ => return Err(client::daemon_left("it answered something else")),
    }
    Ok(Outcome::Done)
}

/// Brings a snapshot back, in a running environment or in one that is down.
pub(super) fn restore(home: &Home, name: &str, printer: &Printer) -> Result<Outcome, Problem> {
    Manifest::check_name(name)?;
    let before = if client::connect(home)?.is_some() {
        match client::ask_once(home, Ask::Restore { name: name.to_owned() }, LONG_WAIT)? {
            Update::Snapshot { before, .. } => before,
            _ => return Err(client::daemon_left("it answered something else")),
        }
    } else {
        snapshot::restore_stopped(home, name)?.before.map(|kept| kept.manifest.name)
    };
    if printer.json {
        printer.object(&json!({"schema": SCHEMA, "restored": name, "before": before}));
        return Ok(Outcome::Done);
    }
    printer.out(format!("restored {name}"));
    if let Some(before) = before {
        printer.say(format!("what was there is `{before}`; `devenv undo` brings it back"));
    }
    Ok(Outcome::Done)
}

fn differences(
    home: &Home,
    first: &Kept,
    second: &Kept,
    printer: &Printer,
) -> Result<Outcome, Problem> {
    let dirs = Dirs::create(&home.project)?;
    let has_servers = |kept: &Kept| kept.manifest.postgres.is_some() || kept.manifest.redis;
    // Which servers there are, the project's profile says.
    let profile = match has_servers(first) || has_servers(second) {
        true => Some(choose::profile(None, printer)?.profile),
        false => None,
    };
    let found = diff(first, second, profile.as_ref().map(|profile| (profile, &dirs)))?;
    if printer.json {
        let all: Vec<Value> = found
            .iter()
            .map(|d| {
                json!({"place": d.place, "table": d.table, "before": d.rows[0], "after": d.rows[1],
                    "only_before": d.only.map(|o| o[0]), "only_after": d.only.map(|o| o[1]),
                    "changed": d.changed})
            })
            .collect();
        printer.object(&json!({"schema": SCHEMA, "differences": all}));
        return Ok(Outcome::Done);
    }
    if found.is_empty() {
        printer.say("they are equal");
        return Ok(Outcome::Done);
    }
    let count = |rows: Option<u64>| rows.map_or("-".to_owned(), |n| n.to_string());
    let head = ["WHERE", "WHAT", "BEFORE", "AFTER", "GONE OR CHANGED", "NEW OR CHANGED"];
    let rows = found.iter().map(|d| {
        let only = |side: usize| d.only.map_or(String::new(), |only| only[side].to_string());
        vec![
            d.place.clone(),
            thing(&d.table).to_owned(),
            count(d.rows[0]),
            count(d.rows[1]),
            only(0),
            only(1),
        ]
    });
    printer.out(table::columns(std::iter::once(head.map(str::to_owned).to_vec()).chain(rows)));
    Ok(Outcome::Done)
}

/// What the rows of a service's table are for people.
fn thing(table: &str) -> &str {
    match table {
        "s3_versions" => "objects",
        "s3_buckets" => "buckets",
        "sqs_message" => "messages",
        "sqs_queue" => "queues",
        "ses_mail" => "mails",
        "secretsmanager_secret" => "secrets",
        "secretsmanager_version" => "values of secrets",
        "kms_key" => "keys",
        "ssm_version" => "parameters",
        other => other,
    }
}

fn list(all: &[&Manifest], printer: &Printer) {
    if printer.json {
        let all: Vec<Value> = all.iter().map(|manifest| entry(manifest)).collect();
        return printer.object(&json!({"schema": SCHEMA, "snapshots": all}));
    }
    if all.is_empty() {
        return printer.say("there are no snapshots");
    }
    let head = ["NAME", "CREATED", "WHY", "SIZE", "HOLDS"].map(str::to_owned).to_vec();
    let rows = all.iter().map(|m| {
        vec![
            m.name.clone(),
            m.created.clone(),
            m.reason.word().to_owned(),
            size(m.bytes),
            holds(m).join(" "),
        ]
    });
    printer.out(table::columns(std::iter::once(head).chain(rows)));
}

fn show(manifest: &Manifest, printer: &Printer) {
    if printer.json {
        return printer.object(&json!({"schema": SCHEMA, "snapshot": entry(manifest)}));
    }
    let row = |key: &str, value: String| vec![key.to_owned(), value];
    printer.out(table::columns([
        row("name", manifest.name.clone()),
        row("created", manifest.created.clone()),
        row("why", manifest.reason.word().to_owned()),
        row("profile", manifest.profile.clone()),
        row("project", manifest.project.clone()),
        row("size", format!("{} in {} files", size(manifest.bytes), manifest.files)),
        row("holds", holds(manifest).join(" ")),
    ]));
}

/// A snapshot as machines see it.
fn entry(manifest: &Manifest) -> Value {
    json!({
        "name": manifest.name,
        "created": manifest.created,
        "reason": manifest.reason.word(),
        "automatic": manifest.reason.is_automatic(),
        "profile": manifest.profile,
        "project": manifest.project,
        "devenv": manifest.devenv,
        "holds": holds(manifest),
        "files": manifest.files,
        "bytes": manifest.bytes,
        "paused_us": manifest.paused_us,
    })
}

fn holds(manifest: &Manifest) -> Vec<String> {
    let services = manifest.services.then(|| "services".to_owned());
    let postgres = manifest.postgres.map(|major| format!("postgres-{major}"));
    let redis = manifest.redis.then(|| "redis".to_owned());
    services.into_iter().chain(postgres).chain(redis).collect()
}

/// `512 B`, `37.1 MB`.
fn size(bytes: u64) -> String {
    let steps = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    match steps.iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => {
            let tenths = bytes / (unit / 10);
            format!("{}.{} {name}", tenths / 10, tenths % 10)
        }
        None => format!("{bytes} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        let sizes = [0, 999, 1_000, 37_190_000, 2_500_000_000].map(size);
        assert_eq!(sizes, ["0 B", "999 B", "1.0 kB", "37.1 MB", "2.5 GB"]);
    }
}
