//! One Compose file over another, and a service over the one that it extends.
//!
//! Mappings merge, lists grow, scalars are replaced; the exceptions are in [`rule`].
//! Source: Compose Specification, merge.

use super::node::{Key, Mark, Node, Value};

/// How two values of a key become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// Mappings and lists grow, all else is replaced.
    Grow,
    /// The later one stands alone.
    Replace,
    /// Both are mappings, also where they are written as lists of `key=value`, `key: value` or `key`.
    Pairs(char),
    /// Lists whose items have a target; the later one of a target stands.
    ByTarget,
}

/// The rule of a place: `["services", "api", "command"]`.
fn rule(path: &[&str]) -> Rule {
    match path {
        ["services", _, "command" | "entrypoint"] | ["services", _, "healthcheck", "test"] => {
            Rule::Replace
        }
        ["services", _, "environment" | "labels" | "sysctls" | "annotations"]
        | ["services", _, "build", "args" | "labels"]
        | ["services", _, "deploy", "labels"]
        | ["networks" | "volumes", _, "labels"] => Rule::Pairs('='),
        ["services", _, "extra_hosts"] => Rule::Pairs(':'),
        ["services", _, "networks" | "depends_on"] => Rule::Pairs('\0'),
        ["services", _, "volumes" | "devices" | "secrets" | "configs"] => Rule::ByTarget,
        _ => Rule::Grow,
    }
}

/// `over` laid over `base`, both standing at `path`.
pub(super) fn merge(base: Node, over: Node, path: &[&str]) -> Node {
    if over.mark == Some(Mark::Override) {
        return over;
    }
    if over.is_null() {
        // A key without a value says nothing about it.
        return if base.is_null() { over } else { base };
    }
    let at = over.at;
    let (base, over) = match rule(path) {
        Rule::Replace => return over,
        Rule::Pairs(separator) => (pairs(base, separator), pairs(over, separator)),
        Rule::ByTarget => (base, over),
        Rule::Grow if is_build(path) => (build(base), build(over)),
        Rule::Grow => (base, over),
    };
    match (base.value, over.value) {
        (Value::Map(base), Value::Map(over)) => Node::new(at, Value::Map(maps(base, over, path))),
        (Value::List(base), Value::List(over)) => {
            let by_target = rule(path) == Rule::ByTarget;
            Node::new(at, Value::List(lists(base, over, by_target)))
        }
        (_, over) => Node::new(at, over),
    }
}

fn maps(mut base: Vec<(Key, Node)>, over: Vec<(Key, Node)>, path: &[&str]) -> Vec<(Key, Node)> {
    for (key, node) in over {
        let there = base.iter().position(|(k, _)| k.name == key.name);
        match (node.mark, there) {
            (Some(Mark::Reset), Some(i)) => drop(base.remove(i)),
            (Some(Mark::Reset), None) => {}
            (_, Some(i)) => {
                let mut inner = path.to_vec();
                inner.push(&key.name);
                let old = std::mem::replace(&mut base[i].1, Node::text(key.at, ""));
                let merged = merge(old, node, &inner);
                base[i] = (key, merged);
            }
            (_, None) => base.push((key, node)),
        }
    }
    base
}

fn lists(mut base: Vec<Node>, over: Vec<Node>, by_target: bool) -> Vec<Node> {
    for node in over {
        let same = |other: &Node| match by_target {
            true => target(other) == target(&node),
            false => equal(other, &node),
        };
        match base.iter().position(same) {
            Some(i) => base[i] = node,
            None => base.push(node),
        }
    }
    base
}

/// What a mount, a device, a secret or a config is mounted at.
fn target(node: &Node) -> String {
    match &node.value {
        Value::Map(_) => {
            let named = node.get("target").or_else(|| node.get("source"));
            named.and_then(Node::scalar).unwrap_or_default().to_owned()
        }
        Value::Scalar(text, _) => {
            let parts: Vec<&str> = text.split(':').collect();
            parts.get(1).or(parts.first()).map(|part| (*part).to_owned()).unwrap_or_default()
        }
        Value::List(_) => String::new(),
    }
}

/// Equal but for where they stand.
fn equal(one: &Node, other: &Node) -> bool {
    match (&one.value, &other.value) {
        (Value::Scalar(a, _), Value::Scalar(b, _)) => a == b,
        (Value::List(a), Value::List(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b))
        }
        (Value::Map(a), Value::Map(b)) => {
            a.len() == b.len()
                && a.iter().zip(b).all(|((k, a), (l, b))| k.name == l.name && equal(a, b))
        }
        _ => false,
    }
}

/// A list of `key=value` as a mapping; other nodes as they are.
pub(super) fn pairs(node: Node, separator: char) -> Node {
    let Value::List(items) = node.value else { return node };
    let pair = |item: Node| {
        let text = item.scalar().unwrap_or_default().to_owned();
        // `host=address` is a form of `host:address`.
        let split = text
            .split_once(separator)
            .or_else(|| (separator == ':').then(|| text.split_once('=')).flatten());
        let at = item.at;
        let (name, value) = match split {
            Some((name, value)) => (name.to_owned(), Value::Scalar(value.to_owned(), false)),
            None => (text, Value::Scalar(String::new(), true)),
        };
        (Key { at, name }, Node::new(at, value))
    };
    let entries = items.into_iter().map(pair).collect();
    // A name that comes twice: the last one stands.
    Node { value: Value::Map(maps(vec![], entries, &[])), at: node.at, mark: node.mark }
}

fn is_build(path: &[&str]) -> bool {
    matches!(path, ["services", _, "build"])
}

/// `build: ./dir` as a mapping.
fn build(node: Node) -> Node {
    match node.value {
        Value::Scalar(..) => {
            let at = node.at;
            let key = Key { at, name: "context".to_owned() };
            Node::new(at, Value::Map(vec![(key, node)]))
        }
        _ => node,
    }
}
