//! `devenv init`: writes a commented devenv.toml; never over one that is there.

use super::choose;
use super::outcome::Outcome;
use super::printer::{Printer, SCHEMA};
use crate::base::{Exit, Problem};
use crate::control::home::PROFILE_FILE;
use crate::profile::{nearest, shipped, template};
use serde_json::json;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};

/// Write a commented devenv.toml
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  devenv init --profile epicenter")]
pub(super) struct Init {
    /// The shipped profile to extend
    #[arg(long, value_name = "NAME", default_value = "default")]
    profile: String,
}

impl Init {
    pub(super) fn run(self, printer: &Printer) -> Result<Outcome, Problem> {
        known(&self.profile)?;
        let path = choose::here()?.join(PROFILE_FILE);
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)
            .and_then(|mut file| file.write_all(template(&self.profile).as_bytes()));
        match written {
            Ok(()) if printer.json => {
                printer.object(&json!({"schema": SCHEMA, "file": path.to_string_lossy()}));
            }
            Ok(()) => {
                printer.out(format!("wrote {}", path.display()));
                printer.say("boot it with `devenv up`");
            }
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {
                let message = format!("{} is there already; nothing was written", path.display());
                return Err(
                    Problem::failed("file-exists", message).hint("edit it, or remove it first")
                );
            }
            Err(e) => {
                let message = format!("cannot write {}: {e}", path.display());
                return Err(Problem::in_the_way("not-writable", message)
                    .hint("check the owner and mode of the directory"));
            }
        }
        Ok(Outcome::Done)
    }
}

/// Whether a shipped profile has this name.
pub(super) fn known(name: &str) -> Result<(), Problem> {
    if shipped().iter().any(|p| p.name == name) {
        return Ok(());
    }
    let names: Vec<String> = shipped().iter().map(|p| format!("`{}`", p.name)).collect();
    let near = nearest(name, shipped().iter().map(|p| p.name));
    let hint = match near {
        Some(near) => format!("did you mean `{}`? Shipped: {}", near, names.join(", ")),
        None => format!("shipped: {}", names.join(", ")),
    };
    let message = format!("devenv ships no profile `{name}`");
    Err(Problem::new(Exit::Usage, "unknown-profile", message).hint(hint))
}
