//! What the black-box tests share: a project directory with its own HOME, the binary run in it, Python
//! with the clients of `tests/requirements.txt`, ports, signals, waiting.

#![allow(dead_code, reason = "each module of tests uses its own part of this")]

use std::ffi::OsStr;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How long `devenv up` may take in a test: the first one on a machine downloads Postgres and Redis.
pub(crate) const UP_TIMEOUT: &str = "180s";

/// A project directory. Dropped, it brings down what runs in it.
pub(crate) struct Project {
    dir: tempfile::TempDir,
    variables: Vec<(String, String)>,
}

impl Project {
    /// An empty directory.
    pub(crate) fn new() -> Project {
        let dir = tempfile::Builder::new().prefix("devenv-it-").tempdir().unwrap();
        std::fs::create_dir(dir.path().join("home")).unwrap();
        Project { dir, variables: Vec::new() }
    }

    /// With this `devenv.toml`.
    pub(crate) fn with(profile: &str) -> Project {
        let project = Project::new();
        project.write("devenv.toml", profile);
        project
    }

    /// With this variable in the environment of every command.
    pub(crate) fn variable(mut self, name: &str, value: &str) -> Project {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).unwrap()
    }

    /// A command in this directory with an environment of its own: nothing of the tester's AWS or
    /// Postgres settings gets in.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.path()).stdin(Stdio::null()).env_clear();
        for name in ["PATH", "LANG", "TMPDIR", "PIP_INDEX_URL", "PIP_FIND_LINKS", "PIP_CERT"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.env("HOME", self.path().join("home"));
        command.env("DEVENV_CACHE_DIR", cache_dir());
        command.env("NO_COLOR", "1");
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs `devenv` to its end.
    pub(crate) fn devenv(&self, arguments: &[&str]) -> Run {
        let mut command = self.command(env!("CARGO_BIN_EXE_devenv"));
        Run::of(command.args(arguments))
    }

    /// `devenv up -d`, which must succeed.
    pub(crate) fn up(&self) {
        self.devenv(&["up", "-d", "--timeout", UP_TIMEOUT]).success();
    }

    /// `devenv status --json`.
    pub(crate) fn status(&self) -> serde_json::Value {
        self.devenv(&["status", "--json"]).success().json()
    }

    /// `devenv env --format json`.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let object = self.devenv(&["env", "--format", "json"]).success().json();
        let object = object.as_object().unwrap().clone();
        object.into_iter().map(|(name, value)| (name, value.as_str().unwrap().to_owned())).collect()
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        if self.path().join(".devenv").exists() {
            // Teardown: whether the environment still ran is the test's affair.
            let _ = self.command(env!("CARGO_BIN_EXE_devenv")).arg("down").output();
        }
    }
}

/// A command that has ended.
pub(crate) struct Run {
    pub(crate) command: String,
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    pub(crate) fn of(command: &mut Command) -> Run {
        let output: Output = command.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Run {
            command: format!("{command:?}"),
            code: output.status.code(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }

    /// It must have ended with 0.
    #[track_caller]
    pub(crate) fn success(self) -> Run {
        self.ends(0)
    }

    /// It must have ended with `code`.
    #[track_caller]
    pub(crate) fn ends(self, code: i32) -> Run {
        let Run { command, stdout, stderr, .. } = &self;
        assert_eq!(self.code, Some(code), "{command}\n-- stdout\n{stdout}\n-- stderr\n{stderr}");
        self
    }

    /// stdout as one JSON value.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{}: {error}:\n{}", self.command, self.stdout))
    }
}

/// Where devenv's downloads are kept between tests.
pub(crate) fn cache_dir() -> PathBuf {
    std::env::var_os("DEVENV_CACHE_DIR")
        .map_or_else(|| target_dir().join("devenv-cache"), PathBuf::from)
}

fn target_dir() -> PathBuf {
    let own = || Path::new(env!("CARGO_MANIFEST_DIR")).join("target");
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(own, PathBuf::from)
}

/// The Python that has the clients of `tests/requirements.txt`; without it a test fails.
pub(crate) fn python() -> PathBuf {
    let own = || target_dir().join("venv/bin/python");
    let python = std::env::var_os("DEVENV_TEST_PYTHON").map_or_else(own, PathBuf::from);
    assert!(
        python.exists(),
        "there is no Python at {}\n\nhint: run tests/run once; it installs the clients that the tests need",
        python.display()
    );
    python
}

/// The packages of a list in `tests/python`, for `PYTHONPATH`.
pub(crate) fn python_packages(list: &str) -> PathBuf {
    let own = || target_dir().join("python");
    let all = std::env::var_os("DEVENV_TEST_PYTHON_CLIENTS").map_or_else(own, PathBuf::from);
    let packages = all.join(list);
    assert!(
        packages.join("requirements.txt").exists(),
        "there is nothing at {}\n\nhint: run tests/run once; it installs the clients that the tests need",
        packages.display()
    );
    packages
}

/// The program of `tests/it/clients/rust`.
pub(crate) fn rust_client() -> PathBuf {
    let program = target_dir().join("sdk-for-rust/debug/sdk-for-rust");
    let hint = "hint: run tests/run once; it builds it";
    assert!(program.exists(), "there is no {}\n\n{hint}", program.display());
    program
}

/// The Node of `tests/requirements.txt`.
pub(crate) fn node() -> PathBuf {
    let node = python().with_file_name("node");
    assert!(
        node.exists(),
        "there is no {}\n\nhint: run tests/run once; it installs it",
        node.display()
    );
    node
}

/// The packages of `tests/it/clients/package.json`.
pub(crate) fn node_modules() -> PathBuf {
    let own = || target_dir().join("node/node_modules");
    std::env::var_os("DEVENV_TEST_NODE_MODULES").map_or_else(own, PathBuf::from)
}

/// A script below `tests/it`.
pub(crate) fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it").join(name)
}

/// A port that nothing listens on, and that no connection takes as its own end either: those come from
/// 32,768 and above (`ip_local_port_range`), and one would hold it for a minute after its end.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Tests run side by side, each in its process: every one looks from a place of its own.
    let first = std::process::id().wrapping_mul(37);
    let tries = std::iter::repeat_with(|| NEXT.fetch_add(1, Ordering::Relaxed));
    let mut ports = tries.map(|n| 20_000 + (first.wrapping_add(n) % 12_000) as u16);
    ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).unwrap()
}

/// `kill -9`, and the end of the process: a signal is delivered when its target next runs, and until
/// then its sockets still accept.
pub(crate) fn kill_9(pid: u32) {
    let raw = rustix::process::Pid::from_raw(pid.cast_signed()).unwrap();
    rustix::process::kill_process(raw, rustix::process::Signal::KILL).unwrap();
    wait_for("a killed process's end", Duration::from_secs(10), || (!is_alive(pid)).then_some(()));
}

/// Whether a process with this id exists and is no zombie.
pub(crate) fn is_alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')')
        .next()
        .is_some_and(|rest| !rest.is_empty() && !rest.trim_start().starts_with('Z'))
}

/// Looks every few milliseconds until `done` gives a value; fails after `timeout`.
#[track_caller]
pub(crate) fn wait_for<T>(what: &str, timeout: Duration, mut done: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(value) = done() {
            return value;
        }
        assert!(started.elapsed() < timeout, "waited {timeout:?} in vain for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn the_clients_of_the_tests_are_installed() {
    let code = "import boto3, psycopg, redis, requests, jsonschema; print(boto3.__version__)";
    let run = Run::of(Command::new(python()).args(["-c", code])).success();
    let pinned = format!("boto3=={}", run.stdout.trim());
    let requirements = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/requirements.txt");
    assert!(
        std::fs::read_to_string(requirements).unwrap().lines().any(|line| line == pinned),
        "{pinned}"
    );
}
