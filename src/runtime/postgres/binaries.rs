//! Which Postgres runs. In this order, for each accepted major, the preferred one first: what the
//! user names (`DEVENV_POSTGRES_BIN`, `DEVENV_POSTGRES_ARCHIVE`), an installation of this machine
//! that has pgvector, the cache, a download.
//!
//! Invariant: another major than the preferred one, or a Postgres without pgvector, is never chosen
//! without a note.

use super::{archive, system};
use crate::base::Problem;
use crate::profile;
use crate::runtime::dirs::Dirs;
use crate::runtime::doctor::{self, Origin};
use crate::runtime::fetch::{own_archive, pins};
use crate::runtime::progress::Progress;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Names an installation's `bin` directory.
pub(super) const BIN_VARIABLE: &str = "DEVENV_POSTGRES_BIN";
/// Names an archive with `bin/postgres` in it.
pub(super) const ARCHIVE_VARIABLE: &str = "DEVENV_POSTGRES_ARCHIVE";
/// Names an archive with pgvector's files in it.
pub(super) const VECTOR_VARIABLE: &str = "DEVENV_PGVECTOR_ARCHIVE";
/// pgvector versions before this lack types that applications use today.
const VECTOR_COMPLETE: (u32, u32) = (0, 7);

/// A Postgres that can be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Binaries {
    /// Directory of `postgres` and `initdb`.
    pub(crate) bin: PathBuf,
    /// Major version.
    pub(crate) major: u32,
    /// Full version.
    pub(crate) version: String,
    /// pgvector's version, if it is there.
    pub(crate) vector: Option<String>,
    /// What people should know about the choice.
    pub(crate) note: Option<String>,
}

/// The first accepted major that can be had.
pub(super) fn provide(
    settings: &profile::Postgres,
    dirs: &Dirs,
    progress: &dyn Progress,
) -> Result<Binaries, Problem> {
    let needs_vector = settings.extensions.iter().any(|name| name == "vector");
    let majors = majors(&settings.version);
    if let Some(found) = named_by_user(&majors, dirs, progress)? {
        return Ok(noted(found, &settings.version, needs_vector, progress));
    }
    let mut first = None;
    for major in &majors {
        match one(*major, needs_vector, dirs, progress) {
            Ok(found) => return Ok(noted(found, &settings.version, needs_vector, progress)),
            // Somebody may be at work on the wire: no quiet way round that.
            Err(problem) if problem.code == "checksum-refused" => return Err(problem),
            Err(problem) => first = first.or(Some(problem)),
        }
    }
    Err(first.unwrap_or_else(|| {
        Problem::in_the_way("binary-missing", "the profile accepts no Postgres at all")
    }))
}

/// Where a server would come from now; for the doctor, which fetches nothing.
pub(crate) fn origin(settings: &profile::Postgres, dirs: &Dirs) -> Origin {
    let needs_vector = settings.extensions.iter().any(|name| name == "vector");
    let here = |found: Binaries| Origin::Here {
        version: match &found.vector {
            Some(vector) => format!("{} with pgvector {vector}", found.version),
            None => format!("{} without pgvector", found.version),
        },
        place: found.bin.join("postgres"),
    };
    let mut nowhere = None;
    for major in majors(&settings.version) {
        let installed = system::find(major);
        if let Some(found) = installed.iter().find(|found| found.vector.is_some()) {
            return here(found.clone());
        }
        if let Some(found) = archive::cached(major, &dirs.cache) {
            return here(found);
        }
        let platform = pins::Platform::here();
        let server = platform.and_then(|platform| pins::postgres(platform, major));
        let vector = platform.and_then(|platform| pins::pgvector(platform, major));
        match (server, installed.into_iter().next()) {
            (Some(_), _) if needs_vector && vector.is_none() => {}
            (Some(pin), _) => {
                let version = pin.version.split('-').next().unwrap_or(pin.version);
                let what = format!("Postgres {}", version.trim_end_matches(".0"));
                return Origin::Fetched { what, bytes: doctor::bytes_of(&[server, vector]) };
            }
            (None, Some(found)) if !needs_vector => return here(found),
            (None, _) => {}
        }
        nowhere = nowhere.or_else(|| Some(not_built(major)));
    }
    Origin::Nowhere(nowhere.unwrap_or_else(|| not_built(settings.version.prefer)))
}

fn majors(version: &profile::PgVersion) -> Vec<u32> {
    let mut majors = vec![version.prefer];
    for major in &version.accept {
        if !majors.contains(major) {
            majors.push(*major);
        }
    }
    majors
}

fn one(
    major: u32,
    needs_vector: bool,
    dirs: &Dirs,
    progress: &dyn Progress,
) -> Result<Binaries, Problem> {
    let installed = system::find(major);
    if let Some(found) = installed.iter().find(|found| found.vector.is_some()) {
        return Ok(found.clone());
    }
    match archive::provide(major, needs_vector, &dirs.cache, progress) {
        Ok(found) => Ok(found),
        Err(problem) if problem.code == "checksum-refused" => Err(problem),
        Err(problem) => match installed.into_iter().next() {
            Some(found) if !needs_vector => Ok(found),
            _ => Err(problem),
        },
    }
}

/// An installation or archive that the user names counts before everything else.
fn named_by_user(
    majors: &[u32],
    dirs: &Dirs,
    progress: &dyn Progress,
) -> Result<Option<Binaries>, Problem> {
    let named = if let Some(bin) = std::env::var_os(BIN_VARIABLE).filter(|value| !value.is_empty())
    {
        let bin = PathBuf::from(bin);
        let found = system::inspect(&bin).ok_or_else(|| {
            Problem::in_the_way(
                "binary-missing",
                format!("{BIN_VARIABLE}={}: no `postgres` that starts is there", bin.display()),
            )
            .hint(format!(
                "name the directory that holds `postgres` and `initdb`, or unset {BIN_VARIABLE}"
            ))
        })?;
        (BIN_VARIABLE, found)
    } else if let Some(own) = own_archive(ARCHIVE_VARIABLE)? {
        (ARCHIVE_VARIABLE, archive::from_own(&own, &dirs.cache, progress)?)
    } else {
        return Ok(None);
    };
    let (variable, found) = named;
    if majors.contains(&found.major) {
        return Ok(Some(found));
    }
    let accepted: Vec<String> = majors.iter().map(u32::to_string).collect();
    Err(Problem::in_the_way(
        "postgres-version",
        format!(
            "{variable} names Postgres {}; the profile accepts {}",
            found.version,
            accepted.join(", ")
        ),
    )
    .hint(format!("add {} to `accept` in devenv.toml, or unset {variable}", found.major)))
}

/// Adds the note of parity gaps, and tells it.
fn noted(
    mut found: Binaries,
    wanted: &profile::PgVersion,
    needs_vector: bool,
    progress: &dyn Progress,
) -> Binaries {
    let mut notes = Vec::new();
    if found.major != wanted.prefer {
        notes.push(format!("profile prefers Postgres {}; {} runs", wanted.prefer, found.version));
    }
    match &found.vector {
        None => notes.push("without pgvector".to_owned()),
        Some(version) if needs_vector && older(version, VECTOR_COMPLETE) => {
            notes.push(format!("pgvector {version}: no halfvec, sparsevec and bit distance"));
        }
        Some(_) => {}
    }
    if !notes.is_empty() {
        let note = notes.join("; ");
        progress.note(&format!("postgres: {note}"));
        found.note = Some(note);
    }
    found
}

fn older(version: &str, than: (u32, u32)) -> bool {
    let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) < than
}

/// The version that `postgres --version` tells: `17.10`. `Err` is the loader's or system's word.
pub(super) fn version_of(bin: &Path) -> Result<String, String> {
    let output = Command::new(bin.join("postgres"))
        .arg("--version")
        .env("LC_ALL", "C")
        .output()
        .map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let version = text.split_ascii_whitespace().nth(2).filter(|_| output.status.success());
    version
        .map(str::to_owned)
        .ok_or_else(|| String::from_utf8_lossy(&output.stderr).trim().to_owned())
}

/// The major of a full version.
pub(super) fn major_of(version: &str) -> Option<u32> {
    version.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// What to do where no archive is built for this machine or major.
pub(super) fn not_built(major: u32) -> Problem {
    let known = (15..=18).contains(&major) && pins::Platform::here().is_none();
    let why = if known {
        format!("no Postgres archive is built for {}", pins::Platform::described())
    } else {
        format!("no Postgres {major} archive is known")
    };
    Problem::in_the_way(if known { "platform-unsupported" } else { "binary-missing" }, format!("{why}, and no Postgres {major} with pgvector is installed"))
        .hint(format!(
            "install PostgreSQL {major} with pgvector from your system's packages, or name its bin directory in {BIN_VARIABLE}"
        ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[derive(Default)]
    struct Notes(Mutex<Vec<String>>);

    impl Progress for Notes {
        fn begin(&self, _: &str, _: &str, _: Option<u64>) {}
        fn advance(&self, _: &str, _: u64) {}
        fn end(&self, _: &str) {}
        fn note(&self, text: &str) {
            self.0.lock().expect("lock").push(text.to_owned());
        }
    }

    fn found(major: u32, vector: Option<&str>) -> Binaries {
        Binaries {
            bin: "/b".into(),
            major,
            version: format!("{major}.3"),
            vector: vector.map(str::to_owned),
            note: None,
        }
    }

    #[test]
    fn a_parity_gap_is_told_and_kept() {
        let wanted = profile::PgVersion { prefer: 15, accept: vec![16, 15, 17] };
        assert_eq!(majors(&wanted), [15, 16, 17]);
        let notes = Notes::default();
        let chosen = noted(found(17, Some("0.8.1")), &wanted, true, &notes);
        assert_eq!(chosen.note.as_deref(), Some("profile prefers Postgres 15; 17.3 runs"));
        assert_eq!(
            *notes.0.lock().expect("lock"),
            ["postgres: profile prefers Postgres 15; 17.3 runs"]
        );
        let old = noted(found(15, Some("0.5.1")), &wanted, true, &notes).note.expect("note");
        assert!(old.starts_with("pgvector 0.5.1"), "{old}");
        assert_eq!(
            noted(found(15, None), &wanted, false, &notes).note.as_deref(),
            Some("without pgvector")
        );
        assert_eq!(noted(found(15, Some("0.8.0")), &wanted, true, &notes).note, None);
    }

    #[test]
    fn versions_are_read() {
        assert_eq!(major_of("17.10"), Some(17));
        assert_eq!(major_of("18beta1"), Some(18));
        assert!(older("0.5.1", (0, 7)) && !older("0.8.0", (0, 7)) && !older("1.0", (0, 7)));
    }

    #[test]
    fn a_major_that_is_nowhere_says_what_to_install() {
        let problem = not_built(11);
        assert_eq!((problem.code, problem.exit.code()), ("binary-missing", 5));
        assert!(problem.hint.expect("hint").contains("PostgreSQL 11"));
    }
}
