//! Leases: slices of a running environment that do not see each other, and leave nothing.

use crate::support::{Project, Run, kill_9, node, python, script, wait_for};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);
const PROFILE: &str = r#"
port = "auto"
[postgres]
version = 17
databases = ["app"]
settings = { fsync = "off" }
[redis]
[sqs.queues.own]
"#;
/// Holders at once, in the gate; `DEVENV_LEASES` sets another number.
const MANY: &str = "50";

fn running() -> Project {
    let project = Project::with(PROFILE);
    project.up();
    let seed = "create table seeded (name text); insert into seeded values ('seed')";
    project.devenv(&["psql", "-qc", seed]).success();
    project
}

fn helper(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("helpers").join(name)
}

fn given(project: &Project, flags: &[&str]) -> Value {
    let arguments = [&["lease", "--json"], flags].concat();
    project.devenv(&arguments).success().json()["leases"][0].clone()
}

fn ids(project: &Project) -> Vec<String> {
    let list = project.devenv(&["lease", "list", "--json"]).success().json();
    let leases = list["leases"].as_array().unwrap().clone();
    leases.iter().map(|lease| lease["id"].as_str().unwrap().to_owned()).collect()
}

/// What Postgres, Redis and the services hold besides the application's own.
fn left(project: &Project) -> Vec<String> {
    let sql = "select datname from pg_database where datname like 'lease%' and datname not like 'lease!_spare!_%' escape '!'";
    let databases = project.devenv(&["psql", "-Atc", sql]).success().stdout;
    let keys = project.devenv(&["redis-cli", "INFO", "keyspace"]).success().stdout;
    let state = rusqlite(project);
    let keys = keys.lines().filter(|line| line.starts_with("db"));
    databases.lines().chain(keys).map(str::to_owned).chain(state).collect()
}

/// Rows of other accounts in the state file, as `table: number`. Read with Python's SQLite.
fn rusqlite(project: &Project) -> Vec<String> {
    let code = r#"
import sqlite3, sys
state = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
for (table,) in state.execute("select name from sqlite_master where type = 'table' and sql not like 'create virtual%'").fetchall():
    columns = [row[1] for row in state.execute(f"select * from pragma_table_info('{table}')")]
    if "account" in columns:
        count = state.execute(f"select count(*) from {table} where account like '9%'").fetchone()[0]
        if count: print(f"{table}: {count}")
for table in ["sqs_message", "s3_versions", "s3_blobs", "ses_mail", "sqs_delivery"]:
    count = state.execute(f"select count(*) from {table}").fetchone()[0]
    if count: print(f"{table}: {count}")
"#;
    let state = project.path().join(".devenv/state.db");
    let mut command = project.command(python());
    let run = Run::of(command.args(["-c", code]).arg(state)).success();
    run.stdout.lines().map(str::to_owned).collect()
}

#[test]
fn a_lease_ends_when_it_is_given_back_when_its_time_is_up_and_with_its_holder() {
    let project = running();
    let lease = given(&project, &[]);
    let (id, database) = (lease["id"].as_str().unwrap(), lease["database"].as_str().unwrap());
    assert_eq!(lease["env"]["AWS_ACCESS_KEY_ID"], lease["account"]);
    let sql = "select name from seeded";
    let rows = |database: &str| {
        project.devenv(&["psql", "-Atd", database, "-c", sql]).success().stdout.trim().to_owned()
    };
    assert_eq!(rows(database), "seed");
    project.devenv(&["psql", "-qd", database, "-c", "delete from seeded"]).success();
    assert_eq!(rows("app"), "seed", "the application's own is another one");
    assert_eq!(ids(&project), [id]);
    project.devenv(&["lease", "release", id]).success();
    let again = project.devenv(&["lease", "release", id, "--json"]).ends(2).json();
    assert_eq!(again["error"]["code"], "unknown-lease");
    // By time.
    given(&project, &["--ttl", "1ms"]);
    wait_for("the end of its time", LIMIT, || ids(&project).is_empty().then_some(()));
    // With the process that holds it.
    let mut holder = Command::new("sleep").arg("600").spawn().unwrap();
    given(&project, &["--pid", &holder.id().to_string()]);
    assert_eq!(ids(&project).len(), 1);
    kill_9(holder.id());
    holder.wait().unwrap();
    wait_for("the holder's end", LIMIT, || ids(&project).is_empty().then_some(()));
    wait_for("nothing", LIMIT, || left(&project).is_empty().then_some(()));
}

#[test]
fn what_a_former_daemon_had_lent_is_removed_when_the_environment_is_ready_again() {
    let project = running();
    let is_empty = || left(&project).is_empty().then_some(());
    let killed = given(&project, &["--ttl", "7d"]);
    assert!(left(&project).iter().any(|d| *d == killed["database"]));
    kill_9(u32::try_from(project.status()["pid"].as_u64().unwrap()).unwrap());
    project.up();
    assert!(ids(&project).is_empty());
    wait_for("the killed one's", LIMIT, is_empty);
    // In order, too; and who asks for a lease meanwhile gets one.
    given(&project, &["--ttl", "7d"]);
    project.devenv(&["down"]).success();
    project.up();
    let next = given(&project, &[]);
    wait_for("the next one's alone", LIMIT, || {
        let databases: Vec<String> =
            left(&project).into_iter().filter(|d| d.starts_with("lease_")).collect();
        (databases == [next["database"].as_str().unwrap()]).then_some(())
    });
}

/// Databases are made in advance, and none is given that its template has outgrown.
#[test]
fn a_spare_database_is_given_only_while_its_template_is_as_it_was() {
    let project = running();
    let oids = |like: &str| -> Vec<String> {
        let sql = format!("select oid from pg_database where datname like '{like}' order by 1");
        let run = project.devenv(&["psql", "-d", "postgres", "-Atc", &sql]).success();
        run.stdout.lines().map(str::to_owned).collect()
    };
    let oid_of = |lease: &Value| oids(lease["database"].as_str().unwrap()).remove(0);
    let spares = || {
        let spares = oids("lease!_spare!_%".replace('!', "\\").as_str());
        (spares.len() == 8).then_some(spares)
    };
    given(&project, &[]);
    let made = wait_for("spares", LIMIT, spares);
    let next = given(&project, &[]);
    assert!(made.contains(&oid_of(&next)), "it was made in advance");
    let made = wait_for("another", LIMIT, spares);
    project.devenv(&["psql", "-d", "app", "-qc", "create table newer (x int)"]).success();
    let last = given(&project, &[]);
    assert!(!made.contains(&oid_of(&last)), "a copy of what was");
    let database = last["database"].as_str().unwrap();
    project.devenv(&["psql", "-d", database, "-Atc", "select * from newer"]).success();
    let fresh = wait_for("new spares", LIMIT, || {
        spares().filter(|fresh| fresh.iter().all(|oid| !made.contains(oid)))
    });
    // A server that failed has forgotten its counts.
    let backend = "select pid from pg_stat_activity where application_name = 'devenv' and backend_type = 'client backend' limit 1";
    let run = project.devenv(&["psql", "-d", "postgres", "-Atc", backend]).success();
    kill_9(run.stdout.trim().parse().unwrap());
    let after = wait_for("a lease of the server that is up again", LIMIT, || {
        let run = project.devenv(&["lease", "--json"]);
        (run.code == Some(0)).then(|| run.json()["leases"][0].clone())
    });
    assert!(!fresh.contains(&oid_of(&after)));
}

#[test]
fn a_database_in_use_is_not_copied_and_the_way_out_is_said() {
    let project = running();
    let code = "import os, psycopg, sys; c = psycopg.connect(os.environ['DATABASE_URL']); print('held', flush=True); sys.stdin.read()";
    let mut command = project.command(python());
    command.args(["-c", code]).envs(project.environment());
    let mut held = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(
        &mut std::io::BufReader::new(held.stdout.take().unwrap()),
        &mut line,
    )
    .unwrap();
    let refused = project.devenv(&["lease", "--json"]).ends(1).json();
    assert!(refused["error"]["hint"].as_str().unwrap().contains("--template app_template"));
    assert!(ids(&project).is_empty(), "all or none");
    drop(held.stdin.take());
    held.wait().unwrap();
    let made = "create database app_template template app";
    project.devenv(&["psql", "-d", "postgres", "-qc", made]).success();
    given(&project, &["--template", "app_template"]);
}

#[test]
fn many_at_once_see_nothing_of_each_other_and_leave_nothing() {
    let project = running();
    let many = std::env::var("DEVENV_LEASES").unwrap_or_else(|_| MANY.to_owned());
    let mut command = project.command(python());
    command.arg(script("leases/many.py")).arg(many).envs(project.environment());
    Run::of(&mut command).success();
    assert!(ids(&project).is_empty());
    wait_for("nothing", LIMIT, || left(&project).is_empty().then_some(()));
}

#[path = "../../helpers/rust/devenv_lease.rs"]
#[allow(dead_code, unreachable_pub, reason = "it is written for other crates")]
mod rust_helper;

#[test]
fn the_helpers_work_in_their_test_runners() {
    let project = running();
    let endpoint = project.status()["endpoint"].as_str().unwrap().to_owned();
    let lease = rust_helper::Lease::from(&endpoint, None);
    assert_eq!(ids(&project), [lease.id.as_str()]);
    assert!(lease.env["DATABASE_URL"].ends_with(&format!("lease_{}", lease.id)), "{:?}", lease.env);
    drop(lease);
    assert!(ids(&project).is_empty());
    let mut pytest = project.command(python());
    pytest.args(["-m", "pytest", "-q", "-p", "no:cacheprovider"]);
    pytest.arg(script("leases/test_slices.py")).envs(project.environment());
    pytest.env("PYTHONPATH", helper("pytest")).env("PYTHONDONTWRITEBYTECODE", "1");
    let run = Run::of(&mut pytest).success();
    assert!(run.stdout.contains("2 passed"), "{}", run.stdout);
    let mut runner = project.command(node());
    runner.arg("--test").arg(script("leases/slices.test.mjs")).envs(project.environment());
    runner.env("HELPER", helper("javascript/devenv-lease.mjs"));
    let run = Run::of(&mut runner).success();
    assert!(run.stdout.contains("pass 2"), "{}", run.stdout);
    assert!(ids(&project).is_empty());
    let run = go_test(&project);
    assert!(run.stdout.contains("--- PASS: TestSlices/two"), "{}", run.stdout);
    assert!(ids(&project).is_empty());
}

/// The helper for Go in a module with a test, by Go's own runner; nothing is fetched.
fn go_test(project: &Project) -> Run {
    let place = |file: &str| format!("slices/{file}");
    project.write(&place("go.mod"), "module example.test/slices\n\ngo 1.19\n");
    let read = |path: &Path| std::fs::read_to_string(path).unwrap();
    project.write(&place("devenvlease.go"), &read(&helper("go/devenvlease.go")));
    project.write(&place("slices_test.go"), &read(&script("leases/slices_test.go")));
    let mut go = project.command("go");
    go.args(["test", "-v", "."]).current_dir(project.path().join("slices"));
    go.envs(project.environment()).env("CGO_ENABLED", "0").env("GOFLAGS", "-mod=mod");
    go.env("GOPROXY", "off").env("GOTOOLCHAIN", "local");
    // Go's own packages are compiled once a target.
    go.env("GOCACHE", Path::new(env!("CARGO_TARGET_TMPDIR")).join("go-cache"));
    Run::of(&mut go).success()
}

/// Leases in a row in the gate, without and with databases; `DEVENV_LEASE_TURNS` sets another number
/// (10,000 by hand).
const TURNS: &str = "400";
const TURNS_WITH_DATABASES: &str = "60";

#[test]
fn hundreds_in_a_row_leak_nothing() {
    in_a_row("extends = \"minimal\"\nport = \"auto\"\n[redis]\n", TURNS);
}

#[test]
fn databases_in_a_row_leak_nothing() {
    let counted = in_a_row(PROFILE, TURNS_WITH_DATABASES);
    let of = |when: &str, what: &str| counted[when][what].as_i64().unwrap();
    assert_eq!((of("last", "databases"), of("last", "spares")), (0, 8), "{counted}");
    assert_eq!(of("last", "directories"), of("first", "directories"), "{counted}");
    // The daemon keeps some sessions for the next leases.
    assert!(of("last", "connections") < 10, "{counted}");
    assert!(of("last", "data_files") - of("first", "data_files") < 100, "{counted}");
    assert!(of("last", "server_kib") - of("first", "server_kib") < 32 * 1024, "{counted}");
}

/// Leases one after the other, after which nothing is left; what was counted of the daemon and the server.
#[track_caller]
fn in_a_row(profile: &str, turns: &str) -> Value {
    let project = Project::with(profile);
    project.up();
    let turns = std::env::var("DEVENV_LEASE_TURNS").unwrap_or_else(|_| turns.to_owned());
    let pid = project.status()["pid"].to_string();
    let mut command = project.command(python());
    command.arg(script("leases/endless.py")).args([turns, pid]).envs(project.environment());
    let counted = Run::of(&mut command).success().json();
    let grown = |what: &str| {
        let of = |when: &str| counted[when][what].as_i64().unwrap();
        of("last") - of("first")
    };
    assert_eq!(counted["last"]["leases"], 0, "{counted}");
    // Generous: what grows by lease grows far beyond these.
    assert!(grown("descriptors") < 40 && grown("threads") < 40, "{counted}");
    assert!(grown("resident_kib") < 96 * 1024, "{counted}");
    assert!(grown("state_bytes") < 32 * 1024 * 1024, "{counted}");
    assert!(ids(&project).is_empty());
    let keys = project.devenv(&["redis-cli", "INFO", "keyspace"]).success().stdout;
    assert!(!keys.lines().any(|line| line.starts_with("db")), "{keys}");
    let blobs = project.path().join(".devenv/blobs");
    wait_for("the files' end", LIMIT, || (files(&blobs) == 0).then_some(()));
    wait_for("no row", LIMIT, || rusqlite(&project).is_empty().then_some(()));
    counted
}

fn files(dir: &std::path::Path) -> usize {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    entries.map(|entry| if entry.path().is_dir() { files(&entry.path()) } else { 1 }).sum()
}
