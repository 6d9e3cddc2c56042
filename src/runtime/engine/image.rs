//! Images: there, pulled, or built from a directory.
//!
//! Source: Docker Engine API, `/images/create` and `/build`; the format of `.dockerignore` is that of
//! Docker's documentation.

use super::container::is_gone;
use super::credentials::credentials;
use super::{Engine, reason};
use crate::base::Problem;
use crate::compose::{Build, Service};
use crate::runtime::Progress;
use bollard::query_parameters::{BuildImageOptions, CreateImageOptions};
use bytes::Bytes;
use futures_util::StreamExt;
use regex::Regex;
use std::collections::HashMap;
use std::path::Path;

/// A context larger than this is a mistake in `.dockerignore`.
const CONTEXT_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// Lines of a failed build that are shown.
const BUILD_LINES_SHOWN: usize = 20;

impl Engine {
    /// The id of the image that `service` runs; it is built or pulled where it is missing.
    pub async fn image(
        &self,
        part: &str,
        tag: &str,
        service: &Service,
        progress: &dyn Progress,
    ) -> Result<String, Problem> {
        let policy = service.host.pull_policy.as_deref().unwrap_or("missing");
        if let Some(build) = &service.build {
            self.build(part, tag, build, progress).await?;
        } else if policy == "always" {
            self.pull(part, tag, progress).await?;
        }
        match self.docker.inspect_image(tag).await {
            Ok(there) => return Ok(there.id.unwrap_or_else(|| tag.to_owned())),
            Err(error) if is_gone(&error) => {}
            Err(error) => return Err(Problem::failed("engine", reason(&error)).retryable()),
        }
        if policy == "never" {
            let message =
                format!("the image `{tag}` of {part} is not there, and may not be pulled");
            return Err(Problem::in_the_way("image-missing", message)
                .hint(format!("`docker pull {tag}`, or leave `pull_policy: never` out")));
        }
        self.pull(part, tag, progress).await?;
        let there = self.docker.inspect_image(tag).await;
        let there = there.map_err(|error| missing(part, tag, &reason(&error)))?;
        Ok(there.id.unwrap_or_else(|| tag.to_owned()))
    }

    async fn pull(&self, part: &str, tag: &str, progress: &dyn Progress) -> Result<(), Problem> {
        let name = match tag.rsplit('/').next().is_some_and(|last| last.contains([':', '@'])) {
            true => tag.to_owned(),
            false => format!("{tag}:latest"),
        };
        let options = CreateImageOptions { from_image: Some(name), ..Default::default() };
        let id = format!("pull {tag}");
        progress.begin(&id, &format!("{part}: pulling {tag}"), None);
        let (credentials, complaint) = match credentials(tag).await {
            Ok(known) => (known, String::new()),
            Err(why) => (None, format!("; {why}")),
        };
        let missing = |why: &str| missing(part, tag, &format!("{why}{complaint}"));
        let mut stream = self.docker.create_image(Some(options), None, credentials);
        let mut layers: HashMap<String, i64> = HashMap::new();
        let mut result = Ok(());
        while let Some(step) = stream.next().await {
            match step {
                Ok(info) => {
                    if let Some(error) = info.error_detail.and_then(|error| error.message) {
                        result = Err(missing(&error));
                    }
                    let current = info.progress_detail.and_then(|detail| detail.current);
                    if let (Some(layer), Some(current)) = (info.id, current)
                        && info.status.as_deref() == Some("Downloading")
                    {
                        let before = layers.insert(layer, current).unwrap_or_default();
                        progress.advance(&id, u64::try_from(current - before).unwrap_or_default());
                    }
                }
                Err(error) => result = Err(missing(&reason(&error))),
            }
        }
        progress.end(&id);
        result
    }

    /// Builds `build` as `tag`; the engine's cache decides what is new.
    pub async fn build(
        &self,
        part: &str,
        tag: &str,
        build: &Build,
        progress: &dyn Progress,
    ) -> Result<(), Problem> {
        let packing = build.clone();
        let packed = tokio::task::spawn_blocking(move || pack(&packing)).await;
        let context = packed
            .map_err(|error| Problem::failed("build-context", error.to_string()))?
            .map_err(|why| {
                let place = build.context.display();
                let message = format!("the context of {part} cannot be packed: {place}: {why}");
                Problem::in_the_way("build-context", message)
                    .hint("check `build` in the Compose file, and `.dockerignore`")
            })?;
        let given =
            |(name, value): (&String, &Option<String>)| Some((name.clone(), value.clone()?));
        let hosts: Vec<String> =
            build.extra_hosts.iter().map(|(n, a)| format!("{n}:{a}")).collect();
        let options = BuildImageOptions {
            dockerfile: dockerfile(build),
            t: Some(tag.to_owned()),
            rm: true,
            forcerm: true,
            nocache: build.no_cache,
            pull: build.pull.then(|| "1".to_owned()),
            buildargs: Some(build.args.iter().filter_map(given).collect()),
            labels: Some(build.labels.clone().into_iter().collect()),
            target: build.target.clone().unwrap_or_default(),
            networkmode: build.network.clone(),
            extrahosts: (!hosts.is_empty()).then(|| hosts.join(",")),
            cachefrom: (!build.cache_from.is_empty()).then(|| build.cache_from.clone()),
            shmsize: build.shm_size.and_then(|size| i32::try_from(size).ok()),
            ..Default::default()
        };
        let id = format!("build {part}");
        progress.begin(&id, &format!("{part}: building {tag}"), None);
        let body = bollard::body_full(Bytes::from(context));
        let mut stream = self.docker.build_image(options, None, Some(body));
        let mut lines: Vec<String> = Vec::new();
        let mut failure = None;
        while let Some(step) = stream.next().await {
            match step {
                Ok(info) => {
                    let text = info.stream.unwrap_or_default();
                    lines.extend(text.lines().filter(|line| !line.is_empty()).map(str::to_owned));
                    failure = failure.or(info.error_detail.and_then(|error| error.message));
                }
                Err(error) => failure = failure.or(Some(reason(&error))),
            }
        }
        progress.end(&id);
        let Some(why) = failure else { return Ok(()) };
        let shown = lines.len().saturating_sub(BUILD_LINES_SHOWN);
        let said: String =
            lines[shown..].iter().map(|line| format!("\n  {part} | {line}")).collect();
        let message = format!("the image of {part} cannot be built: {why}{said}");
        Err(Problem::failed("build-failed", message)
            .hint(format!("build it alone: `docker build {}`", build.context.display())))
    }
}

fn missing(part: &str, tag: &str, why: &str) -> Problem {
    let message = format!("the image `{tag}` of {part} is not there and cannot be pulled: {why}");
    Problem::in_the_way("image-missing", message)
        .hint("check its name and the network; `docker login` for a private registry")
        .retryable()
}

/// The name that an inline Dockerfile has in the context.
const INLINE: &str = ".devenv.Dockerfile";

fn dockerfile(build: &Build) -> String {
    match build.dockerfile_inline {
        Some(_) => INLINE.to_owned(),
        None => build.dockerfile.clone(),
    }
}

/// The context as a tar file, without what `.dockerignore` leaves out.
fn pack(build: &Build) -> std::io::Result<Vec<u8>> {
    let ignore = ["Dockerfile.dockerignore", ".dockerignore"]
        .iter()
        .find_map(|name| std::fs::read_to_string(build.context.join(name)).ok());
    let rules = Rules::read(&ignore.unwrap_or_default());
    let keep = vec![build.dockerfile.clone(), ".dockerignore".to_owned()];
    let mut packer = Packer { tar: tar::Builder::new(Vec::new()), rules, keep, bytes: 0 };
    packer.tar.follow_symlinks(false);
    packer.directory(&build.context, "")?;
    if let Some(text) = &build.dockerfile_inline {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        packer.tar.append_data(&mut header, INLINE, text.as_bytes())?;
    }
    packer.tar.into_inner()
}

struct Packer {
    tar: tar::Builder<Vec<u8>>,
    rules: Rules,
    /// What the engine itself needs.
    keep: Vec<String>,
    bytes: u64,
}

impl Packer {
    fn directory(&mut self, dir: &Path, inner: &str) -> std::io::Result<()> {
        let mut entries: Vec<_> = std::fs::read_dir(dir)?.collect::<Result<_, _>>()?;
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let path = if inner.is_empty() { name.into_owned() } else { format!("{inner}/{name}") };
            let kind = entry.file_type()?;
            let ignored = self.rules.ignores(&path) && !self.keep.contains(&path);
            if kind.is_dir() {
                // Something below an ignored directory may be wanted again.
                if !ignored {
                    self.tar.append_dir(&path, entry.path())?;
                }
                if !ignored || self.rules.has_exceptions {
                    self.directory(&entry.path(), &path)?;
                }
            } else if !ignored && (kind.is_file() || kind.is_symlink()) {
                self.bytes += entry.metadata()?.len();
                if self.bytes > CONTEXT_BYTES_MAX {
                    let message = format!("larger than {CONTEXT_BYTES_MAX} bytes");
                    return Err(std::io::Error::other(message));
                }
                self.tar.append_path_with_name(entry.path(), &path)?;
            }
        }
        Ok(())
    }
}

/// The rules of a `.dockerignore`; the last that matches decides.
#[derive(Debug)]
pub struct Rules {
    rules: Vec<(Regex, bool)>,
    has_exceptions: bool,
}

impl Rules {
    /// Reads a file's text.
    pub fn read(text: &str) -> Rules {
        let lines = text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#'));
        let rule = |line: &str| {
            let (pattern, ignores) = match line.strip_prefix('!') {
                Some(rest) => (rest.trim(), false),
                None => (line, true),
            };
            let pattern = pattern.trim_matches('/').trim_start_matches("./");
            Some((Regex::new(&expression(pattern)).ok()?, ignores))
        };
        let rules: Vec<_> = lines.filter_map(rule).collect();
        let has_exceptions = rules.iter().any(|(_, ignores)| !ignores);
        Rules { rules, has_exceptions }
    }

    /// Whether this path, relative to the file's directory, is left out.
    pub fn ignores(&self, path: &str) -> bool {
        let last = self.rules.iter().rev().find(|(rule, _)| rule.is_match(path));
        last.is_some_and(|(_, ignores)| *ignores)
    }
}

/// A pattern as a regular expression: `**` any directories, `*` and `?` within one name.
fn expression(pattern: &str) -> String {
    let mut out = "^".to_owned();
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("**/") {
            out.push_str("(?:.*/)?");
            rest = after;
        } else if let Some(after) = rest.strip_prefix("**") {
            out.push_str(".*");
            rest = after;
        } else {
            match c {
                '*' => out.push_str("[^/]*"),
                '?' => out.push_str("[^/]"),
                // A class is written as there.
                '[' | ']' => out.push(c),
                c => out.push_str(&regex::escape(&c.to_string())),
            }
            rest = &rest[c.len_utf8()..];
        }
    }
    out.push_str("(?:/.*)?$");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dockerignore_decides_by_its_last_matching_line() {
        let rules =
            Rules::read("# note\nnode_modules\n*.log\n**/*.tmp\nsecret/*\n!secret/kept\n/dist/\n");
        for path in
            ["node_modules", "node_modules/a/b", "x.log", "a/b.tmp", "b.tmp", "secret/x", "dist/a"]
        {
            assert!(rules.ignores(path), "{path}");
        }
        for path in ["a/x.log", "secret/kept", "src/node_modules", "secret", "distance"] {
            assert!(!rules.ignores(path), "{path}");
        }
    }

    #[test]
    fn a_context_is_packed_without_what_is_ignored() {
        let dir = tempfile::tempdir().expect("directory");
        for (name, text) in
            [("Dockerfile", "FROM scratch"), (".dockerignore", "*\n!src"), ("big", "x")]
        {
            std::fs::write(dir.path().join(name), text).expect("file");
        }
        std::fs::create_dir(dir.path().join("src")).expect("directory");
        std::fs::write(dir.path().join("src/main"), "m").expect("file");
        let build = Build {
            context: dir.path().to_owned(),
            dockerfile: "Dockerfile".to_owned(),
            ..Build::default()
        };
        let tar = pack(&build).expect("tar");
        let mut archive = tar::Archive::new(tar.as_slice());
        let mut names: Vec<String> = archive
            .entries()
            .expect("entries")
            .map(|e| e.expect("entry").path().expect("path").display().to_string())
            .collect();
        names.sort();
        assert_eq!(names, [".dockerignore", "Dockerfile", "src", "src/main"]);
    }
}
