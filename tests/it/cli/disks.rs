//! Disks that are full or read-only, and state of a newer devenv: said plainly, and nothing lost.

use super::{MINIMAL, told};
use crate::support::{Project, Run, python, script};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

/// A shell in a mount namespace of its own, where it may mount what it likes.
fn in_namespace(project: &Project, mount: &str, rest: &[&std::ffi::OsStr]) -> Command {
    let mut command = project.command("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c"]);
    command.arg(format!("{mount} && exec \"$@\"")).arg("sh").args(rest);
    command
}

#[test]
fn a_full_disk_loses_nothing_and_deleting_makes_room() {
    let project = Project::new();
    std::fs::create_dir(project.path().join("disk")).unwrap();
    let disk = project.path().join("disk");
    let (python, script) = (python(), script("cli/full_disk.py"));
    let devenv = std::path::Path::new(env!("CARGO_BIN_EXE_devenv"));
    let arguments = [&python, &script, devenv, &disk].map(|path| path.as_os_str());
    let mount = "mount -t tmpfs -o size=16m tmpfs disk";
    Run::of(&mut in_namespace(&project, mount, &arguments)).success();
}

#[test]
fn a_read_only_project_is_named() {
    let project = Project::with(MINIMAL);
    let place = project.path().canonicalize().unwrap();
    let mount =
        format!("mount --bind {0} {0} && mount -o remount,ro,bind {0} && cd {0}", place.display());
    let devenv = std::ffi::OsStr::new(env!("CARGO_BIN_EXE_devenv"));
    for arguments in [&["up", "-d"][..], &["up"]] {
        let all: Vec<_> =
            std::iter::once(devenv).chain(arguments.iter().map(|a| a.as_ref())).collect();
        let run = Run::of(&mut in_namespace(&project, &mount, &all));
        let (code, text) = told(&project, &run);
        assert!(
            text.starts_with("error: cannot write [DIR]/.devenv: Read-only file system"),
            "{text}"
        );
        assert!(code == 5 && text.contains("\n\nhint: "), "{code} {text}");
    }
    assert!(!project.path().join(".devenv").exists());
}

#[test]
fn a_directory_of_another_user_is_named() {
    if !rustix::process::geteuid().is_root() {
        let project = Project::with(MINIMAL);
        let mode = |mode| std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(project.path(), mode(0o500)).unwrap();
        let run = project.devenv(&["up", "-d"]);
        std::fs::set_permissions(project.path(), mode(0o700)).unwrap();
        refused_by_mode(&project, &run);
        return;
    }
    // As nobody, in a directory of root's that everybody may read.
    let project = Project::with(MINIMAL);
    std::fs::set_permissions(project.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let copy = project.path().join("devenv");
    std::fs::copy(env!("CARGO_BIN_EXE_devenv"), &copy).unwrap();
    let mut command = project.command("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(copy);
    let run = Run::of(command.args(["up", "-d"]));
    refused_by_mode(&project, &run);
}

#[track_caller]
fn refused_by_mode(project: &Project, run: &Run) {
    let (code, text) = told(project, run);
    assert!(text.starts_with("error: cannot write [DIR]/.devenv: Permission denied"), "{text}");
    assert!(code == 5 && text.contains("\n\nhint: "), "{code} {text}");
}

#[test]
fn state_of_a_newer_devenv_is_told_and_kept() {
    let project = super::minimal();
    project.devenv(&["down"]).success();
    let path = project.path().join(".devenv/state.db");
    let file = rusqlite::Connection::open(&path).unwrap();
    let newer = "UPDATE devenv_schema SET version = version + 1 WHERE service = 's3'";
    assert_eq!(file.execute(newer, []).unwrap(), 1);
    file.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    drop(file);
    let before = std::fs::read(&path).unwrap();
    let run = project.devenv(&["up", "-d"]);
    let (code, text) = told(&project, &run);
    let start =
        "error: the state file [DIR]/.devenv/state.db was written by a newer devenv (s3 schema";
    assert!(text.contains(start), "{text}");
    assert!(text.contains("\n\nhint: nothing was changed; update devenv"), "{text}");
    assert_eq!(code, 1);
    assert_eq!(std::fs::read(&path).unwrap(), before, "the file is as it was");
    project.devenv(&["status"]).ends(3);
}
