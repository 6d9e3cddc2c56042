//! `devenv aws`: the AWS command line, pointed at the environment.

use super::choose;
use super::env::variables;
use super::exec::{self, Wanted};
use super::outcome::Outcome;
use super::printer::Printer;
use crate::base::Problem;
use std::ffi::OsString;

/// Run the AWS command line, pointed at this environment
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  devenv aws s3 ls")]
pub(super) struct Aws {
    /// Its arguments
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<OsString>,
}

impl Aws {
    pub(super) fn run(self, printer: &Printer) -> Result<Outcome, Problem> {
        let all = variables(&choose::home()?)?;
        let Some(endpoint) = all.get("AWS_ENDPOINT_URL") else {
            return Err(exec::without("gateway"));
        };
        let mut args = self.args;
        // Versions before 2023 do not read AWS_ENDPOINT_URL, and version 1 not for `aws sqs`
        // (https://github.com/aws/aws-cli/issues/8737).
        if !args.iter().any(|a| a.as_encoded_bytes().starts_with(b"--endpoint-url")) {
            args.splice(0..0, [OsString::from("--endpoint-url"), OsString::from(endpoint)]);
        }
        let remedy = "install it with `pip install awscli`, or point another client at AWS_ENDPOINT_URL of `devenv env`";
        let wanted = Wanted { names: &["aws"], fetched: None, remedy };
        Err(exec::client(&wanted, &args, &all, printer))
    }
}
