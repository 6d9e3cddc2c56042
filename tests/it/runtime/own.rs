//! Archives and registries that the user names by environment variable. Each test runs again in a
//! process of its own, where the variables are set.

use super::*;
use std::ffi::OsStr;
use std::fs;
use std::process::Command;

/// Set in the second run.
const INNER: &str = "DEVENV_TEST_INNER";

/// Runs `test` again with `variables`; `true` in that second run.
fn inside(test: &str, variables: &[(&str, &OsStr)]) -> bool {
    if std::env::var_os(INNER).is_some() {
        return true;
    }
    let own = std::env::current_exe().expect("this program");
    let output = Command::new(own)
        .args(["--exact", &format!("runtime::own::{test}"), "--nocapture"])
        .env(INNER, "1")
        .envs(variables.iter().copied())
        .output()
        .expect("run");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{}\n{said}", String::from_utf8_lossy(&output.stdout));
    false
}

/// A project whose cache is empty.
fn empty() -> (tempfile::TempDir, Place) {
    let cache = tempfile::tempdir().expect("temporary directory");
    let place = place_with_cache(cache.path().join("c"));
    (cache, place)
}

#[tokio::test]
async fn an_unreachable_registry_names_itself_and_what_to_bring() {
    let nowhere = OsStr::new("http://127.0.0.1:1/");
    let variables = [("NPM_CONFIG_REGISTRY", nowhere), ("PIP_INDEX_URL", nowhere)];
    if !inside("an_unreachable_registry_names_itself_and_what_to_bring", &variables) {
        return;
    }
    let (_cache, place) = empty();
    let refused = prepare_postgres(&postgres(17, &[], &[]), free_port(), &place.dirs).await;
    let problem = refused.expect_err("no registry");
    assert_eq!((problem.code, problem.exit.code()), ("registry-unreachable", 5));
    assert!(problem.message.contains("http://127.0.0.1:1/@embedded-postgres/"), "{problem}");
    let hint = problem.hint.expect("hint");
    assert!(hint.contains("HTTPS_PROXY") && hint.contains("DEVENV_POSTGRES_ARCHIVE"), "{hint}");
    let refused = prepare_redis(&redis(&[]), free_port(), &place.dirs).await;
    if let Err(problem) = refused {
        assert_eq!(problem.code, "registry-unreachable");
        assert!(problem.hint.expect("hint").contains("DEVENV_REDIS_ARCHIVE"));
    }
}

#[tokio::test]
async fn a_mirror_with_other_bytes_is_refused() {
    let test = "a_mirror_with_other_bytes_is_refused";
    let mirror = tempfile::tempdir().expect("temporary directory");
    // Whatever this machine's platform asks for is there, in its size, but all zeros.
    for (platform, size) in [
        ("linux-x64", 23_188_454),
        ("linux-arm64", 22_464_151),
        ("darwin-x64", 50_806_685),
        ("darwin-arm64", 50_806_689),
    ] {
        let dir = mirror.path().join(format!("@embedded-postgres/{platform}/-"));
        fs::create_dir_all(&dir).expect("directory");
        let file = fs::File::create(dir.join(format!("{platform}-16.14.0-beta.17.tgz")));
        file.and_then(|file| file.set_len(size)).expect("file");
    }
    let url = format!("file://{}", mirror.path().display());
    if !inside(test, &[("NPM_CONFIG_REGISTRY", url.as_ref())]) {
        return;
    }
    let (_cache, place) = empty();
    // 17 is accepted as well; a refused checksum is not a reason to go on to it.
    let refused = prepare_postgres(&postgres(16, &[17], &[]), free_port(), &place.dirs).await;
    let problem = refused.expect_err("other bytes");
    assert_eq!((problem.code, problem.exit.code()), ("checksum-refused", 5));
    assert!(problem.message.contains("-16.14.0-beta.17.tgz from file://"), "{problem}");
    assert_eq!(fs::read_dir(place.dirs.cache.join("downloads")).expect("directory").count(), 0);
}

#[tokio::test]
async fn an_archive_of_ones_own_serves() {
    let test = "an_archive_of_ones_own_serves";
    let dir = tempfile::tempdir().expect("temporary directory");
    let archive = dir.path().join("own.tar");
    if std::env::var_os(INNER).is_none() {
        let place = place();
        let settings = postgres(17, &[], &[]);
        let launch = prepare_postgres(&settings, free_port(), &place.dirs).await.expect("cached");
        let home = launch.program.ancestors().nth(2).expect("installation");
        let parts = ["bin", "lib", "share"];
        let mut tar = Command::new("tar");
        tar.arg("-cf").arg(&archive).arg("-C").arg(home).args(parts);
        assert!(tar.status().expect("tar").success());
    }
    if !inside(test, &[("DEVENV_POSTGRES_ARCHIVE", archive.as_os_str())]) {
        return;
    }
    let (cache, place) = empty();
    let settings = postgres(17, &[], &[]);
    let port = free_port();
    let launch = prepare_postgres(&settings, port, &place.dirs).await.expect("prepared");
    assert!(launch.program.starts_with(cache.path()), "{}", launch.program.display());
    let mut running = start(&launch, &place.dirs).await;
    devenv::runtime::postgres::initialise(&settings, port).await.expect("with pgvector");
    running.stop(launch.stop, launch.stop_grace).await;
    let other = prepare_postgres(&postgres(16, &[], &[]), port, &place.dirs).await;
    let problem = other.expect_err("another major");
    assert_eq!((problem.code, problem.exit.code()), ("postgres-version", 5));
    assert!(problem.message.contains("DEVENV_POSTGRES_ARCHIVE names Postgres 17"), "{problem}");
}

#[tokio::test]
async fn an_installation_that_is_not_there_is_named() {
    let test = "an_installation_that_is_not_there_is_named";
    if !inside(test, &[("DEVENV_POSTGRES_BIN", OsStr::new("/no/such/bin"))]) {
        return;
    }
    let (_cache, place) = empty();
    let refused = prepare_postgres(&postgres(17, &[], &[]), free_port(), &place.dirs).await;
    let problem = refused.expect_err("nothing there");
    assert_eq!((problem.code, problem.exit.code()), ("binary-missing", 5));
    assert!(problem.message.starts_with("DEVENV_POSTGRES_BIN=/no/such/bin"), "{problem}");
}
