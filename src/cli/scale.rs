//! `devenv scale`: another number of containers for services of the Compose files, while all else runs.

use super::outcome::Outcome;
use super::printer::Printer;
use super::settle::USUAL_TIMEOUT;
use super::up::follow_plan;
use super::{choose, table};
use crate::base::Problem;
use crate::control::Ask;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Instant;

/// Run another number of containers of a service, until the next `down`
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  devenv scale api=3 worker=2")]
pub(super) struct Scale {
    /// Which services, and how many of each
    #[arg(required = true, value_name = "SERVICE=N", value_parser = count)]
    counts: Vec<(String, u32)>,
}

impl Scale {
    pub(super) fn run(self, printer: &Printer) -> Result<Outcome, Problem> {
        let home = choose::home()?;
        let counts: BTreeMap<String, u32> = self.counts.into_iter().collect();
        let deadline = Instant::now() + USUAL_TIMEOUT;
        let ask = Ask::Scale { counts };
        match follow_plan(&home, ask, deadline, USUAL_TIMEOUT, printer)? {
            Some(status) if printer.json => printer.object(&json!(status)),
            Some(status) => printer.out(table::endpoints(&status)),
            None => printer.say("as many run already"),
        }
        Ok(Outcome::Done)
    }
}

fn count(text: &str) -> Result<(String, u32), String> {
    let pair = text.split_once('=').and_then(|(name, n)| Some((name.to_owned(), n.parse().ok()?)));
    pair.ok_or_else(|| "a service and a number: api=3".to_owned())
}
