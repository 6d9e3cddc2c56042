//! Mistakes in a profile's settings, as the servers themselves see them; damaged caches.

use super::*;
use devenv::runtime::postgres as pg;
use std::fs;

#[tokio::test]
async fn an_unknown_or_invalid_postgres_setting_is_named() {
    let place = place();
    for (name, value) in
        [("shared_bufers", "1MB"), ("log_statement", "sometimes"), ("work_mem", "12 elephants")]
    {
        let settings = postgres(17, &[], &[(name, value)]);
        let refused = prepare_postgres(&settings, free_port(), &place.dirs).await;
        let problem = refused.expect_err(name);
        assert_eq!((problem.code, problem.exit.code()), ("setting-invalid", 2));
        assert!(problem.message.contains(name), "{problem}");
    }
    let good = prepare_postgres(&postgres(17, &[], &[]), free_port(), &place.dirs).await;
    good.expect("the mistake leaves nothing behind");
}

#[tokio::test]
async fn what_devenv_decides_cannot_be_set() {
    let place = place();
    let settings = postgres(17, &[], &[("port", "1")]);
    let problem = prepare_postgres(&settings, 1, &place.dirs).await.expect_err("reserved");
    assert_eq!((problem.code, problem.exit.code()), ("setting-reserved", 2));
}

#[tokio::test]
async fn an_invalid_redis_directive_is_named() {
    let place = place();
    for (name, value) in [("maxmemory-polcy", "volatile-lru"), ("maxmemory-policy", "sometimes")] {
        let refused = prepare_redis(&redis(&[(name, value)]), free_port(), &place.dirs).await;
        let problem = refused.expect_err(name);
        assert_eq!((problem.code, problem.exit.code()), ("setting-invalid", 2));
        assert!(problem.message.contains(name), "{problem}");
    }
}

#[tokio::test]
async fn an_extension_that_is_not_there_is_named_with_similar_ones() {
    let place = place();
    let mut settings = postgres(17, &[], &[]);
    settings.extensions.push("pg_trgn".into());
    let port = free_port();
    let launch = prepare_postgres(&settings, port, &place.dirs).await.expect("prepared");
    let mut running = start(&launch, &place.dirs).await;
    let problem = pg::initialise(&settings, port).await.expect_err("no such extension");
    assert_eq!((problem.code, problem.exit.code()), ("extension-missing", 5));
    assert!(problem.hint.expect("hint").contains("`pg_trgm`"));
    running.stop(launch.stop, launch.stop_grace).await;
}

#[tokio::test]
async fn a_wrong_password_in_a_running_server_is_explained() {
    let place = place();
    let mut settings = postgres(17, &[], &[]);
    let port = free_port();
    let launch = prepare_postgres(&settings, port, &place.dirs).await.expect("prepared");
    let mut running = start(&launch, &place.dirs).await;
    settings.password = "wrong".into();
    let problem = pg::initialise(&settings, port).await.expect_err("refused");
    assert!(problem.message.contains("password authentication failed"), "{problem}");
    assert!(problem.hint.expect("hint").contains("devenv down --volumes"));
    running.stop(launch.stop, launch.stop_grace).await;
}

#[tokio::test]
async fn a_corrupt_template_is_made_anew() {
    // A cache of its own, filled from the shared one, so that other tests keep theirs.
    let warm = place();
    let settings = postgres(17, &[], &[]);
    prepare_postgres(&settings, free_port(), &warm.dirs).await.expect("the shared cache is filled");
    let own = tempfile::tempdir().expect("temporary directory");
    fs::create_dir(own.path().join("c")).expect("cache");
    std::os::unix::fs::symlink(cache().join("postgres"), own.path().join("c/postgres"))
        .expect("link");
    let first = place_with_cache(own.path().join("c"));
    prepare_postgres(&settings, free_port(), &first.dirs).await.expect("template made");
    let templates = own.path().join("c/templates");
    let template =
        fs::read_dir(&templates).expect("templates").flatten().next().expect("one").path();
    fs::remove_file(template.join("global/pg_control")).expect("damaged");
    let second = place_with_cache(own.path().join("c"));
    let port = free_port();
    let launch = prepare_postgres(&settings, port, &second.dirs).await.expect("mended");
    let mut running = start(&launch, &second.dirs).await;
    running.stop(launch.stop, launch.stop_grace).await;
    assert!(template.join("global/pg_control").exists());
}

#[tokio::test]
async fn a_damaged_data_directory_is_never_overwritten() {
    let place = place();
    let data = place.dirs.data.join("postgres-17");
    fs::create_dir(&data).expect("directory");
    fs::write(data.join("mine"), "x").expect("file");
    let refused = prepare_postgres(&postgres(17, &[], &[]), free_port(), &place.dirs).await;
    let problem = refused.expect_err("not a data directory");
    assert_eq!(problem.code, "data-dir");
    assert!(problem.message.contains(&data.display().to_string()), "{problem}");
    assert!(data.join("mine").exists());
}
