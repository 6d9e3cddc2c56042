//! The container engine: found, asked for its version, spoken to through bollard.
//!
//! [`find`] (where it may be) → [`Engine::connect`] (the first that answers, with a version of the API
//! that both know). Invariant: without an engine nothing else suffers; who needs one is told what was
//! tried and what each address answered.

pub mod container;
mod credentials;
pub mod doors;
pub mod exec;
pub mod find;
mod image;
mod network;
pub mod once;
mod put;
mod ssh;
mod stream;

pub use image::Rules;

use crate::base::Problem;
use bollard::{API_DEFAULT_VERSION, Docker};
use find::{Address, Surroundings};
use std::time::Duration;

/// Longest wait for an engine's first answer; Podman gives none while it copies layers.
const ANSWER_WAIT: Duration = Duration::from_secs(10);
/// Longest wait for one answer of a working engine, in seconds; streams may last longer.
const REQUEST_WAIT_S: u64 = 600;

/// An engine that answers.
#[derive(Debug, Clone)]
pub struct Engine {
    docker: Docker,
    /// Where it is.
    pub address: Address,
    /// Its version: `20.10.24`.
    pub version: String,
    /// The version of the API that is spoken with it.
    pub api: String,
    /// A network's address is here, but not before the first container is on it.
    pub bridges_are_late: bool,
    /// It is a user's: its networks are in a place of their own, where nothing of this machine listens.
    pub is_rootless: bool,
    /// How a rootless engine's network is entered from here.
    pub way_in: Option<doors::Way>,
}

impl Engine {
    /// The first engine that answers; `Err` says what was tried.
    pub async fn connect() -> Result<Engine, Problem> {
        let variable = |name: &str| std::env::var(name).ok();
        let uid = rustix::process::getuid().as_raw();
        let home = std::env::var_os("HOME").map(Into::into).unwrap_or_default();
        let candidates = find::candidates(&Surroundings { variable: &variable, home, uid })?;
        let mut tried = Vec::new();
        for address in candidates {
            match Engine::at(address.clone()).await {
                Ok(engine) => return Ok(engine),
                Err(why) => tried.push(format!("{} ({}): {why}", address.url, address.by)),
            }
        }
        let message = match tried.is_empty() {
            true => {
                "no container engine: DOCKER_HOST is not set, and no known socket exists".into()
            }
            false => format!("no container engine answers: {}", tried.join("; ")),
        };
        Err(Problem::in_the_way("no-engine", message)
            .hint("start Docker, Podman, Colima, OrbStack or Rancher Desktop, or set DOCKER_HOST")
            .retryable())
    }

    /// The engine at an address that was noted earlier; what the surroundings say of it still holds.
    pub async fn connect_again(url: &str) -> Result<Engine, Problem> {
        let variable = |name: &str| std::env::var(name).ok();
        let uid = rustix::process::getuid().as_raw();
        let home = std::env::var_os("HOME").map(Into::into).unwrap_or_default();
        let known = find::candidates(&Surroundings { variable: &variable, home, uid });
        let known = known.unwrap_or_default().into_iter().find(|address| address.url == url);
        let plain =
            || Address { url: url.to_owned(), by: "earlier".to_owned(), certificates: None };
        let address = known.unwrap_or_else(plain);
        Engine::at(address).await.map_err(|why| {
            let message = format!("the container engine at {url} does not answer: {why}");
            Problem::in_the_way("no-engine", message)
                .hint("start it: something of this environment may still be there")
                .retryable()
        })
    }

    async fn at(address: Address) -> Result<Engine, String> {
        let docker = dial(&address).map_err(|error| error.to_string())?;
        let asked = async {
            let docker = docker.negotiate_version().await?;
            let version = docker.version().await?;
            Ok::<_, bollard::errors::Error>((docker, version))
        };
        let (docker, version) = tokio::time::timeout(ANSWER_WAIT, asked)
            .await
            .map_err(|_| format!("no answer in {} s", ANSWER_WAIT.as_secs()))?
            .map_err(|error| reason(&error))?;
        let api = docker.client_version().to_string();
        let components = version.components.unwrap_or_default();
        let is_podman = components.iter().any(|component| component.name.starts_with("Podman"));
        let is_rootless = is_podman && is_a_users(&address) || says_rootless(&docker).await;
        let way_in = way_in(&address, is_podman).filter(|_| is_rootless);
        let bridges_are_late = is_podman && is_here(&address) && !is_rootless;
        let version = version.version.unwrap_or_else(|| "?".to_owned());
        Ok(Engine { docker, address, version, api, bridges_are_late, is_rootless, way_in })
    }
}

/// Whether the engine runs on this machine itself, and in no virtual one.
fn is_here(address: &Address) -> bool {
    cfg!(target_os = "linux")
        && address.url.starts_with("unix://")
        && !address.url.contains("/podman/machine/")
}

/// Whether somebody else than root listens there, on this machine itself.
fn is_a_users(address: &Address) -> bool {
    owner(address).is_some_and(|uid| uid != 0)
}

/// How the network of the engine there is entered, if it is of whoever runs this.
fn way_in(address: &Address, is_podman: bool) -> Option<doors::Way> {
    owner(address).filter(|uid| *uid == rustix::process::getuid().as_raw())?;
    if is_podman {
        return Some(doors::Way::by_podman());
    }
    #[cfg(target_os = "linux")]
    let way = address.url.strip_prefix("unix://").map(std::path::Path::new);
    #[cfg(target_os = "linux")]
    let way = way.and_then(doors::Way::by_nsenter);
    #[cfg(not(target_os = "linux"))]
    let way = None;
    way
}

/// Whose the socket is, on this machine itself.
fn owner(address: &Address) -> Option<u32> {
    use std::os::unix::fs::MetadataExt;
    let path = address.url.strip_prefix("unix://").filter(|_| is_here(address))?;
    std::fs::metadata(path).ok().map(|socket| socket.uid())
}

/// Whether it says so itself; Podman's answer has no place for that.
async fn says_rootless(docker: &Docker) -> bool {
    let info = tokio::time::timeout(ANSWER_WAIT, docker.info()).await;
    let options = info.ok().and_then(Result::ok).and_then(|info| info.security_options);
    options.unwrap_or_default().iter().any(|option| option.contains("rootless"))
}

/// As [`Engine::connect`], for code that is not asynchronous.
pub fn look() -> Result<Engine, Problem> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| Problem::failed("runtime", e.to_string()))?;
    runtime.block_on(Engine::connect())
}

fn dial(address: &Address) -> Result<Docker, bollard::errors::Error> {
    let url = address.url.as_str();
    if let Some(dir) = &address.certificates {
        let [key, cert, ca] = ["key.pem", "cert.pem", "ca.pem"].map(|name| dir.join(name));
        return Docker::connect_with_ssl(
            url,
            &key,
            &cert,
            &ca,
            REQUEST_WAIT_S,
            API_DEFAULT_VERSION,
        );
    }
    match url.split_once("://") {
        Some(("unix", path)) => {
            Docker::connect_with_unix(path, REQUEST_WAIT_S, API_DEFAULT_VERSION)
        }
        Some(("ssh", _)) => ssh::connect(url, REQUEST_WAIT_S),
        _ => Docker::connect_with_http(url, REQUEST_WAIT_S, API_DEFAULT_VERSION),
    }
}

/// An error of the engine in one line: its own words where it has some.
pub(crate) fn reason(error: &bollard::errors::Error) -> String {
    let mut text = match error {
        bollard::errors::Error::DockerResponseServerError { message, .. } => message.clone(),
        other => other.to_string(),
    };
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        source = inner.source();
    }
    text.trim_end().to_owned()
}
