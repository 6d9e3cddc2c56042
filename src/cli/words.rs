//! A command that devenv runs for somebody, as it stands on the command line behind `--`.

use std::ffi::OsString;

/// Its program and arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Words {
    /// The command and its arguments
    #[arg(
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "CMD"
    )]
    pub(super) command: Vec<OsString>,
}
