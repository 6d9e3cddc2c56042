//! From file names to one merged document: read, interpolated, extended, included, merged.

use super::dotenv;
use super::interpolate::{Variables, interpolate};
use super::merge::merge;
use super::node::{File, Findings, Key, Node, Spot, Value};
use super::yaml;
use std::path::{Path, PathBuf};

/// A file larger than this is none of ours.
const FILE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Files that include or extend each other in a row.
const CHAIN_MAX: usize = 16;

/// Reads a file's text.
pub(super) type Read<'a> = &'a dyn Fn(&Path) -> std::io::Result<String>;

pub(super) struct Loader<'a> {
    pub(super) read: Read<'a>,
    /// The surroundings' variables: they win over every file's.
    pub(super) surroundings: Variables,
    /// The project's directory; names are shown relative to it.
    pub(super) project: PathBuf,
    pub(super) findings: Findings,
}

impl Loader<'_> {
    /// All files, each over those before it; paths in them are relative to `base`.
    pub(super) fn files(
        &mut self,
        paths: &[(PathBuf, Option<Spot>)],
        base: &Path,
        variables: &Variables,
        chain: &[PathBuf],
    ) -> Option<Node> {
        let mut whole: Option<Node> = None;
        for (path, from) in paths {
            let Some(node) = self.file(path, *from, base, variables, chain) else { continue };
            whole = Some(match whole {
                Some(whole) => merge(whole, node, &[]),
                None => node,
            });
        }
        whole
    }

    /// One file with what it includes and extends.
    fn file(
        &mut self,
        path: &Path,
        from: Option<Spot>,
        base: &Path,
        variables: &Variables,
        chain: &[PathBuf],
    ) -> Option<Node> {
        let mut node = self.document(path, from, base, variables)?;
        let mut chain = chain.to_vec();
        if chain.iter().any(|other| other == path) || chain.len() >= CHAIN_MAX {
            let at = from.unwrap_or(node.at);
            self.findings.mistake(at, format!("{} includes itself", self.shown(path)));
            return None;
        }
        chain.push(path.to_owned());
        self.extend_all(&mut node, variables);
        let include = take(&mut node, "include");
        let Some(include) = include else { return Some(node) };
        let mut whole = Node::new(node.at, Value::Map(vec![]));
        for item in include.list().unwrap_or(std::slice::from_ref(&include)) {
            if let Some(included) = self.included(item, &chain) {
                self.conflicts(&whole, &included);
                whole = merge(whole, included, &[]);
            }
        }
        self.conflicts(&whole, &node);
        Some(merge(whole, node, &[]))
    }

    fn document(
        &mut self,
        path: &Path,
        from: Option<Spot>,
        base: &Path,
        variables: &Variables,
    ) -> Option<Node> {
        let number = self.findings.files.len();
        self.findings.files.push(File { name: self.shown(path), base: base.to_owned() });
        let at = Spot { file: number, line: 0 };
        let text = match (self.read)(path) {
            Ok(text) if text.len() > FILE_BYTES_MAX => {
                let message = format!("larger than {FILE_BYTES_MAX} bytes");
                self.findings.mistake(at, message);
                return None;
            }
            Ok(text) => text,
            Err(error) => {
                let message = format!("{} cannot be read: {error}", self.shown(path));
                self.findings.mistake(from.unwrap_or(at), message);
                return None;
            }
        };
        let mut node = yaml::parse(&text, number, &mut self.findings)?;
        if node.map().is_none() {
            self.findings
                .mistake(node.at, format!("a Compose file is a mapping, not {}", node.kind()));
            return None;
        }
        interpolate(&mut node, variables, &mut self.findings);
        Some(node)
    }

    /// As people name it: relative to the project where it lies in it.
    fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.project).unwrap_or(path).display().to_string()
    }

    fn included(&mut self, item: &Node, chain: &[PathBuf]) -> Option<Node> {
        let path = item.get("path").unwrap_or(item);
        let all: Vec<&Node> = path.list().map_or_else(|| vec![path], |list| list.iter().collect());
        let mut paths = Vec::new();
        for node in all {
            match node.scalar() {
                Some(text) => paths.push((self.findings.path(node.at, text), Some(node.at))),
                None => self.findings.mistake(node.at, "`include` takes paths"),
            }
        }
        let first = paths.first()?.0.clone();
        let base = match item.get("project_directory").and_then(Node::scalar) {
            Some(text) => self.findings.path(item.at, text),
            None => first.parent().unwrap_or(Path::new(".")).to_owned(),
        };
        let mut variables = Variables::new();
        match item.get("env_file") {
            Some(named) => {
                let all = named.list().unwrap_or(std::slice::from_ref(named));
                for node in all {
                    let Some(text) = node.scalar() else { continue };
                    let path = self.findings.path(node.at, text);
                    self.variables_of(&path, Some(node.at), &mut variables);
                }
            }
            None => self.variables_of(&base.join(".env"), None, &mut variables),
        }
        variables.extend(self.surroundings.clone());
        self.files(&paths, &base, &variables, chain)
    }

    /// The variables of a file, added to `variables`; one that is not `named` may be absent.
    pub(super) fn variables_of(
        &mut self,
        path: &Path,
        named: Option<Spot>,
        variables: &mut Variables,
    ) {
        let text = match ((self.read)(path), named) {
            (Ok(text), _) => text,
            (Err(_), None) => return,
            (Err(error), Some(at)) => {
                let message = format!("{} cannot be read: {error}", self.shown(path));
                return self.findings.mistake(at, message);
            }
        };
        let mut known = variables.clone();
        known.extend(self.surroundings.clone());
        match dotenv::parse(&text, &known) {
            Ok(all) => {
                let valued = all.into_iter().filter_map(|(name, value)| Some((name, value?)));
                variables.extend(valued);
            }
            Err((line, why)) => {
                let file = self.findings.files.len();
                let base = PathBuf::new();
                self.findings.files.push(File { name: self.shown(path), base });
                self.findings.mistake(Spot { file, line }, why);
            }
        }
    }

    /// What is defined on both sides of an `include`.
    fn conflicts(&mut self, one: &Node, other: &Node) {
        for section in ["services", "networks", "volumes", "secrets", "configs"] {
            let there = |name: &str| one.get(section).is_some_and(|node| node.get(name).is_some());
            let entries = other.get(section).and_then(Node::map).unwrap_or_default();
            for (key, _) in entries.iter().filter(|(key, _)| there(&key.name)) {
                let message =
                    format!("`{section}.{}` is also defined in an included file", key.name);
                self.findings.mistake(key.at, message);
            }
        }
    }

    /// Carries out `extends` in every service of a file.
    fn extend_all(&mut self, node: &mut Node, variables: &Variables) {
        let services = node.get("services").and_then(Node::map).unwrap_or_default();
        let names: Vec<String> = services
            .iter()
            .filter(|(_, service)| service.get("extends").is_some())
            .map(|(key, _)| key.name.clone())
            .collect();
        let original = node.clone();
        for name in names {
            let extended = self.extended(&original, &name, variables, 0);
            if let (Some(extended), Some(Value::Map(services))) =
                (extended, value_mut(node, "services"))
                && let Some(entry) = services.iter_mut().find(|(key, _)| key.name == name)
            {
                entry.1 = extended;
            }
        }
    }

    /// The service `name` of `document` over all that it extends.
    fn extended(
        &mut self,
        document: &Node,
        name: &str,
        variables: &Variables,
        depth: usize,
    ) -> Option<Node> {
        let mut service = document.get("services")?.get(name)?.clone();
        let Some(extends) = take(&mut service, "extends") else { return Some(service) };
        if depth >= CHAIN_MAX {
            self.findings.mistake(extends.at, format!("the service `{name}` extends itself"));
            return None;
        }
        let file = extends.get("file").and_then(Node::scalar);
        let Some(base) = extends.scalar().or_else(|| extends.get("service")?.scalar()) else {
            self.findings.mistake(extends.at, "`extends` names no service");
            return Some(service);
        };
        let other = match file {
            Some(file) => {
                let path = self.findings.path(extends.at, file);
                let dir = path.parent().unwrap_or(Path::new(".")).to_owned();
                Some(self.document(&path, Some(extends.at), &dir, variables)?)
            }
            None => None,
        };
        let document = other.as_ref().unwrap_or(document);
        if document.get("services").and_then(|services| services.get(base)).is_none() {
            let message = format!("`extends` names the service `{base}`, which is not there");
            self.findings.mistake(extends.at, message);
            return Some(service);
        }
        let base = self.extended(document, base, variables, depth + 1)?;
        Some(merge(base, service, &["services", name]))
    }
}

fn take(node: &mut Node, name: &str) -> Option<Node> {
    let Value::Map(entries) = &mut node.value else { return None };
    let at = entries.iter().position(|(key, _): &(Key, Node)| key.name == name)?;
    Some(entries.remove(at).1)
}

fn value_mut<'n>(node: &'n mut Node, name: &str) -> Option<&'n mut Value> {
    let Value::Map(entries) = &mut node.value else { return None };
    entries.iter_mut().find(|(key, _)| key.name == name).map(|(_, node)| &mut node.value)
}
