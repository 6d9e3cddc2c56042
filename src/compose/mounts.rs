//! `volumes`, `tmpfs`, `devices`, and the files of `secrets` and `configs`.

use super::model::{Mount, Placed};
use super::node::{Findings, Node};
use super::values::bytes;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Secrets and configs by section and name: a file or a text.
pub(super) type Sources = BTreeMap<(String, String), Source>;

/// Where a secret or a config comes from.
#[derive(Debug, Clone)]
pub(super) enum Source {
    File(PathBuf),
    Text(String),
}

/// All mounts of a service.
pub(super) fn mounts(node: &Node, findings: &mut Findings) -> Vec<Mount> {
    let mut all = Vec::new();
    for item in findings.items(node, "volumes").to_vec() {
        match (item.scalar(), item.map()) {
            (Some(text), _) => all.extend(short(text, &item, findings)),
            (_, Some(_)) => all.extend(long(&item, findings)),
            _ => findings.mistake(item.at, "a volume is a text or a mapping"),
        }
    }
    all
}

fn is_path(source: &str) -> bool {
    source.starts_with(['.', '/', '~'])
}

/// A source as an absolute path.
fn path(source: &str, node: &Node, findings: &Findings) -> String {
    match source.strip_prefix('~') {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => {
            format!("{}{rest}", findings.home)
        }
        _ => findings.path(node.at, source).display().to_string(),
    }
}

fn short(text: &str, node: &Node, findings: &mut Findings) -> Option<Mount> {
    let parts: Vec<&str> = text.split(':').collect();
    let (source, target, options) = match parts.as_slice() {
        [target] => (None, *target, ""),
        [source, target] => (Some(*source), *target, ""),
        [source, target, options] => (Some(*source), *target, *options),
        _ => {
            findings.mistake(node.at, format!("`{text}` is no volume: [SOURCE:]TARGET[:OPTIONS]"));
            return None;
        }
    };
    if target.is_empty() || source == Some("") {
        findings.mistake(node.at, format!("`{text}` is no volume: [SOURCE:]TARGET[:OPTIONS]"));
        return None;
    }
    let bind = source.is_some_and(is_path);
    let mut mount = Mount {
        kind: if bind { "bind" } else { "volume" }.to_owned(),
        source: source.map(|s| if bind { path(s, node, findings) } else { s.to_owned() }),
        target: target.to_owned(),
        create: bind,
        ..Mount::default()
    };
    for option in options.split(',').filter(|option| !option.is_empty()) {
        match option {
            "ro" => mount.read_only = true,
            "rw" => mount.read_only = false,
            "nocopy" => mount.nocopy = true,
            "z" | "Z" | "shared" | "rshared" | "slave" | "rslave" | "private" | "rprivate" => {
                mount.mode = Some(option.to_owned());
            }
            "cached" | "delegated" | "consistent" => {}
            _ => findings.mistake(node.at, format!("`{option}` is no option of a volume")),
        }
    }
    Some(mount)
}

fn long(item: &Node, findings: &mut Findings) -> Option<Mount> {
    let mut mount = Mount::default();
    for (key, value) in item.map().unwrap_or_default() {
        let name = key.name.as_str();
        match name {
            "type" => mount.kind = findings.text(value, name).unwrap_or_default(),
            "source" => mount.source = findings.text(value, name),
            "target" => mount.target = findings.text(value, name).unwrap_or_default(),
            "read_only" => mount.read_only = findings.flag(value, name).unwrap_or_default(),
            "bind" => {
                mount.mode = value
                    .get("propagation")
                    .or_else(|| value.get("selinux"))
                    .and_then(Node::scalar)
                    .map(str::to_owned);
                let create = value
                    .get("create_host_path")
                    .and_then(|n| findings.flag(n, "create_host_path"));
                mount.create = create.unwrap_or_default();
            }
            "volume" => {
                let nocopy = value.get("nocopy").and_then(|n| findings.flag(n, "nocopy"));
                mount.nocopy = nocopy.unwrap_or_default();
                if value.get("subpath").is_some() {
                    findings.note(value.at, "`volume.subpath` is not served");
                }
            }
            "tmpfs" => mount.size = value.get("size").and_then(|n| findings.bytes(n, "size")),
            "consistency" => {}
            _ if name.starts_with("x-") => {}
            _ => findings.mistake(key.at, format!("`volumes.{name}` is no key of a volume")),
        }
    }
    if !matches!(mount.kind.as_str(), "bind" | "volume" | "tmpfs") {
        let message =
            format!("a volume of type `{}` is not served: bind, volume or tmpfs", mount.kind);
        findings.mistake(item.at, message);
        return None;
    }
    if mount.target.is_empty() || mount.kind == "bind" && mount.source.is_none() {
        findings.mistake(item.at, "a volume has a `target`, and a bind a `source`");
        return None;
    }
    if mount.kind == "bind" {
        mount.source = mount.source.map(|source| path(&source, item, findings));
    }
    Some(mount)
}

/// `tmpfs: /run` or `- /tmp:size=64m`.
pub(super) fn tmpfs(node: &Node, findings: &mut Findings) -> Vec<Mount> {
    let one = |text: String| {
        let (target, options) = text.split_once(':').unwrap_or((&text, ""));
        let size = options.split(',').find_map(|option| bytes(option.strip_prefix("size=")?));
        Mount { kind: "tmpfs".to_owned(), target: target.to_owned(), size, ..Mount::default() }
    };
    findings.texts(node, "tmpfs").into_iter().map(one).collect()
}

pub(super) fn devices(node: &Node, findings: &mut Findings) -> Vec<String> {
    let mut all = Vec::new();
    for item in findings.items(node, "devices").to_vec() {
        let part = |name: &str| item.get(name).and_then(Node::scalar);
        match (item.scalar(), part("source")) {
            (Some(text), _) => all.push(text.to_owned()),
            (_, Some(source)) => {
                let (target, rights) =
                    (part("target").unwrap_or(source), part("permissions").unwrap_or("rwm"));
                all.push(format!("{source}:{target}:{rights}"));
            }
            _ => findings
                .mistake(item.at, "a device is `host:container:rights` or a mapping with `source`"),
        }
    }
    all
}

/// The files of a service's `secrets` or `configs`.
pub(super) fn files(
    section: &str,
    node: &Node,
    sources: &Sources,
    findings: &mut Findings,
) -> Vec<Placed> {
    let mut all = Vec::new();
    for item in findings.items(node, section).to_vec() {
        let source = item.scalar().or_else(|| item.get("source")?.scalar());
        let Some(source) = source else {
            findings.mistake(item.at, format!("an item of `{section}` names its source"));
            continue;
        };
        let Some(from) = sources.get(&(section.to_owned(), source.to_owned())) else {
            findings.mistake(item.at, format!("`{section}.{source}` is not defined"));
            continue;
        };
        let target = item.get("target").and_then(Node::scalar).unwrap_or(source);
        let target = match (section, target.starts_with('/')) {
            (_, true) => target.to_owned(),
            ("secrets", _) => format!("/run/secrets/{target}"),
            _ => format!("/{target}"),
        };
        let mode = item.get("mode").and_then(Node::scalar);
        let digits = |text: &str| u32::from_str_radix(text.trim_start_matches("0o"), 8).ok();
        let mut placed = Placed { target, mode: mode.and_then(digits), ..Placed::default() };
        match from {
            Source::File(path) => placed.file = Some(path.clone()),
            Source::Text(text) => placed.content = Some(text.clone()),
        }
        all.push(placed);
    }
    all
}
