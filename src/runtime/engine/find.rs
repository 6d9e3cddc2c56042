//! Where a container engine may be: `DOCKER_HOST`, the Docker context, then the sockets that Docker,
//! Podman, Colima, OrbStack and Rancher Desktop listen on.
//!
//! Invariant: what the user named is the only candidate; nothing else is tried in its place.
//! Source: Docker's CLI reference (`DOCKER_HOST`, `DOCKER_CONTEXT`, `DOCKER_TLS_VERIFY`,
//! `DOCKER_CERT_PATH`; contexts below `~/.docker/contexts`) and the tools' own socket paths.

use crate::base::Problem;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// Where an engine may listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// `unix:///var/run/docker.sock`, `tcp://…`, `ssh://…`.
    pub url: String,
    /// Who names it, for people: `DOCKER_HOST`, `context colima`, `Podman`.
    pub by: String,
    /// The directory of `ca.pem`, `cert.pem` and `key.pem`, where TLS is wanted.
    pub certificates: Option<PathBuf>,
}

/// What is looked at, so that tests need no environment.
pub struct Surroundings<'a> {
    /// The value of a variable.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    /// The user's home.
    pub home: PathBuf,
    /// The user's id.
    pub uid: u32,
}

impl Surroundings<'_> {
    fn set(&self, name: &str) -> Option<String> {
        (self.variable)(name).filter(|value| !value.is_empty())
    }

    fn config_dir(&self) -> PathBuf {
        self.set("DOCKER_CONFIG").map_or_else(|| self.home.join(".docker"), PathBuf::from)
    }
}

/// The addresses to try, in order. A context that does not exist is an error.
pub fn candidates(at: &Surroundings<'_>) -> Result<Vec<Address>, Problem> {
    if let Some(host) = at.set("DOCKER_HOST") {
        let verify = at.set("DOCKER_TLS_VERIFY").is_some() && host.starts_with("tcp://");
        let dir = || at.set("DOCKER_CERT_PATH").map_or_else(|| at.config_dir(), PathBuf::from);
        let certificates = verify.then(dir);
        return Ok(vec![Address { url: host, by: "DOCKER_HOST".to_owned(), certificates }]);
    }
    let named = at.set("DOCKER_CONTEXT").or_else(|| current_context(&at.config_dir()));
    if let Some(name) = named.filter(|name| name != "default") {
        return context(&at.config_dir(), &name).map(|address| vec![address]);
    }
    let there = sockets(at).into_iter().filter(|(path, _)| path.exists());
    let address = |(path, by): (PathBuf, &str)| Address {
        url: format!("unix://{}", path.display()),
        by: by.to_owned(),
        certificates: None,
    };
    Ok(there.map(address).collect())
}

/// Sockets by the tools that make them.
fn sockets(at: &Surroundings<'_>) -> Vec<(PathBuf, &'static str)> {
    let home = |path: &str| at.home.join(path);
    let runtime = at.set("XDG_RUNTIME_DIR").unwrap_or_else(|| format!("/run/user/{}", at.uid));
    let runtime = Path::new(&runtime);
    vec![
        ("/var/run/docker.sock".into(), "Docker"),
        (runtime.join("docker.sock"), "rootless Docker"),
        (home(".docker/run/docker.sock"), "Docker Desktop"),
        (home(".docker/desktop/docker.sock"), "Docker Desktop"),
        (home(".colima/default/docker.sock"), "Colima"),
        (home(".config/colima/default/docker.sock"), "Colima"),
        (home(".orbstack/run/docker.sock"), "OrbStack"),
        (home(".rd/docker.sock"), "Rancher Desktop"),
        (runtime.join("podman/podman.sock"), "Podman"),
        ("/run/podman/podman.sock".into(), "Podman"),
        (home(".local/share/containers/podman/machine/podman.sock"), "Podman machine"),
    ]
}

fn current_context(config: &Path) -> Option<String> {
    let text = std::fs::read_to_string(config.join("config.json")).ok()?;
    let value: Value = serde_json::from_str(&text).ok()?;
    value.get("currentContext")?.as_str().filter(|name| !name.is_empty()).map(str::to_owned)
}

/// A context by its name: its files lie in directories named after the name's SHA-256.
fn context(config: &Path, name: &str) -> Result<Address, Problem> {
    let id = hex::encode(Sha256::digest(name.as_bytes()));
    let file = config.join("contexts/meta").join(&id).join("meta.json");
    let text = std::fs::read_to_string(&file).ok();
    let value = text.and_then(|text| serde_json::from_str::<Value>(&text).ok());
    let host = value
        .as_ref()
        .and_then(|value| value.pointer("/Endpoints/docker/Host"))
        .and_then(Value::as_str);
    let Some(host) = host else {
        let message = format!("the Docker context `{name}` is not below {}", config.display());
        return Err(Problem::in_the_way("no-engine", message)
            .hint("`docker context use default`, or set DOCKER_HOST"));
    };
    let certificates = config.join("contexts/tls").join(&id).join("docker");
    Ok(Address {
        url: host.to_owned(),
        by: format!("context {name}"),
        certificates: certificates.is_dir().then_some(certificates),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(home: &Path, variables: &[(&str, &str)]) -> Result<Vec<Address>, Problem> {
        let variable = |name: &str| {
            variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned())
        };
        candidates(&Surroundings { variable: &variable, home: home.to_owned(), uid: 4711 })
    }

    #[test]
    fn docker_host_is_the_only_candidate() {
        let home = tempfile::tempdir().expect("directory");
        let host = |url: &str| vec![("DOCKER_HOST", url.to_owned())];
        for url in ["unix:///x.sock", "tcp://10.0.0.1:2375", "ssh://me@host"] {
            let variables = host(url);
            let variables: Vec<_> = variables.iter().map(|(n, v)| (*n, v.as_str())).collect();
            let found = look(home.path(), &variables).expect("candidates");
            let by = "DOCKER_HOST".to_owned();
            assert_eq!(found, [Address { url: url.to_owned(), by, certificates: None }]);
        }
    }

    #[test]
    fn tls_takes_its_certificates_from_the_named_directory_or_the_configuration() {
        let home = tempfile::tempdir().expect("directory");
        let tcp = ("DOCKER_HOST", "tcp://10.0.0.1:2376");
        let certificates = |variables: &[(&str, &str)]| {
            look(home.path(), variables).expect("candidates")[0].certificates.clone()
        };
        assert_eq!(certificates(&[tcp]), None);
        let verify = ("DOCKER_TLS_VERIFY", "1");
        assert_eq!(certificates(&[tcp, verify]), Some(home.path().join(".docker")));
        let place = ("DOCKER_CERT_PATH", "/certs");
        assert_eq!(certificates(&[tcp, verify, place]), Some("/certs".into()));
    }

    #[test]
    fn a_context_is_read_as_dockers_client_writes_it() {
        let home = tempfile::tempdir().expect("directory");
        let config = home.path().join(".docker");
        let id = hex::encode(Sha256::digest(b"colima"));
        let meta = config.join("contexts/meta").join(&id);
        std::fs::create_dir_all(&meta).expect("directory");
        let text = r#"{"Name":"colima","Endpoints":{"docker":{"Host":"unix:///c.sock"}}}"#;
        std::fs::write(meta.join("meta.json"), text).expect("file");
        std::fs::write(config.join("config.json"), r#"{"currentContext":"colima"}"#).expect("file");
        let found = look(home.path(), &[]).expect("candidates");
        assert_eq!(
            (found[0].url.as_str(), found[0].by.as_str()),
            ("unix:///c.sock", "context colima")
        );
        let lost = look(home.path(), &[("DOCKER_CONTEXT", "gone")]).expect_err("no such context");
        assert!(lost.message.contains("`gone`") && lost.exit.code() == 5, "{lost}");
    }

    #[test]
    fn sockets_that_exist_are_tried_in_order() {
        let home = tempfile::tempdir().expect("directory");
        for path in [".rd/docker.sock", ".colima/default/docker.sock", "run/podman/podman.sock"] {
            let path = home.path().join(path);
            std::fs::create_dir_all(path.parent().expect("parent")).expect("directory");
            std::fs::write(path, "").expect("file");
        }
        let run = home.path().join("run").display().to_string();
        let found = look(home.path(), &[("XDG_RUNTIME_DIR", &run)]).expect("candidates");
        let by: Vec<_> = found.iter().map(|a| a.by.as_str()).filter(|by| *by != "Docker").collect();
        assert_eq!(by[..3], ["Colima", "Rancher Desktop", "Podman"]);
    }
}
