//! `devenv profile`: the shipped profiles and one's own, resolved, checked, and their schema.

use super::choose;
use super::outcome::Outcome;
use super::printer::{Printer, SCHEMA};
use super::table;
use crate::base::Problem;
use crate::control;
use crate::profile::{schema, shipped, show_json, show_toml};
use serde_json::json;

/// Shipped and own profiles; the JSON Schema for editors
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  devenv profile show epicenter")]
pub(super) struct Profile {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// The shipped profiles
    #[command(after_help = "Example:\n  devenv profile list")]
    List,
    /// A profile with every default filled in; secrets hidden
    #[command(after_help = "Example:\n  devenv profile show minimal")]
    Show {
        /// A shipped profile's name or a file; the project's own when absent
        #[arg(value_name = "NAME|FILE")]
        profile: Option<String>,
    },
    /// Every mistake in a profile, without starting anything
    #[command(after_help = "Example:\n  devenv profile validate devenv.toml")]
    Validate {
        /// A shipped profile's name or a file; the project's own when absent
        #[arg(value_name = "NAME|FILE")]
        profile: Option<String>,
    },
    /// The JSON Schema of devenv.toml
    #[command(after_help = "Example:\n  devenv profile schema > devenv.schema.json")]
    Schema,
}

impl Profile {
    pub(super) fn run(self, printer: &Printer) -> Result<Outcome, Problem> {
        match self.what {
            What::List => list(printer)?,
            What::Show { profile } => {
                let profile = choose::profile(profile.as_deref(), printer)?.profile;
                match printer.json {
                    true => {
                        printer.object(&json!({"schema": SCHEMA, "profile": show_json(&profile)}))
                    }
                    false => printer.out(show_toml(&profile).trim_end()),
                }
            }
            What::Validate { profile } => {
                let profile = choose::profile(profile.as_deref(), printer)?.profile;
                let stack = control::stack(&profile)?;
                stack.notes.iter().for_each(|note| printer.say(format!("note: {note}")));
                match printer.json {
                    true => printer.object(
                        &json!({"schema": SCHEMA, "profile": profile.name, "mistakes": []}),
                    ),
                    false => printer.out(format!("profile `{}` has no mistakes", profile.name)),
                }
            }
            What::Schema => {
                let text = serde_json::to_string_pretty(&schema()).unwrap_or_default();
                printer.out(text);
            }
        }
        Ok(Outcome::Done)
    }
}

fn list(printer: &Printer) -> Result<(), Problem> {
    let own = choose::own_profile(&choose::here()?).map(|p| p.to_string_lossy().into_owned());
    if printer.json {
        let all: Vec<_> =
            shipped().iter().map(|p| json!({"name": p.name, "summary": p.summary})).collect();
        printer.object(&json!({"schema": SCHEMA, "profiles": all, "own": own}));
        return Ok(());
    }
    let rows = shipped().iter().map(|p| vec![p.name.to_owned(), p.summary.to_owned()]);
    printer.out(table::columns(rows));
    if let Some(own) = own {
        printer.say(format!("this project's own: {own}"));
    }
    Ok(())
}
