//! Data directories: `initdb` runs once a (version, options) and user of this machine, and the profile's
//! databases and extensions are made in the template; every new data directory is a copy of it.
//!
//! Invariant: a template and a data directory appear under their names by rename, complete; a
//! template whose files are not as its manifest says is made anew, never copied.

use super::STOP_GRACE_S;
use super::binaries::Binaries;
use super::config;
use super::initialise::quoted;
use crate::base::Problem;
use crate::profile;
use crate::runtime::dirs::{Dirs, private_dir, unwritable};
use crate::runtime::fetch::{Lock, Workshop, remove_tree};
use crate::runtime::launch::StopSignal;
use crate::runtime::process;
use crate::runtime::progress::Progress;
use crate::runtime::runas::{self, RunAs};
use crate::runtime::tree::{self, How, Keep, Size};
use sha2::{Digest, Sha256};
use std::fs;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

/// Changes when what `initialise_template` does changes: old templates are then left alone.
const RECIPE: &str = "3";
/// WAL segments of a template, in MB: a new data directory begins with one, which is copied.
const WAL_SEGMENT_MB: u32 = 4;
/// Uses up the object ids that are the system's own: without a server Postgres gives those out first, and
/// pg_dump leaves out extensions that have one, taking them for parts of itself.
const SPEND_SYSTEM_IDS: &str = "select count(pg_nextoid('pg_class', 'oid', 'pg_class_oid_index')) from generate_series(1, 5000)\n";
/// Tried in this order for the parts of Postgres that go by the system's locale.
const LOCALES: [&str; 3] = ["C.UTF-8", "en_US.UTF-8", "C"];
/// Number and bytes of a template's files.
const MANIFEST: &str = "devenv.manifest";
/// Superuser of a data directory, and a hash of its password.
const OWNER: &str = "devenv.owner";

/// The data directory at `data`, made from the template if it is not there.
pub(super) fn data_dir(
    binaries: &Binaries,
    settings: &profile::Postgres,
    data: &Path,
    run_as: RunAs,
    dirs: &Dirs,
    progress: &dyn Progress,
) -> Result<(), Problem> {
    if data.exists() {
        return existing(binaries, settings, data, run_as, dirs);
    }
    let template = dirs.cache.join("templates").join(key(binaries, settings));
    let _lock = Lock::take(&dirs.cache, &key(binaries, settings))?;
    let fresh = !template.exists();
    if fresh {
        make(binaries, settings, &template, run_as, progress)?;
    }
    match copy_to(&template, data, run_as, settings) {
        Err(problem) if problem.code == "template-corrupt" && !fresh => {
            progress.note(&format!("{}; it is made anew", problem.message));
            remove_tree(&template)?;
            make(binaries, settings, &template, run_as, progress)?;
            copy_to(&template, data, run_as, settings)
        }
        done => done,
    }
}

fn key(binaries: &Binaries, settings: &profile::Postgres) -> String {
    let mut hash = Sha256::new();
    for part in [
        RECIPE,
        &binaries.version,
        &binaries.bin.to_string_lossy(),
        &settings.user,
        &settings.password,
        &format!("{:?} {:?}", settings.databases, settings.extensions),
    ] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    format!("postgres-{}-{}", binaries.version, hex::encode(&hash.finalize()[..8]))
}

/// A data directory that is already there: its major is right, its superuser is the profile's.
fn existing(
    binaries: &Binaries,
    settings: &profile::Postgres,
    data: &Path,
    run_as: RunAs,
    dirs: &Dirs,
) -> Result<(), Problem> {
    let version = fs::read_to_string(data.join("PG_VERSION")).unwrap_or_default();
    if version.trim() != binaries.major.to_string() {
        let what = if version.is_empty() {
            "no PG_VERSION".into()
        } else {
            format!("data of Postgres {}", version.trim())
        };
        return Err(Problem::failed(
            "data-dir",
            format!(
                "{} holds {what}, not a data directory of Postgres {}",
                data.display(),
                binaries.major
            ),
        )
        .hint("restore it, or start anew with `devenv down --volumes`"));
    }
    let owner = owner_line(settings);
    if fs::read_to_string(data.join(OWNER)).is_ok_and(|there| there == owner) {
        return Ok(());
    }
    // What a killed daemon left running knows the former user only: it ends before the change.
    process::clean_up("postgres", dirs, StopSignal::Interrupt, Duration::from_secs(STOP_GRACE_S))?;
    change_owner(binaries, settings, data, run_as)?;
    put(&data.join(OWNER), &owner, run_as.owner())
}

fn owner_line(settings: &profile::Postgres) -> String {
    let mut hash = Sha256::new();
    hash.update(settings.user.as_bytes());
    hash.update([0]);
    hash.update(settings.password.as_bytes());
    format!("{} {}\n", settings.user, hex::encode(&hash.finalize()[..8]))
}

/// Gives an existing data directory the profile's superuser and password, in single-user mode.
fn change_owner(
    binaries: &Binaries,
    settings: &profile::Postgres,
    data: &Path,
    run_as: RunAs,
) -> Result<(), Problem> {
    let user = settings.user.replace('"', "\"\"");
    let password = settings.password.replace('\'', "''");
    // The first statement may fail because the role exists; the second counts.
    let statements = format!(
        "create role \"{user}\" superuser login\nalter role \"{user}\" superuser login password '{password}'\n"
    );
    let output = single_user(binaries, data, run_as, "postgres", &statements)?;
    if output.status.success() {
        return Ok(());
    }
    Err(Problem::failed(
        "data-dir",
        format!("cannot set the user of {}: {}", data.display(), last_line(&output)),
    )
    .hint(
        "restore `user` and `password` in devenv.toml, or start anew with `devenv down --volumes`",
    ))
}

/// Runs a server for nobody but these statements in `database`, which brings its data to rest at the
/// end. Nothing is forced to the disk.
pub(super) fn single_user(
    binaries: &Binaries,
    data: &Path,
    run_as: RunAs,
    database: &str,
    statements: &str,
) -> Result<Output, Problem> {
    let mut child = run_as
        .command(&binaries.bin.join("postgres"))
        .args(["--single", "-F", "-D"])
        .arg(data)
        .arg(database)
        .env("LC_ALL", "C")
        .current_dir(data)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| {
            Problem::failed("cannot-start", format!("{}: {error}", binaries.bin.display()))
        })?;
    if let Some(mut stdin) = child.stdin.take() {
        let statements = statements.to_owned();
        // Beside the reading of answers: neither side waits for the other. A refusal shows in the exit
        // status and on stderr.
        std::thread::spawn(move || io::Write::write_all(&mut stdin, statements.as_bytes()));
    }
    child.wait_with_output().map_err(|error| Problem::failed("cannot-start", error.to_string()))
}

fn make(
    binaries: &Binaries,
    settings: &profile::Postgres,
    template: &Path,
    run_as: RunAs,
    progress: &dyn Progress,
) -> Result<(), Problem> {
    progress.begin("initdb", &format!("Postgres {}: first data directory", binaries.version), None);
    let made = initialise_template(binaries, settings, template, run_as);
    progress.end("initdb");
    made
}

fn initialise_template(
    binaries: &Binaries,
    settings: &profile::Postgres,
    template: &Path,
    run_as: RunAs,
) -> Result<(), Problem> {
    let parent = template.parent().unwrap_or(template);
    let work = Workshop::open(parent, &name_of(template))?;
    let data = work.path().join("data");
    let password = work.path().join("password");
    let who = identity(run_as);
    private_dir(&data)?;
    put(&password, &format!("{}\n", settings.password), who.owner())?;
    for path in [work.path(), &data] {
        give(path, who.owner()).map_err(|error| unwritable(path, &error))?;
    }
    run_initdb(binaries, settings, &data, &password, who)?;
    let conf = data.join("postgresql.conf");
    let text = fs::read_to_string(&conf).map_err(|error| unwritable(&conf, &error))?;
    put(&conf, &format!("{text}\ninclude_if_exists = '{}'\n", config::FILE), who.owner())?;
    populate(binaries, settings, &data, who)?;
    let (files, bytes) = measure(&data).map_err(|error| unwritable(&data, &error))?;
    put(&data.join(MANIFEST), &format!("{files} {bytes}\n"), who.owner())?;
    fs::rename(&data, template).map_err(|error| unwritable(template, &error))
}

/// Makes the profile's databases and extensions, so that no start has to. What cannot be made without a
/// server (an extension that must be preloaded) is made by the first start, which also says why not.
fn populate(
    binaries: &Binaries,
    settings: &profile::Postgres,
    data: &Path,
    who: RunAs,
) -> Result<(), Problem> {
    let new = |name: &&String| !matches!(name.as_str(), "postgres" | "template1");
    let databases = settings
        .databases
        .iter()
        .filter(new)
        .map(|name| format!("create database {} strategy file_copy\n", quoted(name)));
    let made: String = std::iter::once(SPEND_SYSTEM_IDS.to_owned()).chain(databases).collect();
    single_user(binaries, data, who, "postgres", &made)?;
    let extended: String = settings
        .extensions
        .iter()
        .map(|name| format!("create extension if not exists {} cascade\n", quoted(name)))
        .collect();
    for database in settings.databases.iter().filter(|_| !extended.is_empty()) {
        single_user(binaries, data, who, database, &extended)?;
    }
    // Whatever came of them, the data are at rest at the end.
    let rest = single_user(binaries, data, who, "postgres", "")?;
    match rest.status.success() {
        true => Ok(()),
        false => Err(Problem::failed("initdb", format!("postgres: {}", last_line(&rest)))),
    }
}

/// Who runs `initdb`: it refuses root and wants a uid with a name in passwd.
fn identity(run_as: RunAs) -> RunAs {
    let own = rustix::process::geteuid();
    if !own.is_root() && runas::has_name(own.as_raw()) {
        return RunAs::Current;
    }
    let account = runas::service_account().ok();
    match (run_as, account) {
        (RunAs::User { uid, .. }, _) if runas::has_name(uid) => run_as,
        (_, Some((uid, gid))) if runas::namespaces_work() => RunAs::Namespace { uid, gid },
        (RunAs::User { .. }, Some((uid, gid))) if own.is_root() => RunAs::User { uid, gid },
        _ => run_as,
    }
}

fn run_initdb(
    binaries: &Binaries,
    settings: &profile::Postgres,
    data: &Path,
    password: &Path,
    who: RunAs,
) -> Result<(), Problem> {
    let program = binaries.bin.join("initdb");
    let mut last = None;
    for locale in LOCALES {
        let output = who
            .command(&program)
            .arg("-D")
            .arg(data)
            .args(["--no-sync", "--no-instructions", "--auth=scram-sha-256", "--encoding=UTF8"])
            .args(["--locale-provider=icu", "--icu-locale=en-US", &format!("--locale={locale}")])
            .arg(format!("--wal-segsize={WAL_SEGMENT_MB}"))
            .arg(format!("--username={}", settings.user))
            .arg("--pwfile")
            .arg(password)
            .env("LC_ALL", "C")
            .env("TZ", "UTC")
            .env_remove("PGDATA")
            .current_dir(data)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| {
                Problem::in_the_way("binary-missing", format!("{}: {error}", program.display()))
            })?;
        if output.status.success() {
            return Ok(());
        }
        let text = last_line(&output);
        let unknown_locale = text.contains("locale");
        last = Some(text);
        if !unknown_locale {
            break;
        }
    }
    Err(Problem::failed("initdb", format!("{} failed: {}", program.display(), last.unwrap_or_default()))
        .hint("`devenv doctor` checks the binaries; another provider can be set with `provider` in devenv.toml"))
}

/// The last thing a program said.
pub(super) fn last_line(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    let said = text.lines().rfind(|line| line.contains("error:") || line.contains("FATAL:"));
    said.or_else(|| text.lines().rfind(|line| !line.trim().is_empty()))
        .unwrap_or("no message")
        .trim()
        .to_owned()
}

fn copy_to(
    template: &Path,
    data: &Path,
    run_as: RunAs,
    settings: &profile::Postgres,
) -> Result<(), Problem> {
    let corrupt = |why: String| {
        Problem::failed("template-corrupt", format!("the template {} {why}", template.display()))
    };
    let manifest = fs::read_to_string(template.join(MANIFEST))
        .map_err(|error| corrupt(format!("has no manifest: {error}")))?;
    let parent = data.parent().unwrap_or(data);
    let work = Workshop::open(parent, &name_of(data))?;
    let new = work.path().join("data");
    give(work.path(), run_as.owner()).map_err(|error| unwritable(work.path(), &error))?;
    let keep = |path: &Path| if path == Path::new(MANIFEST) { Keep::Nothing } else { Keep::All };
    let Size { files, bytes } = tree::bring(template, &new, How::Copy, &keep)
        .and_then(|size| give_all(&new, run_as.owner()).map(|()| size))
        .map_err(|error| unwritable(&new, &error))?;
    if manifest != format!("{files} {bytes}\n") {
        return Err(corrupt(format!(
            "has {files} files of {bytes} bytes, not {}",
            manifest.trim()
        )));
    }
    put(&new.join(OWNER), &owner_line(settings), run_as.owner())?;
    fs::rename(&new, data).map_err(|error| unwritable(data, &error))
}

fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn measure(dir: &Path) -> io::Result<(u64, u64)> {
    let (mut files, mut bytes) = (0, 0);
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let meta = entry.metadata()?;
        let (more, size) = if meta.is_dir() { measure(&entry.path())? } else { (1, meta.len()) };
        files += more;
        bytes += size;
    }
    Ok((files, bytes))
}

/// Gives a whole directory to `owner`, where root makes it for somebody else.
fn give_all(dir: &Path, owner: Option<(u32, u32)>) -> io::Result<()> {
    if owner.is_none() {
        return Ok(());
    }
    give(dir, owner)?;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        match entry.file_type()?.is_dir() {
            true => give_all(&entry.path(), owner)?,
            false => give(&entry.path(), owner)?,
        }
    }
    Ok(())
}

fn give(path: &Path, owner: Option<(u32, u32)>) -> io::Result<()> {
    match owner {
        Some((uid, gid)) => std::os::unix::fs::chown(path, Some(uid), Some(gid)),
        None => Ok(()),
    }
}

fn put(path: &Path, text: &str, owner: Option<(u32, u32)>) -> Result<(), Problem> {
    let write = || -> io::Result<()> {
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(path)?;
        io::Write::write_all(&mut file, text.as_bytes())?;
        give(path, owner)
    };
    write().map_err(|error| unwritable(path, &error))
}

/// Where data of `major` lies.
pub(super) fn data_path(dirs: &Dirs, major: u32) -> PathBuf {
    dirs.data.join(format!("postgres-{major}"))
}
