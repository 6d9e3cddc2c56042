//! How fast state goes and comes: a snapshot and its return beside `cp -r` of the same files, leases by
//! HTTP and by the command, and `devenv test -- true` from end to end. Asserts nothing about time.
//!
//! Every round begins when the one before has settled: what a snapshot leaves for later (Postgres' copy
//! brought to rest, the disk) is neither measured nor in the way, and the disk is as idle for `cp`.
//!
//! `benches/run snapshot` builds and runs it, in the directory for temporary files. On ext4 without a
//! journal every new file looks at all inodes that were given back lately: such figures are worthless. `BENCH_DATABASE_MB` (10), `BENCH_OBJECTS` (10,000, which is
//! also the number of messages) and `BENCH_LEASES` (100) change what is measured; `BENCH_LEASES=10000` is
//! the count of the endurance run.

#![allow(clippy::print_stdout, reason = "the figures are what this program is for")]

use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const DEVENV: &str = env!("CARGO_BIN_EXE_devenv");
const PROFILE: &str = "extends = \"minimal\"\nport = \"auto\"\n[postgres]\ndatabases = [\"app\", \"template\"]\n[redis]\n[s3.buckets.bench]\n[sqs.queues.bench]\n";
/// How often each thing is measured; the median is shown.
const ROUNDS: usize = 7;
/// How long what a round leaves for later may take.
const SETTLING: Duration = Duration::from_secs(2);
/// The automatic snapshot of a restore is brought to rest ten seconds later.
const AFTER_RESTORE: Duration = Duration::from_secs(13);
/// How long a test has its lease.
const HELD: Duration = Duration::from_millis(200);
/// Messages in one call.
const BATCH: usize = 10;
/// Who asks: the mode `lenient` lets in anybody who signs.
const SIGNED: &str = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0";
/// About what a row of the filling takes.
const ROW_BYTES: usize = 1_000;

fn main() {
    let (megabytes, objects) = (number("BENCH_DATABASE_MB", 10), number("BENCH_OBJECTS", 10_000));
    let dir = tempfile::tempdir().expect("a directory");
    let bench = Bench { dir: dir.path(), agent: ureq::Agent::new_with_defaults() };
    std::fs::write(dir.path().join("devenv.toml"), PROFILE).expect("profile");
    bench.devenv(&["up", "-d", "--timeout", "180s"]);
    let endpoint =
        bench.json(&["status", "--json"])["endpoint"].as_str().expect("an endpoint").to_owned();
    bench.fill(&endpoint, megabytes, objects);
    println!(
        "{megabytes} MB in Postgres, {objects} objects, {objects} messages; median of {ROUNDS}"
    );
    bench.snapshots();
    bench.leases(&endpoint, number("BENCH_LEASES", 100));
    bench.devenv(&["down"]);
    show("devenv test -- true", &rounds(|| bench.devenv(&["test", "--", "true"])), "400");
}

fn number(name: &str, usual: usize) -> usize {
    std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(usual)
}

fn rounds(work: impl FnMut()) -> Vec<Duration> {
    rounds_after(SETTLING, work)
}

fn rounds_after(pause: Duration, mut work: impl FnMut()) -> Vec<Duration> {
    let round = |_| {
        settle(pause);
        timed(&mut work)
    };
    (0..ROUNDS).map(round).collect()
}

/// Lets what was left for later come to its end, and the disk have everything.
fn settle(pause: Duration) {
    std::thread::sleep(pause);
    rustix::fs::sync();
}

fn timed(work: impl FnOnce()) -> Duration {
    let begun = Instant::now();
    work();
    begun.elapsed()
}

/// `wanted` is milliseconds, or words.
fn show(what: &str, times: &[Duration], wanted: &str) {
    let mut sorted: Vec<f64> = times.iter().map(|time| time.as_secs_f64() * 1000.0).collect();
    sorted.sort_by(f64::total_cmp);
    let at = |share: f64| sorted[((sorted.len() - 1) as f64 * share) as usize];
    println!("{what:34} p50 {:8.1} ms   p99 {:8.1} ms   (wanted: {wanted})", at(0.5), at(0.99));
}

struct Bench<'a> {
    dir: &'a Path,
    agent: ureq::Agent,
}

impl Bench<'_> {
    fn devenv(&self, arguments: &[&str]) {
        let mut command = Command::new(DEVENV);
        let quiet = command.args(arguments).current_dir(self.dir).stdout(Stdio::null());
        let done = quiet.stderr(Stdio::null()).status().expect("devenv");
        assert!(done.success(), "devenv {arguments:?}");
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let output = Command::new(DEVENV).args(arguments).current_dir(self.dir).output();
        serde_json::from_slice(&output.expect("devenv").stdout).expect("json")
    }

    fn fill(&self, endpoint: &str, megabytes: usize, objects: usize) {
        let rows = megabytes * 1_000_000 / ROW_BYTES;
        for database in ["app", "template"] {
            let sql = format!(
                "create table filled as select n, repeat(md5(n::text), {}) from generate_series(1, {rows}) n",
                ROW_BYTES / 32
            );
            self.devenv(&["psql", "-d", database, "-c", &sql]);
        }
        for n in 0..objects {
            let put =
                self.agent.put(format!("{endpoint}/bench/{n}")).header("authorization", SIGNED);
            let put = put.header("x-amz-content-sha256", "UNSIGNED-PAYLOAD");
            put.send("x".repeat(1000).as_bytes()).expect("an object");
        }
        for first in (0..objects).step_by(BATCH) {
            let entries: Vec<Value> = (first..first + BATCH)
                .map(|n| json!({"Id": n.to_string(), "MessageBody": "m"}))
                .collect();
            let send =
                self.agent.post(endpoint).header("x-amz-target", "AmazonSQS.SendMessageBatch");
            let send = send.header("content-type", "application/x-amz-json-1.0");
            let body =
                json!({"QueueUrl": format!("{endpoint}/000000000000/bench"), "Entries": entries});
            send.send(body.to_string()).expect("messages");
        }
    }

    fn snapshots(&self) {
        let copy = self.dir.join("copy");
        let copies = (0..ROUNDS).map(|_| {
            settle(SETTLING);
            let took = timed(|| {
                let mut cp = Command::new("cp");
                let done = cp.arg("-r").arg(self.dir.join(".devenv/data")).arg(&copy).status();
                assert!(done.expect("cp").success());
            });
            std::fs::remove_dir_all(&copy).expect("the copy goes");
            took
        });
        let copied: Vec<Duration> = copies.collect();
        show("cp -r of the servers' data", &copied, "the baseline");
        show(
            "snapshot save",
            &rounds(|| self.devenv(&["snapshot", "save", "bench", "--replace"])),
            "150",
        );
        let restored =
            rounds_after(AFTER_RESTORE, || self.devenv(&["snapshot", "restore", "bench"]));
        show("snapshot restore", &restored, "150");
    }

    /// How long it takes to be given each of so many leases.
    fn lent(&self, address: &str, count: usize, held: Duration) -> Vec<Duration> {
        let mut times = Vec::new();
        for _ in 0..count {
            let mut lease = Value::Null;
            times.push(timed(|| {
                let ask = self.agent.post(address).send_json(json!({"template": "template"}));
                lease = ask.expect("a lease").body_mut().read_json().expect("json");
            }));
            std::thread::sleep(held);
            let id = lease["leases"][0]["id"].as_str().expect("an id");
            self.agent.delete(format!("{address}/{id}")).call().expect("its end");
        }
        times
    }

    /// The time of each lease, and what is left when all are over.
    fn leases(&self, endpoint: &str, count: usize) {
        let address = format!("{endpoint}/_devenv/leases");
        for (what, held) in [
            ("lease by HTTP, each held for 0.2 s", HELD),
            ("lease by HTTP, back to back", Duration::ZERO),
        ] {
            settle(SETTLING);
            show(what, &self.lent(&address, count, held), "25");
        }
        let asked = rounds(|| self.devenv(&["lease", "--template", "template"]));
        show("lease by the command", &asked, "its process included");
        let size =
            Command::new("du").arg("-sk").arg(self.dir.join(".devenv")).output().expect("du");
        let left = "select count(*) from pg_database where datname like 'lease%' and datname not like 'lease!_spare!_%' escape '!'";
        let databases =
            Command::new(DEVENV).args(["psql", "-Atc", left]).current_dir(self.dir).output();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        println!(
            "after {count} leases: {} databases of leases that are held ({ROUNDS}), KiB: {}",
            text(&databases.expect("psql").stdout),
            text(&size.stdout)
        );
    }
}
