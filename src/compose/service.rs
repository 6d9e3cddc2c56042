//! A service's keys, each in its function; a key that no function takes is named.

use super::develop;
use super::dotenv;
use super::extension::extension;
use super::interpolate::Variables;
use super::load::Read;
use super::model::{Attachment, Build, Condition, Dependency, Healthcheck, Restart, Service};
use super::mounts;
use super::node::{Findings, Node};
use super::ports;
use crate::compose::limits::nearest;
use std::collections::BTreeMap;

/// Keys of the Compose Specification that are understood and not carried out; each is named when met.
const NOT_SERVED: &[&str] = &[
    "annotations",
    "attach",
    "blkio_config",
    "cgroup",
    "cgroup_parent",
    "cpu_count",
    "cpu_percent",
    "cpu_period",
    "cpu_quota",
    "cpu_rt_period",
    "cpu_rt_runtime",
    "cpu_shares",
    "cpuset",
    "credential_spec",
    "device_cgroup_rules",
    "external_links",
    "gpus",
    "isolation",
    "label_file",
    "links",
    "logging",
    "mac_address",
    "mem_swappiness",
    "memswap_limit",
    "models",
    "oom_kill_disable",
    "post_start",
    "pre_stop",
    "provider",
    "runtime",
    "scale_policy",
    "storage_opt",
    "use_api_socket",
    "userns_mode",
    "uts",
    "volumes_from",
];

/// Every key that is served.
const SERVED: &[&str] = &[
    "image",
    "build",
    "command",
    "entrypoint",
    "environment",
    "env_file",
    "expose",
    "ports",
    "volumes",
    "networks",
    "network_mode",
    "depends_on",
    "healthcheck",
    "restart",
    "deploy",
    "scale",
    "secrets",
    "configs",
    "tmpfs",
    "labels",
    "container_name",
    "profiles",
    "develop",
    "user",
    "working_dir",
    "hostname",
    "domainname",
    "extra_hosts",
    "cap_add",
    "cap_drop",
    "privileged",
    "init",
    "read_only",
    "stop_signal",
    "stop_grace_period",
    "shm_size",
    "tty",
    "stdin_open",
    "dns",
    "dns_search",
    "dns_opt",
    "sysctls",
    "security_opt",
    "pid",
    "ipc",
    "devices",
    "group_add",
    "mem_limit",
    "mem_reservation",
    "cpus",
    "pids_limit",
    "ulimits",
    "platform",
    "pull_policy",
    "oom_score_adj",
    "extends",
];

/// What a service is read with.
pub(super) struct Reader<'a> {
    pub(super) findings: &'a mut Findings,
    pub(super) read: Read<'a>,
    pub(super) variables: &'a Variables,
    /// Texts of secrets and configs by section and name.
    pub(super) placed: &'a mounts::Sources,
}

impl Reader<'_> {
    /// The service of this name.
    pub(super) fn service(&mut self, name: &str, node: &Node) -> Service {
        let mut service = Service { replicas: 1, ..Service::default() };
        for (key, value) in self.findings.entries(node, name).to_vec() {
            let key_name = key.name.as_str();
            let taken = self.running(&mut service, key_name, &value)
                || self.joined(&mut service, key_name, &value)
                || self.placed(&mut service, key_name, &value)
                || self.host(&mut service, key_name, &value)
                || self.limits(&mut service, key_name, &value);
            if taken || key_name.starts_with("x-") {
                continue;
            }
            let what = format!("services.{name}.{key_name}");
            if NOT_SERVED.contains(&key_name) {
                self.findings.note(key.at, format!("`{what}` is not served"));
            } else {
                let near = nearest(key_name, SERVED);
                let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
                self.findings.mistake(key.at, format!("`{what}` is no key of a service{near}"));
            }
        }
        self.environment(&mut service, node);
        if service.image.is_none() && service.build.is_none() {
            self.findings
                .mistake(node.at, format!("the service `{name}` has neither `image` nor `build`"));
        }
        service
    }

    /// What runs, and how long.
    fn running(&mut self, service: &mut Service, key: &str, node: &Node) -> bool {
        let f = &mut *self.findings;
        match key {
            "image" => service.image = f.text(node, key),
            "build" => service.build = Some(self.build(node)),
            "command" => service.command = f.words(node, key),
            "entrypoint" => service.entrypoint = f.words(node, key),
            "healthcheck" => service.healthcheck = self.healthcheck(node),
            "restart" => service.restart = restart(node, f),
            "scale" => service.replicas = f.number(node, key).unwrap_or(1),
            "deploy" => self.deploy(service, node),
            "labels" => service.labels.extend(f.labels(node, key)),
            "container_name" => service.container_name = f.text(node, key),
            "profiles" => service.profiles = f.texts(node, key),
            "develop" => service.watch = develop::watch(node, f),
            "x-devenv" => extension(node, service, f),
            // Read at the end, in their order; carried out before.
            "environment" | "env_file" | "extends" => {}
            _ => return false,
        }
        true
    }

    /// What it is joined to.
    fn joined(&mut self, service: &mut Service, key: &str, node: &Node) -> bool {
        let f = &mut *self.findings;
        match key {
            "expose" => service.expose = f.texts(node, key),
            "ports" => service.ports = ports::ports(node, f),
            "networks" => service.networks = self.networks(node),
            "network_mode" => service.network_mode = f.text(node, key),
            "depends_on" => service.depends_on = self.depends_on(node),
            "hostname" => service.host.hostname = f.text(node, key),
            "domainname" => service.host.domainname = f.text(node, key),
            "extra_hosts" => service.host.extra_hosts = hosts(node, f),
            "dns" => service.host.dns = f.texts(node, key),
            "dns_search" => service.host.dns_search = f.texts(node, key),
            "dns_opt" => service.host.dns_opt = f.texts(node, key),
            _ => return false,
        }
        true
    }

    /// What is put into it.
    fn placed(&mut self, service: &mut Service, key: &str, node: &Node) -> bool {
        let f = &mut *self.findings;
        match key {
            "volumes" => service.mounts.extend(mounts::mounts(node, f)),
            "tmpfs" => service.mounts.extend(mounts::tmpfs(node, f)),
            "secrets" | "configs" => {
                service.files.extend(mounts::files(key, node, self.placed, f));
            }
            "devices" => service.host.devices = mounts::devices(node, f),
            _ => return false,
        }
        true
    }

    /// How it sits on its host.
    fn host(&mut self, service: &mut Service, key: &str, node: &Node) -> bool {
        let (f, host) = (&mut *self.findings, &mut service.host);
        match key {
            "user" => host.user = f.text(node, key),
            "working_dir" => host.working_dir = f.text(node, key),
            "cap_add" => host.cap_add = f.texts(node, key),
            "cap_drop" => host.cap_drop = f.texts(node, key),
            "privileged" => host.privileged = f.flag(node, key).unwrap_or_default(),
            "init" => host.init = f.flag(node, key),
            "read_only" => host.read_only = f.flag(node, key).unwrap_or_default(),
            "stop_signal" => host.stop_signal = f.text(node, key),
            "stop_grace_period" => host.stop_grace_ms = f.duration(node, key),
            "tty" => host.tty = f.flag(node, key).unwrap_or_default(),
            "stdin_open" => host.stdin_open = f.flag(node, key).unwrap_or_default(),
            "sysctls" => host.sysctls = f.labels(node, key),
            "security_opt" => host.security_opt = f.texts(node, key),
            "pid" => host.pid = f.text(node, key),
            "ipc" => host.ipc = f.text(node, key),
            "group_add" => host.group_add = f.texts(node, key),
            "platform" => host.platform = f.text(node, key),
            "pull_policy" => host.pull_policy = f.text(node, key),
            _ => return false,
        }
        true
    }

    /// How much of its host it may take.
    fn limits(&mut self, service: &mut Service, key: &str, node: &Node) -> bool {
        let (f, host) = (&mut *self.findings, &mut service.host);
        match key {
            "shm_size" => host.shm_size = f.bytes(node, key),
            "mem_limit" => host.memory = f.bytes(node, key),
            "mem_reservation" => host.memory_reservation = f.bytes(node, key),
            "cpus" => host.cpus = f.number(node, key),
            "pids_limit" => host.pids_limit = f.number(node, key),
            "oom_score_adj" => host.oom_score_adj = f.number(node, key),
            "ulimits" => {
                for (limit, value) in f.entries(node, key).to_vec() {
                    let one = |f: &mut Findings, part: &str| {
                        value.get(part).and_then(|node| f.number(node, part))
                    };
                    let both = match value.map() {
                        Some(_) => one(f, "soft").zip(one(f, "hard")),
                        None => f.number(&value, &limit.name).map(|n: i64| (n, n)),
                    };
                    host.ulimits.extend(both.map(|both| (limit.name.clone(), both)));
                }
            }
            _ => return false,
        }
        true
    }

    fn environment(&mut self, service: &mut Service, node: &Node) {
        let mut all = BTreeMap::new();
        if let Some(files) = node.get("env_file") {
            for item in files.list().unwrap_or(std::slice::from_ref(files)) {
                self.env_file(item, &mut all);
            }
        }
        if let Some(own) = node.get("environment") {
            for (name, value, node) in self.findings.table(own, "environment", '=') {
                // `NAME` and `NAME:` alone: the surroundings' value, or none at all; `NAME=` is empty.
                let value = match node.is_null() {
                    true => self.variables.get(&name).cloned(),
                    false => Some(value.unwrap_or_default()),
                };
                match value {
                    Some(value) => all.insert(name, value),
                    None => all.remove(&name),
                };
            }
        }
        service.environment = all;
    }

    fn env_file(&mut self, item: &Node, all: &mut BTreeMap<String, String>) {
        let path = item.get("path").unwrap_or(item);
        let required =
            item.get("required").is_none_or(|n| self.findings.flag(n, "required") != Some(false));
        let raw = item.get("format").and_then(Node::scalar) == Some("raw");
        let Some(name) = self.findings.text(path, "env_file") else { return };
        let full = self.findings.path(path.at, &name);
        let text = match (self.read)(&full) {
            Ok(text) => text,
            Err(_) if !required => return,
            Err(error) => {
                return self.findings.mistake(path.at, format!("{name} cannot be read: {error}"));
            }
        };
        if raw {
            let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
            let pairs = lines.filter_map(|line| line.split_once('='));
            return all.extend(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
        }
        let mut known: Variables = all.clone();
        known.extend(self.variables.clone());
        match dotenv::parse(&text, &known) {
            Ok(pairs) => {
                for (name, value) in pairs {
                    if let Some(value) = value.or_else(|| self.variables.get(&name).cloned()) {
                        all.insert(name, value);
                    }
                }
            }
            Err((line, why)) => self.findings.mistake(path.at, format!("{name}:{line}: {why}")),
        }
    }

    fn build(&mut self, node: &Node) -> Build {
        let f = &mut *self.findings;
        let mut build = Build { dockerfile: "Dockerfile".to_owned(), ..Build::default() };
        build.context = f.path(node.at, ".");
        if let Some(context) = node.scalar() {
            build.context = f.path(node.at, context);
            return build;
        }
        for (key, value) in f.entries(node, "build").to_vec() {
            let name = key.name.as_str();
            match name {
                "context" => {
                    let text = f.text(&value, name).unwrap_or_else(|| ".".to_owned());
                    if text.contains("://") || text.starts_with("git@") {
                        f.mistake(
                            value.at,
                            "`build.context` takes a directory; addresses are not served",
                        );
                    }
                    build.context = f.path(value.at, &text);
                }
                "dockerfile" => build.dockerfile = f.text(&value, name).unwrap_or(build.dockerfile),
                "dockerfile_inline" => build.dockerfile_inline = f.text(&value, name),
                "args" => {
                    let table = f.table(&value, name, '=');
                    let value_of =
                        |name: &String, value: Option<String>, node: &Node| match node.is_null() {
                            true => self.variables.get(name).cloned(),
                            false => Some(value.unwrap_or_default()),
                        };
                    build.args = table
                        .into_iter()
                        .map(|(n, v, node)| (n.clone(), value_of(&n, v, &node)))
                        .collect();
                }
                "target" => build.target = f.text(&value, name),
                "labels" => build.labels = f.labels(&value, name),
                "cache_from" => build.cache_from = f.texts(&value, name),
                "network" => build.network = f.text(&value, name),
                "extra_hosts" => build.extra_hosts = hosts(&value, f),
                "shm_size" => build.shm_size = f.bytes(&value, name),
                "pull" => build.pull = f.flag(&value, name).unwrap_or_default(),
                "no_cache" => build.no_cache = f.flag(&value, name).unwrap_or_default(),
                _ if name.starts_with("x-") => {}
                "additional_contexts"
                | "cache_to"
                | "entitlements"
                | "isolation"
                | "platforms"
                | "privileged"
                | "secrets"
                | "ssh"
                | "tags"
                | "ulimits"
                | "provenance"
                | "sbom" => {
                    f.note(key.at, format!("`build.{name}` is not served"));
                }
                _ => f.mistake(key.at, format!("`build.{name}` is no key of a build")),
            }
        }
        build
    }

    fn healthcheck(&mut self, node: &Node) -> Option<Healthcheck> {
        let f = &mut *self.findings;
        let mut check = Healthcheck::default();
        for (key, value) in f.entries(node, "healthcheck").to_vec() {
            let name = key.name.as_str();
            match name {
                "test" => match value.scalar() {
                    Some(text) => check.test = vec!["CMD-SHELL".to_owned(), text.to_owned()],
                    None => {
                        check.test = f.texts(&value, name);
                        let first = check.test.first().map(String::as_str);
                        if !matches!(first, Some("NONE" | "CMD" | "CMD-SHELL")) {
                            f.mistake(
                                value.at,
                                "`healthcheck.test` begins with CMD, CMD-SHELL or NONE",
                            );
                        }
                    }
                },
                "interval" => check.interval_ms = f.duration(&value, name),
                "timeout" => check.timeout_ms = f.duration(&value, name),
                "start_period" => check.start_period_ms = f.duration(&value, name),
                "start_interval" => check.start_interval_ms = f.duration(&value, name),
                "retries" => check.retries = f.number(&value, name),
                "disable" => {
                    if f.flag(&value, name) == Some(true) {
                        check.test = vec!["NONE".to_owned()];
                    }
                }
                _ if name.starts_with("x-") => {}
                _ => f.mistake(key.at, format!("`healthcheck.{name}` is no key of a health check")),
            }
        }
        Some(check)
    }

    fn deploy(&mut self, service: &mut Service, node: &Node) {
        let f = &mut *self.findings;
        for (key, value) in f.entries(node, "deploy").to_vec() {
            let name = key.name.as_str();
            match name {
                "replicas" => service.replicas = f.number(&value, name).unwrap_or(1),
                "restart_policy" => {
                    let condition = value.get("condition").and_then(Node::scalar).unwrap_or("any");
                    let max = value.get("max_attempts").and_then(|n| f.number(n, "max_attempts"));
                    service.restart = match condition {
                        "none" => Restart::No,
                        "on-failure" => Restart::OnFailure(max),
                        _ => Restart::Always,
                    };
                }
                "resources" => {
                    for (part, at) in [("limits", true), ("reservations", false)] {
                        let Some(part) = value.get(part) else { continue };
                        let memory = part.get("memory").and_then(|n| f.bytes(n, "memory"));
                        match at {
                            true => {
                                service.host.memory = memory.or(service.host.memory);
                                service.host.cpus = part
                                    .get("cpus")
                                    .and_then(|n| f.number(n, "cpus"))
                                    .or(service.host.cpus);
                                service.host.pids_limit = part
                                    .get("pids")
                                    .and_then(|n| f.number(n, "pids"))
                                    .or(service.host.pids_limit);
                            }
                            false => {
                                service.host.memory_reservation =
                                    memory.or(service.host.memory_reservation)
                            }
                        }
                    }
                }
                "mode" if value.scalar() == Some("replicated") => {}
                // Labels of a swarm's service are not those of its containers.
                "labels" => {}
                _ if name.starts_with("x-") => {}
                "endpoint_mode" | "mode" | "placement" | "rollback_config" | "update_config" => {
                    f.note(key.at, format!("`deploy.{name}` is not served"));
                }
                _ => f.mistake(key.at, format!("`deploy.{name}` is no key of a deployment")),
            }
        }
    }

    fn networks(&mut self, node: &Node) -> BTreeMap<String, Attachment> {
        let f = &mut *self.findings;
        let mut all = BTreeMap::new();
        if let Some(items) = node.list() {
            let names = items.iter().filter_map(|item| f.text(item, "networks"));
            return names.map(|name| (name, Attachment::default())).collect();
        }
        for (key, value) in f.entries(node, "networks").to_vec() {
            let mut attachment = Attachment::default();
            for (part, value) in f.entries(&value, &key.name).to_vec() {
                match part.name.as_str() {
                    "aliases" => attachment.aliases = f.texts(&value, "aliases"),
                    "ipv4_address" => attachment.ipv4_address = f.text(&value, "ipv4_address"),
                    "ipv6_address" => attachment.ipv6_address = f.text(&value, "ipv6_address"),
                    "priority" => {
                        attachment.priority = f.number(&value, "priority").unwrap_or_default()
                    }
                    "driver_opts" | "gw_priority" | "interface_name" | "link_local_ips"
                    | "mac_address" => {
                        f.note(
                            part.at,
                            format!("`networks.{}.{}` is not served", key.name, part.name),
                        );
                    }
                    other if other.starts_with("x-") => {}
                    other => f.mistake(
                        part.at,
                        format!("`networks.{}.{other}` is no key of an attachment", key.name),
                    ),
                }
            }
            all.insert(key.name.clone(), attachment);
        }
        all
    }

    fn depends_on(&mut self, node: &Node) -> BTreeMap<String, Dependency> {
        let f = &mut *self.findings;
        let started = Dependency { condition: Condition::ServiceStarted, required: true };
        if let Some(items) = node.list() {
            let names = items.iter().filter_map(|item| f.text(item, "depends_on"));
            return names.map(|name| (name, started)).collect();
        }
        let mut all = BTreeMap::new();
        for (key, value) in f.entries(node, "depends_on").to_vec() {
            let mut dependency = started;
            for (part, value) in f.entries(&value, &key.name).to_vec() {
                match (part.name.as_str(), value.scalar()) {
                    ("condition", Some("service_started")) => {}
                    ("condition", Some("service_healthy")) => dependency.condition = Condition::ServiceHealthy,
                    ("condition", Some("service_completed_successfully")) => {
                        dependency.condition = Condition::ServiceCompletedSuccessfully;
                    }
                    ("condition", _) => f.mistake(value.at, "`condition` is service_started, service_healthy or service_completed_successfully"),
                    ("required", _) => dependency.required = f.flag(&value, "required").unwrap_or(true),
                    // What needs a restarted part is always restarted with it.
                    ("restart", _) => {}
                    (other, _) if other.starts_with("x-") => {}
                    (other, _) => f.mistake(part.at, format!("`depends_on.{}.{other}` is no key of a dependency", key.name)),
                }
            }
            all.insert(key.name.clone(), dependency);
        }
        all
    }
}

fn restart(node: &Node, findings: &mut Findings) -> Restart {
    match node.scalar().unwrap_or("no") {
        "no" | "false" => Restart::No,
        "always" | "unless-stopped" => Restart::Always,
        "on-failure" => Restart::OnFailure(None),
        other => {
            match other.strip_prefix("on-failure:").and_then(|n| n.parse().ok()) {
                Some(max) => Restart::OnFailure(Some(max)),
                None => {
                    findings.mistake(node.at, format!("`restart` is no, always, on-failure[:N] or unless-stopped, not `{other}`"));
                    Restart::No
                }
            }
        }
    }
}

fn hosts(node: &Node, findings: &mut Findings) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for (name, address, value) in findings.table(node, "extra_hosts", ':') {
        match (address, value.list()) {
            (Some(address), _) => all.push((name, address)),
            _ => findings.mistake(value.at, format!("`extra_hosts` gives `{name}` no address")),
        }
    }
    all.sort();
    all
}
