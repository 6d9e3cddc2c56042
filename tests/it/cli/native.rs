//! Real Postgres and Redis under the daemon: crashes, adoption after `kill -9`, reset.

use super::{daemon_pid, row};
use crate::support::{Project, Run, UP_TIMEOUT, is_alive, kill_9, wait_for};
use std::time::Duration;

const BOTH: &str = "extends = \"minimal\"\nport = \"auto\"\n[postgres]\nversion = 17\ndatabases = [\"app\"]\n[redis]\n";
const LIMIT: Duration = Duration::from_secs(30);

fn pid(project: &Project, name: &str) -> u32 {
    u32::try_from(row(project, name)["pid"].as_u64().unwrap()).unwrap()
}

#[test]
fn a_crashed_server_comes_back_and_is_counted() {
    let project = Project::with("extends = \"minimal\"\nport = \"auto\"\n[redis]\n");
    project.up();
    let before = pid(&project, "redis");
    kill_9(before);
    let after = wait_for("redis' return", LIMIT, || {
        let row = row(&project, "redis");
        (row["state"] == "healthy" && row["restarts"] == 1).then_some(row)
    });
    assert_ne!(after["pid"], before);
    assert_eq!(project.status()["state"], "ready");
}

#[test]
fn children_of_a_killed_daemon_are_adopted_by_the_next_up() {
    let project = Project::with(BOTH);
    project.up();
    let (postgres, redis) = (pid(&project, "postgres"), pid(&project, "redis"));
    let address = row(&project, "postgres")["address"].clone();
    kill_9(daemon_pid(&project));
    assert!(is_alive(postgres) && is_alive(redis));
    project.devenv(&["status"]).ends(3);
    project.up();
    assert_eq!((pid(&project, "postgres"), pid(&project, "redis")), (postgres, redis));
    assert_eq!(row(&project, "postgres")["address"], address);
    project.devenv(&["down"]).success();
    assert!(!is_alive(postgres) && !is_alive(redis));
}

#[test]
fn down_ends_what_a_killed_daemon_left() {
    let project = Project::with("extends = \"minimal\"\nport = \"auto\"\n[redis]\n");
    project.up();
    let redis = pid(&project, "redis");
    kill_9(daemon_pid(&project));
    assert!(is_alive(redis));
    let down = project.devenv(&["down"]).success();
    assert!(down.stderr.contains("stopped redis, which a killed daemon had left behind"));
    assert!(!is_alive(redis));
    project.devenv(&["down"]).ends(3);
}

#[test]
fn only_what_is_named_runs() {
    let project = Project::with(BOTH);
    project.devenv(&["up", "-d", "--only", "redis", "--timeout", UP_TIMEOUT]).success();
    let status = project.status();
    assert!(status["endpoint"].is_null(), "{status}");
    let names: Vec<_> = status["services"].as_array().unwrap().iter().map(|s| &s["name"]).collect();
    assert_eq!(names, ["redis"]);
    let keys: Vec<_> = project.environment().into_iter().map(|(k, _)| k).collect();
    assert_eq!(keys, ["DEVENV_STATE_DIR", "REDIS_URL"]);
}

#[test]
fn parts_stop_and_start_without_the_others() {
    let project = Project::with(BOTH);
    project.up();
    let redis = pid(&project, "redis");
    project.devenv(&["stop", "postgres"]).success();
    assert_eq!(row(&project, "postgres")["state"], "down");
    assert!(row(&project, "postgres")["pid"].is_null());
    assert_eq!(pid(&project, "redis"), redis);
    project.devenv(&["start", "postgres"]).success();
    assert_eq!(row(&project, "postgres")["state"], "healthy");
    let logs = project.devenv(&["logs", "postgres"]).success().stdout;
    assert!(logs.contains("ready to accept connections"), "{logs}");
}

/// A line of SQL through the environment's own variables.
fn sql(project: &Project, statement: &str) -> String {
    let script = "import os,sys,psycopg\nwith psycopg.connect(os.environ['DATABASE_URL'], autocommit=True) as c:\n    r = c.execute(sys.argv[1])\n    print(r.fetchone()[0] if r.description else '')";
    let python = crate::support::python();
    let python = python.to_string_lossy();
    let run = project.devenv(&["exec", "--", &python, "-c", script, statement]).success();
    run.stdout.trim().to_owned()
}

#[test]
fn data_survives_down_and_reset_forgets_it() {
    let project = Project::with(BOTH);
    project.up();
    sql(&project, "create table t as select 7 as x");
    project.devenv(&["down"]).success();
    project.up();
    assert_eq!(sql(&project, "select x from t"), "7");
    project.devenv(&["reset", "postgres", "--yes"]).success();
    assert_eq!(sql(&project, "select count(*) from pg_tables where tablename = 't'"), "0");
}

/// A client's run where PATH has none.
fn without_clients(project: &Project, arguments: &[&str]) -> Run {
    let mut command = project.command(env!("CARGO_BIN_EXE_devenv"));
    Run::of(command.args(arguments).env("PATH", project.path()))
}

#[test]
fn clients_that_a_machine_lacks_are_fetched() {
    let project = Project::with(BOTH);
    project.up();
    let psql = without_clients(&project, &["psql", "-tAc", "select current_database(), 6 * 7"]);
    assert_eq!(psql.success().stdout, "app|42\n");
    let again = without_clients(&project, &["psql", "-tAc", "select 1"]).success();
    assert_eq!((again.stdout.as_str(), again.stderr.as_str()), ("1\n", ""));
    without_clients(&project, &["psql", "-c", "select nonsense"]).ends(1);
    let redis = without_clients(&project, &["redis-cli", "PING"]);
    if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        assert_eq!(redis.success().stdout, "PONG\n");
    }
}

#[test]
fn a_client_that_cannot_be_fetched_is_exit_5_with_the_ways_out() {
    let project = Project::with("extends = \"minimal\"\nport = \"auto\"\n[redis]\n");
    project.up();
    let empty = project.path().join("cache");
    let mut command = project.command(env!("CARGO_BIN_EXE_devenv"));
    command.args(["redis-cli", "PING"]).env("PATH", project.path());
    command.env("DEVENV_CACHE_DIR", empty).env("PIP_INDEX_URL", "http://127.0.0.1:1/");
    let run = Run::of(&mut command).ends(5);
    assert!(
        run.stderr.contains("\n\nhint: ") && run.stderr.contains("apt-get install"),
        "{}",
        run.stderr
    );
}
