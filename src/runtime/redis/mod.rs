//! A native Redis (or Valkey, which speaks the same protocol): a binary found or fetched, a
//! configuration from the profile, data that survives `kill -9` by an append-only file.

mod binary;
mod clock;
mod compare;
mod config;
mod resp;
mod save;

use crate::base::Problem;
use crate::profile;
use crate::runtime::dirs::{Dirs, private_dir};
use crate::runtime::launch::{Launch, Probe, StopSignal};
use crate::runtime::progress::Progress;
use crate::runtime::runas::RunAs;
pub(crate) use binary::origin;
pub use clock::sweep;
pub use compare::{Keys, compare};
pub(in crate::runtime) use save::end;
pub use save::{Paused, Saving, Talk, lay_out};
use std::time::Duration;

/// Where it listens. Never elsewhere.
const HOST: &str = "127.0.0.1";
/// Databases of a server, unless the profile says otherwise: the usual sixteen, and more for leases.
pub const DATABASES: u32 = 256;
/// How long it may take to write its data at the end.
const STOP_GRACE_S: u64 = 10;

/// Removes its data. It must not run.
pub fn wipe(dirs: &Dirs) -> Result<(), Problem> {
    crate::runtime::fetch::remove_tree(&dirs.data.join("redis"))
}

/// Finds or fetches a server, writes its configuration and says how to start it on `port`.
pub fn prepare(
    settings: &profile::Redis,
    port: u16,
    dirs: &Dirs,
    progress: &dyn Progress,
) -> Result<Launch, Problem> {
    if settings.provider == profile::Provider::Docker {
        return Err(super::no_docker("redis"));
    }
    let binary = binary::provide(dirs, progress)?;
    let data = dirs.data.join("redis");
    private_dir(&data)?;
    let (conf, hash) = config::write(settings, &binary, port, &data, dirs)?;
    Ok(Launch {
        name: "redis".into(),
        program: binary.program,
        args: vec![conf.into_os_string()],
        // Not read by the server: it makes a change of settings a change of the launch.
        env: vec![("DEVENV_SETTINGS".into(), hash)],
        dir: data,
        run_as: RunAs::Current,
        probe: Probe::Redis { host: HOST.into(), port },
        stop: StopSignal::Shutdown,
        stop_grace: Duration::from_secs(STOP_GRACE_S),
        version: binary.version,
        note: None,
        address: format!("{HOST}:{port}"),
    })
}
