//! What is known of a snapshot without opening it: `snapshot.json` in its directory.

use crate::base::{Exit, Problem};
use serde::{Deserialize, Serialize};

/// Version of the layout of a snapshot's directory.
pub(super) const LAYOUT: u32 = 1;
/// Characters of a name at the most.
const NAME_MAX: usize = 64;

/// Why a snapshot was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Somebody asked for it.
    Asked,
    /// A reset was about to delete state.
    BeforeReset,
    /// A restore was about to replace it.
    BeforeRestore,
    /// A command of `devenv test` failed.
    TestFailed,
}

impl Reason {
    /// Whether devenv made it of itself, and removes it of itself.
    pub fn is_automatic(self) -> bool {
        matches!(self, Reason::BeforeReset | Reason::BeforeRestore)
    }

    /// The word shown.
    pub fn word(self) -> &'static str {
        match self {
            Reason::Asked => "asked",
            Reason::BeforeReset => "before-reset",
            Reason::BeforeRestore => "before-restore",
            Reason::TestFailed => "test-failed",
        }
    }
}

/// `snapshot.json`, and one entry of `devenv snapshot list --json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The layout's version.
    pub layout: u32,
    /// Its name.
    pub name: String,
    /// When it was made, by the machine's clock, RFC 3339.
    pub created: String,
    /// Why.
    pub reason: Reason,
    /// The devenv that made it.
    pub devenv: String,
    /// The profile's name.
    pub profile: String,
    /// The project's directory.
    pub project: String,
    /// Whether the AWS services' state is in it.
    pub services: bool,
    /// The major of the Postgres whose data are in it.
    pub postgres: Option<u32>,
    /// Whether Redis' data are in it.
    pub redis: bool,
    /// Files in it.
    pub files: u64,
    /// Their bytes; files shared with the environment or other snapshots count each time.
    pub bytes: u64,
    /// How long writers were held up, in microseconds.
    pub paused_us: u64,
    /// The boot of the machine in which it was made. If that one ended before the disk had everything,
    /// the snapshot cannot be trusted.
    pub boot: Option<String>,
}

impl Manifest {
    /// Refuses what cannot be a snapshot's name: it becomes a directory's.
    pub fn check_name(name: &str) -> Result<(), Problem> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let first = name.starts_with(|c: char| c.is_ascii_alphanumeric());
        if first && name.len() <= NAME_MAX && name.chars().all(plain) {
            return Ok(());
        }
        let message = format!("`{name}` cannot be the name of a snapshot");
        Err(Problem::new(Exit::Usage, "snapshot-name", message).hint(format!(
            "use up to {NAME_MAX} letters, digits, `.`, `_` and `-`, beginning with a letter or a digit"
        )))
    }
}

/// The id of this boot of the machine, where the system tells.
pub(super) fn boot() -> Option<String> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned())
}

#[cfg(test)]
impl Manifest {
    /// One for tests.
    pub(super) fn sample(name: &str, created: &str, reason: Reason) -> Manifest {
        Manifest {
            layout: LAYOUT,
            name: name.to_owned(),
            created: created.to_owned(),
            reason,
            devenv: "0".to_owned(),
            profile: "p".to_owned(),
            project: "/p".to_owned(),
            services: true,
            postgres: None,
            redis: false,
            files: 0,
            bytes: 0,
            paused_us: 0,
            boot: boot(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain() {
        for good in ["a", "before-42", "2026-11-21T10.00.00Z", "A_b"] {
            assert!(Manifest::check_name(good).is_ok(), "{good}");
        }
        let long = "x".repeat(NAME_MAX + 1);
        for bad in ["", ".", "..", ".new-x", "a/b", "../a", "a b", "-x", "ä", "a\0", &long] {
            let problem = Manifest::check_name(bad).unwrap_err();
            assert_eq!((problem.code, problem.exit.code()), ("snapshot-name", 2), "{bad}");
        }
    }
}
