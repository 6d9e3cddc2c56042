//! What a data directory has of what the profile asks for: written down in it, so that every copy has it
//! too. A copy that takes the directory's place again is as it was, and need not be asked for it.

use super::config;
use crate::profile;
use crate::runtime::Launch;
use sha2::{Digest, Sha256};
use std::fs;
use std::path::Path;

/// The settings, hashed, whose databases and extensions were made here.
const MADE: &str = "devenv.made";
/// The same in a copy that comes back, until a server has started on it.
const BACK: &str = "devenv.back";

/// Says of the data at `data` that they come back: the next server that starts on them finds what there
/// was.
pub fn comes_back(data: &Path) {
    // Without the note it is asked for everything, as always.
    let _ = fs::rename(data.join(MADE), data.join(BACK));
}

/// Whether the server of `launch` has just started on data that came back with all that `settings` ask
/// for. Once: from then on somebody may have dropped some of it.
pub fn is_back(launch: &Launch, settings: &profile::Postgres) -> bool {
    let back = launch.dir.join(BACK);
    let same = fs::read_to_string(&back).is_ok_and(|made| made == hash(settings));
    let taken = fs::rename(&back, launch.dir.join(MADE)).is_ok();
    // The clock has moved on.
    taken && same && !settings.follow_clock
}

/// Writes down that all that `settings` ask for was made.
pub fn is_made(launch: &Launch, settings: &profile::Postgres) {
    let (path, hash) = (launch.dir.join(MADE), hash(settings));
    if fs::read_to_string(&path).is_ok_and(|made| made == hash) {
        return;
    }
    if let Err(problem) = config::put(&path, &hash, launch.run_as) {
        tracing::debug!("not noted: {}", problem.message);
    }
}

fn hash(settings: &profile::Postgres) -> String {
    let text = serde_json::to_vec(settings).unwrap_or_default();
    hex::encode(&Sha256::digest(text)[..])
}
