//! Which server runs: `redis-server` or `valkey-server` of this machine, else a fetched one.

use crate::base::Problem;
use crate::runtime::dirs::Dirs;
use crate::runtime::progress::Progress;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Programs that serve the Redis protocol, in order of preference.
const NAMES: [&str; 2] = ["redis-server", "valkey-server"];

/// A server program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Binary {
    pub(super) program: PathBuf,
    /// `redis 7.0.15`, `valkey 9.1.2`.
    pub(super) version: String,
}

pub(super) fn provide(_dirs: &Dirs, _progress: &dyn Progress) -> Result<Binary, Problem> {
    system(&std::env::var_os("PATH").unwrap_or_default()).ok_or_else(|| {
        Problem::in_the_way("binary-missing", "no redis-server or valkey-server on PATH")
            .hint("install Redis or Valkey")
    })
}

fn system(path: &std::ffi::OsStr) -> Option<Binary> {
    NAMES
        .iter()
        .find_map(|name| std::env::split_paths(path).find_map(|dir| inspect(dir.join(name))))
}

/// Asks a program for its version: `Redis server v=7.0.15 sha=…` or `Server v=…`.
fn inspect(program: PathBuf) -> Option<Binary> {
    if !program.is_file() {
        return None;
    }
    let output = Command::new(&program).arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let number = text.split_ascii_whitespace().find_map(|word| word.strip_prefix("v="))?;
    let brand = brand(&text, &program);
    Some(Binary { version: format!("{brand} {number}"), program })
}

fn brand(text: &str, program: &Path) -> &'static str {
    let valkey =
        text.to_lowercase().contains("valkey") || program.to_string_lossy().contains("valkey");
    if valkey { "valkey" } else { "redis" }
}
