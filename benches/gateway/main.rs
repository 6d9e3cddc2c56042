//! How fast the gateway is, beside a baseline that is measured in the same run by the same client:
//! absolute figures move with the machine, ratios do not. Asserts nothing about time.
//!
//! The baseline is a bare hyper server: bytes at hand for small answers, a file streamed by a reading
//! thread for large ones; for large uploads it is the same bytes written to the same disk with their
//! checksums, without any network.
//!
//! `benches/run` builds and runs it. `BENCH_SECONDS` (default 3) is the length of a measurement,
//! `BENCH_CONNECTIONS` (default 16) the number of clients, and words given as arguments pick measures.

#![allow(clippy::print_stdout, reason = "the table is what this program is for")]

mod bare;
mod boot;
mod cases;
mod client;
mod disk;
mod mail;
mod pages;
mod queues;
mod server;

use cases::{Baseline, Case};
use client::Measured;
use comfy_table::{CellAlignment, Table, presets};
use server::Server;
use std::time::Duration;

/// As in the program itself; the bare server has it too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measurements of each side, taken in turns. The pair with the middle ratio counts: a machine's pace
/// changes from second to second, but for both.
const ROUNDS: usize = 5;

fn main() {
    if let Ok(role) = std::env::var(server::ROLE) {
        return server::play(&role);
    }
    let wanted: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let is_wanted =
        |name: &str| wanted.is_empty() || wanted.iter().any(|w| name.contains(w.as_str()));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let cases: Vec<Case> = cases::all().into_iter().filter(|case| is_wanted(case.name)).collect();
    if !cases.is_empty() {
        requests(&runtime, &cases);
    }
    if is_wanted("S3 memory") {
        pages::memory(&runtime);
    }
    if is_wanted("S3 pages") {
        pages::report(&runtime);
    }
    if is_wanted("SMTP") {
        mail::smtp(&runtime);
    }
    if is_wanted("inbox") {
        mail::pages(&runtime);
    }
    if is_wanted("SQS queues") {
        queues::report(&runtime);
    }
    if is_wanted("up") || is_wanted("start") {
        boot::report();
    }
}

fn requests(runtime: &tokio::runtime::Runtime, cases: &[Case]) {
    let state = tempfile::tempdir().expect("a directory for the state");
    let bare = Server::start("bare", state.path());
    let gateway = Server::start("gateway", state.path());
    runtime.block_on(cases::prepare(gateway.address));
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header(["request", "devenv", "baseline", "ratio", "p50", "p99", "failed"]);
    for case in cases {
        let pair = |_| {
            let baseline = match case.baseline {
                Baseline::Hyper => runtime.block_on(client::run(bare.address, case)),
                Baseline::Disk => disk::run(&state.path().join("disk"), case),
            };
            Pair { ours: runtime.block_on(client::run(gateway.address, case)), baseline }
        };
        table.add_row(row(case, (0..ROUNDS).map(pair).collect()));
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    println!("{table}");
    println!("resident after the load: {} MiB", gateway.resident_mib());
}

/// A measurement of each side, one right after the other.
struct Pair {
    ours: Measured,
    baseline: Measured,
}

impl Pair {
    fn ratio(&self) -> f64 {
        self.ours.rate() / self.baseline.rate()
    }
}

fn row(case: &Case, mut pairs: Vec<Pair>) -> [String; 7] {
    let failed: u64 = pairs.iter().map(|pair| pair.ours.failed).sum();
    let failed = match pairs.iter().find_map(|pair| pair.ours.failure.as_ref()) {
        Some(why) => format!("{failed}: {why}"),
        None => "0".to_owned(),
    };
    pairs.sort_by(|a, b| a.ratio().total_cmp(&b.ratio()));
    let middle = &pairs[ROUNDS / 2];
    let ours = &middle.ours;
    let rate = |m: &Measured| match case.megabytes {
        Some(megabytes) => format!("{:.0} MB/s", m.rate() * megabytes),
        None => format!("{:.1} k/s", m.rate() / 1000.0),
    };
    [
        case.name.to_owned(),
        rate(ours),
        rate(&middle.baseline),
        format!("{:.2}", middle.ratio()),
        milliseconds(ours.percentile(50)),
        milliseconds(ours.percentile(99)),
        failed,
    ]
}

fn milliseconds(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1000.0)
}
