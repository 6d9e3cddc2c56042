//! What stands under `x-devenv` of a service: facts that the Compose Specification has no key for. Other
//! readers leave such keys alone.

use super::model::{Service, Tls};
use super::node::{Findings, Node};
use super::schedule::schedule;

/// The keys that are served.
const KEYS: &str = "`schedule`, `overlap` nor `tls`";

/// Reads it into the service.
pub(super) fn extension(node: &Node, service: &mut Service, findings: &mut Findings) {
    let (mut times, mut overlap) = (None, false);
    for (key, value) in findings.entries(node, "x-devenv").to_vec() {
        let name = key.name.as_str();
        match name {
            "schedule" => times = findings.text(&value, name).map(|text| (text, value.at)),
            "overlap" => overlap = findings.flag(&value, name).unwrap_or_default(),
            "tls" => service.tls = tls(&value, findings),
            _ => findings.mistake(key.at, format!("`x-devenv.{name}` is neither {KEYS}")),
        }
    }
    service.schedule = times.and_then(|(times, at)| schedule(times, at, overlap, findings));
}

/// `tls: /etc/nginx/tls`, or `tls: { path: /etc/nginx/tls, names: [shop.localhost] }`.
fn tls(node: &Node, findings: &mut Findings) -> Option<Tls> {
    let (mut path, mut names) = (None, Vec::new());
    if node.map().is_none() {
        path = findings.text(node, "tls");
    } else {
        for (key, value) in findings.entries(node, "tls").to_vec() {
            match key.name.as_str() {
                "path" => path = findings.text(&value, "path"),
                "names" => names = findings.texts(&value, "names"),
                other => findings.mistake(
                    key.at,
                    format!("`x-devenv.tls.{other}` is neither `path` nor `names`"),
                ),
            }
        }
    }
    match path {
        Some(path) if path.starts_with('/') && path.len() > 1 => {
            if let Some(name) = names.iter().find(|name| !is_name(name)) {
                findings.mistake(node.at, format!("`{name}` is no name of a host"));
            }
            Some(Tls { path, names })
        }
        Some(path) => {
            let message =
                format!("`tls` is a directory in the container, from `/` on, not `{path}`");
            findings.mistake(node.at, message);
            None
        }
        None => {
            findings.mistake(node.at, "`tls` has a `path`, the directory of the certificate");
            None
        }
    }
}

fn is_name(name: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '*' | ':');
    !name.is_empty() && name.chars().all(is_part)
}
