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

/// Measurements of each side, taken in turns; the better one counts.
const ROUNDS: u32 = 2;

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
        let (mut ours, mut theirs) = (None, None);
        for _ in 0..ROUNDS {
            let baseline = match case.baseline {
                Baseline::Hyper => runtime.block_on(client::run(bare.address, case)),
                Baseline::Disk => disk::run(&state.path().join("disk"), case),
            };
            theirs = better(theirs, baseline);
            ours = better(ours, runtime.block_on(client::run(gateway.address, case)));
        }
        if let (Some(ours), Some(theirs)) = (ours, theirs) {
            table.add_row(row(case, &ours, &theirs));
        }
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    println!("{table}");
    println!("resident after the load: {} MiB", gateway.resident_mib());
}

fn better(old: Option<Measured>, new: Measured) -> Option<Measured> {
    match old {
        Some(old) if old.rate() >= new.rate() => Some(old),
        _ => Some(new),
    }
}

fn row(case: &Case, ours: &Measured, theirs: &Measured) -> [String; 7] {
    let rate = |m: &Measured| match case.megabytes {
        Some(megabytes) => format!("{:.0} MB/s", m.rate() * megabytes),
        None => format!("{:.1} k/s", m.rate() / 1000.0),
    };
    let failed = match &ours.failure {
        Some(why) => format!("{}: {why}", ours.failed),
        None => "0".to_owned(),
    };
    [
        case.name.to_owned(),
        rate(ours),
        rate(theirs),
        format!("{:.2}", ours.rate() / theirs.rate()),
        milliseconds(ours.percentile(50)),
        milliseconds(ours.percentile(99)),
        failed,
    ]
}

fn milliseconds(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1000.0)
}
