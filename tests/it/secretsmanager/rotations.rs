//! Rotations in a whole environment: by programs, addresses and the built-in functions for a real
//! Postgres; over `kill -9`; and no value in anything that was written.

use crate::support::{Project, Run, free_port, kill_9, python, script};
use std::path::{Path, PathBuf};

/// An environment, and the values that were seen in it.
struct Rotating {
    project: Project,
    values: tempfile::NamedTempFile,
}

impl Rotating {
    fn up(profile: &str) -> Rotating {
        let nowhere = "unix:///nowhere/docker.sock";
        let project = Project::with(profile).variable("DOCKER_HOST", nowhere);
        project.write(
            "rotate.sh",
            &format!(
                "exec '{}' '{}'\n",
                python().display(),
                script("secretsmanager/rotator.py").display()
            ),
        );
        project.up();
        Rotating { project, values: tempfile::NamedTempFile::new().unwrap() }
    }

    fn python(&self, name: &str, arguments: &[&str]) -> Run {
        let mut command = self.project.command(python());
        command.arg(script(name)).args(arguments).env("VALUES", self.values.path());
        command.env("DEVENV", env!("CARGO_BIN_EXE_devenv")).env("PYTHONDONTWRITEBYTECODE", "1");
        // A restarted gateway may have another port.
        command.envs(self.project.environment());
        let run = Run::of(&mut command);
        let log = self.project.path().join(".devenv/logs/daemon.log");
        let log = std::fs::read_to_string(log).unwrap_or_default();
        assert_eq!(run.code, Some(0), "{}\n{}\n-- log\n{log}", run.stdout, run.stderr);
        run
    }

    /// Looks for every value in every file that the environment has written.
    fn nothing_is_written_down(&self) {
        let values = std::fs::read_to_string(self.values.path()).unwrap();
        let values: Vec<&str> = values.lines().filter(|v| v.len() >= 8).collect();
        assert!(values.len() >= 5, "{values:?}");
        let mut files = Vec::new();
        files_below(&self.project.path().join(".devenv"), &mut files);
        files_below(&self.project.path().join("home"), &mut files);
        assert!(files.iter().any(|f| f.ends_with("state.db")), "{files:?}");
        for file in files {
            // Files that went meanwhile hold nothing.
            let Ok(bytes) = std::fs::read(&file) else { continue };
            for value in &values {
                let found = memchr_find(&bytes, value.as_bytes());
                assert!(!found, "{} holds a secret's value", file.display());
            }
        }
    }
}

fn memchr_find(bytes: &[u8], wanted: &[u8]) -> bool {
    let first = wanted[0];
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|b| *b == first) {
        if bytes[from + at..].starts_with(wanted) {
            return true;
        }
        from += at + 1;
    }
    false
}

fn files_below(directory: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => files_below(&entry.path(), into),
            Ok(kind) if kind.is_file() => into.push(entry.path()),
            _ => {}
        }
    }
}

#[test]
fn programs_and_addresses_rotate_and_a_rotation_goes_on_after_kill_9() {
    let port = free_port();
    let rotating = Rotating::up(&format!(
        r#"
extends = "minimal"
port = "auto"
[secrets.partner]
generate = 40
rotation = {{ days = 7, lambda = "by-program" }}
[secrets.random]
generate = 24
rotation = {{ schedule = "rate(900 days)", window = "3h" }}
[rotators.by-program]
command = ["sh", "rotate.sh"]
# A step waits while the daemon is killed and comes back, however slow the machine.
timeout = "15m"
[rotators.webhook]
url = "http://127.0.0.1:{port}/2015-03-31/functions/function/invocations"
[rotators.boxed]
container = "example/rotate:1"
"#
    ));
    rotating.python("secretsmanager/rotation.py", &["commands"]);
    rotating.python("secretsmanager/rotation.py", &["addresses", &port.to_string()]);
    let token = rotating.python("secretsmanager/rotation.py", &["hold"]).stdout.trim().to_owned();
    let pid = rotating.project.status()["pid"].as_u64();
    kill_9(u32::try_from(pid.expect("the status names the daemon's pid")).unwrap());
    rotating.project.up();
    rotating.python("secretsmanager/rotation.py", &["after_kill", &token]);
    rotating.nothing_is_written_down();
    rotating.project.devenv(&["down"]).success();
    rotating.nothing_is_written_down();
}

#[test]
fn passwords_of_postgres_roles_are_rotated_under_a_running_application() {
    let login = |role: &str, how: &str| {
        format!(
            "[secrets.{role}]\nrotation = {{ days = 30, rotate = \"{how}\" }}\n\
             value = {{ engine = \"postgres\", host = \"${{postgres.host}}\", port = \"${{postgres.port}}\", \
             username = \"{role}\", password = \"first-of-{role}\", dbname = \"app\" }}\n"
        )
    };
    let rotating = Rotating::up(&format!(
        "extends = \"minimal\"\nport = \"auto\"\n[postgres]\nversion = 17\ndatabases = [\"app\"]\n\
         settings = {{ log_statement = \"all\" }}\n{}{}",
        login("orders", "postgres-single-user"),
        login("billing", "postgres-alternating-users"),
    ));
    rotating.python("secretsmanager/roles.py", &[]);
    // Those that the profile and the test itself have written are no secret of devenv's.
    let seen = std::fs::read_to_string(rotating.values.path()).unwrap();
    let made: Vec<&str> =
        seen.lines().filter(|v| !v.starts_with("first-of-") && !v.starts_with("of-the-")).collect();
    std::fs::write(rotating.values.path(), made.join("\n")).unwrap();
    rotating.nothing_is_written_down();
}
