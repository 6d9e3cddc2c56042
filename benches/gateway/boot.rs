//! How long it takes until something answers: the gateway alone, and `devenv up -d`.

use crate::milliseconds;
use crate::server::{Server, resident_mib};
use comfy_table::{CellAlignment, Table, presets};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// Repetitions; the median counts.
const TIMES: usize = 5;
/// Repetitions of what initialises a database each time.
const TIMES_SLOW: usize = 3;

/// Measures and prints.
pub(crate) fn report() {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header(["start", "median", "fastest", "slowest"]);
    table.add_row(row("gateway, empty state: exec to first answer", median_of(TIMES, gateway)));
    let parts = "port = \"auto\"\n[postgres]\nextensions = [\"vector\"]\n[redis]\n";
    table.add_row(row("up -d, gateway only, empty state", fresh(TIMES, "port = \"auto\"\n")));
    table.add_row(row(
        "up -d, Postgres and Redis, first run, cached binaries",
        fresh(TIMES_SLOW, parts),
    ));
    table.add_row(row("up -d, Postgres and Redis, existing data", again(parts)));
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    println!("{table}");
    match idle() {
        Ok(mib) => println!("resident memory of the daemon, idle: {mib} MiB"),
        Err(why) => println!("resident memory of the daemon: not measured: {why}"),
    }
}

fn row(name: &str, times: Result<Vec<Duration>, String>) -> [String; 4] {
    match times {
        Ok(times) => [
            name.to_owned(),
            milliseconds(times[times.len() / 2]),
            milliseconds(times[0]),
            milliseconds(times[times.len() - 1]),
        ],
        Err(why) => [name.to_owned(), format!("not measured: {why}"), String::new(), String::new()],
    }
}

fn median_of(
    times: usize,
    mut once: impl FnMut() -> Result<Duration, String>,
) -> Result<Vec<Duration>, String> {
    let mut all = (0..times).map(|_| once()).collect::<Result<Vec<_>, _>>()?;
    all.sort_unstable();
    Ok(all)
}

fn gateway() -> Result<Duration, String> {
    let state = tempfile::tempdir().map_err(|e| e.to_string())?;
    let started = Instant::now();
    let server = Server::start("gateway", state.path());
    ask(server.address).map_err(|e| e.to_string())?;
    Ok(started.elapsed())
}

fn ask(address: SocketAddr) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "GET /_devenv/health HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    if answer.starts_with("HTTP/1.1 200") { Ok(()) } else { Err(std::io::Error::other(answer)) }
}

/// `up -d` in a new directory each time.
fn fresh(times: usize, profile: &str) -> Result<Vec<Duration>, String> {
    // Once unmeasured, so that downloads and the template of the database are there.
    Environment::new(profile)?.up()?;
    median_of(times, || Environment::new(profile)?.up())
}

/// `up -d` again and again in one directory.
fn again(profile: &str) -> Result<Vec<Duration>, String> {
    let environment = Environment::new(profile)?;
    environment.up()?;
    median_of(TIMES, || {
        environment.devenv(&["down"])?;
        environment.up()
    })
}

/// Resident memory of an idle daemon, in MiB.
fn idle() -> Result<u64, String> {
    let environment = Environment::new("port = \"auto\"\n")?;
    environment.up()?;
    let lock = std::fs::read_to_string(environment.path().join(".devenv/lock"));
    let pid = lock.map_err(|e| e.to_string())?.trim().parse().map_err(|_| "no pid")?;
    Ok(resident_mib(pid))
}

/// A project directory; dropped, it goes down.
struct Environment(tempfile::TempDir);

impl Environment {
    fn new(profile: &str) -> Result<Environment, String> {
        let dir = tempfile::tempdir().map_err(|e| e.to_string())?;
        std::fs::write(dir.path().join("devenv.toml"), profile).map_err(|e| e.to_string())?;
        Ok(Environment(dir))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn up(&self) -> Result<Duration, String> {
        let started = Instant::now();
        self.devenv(&["up", "-d"])?;
        Ok(started.elapsed())
    }

    fn devenv(&self, arguments: &[&str]) -> Result<(), String> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_devenv"));
        let output = command.args(arguments).current_dir(self.path()).output();
        let output = output.map_err(|e| e.to_string())?;
        if output.status.success() {
            return Ok(());
        }
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

impl Drop for Environment {
    fn drop(&mut self) {
        // Teardown: what does not go down now is cleaned up by the next `up`.
        let _ = self.devenv(&["down"]);
    }
}
