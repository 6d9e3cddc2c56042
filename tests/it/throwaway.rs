//! `devenv test`: the command's own environment, its exit code, what is kept of a failure, what it left
//! behind, and the end of everything, whatever becomes of whom.

use crate::support::{Project, Run, is_alive, kill_9, python, wait_for};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);
const PROFILE: &str = r#"
extends = "minimal"
port = "auto"
[sqs.queues.work]
[s3.buckets.files]
"#;

fn project(profile: &str) -> Project {
    Project::with(profile)
}

/// Where the environment was whose command wrote `DEVENV_STATE_DIR` into the file `state`.
fn environment(project: &Project) -> PathBuf {
    let state = PathBuf::from(project.read("state").trim());
    let dir = state.parent().unwrap().to_owned();
    assert!(dir.to_string_lossy().contains("devenv-test-"), "{}", dir.display());
    dir
}

fn python_test(project: &Project, flags: &[&str], code: &str) -> Run {
    let python = python();
    let arguments = [&["test"], flags, &["--", python.to_str().unwrap(), "-c", code]].concat();
    project.devenv(&arguments)
}

/// `devenv test` with a command that says its pid in a file and then waits.
fn waiting(project: &Project) -> (Child, u32) {
    let mut command = project.command(env!("CARGO_BIN_EXE_devenv"));
    command.args([
        "test",
        "--",
        "sh",
        "-c",
        "echo $DEVENV_STATE_DIR > state; echo $$ > pid.new && mv pid.new pid && exec sleep 600",
    ]);
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let pid = wait_for("the command", LIMIT, || {
        std::fs::read_to_string(project.path().join("pid")).ok()?.trim().parse().ok()
    });
    (child, pid)
}

/// The process that holds a directory's lock.
fn daemon_of(environment: &Path) -> u32 {
    let lock = std::fs::read_to_string(environment.join(".devenv/lock")).unwrap();
    lock.trim().parse().unwrap()
}

#[test]
fn the_exit_code_is_the_commands_and_nothing_is_left() {
    let project = project(PROFILE);
    let code = "import boto3; print(boto3.client('sqs').list_queues()['QueueUrls'])";
    let run = python_test(&project, &[], code).success();
    assert!(run.stdout.contains("/000000000000/work"), "{}", run.stdout);
    assert!(run.stderr.contains("passed in"), "{}", run.stderr);
    let failed = project
        .devenv(&["test", "--json", "--", "sh", "-c", "echo $DEVENV_STATE_DIR > state; exit 7"])
        .ends(7);
    let told = failed.json();
    assert_eq!((told["passed"].as_bool(), told["exit"].as_u64()), (Some(false), Some(7)));
    let logs = std::fs::read_dir(told["logs"].as_str().unwrap()).unwrap();
    assert!(logs.flatten().any(|entry| entry.file_name() == "daemon.log"));
    let snapshot = told["snapshot"].as_str().unwrap();
    let kept = project.devenv(&["snapshot", "show", snapshot, "--json"]).success().json();
    assert_eq!(kept["snapshot"]["reason"], "test-failed");
    project.devenv(&["test", "--", "no-such-program"]).ends(127);
    let killed = ["test", "--discard", "--", "sh", "-c", "kill -9 $$"];
    project.devenv(&killed).ends(128 + 9);
    assert!(!environment(&project).exists());
    project.devenv(&["status"]).ends(3);
}

#[test]
fn a_test_runs_beside_the_projects_environment_and_from_its_snapshots() {
    let project = project(PROFILE);
    project.up();
    let endpoint = project.status()["endpoint"].as_str().unwrap().to_owned();
    let send = "import boto3; q = boto3.client('sqs'); q.send_message(QueueUrl=q.get_queue_url(QueueName='work')['QueueUrl'], MessageBody='m')";
    let python = python();
    project.devenv(&["exec", "--", python.to_str().unwrap(), "-c", send]).success();
    project.devenv(&["snapshot", "save", "sent"]).success();
    let run = project.devenv(&["test", "--", "sh", "-c", "echo $AWS_ENDPOINT_URL"]).success();
    assert!(run.stdout.starts_with("http://127.0.0.1:") && run.stdout.trim() != endpoint);
    // The message is there with the snapshot, and not without it.
    let check = |flags: &[&str]| {
        let arguments = [&["test", "--check", "no-messages"], flags, &["--", "true"]].concat();
        project.devenv(&arguments)
    };
    check(&[]).success();
    let left = check(&["--snapshot", "sent"]).ends(1);
    assert!(left.stderr.contains("1 messages in queue work"), "{}", left.stderr);
    project.devenv(&["test", "--snapshot", "no-such", "--", "true"]).ends(2);
    assert_eq!(project.status()["state"], "ready");
}

#[test]
fn a_test_is_filled_from_archives_and_by_the_profile() {
    let seed = "[seed]\nsql = [\"seed.sql\"]\nmessages = [{ queue = \"work\", body = \"m\" }]\n";
    let profile = format!("{PROFILE}\n[postgres]\nversion = 17\ndatabases = [\"app\"]\n{seed}");
    let project = project(&profile);
    project.write("seed.sql", "create table seeded (x int); insert into seeded values (1), (2);");
    let rules = "version = 1\n[tables.\"public.users\"]\ncolumns.id = \"id\"\n";
    project.write("devenv.data.toml", rules);
    project.up();
    let sql =
        "create table users (id int primary key); insert into users select generate_series(1, 500)";
    project.devenv(&["psql", "-qc", sql]).success();
    let url = project.environment().into_iter().find(|(name, _)| name == "DATABASE_URL").unwrap().1;
    let pull = ["data", "pull", "--source", &url, "--out", "users.devseed"];
    project.devenv(&pull).success();
    let code = "import os, psycopg; c = psycopg.connect(os.environ['DATABASE_URL']); print([c.execute(f'select count(*) from {t}').fetchone()[0] for t in ('users', 'seeded')])";
    let both = ["--fill", "users.devseed", "--fill", "profile"];
    let filled = python_test(&project, &both, code).success();
    assert!(filled.stdout.contains("[500, 2]"), "{}", filled.stdout);
    // Of the environment of the test alone, and its jobs have it too.
    let seeded = project.devenv(&["psql", "-Atc", "select to_regclass('seeded') is null"]);
    assert_eq!(seeded.success().stdout.trim(), "t");
    let jobs = python_test(&project, &[&both[..], &["--jobs", "2"]].concat(), code).success();
    assert_eq!(jobs.stdout.matches("[500, 2]").count(), 2, "{}", jobs.stdout);
    let checked = [&["test", "--check", "no-messages"], &both[..], &["--", "true"]].concat();
    assert!(project.devenv(&checked).ends(1).stderr.contains("1 messages in queue work"));
    project.devenv(&["test", "--fill", "none.devseed", "--", "true"]).ends(1);
    project.devenv(&["test", "--fill", "none.txt", "--", "true"]).ends(2);
}

#[test]
fn what_a_test_leaves_behind_fails_it() {
    let profile = format!("{PROFILE}\n[postgres]\nversion = 17\ndatabases = [\"app\"]\n");
    let project = project(&profile);
    let checks = ["--check", "no-messages,no-mails,no-uploads,no-idle-transactions", "--json"];
    let code = r#"
import os, subprocess, sys, boto3
s3, ses = boto3.client('s3'), boto3.client('ses')
s3.create_multipart_upload(Bucket='files', Key='half')
ses.verify_email_identity(EmailAddress='a@example.com')
ses.send_email(Source='a@example.com', Destination={'ToAddresses': ['b@example.com']},
               Message={'Subject': {'Data': 'Hello'}, 'Body': {'Text': {'Data': 'x'}}})
# A session that outlives the command.
held = "import psycopg, os, sys, time; c = psycopg.connect(os.environ['DATABASE_URL'], application_name='idler'); c.execute('select 1'); print('held', flush=True); time.sleep(600)"
child = subprocess.Popen([sys.executable, '-c', held], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
child.stdout.readline()
open('idler', 'w').write(str(child.pid))
"#;
    let run = python_test(&project, &checks, code);
    let idler: u32 = project.read("idler").trim().parse().unwrap();
    kill_9(idler);
    let told = run.ends(1).json();
    let found: Vec<&str> =
        told["found"].as_array().unwrap().iter().filter_map(|l| l.as_str()).collect();
    let expected = [
        "mail \"Hello\" from a@example.com",
        "upload of s3://files/half is open",
        "idle in a transaction: idler (app)",
    ];
    assert_eq!(found, expected);
    assert_eq!(told["exit"], 0);
    python_test(&project, &checks, "pass").success();
}

#[test]
fn each_job_has_a_slice_of_its_own() {
    let profile = format!("{PROFILE}\n[postgres]\nversion = 17\ndatabases = [\"app\"]\n[redis]\n");
    let project = project(&profile);
    let code = r#"
import os, boto3, psycopg, redis
boto3.client('sqs').create_queue(QueueName='same')
with psycopg.connect(os.environ['DATABASE_URL'], autocommit=True) as connection:
    connection.execute('create table same (x int)')
redis.Redis.from_url(os.environ['REDIS_URL']).incr('same')
job = os.environ['DEVENV_JOB'] + ' of ' + os.environ['DEVENV_JOBS']
open('job-' + os.environ['DEVENV_JOB'], 'w').write(job + ' ' + os.environ['AWS_ACCESS_KEY_ID'])
raise SystemExit(5 if job == '2 of 3' else 0)
"#;
    let run = python_test(&project, &["--jobs", "3", "--json", "--discard"], code).ends(5);
    assert_eq!(run.json()["exits"], serde_json::json!([0, 5, 0]));
    let jobs: Vec<String> = (1..=3).map(|n| project.read(&format!("job-{n}"))).collect();
    assert!(
        jobs.iter().zip(1..).all(|(job, n)| job.starts_with(&format!("{n} of 3 9"))),
        "{jobs:?}"
    );
}

#[test]
fn when_the_runner_is_killed_everything_ends() {
    let project = project(PROFILE);
    let (mut runner, command) = waiting(&project);
    let environment = environment(&project);
    let daemon = daemon_of(&environment);
    kill_9(runner.id());
    runner.wait().unwrap();
    wait_for("the end of everything", LIMIT, || {
        (!environment.exists() && !is_alive(daemon) && !is_alive(command)).then_some(())
    });
}

#[test]
fn what_a_killed_daemon_leaves_is_removed() {
    let project = project(PROFILE);
    // With its runner killed as well, by the next test.
    let (mut runner, command) = waiting(&project);
    let environment = environment(&project);
    let daemon = daemon_of(&environment);
    kill_9(daemon);
    kill_9(runner.id());
    runner.wait().unwrap();
    kill_9(command);
    // Another test's runner may have been here before this one.
    project.devenv(&["test", "--", "true"]).success();
    wait_for("its end", LIMIT, || (!environment.exists()).then_some(()));
}

#[test]
fn a_request_to_end_is_the_commands_first() {
    let project = project(PROFILE);
    let (runner, _) = waiting(&project);
    Run::of(Command::new("kill").args(["-TERM", &runner.id().to_string()])).success();
    let output = runner.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(128 + 15));
    assert!(!environment(&project).exists());
}
