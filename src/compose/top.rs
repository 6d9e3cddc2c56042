//! The sections of a whole document: services, networks, volumes, secrets, configs.

use super::interpolate::Variables;
use super::load::Read;
use super::model::{Network, Service, Stack, Volume};
use super::mounts::{Source, Sources};
use super::node::{Findings, Node};
use super::service::Reader;
use std::collections::{BTreeMap, BTreeSet};

pub(super) struct Reading<'a> {
    pub(super) read: Read<'a>,
    pub(super) variables: &'a Variables,
}

/// The stack that a merged document describes.
pub(super) fn stack(
    document: &Node,
    reading: &Reading<'_>,
    replaced: &BTreeSet<String>,
    findings: &mut Findings,
) -> Stack {
    let mut stack = Stack::default();
    let mut placed = Sources::new();
    for (key, value) in document.map().unwrap_or_default() {
        match key.name.as_str() {
            "name" => stack.name = findings.text(value, "name"),
            "networks" => {
                for (key, value) in findings.entries(value, "networks").to_vec() {
                    stack.networks.insert(key.name.clone(), network(&key.name, &value, findings));
                }
            }
            "volumes" => {
                for (key, value) in findings.entries(value, "volumes").to_vec() {
                    stack.volumes.insert(key.name.clone(), volume(&key.name, &value, findings));
                }
            }
            section @ ("secrets" | "configs") => {
                for (key, value) in findings.entries(value, section).to_vec() {
                    if let Some(source) = source(section, &key.name, &value, reading, findings) {
                        placed.insert((section.to_owned(), key.name.clone()), source);
                    }
                }
            }
            // The version says nothing any more; the others are carried out or read elsewhere.
            "version" | "services" | "include" => {}
            other if other.starts_with("x-") => {}
            "models" => findings.note(key.at, "`models` is not served"),
            other => findings.mistake(key.at, format!("`{other}` is no section of a Compose file")),
        }
    }
    let services = document.get("services");
    if services.is_none() {
        findings.mistake(document.at, "there are no `services`");
    }
    let mut reader =
        Reader { findings, read: reading.read, variables: reading.variables, placed: &placed };
    let active = profiles(reading.variables);
    for (key, value) in services.and_then(Node::map).unwrap_or_default() {
        if replaced.contains(&key.name) {
            continue;
        }
        let service = reader.service(&key.name, value);
        if is_active(&service, &active) {
            stack.services.insert(key.name.clone(), service);
        }
    }
    stack
}

/// The profiles that are asked for.
fn profiles(variables: &Variables) -> BTreeSet<String> {
    let named = variables.get("COMPOSE_PROFILES").map(String::as_str).unwrap_or_default();
    named.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

fn is_active(service: &Service, active: &BTreeSet<String>) -> bool {
    service.profiles.is_empty()
        || active.contains("*")
        || service.profiles.iter().any(|profile| active.contains(profile))
}

fn external(value: &Node, findings: &mut Findings) -> (bool, Option<String>) {
    let Some(node) = value.get("external") else { return (false, None) };
    match node.map() {
        Some(_) => (true, node.get("name").and_then(Node::scalar).map(str::to_owned)),
        None => (findings.flag(node, "external").unwrap_or_default(), None),
    }
}

fn network(name: &str, node: &Node, f: &mut Findings) -> Network {
    let (external, old_name) = external(node, f);
    let mut network = Network { external, name: old_name, ..Network::default() };
    for (key, value) in f.entries(node, name).to_vec() {
        let part = key.name.as_str();
        match part {
            "name" => network.name = f.text(&value, part),
            "external" => {}
            "driver" => network.driver = f.text(&value, part),
            "driver_opts" => network.driver_opts = f.labels(&value, part),
            "internal" => network.internal = f.flag(&value, part).unwrap_or_default(),
            "enable_ipv6" => network.enable_ipv6 = f.flag(&value, part).unwrap_or_default(),
            "attachable" => network.attachable = f.flag(&value, part).unwrap_or_default(),
            "labels" => network.labels = f.labels(&value, part),
            "ipam" => {
                for config in value.get("config").and_then(Node::list).unwrap_or_default() {
                    let text =
                        |name: &str| config.get(name).and_then(Node::scalar).map(str::to_owned);
                    match text("subnet") {
                        Some(subnet) => network.subnets.push((subnet, text("gateway"))),
                        None => f.note(config.at, "`ipam.config` without a `subnet` is not served"),
                    }
                }
            }
            _ if part.starts_with("x-") => {}
            "enable_ipv4" => f.note(key.at, format!("`networks.{name}.{part}` is not served")),
            _ => f.mistake(key.at, format!("`networks.{name}.{part}` is no key of a network")),
        }
    }
    network
}

fn volume(name: &str, node: &Node, f: &mut Findings) -> Volume {
    let (external, old_name) = external(node, f);
    let mut volume = Volume { external, name: old_name, ..Volume::default() };
    for (key, value) in f.entries(node, name).to_vec() {
        let part = key.name.as_str();
        match part {
            "name" => volume.name = f.text(&value, part),
            "external" => {}
            "driver" => volume.driver = f.text(&value, part),
            "driver_opts" => volume.driver_opts = f.labels(&value, part),
            "labels" => volume.labels = f.labels(&value, part),
            _ if part.starts_with("x-") => {}
            _ => f.mistake(key.at, format!("`volumes.{name}.{part}` is no key of a volume")),
        }
    }
    volume
}

fn source(
    section: &str,
    name: &str,
    node: &Node,
    reading: &Reading<'_>,
    f: &mut Findings,
) -> Option<Source> {
    if let Some(file) = node.get("file").and_then(Node::scalar) {
        return Some(Source::File(f.path(node.at, file)));
    }
    if let Some(variable) = node.get("environment").and_then(Node::scalar) {
        let value = reading.variables.get(variable);
        if value.is_none() {
            f.mistake(
                node.at,
                format!("`{section}.{name}` takes the variable `{variable}`, which is not set"),
            );
        }
        return value.cloned().map(Source::Text);
    }
    if let Some(content) = node.get("content").and_then(Node::scalar) {
        return Some(Source::Text(content.to_owned()));
    }
    f.mistake(node.at, format!("`{section}.{name}` has a `file`, an `environment` or a `content`; external ones are not served"));
    None
}

/// Names of a section and their nodes.
pub(super) fn names<'n>(document: &'n Node, section: &str) -> BTreeMap<&'n str, &'n Node> {
    let entries = document.get(section).and_then(Node::map).unwrap_or_default();
    entries.iter().map(|(key, node)| (key.name.as_str(), node)).collect()
}
