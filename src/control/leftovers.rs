//! What a killed daemon left behind, ended without a daemon.

use super::boot::{NATIVE, clean_ephemeral};
use super::containers::trace;
use super::home::Home;
use crate::base::Problem;
use crate::runtime::{Dirs, dirs::user_cache_dir, process};
use std::time::Duration;

/// How long each may take to stop in its own way.
const GRACE: Duration = Duration::from_secs(20);

/// Removes the volumes of containers; the engine that has them must answer.
pub fn remove_volumes(home: &Home) -> Result<(), Problem> {
    trace::clean(&Dirs::at(&home.dir, user_cache_dir()?), true).map(drop)
}

/// Stops native parts and removes containers that run without a daemon; their names. Nothing is touched while a daemon
/// has the directory.
pub fn stop(home: &Home) -> Result<Vec<String>, Problem> {
    if !home.dir.is_dir() {
        return Ok(vec![]);
    }
    let Some(_lock) = home.try_lock()? else { return Ok(vec![]) };
    let dirs = Dirs::at(&home.dir, user_cache_dir()?);
    let mut stopped = Vec::new();
    for (name, signal) in NATIVE {
        if process::left_over(&dirs, name).is_some() {
            stopped.push(name.to_owned());
        }
        process::clean_up(name, &dirs, signal, GRACE)?;
    }
    stopped.extend(trace::clean(&dirs, false)?);
    clean_ephemeral(home)?;
    Ok(stopped)
}
