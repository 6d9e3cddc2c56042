//! What names what: services that are waited for, networks, volumes; nothing waits for itself.

use super::model::{Attachment, Condition, Restart, Service, Stack};
use super::node::{Findings, Node, Spot};
use super::top::names;
use std::collections::BTreeSet;

/// Checks the names, and gives services without a network the default one.
pub(super) fn check(
    document: &Node,
    stack: &mut Stack,
    replaced: &BTreeSet<String>,
    findings: &mut Findings,
) {
    let nodes = names(document, "services");
    dependencies(stack, &nodes, replaced, findings);
    attachments(stack, &nodes, findings);
    let volumes: BTreeSet<String> = stack.volumes.keys().cloned().collect();
    for (name, service) in &stack.services {
        let Some(node) = nodes.get(name.as_str()) else { continue };
        let at = node.get("volumes").map_or(node.at, |node| node.at);
        for mount in service.mounts.iter().filter(|mount| mount.kind == "volume") {
            if let Some(source) = mount.source.as_ref().filter(|s| !volumes.contains(*s)) {
                findings.mistake(
                    at,
                    format!(
                        "the service `{name}` mounts the volume `{source}`, which is not defined"
                    ),
                );
            }
        }
        if service.schedule.is_some() {
            let at = node.get("x-devenv").map_or(node.at, |node| node.at);
            scheduled(name, service, stack, at, findings);
        }
        if service.container_name.is_some() && service.replicas > 1 {
            findings.mistake(
                node.at,
                format!(
                    "the service `{name}` has a `container_name` and cannot run {} times",
                    service.replicas
                ),
            );
        }
    }
    if let Some(ring) = ring(stack) {
        let at = nodes.get(ring[0].as_str()).map_or(document.at, |node| node.at);
        findings.mistake(at, format!("services wait for each other: {}", ring.join(" → ")));
    }
}

/// A service that runs at times is one, and its end is nobody's beginning.
fn scheduled(name: &str, service: &Service, stack: &Stack, at: Spot, findings: &mut Findings) {
    if service.replicas != 1 {
        findings.mistake(
            at,
            format!(
                "the service `{name}` has a schedule and cannot run {} times",
                service.replicas
            ),
        );
    }
    if service.restart != Restart::No {
        findings.mistake(
            at,
            format!(
                "the service `{name}` has a schedule and `restart`: it runs at its times alone"
            ),
        );
    }
    if service.schedule.as_ref().is_some_and(|schedule| schedule.overlap)
        && (service.container_name.is_some()
            || service.ports.iter().any(|port| port.published.is_some()))
    {
        findings.mistake(at, format!("the service `{name}` may overlap, and has a `container_name` or published ports, which only one can have"));
    }
    let waits = stack.services.iter().filter(|(_, other)| {
        other.depends_on.get(name).is_some_and(|dependency| {
            dependency.condition == Condition::ServiceCompletedSuccessfully
        })
    });
    for (other, _) in waits {
        findings.mistake(
            at,
            format!("the service `{other}` waits for the end of `{name}`, which has a schedule"),
        );
    }
}

fn dependencies(
    stack: &mut Stack,
    nodes: &std::collections::BTreeMap<&str, &Node>,
    replaced: &BTreeSet<String>,
    findings: &mut Findings,
) {
    let there: BTreeSet<String> = stack.services.keys().cloned().collect();
    for (name, service) in &mut stack.services {
        let node = nodes.get(name.as_str()).and_then(|node| node.get("depends_on"));
        service.depends_on.retain(|other, dependency| {
            if there.contains(other) || replaced.contains(other) {
                return true;
            }
            if dependency.required
                && let Some(node) = node
            {
                let why = match nodes.contains_key(other.as_str()) {
                    true => "which is in a profile that is not asked for (COMPOSE_PROFILES)",
                    false => "which is not there",
                };
                findings
                    .mistake(node.at, format!("the service `{name}` waits for `{other}`, {why}"));
            }
            false
        });
    }
}

fn attachments(
    stack: &mut Stack,
    nodes: &std::collections::BTreeMap<&str, &Node>,
    findings: &mut Findings,
) {
    let mut wants_default = false;
    for (name, service) in &mut stack.services {
        let Some(node) = nodes.get(name.as_str()) else { continue };
        if service.network_mode.is_some() {
            if !service.networks.is_empty() {
                findings.mistake(
                    node.at,
                    format!("the service `{name}` has both `network_mode` and `networks`"),
                );
            }
            continue;
        }
        if service.networks.is_empty() {
            service.networks.insert("default".to_owned(), Attachment::default());
        }
        for network in service.networks.keys() {
            if network == "default" {
                wants_default = true;
            } else if !stack.networks.contains_key(network) {
                let at = node.get("networks").map_or(node.at, |node| node.at);
                findings.mistake(
                    at,
                    format!(
                        "the service `{name}` is on the network `{network}`, which is not defined"
                    ),
                );
            }
        }
    }
    if wants_default {
        stack.networks.entry("default".to_owned()).or_default();
    }
}

/// Services that wait for each other.
fn ring(stack: &Stack) -> Option<Vec<String>> {
    let mut done: BTreeSet<&str> = BTreeSet::new();
    let mut left: Vec<&str> = stack.services.keys().map(String::as_str).collect();
    loop {
        let before = left.len();
        left.retain(|name| {
            let free = stack.services[*name]
                .depends_on
                .keys()
                .all(|other| done.contains(other.as_str()) || !stack.services.contains_key(other));
            if free {
                done.insert(name);
            }
            !free
        });
        if left.is_empty() {
            return None;
        }
        if left.len() == before {
            return Some(left.into_iter().map(str::to_owned).collect());
        }
    }
}
