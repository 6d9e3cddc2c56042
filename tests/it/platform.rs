//! The acceptance test: the programs of a clinic (`platform/api.py`, `platform/worker.py`), which know
//! nothing of devenv but the standard environment variables, run on it from upload to mail; and again
//! while the daemon is killed under them. Nothing acknowledged may be missing afterwards.

use crate::support::{Project, Run, UP_TIMEOUT, free_port, kill_9, python, script, wait_for};
use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::Duration;

/// A job that a killed daemon had handed out comes back in seconds instead of minutes.
const PROFILE: &str = r#"
extends = "epicenter"
port = "auto"

[sqs.queues.epicenter-document-processing]
visibility_timeout = "5s"
"#;

/// The clinic's programs in an environment.
struct Clinic {
    project: Project,
    environment: Vec<(String, String)>,
    api: String,
    programs: Vec<Child>,
}

impl Clinic {
    /// Brings the environment up and starts both programs in it.
    fn open() -> Clinic {
        let project = Project::with(PROFILE);
        project.up();
        let environment = project.environment();
        let port = free_port();
        let api = format!("http://127.0.0.1:{port}");
        let mut clinic = Clinic { project, environment, api, programs: Vec::new() };
        clinic.start("api", &[("PORT", &port.to_string())]);
        clinic.start("worker", &[]);
        clinic.wait_for_word("api", "listening");
        clinic.wait_for_word("worker", "working");
        clinic
    }

    /// What a program has printed.
    fn log(&self, program: &str) -> PathBuf {
        self.project.path().join(format!("{program}.log"))
    }

    /// Waits until a program has said `word`; a program that ended instead fails with its complaint.
    #[track_caller]
    fn wait_for_word(&mut self, program: &str, word: &str) {
        wait_for(&format!("{program}: {word}"), Duration::from_secs(60), || {
            let ended = self.programs.iter_mut().any(|p| p.try_wait().unwrap().is_some());
            assert!(!ended, "{}", self.errors());
            self.lines(program).iter().any(|line| line.contains(word)).then_some(())
        });
    }

    fn lines(&self, program: &str) -> Vec<String> {
        let text = std::fs::read_to_string(self.log(program)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    fn python(&self, program: &str) -> std::process::Command {
        let mut command = self.project.command(python());
        command.arg(script("platform").join(format!("{program}.py")));
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    fn start(&mut self, program: &str, variables: &[(&str, &str)]) {
        let log = File::create(self.log(program)).unwrap();
        let errors = File::create(self.log(&format!("{program}-errors"))).unwrap();
        let mut command = self.python(program);
        command.envs(variables.iter().copied()).stdout(log).stderr(errors);
        self.programs.push(command.spawn().unwrap());
    }

    /// The patients' documents on their way; `facts.log` grows with each acknowledgement.
    fn loading(&self, count: u32) -> Child {
        let mut command = self.python("driver");
        command.arg("load").arg(&self.api).arg(count.to_string()).arg(self.log("facts"));
        command.stdout(Stdio::null()).stderr(File::create(self.log("load-errors")).unwrap());
        command.spawn().unwrap()
    }

    #[track_caller]
    fn loaded(&self, mut loading: Child) {
        let status = loading.wait().unwrap();
        assert!(status.success(), "{status}: {}", self.errors());
    }

    #[track_caller]
    fn driver(&self, arguments: &[&str]) -> Run {
        let run = Run::of(self.python("driver").args(arguments));
        assert_eq!(run.code, Some(0), "{}\n{}\n{}", run.command, run.stderr, self.errors());
        run
    }

    /// What the programs complained of, for a failing test's message.
    fn errors(&self) -> String {
        let logs = ["load-errors", "api-errors", "worker-errors"];
        logs.map(|log| format!("-- {log}\n{}", self.lines(log).join("\n"))).join("\n")
    }

    fn endpoint(&self) -> &str {
        &self.environment.iter().find(|(name, _)| name == "AWS_ENDPOINT_URL").unwrap().1
    }

    /// Everything acknowledged is there: objects, rows, mails; and the queue is empty.
    #[track_caller]
    fn audit(&self, documents: u64) {
        let facts = self.log("facts");
        self.driver(&["settle", facts.to_str().unwrap()]);
        let worker = self.log("worker");
        let run = self.driver(&["audit", facts.to_str().unwrap(), worker.to_str().unwrap()]);
        assert_eq!(run.json()["uploads"], documents, "{}", run.stdout);
    }

    fn daemon(&self) -> u32 {
        let pid = &self.project.status()["pid"];
        u32::try_from(pid.as_u64().unwrap()).unwrap()
    }
}

impl Drop for Clinic {
    fn drop(&mut self) {
        for program in &mut self.programs {
            // Teardown: a program that has ended already is fine.
            let _ = program.kill();
            let _ = program.wait();
        }
    }
}

#[test]
fn a_real_application_runs_end_to_end() {
    let clinic = Clinic::open();
    let loading = clinic.loading(12);
    clinic.loaded(loading);
    clinic.audit(12);
    let facts = clinic.log("facts");
    clinic.driver(&["explore", &clinic.api, facts.to_str().unwrap()]);
    clinic.project.devenv(&["down"]).success();
    clinic.project.up();
    assert_eq!(clinic.project.environment(), clinic.environment, "the same addresses as before");
    clinic.audit(12);
}

#[test]
fn nothing_acknowledged_is_lost_when_the_daemon_is_killed() {
    const DOCUMENTS: u32 = 60;
    let clinic = Clinic::open();
    let loading = clinic.loading(DOCUMENTS);
    for acknowledged in [20, 60] {
        wait_for("acknowledged steps", Duration::from_secs(60), || {
            (clinic.lines("facts").len() >= acknowledged).then_some(())
        });
        let daemon = clinic.daemon();
        kill_9(daemon);
        clinic.project.devenv(&["up", "-d", "--timeout", UP_TIMEOUT]).success();
        assert_ne!(clinic.daemon(), daemon);
        assert_eq!(clinic.project.environment(), clinic.environment, "{}", clinic.endpoint());
    }
    clinic.loaded(loading);
    clinic.audit(DOCUMENTS.into());
}
