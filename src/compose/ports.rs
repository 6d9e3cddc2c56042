//! `ports`: `[[host:]published:]target[/protocol]` with ranges, or mappings.

use super::model::Port;
use super::node::{Findings, Node};

/// Ports of one range at the most.
const RANGE_MAX: u16 = 1000;

/// All ports of a service.
pub(super) fn ports(node: &Node, findings: &mut Findings) -> Vec<Port> {
    let mut all = Vec::new();
    for item in findings.items(node, "ports").to_vec() {
        let read = match (item.scalar(), item.map()) {
            (Some(text), _) => short(text),
            (_, Some(_)) => long(&item),
            _ => Err("a port is a text or a mapping".to_owned()),
        };
        match read {
            Ok(ports) => all.extend(ports),
            Err(why) => findings.mistake(item.at, why),
        }
    }
    all
}

fn short(text: &str) -> Result<Vec<Port>, String> {
    let wrong = || format!("`{text}` is no port: [[ADDRESS:]PUBLISHED:]TARGET[/PROTOCOL]");
    let (rest, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    if !["tcp", "udp", "sctp"].contains(&protocol) {
        return Err(wrong());
    }
    let (rest, target) = match rest.rsplit_once(':') {
        Some((rest, target)) => (Some(rest), target),
        None => (None, rest),
    };
    let (host_ip, published) = match rest {
        None => (None, None),
        Some(rest) => match rest.rsplit_once(':') {
            Some((ip, published)) => {
                let ip = ip.trim_start_matches('[').trim_end_matches(']');
                (Some(ip.to_owned()), Some(published))
            }
            // An address alone with a target: `127.0.0.1::80` has the empty port, this has none.
            None => (None, Some(rest)),
        },
    };
    if host_ip.as_ref().is_some_and(|ip| ip.parse::<std::net::IpAddr>().is_err()) {
        return Err(wrong());
    }
    let targets = range(target).ok_or_else(wrong)?;
    let published = match published.filter(|text| !text.is_empty()) {
        Some(text) => Some(range(text).ok_or_else(wrong)?),
        None => None,
    };
    if published.as_ref().is_some_and(|p| p.len() != targets.len() && targets.len() != 1) {
        return Err(wrong());
    }
    let port = |(i, target): (usize, &u16)| Port {
        target: *target,
        published: published.as_ref().and_then(|p| p.get(i).copied()),
        host_ip: host_ip.clone(),
        protocol: protocol.to_owned(),
    };
    Ok(targets.iter().enumerate().map(port).collect())
}

/// `8000` or `8000-8010`.
fn range(text: &str) -> Option<Vec<u16>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last): (u16, u16) = (first.parse().ok()?, last.parse().ok()?);
    (first > 0 && first <= last && last - first < RANGE_MAX).then(|| (first..=last).collect())
}

fn long(item: &Node) -> Result<Vec<Port>, String> {
    let part = |name: &str| item.get(name).and_then(Node::scalar);
    let target = part("target").and_then(|text| text.parse().ok());
    let Some(target) = target else { return Err("a port has a `target`, a number".to_owned()) };
    let published = match part("published").filter(|text| !text.is_empty()) {
        None => None,
        Some(text) => {
            let numbers = range(text).ok_or_else(|| format!("`{text}` is no published port"))?;
            numbers.first().copied()
        }
    };
    for (key, _) in item.map().unwrap_or_default() {
        let known = ["target", "published", "host_ip", "protocol", "mode", "name", "app_protocol"];
        if !known.contains(&key.name.as_str()) && !key.name.starts_with("x-") {
            return Err(format!("`{}` is no key of a port", key.name));
        }
    }
    let protocol = part("protocol").unwrap_or("tcp").to_owned();
    Ok(vec![Port { target, published, host_ip: part("host_ip").map(str::to_owned), protocol }])
}
