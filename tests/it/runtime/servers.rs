//! Real servers: Postgres 15 to 18 with pgvector and contrib, Valkey; existing data; kill -9.

use super::*;
use devenv::runtime::{StopSignal, postgres as pg, process};

/// Boots `major` from nothing and uses what applications use.
async fn boots(major: u32) {
    let place = place();
    let settings = postgres(major, &[], &[("log_statement", "all"), ("shared_buffers", "32MB")]);
    let port = free_port();
    let launch = prepare_postgres(&settings, port, &place.dirs).await.expect("prepared");
    assert!(launch.version.starts_with(&format!("{major}.")), "{}", launch.version);
    let mut running = start(&launch, &place.dirs).await;
    pg::initialise(&settings, port).await.expect("initialised");
    pg::initialise(&settings, port).await.expect("twice does no harm");
    let client = connect(&settings, port, "app").await;
    client
        .batch_execute(
            "create table items (id int primary key, name text, tags hstore, embedding vector(3));
             insert into items select i, 'item ' || i, hstore('n', i::text), array[i, i % 7, 1]::real[]::vector
               from generate_series(1, 200) i;
             create index on items using hnsw (embedding vector_l2_ops);
             create index on items using gin (name gin_trgm_ops);
             set enable_seqscan = off;",
        )
        .await
        .expect("vector, hnsw, trigrams and hstore");
    let near = "select id from items order by embedding <-> '[10,3,1]' limit 1";
    let row = client.query_one(near, &[]).await.expect("nearest neighbour");
    assert_eq!(row.get::<_, i32>(0), 10);
    let show = client.query_one("show shared_buffers", &[]).await.expect("setting");
    assert_eq!(show.get::<_, String>(0), "32MB");
    let locale = "select datcollate || ' ' || pg_encoding_to_char(encoding) from pg_database
                  where datname = 'other-db'";
    let locale: String = client.query_one(locale, &[]).await.expect("locale").get(0);
    assert!(locale.ends_with("UTF8"), "{locale}");
    let sorted = "select string_agg(w, ' ' order by w) from unnest(array['b', 'A', 'a', 'B']) w";
    let sorted: String = client.query_one(sorted, &[]).await.expect("order").get(0);
    assert_eq!(sorted, "a A b B", "linguistic order, as in production");
    let report = running.stop(launch.stop, launch.stop_grace).await;
    assert_eq!(report.code, Some(0), "{report}");
    let lines = devenv::runtime::logs::read(&place.dirs, "postgres", None, 1000).expect("log");
    assert!(lines.iter().any(|line| line.text.contains("statement: create table items")));
}

#[tokio::test]
async fn postgres_15_boots_with_pgvector() {
    boots(15).await;
}

#[tokio::test]
async fn postgres_16_boots_with_pgvector() {
    boots(16).await;
}

#[tokio::test]
async fn postgres_17_boots_with_pgvector() {
    boots(17).await;
}

#[tokio::test]
async fn postgres_18_boots_with_pgvector() {
    boots(18).await;
}

#[tokio::test]
async fn what_postgres_acknowledged_survives_kill_9_and_a_changed_password() {
    let place = place();
    let mut settings = postgres(17, &[], &[]);
    let port = free_port();
    let launch = prepare_postgres(&settings, port, &place.dirs).await.expect("prepared");
    let mut running = start(&launch, &place.dirs).await;
    pg::initialise(&settings, port).await.expect("initialised");
    let client = connect(&settings, port, "app").await;
    client
        .batch_execute("create table kept (id int); insert into kept values (42)")
        .await
        .expect("row");
    // A session that does not look whether its server is still there.
    let busy = connect(&settings, port, "app").await;
    let busy = tokio::spawn(async move {
        busy.batch_execute("do $$ begin loop end loop; end $$").await.expect_err("its end")
    });
    let begun =
        "select count(*) from pg_stat_activity where query like 'do $$%' and state = 'active'";
    while client.query_one(begun, &[]).await.expect("count").get::<_, i64>(0) == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    running.kill();
    let report = running.wait().await;
    assert_eq!(report.signal, Some(9));
    drop(client);
    let again = prepare_postgres(&settings, port, &place.dirs).await.expect("prepared again");
    busy.await.expect("the session that was left has ended");
    assert_eq!(again, launch, "nothing changed, so the launch is the same");
    let mut running = start(&again, &place.dirs).await;
    let client = connect(&settings, port, "app").await;
    let kept = client.query_one("select id from kept", &[]).await.expect("the row is there");
    assert_eq!(kept.get::<_, i32>(0), 42);
    drop(client);
    running.stop(StopSignal::Interrupt, launch.stop_grace).await;
    settings.password = "other".into();
    settings.user = "someone".into();
    let changed = prepare_postgres(&settings, port, &place.dirs).await.expect("password changed");
    let mut running = start(&changed, &place.dirs).await;
    let client = connect(&settings, port, "app").await;
    client.query_one("select id from kept", &[]).await.expect("the new superuser reads it");
    running.stop(StopSignal::Interrupt, launch.stop_grace).await;
}

#[tokio::test]
async fn an_existing_data_directory_starts_fast() {
    let place = place();
    let settings = postgres(17, &[], &[]);
    let port = free_port();
    let launch = prepare_postgres(&settings, port, &place.dirs).await.expect("prepared");
    let mut running = start(&launch, &place.dirs).await;
    pg::initialise(&settings, port).await.expect("initialised");
    running.stop(launch.stop, launch.stop_grace).await;
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let begin = Instant::now();
        let launch = prepare_postgres(&settings, port, &place.dirs).await.expect("prepared");
        let mut running = start(&launch, &place.dirs).await;
        best = best.min(begin.elapsed());
        running.stop(launch.stop, launch.stop_grace).await;
    }
    // About 40 ms on a quiet machine; the bound leaves room for a loaded one and a debug build.
    assert!(best < Duration::from_millis(800), "{best:?}");
}

#[tokio::test]
async fn a_preferred_major_that_is_nowhere_falls_to_an_accepted_one_with_a_note() {
    let place = place();
    let settings = postgres(11, &[17], &[]);
    let launch = prepare_postgres(&settings, free_port(), &place.dirs).await.expect("prepared");
    let note = launch.note.expect("note");
    assert_eq!(note, format!("profile prefers Postgres 11; {} runs", launch.version));
    let alone = prepare_postgres(&postgres(11, &[], &[]), free_port(), &place.dirs).await;
    let problem = alone.expect_err("nowhere");
    assert_eq!((problem.code, problem.exit.code()), ("binary-missing", 5));
}

#[tokio::test]
async fn valkey_serves_and_survives_kill_9() {
    let place = place();
    let settings = redis(&[("maxmemory-policy", "volatile-lru"), ("notify-keyspace-events", "Ex")]);
    let port = free_port();
    let launch = prepare_redis(&settings, port, &place.dirs).await.expect("prepared");
    let mut running = start(&launch, &place.dirs).await;
    assert_eq!(redis_says(port, &["PING"]).await, "+PONG");
    assert_eq!(redis_says(port, &["SET", "k", "v"]).await, "+OK");
    running.kill();
    assert_eq!(running.wait().await.signal, Some(9));
    let launch = prepare_redis(&settings, port, &place.dirs).await.expect("prepared again");
    let mut running = start(&launch, &place.dirs).await;
    assert_eq!(redis_says(port, &["GET", "k"]).await, "v");
    let report = running.stop(launch.stop, launch.stop_grace).await;
    assert_eq!(report.code, Some(0), "{report}");
}

#[tokio::test]
async fn only_the_own_redis_is_asked_to_end_and_all_it_took_is_there_again() {
    let (place, other) = (place(), super::place());
    let (settings, port) = (redis(&[]), free_port());
    let launch = prepare_redis(&settings, port, &place.dirs).await.expect("prepared");
    let mut own = start(&launch, &place.dirs).await;
    assert_eq!(redis_says(port, &["SET", "k", "v"]).await, "+OK");
    let report = own.stop(StopSignal::Shutdown, launch.stop_grace).await;
    assert_eq!(report.code, Some(0), "in order: {report}");

    // Somebody's server on the port of one that is asked to stop, but listens elsewhere.
    let stranger = prepare_redis(&settings, port, &other.dirs).await.expect("prepared");
    let mut stranger = start(&stranger, &other.dirs).await;
    let elsewhere = free_port();
    let moved = prepare_redis(&settings, elsewhere, &place.dirs).await.expect("prepared");
    let mistaken = Launch { address: format!("127.0.0.1:{port}"), ..moved.clone() };
    let mut own = start(&mistaken, &place.dirs).await;
    let clean_up = {
        let dirs = place.dirs.clone();
        move || process::clean_up("redis", &dirs, StopSignal::Shutdown, launch.stop_grace)
    };
    tokio::task::spawn_blocking(clean_up).await.expect("no panic").expect("it ended");
    assert_eq!(own.wait().await.code, Some(0), "by its signal");
    assert_eq!(redis_says(port, &["PING"]).await, "+PONG", "the other one is left alone");
    stranger.kill();
    stranger.wait().await;

    let mut own = start(&moved, &place.dirs).await;
    assert_eq!(redis_says(elsewhere, &["GET", "k"]).await, "v");
    own.kill();
    own.wait().await;
}
