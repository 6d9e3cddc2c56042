//! Native servers for real: fetched, initialised, started, probed, killed, adopted and stopped.
//!
//! Archives come from the public registries once, into a cache below `target/`.

mod doors;
mod own;
mod process;
mod root;
mod servers;
mod settings;

use crate::support::free_port;
use devenv::base::Problem;
use devenv::profile::{PgVersion, Postgres, Provider, Redis};
use devenv::runtime::{Dirs, Launch, Running, Silent};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Longest wait for a server to answer, on a loaded machine.
const READY_WAIT: Duration = Duration::from_secs(60);

/// A project of its own with the cache that all tests share.
struct Place {
    _project: tempfile::TempDir,
    dirs: Dirs,
}

fn cache() -> PathBuf {
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    target.join("native-cache")
}

fn place() -> Place {
    place_with_cache(cache())
}

fn place_with_cache(cache: PathBuf) -> Place {
    // As root, Postgres runs in a namespace that the devenv binary enters.
    devenv::runtime::runas::set_helper(env!("CARGO_BIN_EXE_devenv").into());
    let project = tempfile::tempdir().expect("temporary directory");
    let dirs = Dirs::create_with_cache(project.path(), cache).expect("directories");
    Place { _project: project, dirs }
}

fn postgres(prefer: u32, accept: &[u32], settings: &[(&str, &str)]) -> Postgres {
    Postgres {
        provider: Provider::Native,
        version: PgVersion { prefer, accept: accept.to_vec() },
        image: None,
        databases: vec!["app".into(), "other-db".into()],
        extensions: ["vector", "pg_trgm", "hstore"].map(str::to_owned).to_vec(),
        settings: map(settings),
        user: "devenv".into(),
        password: "s3cr'et".into(),
        follow_clock: false,
    }
}

fn redis(settings: &[(&str, &str)]) -> Redis {
    Redis { provider: Provider::Native, image: None, settings: map(settings), follow_clock: false }
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

async fn prepare_postgres(settings: &Postgres, port: u16, dirs: &Dirs) -> Result<Launch, Problem> {
    let (settings, dirs) = (settings.clone(), dirs.clone());
    let prepare = move || devenv::runtime::postgres::prepare(&settings, port, &dirs, &Silent);
    tokio::task::spawn_blocking(prepare).await.expect("no panic")
}

async fn prepare_redis(settings: &Redis, port: u16, dirs: &Dirs) -> Result<Launch, Problem> {
    let (settings, dirs) = (settings.clone(), dirs.clone());
    let prepare = move || devenv::runtime::redis::prepare(&settings, port, &dirs, &Silent);
    tokio::task::spawn_blocking(prepare).await.expect("no panic")
}

/// Waits until the probe answers; fails with the log when the process ends before.
async fn ready(launch: &Launch, running: &mut Running, dirs: &Dirs) {
    let start = Instant::now();
    loop {
        let answer = launch.probe.check().await;
        if answer.is_ok() {
            return;
        }
        let ended = tokio::time::timeout(Duration::from_millis(5), running.wait()).await;
        let lines = || devenv::runtime::logs::read(dirs, &launch.name, None, 20);
        if let Ok(report) = ended {
            tokio::time::sleep(Duration::from_millis(100)).await;
            panic!("{} {report}: {:#?}", launch.name, lines());
        }
        assert!(start.elapsed() < READY_WAIT, "{}: {answer:?}: {:#?}", launch.name, lines());
    }
}

async fn start(launch: &Launch, dirs: &Dirs) -> Running {
    let mut running = devenv::runtime::spawn(launch, dirs).expect("started");
    ready(launch, &mut running, dirs).await;
    running
}

async fn connect(settings: &Postgres, port: u16, database: &str) -> tokio_postgres::Client {
    let mut config = tokio_postgres::Config::new();
    config.host("127.0.0.1").port(port).dbname(database);
    config.user(&settings.user).password(&settings.password);
    let (client, connection) = config.connect(tokio_postgres::NoTls).await.expect("session");
    tokio::spawn(connection);
    client
}

/// Sends one Redis command by hand and returns the first line of the answer.
async fn redis_says(port: u16, words: &[&str]) -> String {
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.expect("connected");
    let mut command = format!("*{}\r\n", words.len());
    for word in words {
        command.push_str(&format!("${}\r\n{word}\r\n", word.len()));
    }
    stream.write_all(command.as_bytes()).await.expect("sent");
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next_line().await.expect("answer").expect("line");
    match first.strip_prefix('$') {
        Some("-1") | None => first,
        Some(_) => lines.next_line().await.expect("answer").expect("line"),
    }
}
