//! Clients as their makers ship them, told nothing but the standard environment variables: each test
//! brings up an environment of its own with `devenv up -d` and hands it to a script in `clients/`.

use crate::support::{
    Project, Run, node, node_modules, python, python_packages, rust_client, script,
};
use std::ffi::{OsStr, OsString};
use std::process::Command;

/// The gateway and mail alone: nothing is fetched.
const PROFILE: &str = "extends = \"minimal\"\nport = \"auto\"\n";

/// A running environment and what `devenv env` says of it.
struct Desk {
    project: Project,
    environment: Vec<(String, String)>,
}

impl Desk {
    fn open() -> Desk {
        Desk::with(PROFILE)
    }

    fn with(profile: &str) -> Desk {
        let project = Project::with(profile);
        project.up();
        let environment = project.environment();
        Desk { project, environment }
    }

    /// A program with the environment's variables, the tests' Python and devenv itself first on PATH.
    fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut path = OsString::from(python().parent().unwrap());
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap());
        let mut command = self.project.command(program);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.env("PATH", path).env("DEVENV", env!("CARGO_BIN_EXE_devenv"));
        command.env("PYTHONDONTWRITEBYTECODE", "1").env("DEVENV_TEST_NODE_MODULES", node_modules());
        command
    }

    /// Runs a script in `clients/`; it fails the test as it fails itself.
    #[track_caller]
    fn run(&self, interpreter: impl AsRef<OsStr>, name: &str, arguments: &[&str]) {
        let mut command = self.command(interpreter);
        Run::of(command.arg(script("clients").join(name)).args(arguments)).success();
    }

    /// A script that needs the packages of a list in `tests/python`.
    #[track_caller]
    fn run_with(&self, list: &str, interpreter: impl AsRef<OsStr>, name: &str) {
        let packages = python_packages(list);
        let mut command = self.command(interpreter);
        let mut path = packages.join("bin").into_os_string();
        let before = command.get_envs().find(|(name, _)| *name == "PATH").and_then(|(_, v)| v);
        path.push(":");
        path.push(before.unwrap());
        command.env("PYTHONPATH", packages).env("PATH", path);
        Run::of(command.arg(script("clients").join(name))).success();
    }

    /// One function of the script that drives the aws CLI.
    #[track_caller]
    fn aws_cli(&self, function: &str) {
        self.run(python(), "aws_cli.py", &[function]);
    }

    /// A script that drives `client`, a program from Debian.
    #[track_caller]
    fn shell(&self, client: &str) {
        let found = self.command(client).arg("--help").output();
        assert!(found.is_ok(), "{client} is missing\n\nhint: run tests/run once; it installs it");
        self.run("bash", &format!("{client}.sh"), &[]);
    }
}

#[test]
fn the_aws_cli_moves_files() {
    let desk = Desk::open();
    desk.aws_cli("s3_files");
    desk.aws_cli("s3_sync");
}

#[test]
fn the_aws_cli_speaks_with_each_service() {
    let desk = Desk::open();
    for service in ["s3api", "sqs", "mail", "secrets", "keys", "identity"] {
        desk.aws_cli(service);
    }
}

#[test]
fn boto3_transfers_large_bodies() {
    Desk::open().run(python(), "transfers.py", &[]);
}

#[test]
fn the_sdk_for_javascript_needs_no_more_than_the_variables() {
    Desk::open().run(node(), "sdk.mjs", &[]);
}

#[test]
fn the_mailers_of_node_and_django_send_by_ses() {
    let desk = Desk::open();
    desk.run(node(), "nodemailer.mjs", &[]);
    desk.run(python(), "django_mail.py", &[]);
}

#[test]
fn mail_programs_send_by_smtp_and_within_tls() {
    let desk = Desk::with(&format!("{PROFILE}[ses]\nsmtps = \"auto\"\n"));
    desk.shell("swaks");
    desk.shell("msmtp");
    desk.run(node(), "nodemailer_smtp.mjs", &[]);
}

#[test]
fn many_streams_share_one_http2_connection() {
    Desk::open().run(node(), "http2.mjs", &[]);
}

#[test]
fn rclone_keeps_a_tree_with_odd_names() {
    Desk::open().shell("rclone");
}

#[test]
fn restic_keeps_a_repository() {
    Desk::open().shell("restic");
}

#[test]
fn boto3_of_2023_does_not_notice_either() {
    Desk::open().run_with("boto3-1.26", python(), "boto3_126.py");
}

#[test]
fn s3fs_is_a_file_system() {
    Desk::open().run_with("s3fs", python(), "fsspec_s3fs.py");
}

#[test]
fn arrow_and_duckdb_keep_tables() {
    Desk::open().run_with("tools", python(), "tables.py");
}

#[test]
fn django_keeps_its_media_files() {
    Desk::open().run_with("tools", python(), "django_storages.py");
}

#[test]
fn s3cmd_keeps_a_tree() {
    Desk::open().run_with("tools", "bash", "s3cmd.sh");
}

#[test]
fn the_sdk_for_rust_stores_lists_and_presigns() {
    let desk = Desk::open();
    Run::of(&mut desk.command(rust_client())).success();
}

#[test]
fn curl_speaks_http_as_it_likes() {
    Desk::open().shell("curl");
}
