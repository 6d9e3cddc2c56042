//! The command line as people and machines meet it: the real binary in directories of its own.

mod bad_input;
mod disks;
mod life;
mod native;
mod programs;
mod text;

use crate::support::{Project, Run};
use serde_json::Value;

/// The AWS services alone, on free ports: starts in milliseconds and fetches nothing.
const MINIMAL: &str = "extends = \"minimal\"\nport = \"auto\"\n";

/// A running minimal environment.
fn minimal() -> Project {
    let project = Project::with(MINIMAL);
    project.up();
    project
}

/// What a command says on stderr and its exit code, with the project's directory as `[DIR]`.
fn told(project: &Project, run: &Run) -> (i32, String) {
    let dir = project.path().canonicalize().unwrap();
    let text = run.stderr.replace(&*dir.to_string_lossy(), "[DIR]");
    (run.code.unwrap_or(-1), text.replace(&*project.path().to_string_lossy(), "[DIR]"))
}

/// The error object of a command that was asked for JSON.
#[track_caller]
fn error(run: &Run) -> Value {
    let object = run.json();
    assert_eq!(object["schema"], 1, "{object}");
    let error = object["error"].clone();
    let keys: Vec<_> = error.as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["code", "message", "hint", "retryable"], "{error}");
    error
}

/// A service's row in the status.
#[track_caller]
fn row(project: &Project, name: &str) -> Value {
    let status = project.status();
    let rows = status["services"].as_array().unwrap().clone();
    rows.into_iter().find(|r| r["name"] == name).unwrap_or_else(|| panic!("no {name}: {status}"))
}

/// The daemon's process id.
fn daemon_pid(project: &Project) -> u32 {
    u32::try_from(project.status()["pid"].as_u64().unwrap()).unwrap()
}
