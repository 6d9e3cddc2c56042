//! `devenv requests`: what programs asked of the emulated services, and what they were told.

use super::gateway::{ANSWER_WAIT, Asked, Pages};
use super::mail::visible;
use super::outcome::Outcome;
use super::printer::Printer;
use super::table;
use crate::base::{Exit, Problem, duration};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// The journal's address below the gateway's.
const REQUESTS: &str = "/_devenv/requests";
/// How long one look of `-f` and `expect` waits for the next request.
const LOOK: Duration = Duration::from_secs(20);
/// Requests in one look of `-f` and `expect`: all that are remembered.
const LOOK_REQUESTS: usize = 1_000_000;
/// Characters of parameters in a line.
const PARAMETER_CHARS: usize = 80;

/// See what programs asked of the emulated services, and hold tests against it
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(
    after_help = "Examples:\n  devenv requests -f\n  devenv requests --operation s3:Put* --where Bucket=uploads --json\n  devenv requests expect s3:PutObject --where Bucket=uploads --times 1\n  devenv requests replay 42"
)]
pub(super) struct Requests {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    list: List,
}

#[derive(Debug, clap::Args)]
struct List {
    /// Goes on with what comes; with --json one object a line
    #[arg(short, long)]
    follow: bool,
    /// Requests at the most, the newest
    #[arg(long, default_value = "50")]
    limit: usize,
    #[command(flatten)]
    wanted: Wanted,
    /// `s3:PutObject`, `Put*`
    #[arg(long)]
    operation: Option<String>,
}

#[derive(Debug, clap::Args)]
struct Wanted {
    /// `sqs`
    #[arg(long)]
    service: Option<String>,
    /// `404`, `4xx`, `error`
    #[arg(long)]
    status: Option<String>,
    /// A parameter: `Bucket=uploads`, `Key=reports/*`, `Queue=jobs`
    #[arg(long = "where", value_name = "NAME=VALUE")]
    parameters: Vec<String>,
    /// At this instant or later
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Fails unless such requests came: exit code 1
    Expect(Expect),
    /// One request in full
    #[command(after_help = "Example:\n  devenv requests show 42")]
    Show { id: u64 },
    /// Sends one once more, as the same caller
    #[command(after_help = "Example:\n  devenv requests replay 42")]
    Replay { id: u64 },
    /// One as a line for the AWS CLI
    #[command(after_help = "Example:\n  devenv requests export 42")]
    Export { id: u64 },
    /// Forgets all of them
    #[command(after_help = "Example:\n  devenv requests clear")]
    Clear,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  devenv requests expect sqs:SendMessage --where Queue=jobs --at-least 3 --within 5s"
)]
struct Expect {
    /// `s3:PutObject`, `sqs:Send*`
    operation: String,
    #[command(flatten)]
    wanted: Wanted,
    /// Exactly so many; 0 says that none came
    #[arg(long, conflicts_with = "at_least")]
    times: Option<usize>,
    /// So many or more
    #[arg(long, default_value = "1")]
    at_least: usize,
    /// Waits so long for them
    #[arg(long, value_parser = duration::parse, default_value = "0s", value_name = "TIME")]
    within: Duration,
}

impl Wanted {
    fn pairs(self, operation: Option<String>) -> Vec<(&'static str, String)> {
        let single = [
            ("service", self.service),
            ("operation", operation),
            ("status", self.status),
            ("since", self.since),
        ];
        let single = single.into_iter().filter_map(|(name, value)| Some((name, value?)));
        single.chain(self.parameters.into_iter().map(|p| ("where", p))).collect()
    }
}

impl Requests {
    pub(super) fn run(self, printer: &Printer) -> Result<Outcome, Problem> {
        let pages = Pages::open(REQUESTS)?;
        match self.what {
            None => self.list.run(&pages, printer)?,
            Some(What::Expect(expect)) => return expect.run(&pages, printer),
            Some(What::Show { id }) => {
                let request = one(&pages, "GET", &format!("/{id}"))?;
                match printer.json {
                    true => printer.object(&request),
                    false => printer.out(format!("{request:#}")),
                }
            }
            Some(What::Replay { id }) => {
                let answer = one(&pages, "POST", &format!("/{id}/replay"))?;
                match printer.json {
                    true => printer.object(&answer),
                    false => {
                        printer.say(format!("HTTP {}", answer["status"]));
                        printer.out(answer["body"].as_str().unwrap_or_default());
                    }
                }
            }
            Some(What::Export { id }) => {
                let request = one(&pages, "GET", &format!("/{id}"))?;
                match (printer.json, request["aws"].as_str()) {
                    (true, _) => printer.object(&json!({"schema": 1, "aws": request["aws"]})),
                    (_, Some(line)) => printer.out(line),
                    (_, None) => {
                        let message = format!("request {id} is of no operation that the CLI has");
                        return Err(Problem::failed("not-exportable", message)
                            .hint(format!("`devenv requests show {id}` has all of it")));
                    }
                }
            }
            Some(What::Clear) => {
                let done = one(&pages, "DELETE", "")?;
                match printer.json {
                    true => printer.object(&done),
                    false => printer.say("forgotten"),
                }
            }
        }
        Ok(Outcome::Done)
    }
}

fn one(pages: &Pages, method: &str, path: &str) -> Result<Value, Problem> {
    pages.value(&Asked { method, path, ..Asked::default() }, "requests")
}

impl List {
    fn run(self, pages: &Pages, printer: &Printer) -> Result<(), Problem> {
        let pairs = self.wanted.pairs(self.operation);
        let first = look(pages, &pairs, self.limit, 0, Duration::ZERO)?;
        if !self.follow && printer.json {
            printer.object(&first);
            return Ok(());
        }
        let requests = first["requests"].as_array().map(Vec::as_slice).unwrap_or_default();
        if requests.is_empty() && !self.follow {
            printer.say("no requests");
        }
        show(requests, printer);
        let mut after = first["last"].as_u64().unwrap_or_default();
        if !self.follow {
            return Ok(());
        }
        loop {
            let next = look(pages, &pairs, LOOK_REQUESTS, after, LOOK)?;
            show(next["requests"].as_array().map(Vec::as_slice).unwrap_or_default(), printer);
            after = next["last"].as_u64().unwrap_or(after);
        }
    }
}

fn look(
    pages: &Pages,
    pairs: &[(&'static str, String)],
    limit: usize,
    after: u64,
    wait: Duration,
) -> Result<Value, Problem> {
    let mut pairs = pairs.to_vec();
    pairs.push(("limit", limit.to_string()));
    pairs.push(("after", after.to_string()));
    pairs.push(("wait", format!("{}ms", wait.as_millis())));
    let asked = Asked { pairs: &pairs, limit: wait + ANSWER_WAIT, ..Asked::default() };
    pages.value(&asked, "requests")
}

fn show(requests: &[Value], printer: &Printer) {
    if printer.json {
        requests.iter().for_each(|request| printer.object(request));
    } else if !requests.is_empty() {
        printer.out(table::columns(requests.iter().map(row)));
    }
}

fn row(request: &Value) -> Vec<String> {
    let text = |name: &str| visible(request[name].as_str().unwrap_or_default());
    let operation = match text("operation") {
        unnamed if unnamed.is_empty() => format!("{} {}", text("method"), text("path")),
        operation => format!("{}:{operation}", text("service")),
    };
    let status = request["status"].as_u64().map_or_else(|| "-".to_owned(), |s| s.to_string());
    let took = format!("{:.1} ms", request["took_ms"].as_f64().unwrap_or_default());
    let notes = ["error", "fault", "forwarded"].iter().filter_map(|n| request[*n].as_str());
    let notes = notes.map(visible).collect::<Vec<_>>().join(" ");
    let parameters = request["parameters"].as_object().into_iter().flatten();
    let parameters: Vec<String> =
        parameters.map(|(name, value)| format!("{name}={value}")).collect();
    let parameters: String = visible(&parameters.join(" ")).chars().take(PARAMETER_CHARS).collect();
    vec![request["id"].to_string(), text("time"), operation, status, took, notes, parameters]
}

impl Expect {
    fn run(self, pages: &Pages, printer: &Printer) -> Result<Outcome, Problem> {
        let what = self.operation.clone();
        let (times, at_least, within) = (self.times, self.at_least, self.within);
        let pairs = self.wanted.pairs(Some(self.operation));
        let deadline = Instant::now() + within;
        let (mut count, mut after) = (0, 0);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let wait = if count == 0 && after == 0 { Duration::ZERO } else { left.min(LOOK) };
            let found = look(pages, &pairs, LOOK_REQUESTS, after, wait)?;
            count += found["requests"].as_array().map_or(0, Vec::len);
            after = found["last"].as_u64().unwrap_or(after).max(1);
            let is_enough = times.map_or(count >= at_least, |times| count > times);
            if is_enough || Instant::now() >= deadline {
                break;
            }
        }
        let wanted = times.map_or_else(|| format!("{at_least} or more"), |n| n.to_string());
        if times.map_or(count < at_least, |times| count != times) {
            let message = format!("{what}: {count} requests came, {wanted} were expected");
            return Err(Problem::new(Exit::Failed, "unexpected-requests", message)
                .hint("`devenv requests` lists what came"));
        }
        match printer.json {
            true => printer.object(&json!({"schema": 1, "count": count})),
            false => printer.say(format!("{what}: {count} came, as expected")),
        }
        Ok(Outcome::Done)
    }
}
