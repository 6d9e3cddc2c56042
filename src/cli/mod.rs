//! The command line, one file a subcommand. Only this layer prints.
//!
//! [`run`] is the whole way: arguments → one command's `run` → an exit code. A command returns what
//! it exits with or a `Problem`; how that looks is the printer's business alone.

mod aws;
mod choose;
mod clock;
mod completions;
mod data;
mod devcontainer;
mod doctor;
mod doors;
mod down;
mod env;
mod exec;
mod export;
mod faults;
mod gateway;
mod init;
mod lease;
mod logs;
mod mail;
mod outcome;
mod printer;
mod profile;
mod progress;
mod psql;
mod redis_cli;
mod requests;
mod reset;
mod restart;
mod run;
mod scale;
mod seed;
mod settle;
mod snapshot;
mod start;
mod status;
mod stop;
mod table;
mod test;
mod trace;
mod undo;
mod up;
mod version;
mod wait;
mod words;

use crate::base::Problem;
use clap::{CommandFactory, Parser, Subcommand};
use outcome::Outcome;
use printer::Printer;
use std::ffi::{OsStr, OsString};
use std::process::ExitCode;

/// A whole AWS-shaped platform on this machine: Postgres, Redis, S3, SQS, SES, Secrets Manager.
#[derive(Debug, Parser)]
#[command(name = "devenv", version, disable_help_subcommand = true)]
#[command(after_help = "Example:\n  devenv up -d && devenv exec -- npm test")]
struct Cli {
    #[command(flatten)]
    look: Look,
    #[command(subcommand)]
    command: Command,
}

/// How everything is printed.
#[derive(Debug, Clone, Copy, clap::Args)]
struct Look {
    /// Print one JSON object instead of text
    #[arg(long, global = true)]
    json: bool,
    /// No progress on stderr
    #[arg(short, long, global = true)]
    quiet: bool,
    /// More detail on stderr and in the daemon's log
    #[arg(short, long, global = true)]
    verbose: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::Init),
    Up(up::Up),
    Down(down::Down),
    Status(status::Status),
    Wait(wait::Wait),
    Start(start::Start),
    Stop(stop::Stop),
    Restart(restart::Restart),
    Run(run::Run),
    Scale(scale::Scale),
    Logs(logs::Logs),
    Mail(mail::Mail),
    Env(env::Env),
    Exec(exec::Exec),
    Export(export::Export),
    Psql(psql::Psql),
    #[command(name = "redis-cli")]
    RedisCli(redis_cli::RedisCli),
    Aws(aws::Aws),
    Test(test::Test),
    Lease(lease::Lease),
    Reset(reset::Reset),
    Snapshot(snapshot::Snapshot),
    Undo(undo::Undo),
    Seed(seed::Seed),
    Data(data::Data),
    Clock(clock::Clock),
    Faults(faults::Faults),
    Requests(requests::Requests),
    Devcontainer(devcontainer::Devcontainer),
    Doctor(doctor::Doctor),
    Doors(doors::Doors),
    Profile(profile::Profile),
    Completions(completions::Completions),
    Version(version::Version),
}

impl Command {
    fn run(self, printer: &Printer) -> Result<Outcome, Problem> {
        match self {
            Command::Init(command) => command.run(printer),
            Command::Up(command) => command.run(printer),
            Command::Down(command) => command.run(printer),
            Command::Status(command) => command.run(printer),
            Command::Wait(command) => command.run(printer),
            Command::Start(command) => command.run(printer),
            Command::Stop(command) => command.run(printer),
            Command::Restart(command) => command.run(printer),
            Command::Run(command) => command.run(printer),
            Command::Scale(command) => command.run(printer),
            Command::Logs(command) => command.run(printer),
            Command::Mail(command) => command.run(printer),
            Command::Env(command) => command.run(printer),
            Command::Exec(command) => command.run(printer),
            Command::Export(command) => command.run(printer),
            Command::Psql(command) => command.run(printer),
            Command::RedisCli(command) => command.run(printer),
            Command::Aws(command) => command.run(printer),
            Command::Test(command) => command.run(printer),
            Command::Lease(command) => command.run(printer),
            Command::Reset(command) => command.run(printer),
            Command::Snapshot(command) => command.run(printer),
            Command::Undo(command) => command.run(printer),
            Command::Seed(command) => command.run(printer),
            Command::Data(command) => command.run(printer),
            Command::Clock(command) => command.run(printer),
            Command::Faults(command) => command.run(printer),
            Command::Requests(command) => command.run(printer),
            Command::Devcontainer(command) => command.run(printer),
            Command::Doctor(command) => command.run(printer),
            Command::Doors(command) => command.run(printer),
            Command::Profile(command) => command.run(printer),
            Command::Completions(command) => command.run(printer, &mut Cli::command()),
            Command::Version(command) => command.run(printer),
        }
    }
}

/// Runs the command that `args` (with the program's name) ask for.
pub fn run(args: Vec<OsString>) -> ExitCode {
    let wants_json = args.iter().take_while(|a| *a != "--").any(|a| a == "--json");
    let cli = match Cli::try_parse_from(separate_clients(args)) {
        Ok(cli) => cli,
        Err(error) => return printer::usage(&error, wants_json),
    };
    let printer = Printer::new(cli.look.json, cli.look.quiet, cli.look.verbose);
    match cli.command.run(&printer) {
        Ok(outcome) => outcome.exit_code(),
        Err(problem) => {
            printer.problem(&problem);
            ExitCode::from(problem.exit.code())
        }
    }
}

/// Clients get their arguments as they are: `devenv psql -q` is psql's `-q`, so a `--` is put
/// before them. `devenv psql --help` is ours.
fn separate_clients(mut args: Vec<OsString>) -> Vec<OsString> {
    let clients = ["psql", "redis-cli", "aws"];
    let command = args.iter().skip(1).position(|a| !a.as_encoded_bytes().starts_with(b"-"));
    let Some(at) = command.map(|i| i + 1) else { return args };
    let is_client = clients.iter().any(|c| args[at] == OsStr::new(c));
    let next = args.get(at + 1);
    if is_client && next.is_some_and(|n| n != "--help" && n != "--") {
        args.insert(at + 1, "--".into());
    }
    args
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_has_an_example() {
        for command in Cli::command().get_subcommands() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let name = command.get_name();
            assert!(help.contains(&format!("devenv {name}")), "{name} has no example");
        }
    }

    #[test]
    fn clients_get_their_own_flags() {
        let split = |args: &[&str]| {
            let args = args.iter().map(OsString::from).collect();
            separate_clients(args).into_iter().map(|a| a.into_string().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(split(&["devenv", "psql", "-q"]), ["devenv", "psql", "--", "-q"]);
        assert_eq!(split(&["devenv", "psql", "--help"]), ["devenv", "psql", "--help"]);
        assert_eq!(split(&["devenv", "aws"]), ["devenv", "aws"]);
        assert_eq!(split(&["devenv", "-q", "up", "psql"]), ["devenv", "-q", "up", "psql"]);
    }
}
