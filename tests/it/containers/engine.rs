//! The engine: found and explained by `doctor`; without one, whoever needs it is named.

use super::life::left;
use super::{docker, engine_host, project};
use crate::support::{Project, UP_TIMEOUT};
use serde_json::Value;

pub(super) fn finding(project: &Project) -> Value {
    let report = project.devenv(&["doctor", "--json"]).json();
    let all = report["findings"].as_array().unwrap().clone();
    all.into_iter().find(|finding| finding["name"] == "container engine").unwrap()
}

#[test]
fn doctor_says_which_engine_answers_and_who_named_it() {
    let found = finding(&project("port = \"auto\""));
    let version = docker(&["version", "--format", "{{.Server.Version}}"]).success().stdout;
    let detail = found["detail"].as_str().unwrap();
    assert_eq!(found["ok"], true, "{found}");
    for part in [version.trim(), engine_host().as_str(), "DOCKER_HOST"] {
        assert!(detail.contains(part), "{part}: {detail}");
    }
}

#[test]
fn doctor_names_what_needs_an_engine_that_does_not_answer() {
    let profile = "port = \"auto\"\n[containers]\ncompose = [\"compose.yaml\"]\n";
    let project = Project::with(profile).variable("DOCKER_HOST", "unix:///nowhere/docker.sock");
    project.write("compose.yaml", "services: { web: { image: web } }");
    let found = finding(&project);
    assert_eq!(found["ok"], false, "{found}");
    let detail = found["detail"].as_str().unwrap();
    assert!(detail.contains("/nowhere/docker.sock") && detail.contains("compose.yaml"), "{detail}");
    let none = Project::with("port = \"auto\"").variable("DOCKER_HOST", "unix:///nowhere/d.sock");
    assert_eq!(finding(&none)["ok"], true, "nothing needs one");
}

/// A project with one container.
pub(super) fn boxed() -> Project {
    let project = Project::with("port = \"auto\"\n[containers]\ncompose = [\"compose.yaml\"]\n");
    let compose =
        "services: { box: { image: devenv-test/busybox, init: true, command: sleep 1000 } }";
    project.write("compose.yaml", compose);
    project
}

/// The engine at `url` answers, and runs the container to its end.
pub(super) fn is_spoken_to(project: &Project, url: &str) {
    let found = finding(project);
    assert!(found["ok"] == true && found["detail"].as_str().unwrap().contains(url), "{found}");
    project.devenv(&["up", "-d", "--timeout", UP_TIMEOUT]).success();
    // A connection that turns into a stream of its own, in both directions.
    let inside =
        project.devenv(&["exec", "--in", "box", "--", "sh", "-c", "echo in; exit 3"]).ends(3);
    assert_eq!(inside.stdout, "in\n");
    project.devenv(&["down", "--volumes", "--yes"]).success();
    assert_eq!(left(project), "");
}

/// The engine that `tests/run` starts speaks TLS as well (`--tlsverify`), with an authority of its own.
#[test]
fn by_tls_an_engine_is_spoken_to_as_by_its_socket_and_takes_nobody_else() {
    let named =
        |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("{name}: see tests/run"));
    let url = named("DEVENV_TEST_DOCKER_TLS");
    let certificates = named("DEVENV_TEST_DOCKER_CERTIFICATES");
    let with = |directory: &str| {
        boxed()
            .variable("DOCKER_HOST", &url)
            .variable("DOCKER_TLS_VERIFY", "1")
            .variable("DOCKER_CERT_PATH", directory)
    };
    is_spoken_to(&with(&certificates), &url);
    // Another authority's certificates are none: neither side takes the other.
    let others = tempfile::tempdir().unwrap();
    let mut make = std::process::Command::new(crate::support::python());
    make.arg(crate::support::script("../engine_tls.py")).arg(others.path()).arg("127.0.0.1");
    crate::support::Run::of(&mut make).success();
    let stranger = with(others.path().to_str().unwrap());
    let found = finding(&stranger);
    assert_eq!(found["ok"], false, "{found}");
    assert!(found["detail"].as_str().unwrap().contains("certificate"), "{found}");
}
