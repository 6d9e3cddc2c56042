//! Postgres when everything else is root's: it runs as somebody else, and the files stay usable.
//! An ordinary user has no such choice; for one, these tests are about nothing and say so.

use super::*;
use devenv::runtime::{RunAs, postgres as pg};
use std::os::unix::fs::{MetadataExt, chown};

/// A uid that no passwd names.
const STRANGER: u32 = 54_321;
const NO_NAMESPACE: &str = "DEVENV_NO_USER_NAMESPACE";

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|meta| meta.uid() == 0)
}

/// Runs one test of this file again in a process where user namespaces are not to be used.
fn without_namespaces(test: &str) {
    let own = std::env::current_exe().expect("this program");
    let name = format!("runtime::root::{test}");
    let output = std::process::Command::new(own)
        .args(["--exact", &name, "--nocapture"])
        .env(NO_NAMESPACE, "1")
        .output()
        .expect("run");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{}\n{said}", String::from_utf8_lossy(&output.stdout));
}

/// Boots Postgres in `place` and returns who the process is.
async fn boot(place: &Place) -> (Launch, u32) {
    let settings = postgres(17, &[], &[]);
    let port = free_port();
    let launch = prepare_postgres(&settings, port, &place.dirs).await.expect("prepared");
    let mut running = start(&launch, &place.dirs).await;
    pg::initialise(&settings, port).await.expect("initialised");
    let uid = std::fs::metadata(format!("/proc/{}", running.pid())).expect("process").uid();
    let report = running.stop(launch.stop, launch.stop_grace).await;
    assert_eq!(report.code, Some(0), "{report}");
    let again = prepare_postgres(&settings, port, &place.dirs).await.expect("prepared again");
    let mut running = start(&again, &place.dirs).await;
    running.stop(launch.stop, launch.stop_grace).await;
    (launch, uid)
}

#[tokio::test]
async fn in_a_project_of_root_it_runs_in_a_namespace_and_files_stay_roots() {
    if !is_root() || std::env::var_os(NO_NAMESPACE).is_some() {
        return;
    }
    let place = place();
    let (launch, uid) = boot(&place).await;
    match launch.run_as {
        RunAs::Namespace { .. } => assert_eq!(uid, 0, "seen from outside it is root"),
        // Inside a container that refuses namespaces.
        RunAs::User { uid: account, .. } => assert_eq!(uid, account),
        RunAs::Current => panic!("Postgres refuses root"),
    }
    place.dirs.remove_data().expect("removed");
}

#[tokio::test]
async fn in_somebody_elses_project_it_runs_as_the_owner() {
    if !is_root() {
        return;
    }
    let place = owned_by(STRANGER);
    let (launch, uid) = boot(&place).await;
    assert_eq!(launch.run_as, RunAs::User { uid: STRANGER, gid: STRANGER });
    assert_eq!(uid, STRANGER);
    let data = place.dirs.data.join("postgres-17");
    assert_eq!(std::fs::metadata(data.join("PG_VERSION")).expect("file").uid(), STRANGER);
    let state = std::fs::metadata(&place.dirs.state).expect("directory");
    assert_eq!((state.uid(), state.mode() & 0o777), (STRANGER, 0o700));
}

fn owned_by(uid: u32) -> Place {
    devenv::runtime::runas::set_helper(env!("CARGO_BIN_EXE_devenv").into());
    let project = tempfile::tempdir().expect("temporary directory");
    chown(project.path(), Some(uid), Some(uid)).expect("given away");
    let dirs = Dirs::create_with_cache(project.path(), cache()).expect("directories");
    Place { _project: project, dirs }
}

#[tokio::test]
async fn where_namespaces_are_refused_a_service_account_serves() {
    if !is_root() {
        return;
    }
    if std::env::var_os(NO_NAMESPACE).is_none() {
        return without_namespaces("where_namespaces_are_refused_a_service_account_serves");
    }
    let place = place();
    let (launch, uid) = boot(&place).await;
    let RunAs::User { uid: account, .. } = launch.run_as else { panic!("{:?}", launch.run_as) };
    assert!(account != 0 && uid == account, "{account} {uid}");
    assert!(!launch.dir.starts_with(&place.dirs.state), "{}", launch.dir.display());
    place.dirs.remove_data().expect("removed");
    assert!(!launch.dir.exists());
}

#[tokio::test]
async fn somebody_elses_project_without_namespaces() {
    if !is_root() {
        return;
    }
    if std::env::var_os(NO_NAMESPACE).is_none() {
        return without_namespaces("somebody_elses_project_without_namespaces");
    }
    let (launch, uid) = boot(&owned_by(STRANGER)).await;
    assert_eq!((launch.run_as, uid), (RunAs::User { uid: STRANGER, gid: STRANGER }, STRANGER));
}
