//! A stack as Kubernetes objects.
//!
//! A service is a Deployment; a StatefulSet where volumes are its own; a Job where others wait for its
//! end; a CronJob where it has a schedule. Its variables are a ConfigMap and, those that look secret, a Secret; its files likewise; its ports
//! a Service, which its further names lead to too. Volumes that several share are claims of their own.
//! Source: Kubernetes' API reference, v1.31 and newer.

mod pod;
mod volumes;

use super::compose::waited_for;
use crate::compose::{Service, Stack};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use volumes::Mounts;

/// Bytes that a claim asks for: Compose's volumes have no size.
const CLAIM_SIZE: &str = "5Gi";
/// Tries of a job.
const JOB_TRIES: u32 = 20;
/// A label's longest value, and a name's.
const NAME_MAX: usize = 63;
/// Parts of variables' names whose values are kept in Secrets.
const SECRET_WORDS: [&str; 8] =
    ["PASSWORD", "PASSWD", "SECRET", "TOKEN", "PRIVATE", "CREDENTIAL", "KEY", "DSN"];

/// All objects, and what Kubernetes is not told.
pub fn kubernetes(
    stack: &Stack,
    project: &str,
    namespace: Option<&str>,
) -> (Vec<Value>, Vec<String>) {
    let scheduled = stack.services.iter().filter(|(_, service)| service.schedule.is_some());
    let scheduled = scheduled.map(|(name, _)| name.clone());
    let mut writer = Writer {
        project: name_of(project),
        namespace,
        stack,
        jobs: waited_for(stack).into_iter().chain(scheduled).collect(),
        objects: Vec::new(),
        notes: Vec::new(),
    };
    for (name, service) in &stack.services {
        writer.service(name, service);
    }
    writer.claims();
    (writer.objects, writer.notes)
}

/// A name that Kubernetes takes: RFC 1123's labels.
fn name_of(text: &str) -> String {
    let name: String = text
        .to_ascii_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .take(NAME_MAX)
        .collect();
    let name = name.trim_matches('-').to_owned();
    if name.is_empty() { "x".to_owned() } else { name }
}

struct Writer<'a> {
    project: String,
    namespace: Option<&'a str>,
    stack: &'a Stack,
    jobs: BTreeSet<String>,
    objects: Vec<Value>,
    notes: Vec<String>,
}

impl Writer<'_> {
    fn note(&mut self, service: &str, text: impl std::fmt::Display) {
        self.notes.push(format!("{service}: {text}"));
    }

    fn metadata(&self, name: &str, part: &str) -> Value {
        let mut metadata = json!({ "name": name });
        if let Some(namespace) = self.namespace {
            metadata["namespace"] = json!(namespace);
        }
        metadata["labels"] = self.labels(part);
        metadata
    }

    fn labels(&self, part: &str) -> Value {
        let mut labels = self.selector(part);
        labels["app.kubernetes.io/managed-by"] = json!("devenv");
        labels
    }

    fn selector(&self, part: &str) -> Value {
        json!({ "app.kubernetes.io/name": part, "app.kubernetes.io/part-of": self.project })
    }

    fn put(&mut self, version: &str, kind: &str, metadata: Value, rest: Value) {
        let mut object = Map::new();
        object.insert("apiVersion".to_owned(), json!(version));
        object.insert("kind".to_owned(), json!(kind));
        object.insert("metadata".to_owned(), metadata);
        object.extend(rest.as_object().cloned().unwrap_or_default());
        self.objects.push(Value::Object(object));
    }

    fn service(&mut self, key: &str, service: &Service) {
        let name = name_of(key);
        if name != key {
            self.note(key, format!("it is called `{name}` there, and not found by its own name"));
        }
        if service.tls.is_some() {
            self.note(key, "its certificate has to be put there by somebody else");
        }
        let from = self.variables(&name, service);
        let mounts = self.mounts(key, &name, service);
        let pod = self.pod(key, &name, service, &from, &mounts);
        self.workload(key, &name, service, pod, mounts);
        self.ports(key, &name, service);
    }

    /// Its variables in a ConfigMap and a Secret; how they are put into the container.
    fn variables(&mut self, name: &str, service: &Service) -> Vec<Value> {
        let (secret, open): (BTreeMap<_, _>, BTreeMap<_, _>) =
            service.environment.iter().partition(|(key, value)| is_secret(key, value));
        let mut from = Vec::new();
        if !open.is_empty() {
            let own = format!("{name}-env");
            let metadata = self.metadata(&own, name);
            self.put("v1", "ConfigMap", metadata, json!({ "data": open }));
            from.push(json!({ "configMapRef": { "name": own } }));
        }
        if !secret.is_empty() {
            let own = format!("{name}-env");
            let metadata = self.metadata(&own, name);
            self.put("v1", "Secret", metadata, json!({ "type": "Opaque", "stringData": secret }));
            from.push(json!({ "secretRef": { "name": own } }));
        }
        from
    }

    fn workload(&mut self, key: &str, name: &str, service: &Service, pod: Value, mounts: Mounts) {
        let is_job = self.jobs.contains(key);
        // Variables and files are not part of the pod: their change has to be, or nothing starts anew.
        let facts = json!([service, mounts.contents]).to_string();
        let print = hex::encode(&Sha256::digest(facts)[..8]);
        let metadata = json!({
            "labels": self.labels(name),
            "annotations": { "devenv.dev/configuration": print },
        });
        let template = json!({ "metadata": metadata, "spec": pod });
        let metadata = self.metadata(name, name);
        let selector = json!({ "matchLabels": self.selector(name) });
        if is_job {
            if !mounts.own.is_empty() {
                self.note(key, "a job's own volumes are empty at each run");
            }
            let spec = json!({ "backoffLimit": JOB_TRIES, "template": template });
            return match &service.schedule {
                Some(schedule) => {
                    let (times, zone) = schedule.zoned();
                    let spec = json!({
                        "schedule": times,
                        "timeZone": zone,
                        "concurrencyPolicy": if schedule.overlap { "Allow" } else { "Forbid" },
                        "jobTemplate": { "spec": spec },
                    });
                    self.put("batch/v1", "CronJob", metadata, json!({ "spec": spec }))
                }
                None => self.put("batch/v1", "Job", metadata, json!({ "spec": spec })),
            };
        }
        if mounts.own.is_empty() {
            let spec =
                json!({ "replicas": service.replicas, "selector": selector, "template": template });
            return self.put("apps/v1", "Deployment", metadata, json!({ "spec": spec }));
        }
        let claims: Vec<Value> = mounts
            .own
            .iter()
            .map(|volume| {
                json!({ "metadata": { "name": volume, "labels": self.selector(name) }, "spec": claim() })
            })
            .collect();
        let spec = json!({
            "serviceName": name,
            "replicas": service.replicas,
            "selector": selector,
            "template": template,
            "volumeClaimTemplates": claims,
        });
        self.put("apps/v1", "StatefulSet", metadata, json!({ "spec": spec }));
    }

    /// Services for its ports, by its name and by all others that it answers to.
    fn ports(&mut self, key: &str, name: &str, service: &Service) {
        let ports = pod::ports(service);
        let is_waited_for = self.stack.services.values().any(|s| s.depends_on.contains_key(key));
        if ports.is_empty() {
            if is_waited_for && !self.jobs.contains(key) {
                self.note(
                    key,
                    "no port is named, so that nothing can reach it; `expose` names them",
                );
            }
            return;
        }
        let aliases = service.networks.values().flat_map(|attachment| &attachment.aliases);
        let aliases = aliases.chain(&service.container_name);
        let names: BTreeSet<String> =
            std::iter::once(name.to_owned()).chain(aliases.map(|alias| name_of(alias))).collect();
        let all: Vec<Value> = ports
            .iter()
            .map(|(port, protocol)| {
                json!({
                    "name": pod::port_name(*port, protocol),
                    "port": port,
                    "targetPort": port,
                    "protocol": protocol,
                })
            })
            .collect();
        for own in names {
            if own != name && self.stack.services.keys().any(|other| name_of(other) == own) {
                continue;
            }
            let metadata = self.metadata(&own, name);
            let spec = json!({ "selector": self.selector(name), "ports": all });
            self.put("v1", "Service", metadata, json!({ "spec": spec }));
        }
    }

    /// Claims for volumes that several services share.
    fn claims(&mut self) {
        for (key, volume) in &self.stack.volumes {
            if volume.external || self.users(key).len() < 2 {
                continue;
            }
            let name = name_of(key);
            self.notes.push(format!(
                "the volume `{key}` is shared: where its services run on several nodes, its claim has to be ReadWriteMany"
            ));
            let metadata = self.metadata(&name, &name);
            self.put("v1", "PersistentVolumeClaim", metadata, json!({ "spec": claim() }));
        }
    }

    /// The services that mount a volume.
    fn users(&self, volume: &str) -> Vec<&str> {
        let mounts = |service: &Service| {
            let mut all = service.mounts.iter();
            all.any(|m| m.kind == "volume" && m.source.as_deref() == Some(volume))
        };
        let all = self.stack.services.iter().filter(|(_, service)| mounts(service));
        all.map(|(name, _)| name.as_str()).collect()
    }
}

fn claim() -> Value {
    json!({
        "accessModes": ["ReadWriteOnce"],
        "resources": { "requests": { "storage": CLAIM_SIZE } },
    })
}

/// Whether a variable's value is for few eyes: by its name, or as an address with a password.
fn is_secret(name: &str, value: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let password = value.split_once("://").and_then(|(_, rest)| rest.split_once('@'));
    SECRET_WORDS.iter().any(|word| name.contains(word))
        || password.is_some_and(|(user, _)| user.contains(':') && !user.contains('/'))
}
