//! `devenv seed`: fills the running environment from files, or from the profile's `[seed]`.

use super::choose;
use super::outcome::Outcome;
use super::printer::{Printer, SCHEMA};
use super::progress::Shown;
use crate::base::{Exit, Problem};
use crate::control::client;
use crate::control::{Ask, Home, Update};
use crate::data::{self, Input, Loaded, Server, Template};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::runtime::Runtime;

/// Threads that drive connections; masking has its own.
const THREADS: usize = 2;
/// Longest wait for a step of the emulated services.
const STEP_WAIT: Duration = Duration::from_secs(600);

/// Fill the running environment: archives, SQL, fixtures, objects, messages, mails and Redis keys
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  devenv seed                    # what [seed] of devenv.toml lists\n  devenv seed app.devseed users.json\n  devenv seed --fresh app.devseed"
)]
pub(super) struct Seed {
    /// .devseed, .sql, .json, .yaml, .csv or .eml; the profile's `[seed]` when none is named
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Make the default database anew before; from a template, if the same files went into one
    #[arg(long)]
    fresh: bool,
}

impl Seed {
    pub(super) fn run(self, printer: &Printer) -> Result<Outcome, Problem> {
        let home = choose::home()?;
        // Whether it runs is said before anything else.
        super::env::variables(&home)?;
        let steps = match self.files.is_empty() {
            true => listed(None, printer)?,
            false => self.files.iter().map(|file| step(file)).collect::<Result<_, _>>()?,
        };
        let runtime = runtime()?;
        let fresh = match self.fresh {
            true => Some(runtime.block_on(Fresh::begin(&steps))?),
            false => None,
        };
        let mut done = Vec::new();
        carry_out_all(&runtime, &steps, fresh.as_ref(), &home, printer, |what, how| {
            if !printer.json {
                printer.out(format!("{what}: {how}"));
            }
            done.push(json!({"what": what, "how": how}));
        })?;
        if printer.json {
            printer.object(&json!({"schema": SCHEMA, "seeded": done}));
        }
        Ok(Outcome::Done)
    }
}

/// What is to be done to fill an environment from files; one that is called `profile` stands for what
/// `[seed]` of the profile named lists.
pub(super) fn steps(
    files: &[PathBuf],
    named: Option<&str>,
    printer: &Printer,
) -> Result<Vec<Value>, Problem> {
    let mut steps = Vec::new();
    for file in files {
        match file == Path::new("profile") {
            true => steps.extend(listed(named, printer)?),
            false => steps.push(step(file)?),
        }
    }
    Ok(steps)
}

/// Fills the environment at `home`.
pub(super) fn fill(steps: &[Value], home: &Home, printer: &Printer) -> Result<(), Problem> {
    if steps.is_empty() {
        return Ok(());
    }
    carry_out_all(&runtime()?, steps, None, home, printer, |what, how| {
        printer.say(format!("{what}: {how}"));
    })
}

/// Carries out one step after the other; `done` hears what each was and what came of it.
fn carry_out_all(
    runtime: &Runtime,
    steps: &[Value],
    fresh: Option<&Fresh>,
    home: &Home,
    printer: &Printer,
    mut done: impl FnMut(&str, &str),
) -> Result<(), Problem> {
    for (nth, step) in steps.iter().enumerate() {
        let (what, how) = match (fresh, input(step)) {
            (Some(Fresh { wanted: None, .. }), Some(input)) => {
                (path_of(&input).display().to_string(), COPIED.to_owned())
            }
            _ => runtime.block_on(carry_out(step, home, printer))?,
        };
        if let Some(fresh) = fresh.filter(|fresh| fresh.last == Some(nth)) {
            runtime.block_on(fresh.keep())?;
        }
        done(&what, &how);
    }
    Ok(())
}

/// What came of a step that went into the database before, when the same files did.
const COPIED: &str = "as it was, from the template";

/// The database, made anew.
struct Fresh {
    server: Server,
    /// To be kept when it is filled; `None`: it is filled already.
    wanted: Option<Template>,
    /// The last step that fills it.
    last: Option<usize>,
}

impl Fresh {
    async fn begin(steps: &[Value]) -> Result<Fresh, Problem> {
        let server = super::data::server()?;
        let inputs: Vec<Input> = steps.iter().filter_map(input).collect();
        let wanted = data::fresh_database(&server, &inputs).await?;
        let last = steps.iter().rposition(|step| input(step).is_some());
        Ok(Fresh { server, wanted, last })
    }

    async fn keep(&self) -> Result<(), Problem> {
        match &self.wanted {
            // Without a template the next one is filled as this one was.
            Some(wanted) => data::keep_database(&self.server, wanted).await.map(drop),
            None => Ok(()),
        }
    }
}

/// What a step puts into the database; `None`: it goes elsewhere.
fn input(step: &Value) -> Option<Input> {
    let named = |key: &str| step[key].as_str().map(PathBuf::from);
    named("archives")
        .map(Input::Archive)
        .or_else(|| named("sql").map(Input::Sql))
        .or_else(|| named("fixtures").map(Input::Fixtures))
}

fn path_of(input: &Input) -> &Path {
    match input {
        Input::Archive(path) | Input::Sql(path) | Input::Fixtures(path) => path,
    }
}

/// The steps of the profile.
fn listed(named: Option<&str>, printer: &Printer) -> Result<Vec<Value>, Problem> {
    let choice = choose::profile(named, printer)?;
    let root = choice.home.project.clone();
    let absolute = |path: &str| root.join(path).to_string_lossy().into_owned();
    let mut steps = choice.profile.seed.clone();
    for step in &mut steps {
        for key in ["archives", "sql", "fixtures", "mails", "redis"] {
            if let Some(path) = step[key].as_str().map(absolute) {
                step[key] = path.into();
            }
        }
    }
    match steps.is_empty() {
        true => {
            let message = "the profile has no `[seed]`, and no file is named";
            Err(Problem::new(Exit::Usage, "nothing-to-seed", message)
                .hint("`devenv seed FILE…`, or in devenv.toml: [seed] sql = [\"seed/schema.sql\"]"))
        }
        false => Ok(steps),
    }
}

/// What a file is, by its ending.
fn step(file: &Path) -> Result<Value, Problem> {
    let key = match file.extension().and_then(|e| e.to_str()) {
        Some("devseed") => "archives",
        Some("sql") => "sql",
        Some("json" | "yaml" | "yml" | "csv") => "fixtures",
        // The environment reads it, which runs elsewhere.
        Some("eml") => {
            let absolute = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
            return Ok(json!({ "mails": absolute }));
        }
        _ => {
            let message = format!("{} is no seed that is known", file.display());
            return Err(Problem::new(Exit::Usage, "seed-file", message).hint(
                "archives end with .devseed, SQL with .sql, fixtures with .json, .yaml or .csv, mails with .eml",
            ));
        }
    };
    Ok(json!({ key: file }))
}

/// Carries out one step; answers what it was and what came of it.
async fn carry_out(
    step: &Value,
    home: &Home,
    printer: &Printer,
) -> Result<(String, String), Problem> {
    let named = |key: &str| step[key].as_str().map(PathBuf::from);
    if let Some(path) = named("archives") {
        return archive(&path, &super::data::server_of(home)?, printer).await;
    }
    if let Some(path) = named("sql") {
        let ran = data::seed_sql(&path, &super::data::server_of(home)?).await?;
        let how = if ran { "run" } else { "was run already" };
        return Ok((path.display().to_string(), how.to_owned()));
    }
    if let Some(path) = named("fixtures") {
        let rows = data::seed_fixtures(&path, &super::data::server_of(home)?).await?;
        return Ok((path.display().to_string(), format!("{rows} rows")));
    }
    if let Some(path) = named("redis") {
        let keys = data::seed_redis(&path, redis_port(home)?)?;
        return Ok((path.display().to_string(), format!("{keys} keys")));
    }
    let what = match (&step["objects"], &step["messages"]) {
        (Value::Object(o), _) => format!("bucket {}", o["bucket"].as_str().unwrap_or_default()),
        (_, Value::Object(m)) => format!("queue {}", m["queue"].as_str().unwrap_or_default()),
        _ => named("mails").map_or("step".to_owned(), |path| path.display().to_string()),
    };
    match client::ask_once(home, Ask::Seed { step: step.clone() }, STEP_WAIT)? {
        Update::Seeded(0) => Ok((what, "everything was there already".to_owned())),
        Update::Seeded(put) => Ok((what, format!("{put} put"))),
        _ => Err(client::daemon_left("it answered something else")),
    }
}

/// Where the running environment's Redis listens.
fn redis_port(home: &Home) -> Result<u16, Problem> {
    let all = super::env::variables(home)?;
    let url = all.get("REDIS_URL").ok_or_else(|| super::exec::without("redis"))?;
    let port = url.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
    port.ok_or_else(|| Problem::failed("redis-url", "REDIS_URL has no port"))
}

async fn archive(
    path: &Path,
    server: &Server,
    printer: &Printer,
) -> Result<(String, String), Problem> {
    let seeded = data::seed_archive(path, server, &Shown::new(printer)).await?;
    let how = match seeded.how {
        Loaded::Whole => "loaded",
        Loaded::Rows => "rows replaced",
        Loaded::Already => "was there already",
    };
    let how = format!("{how}; {} rows of {} tables", seeded.rows, seeded.tables);
    Ok((path.display().to_string(), how))
}

/// What drives connections to Postgres.
pub(super) fn runtime() -> Result<Runtime, Problem> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(THREADS)
        .enable_all()
        .build()
        .map_err(|e| Problem::failed("threads", format!("cannot start threads: {e}")))
}
