//! Containers, against a real engine: `tests/run` starts one, and `tests/run --no-docker` leaves these out.

use crate::support::{Project, Run};

mod balancer;
mod corpus;
mod cron;
mod devcontainer;
mod engine;
mod export;
mod image;
mod life;
mod outage;
mod registry;
mod replan;
mod rotator;
mod ssh;
mod watch;

/// A project whose commands find the engine of the tests.
fn project(profile: &str) -> Project {
    Project::with(profile).variable("DOCKER_HOST", &engine_host())
}

/// Where the engine of the tests is; without one a test fails.
fn engine_host() -> String {
    let named = std::env::var("DOCKER_HOST").ok().filter(|host| !host.is_empty());
    let own = || {
        let socket = std::path::Path::new("/var/run/docker.sock");
        socket.exists().then(|| format!("unix://{}", socket.display()))
    };
    let hint = "hint: tests/run starts one; tests/run --no-docker leaves these tests out";
    named.or_else(own).unwrap_or_else(|| panic!("there is no container engine\n\n{hint}"))
}

/// Docker's own client, at the engine of the tests.
fn docker(arguments: &[&str]) -> Run {
    let mut command = std::process::Command::new("docker");
    Run::of(command.args(arguments).env("DOCKER_HOST", engine_host()))
}
