//! `devenv exec`: another program with the environment's variables. It takes this process's place,
//! so its exit code, its terminal and its signals are its own.

use super::choose;
use super::env::variables;
use super::outcome::Outcome;
use super::printer::Printer;
use super::progress::Shown;
use super::words::Words;
use crate::base::{Exit, Problem};
use crate::control::container_place;
use crate::runtime::Dirs;
use crate::runtime::clients::{self, Client};
use crate::runtime::dirs::user_cache_dir;
use crate::runtime::engine::Engine;
use crate::runtime::engine::exec::{self, Said};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::{ErrorKind, IsTerminal, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use tokio::sync::mpsc;

/// What shells answer for a command that is not there, and for one that may not be run.
const NOT_FOUND: u8 = 127;
const NOT_EXECUTABLE: u8 = 126;

/// Run a command with the environment's variables; its exit code is ours
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  devenv exec -- npm test\n  devenv exec --in api -- sh -c env")]
pub(super) struct Exec {
    /// In the container of this service instead, without a terminal
    #[arg(long = "in", value_name = "SERVICE")]
    service: Option<String>,
    #[command(flatten)]
    words: Words,
}

impl Exec {
    pub(super) fn run(self, printer: &Printer) -> Result<Outcome, Problem> {
        if let Some(service) = &self.service {
            return inside(service, self.words.command);
        }
        let all = variables(&choose::home()?)?;
        let Some((program, args)) = self.words.command.split_first() else {
            return Err(Problem::new(Exit::Usage, "usage", "`devenv exec` needs a command"));
        };
        let error = replace(program, args, &all);
        let name = program.to_string_lossy();
        printer.problem(&Problem::failed("cannot-run", format!("cannot run `{name}`: {error}")));
        let found = error.kind() != ErrorKind::NotFound;
        Ok(Outcome::Code(if found { NOT_EXECUTABLE } else { NOT_FOUND }))
    }
}

/// Pieces of the standard input that may wait for a container.
const INPUT_PIECES_MAX: usize = 16;
/// Bytes of a piece.
const INPUT_PIECE_BYTES: usize = 64 * 1024;

/// Runs the command in the container of `service`.
fn inside(service: &str, command: Vec<OsString>) -> Result<Outcome, Problem> {
    let home = choose::home()?;
    let dirs = Dirs::at(&home.dir, user_cache_dir()?);
    let none = || {
        Problem::new(
            Exit::NotRunning,
            "part-not-running",
            format!("no container of `{service}` runs here"),
        )
        .hint("`devenv status` shows what runs")
    };
    let (project, url) = container_place(&dirs).ok_or_else(none)?;
    let command = command.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Problem::failed("runtime", error.to_string()))?;
    let code = runtime.block_on(async {
        let engine = Engine::connect_again(&url).await?;
        let id = engine.running(&project, service).await?.ok_or_else(none)?;
        let (mut out, mut err) = (std::io::stdout(), std::io::stderr());
        let said = |said: Said<'_>| {
            // Who reads may have left; the command's end is waited for all the same.
            let _ = match said {
                Said::Out(bytes) => out.write_all(bytes).and_then(|()| out.flush()),
                Said::Err(bytes) => err.write_all(bytes),
            };
        };
        engine.exec(&id, exec::Command::of(command), input(), said).await
    })?;
    Ok(Outcome::Code(u8::try_from(code).unwrap_or(1)))
}

/// The standard input in pieces, unless it is a terminal.
fn input() -> Option<mpsc::Receiver<Vec<u8>>> {
    if std::io::stdin().is_terminal() {
        return None;
    }
    let (sender, receiver) = mpsc::channel(INPUT_PIECES_MAX);
    std::thread::spawn(move || {
        let mut piece = vec![0; INPUT_PIECE_BYTES];
        while let Ok(read @ 1..) = std::io::stdin().read(&mut piece) {
            if sender.blocking_send(piece[..read].to_vec()).is_err() {
                return;
            }
        }
    });
    Some(receiver)
}

/// Becomes `program`; returns only if that fails.
fn replace(
    program: &OsStr,
    args: &[OsString],
    variables: &BTreeMap<String, String>,
) -> std::io::Error {
    Command::new(program).args(args).envs(variables).exec()
}

/// A client: how it is called, whether it can be fetched, and what to do where it cannot.
pub(super) struct Wanted<'a> {
    /// Its names on PATH.
    pub(super) names: &'a [&'a str],
    pub(super) fetched: Option<Client>,
    /// How to install it.
    pub(super) remedy: &'a str,
}

/// Becomes a client that is on PATH, else one that is fetched.
pub(super) fn client(
    wanted: &Wanted<'_>,
    args: &[OsString],
    variables: &BTreeMap<String, String>,
    printer: &Printer,
) -> Problem {
    let program = match wanted.names.iter().find_map(|name| on_path(name)) {
        Some(program) => program,
        None => match fetched(wanted, printer) {
            Ok(program) => program,
            Err(problem) => return problem,
        },
    };
    let error = replace(program.as_os_str(), args, variables);
    Problem::failed("cannot-run", format!("cannot run {}: {error}", program.display()))
}

/// The part that a client is for does not run.
pub(super) fn without(part: &str) -> Problem {
    Problem::new(Exit::NotRunning, "part-not-running", format!("this environment has no {part}"))
        .hint(format!("`[{part}]` in devenv.toml adds it"))
}

/// The client in the cache, where a first use puts it.
fn fetched(wanted: &Wanted<'_>, printer: &Printer) -> Result<PathBuf, Problem> {
    let cache = user_cache_dir()?;
    let view = Shown::new(printer);
    match wanted.fetched.and_then(|client| clients::provide(client, &cache, &view)) {
        // Its own hint is about servers, for which archives can be named.
        Some(Err(problem)) if problem.code == "registry-unreachable" => Err(problem.hint(format!(
            "behind a proxy set HTTPS_PROXY; with a mirror set PIP_INDEX_URL; or {}",
            wanted.remedy
        ))),
        Some(result) => result,
        None => {
            let message = format!("`{}` is not on PATH", wanted.names.join("` or `"));
            Err(Problem::in_the_way("client-missing", message).hint(wanted.remedy))
        }
    }
}

/// The first file of this name on PATH that may be run.
fn on_path(name: &str) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_program = |file: &PathBuf| {
        file.metadata().is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
    };
    std::env::split_paths(&path).map(|dir| dir.join(name)).find(is_program)
}
