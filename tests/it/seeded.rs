//! `devenv up --seed`: the same calls get the same answers in each fresh environment, and what a later
//! run of the same state names was never named before.

use crate::support::{Project, Run, kill_9, python, script};
use serde_json::Value;
use std::collections::BTreeSet;

const PROFILE: &str = "extends = \"minimal\"\nport = \"auto\"\n";

fn seeded(project: &Project, seed: &str) {
    project.devenv(&["up", "-d", "--seed", seed, "--timeout", "180s"]).success();
}

/// The answers to the same calls, on things of this name.
fn calls(project: &Project, name: &str) -> String {
    let mut command = project.command(python());
    command.arg(script("seeded/calls.py")).arg(name).envs(project.environment());
    Run::of(&mut command).success().stdout
}

/// Every text of an answer that only chance makes: 16 characters and more, with a digit.
fn names(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            let is_name = text.len() >= 16 && text.bytes().any(|b| b.is_ascii_digit());
            if is_name && !text.starts_with("2025-01-01") {
                found.insert(text.clone());
            }
        }
        Value::Array(all) => all.iter().for_each(|value| names(value, found)),
        Value::Object(members) => {
            // What follows from the body or the name is the same at every time.
            let is_fixed = |name: &str| {
                let fixed = ["ETag", "MD5", "Checksum", "Arn", "ARN", "QueueUrl", "User", "Owner"];
                name.starts_with("x-amz-checksum") || fixed.iter().any(|f| name.contains(f))
            };
            let members = members.iter().filter(|(name, _)| !is_fixed(name));
            members.for_each(|(_, value)| names(value, found));
        }
        _ => {}
    }
}

fn names_of(answers: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    names(&serde_json::from_str(answers).unwrap(), &mut found);
    found
}

#[test]
fn fresh_environments_of_one_seed_answer_alike_and_no_later_run_names_anything_twice() {
    let (one, other) = (Project::with(PROFILE), Project::with(PROFILE));
    seeded(&one, "7");
    seeded(&other, "7");
    let first = calls(&one, "seeded");
    assert_eq!(first, calls(&other, "seeded"));
    assert!(
        first.contains("2025-01-01T00:00:00") || first.contains("2025-01-01 00:00:00"),
        "{first}"
    );

    let reset = |project: &Project| project.devenv(&["reset", "--no-snapshot", "--yes"]).success();
    reset(&other);
    assert_eq!(first, calls(&other, "seeded"), "a reset begins anew");

    // The next run of the same state: by a kill, then in order.
    let mut seen = names_of(&first);
    assert!(seen.len() > 40, "{seen:?}");
    for run in 0..2 {
        match run {
            0 => kill_9(one.status()["pid"].as_u64().unwrap() as u32),
            _ => drop(one.devenv(&["down"]).success()),
        }
        seeded(&one, "7");
        let now = names_of(&calls(&one, &format!("run{run}")));
        let twice: Vec<_> = now.intersection(&seen).collect();
        assert!(twice.is_empty(), "{twice:?}");
        seen.extend(now);
    }
    let unlike = Project::with(PROFILE);
    seeded(&unlike, "8");
    let unlike = names_of(&calls(&unlike, "unlike"));
    assert!(unlike.intersection(&seen).next().is_none());
}
