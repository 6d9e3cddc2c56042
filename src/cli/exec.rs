//! `devenv exec`: another program with the environment's variables. It takes this process's place,
//! so its exit code, its terminal and its signals are its own.

use super::choose;
use super::env::variables;
use super::outcome::Outcome;
use super::printer::Printer;
use crate::base::{Exit, Problem};
use crate::runtime::dirs::user_cache_dir;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

/// What shells answer for a command that is not there, and for one that may not be run.
const NOT_FOUND: u8 = 127;
const NOT_EXECUTABLE: u8 = 126;

/// Run a command with the environment's variables; its exit code is ours
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  devenv exec -- npm test")]
pub(super) struct Exec {
    /// The command and its arguments
    #[arg(
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "CMD"
    )]
    command: Vec<OsString>,
}

impl Exec {
    pub(super) fn run(self, printer: &Printer) -> Result<Outcome, Problem> {
        let all = variables(&choose::home()?)?;
        let Some((program, args)) = self.command.split_first() else {
            return Err(Problem::new(Exit::Usage, "usage", "`devenv exec` needs a command"));
        };
        let error = replace(program, args, &all);
        let name = program.to_string_lossy();
        printer.problem(&Problem::failed("cannot-run", format!("cannot run `{name}`: {error}")));
        let found = error.kind() != ErrorKind::NotFound;
        Ok(Outcome::Code(if found { NOT_EXECUTABLE } else { NOT_FOUND }))
    }
}

/// Becomes `program`; returns only if that fails.
fn replace(
    program: &OsStr,
    args: &[OsString],
    variables: &BTreeMap<String, String>,
) -> std::io::Error {
    Command::new(program).args(args).envs(variables).exec()
}

/// Becomes a client that is on PATH, or came with what was fetched for the part `elsewhere`.
pub(super) fn client(
    names: &[&str],
    elsewhere: &str,
    args: &[OsString],
    variables: &BTreeMap<String, String>,
    remedy: &str,
) -> Problem {
    let on_path = names.iter().find_map(|name| on_path(name));
    let program = on_path.or_else(|| provisioned(elsewhere, names));
    let Some(program) = program else {
        let message = format!("`{}` is not on PATH", names.join("` or `"));
        return Problem::in_the_way("client-missing", message).hint(remedy);
    };
    let error = replace(program.as_os_str(), args, variables);
    Problem::failed("cannot-run", format!("cannot run {}: {error}", program.display()))
}

/// The part that a client is for does not run.
pub(super) fn without(part: &str) -> Problem {
    Problem::new(Exit::NotRunning, "part-not-running", format!("this environment has no {part}"))
        .hint(format!("`[{part}]` in devenv.toml adds it"))
}

/// A client among the programs that devenv fetched for a part: the newest that has one.
fn provisioned(part: &str, names: &[&str]) -> Option<PathBuf> {
    let cache = user_cache_dir().ok()?.join(part);
    let mut versions: Vec<PathBuf> =
        std::fs::read_dir(cache).ok()?.flatten().map(|entry| entry.path()).collect();
    versions.sort();
    let places = versions.iter().rev().flat_map(|v| [v.join("bin"), v.clone()]);
    let programs = places.flat_map(|dir| names.iter().map(move |name| dir.join(name)));
    programs.into_iter().find(|program| program.is_file())
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
