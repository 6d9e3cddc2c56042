//! KMS as clients meet it: boto3, the AWS Encryption SDK and `cryptography` against one environment,
//! which is killed in between; and what of it lies on disk.

use super::support::{Project, Run, kill_9, python, script};
use std::path::Path;

/// The fixed material of a declared key, in base64 and in clear.
const FIXED: (&str, &[u8; 32]) =
    ("ZGV2ZW52IGZpeGVkIG1hdGVyaWFsIG9mIDMyIGJ5dGU=", b"devenv fixed material of 32 byte");

fn profile() -> String {
    format!(
        "extends = \"minimal\"\nport = \"auto\"\n[kms.keys.documents]\nmaterial = \"{}\"\n\
         [kms.keys.signing]\nspec = \"ECC_NIST_P256\"\nalias = \"alias/apps/signing\"\n",
        FIXED.0
    )
}

/// Runs a script of KMS in the environment of `project`.
#[track_caller]
fn run(project: &Project, name: &str, arguments: &[&str]) {
    let mut command = project.command(python());
    command.arg(script("kms").join(name)).args(arguments).envs(project.environment());
    command.env("DEVENV", env!("CARGO_BIN_EXE_devenv")).env("PYTHONDONTWRITEBYTECODE", "1");
    Run::of(command.env("AWS_EC2_METADATA_DISABLED", "true")).success();
}

#[test]
fn every_operation_answers_and_keys_outlive_a_kill_and_nothing_lies_in_clear() {
    let project = Project::with(&profile());
    project.up();
    let keep = project.path().join("kept.json");
    let keep = keep.to_str().unwrap();
    run(&project, "encryption_sdk.py", &[]);
    run(&project, "life.py", &["before", keep]);
    kill_9(project.status()["pid"].as_u64().unwrap() as u32);
    project.up();
    run(&project, "life.py", &["after", keep]);
    let needles: [&[u8]; 5] = [
        b"devenv-plaintext-that-nobody-may-find",
        // As it travels in requests and answers.
        b"ZGV2ZW52LXBsYWludGV4dC10aGF0LW5vYm9keS1tYXktZmluZA",
        FIXED.1,
        FIXED.0.as_bytes(),
        // The head of PKCS #8 keys of RSA.
        b"\x02\x01\x00\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00\x04",
    ];
    let files = search(&project.path().join(".devenv"), &needles);
    assert!(files > 3, "there was something to look at");
}

/// Fails if a file below `dir` holds one of `needles`; how many files it looked at.
fn search(dir: &Path, needles: &[&[u8]]) -> usize {
    let mut files = 0;
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files += search(&path, needles);
        } else if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            for needle in needles {
                let found = memchr::memmem::find(&bytes, needle).is_some();
                assert!(!found, "{}: {}", path.display(), String::from_utf8_lossy(needle));
            }
            files += 1;
        }
    }
    files
}

#[test]
fn a_declared_key_with_material_decrypts_what_another_environment_encrypted() {
    let project = Project::with(&profile());
    project.up();
    run(&project, "declared.py", &[]);
    // Another boot finds the key, and another profile leaves it as it is.
    project.devenv(&["down"]).success();
    let other = profile().replace(FIXED.0, "b3RoZXIgbWF0ZXJpYWwgb2YgdGhpcnR5dHdvIGJ5dGU=");
    project.write("devenv.toml", &other);
    project.up();
    run(&project, "declared.py", &[]);
    let told = project.status().to_string();
    assert!(told.contains("devenv reset kms"), "{told}");
}

#[test]
fn state_without_its_master_key_is_refused_with_the_way_out() {
    let project = Project::with(&profile());
    project.up();
    project.devenv(&["down"]).success();
    let key = project.path().join(".devenv");
    let key = find(&key, "master.key").expect("a master key in the state directory");
    std::fs::write(&key, [7; 32]).unwrap();
    let run = project.devenv(&["up", "-d"]);
    assert_ne!(run.code, Some(0));
    assert!(run.stderr.contains("master.key"), "{}", run.stderr);
    let mut whole = project.devenv(&["down", "--volumes", "--yes"]);
    whole = whole.success();
    assert_eq!(whole.code, Some(0));
    project.up();
}

/// The file called `name` below `dir`.
fn find(dir: &Path, name: &str) -> Option<std::path::PathBuf> {
    std::fs::read_dir(dir).unwrap().find_map(|entry| {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => find(&path, name),
            false => path.file_name().is_some_and(|n| n == name).then_some(path),
        }
    })
}
