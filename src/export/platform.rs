//! devenv, Postgres and Redis as services among the project's own.
//!
//! They are called `devenv`, `postgres` and `redis`, and answer on every network of the project's
//! services under the names that the profile replaces too. devenv's own container holds the gateway and
//! SMTP; its profile is the project's, without what runs beside it.

use crate::base::{Exit, Problem};
use crate::compose::{Attachment, Condition, Dependency, Healthcheck, Mount, Network, Placed};
use crate::compose::{Restart, Service, Stack, Volume};
use crate::profile::{self, Profile};
use std::collections::BTreeMap;

/// The service that holds the gateway.
pub const DEVENV: &str = "devenv";
const POSTGRES: &str = "postgres";
const REDIS: &str = "redis";
/// Where devenv's image finds its profile, and keeps its state.
const PROFILE: &str = "/etc/devenv/devenv.toml";
const STATE: &str = "/var/lib/devenv";
/// User and group of devenv's image (`Dockerfile`).
pub(super) const USER: i64 = 10_001;
/// `/dev/shm` of Postgres: index builds of pgvector want more than the engine's 64 MB.
const POSTGRES_SHM_BYTES: i64 = 256 * 1024 * 1024;
/// Health checks of all three.
const INTERVAL_MS: u64 = 2_000;
const TIMEOUT_MS: u64 = 5_000;
const RETRIES: u32 = 30;

/// What an export is asked for.
#[derive(Debug, Clone)]
pub struct Wishes {
    /// Names the environment.
    pub project: String,
    /// devenv's own image.
    pub image: String,
    /// In front of the names of images that the project builds.
    pub registry: Option<String>,
    /// What every container of the project is told, by variable.
    pub variables: BTreeMap<String, String>,
}

/// `stack` with devenv's servers in it.
pub fn platform(profile: &Profile, mut stack: Stack, wishes: &Wishes) -> Result<Stack, Problem> {
    let servers = servers(profile, wishes);
    if let Some(taken) = servers.keys().find(|name| stack.services.contains_key(**name)) {
        let message = format!("the service `{taken}` has the name of a part of devenv");
        return Err(Problem::new(Exit::Usage, "compose-mistakes", message).hint(format!(
            "let devenv's stand for it: `[containers] replace = {{ {taken} = \"{taken}\" }}`, or rename it"
        )));
    }
    let names: Vec<String> = stack.services.keys().cloned().collect();
    for (name, service) in &mut stack.services {
        service.depends_on.retain(|other, _| names.contains(other));
        for server in servers.keys() {
            let healthy = Dependency { condition: Condition::ServiceHealthy, required: true };
            service.depends_on.insert((*server).to_owned(), healthy);
        }
        let mut environment = wishes.variables.clone();
        environment.append(&mut service.environment);
        service.environment = environment;
        if service.build.is_some() && service.image.is_none() {
            let image = format!("{}-{name}", wishes.project);
            let before = wishes.registry.as_deref().map(|r| r.trim_end_matches('/'));
            service.image = Some(before.map_or(image.clone(), |r| format!("{r}/{image}")));
        }
        service.profiles.clear();
        service.watch.clear();
    }
    let default = ("default".to_owned(), Network::default());
    stack.networks.entry(default.0).or_insert(default.1);
    let networks: Vec<String> = stack.networks.keys().cloned().collect();
    for (name, mut service) in servers {
        let stands_for = |part: &str| part == name || part == "gateway" && name == DEVENV;
        let replaced = &profile.containers.replace;
        let aliases: Vec<String> = replaced
            .iter()
            .filter(|(own, part)| stands_for(part) && *own != name)
            .map(|(own, _)| own.clone())
            .collect();
        let attachment = Attachment { aliases, ..Attachment::default() };
        service.networks = networks.iter().map(|n| (n.clone(), attachment.clone())).collect();
        stack.volumes.insert(format!("{name}-data"), Volume::default());
        stack.services.insert(name.to_owned(), service);
    }
    Ok(stack)
}

fn servers(profile: &Profile, wishes: &Wishes) -> BTreeMap<&'static str, Service> {
    let mut all = BTreeMap::from([(DEVENV, gateway(profile, wishes))]);
    if let Some(settings) = &profile.postgres {
        all.insert(POSTGRES, postgres(settings));
    }
    if let Some(settings) = &profile.redis {
        all.insert(REDIS, redis(settings));
    }
    all
}

/// What all three have in common.
fn server(name: &str, image: String, data: &str, ports: &[u16], check: &[&str]) -> Service {
    let mount = Mount {
        kind: "volume".to_owned(),
        source: Some(format!("{name}-data")),
        target: data.to_owned(),
        ..Mount::default()
    };
    let test = std::iter::once("CMD").chain(check.iter().copied()).map(str::to_owned).collect();
    let healthcheck = Healthcheck {
        test,
        interval_ms: Some(INTERVAL_MS),
        timeout_ms: Some(TIMEOUT_MS),
        retries: Some(RETRIES),
        ..Healthcheck::default()
    };
    // No time to stop in: docker-compose 1.29 makes a number of it that engines refuse.
    Service {
        image: Some(image),
        expose: ports.iter().map(u16::to_string).collect(),
        mounts: vec![mount],
        healthcheck: Some(healthcheck),
        restart: Restart::Always,
        replicas: 1,
        ..Service::default()
    }
}

fn gateway(profile: &Profile, wishes: &Wishes) -> Service {
    let check = ["devenv", "wait", "gateway", "--timeout", "2s"];
    let mut service = server(DEVENV, wishes.image.clone(), STATE, &[4566, 1025], &check);
    let command = ["up", "--listen", "0.0.0.0", "--profile", PROFILE];
    service.command = Some(command.map(str::to_owned).to_vec());
    let mut text = profile::gateway_toml(profile);
    for (name, value) in facts(profile) {
        text = text.replace(&format!("${{{name}}}"), &value);
    }
    let placed = Placed { target: PROFILE.to_owned(), content: Some(text), ..Placed::default() };
    service.files = vec![placed];
    service
}

/// What secrets of the profile may refer to, as it is there.
fn facts(profile: &Profile) -> Vec<(&'static str, String)> {
    let mut all = vec![("gateway.endpoint", format!("http://{DEVENV}:4566"))];
    if let Some(p) = &profile.postgres {
        let database = p.databases.first().cloned().unwrap_or_default();
        all.extend([
            ("postgres.host", POSTGRES.to_owned()),
            ("postgres.port", "5432".to_owned()),
            ("postgres.user", p.user.clone()),
            ("postgres.password", p.password.clone()),
            ("postgres.database", database),
        ]);
    }
    if profile.redis.is_some() {
        all.extend([("redis.host", REDIS.to_owned()), ("redis.port", "6379".to_owned())]);
    }
    all
}

fn postgres(settings: &profile::Postgres) -> Service {
    let image = settings.image.clone();
    let image = image.unwrap_or_else(|| format!("pgvector/pgvector:pg{}", settings.version.prefer));
    let data = "/var/lib/postgresql/data";
    let check = ["pg_isready", "-h", "127.0.0.1", "-U", &settings.user];
    let mut service = server(POSTGRES, image, data, &[5432], &check);
    let mut set =
        |name: &str, value: &str| service.environment.insert(name.to_owned(), value.to_owned());
    set("POSTGRES_USER", &settings.user);
    set("POSTGRES_PASSWORD", &settings.password);
    set("POSTGRES_DB", "postgres");
    // A new disk holds a directory of its own at its root, and initdb wants an empty one.
    set("PGDATA", &format!("{data}/pgdata"));
    let mut command = vec!["postgres".to_owned()];
    for (name, value) in &settings.settings {
        command.extend(["-c".to_owned(), format!("{name}={value}")]);
    }
    service.command = Some(command);
    service.host.shm_size = Some(POSTGRES_SHM_BYTES);
    service.host.stop_signal = Some("SIGINT".to_owned());
    service.files = vec![Placed {
        target: "/docker-entrypoint-initdb.d/devenv.sql".to_owned(),
        content: Some(databases(settings)),
        ..Placed::default()
    }];
    service
}

/// Makes the databases and their extensions, once, for psql.
fn databases(settings: &profile::Postgres) -> String {
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let mut sql = String::new();
    for database in &settings.databases {
        let name = quoted(database);
        if database != "postgres" {
            sql.push_str(&format!("CREATE DATABASE {name};\n"));
        }
        sql.push_str(&format!("\\connect {name}\n"));
        for extension in &settings.extensions {
            let extension = quoted(extension);
            sql.push_str(&format!("CREATE EXTENSION IF NOT EXISTS {extension} CASCADE;\n"));
        }
    }
    sql
}

fn redis(settings: &profile::Redis) -> Service {
    let image = settings.image.clone().unwrap_or_else(|| "redis:7".to_owned());
    let mut service = server(REDIS, image, "/data", &[6379], &["redis-cli", "ping"]);
    let mut command = vec!["redis-server".to_owned()];
    for (name, value) in &settings.settings {
        command.extend([format!("--{name}"), value.clone()]);
    }
    service.command = Some(command);
    service
}
