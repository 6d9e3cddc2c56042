//! What the profile's Compose files, catalogue entries and servers by Docker come to: units, each a
//! part of the environment, with the networks and volumes that they share.

use super::super::boot::{POSTGRES, REDIS};
use super::catalog;
use super::cron::Desk;
use super::ground::GroundCell;
use super::watch::{Ruled, Synced};
use crate::base::{Exit, Problem};
use crate::compose::{self, Condition, Network, Restart, Service, Volume};
use crate::profile::{self, Port, Profile, Provider, Rotator, RotatorKind, nearest};
use crate::runtime::Dirs;
use crate::runtime::engine::Engine;
use crate::supervisor::{self, Need, PartSpec, Policy, Until};
use sha2::{Digest, Sha256};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The part that every container needs: networks, volumes, and the ways to devenv's own servers.
pub(in crate::control) const GROUND: &str = "network";
/// The network of those that name none.
pub(super) const DEFAULT_NETWORK: &str = "default";
/// How long a container may take to stop where its file does not say.
const STOP_GRACE_MS: u64 = 10_000;
/// Containers of one service at the most.
const REPLICAS_MAX: u32 = 50;
/// Images of servers by Docker, where the profile names none.
const POSTGRES_IMAGE: &str = "pgvector/pgvector:pg";
const REDIS_IMAGE: &str = "redis:7";
/// `/dev/shm` of Postgres: index builds of pgvector want more than the engine's 64 MB.
const POSTGRES_SHM_BYTES: i64 = 256 * 1024 * 1024;

/// All containers of an environment.
#[derive(Debug, Clone)]
pub(in crate::control) struct Units {
    /// Names the environment at the engine.
    pub(super) project: String,
    /// By part.
    pub(super) by_part: BTreeMap<String, Unit>,
    /// By the files' names: the name at the engine, and what it is.
    pub(super) networks: BTreeMap<String, (String, Network)>,
    pub(super) volumes: BTreeMap<String, (String, Volume)>,
    /// Names that containers know devenv's servers by.
    pub(super) names: BTreeSet<String>,
    /// What is not served in the files.
    pub(in crate::control) notes: Vec<String>,
    pub(super) ports_may_move: bool,
    /// Rotation functions that are containers, for people.
    rotators: Vec<String>,
    pub(super) ground: GroundCell,
    pub(super) synced: Synced,
    pub(super) desk: Desk,
    pub(super) ruled: Ruled,
}

/// A container to be.
#[derive(Debug, Clone)]
pub(super) struct Unit {
    pub(super) part: String,
    /// Its name at the engine.
    pub(super) name: String,
    /// The image's name.
    pub(super) tag: String,
    pub(super) service: Service,
    pub(super) needs: Vec<Need>,
    pub(super) server: Option<Server>,
}

/// A server of the profile that runs in a container, and its port on this machine is known later.
#[derive(Debug, Clone)]
pub(super) enum Server {
    Postgres(profile::Postgres),
    Redis,
}

impl Units {
    /// Whether this part is a container, or the ground of all.
    pub(in crate::control) fn has(&self, part: &str) -> bool {
        part == GROUND || self.by_part.contains_key(part)
    }

    /// Names of the containers.
    pub(in crate::control) fn parts(&self) -> Vec<&str> {
        self.by_part.keys().map(String::as_str).collect()
    }

    /// Containers that are no servers of the profile: what can be left out.
    pub(in crate::control) fn without_engine(&self) -> Vec<&str> {
        let own = self.by_part.values().filter(|unit| unit.server.is_none());
        let rotators = self.rotators.iter().map(String::as_str);
        own.map(|unit| unit.part.as_str()).chain(rotators).collect()
    }

    /// Whether a server of the profile runs in a container.
    pub(in crate::control) fn serves(&self) -> bool {
        self.by_part.values().any(|unit| unit.server.is_some())
    }

    /// What the supervisor is told.
    pub(in crate::control) fn specs(&self) -> Vec<PartSpec> {
        let ground = PartSpec { name: GROUND.to_owned(), needs: vec![], policy: Policy::default() };
        let unit = |unit: &Unit| {
            let restart = match (unit.service.restart, &unit.server) {
                (_, Some(_)) | (Restart::Always, _) => supervisor::Restart::Always,
                // What waits for its times is there until it is stopped.
                _ if unit.service.schedule.is_some() => supervisor::Restart::Always,
                (Restart::OnFailure(_), _) => supervisor::Restart::OnFailure,
                (Restart::No, _) => supervisor::Restart::Never,
            };
            let mut policy = Policy { restart, ..Policy::default() };
            if let Restart::OnFailure(Some(max)) = unit.service.restart {
                policy.failures_max = max + 1;
            }
            policy.stop_grace_ms = unit.service.host.stop_grace_ms.unwrap_or(STOP_GRACE_MS);
            PartSpec { name: unit.part.clone(), needs: unit.needs.clone(), policy }
        };
        std::iter::once(ground).chain(self.by_part.values().map(unit)).collect()
    }
}

/// What of the profile needs an engine.
fn needs_engine(profile: &Profile) -> bool {
    let containers = &profile.containers;
    !containers.compose.is_empty()
        || !containers.catalog.is_empty()
        || profile.postgres.as_ref().is_some_and(|p| p.provider == Provider::Docker)
        || profile.redis.as_ref().is_some_and(|r| r.provider == Provider::Docker)
        || rotators(profile).next().is_some()
}

/// Rotation functions that are containers: no parts, but they stand where those stand.
fn rotators(profile: &Profile) -> impl Iterator<Item = String> {
    let is_boxed = |rotator: &Rotator| matches!(rotator.kind, RotatorKind::Container(_));
    let boxed = profile.rotators.iter().filter(move |(_, rotator)| is_boxed(rotator));
    boxed.map(|(name, _)| format!("the rotation function {name}"))
}

/// The containers of `profile`, whose own servers are the parts `natives`.
pub(in crate::control) fn plan(
    profile: &Profile,
    dirs: &Dirs,
    natives: &[&str],
    scale: &BTreeMap<String, u32>,
) -> Result<Option<Units>, Problem> {
    if !needs_engine(profile) {
        return Ok(None);
    }
    let project = project_id(&profile.project_dir, dirs);
    let mut stack = stack(profile)?;
    let single: BTreeSet<String> = stack
        .services
        .iter()
        .filter(|(_, service)| service.replicas == 1)
        .map(|(name, _)| name.clone())
        .collect();
    for (name, count) in scale {
        scaled(name, *count, &mut stack)?;
    }
    let engine_name = |key: &str, name: &Option<String>, external: bool| match (name, external) {
        (Some(name), _) => name.clone(),
        (None, true) => key.to_owned(),
        (None, false) => format!("{project}-{key}"),
    };
    let network = |(key, n): (&String, &Network)| {
        (key.clone(), (engine_name(key, &n.name, n.external), n.clone()))
    };
    let volume = |(key, v): (&String, &Volume)| {
        (key.clone(), (engine_name(key, &v.name, v.external), v.clone()))
    };
    let mut units = Units {
        networks: stack.networks.iter().map(network).collect(),
        volumes: stack.volumes.iter().map(volume).collect(),
        names: names(profile),
        notes: stack.notes.iter().map(ToString::to_string).collect(),
        ports_may_move: matches!(profile.ports.gateway, Port::Auto(_)),
        by_part: BTreeMap::new(),
        rotators: rotators(profile).collect(),
        ground: GroundCell::default(),
        synced: Synced::default(),
        desk: Desk::default(),
        ruled: Ruled::default(),
        project,
    };
    for (name, service) in &stack.services {
        if natives.contains(&name.as_str()) || name == GROUND {
            let message = format!("the service `{name}` has the name of a part of devenv");
            return Err(Problem::new(Exit::Usage, "compose-mistakes", message).hint(format!(
                "let devenv's stand for it: `[containers] replace = {{ {name} = \"{name}\" }}`, or rename it"
            )));
        }
        units.add(name, service, &stack, natives, &single)?;
    }
    units.servers(profile);
    if !units.rotators.is_empty() {
        units.with_default_network();
    }
    Ok(Some(units))
}

impl Units {
    fn add(
        &mut self,
        name: &str,
        service: &Service,
        stack: &compose::Stack,
        natives: &[&str],
        single: &BTreeSet<String>,
    ) -> Result<(), Problem> {
        let parts = |name: &str, replicas| -> Vec<String> {
            parts(name, replicas, single.contains(name)).collect()
        };
        if service.replicas > REPLICAS_MAX {
            let message = format!(
                "the service `{name}` is to run {} times; {REPLICAS_MAX} at the most",
                service.replicas
            );
            return Err(Problem::new(Exit::Usage, "compose-mistakes", message));
        }
        let mut needs: Vec<Need> = vec![Need::healthy(GROUND)];
        needs.extend(natives.iter().map(|native| Need::healthy(native)));
        for (other, dependency) in &service.depends_on {
            // What is replaced is native, and waited for in any case.
            let Some(needed) = stack.services.get(other) else { continue };
            let until = match dependency.condition {
                Condition::ServiceStarted => Until::Started,
                Condition::ServiceHealthy => Until::Healthy,
                Condition::ServiceCompletedSuccessfully => Until::Completed,
            };
            needs
                .extend(parts(other, needed.replicas).into_iter().map(|part| Need { part, until }));
        }
        for part in parts(name, service.replicas) {
            let mut service = service.clone();
            for attachment in service.networks.values_mut() {
                attachment.aliases.push(name.to_owned());
            }
            let tag = service.image.clone().unwrap_or_else(|| format!("{}-{name}", self.project));
            let own = service.container_name.clone();
            let unit = Unit {
                name: own.unwrap_or_else(|| format!("{}-{part}", self.project)),
                part: part.clone(),
                tag,
                service,
                needs: needs.clone(),
                server: None,
            };
            self.by_part.insert(part, unit);
        }
        Ok(())
    }

    /// Postgres and Redis, where they run in containers.
    fn servers(&mut self, profile: &Profile) {
        if let Some(settings) = profile.postgres.as_ref().filter(|p| p.provider == Provider::Docker)
        {
            let image = settings.image.clone();
            let tag =
                image.unwrap_or_else(|| format!("{POSTGRES_IMAGE}{}", settings.version.prefer));
            let mut service = served(POSTGRES, 5432, "/var/lib/postgresql/data");
            let mut set = |name: &str, value: &str| {
                service.environment.insert(name.to_owned(), value.to_owned())
            };
            set("POSTGRES_USER", &settings.user);
            set("POSTGRES_PASSWORD", &settings.password);
            set("POSTGRES_DB", "postgres");
            service.host.shm_size = Some(POSTGRES_SHM_BYTES);
            service.host.stop_signal = Some("SIGINT".to_owned());
            service.host.stop_grace_ms = Some(20_000);
            let mut command = vec!["postgres".to_owned()];
            for (name, value) in &settings.settings {
                command.extend(["-c".to_owned(), format!("{name}={value}")]);
            }
            service.command = Some(command);
            self.server(POSTGRES, tag, service, Server::Postgres(settings.clone()));
        }
        if let Some(settings) = profile.redis.as_ref().filter(|r| r.provider == Provider::Docker) {
            let tag = settings.image.clone().unwrap_or_else(|| REDIS_IMAGE.to_owned());
            let mut service = served(REDIS, 6379, "/data");
            let mut command = vec!["redis-server".to_owned()];
            for (name, value) in &settings.settings {
                command.extend([format!("--{name}"), value.clone()]);
            }
            service.command = Some(command);
            self.server(REDIS, tag, service, Server::Redis);
        }
    }

    fn with_default_network(&mut self) {
        self.networks
            .entry(DEFAULT_NETWORK.to_owned())
            .or_insert_with(|| (format!("{}-default", self.project), Network::default()));
    }

    fn server(&mut self, part: &str, tag: String, service: Service, server: Server) {
        let volume = format!("{}-{part}", self.project);
        self.volumes.insert(served_volume(part), (volume, Volume::default()));
        self.with_default_network();
        let unit = Unit {
            name: format!("{}-{part}", self.project),
            part: part.to_owned(),
            tag,
            service,
            needs: vec![Need::healthy(GROUND)],
            server: Some(server),
        };
        self.by_part.insert(part.to_owned(), unit);
    }

    /// The port on this machine of a server by Docker, when it is known.
    pub(in crate::control) fn publish(&mut self, ports: &BTreeMap<String, u16>) {
        for unit in self.by_part.values_mut().filter(|unit| unit.server.is_some()) {
            for port in &mut unit.service.ports {
                port.published = ports.get(&unit.part).copied();
            }
        }
    }

    /// The port on which a container that an earlier daemon left still answers. One that is not the
    /// wished one is given up with its container.
    pub(in crate::control) fn held(&self, part: &str, wished: Port) -> Option<u16> {
        let unit = self.by_part.get(part)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
        runtime.block_on(async {
            let engine = Engine::connect().await.ok()?;
            let state = engine.state(&unit.name).await.ok()?;
            let port: u16 = state.address?.rsplit(':').next()?.parse().ok()?;
            if matches!(wished, Port::Fixed(wished) if wished != port) {
                let _ = engine.remove(&unit.name).await;
                return None;
            }
            Some(port)
        })
    }

    /// What each container is made of, to compare it with what it was.
    pub(in crate::control) fn facts(&self) -> BTreeMap<String, String> {
        let fact = |unit: &Unit| {
            let texts: Vec<_> = unit.service.files.iter().map(|file| &file.content).collect();
            // How many there are beside it makes no difference to one.
            // Nor do the rules by which its files are watched.
            let service = Service { replicas: 1, watch: vec![], ..unit.service.clone() };
            serde_json::json!([service, unit.tag, texts]).to_string()
        };
        let units = self.by_part.values().filter(|unit| unit.server.is_none());
        units.map(|unit| (unit.part.clone(), fact(unit))).collect()
    }

    /// The rules by which the files of each container are watched.
    pub(in crate::control) fn rules(&self) -> BTreeMap<String, Vec<compose::Watch>> {
        let units = self.by_part.values();
        units.map(|unit| (unit.part.clone(), unit.service.watch.clone())).collect()
    }

    /// Has whoever watches go by these rules from now on.
    pub(in crate::control) fn rule(&self) {
        self.ruled.set(&self.by_part);
    }

    /// Takes the ground over on which the containers of an earlier plan stand.
    pub(in crate::control) fn stand_on(&mut self, old: &Units) {
        self.ground = old.ground.clone();
        self.synced = old.synced.clone();
        self.desk = old.desk.clone();
        self.ruled = old.ruled.clone();
    }

    /// The networks by their names at the engine.
    pub(in crate::control) fn network_names(&self) -> BTreeSet<&str> {
        self.networks.values().map(|(name, _)| name.as_str()).collect()
    }

    /// Makes volumes that are missing, where the ground is laid.
    pub(in crate::control) async fn make_volumes(&self) -> Result<(), Problem> {
        let Some(ground) = self.ground.get() else { return Ok(()) };
        for (name, volume) in self.volumes.values() {
            ground.engine.volume(&self.project, name, volume).await?;
        }
        Ok(())
    }

    /// Leaves out what is not chosen.
    pub(in crate::control) fn keep(&mut self, chosen: &BTreeSet<String>) {
        self.by_part.retain(|part, _| chosen.contains(part));
    }
}

/// The volume of a server's container among those of the files.
pub(super) fn served_volume(part: &str) -> String {
    format!("devenv:{part}")
}

/// A server's container: one port, one volume.
fn served(part: &str, port: u16, data: &str) -> Service {
    let mount = compose::Mount {
        kind: "volume".to_owned(),
        source: Some(served_volume(part)),
        target: data.to_owned(),
        ..compose::Mount::default()
    };
    let published =
        compose::Port { target: port, protocol: "tcp".to_owned(), ..compose::Port::default() };
    Service {
        replicas: 1,
        mounts: vec![mount],
        ports: vec![published],
        networks: BTreeMap::from([(DEFAULT_NETWORK.to_owned(), compose::Attachment::default())]),
        ..Service::default()
    }
}

/// Names of devenv inside the containers: those that are replaced, and the addresses that LocalStack's
/// users and declared buckets have. A hosts file knows no wildcards, so others want path style.
fn names(profile: &Profile) -> BTreeSet<String> {
    const DOMAINS: [&str; 2] = ["localhost.localstack.cloud", "s3.localhost.localstack.cloud"];
    let buckets = profile.buckets.keys().map(|bucket| format!("{bucket}.{}", DOMAINS[1]));
    let known = DOMAINS.map(str::to_owned).into_iter().chain(buckets);
    profile.containers.replace.keys().cloned().chain(known).collect()
}

/// A service's parts: its name, or numbered where there are several.
/// One that is `single` in its file keeps its name for the first, however many there are.
fn parts(name: &str, replicas: u32, single: bool) -> impl Iterator<Item = String> {
    let name = name.to_owned();
    (1..=replicas).map(move |i| if single && i == 1 { name.clone() } else { format!("{name}-{i}") })
}

/// Another number of containers for a service.
fn scaled(name: &str, count: u32, stack: &mut compose::Stack) -> Result<(), Problem> {
    let usage = |message: String| Problem::new(Exit::Usage, "scale", message);
    let Some(service) = stack.services.get_mut(name) else {
        let known: Vec<&str> = stack.services.keys().map(String::as_str).collect();
        let hint = format!("services with containers: {}", known.join(", "));
        return Err(usage(format!("no container is made of a service `{name}`")).hint(hint));
    };
    if service.schedule.is_some() {
        return Err(usage(format!("the service `{name}` runs at times, once each")));
    }
    if service.container_name.is_some() && count > 1 {
        return Err(usage(format!("the service `{name}` has one `container_name`"))
            .hint("leave it out to have several"));
    }
    service.replicas = count;
    Ok(())
}

/// The files of this machine that a profile's containers are planned from, and where others may come.
pub(in crate::control) fn files(profile: &Profile) -> BTreeSet<PathBuf> {
    let all = RefCell::new(BTreeSet::new());
    let read = |path: &Path| {
        all.borrow_mut().insert(path.to_owned());
        std::fs::read_to_string(path)
    };
    // Mistakes are told by whoever plans.
    let _ = read_stack(profile, &read);
    all.into_inner()
}

/// The Compose files and catalogue entries of a profile as one stack, or their mistakes.
pub fn stack(profile: &Profile) -> Result<compose::Stack, Problem> {
    read_stack(profile, &|path| std::fs::read_to_string(path))
}

fn read_stack(
    profile: &Profile,
    read: &dyn Fn(&Path) -> std::io::Result<String>,
) -> Result<compose::Stack, Problem> {
    let containers = &profile.containers;
    // The project's own files come after the catalogue's, and may say what is to be otherwise.
    let mut files = Vec::new();
    for name in &containers.catalog {
        if catalog::text(name).is_none() {
            let known = catalog::catalog();
            let near = nearest(name, known.iter().map(|entry| entry.name));
            let message = format!("the catalogue has no `{name}`");
            let hint = match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => {
                    let names: Vec<&str> = known.iter().map(|entry| entry.name).collect();
                    format!("it has {}", names.join(", "))
                }
            };
            return Err(Problem::new(Exit::Usage, "unknown-catalog", message).hint(hint));
        }
        files.push(catalog::path(name));
    }
    files.extend(containers.compose.iter().map(|file| profile.project_dir.join(file)));
    if files.is_empty() {
        return Ok(compose::Stack::default());
    }
    let read = |path: &Path| match catalog::at(path) {
        Some(text) => Ok(text.to_owned()),
        None => read(path),
    };
    let request = compose::Request {
        files,
        project: profile.project_dir.clone(),
        variables: std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect(),
        replaced: containers.replace.keys().cloned().collect(),
        read: &read,
    };
    compose::load(&request).map_err(|mistakes| compose::problem(&mistakes))
}

/// Names an environment at the engine: for people by its directory, for machines by where its state is.
fn project_id(project: &Path, dirs: &Dirs) -> String {
    let name =
        project.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let name: String =
        name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(24).collect();
    let hash = hex::encode(&Sha256::digest(dirs.state.as_os_str().as_encoded_bytes())[..4]);
    format!("devenv-{}-{hash}", if name.is_empty() { "project" } else { name.trim_matches('-') })
}
