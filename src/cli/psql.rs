//! `devenv psql`: Postgres' own client, pointed at the environment; fetched where there is none.

use super::choose;
use super::env::variables;
use super::exec::{self, Wanted};
use super::outcome::Outcome;
use super::printer::Printer;
use crate::base::Problem;
use crate::runtime::clients::Client;
use std::ffi::OsString;

/// Run psql, pointed at this environment
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  devenv psql -c 'select 1'")]
pub(super) struct Psql {
    /// Its arguments
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<OsString>,
}

impl Psql {
    pub(super) fn run(self, printer: &Printer) -> Result<Outcome, Problem> {
        let all = variables(&choose::home()?)?;
        if !all.contains_key("PGPORT") {
            return Err(exec::without("postgres"));
        }
        let remedy = "install it, for instance with `apt-get install postgresql-client`, or connect with the variables of `devenv env`";
        let wanted = Wanted { names: &["psql"], fetched: Some(Client::Psql), remedy };
        Err(exec::client(&wanted, &self.args, &all, printer))
    }
}
