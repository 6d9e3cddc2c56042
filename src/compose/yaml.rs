//! YAML into [`Node`]s: anchors, aliases and merge keys resolved, doubled keys found.
//!
//! Invariant: what a text of N bytes becomes is bounded, whatever its aliases say ([`NODES_MAX`],
//! [`DEPTH_MAX`]). Source: YAML 1.2.2; the merge key is that of YAML 1.1, as Compose takes it.

use super::node::{Findings, Key, Mark, Node, Spot, Value};
use saphyr_parser::{Event, Parser, Tag};
use std::collections::{BTreeMap, BTreeSet};

/// Nodes of a document, aliases written out.
const NODES_MAX: usize = 100_000;
/// Nested lists and mappings.
const DEPTH_MAX: usize = 64;

/// Reads the first document of `text`; `None` where it cannot be read at all.
pub(super) fn parse(text: &str, file: usize, findings: &mut Findings) -> Option<Node> {
    let mut builder = Builder { file, findings, stack: vec![], anchors: BTreeMap::new(), nodes: 0 };
    let mut root = None;
    let mut documents = 0;
    for event in Parser::new_from_str(text) {
        let (event, span) = match event {
            Ok(event) => event,
            Err(error) => {
                let at = Spot { file, line: error.marker().line() };
                builder.findings.mistake(at, format!("not YAML: {}", error.info()));
                return None;
            }
        };
        let at = Spot { file, line: span.start.line() };
        if matches!(event, Event::DocumentStart(_)) {
            documents += 1;
            if documents > 1 {
                builder.findings.mistake(at, "a Compose file is one document");
                return None;
            }
        }
        match builder.take(event, at) {
            Ok(Some(node)) => root = Some(node),
            Ok(None) => {}
            Err(text) => {
                builder.findings.mistake(at, text);
                return None;
            }
        }
    }
    root
}

enum Open {
    List { at: Spot, items: Vec<Node>, anchor: usize, mark: Option<Mark> },
    Map { at: Spot, entries: Vec<(Key, Node)>, key: Option<Key>, anchor: usize, mark: Option<Mark> },
}

struct Builder<'a> {
    file: usize,
    findings: &'a mut Findings,
    stack: Vec<Open>,
    anchors: BTreeMap<usize, (Node, usize)>,
    nodes: usize,
}

impl Builder<'_> {
    /// The root node when it is complete.
    fn take(&mut self, event: Event<'_>, at: Spot) -> Result<Option<Node>, String> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == saphyr_parser::ScalarStyle::Plain
                    && tag.as_deref().is_none_or(|tag| tag.suffix != "str");
                let mut node = Node::new(at, Value::Scalar(text.into_owned(), plain));
                node.mark = mark(tag.as_deref());
                self.complete(node, anchor, 1)
            }
            Event::SequenceStart(anchor, tag) => {
                self.open(Open::List { at, items: vec![], anchor, mark: mark(tag.as_deref()) })
            }
            Event::MappingStart(anchor, tag) => {
                let mark = mark(tag.as_deref());
                self.open(Open::Map { at, entries: vec![], key: None, anchor, mark })
            }
            Event::SequenceEnd | Event::MappingEnd => match self.stack.pop() {
                Some(Open::List { at, items, anchor, mark }) => {
                    let node = Node { at, value: Value::List(items), mark };
                    self.complete(node, anchor, 1)
                }
                Some(Open::Map { at, entries, anchor, mark, .. }) => {
                    let entries = self.merged(entries);
                    self.complete(Node { at, value: Value::Map(entries), mark }, anchor, 1)
                }
                None => Err("not YAML: an end without a start".to_owned()),
            },
            Event::Alias(anchor) => match self.anchors.get(&anchor) {
                Some((node, size)) => {
                    let (node, size) = (node.clone(), *size);
                    self.complete(node, 0, size)
                }
                None => Err("an alias stands inside what it names".to_owned()),
            },
            _ => Ok(None),
        }
    }

    fn open(&mut self, open: Open) -> Result<Option<Node>, String> {
        if self.stack.len() >= DEPTH_MAX {
            return Err(format!("nested deeper than {DEPTH_MAX}"));
        }
        self.stack.push(open);
        Ok(None)
    }

    fn complete(
        &mut self,
        node: Node,
        anchor: usize,
        nodes: usize,
    ) -> Result<Option<Node>, String> {
        self.nodes += nodes;
        if self.nodes > NODES_MAX {
            return Err(format!("larger than {NODES_MAX} nodes, with its aliases written out"));
        }
        if anchor != 0 {
            let size = size(&node);
            self.nodes += size;
            self.anchors.insert(anchor, (node.clone(), size));
        }
        match self.stack.last_mut() {
            None => Ok(Some(node)),
            Some(Open::List { items, .. }) => {
                items.push(node);
                Ok(None)
            }
            Some(Open::Map { entries, key, .. }) => {
                match key.take() {
                    Some(key) => entries.push((key, node)),
                    None => match node.value {
                        Value::Scalar(name, _) => *key = Some(Key { at: node.at, name }),
                        _ => return Err("a key is a text".to_owned()),
                    },
                }
                Ok(None)
            }
        }
    }

    /// The entries with `<<` carried out: what stands here wins, then the first of several.
    fn merged(&mut self, entries: Vec<(Key, Node)>) -> Vec<(Key, Node)> {
        let mut seen: BTreeSet<String> = BTreeSet::new();
        let mut own = Vec::new();
        let mut merges = Vec::new();
        for (key, node) in entries {
            if key.name == "<<" {
                merges.push(node);
            } else if seen.insert(key.name.clone()) {
                own.push((key, node));
            } else {
                self.findings.mistake(key.at, format!("the key `{}` stands twice", key.name));
            }
        }
        for merge in merges {
            let at = Spot { file: self.file, line: merge.at.line };
            let sources = match merge.value {
                Value::Map(_) => vec![merge],
                Value::List(items) => items,
                Value::Scalar(..) => {
                    self.findings.mistake(at, "`<<` takes a mapping or a list of them");
                    continue;
                }
            };
            for source in sources {
                let Value::Map(entries) = source.value else {
                    self.findings.mistake(at, "`<<` takes a mapping or a list of them");
                    continue;
                };
                own.extend(entries.into_iter().filter(|(key, _)| seen.insert(key.name.clone())));
            }
        }
        own
    }
}

fn size(node: &Node) -> usize {
    1 + match &node.value {
        Value::Scalar(..) => 0,
        Value::List(items) => items.iter().map(size).sum(),
        Value::Map(entries) => entries.iter().map(|(_, node)| size(node)).sum(),
    }
}

fn mark(tag: Option<&Tag>) -> Option<Mark> {
    match tag.map(|tag| (tag.handle.as_str(), tag.suffix.as_str()))? {
        ("!", "reset") => Some(Mark::Reset),
        ("!", "override") => Some(Mark::Override),
        _ => None,
    }
}
