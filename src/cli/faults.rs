//! `devenv faults`: what goes wrong on purpose.

use super::gateway::{Asked, Pages};
use super::outcome::Outcome;
use super::printer::{Printer, SCHEMA};
use super::table;
use crate::base::{Problem, duration};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// The faults' address below the gateway's.
const FAULTS: &str = "/_devenv/faults";

/// Have requests be slow, fail, be throttled or be cut off, to see what programs do then
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  devenv faults add s3:PutObject --error SlowDown --status 503 --rate 0.3\n  devenv faults add sqs --latency 800ms --jitter 400ms\n  devenv faults add s3:GetObject --where Key='reports/*' --partial 1000\n  devenv faults clear"
)]
pub(super) struct Faults {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Those in force, and how many requests each has hit
    #[command(after_help = "Example:\n  devenv faults list --json")]
    List,
    /// Put one in force
    Add(Box<Add>),
    /// End one, or all
    #[command(after_help = "Example:\n  devenv faults clear")]
    Clear {
        /// Which; all when none is named
        id: Option<u64>,
    },
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  devenv faults add sqs:SendMessage --throttle 5 --where Queue=jobs"
)]
#[command(group = clap::ArgGroup::new("fault").required(true))]
struct Add {
    /// `s3`, `s3:PutObject`, `sqs:Send*`; every request without it
    target: Option<String>,
    /// The answer waits so long
    #[arg(long, group = "fault", value_parser = duration::parse, value_name = "TIME")]
    latency: Option<Duration>,
    /// Up to so much longer
    #[arg(long, requires = "latency", value_parser = duration::parse, value_name = "TIME")]
    jitter: Option<Duration>,
    /// An error of this code, in the service's own protocol; the operation is not carried out
    #[arg(long, group = "fault", value_name = "CODE")]
    error: Option<String>,
    /// HTTP status of the error (500)
    #[arg(long, requires = "error")]
    status: Option<u16>,
    /// Text of the error
    #[arg(long, requires = "error")]
    message: Option<String>,
    /// More than so many a second are told to slow down
    #[arg(long, group = "fault", value_name = "PER_SECOND")]
    throttle: Option<f64>,
    /// The connection is cut `before` the operation, or `after` it, when it is done
    #[arg(long, group = "fault", value_name = "WHEN", value_parser = ["before", "after"])]
    drop: Option<String>,
    /// The answer ends after so many bytes of its body
    #[arg(long, group = "fault", value_name = "BYTES")]
    partial: Option<u64>,
    /// Only requests with this parameter: `Key=reports/*`, `Queue=jobs`
    #[arg(long = "where", value_name = "NAME=VALUE")]
    parameter: Option<String>,
    /// What share of them
    #[arg(long, default_value = "1")]
    rate: f64,
    /// How many of them
    #[arg(long)]
    times: Option<u64>,
    /// What the rate draws from: the same seed hits the same requests
    #[arg(long, default_value = "0")]
    seed: u64,
}

impl Add {
    fn rule(&self) -> Value {
        let mut rule = Map::new();
        let mut set = |name: &str, value: Value| drop(rule.insert(name.to_owned(), value));
        if let Some(target) = &self.target {
            let (service, operation) = match target.split_once(':') {
                Some((service, operation)) => (service, Some(operation)),
                None => (target.as_str(), None),
            };
            set("service", service.into());
            operation.into_iter().for_each(|operation| set("operation", operation.into()));
        }
        set("rate", self.rate.into());
        set("seed", self.seed.into());
        self.parameter.iter().for_each(|p| set("where", p.as_str().into()));
        self.times.iter().for_each(|times| set("times", (*times).into()));
        let ms = |time: Option<Duration>| time.unwrap_or_default().as_millis() as u64;
        if self.latency.is_some() {
            set("fault", "latency".into());
            set("ms", ms(self.latency).into());
            set("jitter_ms", ms(self.jitter).into());
        } else if let Some(code) = &self.error {
            set("fault", "error".into());
            set("code", code.as_str().into());
            self.status.iter().for_each(|status| set("status", (*status).into()));
            self.message.iter().for_each(|message| set("message", message.as_str().into()));
        } else if let Some(per_second) = self.throttle {
            set("fault", "throttle".into());
            set("per_second", per_second.into());
        } else if let Some(when) = &self.drop {
            set("fault", "drop".into());
            set("after", (when == "after").into());
        } else if let Some(bytes) = self.partial {
            set("fault", "partial".into());
            set("bytes", bytes.into());
        }
        Value::Object(rule)
    }
}

impl Faults {
    pub(super) fn run(self, printer: &Printer) -> Result<Outcome, Problem> {
        let pages = Pages::open(FAULTS)?;
        match self.what {
            What::List => list(&pages.value(&Asked::default(), "faults")?, printer),
            What::Add(add) => {
                let rule = add.rule();
                let asked = Asked { method: "POST", body: Some(&rule), ..Asked::default() };
                let added = pages.value(&asked, "faults")?;
                match printer.json {
                    true => printer.object(&added),
                    false => printer.say(format!("fault {} is in force", added["id"])),
                }
            }
            What::Clear { id } => {
                let path = id.map(|id| format!("/{id}")).unwrap_or_default();
                let asked = Asked { method: "DELETE", path: &path, ..Asked::default() };
                let cleared = pages.value(&asked, "no-such-fault")?;
                match printer.json {
                    true => {
                        printer.object(&json!({"schema": SCHEMA, "cleared": cleared["cleared"]}))
                    }
                    false => printer.say(format!("{} ended", cleared["cleared"])),
                }
            }
        }
        Ok(Outcome::Done)
    }
}

fn list(told: &Value, printer: &Printer) {
    if printer.json {
        return printer.object(told);
    }
    let faults = told["faults"].as_array().map(Vec::as_slice).unwrap_or_default();
    if faults.is_empty() {
        return printer.say("no faults");
    }
    printer.out(table::columns(faults.iter().map(row)));
}

fn row(fault: &Value) -> Vec<String> {
    let text = |name: &str, absent: &str| fault[name].as_str().unwrap_or(absent).to_owned();
    let target = format!("{}:{}", text("service", "*"), text("operation", "*"));
    let known = [
        "ms",
        "jitter_ms",
        "code",
        "status",
        "per_second",
        "after",
        "bytes",
        "where",
        "rate",
        "times",
    ];
    let rest = known.iter().filter(|name| !fault[**name].is_null());
    let rest: Vec<String> = rest.map(|name| format!("{name}={}", plain(&fault[*name]))).collect();
    let hits = format!("{} hit", fault["hits"]);
    vec![fault["id"].to_string(), target, text("fault", ""), rest.join(" "), hits]
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
