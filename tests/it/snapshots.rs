//! Snapshots from outside: everything comes back together; a snapshot is one moment of all stores, however
//! busily they are written; a kill in the middle leaves one state, whole.

use crate::support::{Project, Run, kill_9, python, script, wait_for};
use serde_json::Value;
use std::process::{Command, Stdio};
use std::time::Duration;

const PROFILE: &str = r#"
port = "auto"
[postgres]
version = 17
databases = ["app"]
[redis]
[s3.buckets.marks]
[sqs.queues.marks]
"#;
/// Kills in the gate; `DEVENV_CRASHES` sets another number.
const CRASHES: u64 = 12;

fn running() -> Project {
    let project = Project::with(PROFILE);
    project.up();
    project
}

/// Runs `tests/it/snapshots/stores.py` in the project's environment.
fn stores(project: &Project) -> Command {
    let mut command = project.command(python());
    command.arg(script("snapshots/stores.py")).envs(project.environment());
    command
}

/// Writes `mark` into every store.
fn mark(project: &Project, mark: &str) {
    Run::of(stores(project).args(["mark", mark])).success();
}

/// What every store holds.
fn marks(project: &Project) -> Value {
    Run::of(stores(project).arg("marks")).success().json()
}

/// The mark, if all stores have the same one.
#[track_caller]
fn same(marks: &Value) -> String {
    let mark = marks["s3"].clone();
    for store in ["sqs", "postgres", "redis", "secret"] {
        assert_eq!(marks[store], mark, "{marks}");
    }
    mark.as_str().unwrap().to_owned()
}

fn listed(project: &Project) -> Vec<Value> {
    let list = project.devenv(&["snapshot", "list", "--json"]).success().json();
    list["snapshots"].as_array().unwrap().clone()
}

#[test]
fn everything_comes_back_together_and_undo_takes_it_back() {
    let project = running();
    mark(&project, "first");
    project.devenv(&["clock", "advance", "2h"]).success();
    let saved = project.devenv(&["snapshot", "save", "one", "--json"]).success().json();
    let holds = &saved["snapshot"]["holds"];
    assert_eq!(*holds, serde_json::json!(["services", "postgres-17", "redis"]), "{saved}");
    mark(&project, "second");
    project.devenv(&["clock", "set", "now"]).success();
    project.devenv(&["snapshot", "restore", "one"]).success();
    assert_eq!(same(&marks(&project)), "first");
    let ahead = project.devenv(&["clock", "show", "--json"]).success().json()["offset_ms"].as_i64();
    assert_eq!(ahead, Some(7_200_000), "the clock is state too");
    // What was replaced was kept, and comes back; and again.
    project.devenv(&["undo"]).success();
    assert_eq!(same(&marks(&project)), "second");
    project.devenv(&["reset", "--yes"]).success();
    assert_eq!(marks(&project)["s3"], Value::Null);
    project.devenv(&["undo"]).success();
    assert_eq!(same(&marks(&project)), "second");
    let reasons: Vec<Value> = listed(&project).iter().map(|s| s["reason"].clone()).collect();
    let expected = ["asked", "before-restore", "before-restore", "before-reset", "before-restore"];
    assert_eq!(reasons, expected);
    // An environment that is down, and one that is made for a test, get it too.
    project.devenv(&["down"]).success();
    project.devenv(&["snapshot", "restore", "one"]).success();
    project.up();
    assert_eq!(same(&marks(&project)), "first");
    project.devenv(&["down"]).success();
    project
        .devenv(&["up", "-d", "--ephemeral", "--snapshot", "one", "--timeout", "180s"])
        .success();
    assert_eq!(same(&marks(&project)), "first");
}

#[test]
fn snapshots_are_listed_shown_replaced_and_removed() {
    let project = Project::with("extends = \"minimal\"\nport = \"auto\"\n");
    assert_eq!(
        project.devenv(&["snapshot", "save", "x", "--json"]).ends(3).json()["error"]["code"],
        "not-running"
    );
    project.up();
    let code = |arguments: &[&str], exit: i32| {
        let run = project.devenv(&[arguments, &["--json"]].concat()).ends(exit);
        run.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(code(&["undo"], 1), "nothing-to-undo");
    assert_eq!(code(&["snapshot", "save", "../x"], 2), "snapshot-name");
    project.devenv(&["snapshot", "save", "x"]).success();
    assert_eq!(code(&["snapshot", "save", "x"], 2), "snapshot-exists");
    project.devenv(&["snapshot", "save", "x", "--replace"]).success();
    assert_eq!(code(&["snapshot", "restore", "y"], 2), "unknown-snapshot");
    let shown = project.devenv(&["snapshot", "show", "x", "--json"]).success().json();
    assert_eq!(shown["snapshot"]["name"], "x");
    assert_eq!(listed(&project).len(), 1);
    project.devenv(&["snapshot", "delete", "x"]).success();
    assert!(listed(&project).is_empty());
    assert_eq!(code(&["snapshot", "delete", "x"], 2), "unknown-snapshot");
}

#[test]
fn two_are_compared_and_one_is_given_to_somebody_else() {
    let project = running();
    mark(&project, "first");
    let redis = |words: &[&str]| {
        project.devenv(&[&["redis-cli"], words].concat()).success();
    };
    redis(&["MSET", "gone", "1", "stays", "1", "ends", "1"]);
    redis(&["SADD", "set", "a", "b", "c"]);
    redis(&["SADD", "other", "a", "b", "c"]);
    redis(&["XADD", "stream", "1-1", "a", "b"]);
    redis(&["-n", "5", "SET", "alone", "1"]);
    project.devenv(&["snapshot", "save", "one"]).success();
    mark(&project, "second");
    project
        .devenv(&["psql", "-qc", "insert into marks values ('more'); create table fresh (x int)"])
        .success();
    redis(&["DEL", "gone"]);
    redis(&["MSET", "new", "1", "newer", "1"]);
    redis(&["SREM", "set", "b"]);
    redis(&["EXPIRE", "ends", "100000"]);
    redis(&["XGROUP", "CREATE", "stream", "readers", "0"]);
    redis(&["-n", "7", "SET", "alone", "1"]);
    project.devenv(&["snapshot", "save", "two"]).success();
    let differences = |first: &str, second: &str| {
        let run = project.devenv(&["snapshot", "diff", first, second, "--json"]).success();
        run.json()["differences"].as_array().unwrap().clone()
    };
    assert!(differences("one", "one").is_empty());
    let found = differences("one", "two");
    let of = |place: &str, table: &str| {
        let found = found.iter().find(|d| d["place"] == place && d["table"] == table);
        found.unwrap_or_else(|| panic!("no {table}: {found:?}")).clone()
    };
    let objects = of("services", "s3_versions");
    let counts = ["before", "after", "only_before", "only_after"].map(|key| objects[key].as_u64());
    assert_eq!(counts, [Some(1); 4], "one was written over: {objects}");
    assert_eq!(of("app", "public.marks")["after"], 2);
    assert_eq!(
        (&of("app", "public.fresh")["before"], &of("app", "public.fresh")["after"]),
        (&Value::Null, &Value::from(0))
    );
    assert!(!found.iter().any(|d| d["table"] == "public.counted"), "{found:?}");
    // The mark, the set, the end and the stream's group; `other` and `stays` are as they were.
    let keys = |number: &str| {
        let keys = of("redis", number);
        ["before", "after", "only_before", "only_after", "changed"].map(|key| keys[key].clone())
    };
    assert_eq!(keys("db0"), [7, 8, 5, 6, 4].map(Value::from));
    assert!(!found.iter().any(|d| d["table"] == "db5"), "{found:?}");
    assert_eq!(keys("db7"), [0, 1, 0, 1, 0].map(Value::from));
    project.devenv(&["snapshot", "export", "one", "given.devsnap"]).success();
    let other = running();
    let file = project.path().join("given.devsnap");
    let file = file.to_str().unwrap();
    other.devenv(&["snapshot", "import", file, "--name", "gift"]).success();
    other.devenv(&["snapshot", "restore", "gift"]).success();
    assert_eq!(same(&marks(&other)), "first");
    let again = other.devenv(&["snapshot", "import", file, "--name", "gift", "--json"]).ends(2);
    assert_eq!(again.json()["error"]["code"], "snapshot-exists");
}

/// A restore moves a copy into place that was made before; what happens there stays out of the snapshot.
#[test]
fn a_copy_is_ready_for_the_next_restore_and_the_snapshot_keeps_its_own() {
    let project = running();
    mark(&project, "first");
    project.devenv(&["snapshot", "save", "one"]).success();
    let ready = || {
        let entries = std::fs::read_dir(project.path().join(".devenv/snapshots/one")).ok()?;
        let name = |entry: std::fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
        entries.flatten().map(name).find(|name| name.starts_with("ready-"))
    };
    for later in ["second", "third"] {
        wait_for("a ready copy", Duration::from_secs(60), ready);
        mark(&project, later);
        project.devenv(&["snapshot", "restore", "one"]).success();
        assert_eq!(same(&marks(&project)), "first");
    }
    // Of an environment that is down too, and of one whose ready copy is gone.
    wait_for("a ready copy", Duration::from_secs(60), ready);
    mark(&project, "fourth");
    project.devenv(&["down"]).success();
    for is_ready in [true, false] {
        assert_eq!(ready().is_some(), is_ready);
        project.devenv(&["snapshot", "restore", "one"]).success();
    }
    project.up();
    assert_eq!(same(&marks(&project)), "first");
    project.devenv(&["snapshot", "delete", "one"]).success();
    assert!(!project.path().join(".devenv/snapshots/one").exists());
}

/// Writers put a counter into one store after the other, each only after the former has answered. In
/// a snapshot no store may be ahead of one that was written before it.
/// Waits until a snapshot was begun ahead, where files share their blocks: elsewhere none is.
fn begun_ahead(project: &Project) {
    let (file, copy) = (project.path().join("devenv.toml"), project.path().join("shared"));
    let share = Command::new("cp").arg("--reflink=always").args([&file, &copy]).output();
    if !share.is_ok_and(|done| done.status.success()) {
        return;
    }
    let store = project.path().join(".devenv/snapshots");
    wait_for("a draft with Postgres' files", Duration::from_secs(30), || {
        let mut entries = std::fs::read_dir(&store).unwrap().flatten();
        entries.find(|entry| entry.file_name().to_string_lossy().starts_with(".new-"))
    });
}

#[test]
fn saves_in_a_row_hold_each_its_own_moment() {
    let project = running();
    let sql =
        |text: &str| project.devenv(&["psql", "-Atqc", text]).success().stdout.trim().to_owned();
    sql("create table a as select n, 0 as round from generate_series(1, 2000) n");
    sql("create table b as table a");
    for round in ["1", "2", "3"] {
        // What is on the disk since a checkpoint is in the files alone; `b` is as it was when it was copied.
        let table = if round == "2" { "b" } else { "a" };
        sql(&format!("update {table} set round = {round}; checkpoint"));
        project.devenv(&["snapshot", "save", &format!("round-{round}")]).success();
        begun_ahead(&project);
    }
    for (round, there) in [("1", "1|0"), ("2", "1|2"), ("3", "3|2")] {
        project.devenv(&["snapshot", "restore", &format!("round-{round}")]).success();
        let rounds = "select string_agg(distinct a.round::text, ' '), string_agg(distinct b.round::text, ' ')
                      from a join b using (n) having count(*) = 2000";
        assert_eq!(sql(rounds), there);
    }
}

#[test]
fn what_the_profile_asks_for_since_is_made_after_a_restore() {
    let project = running();
    let databases = |project: &Project| {
        let list = "select string_agg(datname, ' ' order by datname) from pg_database where datname like 'app%'";
        project.devenv(&["psql", "-d", "postgres", "-Atc", list]).success().stdout.trim().to_owned()
    };
    project.devenv(&["psql", "-d", "postgres", "-c", "create database app_own"]).success();
    project.devenv(&["snapshot", "save", "two"]).success();
    project.devenv(&["psql", "-d", "postgres", "-c", "drop database app_own"]).success();
    project.devenv(&["snapshot", "restore", "two"]).success();
    assert_eq!(databases(&project), "app app_own");
    project.devenv(&["down"]).success();
    let profile = project.path().join("devenv.toml");
    let text = std::fs::read_to_string(&profile).unwrap();
    std::fs::write(&profile, text.replace(r#"["app"]"#, r#"["app", "app_later"]"#)).unwrap();
    project.devenv(&["snapshot", "restore", "two"]).success();
    project.up();
    assert_eq!(databases(&project), "app app_later app_own");
    project.devenv(&["psql", "-d", "postgres", "-c", "drop database app_later"]).success();
    project.devenv(&["restart", "postgres"]).success();
    assert_eq!(databases(&project), "app app_later app_own", "a start makes what is missing");
}

#[test]
fn no_effect_without_its_cause_however_busy_the_writers_are() {
    let project = running();
    mark(&project, "0");
    let writers = stores(&project).arg("write").stdout(Stdio::piped()).spawn().unwrap();
    let counted = || marks(&project)["counted"].as_array().unwrap().len();
    wait_for("the writers", Duration::from_secs(60), || (counted() == 2).then_some(()));
    let names = ["a", "b", "c"];
    for name in names {
        project.devenv(&["snapshot", "save", name]).success();
    }
    project.write("stop", "");
    let written: Value = {
        let output = writers.wait_with_output().unwrap();
        assert!(output.status.success(), "a writer was refused");
        serde_json::from_slice(&output.stdout).unwrap()
    };
    for name in names {
        project.devenv(&["snapshot", "restore", name]).success();
        let chains = marks(&project)["counted"].clone();
        for (chain, rounds) in chains.as_array().unwrap().iter().zip(written.as_array().unwrap()) {
            let counts: Vec<u64> =
                chain.as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).collect();
            assert!(counts.is_sorted_by(|a, b| a >= b), "{name}: {chains}");
            let (first, last) = (counts[0], *counts.last().unwrap());
            assert!(first - last <= 1, "{name}: one round at a time: {chains}");
            assert!(last > 0 && first <= rounds.as_u64().unwrap(), "{name}: {chains} of {written}");
        }
    }
}

#[test]
fn a_kill_in_the_middle_leaves_one_state_whole() {
    let project = running();
    for name in ["one", "two"] {
        mark(&project, name);
        project.devenv(&["snapshot", "save", name]).success();
    }
    let crashes = std::env::var("DEVENV_CRASHES").map_or(CRASHES, |n| n.parse().unwrap());
    // Instants spread over the whole of a restore and a save, wherever those are slow.
    let instants = (0..crashes).map(|n| Duration::from_millis(n * 389 % 701));
    let mut now = "two".to_owned();
    for (n, instant) in instants.enumerate() {
        let pid = u32::try_from(project.status()["pid"].as_u64().unwrap()).unwrap();
        let saves = n % 3 == 2;
        let other = if now == "one" { "two" } else { "one" };
        let what = if saves { ["save", "new"] } else { ["restore", other] };
        let mut command = project.command(env!("CARGO_BIN_EXE_devenv"));
        command.arg("snapshot").args(what).stdout(Stdio::null()).stderr(Stdio::null());
        let mut client = command.spawn().unwrap();
        std::thread::sleep(instant);
        kill_9(pid);
        client.wait().unwrap();
        project.up();
        let found = same(&marks(&project));
        assert!(found == now || !saves && found == other, "{what:?} after {instant:?}: {found}");
        now = found;
        let new = listed(&project).iter().any(|s| s["name"] == "new");
        if new {
            // It has its name, so it is whole.
            project.devenv(&["snapshot", "restore", "new"]).success();
            assert_eq!(same(&marks(&project)), now);
            project.devenv(&["snapshot", "delete", "new"]).success();
        }
    }
    for name in ["one", "two"] {
        project.devenv(&["snapshot", "restore", name]).success();
        assert_eq!(same(&marks(&project)), name);
    }
    let left = |dir: &str| {
        let entries = std::fs::read_dir(project.path().join(dir)).unwrap();
        entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect::<Vec<_>>()
    };
    project.devenv(&["down"]).success();
    project.up();
    for dir in [".devenv", ".devenv/data"] {
        let names = left(dir);
        assert!(!names.iter().any(|name| name.starts_with(".restore")), "{names:?}");
    }
}
