//! `devenv doors`: the helper that listens inside the network of a rootless engine for the daemon. It is no
//! command for people.

use super::Outcome;
use super::printer::Printer;
use crate::base::Problem;
use crate::runtime::engine::doors;
use std::net::SocketAddr;

/// Listen for the daemon inside the network of a rootless engine
#[derive(Debug, clap::Args)]
#[command(
    hide = true,
    after_help = "Example:\n  podman unshare --rootless-netns devenv doors 10.89.0.1:4566"
)]
pub(super) struct Doors {
    /// Where to listen
    addresses: Vec<SocketAddr>,
}

impl Doors {
    pub(super) fn run(self, _: &Printer) -> Result<Outcome, Problem> {
        let failed = |error: std::io::Error| Problem::failed("doors", error.to_string());
        doors::serve(&self.addresses).map_err(failed)?;
        Ok(Outcome::Done)
    }
}
