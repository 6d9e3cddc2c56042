//! A native Postgres: binaries found or fetched, a data directory copied from a cached template,
//! configuration from the profile, and after the start databases and extensions.
//!
//! [`prepare`] blocks and needs no running server; [`initialise`] needs one and may be repeated.

mod archive;
mod binaries;
mod clock;
mod config;
mod copy;
mod initialise;
mod look;
mod made;
mod orphans;
mod spares;
mod system;
mod template;

use crate::base::Problem;
use crate::profile;
use crate::runtime::dirs::{Dirs, unwritable};
use crate::runtime::launch::{Launch, Probe, StopSignal};
use crate::runtime::progress::Progress;
use crate::runtime::runas;
pub(crate) use binaries::origin;
pub use clock::{Standing, set_clock};
pub use copy::{Copy, bring_to_rest, copy_stopped, data_dirs, data_root, is_in_use, mirror};
pub use initialise::{idle_in_transaction, initialise};
pub use look::{TableSum, tables};
pub use made::{comes_back, is_back, is_made};
pub use spares::{Server, Spares};
use std::time::Duration;

/// Where it listens. Never elsewhere.
const HOST: &str = "127.0.0.1";
/// How long a fast shutdown may take: it writes a checkpoint.
const STOP_GRACE_S: u64 = 20;

/// Removes its data, of every major. It must not run.
pub fn wipe(dirs: &Dirs) -> Result<(), Problem> {
    let (_, dirs) = runas::place(dirs)?;
    let entries = std::fs::read_dir(&dirs.data).map_err(|error| unwritable(&dirs.data, &error))?;
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with("postgres-") {
            crate::runtime::fetch::remove_tree(&entry.path())?;
        }
    }
    Ok(())
}

/// Finds or fetches binaries that satisfy `settings`, makes or refreshes the data directory and its
/// configuration, and says how to start it on `port`.
pub fn prepare(
    settings: &profile::Postgres,
    port: u16,
    dirs: &Dirs,
    progress: &dyn Progress,
) -> Result<Launch, Problem> {
    if settings.provider == profile::Provider::Docker {
        return Err(super::no_docker("postgres"));
    }
    let (run_as, dirs) = &runas::place(dirs)?;
    let run_as = *run_as;
    let binaries = binaries::provide(settings, dirs, progress)?;
    let data = template::data_path(dirs, binaries.major);
    template::data_dir(&binaries, settings, &data, run_as, dirs, progress)?;
    orphans::end(&data);
    let sockets = config::socket_dir(dirs, run_as)?;
    let written = config::write(settings, &binaries, &data, &sockets, &dirs.cache, run_as)?;
    let mut args =
        vec!["-D".into(), data.clone().into_os_string(), "-p".into(), port.to_string().into()];
    // Not read by Postgres: it makes a change of settings a change of the launch.
    args.extend(["-c".into(), format!("devenv.settings={written}").into()]);
    let pid_file = data.join("postmaster.pid");
    Ok(Launch {
        name: "postgres".into(),
        program: binaries.bin.join("postgres"),
        args,
        env: vec![("LC_ALL".into(), "C".into())],
        dir: data,
        run_as,
        probe: Probe::Postgres {
            host: HOST.into(),
            port,
            user: settings.user.clone(),
            database: "postgres".into(),
            pid_file: Some(pid_file),
        },
        stop: StopSignal::Interrupt,
        stop_grace: Duration::from_secs(STOP_GRACE_S),
        version: binaries.version.clone(),
        note: binaries.note.clone(),
        address: format!("{HOST}:{port}"),
    })
}
