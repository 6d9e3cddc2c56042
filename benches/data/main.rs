//! How fast seed data goes: rows masked a second on one core, a whole pull beside a plain `COPY TO STDOUT`
//! of the same table and beside another anonymiser, loading beside `psql` with the plain dump of the same
//! masked rows, and the memory of a pull.
//! Asserts nothing about time.
//!
//! `benches/run data` builds and runs it. `BENCH_ROWS` (default 1,000,000) is the length of the table.

#![allow(clippy::print_stdout, reason = "the figures are what this program is for")]

use devenv::data::Masker;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// As in the program itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const DEVENV: &str = env!("CARGO_BIN_EXE_devenv");
const PROFILE: &str = "port = 'auto'\n[postgres]\ndatabases = ['app', 'source', 'plain']\n";
/// Eight columns, of which five are keyed.
const TABLE: &str = "create table people (id bigint primary key, email text not null, phone text, card text, name text, joined date, score int, note text)";
const RULES: &str = "version = 1\n[tables.\"public.people\"]\ncolumns.id = \"id\"\ncolumns.email = \"email\"\ncolumns.phone = \"phone\"\ncolumns.card = \"card\"\ncolumns.name = \"name\"\ncolumns.joined = \"keep\"\ncolumns.score = \"keep\"\ncolumns.note = \"keep\"\n";
/// Rows of the batch that is masked over and over.
const BATCH_ROWS: u64 = 10_000;
/// How often a pull and COPY take turns.
const ROUNDS: usize = 5;
/// How long masking is measured.
const MASK_TIME: Duration = Duration::from_secs(5);

fn main() {
    let rows: u64 =
        std::env::var("BENCH_ROWS").ok().and_then(|n| n.parse().ok()).unwrap_or(1_000_000);
    masking();
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join("devenv.toml"), PROFILE).expect("profile");
    let up = run(dir.path(), DEVENV, &["up", "-d", "--timeout", "180s"]);
    assert!(up, "the environment starts");
    streams(dir.path(), rows);
    run(dir.path(), DEVENV, &["down"]);
}

fn row(n: u64) -> String {
    format!(
        "{n}\tperson{n}@company{}.com\t+49 170 {:07}\t411111{:010}\tAnna Person{n}\t2024-01-01\t{}\tsome note that stays\n",
        n % 1000,
        n % 10_000_000,
        n,
        n % 100
    )
}

/// Rows a second through the rules, on this thread.
fn masking() {
    let columns = [
        ("id", "int8"),
        ("email", "text"),
        ("phone", "text"),
        ("card", "text"),
        ("name", "text"),
        ("joined", "date"),
        ("score", "int4"),
        ("note", "text"),
    ];
    let masker = Masker::new(RULES, ("public", "people"), &columns, "a key for a benchmark only");
    let masker = masker.expect("rules");
    let batch: String = (1..=BATCH_ROWS).map(row).collect();
    let started = Instant::now();
    let mut masked = 0;
    while started.elapsed() < MASK_TIME {
        masked += masker.rows(batch.as_bytes()).expect("masked").1;
    }
    let rate = masked as f64 / started.elapsed().as_secs_f64();
    println!("masking, 5 keyed columns of 8: {rate:.0} rows/s on one core (wanted: 400,000)");
}

fn streams(dir: &Path, rows: u64) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let variables =
        Command::new(DEVENV).args(["env", "--format", "json"]).current_dir(dir).output();
    let variables: serde_json::Value =
        serde_json::from_slice(&variables.expect("env").stdout).expect("json");
    let url = variables["DATABASE_URL"].as_str().expect("postgres").to_owned();
    let of = |database: &str| format!("{}/{database}", url.rsplit_once('/').map_or("", |u| u.0));
    let (source, plain) = (of("source"), of("plain"));
    runtime.block_on(async {
        let (client, connection) =
            tokio_postgres::connect(&source, tokio_postgres::NoTls).await.expect("source");
        tokio::spawn(connection);
        client.batch_execute(TABLE).await.expect("table");
        let fill = format!(
            "insert into people select i, 'person' || i || '@company' || i % 1000 || '.com', '+49 170 ' || lpad((i % 10000000)::text, 7, '0'), '411111' || lpad(i::text, 10, '0'), 'Anna Person' || i, '2024-01-01', i % 100, 'some note that stays' from generate_series(1, {rows}) i; analyze people; checkpoint"
        );
        client.batch_execute(&fill).await.expect("rows");
    });
    let rules = dir.join("devenv.data.toml");
    std::fs::write(&rules, RULES).expect("rules");
    let rate = |d: Duration| rows as f64 / d.as_secs_f64();
    let pull = beside_copy(dir, &source, &rate);
    let started = Instant::now();
    assert!(run(dir, DEVENV, &["seed", "--quiet", "a.devseed"]), "seeded");
    let seed = started.elapsed();
    let dump = dir.join("plain.sql");
    let file = dump.to_string_lossy().into_owned();
    let started = Instant::now();
    assert!(
        run(dir, "pg_dump", &["--no-owner", "-f", &file, &source]),
        "pg_dump on PATH, new enough"
    );
    println!("pg_dump, nothing masked or packed: {:.0} rows/s", rate(started.elapsed()));
    peer(dir, &source, rows, pull);
    // The same data as devenv has loaded: masked keys come in no order, which an index feels.
    let seeded = ["--no-owner", "-t", "public.people", "-f", &file, &of("app")];
    assert!(run(dir, "pg_dump", &seeded), "a dump of what was seeded");
    let started = Instant::now();
    assert!(run(dir, "psql", &["-q", "-1", "-f", &file, &plain]), "psql on PATH");
    let psql = started.elapsed();
    let share = seed.as_secs_f64() / psql.as_secs_f64();
    println!(
        "psql: {:.0} rows/s; devenv seed: {:.0} rows/s, {share:.2} of its time (wanted: 1.2)",
        rate(psql),
        rate(seed)
    );
}

/// Pulls and `psql`'s COPY in turn, each from the program's start to its end; how long the middle one of the
/// pulls took.
fn beside_copy(dir: &Path, source: &str, rate: &dyn Fn(Duration) -> f64) -> Duration {
    let pull = ["data", "pull", "--quiet", "--source", source, "--out", "a.devseed"];
    // Fetches the clients, if need be.
    peak(dir, &pull);
    let (mut rounds, mut memory) = (Vec::new(), 0);
    for _ in 0..ROUNDS {
        let started = Instant::now();
        assert!(run(dir, "psql", &["-qc", "copy people to stdout", source]), "COPY");
        let copy = started.elapsed();
        let (took, most) = peak(dir, &pull);
        memory = memory.max(most);
        rounds.push((copy.as_secs_f64() / took.as_secs_f64(), copy, took));
    }
    rounds.sort_by(|one, other| one.0.total_cmp(&other.0));
    let (share, copy, took) = rounds[ROUNDS / 2];
    println!("COPY TO STDOUT: {:.0} rows/s", rate(copy));
    println!(
        "data pull: {:.0} rows/s, {share:.2} of it ({:.2} to {:.2}; wanted: 0.7), {memory} MB at the most (wanted: 150)",
        rate(took),
        rounds[0].0,
        rounds[ROUNDS - 1].0,
    );
    took
}

/// The same columns masked by the best anonymiser that the registries have for a dump: pg_anon, by
/// functions of its own within the server, four sessions at once. `PG_ANON` is the program; without it
/// nothing is said.
fn peer(dir: &Path, source: &str, rows: u64, pull: Duration) {
    let Some(program) = std::env::var_os("PG_ANON").map(PathBuf::from) else { return };
    let url = url::Url::parse(source).expect("an address");
    let port = url.port().unwrap_or(5432).to_string();
    let (user, password) = (url.username(), url.password().unwrap_or_default());
    let at = ["--db-host", "127.0.0.1", "--db-port", &port, "--db-name", "source"];
    let at = [&at[..], &["--db-user", user, "--db-user-password", password]].concat();
    let fields: Vec<String> = ["email", "phone", "card", "name"]
        .map(|name| format!("'{name}': '''anon_funcs.digest(\"{name}\", 'salt', 'md5')'''"))
        .into();
    let dictionary = format!(
        "{{'dictionary': [{{'schema': 'public', 'table': 'people', 'fields': {{{}}}}}], 'dictionary_exclude': []}}",
        fields.join(", ")
    );
    std::fs::write(dir.join("people.py"), dictionary).expect("a dictionary");
    let program = program.to_string_lossy();
    assert!(run(dir, &program, &[&["init"], &at[..]].concat()), "pg_anon begins");
    let client = client("pg_dump").to_string_lossy().into_owned();
    let out = dir.join("pg_anon").to_string_lossy().into_owned();
    let what = ["--prepared-sens-dict-file", "people.py", "--output-dir", &out];
    let what = [&["dump"], &at[..], &what[..], &["--pg-dump", &client]].concat();
    let started = Instant::now();
    assert!(run(dir, &program, &what), "pg_anon dumps");
    let took = started.elapsed();
    println!(
        "pg_anon, four of the columns by md5: {:.0} rows/s; devenv data pull is {:.1} times as fast",
        rows as f64 / took.as_secs_f64(),
        took.as_secs_f64() / pull.as_secs_f64()
    );
}

/// A client of Postgres: the one that devenv fetched for the pull, else that of PATH.
fn client(name: &str) -> PathBuf {
    let cache = std::env::var_os("DEVENV_CACHE_DIR").map(PathBuf::from).unwrap_or_default();
    let homes = std::fs::read_dir(cache.join("clients")).into_iter().flatten().flatten();
    let mut found = homes.map(|home| home.path().join("bin").join(name)).filter(|p| p.is_file());
    found.next().unwrap_or_else(|| PathBuf::from(name))
}

fn run(dir: &Path, program: &str, arguments: &[&str]) -> bool {
    let program =
        if matches!(program, "psql" | "pg_dump") { client(program) } else { program.into() };
    let mut command = Command::new(program);
    command.args(arguments).current_dir(dir).stdout(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Runs devenv and answers how long it took, and the most memory that it had, in MB.
fn peak(dir: &Path, arguments: &[&str]) -> (Duration, u64) {
    let started = Instant::now();
    let mut child = Command::new(DEVENV)
        .args(arguments)
        .current_dir(dir)
        .stdout(Stdio::null())
        .spawn()
        .expect("devenv");
    let status = format!("/proc/{}/status", child.id());
    let watch = std::thread::spawn(move || {
        let mut peak = 0;
        // Until there is no such process any more.
        while let Ok(status) = std::fs::read_to_string(&status) {
            let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
            let now = line.and_then(|l| l.split_whitespace().next()?.parse::<u64>().ok());
            peak = peak.max(now.unwrap_or(0) / 1024);
            std::thread::sleep(Duration::from_millis(20));
        }
        peak
    });
    assert!(child.wait().expect("devenv").success(), "the pull");
    let took = started.elapsed();
    (took, watch.join().expect("watched"))
}
