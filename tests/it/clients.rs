//! Clients as their makers ship them, told nothing but the standard environment variables: each test
//! brings up an environment of its own with `devenv up -d` and hands it to a script in `clients/`.

use crate::support::{Project, Run, python, script};
use std::ffi::OsString;
use std::path::Path;
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
        let project = Project::with(PROFILE);
        project.up();
        let environment = project.environment();
        Desk { project, environment }
    }

    /// A program with the environment's variables, the tests' Python and devenv itself first on PATH.
    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut path = OsString::from(python().parent().unwrap());
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap());
        let mut command = self.project.command(program);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.env("PATH", path).env("DEVENV", env!("CARGO_BIN_EXE_devenv"));
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }

    /// Runs one function of a Python script; whatever it raises fails the test.
    #[track_caller]
    fn python(&self, name: &str, function: &str) {
        let mut command = self.command(python());
        Run::of(
            command.arg(script(Path::new("clients").join(name).to_str().unwrap())).arg(function),
        )
        .success();
    }
}

#[test]
fn the_aws_cli_moves_files() {
    let desk = Desk::open();
    desk.python("aws_cli.py", "s3_files");
    desk.python("aws_cli.py", "s3_sync");
}

#[test]
fn the_aws_cli_speaks_with_each_service() {
    let desk = Desk::open();
    for service in ["s3api", "sqs", "mail", "secrets", "identity"] {
        desk.python("aws_cli.py", service);
    }
}
