//! What is missing or in the way, and the command that mends it. Looks, changes nothing.

use crate::profile::{Port, Profile, Provider};
use crate::runtime::dirs::Dirs;
use crate::runtime::fetch::source::Sources;
use crate::runtime::fetch::{pins, reachable};
use crate::runtime::{engine, ports, postgres, process, redis, runas};
use std::ffi::OsStr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Less free space than this is worth a warning: archives, unpacked, with a template and data.
const DISK_BYTES_MIN: u64 = 1024 * 1024 * 1024;
/// Longest wait for a registry.
const REGISTRY_WAIT: Duration = Duration::from_secs(4);
/// Parts that listen, as ports name them.
const PARTS: [&str; 4] = ["gateway", "postgres", "redis", "smtp"];

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Whether it is as it should be.
    pub ok: bool,
    /// What was looked at: `postgres`, `cache`, `port 5432`.
    pub name: String,
    /// What was found.
    pub detail: String,
    /// The command or the change that mends it.
    pub remedy: Option<String>,
}

impl Finding {
    fn good(name: impl Into<String>, detail: impl Into<String>) -> Finding {
        Finding { ok: true, name: name.into(), detail: detail.into(), remedy: None }
    }

    fn bad(
        name: impl Into<String>,
        detail: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Finding {
        let remedy = Some(remedy.into());
        Finding { ok: false, name: name.into(), detail: detail.into(), remedy }
    }
}

/// Where a server would come from if it were started now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// It is on this machine: version and place.
    Here {
        /// `17.10`.
        version: String,
        /// The program.
        place: PathBuf,
    },
    /// It would be fetched: name and bytes.
    Fetched {
        /// `Postgres 17.10`.
        what: String,
        /// Bytes of its archives.
        bytes: u64,
    },
    /// It cannot be had.
    Nowhere(crate::base::Problem),
}

/// Looks at everything that `profile` needs on this machine.
pub fn findings(profile: &Profile, dirs: &Dirs) -> Vec<Finding> {
    let mut all = Vec::new();
    let mut fetches = Vec::new();
    let mut look = |name: &str, provider: Provider, origin: Origin| {
        let (finding, registries) = server(name, provider, origin);
        all.push(finding);
        fetches.extend(registries);
    };
    if let Some(settings) = &profile.postgres {
        look("postgres", settings.provider, postgres::origin(settings, dirs));
    }
    if let Some(settings) = &profile.redis {
        look("redis", settings.provider, redis::origin(dirs));
    }
    all.extend(registries(!fetches.is_empty()));
    all.push(cache(&dirs.cache));
    all.extend(
        [("disk of the project", &dirs.state), ("disk of the cache", &dirs.cache)].map(disk),
    );
    all.extend(identity());
    let path = std::env::var_os("PATH").unwrap_or_default();
    all.push(other_devenv(&path, std::env::current_exe().ok().as_deref()));
    all.extend(listening(profile, dirs));
    all.push(docker(profile));
    all
}

fn server(name: &str, provider: Provider, origin: Origin) -> (Finding, Option<()>) {
    if provider == Provider::Docker {
        return (Finding::good(name, "runs in a container"), None);
    }
    match origin {
        Origin::Here { version, place } => {
            (Finding::good(name, format!("{version} ({})", place.display())), None)
        }
        Origin::Fetched { what, bytes } => {
            let detail = format!("{what} is fetched at the first start ({} MB)", bytes / 1_000_000);
            (Finding::good(name, detail), Some(()))
        }
        Origin::Nowhere(problem) => {
            (Finding::bad(name, problem.message, problem.hint.unwrap_or_default()), None)
        }
    }
}

fn registries(needed: bool) -> Vec<Finding> {
    let sources = Sources::of_user();
    let look = |(name, address, variable): (
        &str,
        &crate::runtime::fetch::source::Address,
        &str,
    )| {
        let url = &address.url;
        match reachable(address, REGISTRY_WAIT) {
            Ok(()) => Finding::good(name, format!("{url} answers")),
            Err(why) if needed => Finding::bad(
                name,
                format!("{url}: {why}"),
                format!(
                    "set HTTPS_PROXY behind a proxy, {variable} for a mirror, or bring the archives (docs/native.md)"
                ),
            ),
            Err(why) => Finding::good(name, format!("{url}: {why}; nothing needs to be fetched")),
        }
    };
    std::thread::scope(|scope| {
        let npm = scope.spawn(|| look(("npm registry", &sources.npm, "NPM_CONFIG_REGISTRY")));
        let pypi = look(("PyPI index", &sources.pypi, "PIP_INDEX_URL"));
        npm.join().into_iter().chain([pypi]).collect()
    })
}

fn cache(dir: &Path) -> Finding {
    let there = dir.ancestors().find(|dir| dir.exists()).unwrap_or(dir);
    match rustix::fs::access(there, rustix::fs::Access::WRITE_OK) {
        Ok(()) => Finding::good("cache", dir.display().to_string()),
        Err(error) => Finding::bad(
            "cache",
            format!("{} cannot be written: {error}", there.display()),
            "set DEVENV_CACHE_DIR to a directory that this user may write",
        ),
    }
}

fn disk((name, dir): (&str, &PathBuf)) -> Finding {
    let there = dir.ancestors().find(|dir| dir.exists()).unwrap_or(dir);
    match rustix::fs::statvfs(there) {
        Ok(stat) => {
            let free = stat.f_bavail * stat.f_frsize;
            let detail = format!("{} MB free at {}", free / 1_000_000, there.display());
            if free < DISK_BYTES_MIN {
                Finding::bad(name, detail, "free some disk space")
            } else {
                Finding::good(name, detail)
            }
        }
        Err(error) => Finding::good(name, format!("{}: {error}", there.display())),
    }
}

/// As root only: whose identity Postgres takes.
fn identity() -> Option<Finding> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let name = "Postgres as root";
    Some(if runas::namespaces_work() {
        Finding::good(name, "runs in a user namespace, or as the project's owner")
    } else {
        match runas::service_account() {
            Ok((uid, _)) => {
                Finding::good(name, format!("user namespaces are refused; it runs as uid {uid}"))
            }
            Err(problem) => Finding::bad(name, problem.message, problem.hint.unwrap_or_default()),
        }
    })
}

/// Another program of our name, such as cachix's, that would answer instead of us or beside us.
fn other_devenv(path: &OsStr, own: Option<&Path>) -> Finding {
    let name = "devenv on PATH";
    let identity = |path: &Path| std::fs::metadata(path).map(|meta| (meta.dev(), meta.ino())).ok();
    let ours = own.and_then(identity);
    let programs: Vec<PathBuf> = std::env::split_paths(path)
        .map(|dir| dir.join("devenv"))
        .filter(|program| program.is_file())
        .collect();
    let Some(position) = programs.iter().position(|program| identity(program) != ours) else {
        return Finding::good(name, "no other program of this name");
    };
    let other = programs[position].display();
    let ours_first = programs.iter().take(position).any(|program| identity(program) == ours);
    let own = own.map(|own| own.display().to_string()).unwrap_or_else(|| "devenv".into());
    if ours_first {
        return Finding::good(name, format!("{other} is another program; this one comes first"));
    }
    Finding::bad(
        name,
        format!("{other} is another program of this name and comes first"),
        format!(
            "put this one first on PATH, or give it a name of its own: `ln -s {own} <directory on PATH>/awsenv`"
        ),
    )
}

fn listening(profile: &Profile, dirs: &Dirs) -> Vec<Finding> {
    let wanted = &profile.ports;
    let fixed = |port: Port| match port {
        Port::Fixed(port) => Some(port),
        Port::Auto(_) => None,
    };
    let numbers = [
        Some(wanted.gateway),
        profile.postgres.as_ref().map(|_| wanted.postgres),
        profile.redis.as_ref().map(|_| wanted.redis),
        Some(wanted.smtp),
    ];
    let parts = PARTS.iter().zip(numbers);
    parts.filter_map(|(part, port)| Some(port_finding(part, fixed(port?)?, dirs))).collect()
}

fn port_finding(part: &str, port: u16, dirs: &Dirs) -> Finding {
    let name = format!("port {port}");
    let held = process::left_over(dirs, part).and_then(|record| record.port());
    let project = dirs.state.parent().unwrap_or(&dirs.state).display().to_string();
    match ports::claim(Port::Fixed(port), part, &mut Vec::new()) {
        Ok(_) => Finding::good(name, format!("free for {part}")),
        Err(_) if held == Some(port) => Finding::good(name, format!("{part} of this environment")),
        Err(_) if ports::owner(port).is_some_and(|o| o.directory.as_ref() == Some(&project)) => {
            Finding::good(name, format!("{part} of this environment"))
        }
        Err(problem) => Finding::bad(name, problem.message, problem.hint.unwrap_or_default()),
    }
}

fn docker(profile: &Profile) -> Finding {
    let name = "container engine";
    let wanted = needs_engine(profile);
    match engine::look() {
        Ok(engine) => {
            let engine::find::Address { url, by, .. } = &engine.address;
            let (version, api) = (&engine.version, &engine.api);
            Finding::good(name, format!("{version} answers at {url} ({by}, API {api})"))
        }
        Err(problem) if wanted.is_empty() => {
            Finding::good(name, format!("{}; nothing here needs one", problem.message))
        }
        Err(problem) => Finding::bad(
            name,
            format!("{}; needed for {}", problem.message, wanted.join(", ")),
            problem.hint.unwrap_or_default(),
        ),
    }
}

/// What of a profile runs in containers.
fn needs_engine(profile: &Profile) -> Vec<String> {
    let containers = &profile.containers;
    let mut all = containers.compose.clone();
    all.extend(containers.catalog.iter().map(|name| format!("catalog {name}")));
    let provider = |provider: Option<Provider>| provider == Some(Provider::Docker);
    if provider(profile.postgres.as_ref().map(|p| p.provider)) {
        all.push("postgres".to_owned());
    }
    if provider(profile.redis.as_ref().map(|r| r.provider)) {
        all.push("redis".to_owned());
    }
    all
}

/// Bytes of what would be fetched for `pins`.
pub(crate) fn bytes_of(pins: &[Option<&pins::Pin>]) -> u64 {
    pins.iter().flatten().map(|pin| pin.bytes).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(dir: &Path) -> PathBuf {
        std::fs::create_dir_all(dir).expect("directory");
        let path = dir.join("devenv");
        std::fs::write(&path, dir.display().to_string()).expect("program");
        path
    }

    #[test]
    fn another_devenv_in_front_is_a_finding_with_a_way_to_live_beside_it() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let (theirs, ours) = (dir.path().join("theirs"), dir.path().join("ours"));
        program(&theirs);
        let own = program(&ours);
        let path = |dirs: &[&PathBuf]| std::env::join_paths(dirs).expect("PATH");
        let front = other_devenv(&path(&[&theirs, &ours]), Some(&own));
        assert!(!front.ok && front.remedy.is_some_and(|remedy| remedy.contains("ln -s")));
        assert!(other_devenv(&path(&[&ours, &theirs]), Some(&own)).ok);
        assert!(other_devenv(&path(&[&ours]), Some(&own)).ok);
    }

    #[test]
    fn a_cache_below_a_file_cannot_be_written() {
        assert!(cache(&std::env::temp_dir().join("not/yet/there")).ok);
        // /proc refuses files even to root.
        if Path::new("/proc/self").exists() {
            let finding = cache(Path::new("/proc/sys/devenv"));
            assert!(
                finding.ok
                    || finding.remedy.is_some_and(|remedy| remedy.contains("DEVENV_CACHE_DIR"))
            );
        }
    }

    #[test]
    fn a_taken_port_is_a_finding_and_a_free_one_is_not() {
        let project = tempfile::tempdir().expect("temporary directory");
        let dirs = Dirs::create_with_cache(project.path(), "/nowhere".into()).expect("directories");
        let held = std::net::TcpListener::bind("127.0.0.1:0").expect("free port");
        let port = held.local_addr().expect("address").port();
        let finding = port_finding("redis", port, &dirs);
        assert!(!finding.ok && finding.detail.contains("is taken by pid"), "{finding:?}");
        drop(held);
        assert!(port_finding("redis", port, &dirs).ok);
    }
}
