//! `devenv seed`: fills the running environment.

use super::outcome::Outcome;
use super::printer::{Printer, SCHEMA};
use super::progress::Shown;
use crate::base::Problem;
use crate::data::{self, Loaded};
use serde_json::json;
use std::path::PathBuf;

/// Threads that drive connections; masking has its own.
const THREADS: usize = 2;

/// Load seed archives into the running environment
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  devenv seed app.devseed")]
pub(super) struct Seed {
    /// Archives, made by `devenv data pull`
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
}

impl Seed {
    pub(super) fn run(self, printer: &Printer) -> Result<Outcome, Problem> {
        let server = super::data::server()?;
        let shown = Shown::new(printer);
        let runtime = runtime()?;
        let mut done = Vec::new();
        for file in &self.files {
            let seeded = runtime.block_on(data::seed_archive(file, &server, &shown))?;
            let how = match seeded.how {
                Loaded::Whole => "loaded",
                Loaded::Rows => "rows replaced",
                Loaded::Already => "was there already",
            };
            if !printer.json {
                printer.out(format!(
                    "{}: {how}; {} rows of {} tables",
                    file.display(),
                    seeded.rows,
                    seeded.tables
                ));
            }
            done.push(json!({
                "file": file, "how": how, "tables": seeded.tables, "rows": seeded.rows,
            }));
        }
        if printer.json {
            printer.object(&json!({"schema": SCHEMA, "seeded": done}));
        }
        Ok(Outcome::Done)
    }
}

/// What drives connections to Postgres.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Problem> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(THREADS)
        .enable_all()
        .build()
        .map_err(|e| Problem::failed("threads", format!("cannot start threads: {e}")))
}
