//! The engine: found and explained by `doctor`; without one, whoever needs it is named.

use super::{docker, engine_host, project};
use crate::support::Project;
use serde_json::Value;

fn finding(project: &Project) -> Value {
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
