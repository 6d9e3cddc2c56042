//! Postgres from archives, unpacked once into the cache: a server with contrib, and pgvector's
//! files from a second archive laid into it.
//!
//! Invariant: an installation appears in the cache by rename, complete and tried (`postgres
//! --version` ran); what an interrupted run leaves has another name.

use super::binaries::{
    ARCHIVE_VARIABLE, Binaries, VECTOR_VARIABLE, major_of, not_built, version_of,
};
use super::system::vector_version;
use crate::base::Problem;
use crate::runtime::dirs::unwritable;
use crate::runtime::fetch::{
    Fetcher, Limits, Lock, Member, Own, Pin, Workshop, own_archive, pins, stays_inside, unpack,
};
use crate::runtime::progress::Progress;
use serde::Deserialize;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

/// An unpacked server has 60 to 200 MB in about 2,000 files.
const LIMITS: Limits = Limits { bytes: 1024 * 1024 * 1024, entries: 40_000 };
/// Says, in an installation, which version it is.
const VERSION_FILE: &str = "devenv.version";
/// Links that npm's archives describe because npm cannot carry them.
const LINKS_FILE: &str = "pg-symlinks.json";
/// Directories of a server that are unpacked.
const PARTS: [&str; 3] = ["bin", "lib", "share"];

/// What is pinned for a major on this machine, and where it is unpacked.
struct Pinned {
    server: &'static Pin,
    donor: Option<&'static Pin>,
    own_donor: Option<Own>,
    home: PathBuf,
}

impl Pinned {
    fn of(major: u32, cache: &Path) -> Result<Pinned, Problem> {
        let platform = pins::Platform::here();
        let server = platform.and_then(|platform| pins::postgres(platform, major));
        let server = server.ok_or_else(|| not_built(major))?;
        let donor = platform.and_then(|platform| pins::pgvector(platform, major));
        let own_donor = own_archive(VECTOR_VARIABLE)?;
        let with = match (&own_donor, donor) {
            (Some(own), _) => own.key.clone(),
            (None, Some(pin)) => pin.short(),
            (None, None) => "plain".into(),
        };
        let home = cache.join("postgres").join(format!("{major}-{}-{with}", server.short()));
        Ok(Pinned { server, donor, own_donor, home })
    }
}

/// The pinned server of `major`, if it is unpacked already.
pub(super) fn cached(major: u32, cache: &Path) -> Option<Binaries> {
    installed(&Pinned::of(major, cache).ok()?.home)
}

/// The pinned server of `major`, with pgvector.
pub(super) fn provide(
    major: u32,
    needs_vector: bool,
    cache: &Path,
    progress: &dyn Progress,
) -> Result<Binaries, Problem> {
    let Pinned { server, donor, own_donor, home } = Pinned::of(major, cache)?;
    if let Some(found) = installed(&home) {
        return Ok(found);
    }
    if needs_vector && donor.is_none() && own_donor.is_none() {
        return Err(no_vector(major));
    }
    let lock = Lock::take(cache, &format!("postgres-{major}"))?;
    if let Some(found) = installed(&home) {
        return Ok(found);
    }
    let work = Work::new(&home, &major.to_string())?;
    let fetcher = Fetcher::new(cache, progress);
    let label =
        format!("Postgres {}", server.version.split("-beta").next().unwrap_or(server.version));
    let archive = fetcher.fetch(server, &label)?;
    unpack_server(archive.path(), &work.dir, Some(server.inside), progress)?;
    let vector = match donor.filter(|_| own_donor.is_none()) {
        Some(pin) => match fetcher.fetch(pin, &format!("pgvector {}", pin.version)) {
            Ok(vector) => Some((vector, pin.inside)),
            Err(problem) if needs_vector || problem.code == "checksum-refused" => {
                return Err(problem);
            }
            Err(problem) => {
                progress.note(&format!("pgvector is left out: {problem}"));
                None
            }
        },
        None => None,
    };
    if let Some(own) = &own_donor {
        unpack_vector(&own.path, &work.dir, None)?;
    } else if let Some((vector, inside)) = &vector {
        unpack_vector(vector.path(), &work.dir, Some(inside))?;
    }
    let whole = vector.is_some() || own_donor.is_some() || donor.is_none();
    let done = work.finish(&home, whole)?;
    archive.discard();
    if let Some((vector, _)) = vector {
        vector.discard();
    }
    drop(lock);
    Ok(done)
}

/// The server in an archive of the user's.
pub(super) fn from_own(
    own: &Own,
    cache: &Path,
    progress: &dyn Progress,
) -> Result<Binaries, Problem> {
    if own.path.is_dir() {
        return super::system::inspect(&own.path.join("bin")).ok_or_else(|| {
            Problem::in_the_way(
                "own-archive",
                format!(
                    "{ARCHIVE_VARIABLE}={}: no bin/postgres that starts is there",
                    own.path.display()
                ),
            )
        });
    }
    let donor = own_archive(VECTOR_VARIABLE)?;
    let with = donor.as_ref().map_or("plain", |donor| &donor.key);
    let home = cache.join("postgres").join(format!("own-{}-{with}", own.key));
    let _lock = Lock::take(cache, &format!("postgres-own-{}", own.key))?;
    if let Some(found) = installed(&home) {
        return Ok(found);
    }
    let work = Work::new(&home, &own.key)?;
    unpack_server(&own.path, &work.dir, None, progress)?;
    if let Some(donor) = &donor {
        unpack_vector(&donor.path, &work.dir, None)?;
    }
    work.finish(&home, true)
}

fn no_vector(major: u32) -> Problem {
    Problem::in_the_way(
        "binary-missing",
        format!("no pgvector for Postgres {major} is built for {}", pins::Platform::described()),
    )
    .hint(format!(
        "accept another major with `version = {{ prefer = {major}, accept = [17] }}`, or name an archive with pgvector in {VECTOR_VARIABLE}"
    ))
}

/// An installation of the cache.
fn installed(home: &Path) -> Option<Binaries> {
    let text = fs::read_to_string(home.join(VERSION_FILE)).ok()?;
    let version = text.trim().to_owned();
    let vector = extension_dir(home).and_then(|dir| vector_version(&dir));
    Some(Binaries {
        bin: home.join("bin"),
        major: major_of(&version)?,
        version,
        vector,
        note: None,
    })
}

fn extension_dir(home: &Path) -> Option<PathBuf> {
    ["share/postgresql/extension", "share/extension"]
        .iter()
        .map(|dir| home.join(dir))
        .find(|dir| dir.is_dir())
}

/// A directory beside the final one, removed unless it is finished.
struct Work {
    dir: PathBuf,
    _workshop: Workshop,
}

impl Work {
    fn new(home: &Path, name: &str) -> Result<Work, Problem> {
        let workshop = Workshop::open(home.parent().unwrap_or(home), name)?;
        let dir = workshop.path().join("home");
        fs::create_dir(&dir).map_err(|error| unwritable(&dir, &error))?;
        // The service's account must be able to enter, whoever unpacked.
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o755))
            .map_err(|error| unwritable(&dir, &error))?;
        Ok(Work { dir, _workshop: workshop })
    }

    /// Tries the server, and gives the installation its name. One that lacks pgvector only because
    /// it could not be fetched now (not `whole`) gets a name under which nothing is looked for.
    fn finish(self, home: &Path, whole: bool) -> Result<Binaries, Problem> {
        let bin = self.dir.join("bin");
        let version = version_of(&bin).map_err(|why| {
            Problem::in_the_way(
                "binary-unusable",
                format!("the fetched Postgres does not start here: {why}"),
            )
            .hint("install PostgreSQL with pgvector from your system's packages")
        })?;
        let marker = self.dir.join(VERSION_FILE);
        fs::write(&marker, format!("{version}\n")).map_err(|error| unwritable(&marker, &error))?;
        let home = if whole { home.to_owned() } else { home.with_extension("without-pgvector") };
        if home.exists() {
            crate::runtime::fetch::remove_tree(&home)?;
        }
        fs::rename(&self.dir, &home).map_err(|error| unwritable(&home, &error))?;
        installed(&home).ok_or_else(|| {
            Problem::in_the_way("binary-unusable", format!("{} is not a Postgres", home.display()))
        })
    }
}

/// Unpacks bin, lib and share below `inside`, or below wherever `bin/postgres` is.
fn unpack_server(
    archive: &Path,
    into: &Path,
    inside: Option<&str>,
    progress: &dyn Progress,
) -> Result<(), Problem> {
    progress.begin("unpack", "unpacking", None);
    let select = |path: &Path| {
        let below = match inside {
            Some(inside) => path.strip_prefix(inside).ok()?.to_owned(),
            None => below_first(path, &PARTS)?,
        };
        let first = below.components().next()?.as_os_str().to_str()?;
        let program = first == "bin";
        let wanted = PARTS.contains(&first) || below == Path::new(LINKS_FILE);
        wanted.then_some(Member { program, to: below })
    };
    let done = unpack(archive, into, LIMITS, &select).and_then(|_| links(archive, into));
    progress.end("unpack");
    done?;
    if into.join("bin/postgres").is_file() && into.join("bin/initdb").is_file() {
        return Ok(());
    }
    Err(Problem::in_the_way(
        "archive-corrupt",
        format!("{} holds no bin/postgres and bin/initdb", archive.display()),
    )
    .hint("name an archive of a relocatable Postgres; docs/native.md lists some"))
}

/// The path from its first component on that is one of `parts`.
fn below_first(path: &Path, parts: &[&str]) -> Option<PathBuf> {
    let components: Vec<_> = path.components().collect();
    let start = components
        .iter()
        .position(|part| part.as_os_str().to_str().is_some_and(|name| parts.contains(&name)))?;
    Some(components[start..].iter().collect())
}

#[derive(Deserialize)]
struct Link {
    /// The file, from the archive's root.
    source: PathBuf,
    /// The link to it.
    target: PathBuf,
}

/// Makes the links that npm's archives describe.
fn links(archive: &Path, into: &Path) -> Result<(), Problem> {
    let list = into.join(LINKS_FILE);
    let Ok(text) = fs::read(&list) else { return Ok(()) };
    let corrupt = |why: String| {
        Problem::in_the_way(
            "archive-corrupt",
            format!("{}: {LINKS_FILE}: {why}", archive.display()),
        )
    };
    let links: Vec<Link> =
        serde_json::from_slice(&text).map_err(|error| corrupt(error.to_string()))?;
    for link in links {
        let place = |path: &Path| path.strip_prefix("native").unwrap_or(path).to_owned();
        let (source, target) = (place(&link.source), place(&link.target));
        let same_dir = source.parent() == target.parent();
        let name = source.file_name().filter(|_| same_dir && stays_inside(Path::new("."), &target));
        let Some(name) = name else {
            return Err(corrupt(format!(
                "{} to {} leads elsewhere",
                target.display(),
                source.display()
            )));
        };
        let at = into.join(&target);
        match symlink(name, &at) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(unwritable(&at, &error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Lays pgvector's library, control file and scripts into an unpacked server.
fn unpack_vector(archive: &Path, home: &Path, inside: Option<&str>) -> Result<(), Problem> {
    let extension = extension_dir(home).ok_or_else(|| {
        Problem::in_the_way(
            "archive-corrupt",
            format!("{} has no extension directory", home.display()),
        )
    })?;
    let extension = extension.strip_prefix(home).unwrap_or(&extension).to_owned();
    let library = if home.join("lib/postgresql").is_dir() {
        Path::new("lib/postgresql")
    } else {
        Path::new("lib")
    };
    let select = |path: &Path| {
        if inside.is_some_and(|inside| !path.starts_with(inside)) {
            return None;
        }
        let name = path.file_name()?.to_str()?;
        let dir = match name {
            "vector.so" | "vector.dylib" => library,
            "vector.control" => extension.as_path(),
            _ if name.starts_with("vector--") && name.ends_with(".sql") => extension.as_path(),
            _ => return None,
        };
        Some(Member { to: dir.join(name), program: false })
    };
    unpack(archive, home, LIMITS, &select)?;
    let library =
        ["vector.so", "vector.dylib"].iter().any(|name| home.join(library).join(name).is_file());
    if library && vector_version(&home.join(&extension)).is_some() {
        return Ok(());
    }
    Err(Problem::in_the_way("archive-corrupt", format!("{} holds no pgvector", archive.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_found_at_any_depth_of_an_own_archive() {
        let below = |path: &str| below_first(Path::new(path), &PARTS);
        assert_eq!(below("package/native/bin/postgres"), Some("bin/postgres".into()));
        assert_eq!(below("bin/postgres"), Some("bin/postgres".into()));
        assert_eq!(below("pgsql/share/extension/x.sql"), Some("share/extension/x.sql".into()));
        assert_eq!(below("package/package.json"), None);
    }

    #[test]
    fn described_links_are_made_and_stay_inside() {
        let home = tempfile::tempdir().expect("temporary directory");
        fs::create_dir(home.path().join("lib")).expect("directory");
        fs::write(home.path().join("lib/l.so.1"), "x").expect("file");
        let describe = |text: &str| fs::write(home.path().join(LINKS_FILE), text).expect("file");
        describe(r#"[{"source":"native/lib/l.so.1","target":"native/lib/l.so"}]"#);
        links(Path::new("a.tgz"), home.path()).expect("links");
        assert_eq!(
            fs::read_to_string(home.path().join("lib/l.so")).expect("through the link"),
            "x"
        );
        for bad in [
            r#"[{"source":"/etc/passwd","target":"native/lib/l2"}]"#,
            r#"[{"source":"native/../x","target":"native/../y"}]"#,
            "nonsense",
        ] {
            describe(bad);
            assert_eq!(
                links(Path::new("a.tgz"), home.path()).map_err(|problem| problem.code),
                Err("archive-corrupt"),
                "{bad}"
            );
        }
    }

    #[test]
    fn what_an_archive_must_hold_is_said() {
        let archive = tempfile::NamedTempFile::new().expect("temporary file");
        tar::Builder::new(archive.reopen().expect("file")).finish().expect("tar");
        let into = tempfile::tempdir().expect("temporary directory");
        let problem = unpack_server(archive.path(), into.path(), None, &crate::runtime::Silent)
            .expect_err("empty");
        assert_eq!(problem.code, "archive-corrupt");
    }
}
