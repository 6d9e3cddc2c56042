//! `devenv redis-cli`: Redis' own client (or Valkey's), pointed at the environment.

use super::choose;
use super::env::variables;
use super::exec::{self, Wanted};
use super::outcome::Outcome;
use super::printer::Printer;
use crate::base::Problem;
use crate::runtime::clients::Client;
use std::ffi::OsString;

/// Run redis-cli, pointed at this environment
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  devenv redis-cli PING")]
pub(super) struct RedisCli {
    /// Its arguments
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<OsString>,
}

impl RedisCli {
    pub(super) fn run(self, printer: &Printer) -> Result<Outcome, Problem> {
        let all = variables(&choose::home()?)?;
        let Some(url) = all.get("REDIS_URL") else { return Err(exec::without("redis")) };
        let mut args = vec![OsString::from("-u"), OsString::from(url)];
        args.extend(self.args);
        let remedy = "install it, for instance with `apt-get install redis-tools`, or connect with REDIS_URL of `devenv env`";
        let names = &["redis-cli", "valkey-cli"];
        let wanted = Wanted { names, fetched: Some(Client::ValkeyCli), remedy };
        Err(exec::client(&wanted, &args, &all, printer))
    }
}
