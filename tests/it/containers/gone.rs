//! The engine ends while the environment runs: it is told, all else goes on, and when the engine is back
//! so are the containers. The engine is one of the test's own.

use super::docker;
use super::life::service;
use crate::support::{Project, Run, is_alive, kill_9, wait_for};
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Longest wait for the engine, and for what devenv makes of it.
const PATIENCE: Duration = Duration::from_secs(120);

/// A dockerd beside that of the tests; everything of it lies in one directory.
struct Engine {
    place: tempfile::TempDir,
    daemon: Option<Child>,
}

impl Engine {
    fn new() -> Engine {
        // Sockets want a short path.
        let place = tempfile::Builder::new().prefix("dv").tempdir_in("/tmp").unwrap();
        std::fs::write(place.path().join("daemon.json"), "{}").unwrap();
        let mut engine = Engine { place, daemon: None };
        engine.start();
        engine
    }

    fn path(&self, name: &str) -> String {
        self.place.path().join(name).display().to_string()
    }

    fn host(&self) -> String {
        format!("unix://{}", self.path("docker.sock"))
    }

    fn docker(&self, arguments: &[&str]) -> Run {
        Run::of(Command::new("docker").args(arguments).env("DOCKER_HOST", self.host()))
    }

    /// In a network of its own: bridges of one name and packet filters belong to the other engine.
    fn start(&mut self) {
        let _ = std::fs::remove_file(self.path("pid"));
        let log = File::options().create(true).append(true).open(self.path("log")).unwrap();
        let mut command = Command::new("unshare");
        command.args(["--net", "dockerd"]);
        for (option, name) in [
            ("--data-root", "data"),
            ("--exec-root", "exec"),
            ("--pidfile", "pid"),
            ("--config-file", "daemon.json"),
        ] {
            command.args([option, &self.path(name)]);
        }
        command.args(["--host", &self.host(), "--storage-driver", "vfs"]);
        command.args(["--iptables=false", "--ip6tables=false"]);
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        self.daemon = Some(command.spawn().unwrap());
        wait_for("an engine of one's own", PATIENCE, || {
            let answers = self.docker(&["version"]).code == Some(0);
            let is_there = self.daemon.as_mut().is_some_and(|d| d.try_wait().unwrap().is_none());
            assert!(is_there, "{}", std::fs::read_to_string(self.path("log")).unwrap());
            answers.then_some(())
        });
    }

    /// `kill -9`: it comes as a surprise to everybody.
    fn kill(&mut self) {
        let mut daemon = self.daemon.take().unwrap();
        daemon.kill().unwrap();
        daemon.wait().unwrap();
        // Its containerd ends with it, or is found by the next one.
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            let pid = rustix::process::Pid::from_raw(daemon.id().cast_signed()).unwrap();
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
            let _ = daemon.wait();
        }
        let containerd = std::fs::read_to_string(self.path("exec/containerd/containerd.pid"));
        if let Some(pid) = containerd.ok().and_then(|text| text.trim().parse().ok())
            && is_alive(pid)
        {
            kill_9(pid);
        }
        let _ = Command::new("umount").args(["-l", &self.path("data")]).output();
    }
}

#[test]
fn an_engine_that_is_killed_is_told_of_and_its_containers_come_back_with_it() {
    if std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() != 0) {
        // Only root may start one; an ordinary user's own engine is not to be killed.
        return;
    }
    let mut engine = Engine::new();
    let image = engine.path("busybox.tar");
    docker(&["save", "-o", &image, "devenv-test/busybox"]).success();
    engine.docker(&["load", "-i", &image]).success();
    let project = Project::with("port = \"auto\"\n[containers]\ncompose = [\"compose.yaml\"]\n")
        .variable("DOCKER_HOST", &engine.host());
    project.write(
        "compose.yaml",
        "services: { app: { image: devenv-test/busybox, init: true, restart: always, command: sleep 1000, volumes: ['data:/data'] } }\nvolumes: { data: }\n",
    );
    project.up();
    engine.kill();
    let told = wait_for("a word about the engine", PATIENCE, || {
        let app = service(&project, "app");
        (app["state"] != "healthy").then_some(app)
    });
    assert!(told["reason"].as_str().is_some_and(|why| !why.is_empty()), "{told}");
    assert_eq!(service(&project, "s3")["state"], "healthy", "the others need no engine");
    let refused = project.devenv(&["exec", "--in", "app", "--", "true"]);
    assert!(refused.code != Some(0) && !refused.stderr.is_empty(), "{}", refused.stderr);
    // Nor does it take them for edited away.
    project.devenv(&["up", "-d"]).ends(5);
    engine.start();
    wait_for("the container's return", PATIENCE, || {
        (service(&project, "app")["state"] == "healthy").then_some(())
    });
    project.devenv(&["exec", "--in", "app", "--", "touch", "/data/x"]).success();
    project.devenv(&["down", "--volumes", "--yes"]).success();
    let left = [&["ps", "-aq"][..], &["volume", "ls", "-q"]]
        .map(|ask| engine.docker(ask).success().stdout);
    assert_eq!(left.concat(), "", "an orphan");
}
