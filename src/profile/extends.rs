//! Reads a profile and the chain that it extends, and merges them: tables merge, the nearer file
//! wins, `false` in place of an inherited part removes it. Chains are bounded and must not turn back.

use crate::profile::Source;
use crate::profile::document::{At, Entry, Files, Node, Value};
use crate::profile::limits::{EXTENDS_DEPTH_MAX, FILE_BYTES_MAX};
use crate::profile::mistakes::Mistake;
use crate::profile::{shipped, words};
use std::io::Read;
use std::path::{Path, PathBuf};

/// One file of a chain, before it is read.
enum Link {
    File { shown: String, path: PathBuf },
    Shipped(&'static shipped::Shipped),
    Text { shown: String, text: String, path: PathBuf },
}

/// Whether an `extends` or a `--profile` means a file.
pub(crate) fn is_path(argument: &str) -> bool {
    argument.contains(['/', '\\']) || argument.ends_with(".toml")
}

/// The name shown to people and the project's directory.
pub(crate) fn identity(source: &Source) -> (String, PathBuf) {
    match source {
        Source::Shipped { name, project_dir } => (name.clone(), absolute(project_dir)),
        Source::Text { project_dir, .. } => named_after(absolute(project_dir)),
        Source::File(path) => {
            let parent =
                path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
            named_after(absolute(parent))
        }
    }
}

fn named_after(dir: PathBuf) -> (String, PathBuf) {
    let name =
        dir.file_name().map_or_else(|| "devenv".to_owned(), |n| n.to_string_lossy().into_owned());
    (name, dir)
}

fn absolute(dir: &Path) -> PathBuf {
    dir.canonicalize().or_else(|_| std::path::absolute(dir)).unwrap_or_else(|_| dir.to_owned())
}

/// Reads the whole chain and merges it; `None` when not even the first file could be read.
pub(crate) fn gather(source: &Source, files: &mut Files) -> Option<Node> {
    let mut link = first(source, files)?;
    let mut read: Vec<Node> = Vec::new();
    let mut seen: Vec<PathBuf> = Vec::new();
    let mut named: Option<At> = None;
    while let Some((node, place)) = open(link, named, files) {
        seen.push(place.clone());
        let parent = node.get(&["extends"]).cloned();
        read.push(node);
        let Some(Node { at, value: Value::Text(target) }) = parent else {
            break;
        };
        let Some(next) = follow(&target, &place, at, files) else {
            break;
        };
        if seen.contains(&key(&next)) {
            files.mistake(
                at,
                format!("`extends` goes round in a circle: `{target}` leads back here"),
            );
            break;
        }
        if read.len() == EXTENDS_DEPTH_MAX {
            files.mistake(at, format!("more than {EXTENDS_DEPTH_MAX} profiles extend one another"));
            break;
        }
        named = Some(at);
        link = next;
    }
    read.into_iter().rev().reduce(|base, over| merged(base, over, &mut Vec::new()))
}

/// Where the chain starts.
fn first(source: &Source, files: &mut Files) -> Option<Link> {
    match source {
        Source::File(path) => {
            Some(Link::File { shown: path.display().to_string(), path: path.clone() })
        }
        Source::Text { file, text, project_dir } => Some(Link::Text {
            shown: file.clone(),
            text: text.clone(),
            path: project_dir.join(file),
        }),
        Source::Shipped { name, .. } => match shipped::find(name) {
            Some(found) => Some(Link::Shipped(found)),
            None => {
                files.mistakes.push(Mistake::of_file(name, unknown(name)));
                None
            }
        },
    }
}

fn unknown(name: &str) -> String {
    format!(
        "no profile of this name is shipped{}",
        words::suggestion(name, &shipped::names(), "shipped profiles")
    )
}

/// What `extends = target` in the file at `place` means.
fn follow(target: &str, place: &Path, at: At, files: &mut Files) -> Option<Link> {
    if is_path(target) {
        let path = place.parent().unwrap_or(Path::new("")).join(target);
        return Some(Link::File { shown: path.display().to_string(), path });
    }
    let found = shipped::find(target);
    if found.is_none() {
        let hint = if !target.is_empty() && place.with_file_name(target).is_file() {
            "; a file is written with `./`"
        } else {
            ""
        };
        files.mistake(at, format!("`extends = {target:?}`: {}{hint}", unknown(target)));
    }
    found.map(Link::Shipped)
}

/// What tells one link from another.
fn key(link: &Link) -> PathBuf {
    match link {
        Link::File { path, .. } | Link::Text { path, .. } => {
            path.canonicalize().unwrap_or_else(|_| path.clone())
        }
        Link::Shipped(found) => PathBuf::from(format!("<shipped>/{}", found.name)),
    }
}

/// Reads and parses one link; its tree, and the place that its own `extends` is relative to.
fn open(link: Link, named: Option<At>, files: &mut Files) -> Option<(Node, PathBuf)> {
    let place = key(&link);
    let (shown, text) = match link {
        Link::Shipped(found) => (format!("profiles/{}.toml", found.name), found.text.to_owned()),
        Link::Text { shown, text, .. } => (shown, text),
        Link::File { shown, path } => match read(&path) {
            Ok(text) => (shown, text),
            Err(why) => {
                match named {
                    Some(at) => files.mistake(at, format!("cannot read `{shown}`: {why}")),
                    None => files.mistakes.push(Mistake::of_file(shown, why)),
                }
                return None;
            }
        },
    };
    Some((files.parse(shown, text), place))
}

fn read(path: &Path) -> Result<String, String> {
    let say = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    };
    let file = std::fs::File::open(path).map_err(say)?;
    if file.metadata().map_err(say)?.is_dir() {
        return Err("this is a directory".to_owned());
    }
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(say)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(format!("larger than {FILE_BYTES_MAX} bytes"));
    }
    String::from_utf8(bytes)
        .map_err(|e| format!("not UTF-8 at byte {}", e.utf8_error().valid_up_to()))
}

/// `over` upon `base`.
fn merged(base: Node, over: Node, path: &mut Vec<String>) -> Node {
    let at = over.at;
    let (mut entries, newer) = match (base.value, over.value) {
        (Value::Table(entries), Value::Table(newer)) if !whole(path) => (entries, newer),
        (_, value) => return Node { at, value },
    };
    if is_secret(path) && (newer.contains_key("value") || newer.contains_key("generate")) {
        entries.remove("value");
        entries.remove("generate");
    }
    for (name, entry) in newer {
        let merged_entry = match entries.remove(&name) {
            None => entry,
            Some(old) => {
                path.push(name.clone());
                let node = merged(old.node, entry.node, path);
                path.pop();
                Entry { key: entry.key, node }
            }
        };
        entries.insert(name, merged_entry);
    }
    Node { at, value: Value::Table(entries) }
}

/// Tables that are one value: the nearer file's replaces the other's.
fn whole(path: &[String]) -> bool {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    matches!(
        path.as_slice(),
        ["postgres", "version"]
            | ["secrets", _, "value" | "generate" | "rotation"]
            | ["rotators", _]
            | ["upstream", _]
            | ["s3", "buckets", _, "encryption" | "object_lock" | "replication"]
    )
}

fn is_secret(path: &[String]) -> bool {
    matches!(path, [first, _] if first == "secrets")
}
