//! The pod of a service: its container, its probes, its place on a node.

use super::super::platform::{DEVENV, USER};
use super::super::put;
use super::Writer;
use super::volumes::Mounts;
use crate::compose::{Healthcheck, Host, Restart, Service};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Docker's own defaults for what a health check does not say.
const INTERVAL_MS: u64 = 30_000;
const TIMEOUT_MS: u64 = 30_000;
const RETRIES: u32 = 3;

impl Writer<'_> {
    pub(super) fn pod(
        &mut self,
        key: &str,
        name: &str,
        service: &Service,
        from: &[Value],
        mounts: &Mounts,
    ) -> Value {
        let host = &service.host;
        let container = self.container(key, name, service, from, mounts);
        let mut pod = Map::new();
        // Variables of Kubernetes' own (`REDIS_PORT=tcp://…`) would stand in the way of the project's.
        pod.insert("enableServiceLinks".to_owned(), json!(false));
        pod.insert("automountServiceAccountToken".to_owned(), json!(false));
        if self.jobs.contains(key) {
            let restart = if service.restart == Restart::No { "Never" } else { "OnFailure" };
            pod.insert("restartPolicy".to_owned(), json!(restart));
        }
        if let Some(ms) = host.stop_grace_ms {
            pod.insert("terminationGracePeriodSeconds".to_owned(), json!(seconds(ms)));
        }
        put(&mut pod, "hostname", json!(host.hostname));
        put(&mut pod, "hostNetwork", json!(service.network_mode.as_deref() == Some("host")));
        put(&mut pod, "hostPID", json!(host.pid.as_deref() == Some("host")));
        put(&mut pod, "hostIPC", json!(host.ipc.as_deref() == Some("host")));
        let aliases = host.extra_hosts.iter().filter(|(_, to)| to != "host-gateway");
        let aliases = aliases.map(|(name, to)| json!({ "ip": to, "hostnames": [name] }));
        put(&mut pod, "hostAliases", aliases.collect());
        let mut dns = Map::new();
        put(&mut dns, "nameservers", json!(host.dns));
        put(&mut dns, "searches", json!(host.dns_search));
        put(&mut pod, "dnsConfig", Value::Object(dns));
        if let Some((_, arch)) = host.platform.as_deref().and_then(|p| p.split_once('/')) {
            let arch = arch.split('/').next().unwrap_or(arch);
            pod.insert("nodeSelector".to_owned(), json!({ "kubernetes.io/arch": arch }));
        }
        put(&mut pod, "securityContext", pod_security(key, host));
        pod.insert("containers".to_owned(), json!([container]));
        put(&mut pod, "volumes", json!(mounts.volumes));
        self.left_out(key, service);
        Value::Object(pod)
    }

    fn container(
        &mut self,
        key: &str,
        name: &str,
        service: &Service,
        from: &[Value],
        mounts: &Mounts,
    ) -> Value {
        let host = &service.host;
        let mut out = Map::new();
        out.insert("name".to_owned(), json!(name));
        out.insert("image".to_owned(), json!(service.image.clone().unwrap_or_default()));
        let policy = match host.pull_policy.as_deref() {
            Some("always") => json!("Always"),
            Some("never") => json!("Never"),
            Some("missing" | "if_not_present") => json!("IfNotPresent"),
            _ => Value::Null,
        };
        put(&mut out, "imagePullPolicy", policy);
        put(&mut out, "command", words(service.entrypoint.as_ref()));
        put(&mut out, "args", words(service.command.as_ref()));
        put(&mut out, "workingDir", json!(host.working_dir));
        put(&mut out, "envFrom", json!(from));
        let ports = ports(service).into_iter().map(|(port, protocol)| {
            json!({ "name": port_name(port, &protocol), "containerPort": port, "protocol": protocol })
        });
        put(&mut out, "ports", ports.collect());
        if !self.jobs.contains(key) {
            probes(service.healthcheck.as_ref(), &mut out);
        }
        put(&mut out, "resources", resources(host));
        put(&mut out, "securityContext", security(host));
        put(&mut out, "stdin", json!(host.stdin_open));
        put(&mut out, "tty", json!(host.tty));
        put(&mut out, "volumeMounts", json!(mounts.mounts));
        Value::Object(out)
    }

    /// What has no place in a pod.
    fn left_out(&mut self, key: &str, service: &Service) {
        let host = &service.host;
        let user = host.user.as_ref().or(host.group_add.first());
        let named = user.filter(|user| user.contains(|c: char| c.is_ascii_alphabetic()));
        let mode = service.network_mode.as_deref().filter(|mode| *mode != "host");
        let gateway = host.extra_hosts.iter().any(|(_, to)| to == "host-gateway");
        let left = [
            ("build", service.build.is_some(), "its image has to be in a registry"),
            ("user", named.is_some(), "users and groups are numbers there"),
            ("network_mode", mode.is_some(), "a pod has one network"),
            ("extra_hosts", gateway, "`host-gateway` is Docker's"),
            ("ulimits", !host.ulimits.is_empty(), "they are the node's"),
            ("devices", !host.devices.is_empty(), "they are given by plugins"),
            ("security_opt", !host.security_opt.is_empty(), "it is Docker's"),
            ("stop_signal", host.stop_signal.is_some(), "it is the image's"),
            ("pids_limit", host.pids_limit.is_some(), "it is the node's"),
            ("init", host.init == Some(true), "the image has to bring one"),
        ];
        for (what, is_there, why) in left {
            if is_there {
                self.note(key, format!("`{what}` is left out: {why}"));
            }
        }
    }
}

/// Ports by number and protocol, published ones and those for other containers.
pub(super) fn ports(service: &Service) -> BTreeSet<(u16, String)> {
    let published = service.ports.iter().map(|p| (p.target, p.protocol.to_uppercase()));
    let exposed = service.expose.iter().filter_map(|text| {
        let (port, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
        Some((port.parse().ok()?, protocol.to_uppercase()))
    });
    published.chain(exposed).collect()
}

pub(super) fn port_name(port: u16, protocol: &str) -> String {
    format!("{}-{port}", protocol.to_ascii_lowercase())
}

/// Words of a command; `$(NAME)` means something there.
fn words(words: Option<&Vec<String>>) -> Value {
    let words = words.map(|all| all.iter().map(|word| word.replace("$(", "$$(")).collect());
    words.map_or(Value::Null, |words: Vec<String>| json!(words))
}

/// Whole seconds, one at the least.
fn seconds(ms: u64) -> u64 {
    ms.div_ceil(1000).max(1)
}

/// A health check as Docker means it: who does not pass is not spoken to, and, as Swarm has it,
/// started anew.
fn probes(check: Option<&Healthcheck>, out: &mut Map<String, Value>) {
    let Some(check) = check else { return };
    let command: Vec<String> = match check.test.split_first() {
        Some((kind, rest)) if kind == "CMD" => rest.to_vec(),
        Some((kind, rest)) if kind == "CMD-SHELL" => {
            vec!["/bin/sh".to_owned(), "-c".to_owned(), rest.join(" ")]
        }
        _ => return,
    };
    let probe = |failures: u64| {
        json!({
            "exec": { "command": words(Some(&command)) },
            "periodSeconds": seconds(check.interval_ms.unwrap_or(INTERVAL_MS)),
            "timeoutSeconds": seconds(check.timeout_ms.unwrap_or(TIMEOUT_MS)),
            "failureThreshold": failures,
        })
    };
    let retries = u64::from(check.retries.unwrap_or(RETRIES).max(1));
    let interval = check.interval_ms.unwrap_or(INTERVAL_MS).max(1000);
    // Until it has passed once, failures of the start count less.
    let starting = check.start_period_ms.unwrap_or_default().div_ceil(interval) + retries;
    out.insert("startupProbe".to_owned(), probe(starting));
    out.insert("readinessProbe".to_owned(), probe(retries));
    out.insert("livenessProbe".to_owned(), probe(retries));
}

fn resources(host: &Host) -> Value {
    let (mut limits, mut requests) = (Map::new(), Map::new());
    let bytes = |bytes: Option<i64>| bytes.map_or(Value::Null, |b| json!(b.to_string()));
    put(&mut limits, "memory", bytes(host.memory));
    put(&mut limits, "cpu", host.cpus.map_or(Value::Null, |n| json!(n.to_string())));
    put(&mut requests, "memory", bytes(host.memory_reservation));
    let mut out = Map::new();
    put(&mut out, "limits", Value::Object(limits));
    put(&mut out, "requests", Value::Object(requests));
    Value::Object(out)
}

fn security(host: &Host) -> Value {
    let bare = |all: &[String]| -> Vec<String> {
        all.iter().map(|cap| cap.trim_start_matches("CAP_").to_owned()).collect()
    };
    let mut out = Map::new();
    put(&mut out, "privileged", json!(host.privileged));
    put(&mut out, "readOnlyRootFilesystem", json!(host.read_only));
    let mut capabilities = Map::new();
    put(&mut capabilities, "add", json!(bare(&host.cap_add)));
    put(&mut capabilities, "drop", json!(bare(&host.cap_drop)));
    put(&mut out, "capabilities", Value::Object(capabilities));
    Value::Object(out)
}

fn pod_security(key: &str, host: &Host) -> Value {
    let mut out = Map::new();
    let user = host.user.as_deref().unwrap_or_default();
    let (user, group) = user.split_once(':').unwrap_or((user, ""));
    let number = |text: &str| text.parse::<i64>().map_or(Value::Null, |n| json!(n));
    put(&mut out, "runAsUser", number(user));
    put(&mut out, "runAsGroup", number(group));
    if key == DEVENV {
        // Its image runs as this user, and a new disk is root's.
        out.insert("fsGroup".to_owned(), json!(USER));
    }
    let groups: Vec<i64> = host.group_add.iter().filter_map(|g| g.parse().ok()).collect();
    put(&mut out, "supplementalGroups", json!(groups));
    let sysctls = host.sysctls.iter().map(|(name, value)| json!({ "name": name, "value": value }));
    put(&mut out, "sysctls", sysctls.collect());
    Value::Object(out)
}
