//! A stack as one Compose file: for `docker compose` and `docker-compose`, or for `docker stack deploy`.
//!
//! Sources: the Compose Specification; for Swarm the schema 3.9 of Compose files, which Docker 20.10 and
//! newer take. Secrets and configs with a text of their own become files beside the Compose file.

use super::put;
use crate::compose::{
    Attachment, Build, Condition, Healthcheck, Host, Mount, Network, Restart, Service, Stack,
    Volume,
};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// The schema that `docker stack deploy` is given.
const SWARM_VERSION: &str = "3.9";

/// Who is to read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// `docker compose` and `docker-compose`.
    Compose,
    /// `docker stack deploy`.
    Swarm,
}

/// What is written.
#[derive(Debug, Clone)]
pub struct ComposeFile {
    /// The document.
    pub document: Value,
    /// Files beside it, by name, with their texts.
    pub files: BTreeMap<String, String>,
    /// What the target does not carry out.
    pub notes: Vec<String>,
}

/// `stack` as a Compose file whose own files lie in `place`.
pub fn compose(stack: &Stack, dialect: Dialect, place: &Path) -> ComposeFile {
    let mut writer = Writer {
        dialect,
        place,
        secrets: Map::new(),
        files: BTreeMap::new(),
        notes: Vec::new(),
        waited_for: waited_for(stack),
    };
    let mut document = Map::new();
    if dialect == Dialect::Swarm {
        document.insert("version".to_owned(), json!(SWARM_VERSION));
    }
    let services: Map<String, Value> = stack
        .services
        .iter()
        .map(|(name, service)| (name.clone(), writer.service(name, service)))
        .collect();
    document.insert("services".to_owned(), Value::Object(services));
    let networks = stack.networks.iter().map(|(k, n)| (k.clone(), network(n, dialect)));
    document.insert("networks".to_owned(), Value::Object(networks.collect()));
    let volumes = stack.volumes.iter().map(|(k, v)| (k.clone(), volume(v)));
    put(&mut document, "volumes", Value::Object(volumes.collect()));
    put(&mut document, "secrets", Value::Object(std::mem::take(&mut writer.secrets)));
    let mut document = Value::Object(document);
    double_dollars(&mut document);
    ComposeFile { document, files: writer.files, notes: writer.notes }
}

/// Services that others wait for until they have ended.
pub(super) fn waited_for(stack: &Stack) -> Vec<String> {
    let all = stack.services.values().flat_map(|service| &service.depends_on);
    all.filter(|(_, d)| d.condition == Condition::ServiceCompletedSuccessfully)
        .map(|(name, _)| name.clone())
        .collect()
}

/// What is read has its variables put in; dollars that are left mean themselves.
fn double_dollars(value: &mut Value) {
    match value {
        Value::String(text) => *text = text.replace('$', "$$"),
        Value::Array(list) => list.iter_mut().for_each(double_dollars),
        Value::Object(map) => map.values_mut().for_each(double_dollars),
        _ => {}
    }
}

fn milliseconds(ms: Option<u64>) -> Value {
    ms.map_or(Value::Null, |ms| json!(format!("{ms}ms")))
}

/// What only devenv knows of, so that it is there when devenv reads the file again.
fn extension(service: &Service) -> Map<String, Value> {
    let mut out = Map::new();
    if let Some(schedule) = &service.schedule {
        out.insert("schedule".to_owned(), json!(schedule.times));
        out.insert("overlap".to_owned(), json!(schedule.overlap));
    }
    if let Some(tls) = &service.tls {
        out.insert("tls".to_owned(), json!({ "path": tls.path, "names": tls.names }));
    }
    out
}

struct Writer<'a> {
    dialect: Dialect,
    place: &'a Path,
    secrets: Map<String, Value>,
    files: BTreeMap<String, String>,
    notes: Vec<String>,
    waited_for: Vec<String>,
}

impl Writer<'_> {
    fn service(&mut self, name: &str, service: &Service) -> Value {
        let swarm = self.dialect == Dialect::Swarm;
        let mut out = Map::new();
        put(&mut out, "image", json!(service.image));
        match (&service.build, swarm) {
            (Some(build), false) => put(&mut out, "build", self::build(build)),
            (Some(_), true) => {
                self.note(name, "build", "its image has to be at the nodes or in a registry")
            }
            (None, _) => {}
        }
        // An empty command is one, and says that the image's is not run.
        if let Some(command) = &service.command {
            out.insert("command".to_owned(), json!(command));
        }
        if let Some(entrypoint) = &service.entrypoint {
            out.insert("entrypoint".to_owned(), json!(entrypoint));
        }
        put(&mut out, "environment", json!(service.environment));
        put(&mut out, "volumes", service.mounts.iter().map(mount).collect());
        put(&mut out, "secrets", self.placed(name, service));
        put(&mut out, "healthcheck", self.healthcheck(name, service.healthcheck.as_ref()));
        self.joined(name, service, &mut out);
        self.life(name, service, &mut out);
        self.host(name, &service.host, &mut out);
        put(&mut out, "labels", json!(service.labels));
        let extension = extension(service);
        if !extension.is_empty() {
            out.insert("x-devenv".to_owned(), Value::Object(extension));
        }
        if service.tls.is_some() {
            self.notes
                .push(format!("{name}: its certificate has to be put there by somebody else"));
        }
        if service.schedule.is_some() {
            // Nobody there runs it at its times; begun with the others it would run at once.
            match swarm {
                true => out.entry("deploy").or_insert_with(|| json!({}))["replicas"] = json!(0),
                false => put(&mut out, "profiles", json!(["scheduled"])),
            }
            self.notes.push(format!(
                "{name}: it runs at no times there, and is not started with the others"
            ));
        }
        Value::Object(out)
    }

    fn note(&mut self, service: &str, key: &str, why: &str) {
        self.notes.push(format!("{service}: `{key}` is left out: {why}"));
    }

    /// Ports, networks, and what it waits for.
    fn joined(&mut self, name: &str, service: &Service, out: &mut Map<String, Value>) {
        let swarm = self.dialect == Dialect::Swarm;
        let port = |port: &crate::compose::Port| {
            let ip = port.host_ip.as_ref().filter(|_| !swarm);
            let ip =
                ip.map(|ip| if ip.contains(':') { format!("[{ip}]:") } else { format!("{ip}:") });
            let published = port.published.map(|p| format!("{p}:"));
            let before = match (ip, published) {
                (Some(ip), None) => format!("{ip}:"),
                (ip, published) => ip.unwrap_or_default() + &published.unwrap_or_default(),
            };
            json!(format!("{before}{}/{}", port.target, port.protocol))
        };
        put(out, "ports", service.ports.iter().map(port).collect());
        if !swarm {
            put(out, "expose", json!(service.expose));
        }
        match &service.network_mode {
            Some(mode) if swarm => {
                let why = format!("Swarm has no `{mode}`");
                self.note(name, "network_mode", &why);
            }
            Some(mode) => put(out, "network_mode", json!(mode)),
            None => {
                let networks = service.networks.iter();
                let networks = networks.map(|(key, a)| (key.clone(), attachment(a, swarm)));
                put(out, "networks", Value::Object(networks.collect()));
            }
        }
        if swarm {
            return put(out, "depends_on", service.depends_on.keys().map(|k| json!(k)).collect());
        }
        let wait = |(other, d): (&String, &crate::compose::Dependency)| {
            (other.clone(), json!({ "condition": d.condition }))
        };
        put(out, "depends_on", Value::Object(service.depends_on.iter().map(wait).collect()));
    }

    /// Restarts and replicas.
    fn life(&mut self, name: &str, service: &Service, out: &mut Map<String, Value>) {
        let mut deploy = Map::new();
        if service.replicas != 1 {
            deploy.insert("replicas".to_owned(), json!(service.replicas));
        }
        if self.dialect == Dialect::Compose {
            let restart = match service.restart {
                Restart::No => Value::Null,
                Restart::OnFailure(None) => json!("on-failure"),
                Restart::OnFailure(Some(max)) => json!(format!("on-failure:{max}")),
                Restart::Always => json!("always"),
            };
            put(out, "restart", restart);
            put(out, "container_name", json!(service.container_name));
            return put(out, "deploy", Value::Object(deploy));
        }
        // Swarm starts everything at once: what finds its servers not there yet has to come again.
        let condition = match service.restart {
            Restart::Always => "any",
            Restart::No | Restart::OnFailure(_) => "on-failure",
        };
        let mut policy = Map::from_iter([("condition".to_owned(), json!(condition))]);
        if let Restart::OnFailure(Some(max)) = service.restart {
            policy.insert("max_attempts".to_owned(), json!(max));
        }
        if self.waited_for.iter().any(|waited| waited == name) {
            self.notes.push(format!("{name}: Swarm lets nobody wait for its end"));
        }
        deploy.insert("restart_policy".to_owned(), Value::Object(policy));
        if service.ports.is_empty() {
            // A virtual address forgets connections that rest for a quarter of an hour, which those
            // of a database's pool do. Only published ports need one.
            deploy.insert("endpoint_mode".to_owned(), json!("dnsrr"));
        }
        let host = &service.host;
        let (mut limits, mut set_aside) = (Map::new(), Map::new());
        put(&mut limits, "memory", host.memory.map_or(Value::Null, |b| json!(format!("{b}B"))));
        put(&mut limits, "cpus", host.cpus.map_or(Value::Null, |n| json!(n.to_string())));
        put(&mut limits, "pids", json!(host.pids_limit));
        let memory = host.memory_reservation;
        put(&mut set_aside, "memory", memory.map_or(Value::Null, |b| json!(format!("{b}B"))));
        let mut resources = Map::new();
        put(&mut resources, "limits", Value::Object(limits));
        put(&mut resources, "reservations", Value::Object(set_aside));
        put(&mut deploy, "resources", Value::Object(resources));
        put(out, "deploy", Value::Object(deploy));
    }

    fn healthcheck(&mut self, name: &str, check: Option<&Healthcheck>) -> Value {
        let Some(check) = check else { return Value::Null };
        let mut out = Map::new();
        put(&mut out, "test", json!(check.test));
        put(&mut out, "interval", milliseconds(check.interval_ms));
        put(&mut out, "timeout", milliseconds(check.timeout_ms));
        put(&mut out, "start_period", milliseconds(check.start_period_ms));
        put(&mut out, "retries", json!(check.retries));
        if check.start_interval_ms.is_some() {
            self.note(name, "healthcheck.start_interval", "older engines do not know it");
        }
        Value::Object(out)
    }

    /// Secrets and configs, all as secrets: older docker-compose knows no other files.
    fn placed(&mut self, name: &str, service: &Service) -> Value {
        let mut all = Vec::new();
        for (i, placed) in service.files.iter().enumerate() {
            let key = format!("{name}-{}", i + 1);
            let file = match (&placed.file, &placed.content) {
                (Some(file), _) => file.clone(),
                (None, content) => {
                    self.files.insert(key.clone(), content.clone().unwrap_or_default());
                    self.place.join(&key)
                }
            };
            self.secrets.insert(key.clone(), json!({ "file": file }));
            let mut one = json!({ "source": key, "target": placed.target });
            if let Some(mode) = placed.mode {
                one["mode"] = json!(mode);
            }
            all.push(one);
        }
        Value::Array(all)
    }

    fn host(&mut self, name: &str, host: &Host, out: &mut Map<String, Value>) {
        let swarm = self.dialect == Dialect::Swarm;
        let hosts = host.extra_hosts.iter().map(|(host, to)| json!(format!("{host}:{to}")));
        put(out, "user", json!(host.user));
        put(out, "working_dir", json!(host.working_dir));
        put(out, "hostname", json!(host.hostname));
        put(out, "extra_hosts", hosts.collect());
        put(out, "cap_add", json!(host.cap_add));
        put(out, "cap_drop", json!(host.cap_drop));
        put(out, "init", json!(host.init));
        put(out, "read_only", json!(host.read_only));
        put(out, "stop_signal", json!(host.stop_signal));
        put(out, "stop_grace_period", milliseconds(host.stop_grace_ms));
        put(out, "tty", json!(host.tty));
        put(out, "stdin_open", json!(host.stdin_open));
        put(out, "dns", json!(host.dns));
        put(out, "dns_search", json!(host.dns_search));
        put(out, "sysctls", json!(host.sysctls));
        let ulimits = host
            .ulimits
            .iter()
            .map(|(name, (soft, hard))| (name.clone(), json!({ "soft": soft, "hard": hard })));
        put(out, "ulimits", Value::Object(ulimits.collect()));
        let mut more = Map::new();
        put(&mut more, "domainname", json!(host.domainname));
        put(&mut more, "privileged", json!(host.privileged));
        put(&mut more, "dns_opt", json!(host.dns_opt));
        put(&mut more, "security_opt", json!(host.security_opt));
        put(&mut more, "pid", json!(host.pid));
        put(&mut more, "ipc", json!(host.ipc));
        put(&mut more, "devices", json!(host.devices));
        put(&mut more, "group_add", json!(host.group_add));
        put(&mut more, "platform", json!(host.platform));
        put(&mut more, "pull_policy", json!(host.pull_policy));
        put(&mut more, "oom_score_adj", json!(host.oom_score_adj));
        if swarm {
            more.keys().for_each(|key| self.note(name, key, "Swarm does not take it"));
            if let Some(bytes) = host.shm_size {
                let shm =
                    json!({ "type": "tmpfs", "target": "/dev/shm", "tmpfs": { "size": bytes } });
                let volumes = out.entry("volumes").or_insert_with(|| json!([]));
                volumes.as_array_mut().into_iter().for_each(|list| list.push(shm.clone()));
            }
            return;
        }
        out.append(&mut more);
        put(out, "shm_size", json!(host.shm_size));
        put(out, "mem_limit", json!(host.memory));
        put(out, "mem_reservation", json!(host.memory_reservation));
        put(out, "cpus", json!(host.cpus));
        put(out, "pids_limit", json!(host.pids_limit));
    }
}

fn build(build: &Build) -> Value {
    let mut out = Map::from_iter([("context".to_owned(), json!(build.context))]);
    match &build.dockerfile_inline {
        Some(text) => put(&mut out, "dockerfile_inline", json!(text)),
        None => put(&mut out, "dockerfile", json!(build.dockerfile)),
    }
    let hosts = build.extra_hosts.iter().map(|(host, to)| json!(format!("{host}:{to}")));
    let args =
        build.args.iter().filter_map(|(name, value)| Some((name.clone(), json!(value.as_ref()?))));
    put(&mut out, "args", Value::Object(args.collect()));
    put(&mut out, "target", json!(build.target));
    put(&mut out, "labels", json!(build.labels));
    put(&mut out, "cache_from", json!(build.cache_from));
    put(&mut out, "network", json!(build.network));
    put(&mut out, "extra_hosts", hosts.collect());
    put(&mut out, "shm_size", json!(build.shm_size));
    put(&mut out, "pull", json!(build.pull));
    put(&mut out, "no_cache", json!(build.no_cache));
    Value::Object(out)
}

fn mount(mount: &Mount) -> Value {
    if mount.kind == "bind" && mount.create {
        let modes = [mount.read_only.then_some("ro"), mount.mode.as_deref()];
        let modes: Vec<&str> = modes.into_iter().flatten().collect();
        let tail = if modes.is_empty() { String::new() } else { format!(":{}", modes.join(",")) };
        let source = mount.source.as_deref().unwrap_or_default();
        return json!(format!("{source}:{}{tail}", mount.target));
    }
    let mut out = Map::from_iter([("type".to_owned(), json!(mount.kind))]);
    put(&mut out, "source", json!(mount.source));
    put(&mut out, "target", json!(mount.target));
    put(&mut out, "read_only", json!(mount.read_only));
    if mount.kind == "bind" {
        let options =
            mount.mode.as_ref().map_or(Value::Null, |mode| json!({ "propagation": mode }));
        put(&mut out, "bind", options);
    }
    if mount.nocopy {
        put(&mut out, "volume", json!({ "nocopy": true }));
    }
    put(&mut out, "tmpfs", mount.size.map_or(Value::Null, |size| json!({ "size": size })));
    Value::Object(out)
}

fn attachment(a: &Attachment, swarm: bool) -> Value {
    let mut out = Map::new();
    put(&mut out, "aliases", json!(a.aliases));
    if !swarm {
        put(&mut out, "ipv4_address", json!(a.ipv4_address));
        put(&mut out, "ipv6_address", json!(a.ipv6_address));
        if a.priority != 0 {
            out.insert("priority".to_owned(), json!(a.priority));
        }
    }
    Value::Object(out)
}

fn network(network: &Network, dialect: Dialect) -> Value {
    let swarm = dialect == Dialect::Swarm;
    let mut out = Map::new();
    put(&mut out, "name", json!(network.name));
    put(&mut out, "external", json!(network.external));
    // Services of a swarm talk over overlay networks and no others.
    if !swarm || network.driver.as_deref() == Some("overlay") {
        put(&mut out, "driver", json!(network.driver));
        put(&mut out, "driver_opts", json!(network.driver_opts));
    }
    put(&mut out, "internal", json!(network.internal));
    put(&mut out, "attachable", json!(network.attachable));
    put(&mut out, "labels", json!(network.labels));
    let subnet = |(subnet, gateway): &(String, Option<String>)| {
        let mut one = json!({ "subnet": subnet });
        if let Some(gateway) = gateway.as_ref().filter(|_| !swarm) {
            one["gateway"] = json!(gateway);
        }
        one
    };
    let subnets: Vec<Value> = network.subnets.iter().map(subnet).collect();
    if !subnets.is_empty() {
        out.insert("ipam".to_owned(), json!({ "config": subnets }));
    }
    if !swarm {
        put(&mut out, "enable_ipv6", json!(network.enable_ipv6));
    }
    Value::Object(out)
}

fn volume(volume: &Volume) -> Value {
    let mut out = Map::new();
    put(&mut out, "name", json!(volume.name));
    put(&mut out, "external", json!(volume.external));
    put(&mut out, "driver", json!(volume.driver));
    put(&mut out, "driver_opts", json!(volume.driver_opts));
    put(&mut out, "labels", json!(volume.labels));
    Value::Object(out)
}
