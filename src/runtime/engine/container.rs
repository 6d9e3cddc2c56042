//! One container: what the engine is told of it, its making or adoption, its end.
//!
//! Invariant: nothing of devenv's is without the labels of its project, so that whatever a killed
//! daemon leaves is found again; and nothing without them is ever touched.

use super::{Engine, reason};
use crate::base::Problem;
use crate::compose::{Attachment, Healthcheck, Mount, Service};
use bollard::models::{
    ContainerCreateBody, ContainerStateStatusEnum, DeviceMapping, EndpointIpamConfig,
    EndpointSettings, HealthConfig, HealthStatusEnum, HostConfig, MountBindOptions,
    MountTmpfsOptions, MountType, MountVolumeOptions, NetworkConnectRequest, NetworkingConfig,
    PortBinding, ResourcesUlimits,
};
use bollard::query_parameters::{
    CreateContainerOptions, InspectContainerOptions, KillContainerOptions, ListContainersOptions,
    RemoveContainerOptions,
};
use sha2::{Digest, Sha256};
use std::collections::HashMap;

/// The label that names the environment.
pub const PROJECT: &str = "dev.devenv.project";
/// The label that names the part.
pub const PART: &str = "dev.devenv.part";
/// The label of what a container was made from.
const MADE_OF: &str = "dev.devenv.made-of";
/// Nanoseconds of a millisecond, as the engine counts.
const NS_PER_MS: i64 = 1_000_000;

/// A container as it should be.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Its name at the engine.
    pub name: String,
    /// The environment that it belongs to.
    pub project: String,
    /// The part that it is.
    pub part: String,
    /// The image, by id.
    pub image: String,
    /// What the Compose file says.
    pub service: Service,
    /// Variables, complete.
    pub environment: Vec<String>,
    /// Networks by their names at the engine; the first one is joined at once.
    pub networks: Vec<(String, Attachment)>,
    /// `name:address` beside those of the service.
    pub hosts: Vec<String>,
    /// Files of this machine and where they go.
    pub files: Vec<(String, String)>,
    /// Volumes by the names that services use, at the engine.
    pub volumes: Vec<(String, String)>,
    /// A taken port is exchanged for a free one.
    pub ports_may_move: bool,
}

/// A container that exists.
#[derive(Debug, Clone)]
pub struct Made {
    /// Its id.
    pub id: String,
    /// It runs since an earlier daemon.
    pub adopted: bool,
}

/// How a container stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    /// It runs.
    pub running: bool,
    /// Its process.
    pub pid: Option<u32>,
    /// How it ended, if it did.
    pub exit_code: Option<i64>,
    /// `Ok` when it is well or is not asked; `Err` with the check's last words.
    pub health: Option<Result<(), String>>,
    /// Where its first published port is.
    pub address: Option<String>,
}

impl Engine {
    /// Makes the container, or takes over the one that an earlier daemon left, where it is the same.
    pub async fn make(&self, wanted: &Wanted) -> Result<Made, Problem> {
        let body = body(wanted);
        let made_of = fingerprint(&body, wanted);
        let inspect = self.docker.inspect_container(&wanted.name, None::<InspectContainerOptions>);
        if let Ok(there) = inspect.await {
            let labels = there.config.and_then(|config| config.labels).unwrap_or_default();
            if labels.get(PROJECT) != Some(&wanted.project) {
                let message = format!(
                    "the name `{}` for {} belongs to a container that is not this environment's",
                    wanted.name, wanted.part
                );
                return Err(Problem::in_the_way("container-name-taken", message).hint(format!(
                    "`docker rm -f {}`, or leave `container_name` out",
                    wanted.name
                )));
            }
            let running = there.state.and_then(|state| state.running) == Some(true);
            let id = there.id.unwrap_or_default();
            if running && labels.get(MADE_OF) == Some(&made_of) {
                return Ok(Made { id, adopted: true });
            }
            self.remove(&id).await?;
        }
        let mut body = body;
        body.labels.get_or_insert_default().insert(MADE_OF.to_owned(), made_of);
        if wanted.ports_may_move {
            free_ports(&mut body);
        }
        let platform = wanted.service.host.platform.clone().unwrap_or_default();
        let options = CreateContainerOptions { name: Some(wanted.name.clone()), platform };
        let id = self.create(options, body, wanted).await?;
        for (network, attachment) in wanted.networks.iter().skip(1) {
            let request = NetworkConnectRequest {
                container: id.clone(),
                endpoint_config: Some(endpoint(attachment, &wanted.part)),
            };
            let joined = self.docker.connect_network(network, request).await;
            joined.map_err(|error| refused(&error, wanted))?;
        }
        Ok(Made { id, adopted: false })
    }

    /// Creates a container. One that is made meanwhile, for a start that was given up, makes room.
    async fn create(
        &self,
        options: CreateContainerOptions,
        body: ContainerCreateBody,
        wanted: &Wanted,
    ) -> Result<String, Problem> {
        let first = self.docker.create_container(Some(options.clone()), body.clone()).await;
        let created = match first {
            Err(bollard::errors::Error::DockerResponseServerError { status_code: 409, .. })
                if self.is_of(&wanted.name, &wanted.project).await =>
            {
                self.remove(&wanted.name).await?;
                self.docker.create_container(Some(options), body).await
            }
            first => first,
        };
        Ok(created.map_err(|error| refused(&error, wanted))?.id)
    }

    /// Whether a container belongs to this environment.
    async fn is_of(&self, name: &str, project: &str) -> bool {
        let there = self.docker.inspect_container(name, None::<InspectContainerOptions>).await;
        let labels = there.ok().and_then(|c| c.config).and_then(|c| c.labels).unwrap_or_default();
        labels.get(PROJECT).is_some_and(|of| of == project)
    }

    /// Starts a container that was made.
    pub async fn start(&self, id: &str, wanted: &Wanted) -> Result<(), Problem> {
        let started = self
            .docker
            .start_container(id, None::<bollard::query_parameters::StartContainerOptions>)
            .await;
        started.map_err(|error| refused(&error, wanted))
    }

    /// Sends it a signal; a container that has ended takes none.
    pub async fn signal(&self, id: &str, signal: &str) {
        let options = KillContainerOptions { signal: signal.to_owned() };
        let _ = self.docker.kill_container(id, Some(options)).await;
    }

    /// Asks it to end in its own way: by `signal`, else by the one of its image.
    pub async fn stop(&self, id: &str, signal: Option<&str>) {
        let inspect = self.docker.inspect_container(id, None::<InspectContainerOptions>);
        let own = match signal {
            Some(signal) => Some(signal.to_owned()),
            None => inspect.await.ok().and_then(|there| there.config?.stop_signal),
        };
        self.signal(id, &own.unwrap_or_else(|| "SIGTERM".to_owned())).await;
    }

    /// Removes it with its unnamed volumes, whatever it does; one that is gone is gone.
    pub async fn remove(&self, id: &str) -> Result<(), Problem> {
        let options = RemoveContainerOptions { v: true, force: true, link: false };
        match self.docker.remove_container(id, Some(options)).await {
            Ok(()) => Ok(()),
            Err(error) if is_gone(&error) => Ok(()),
            Err(error) => {
                let message = format!("a container cannot be removed: {}", reason(&error));
                Err(Problem::failed("engine", message).retryable())
            }
        }
    }

    /// How it stands.
    pub async fn state(&self, id: &str) -> Result<State, String> {
        let inspect = self.docker.inspect_container(id, None::<InspectContainerOptions>);
        let there = inspect.await.map_err(|error| reason(&error))?;
        let state = there.state.unwrap_or_default();
        let ended = matches!(
            state.status,
            Some(ContainerStateStatusEnum::EXITED | ContainerStateStatusEnum::DEAD)
        );
        let health = state.health.and_then(|health| {
            let last = health.log.unwrap_or_default().pop();
            let words = last.and_then(|last| last.output).unwrap_or_default();
            match health.status? {
                HealthStatusEnum::HEALTHY => Some(Ok(())),
                HealthStatusEnum::STARTING => {
                    Some(Err("its health check has not passed yet".to_owned()))
                }
                HealthStatusEnum::UNHEALTHY => {
                    Some(Err(format!("its health check fails: {}", words.trim())))
                }
                _ => None,
            }
        });
        let ports = there.network_settings.and_then(|settings| settings.ports).unwrap_or_default();
        let mut bound: Vec<String> = ports
            .values()
            .flatten()
            .flatten()
            .filter_map(|b| Some(format!("{}:{}", b.host_ip.as_ref()?, b.host_port.as_ref()?)))
            .collect();
        bound.sort();
        Ok(State {
            running: state.running == Some(true),
            pid: state.pid.and_then(|pid| u32::try_from(pid).ok()).filter(|pid| *pid > 0),
            exit_code: state.exit_code.filter(|_| ended),
            health,
            address: bound.into_iter().next(),
        })
    }

    /// Ids and parts of all containers of an environment.
    pub async fn containers_of(&self, project: &str) -> Result<Vec<(String, String)>, Problem> {
        let options =
            ListContainersOptions { all: true, filters: of(project), ..Default::default() };
        let all = self.docker.list_containers(Some(options)).await;
        let all = all.map_err(|error| Problem::failed("engine", reason(&error)).retryable())?;
        let name = |labels: Option<HashMap<String, String>>| labels?.remove(PART);
        Ok(all.into_iter().filter_map(|c| Some((c.id?, name(c.labels)?))).collect())
    }
}

/// The filter for what is an environment's.
pub(super) fn of(project: &str) -> Option<HashMap<String, Vec<String>>> {
    Some(HashMap::from([("label".to_owned(), vec![format!("{PROJECT}={project}")])]))
}

/// The engine says that there is no such thing.
pub(super) fn is_gone(error: &bollard::errors::Error) -> bool {
    use bollard::errors::Error::DockerResponseServerError;
    matches!(error, DockerResponseServerError { status_code: 404, .. })
}

/// What the engine refused, with the owner of a port where that is the matter.
fn refused(error: &bollard::errors::Error, wanted: &Wanted) -> Problem {
    let why = reason(error);
    let part = &wanted.part;
    if why.contains("port is already allocated") || why.contains("address already in use") {
        let published = wanted.service.ports.iter().filter_map(|port| port.published);
        let owner = published
            .filter_map(|port| Some((port, crate::runtime::ports::owner(port)?)))
            .next()
            .map(|(port, owner)| {
                format!(": {port} is held by pid {} (`{}`)", owner.pid, owner.command)
            });
        let message = format!("a port of {part} is taken{}", owner.unwrap_or_default());
        return Problem::in_the_way("port-taken", message)
            .hint("stop its owner, or set `port = \"auto\"` in devenv.toml")
            .retryable();
    }
    Problem::failed("container-refused", format!("{part} cannot be started: {why}"))
        .hint("the engine's words are above; `devenv doctor` looks at the engine")
}

fn fingerprint(body: &ContainerCreateBody, wanted: &Wanted) -> String {
    let mut hash = Sha256::new();
    // Maps have no order of their own; as values of JSON they are sorted.
    let value = serde_json::to_value(body).unwrap_or_default();
    hash.update(sorted(&value).to_string());
    hash.update(format!("{:?}", wanted.networks));
    hex::encode(&hash.finalize()[..16])
}

fn sorted(value: &serde_json::Value) -> serde_json::Value {
    match value {
        serde_json::Value::Object(map) => {
            let ordered: std::collections::BTreeMap<_, _> =
                map.iter().map(|(key, value)| (key.clone(), sorted(value))).collect();
            ordered.into_iter().collect()
        }
        serde_json::Value::Array(items) => items.iter().map(sorted).collect(),
        other => other.clone(),
    }
}

fn some<T: Default + PartialEq>(value: T) -> Option<T> {
    (value != T::default()).then_some(value)
}

fn body(wanted: &Wanted) -> ContainerCreateBody {
    let service = &wanted.service;
    let mut labels: HashMap<String, String> = service.labels.clone().into_iter().collect();
    labels.insert(PROJECT.to_owned(), wanted.project.clone());
    labels.insert(PART.to_owned(), wanted.part.clone());
    let first = wanted.networks.first();
    let endpoints = first.map(|(name, attachment)| {
        HashMap::from([(name.clone(), endpoint(attachment, &wanted.part))])
    });
    let exposed = service.expose.iter().map(|port| match port.contains('/') {
        true => port.clone(),
        false => format!("{port}/tcp"),
    });
    let published = service.ports.iter().map(|port| format!("{}/{}", port.target, port.protocol));
    ContainerCreateBody {
        hostname: service.host.hostname.clone(),
        domainname: service.host.domainname.clone(),
        user: service.host.user.clone(),
        tty: some(service.host.tty),
        open_stdin: some(service.host.stdin_open),
        env: some(wanted.environment.clone()),
        cmd: service.command.clone(),
        entrypoint: service.entrypoint.clone(),
        image: Some(wanted.image.clone()),
        working_dir: service.host.working_dir.clone(),
        labels: Some(labels),
        stop_signal: service.host.stop_signal.clone(),
        healthcheck: service.healthcheck.as_ref().map(health),
        exposed_ports: some(exposed.chain(published).collect()),
        host_config: Some(host(wanted)),
        networking_config: endpoints.map(|all| NetworkingConfig { endpoints_config: Some(all) }),
        ..Default::default()
    }
}

fn endpoint(attachment: &Attachment, part: &str) -> EndpointSettings {
    let mut aliases = attachment.aliases.clone();
    aliases.push(part.to_owned());
    let fixed = attachment.ipv4_address.is_some() || attachment.ipv6_address.is_some();
    EndpointSettings {
        aliases: Some(aliases),
        ipam_config: fixed.then(|| EndpointIpamConfig {
            ipv4_address: attachment.ipv4_address.clone(),
            ipv6_address: attachment.ipv6_address.clone(),
            link_local_ips: None,
        }),
        ..Default::default()
    }
}

fn health(check: &Healthcheck) -> HealthConfig {
    let ns = |ms: Option<u64>| ms.and_then(|ms| i64::try_from(ms).ok()).map(|ms| ms * NS_PER_MS);
    HealthConfig {
        test: some(check.test.clone()),
        interval: ns(check.interval_ms),
        timeout: ns(check.timeout_ms),
        retries: check.retries.map(i64::from),
        start_period: ns(check.start_period_ms),
        start_interval: ns(check.start_interval_ms),
    }
}

fn host(wanted: &Wanted) -> HostConfig {
    let (service, h) = (&wanted.service, &wanted.service.host);
    let mut bindings: HashMap<String, Option<Vec<PortBinding>>> = HashMap::new();
    for port in &service.ports {
        let binding = PortBinding {
            // Nothing listens beyond this machine unless the file says so.
            host_ip: Some(port.host_ip.clone().unwrap_or_else(|| "127.0.0.1".to_owned())),
            host_port: Some(port.published.map(|p| p.to_string()).unwrap_or_default()),
        };
        let key = format!("{}/{}", port.target, port.protocol);
        bindings.entry(key).or_default().get_or_insert_default().push(binding);
    }
    let mut hosts: Vec<String> = wanted.hosts.clone();
    hosts.extend(h.extra_hosts.iter().map(|(name, address)| format!("{name}:{address}")));
    let first = wanted.networks.first().map(|(name, _)| name.clone());
    let files = wanted.files.iter().map(|(from, to)| bind(from, to, true));
    let mounts = service.mounts.iter().filter_map(|m| mount(m, wanted)).chain(files).collect();
    let limit = |(name, (soft, hard)): (&String, &(i64, i64))| ResourcesUlimits {
        name: Some(name.clone()),
        soft: Some(*soft),
        hard: Some(*hard),
    };
    #[expect(clippy::cast_possible_truncation, reason = "a cast of a float stays in range")]
    let nano = |cpus: f64| (cpus * 1e9) as i64;
    HostConfig {
        network_mode: service.network_mode.clone().or(first),
        port_bindings: some(bindings),
        mounts: Some(mounts),
        binds: some(legacy_binds(service)),
        extra_hosts: some(hosts),
        cap_add: some(h.cap_add.clone()),
        cap_drop: some(h.cap_drop.clone()),
        privileged: some(h.privileged),
        init: h.init,
        readonly_rootfs: some(h.read_only),
        shm_size: h.shm_size,
        dns: some(h.dns.clone()),
        dns_search: some(h.dns_search.clone()),
        dns_options: some(h.dns_opt.clone()),
        sysctls: some(h.sysctls.clone().into_iter().collect()),
        security_opt: some(h.security_opt.clone()),
        pid_mode: h.pid.clone(),
        ipc_mode: h.ipc.clone(),
        devices: some(h.devices.iter().map(|text| device(text)).collect()),
        group_add: some(h.group_add.clone()),
        memory: h.memory,
        memory_reservation: h.memory_reservation,
        nano_cpus: h.cpus.map(nano),
        pids_limit: h.pids_limit,
        ulimits: some(h.ulimits.iter().map(limit).collect()),
        oom_score_adj: h.oom_score_adj,
        ..Default::default()
    }
}

/// Binds whose source may be missing are the old form's: the engine makes the directory.
fn legacy_binds(service: &Service) -> Vec<String> {
    let binds = service.mounts.iter().filter(|m| m.kind == "bind" && m.create);
    binds
        .map(|m| {
            let mut options = vec![if m.read_only { "ro" } else { "rw" }];
            options.extend(m.mode.as_deref());
            let source = m.source.as_deref().unwrap_or_default();
            format!("{source}:{}:{}", m.target, options.join(","))
        })
        .collect()
}

fn bind(from: &str, to: &str, read_only: bool) -> bollard::models::Mount {
    bollard::models::Mount {
        typ: Some(MountType::BIND),
        source: Some(from.to_owned()),
        target: Some(to.to_owned()),
        read_only: Some(read_only),
        ..Default::default()
    }
}

fn mount(mount: &Mount, wanted: &Wanted) -> Option<bollard::models::Mount> {
    let target = Some(mount.target.clone());
    let read_only = Some(mount.read_only);
    match mount.kind.as_str() {
        "bind" if mount.create => None,
        "bind" => Some(bollard::models::Mount {
            bind_options: mount.mode.as_ref().map(|_| MountBindOptions::default()),
            ..bind(mount.source.as_deref().unwrap_or_default(), &mount.target, mount.read_only)
        }),
        "tmpfs" => Some(bollard::models::Mount {
            typ: Some(MountType::TMPFS),
            target,
            read_only,
            tmpfs_options: mount
                .size
                .map(|size| MountTmpfsOptions { size_bytes: Some(size), ..Default::default() }),
            ..Default::default()
        }),
        _ => {
            let named = |source: &String| wanted.volumes.iter().find(|(name, _)| name == source);
            let source = mount.source.as_ref().and_then(named).map(|(_, volume)| volume.clone());
            let labels = HashMap::from([(PROJECT.to_owned(), wanted.project.clone())]);
            Some(bollard::models::Mount {
                typ: Some(MountType::VOLUME),
                source,
                target,
                read_only,
                volume_options: Some(MountVolumeOptions {
                    no_copy: some(mount.nocopy),
                    labels: Some(labels),
                    ..Default::default()
                }),
                ..Default::default()
            })
        }
    }
}

fn device(text: &str) -> DeviceMapping {
    let parts: Vec<&str> = text.split(':').collect();
    let part = |i: usize| parts.get(i).map(|part| (*part).to_owned());
    DeviceMapping {
        path_on_host: part(0),
        path_in_container: part(1).or_else(|| part(0)),
        cgroup_permissions: part(2).or_else(|| Some("rwm".to_owned())),
    }
}

/// Ports that are taken are left to the engine's choice.
fn free_ports(body: &mut ContainerCreateBody) {
    let bindings = body.host_config.as_mut().and_then(|host| host.port_bindings.as_mut());
    for binding in bindings.into_iter().flat_map(HashMap::values_mut).flatten().flatten() {
        let port: Option<u16> = binding.host_port.as_ref().and_then(|port| port.parse().ok());
        let taken = |port| std::net::TcpListener::bind(("127.0.0.1", port)).is_err();
        if port.is_some_and(taken) {
            binding.host_port = Some(String::new());
        }
    }
}
