//! `develop.watch` of a service: what is done when files change.
//!
//! Source: the Compose Specification, develop.

use super::model::{Hook, Watch};
use super::node::{Findings, Node};

/// What a rule may do.
const ACTIONS: [&str; 5] = ["sync", "rebuild", "restart", "sync+restart", "sync+exec"];
/// The keys of a rule.
const KEYS: [&str; 7] = ["path", "action", "target", "ignore", "include", "initial_sync", "exec"];

/// The rules.
pub(super) fn watch(node: &Node, findings: &mut Findings) -> Vec<Watch> {
    let Some(rules) = node.get("watch") else { return vec![] };
    let rules = findings.items(rules, "watch").to_vec();
    rules.iter().filter_map(|rule| self::rule(rule, findings)).collect()
}

fn rule(rule: &Node, f: &mut Findings) -> Option<Watch> {
    let part = |name: &str| rule.get(name).and_then(Node::scalar).map(str::to_owned);
    let (Some(path), Some(action)) = (part("path"), part("action")) else {
        f.mistake(rule.at, "a rule of `watch` has a `path` and an `action`");
        return None;
    };
    if !ACTIONS.contains(&action.as_str()) {
        let known = ACTIONS.join(", ");
        f.mistake(rule.at, format!("the action `{action}` is not served: {known}"));
        return None;
    }
    for (key, _) in f.entries(rule, "watch").to_vec() {
        if !KEYS.contains(&key.name.as_str()) && !key.name.starts_with("x-") {
            f.note(key.at, format!("`develop.watch.{}` is not served", key.name));
        }
    }
    if action.starts_with("sync") && part("target").is_none() {
        f.mistake(rule.at, format!("a rule that does `{action}` has a `target`"));
    }
    let exec = rule.get("exec").and_then(|node| hook(node, f));
    if (action == "sync+exec") != exec.is_some() {
        f.mistake(rule.at, "`sync+exec` and `exec` with its `command` belong together");
    }
    let texts = |f: &mut Findings, key: &str| {
        rule.get(key).map(|node| f.texts(node, key)).unwrap_or_default()
    };
    let initial = rule.get("initial_sync").and_then(|node| f.flag(node, "initial_sync"));
    Some(Watch {
        path: f.path(rule.at, &path),
        target: part("target"),
        ignore: texts(f, "ignore"),
        include: texts(f, "include"),
        initial_sync: initial.unwrap_or_default() && action.starts_with("sync"),
        action,
        exec,
    })
}

/// A command in the container.
fn hook(node: &Node, f: &mut Findings) -> Option<Hook> {
    let mut hook = Hook::default();
    for (key, value) in f.entries(node, "exec").to_vec() {
        let name = key.name.as_str();
        match name {
            "command" => hook.command = f.words(&value, name).unwrap_or_default(),
            "user" => hook.user = f.text(&value, name),
            "working_dir" => hook.working_dir = f.text(&value, name),
            "privileged" => hook.privileged = f.flag(&value, name).unwrap_or_default(),
            "environment" => hook.environment = f.labels(&value, name),
            _ => f.note(key.at, format!("`develop.watch.exec.{name}` is not served")),
        }
    }
    (!hook.command.is_empty()).then_some(hook)
}
