//! The engine goes and comes back. It is reached through a relay that the test takes away, so that the
//! engine of the other tests stays; what died with it is killed at the engine itself.

use super::life::{container, left, service};
use super::{docker, engine_host};
use crate::support::{Project, wait_for};
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);

const PROFILE: &str =
    "port = \"auto\"\n[containers]\ncompose = [\"compose.yaml\"]\n[sqs.queues.jobs]\n";
const COMPOSE: &str = r#"
services:
  api: { image: devenv-test/busybox, command: sleep 1000, init: true, restart: always }
"#;

/// A socket that leads to the engine until it is cut.
struct Relay {
    socket: PathBuf,
    over: Arc<AtomicBool>,
    open: Arc<Mutex<Vec<UnixStream>>>,
    accepting: Option<JoinHandle<()>>,
}

impl Relay {
    fn open(socket: &Path) -> Relay {
        let host = engine_host();
        let engine = host.strip_prefix("unix://").expect("an engine at a socket").to_owned();
        let listener = UnixListener::bind(socket).unwrap();
        let (over, open) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let (ends, all) = (over.clone(), open.clone());
        let accepting = std::thread::spawn(move || {
            for client in listener.incoming() {
                if ends.load(Ordering::Acquire) {
                    return;
                }
                let (client, server) = (client.unwrap(), UnixStream::connect(&engine).unwrap());
                all.lock()
                    .unwrap()
                    .extend([client.try_clone().unwrap(), server.try_clone().unwrap()]);
                pass(client.try_clone().unwrap(), server.try_clone().unwrap());
                pass(server, client);
            }
        });
        Relay { socket: socket.to_owned(), over, open, accepting: Some(accepting) }
    }

    /// Nobody answers any more, and every connection is broken off.
    fn cut(mut self) {
        self.over.store(true, Ordering::Release);
        // Wakes the one who accepts.
        UnixStream::connect(&self.socket).unwrap();
        self.accepting.take().unwrap().join().unwrap();
        for stream in self.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
        std::fs::remove_file(&self.socket).unwrap();
    }
}

/// Passes on what comes until either end is closed.
fn pass(mut from: UnixStream, mut to: UnixStream) {
    std::thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            if to.write_all(&buffer[..read]).is_err() {
                break;
            }
        }
        // The half that is over alone: who asks may go on listening.
        let _ = to.shutdown(Shutdown::Write);
    });
}

#[test]
fn an_engine_that_goes_is_told_and_what_it_took_comes_back_with_it() {
    let place = tempfile::Builder::new().prefix("devenv-engine-").tempdir().unwrap();
    let socket = place.path().join("docker.sock");
    let host = format!("unix://{}", socket.display());
    let project = Project::with(PROFILE).variable("DOCKER_HOST", &host);
    project.write("compose.yaml", COMPOSE);
    let relay = Relay::open(&socket);
    project.up();
    let first = container(&project, "api");
    relay.cut();
    docker(&["rm", "-f", &first]).success();
    let reason = wait_for("its answer", PATIENCE, || {
        let api = service(&project, "api");
        let reason = api["reason"].as_str().unwrap_or_default().to_owned();
        (api["state"] != "healthy" && reason.contains("container engine does not answer"))
            .then_some(reason)
    });
    assert!(!reason.is_empty());
    assert_eq!(project.status()["state"], "degraded");
    // All else goes on.
    assert_eq!(service(&project, "sqs")["state"], "healthy");
    let relay = Relay::open(&socket);
    wait_for("recovery", PATIENCE, || (project.status()["state"] == "ready").then_some(()));
    let second = container(&project, "api");
    assert!(!second.is_empty() && second != first, "{first} {second}");
    project.devenv(&["down", "--volumes", "--yes"]).success();
    assert_eq!(left(&project), "", "something is left at the engine");
    relay.cut();
}
