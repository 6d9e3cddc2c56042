//! `develop.watch`: what changes in the project is brought into its running containers.
//!
//! One task carries the rules out, one batch of changes after another. `sync` copies into the container
//! (and again into the one that takes its place), `sync+exec` runs a command in it then, `sync+restart` and
//! `restart` start it anew, `rebuild` makes its image first. Other rules of an edited file take the place of
//! these. Invariant: a rule that cannot be carried out is told, and stops nothing. Source: the Compose
//! Specification, develop.

use super::super::Update;
use super::super::changes::{Changes, observe};
use super::super::drive::{Message, Run};
use super::plan::{Unit, Units};
use crate::base::Problem;
use crate::compose::{Hook, Watch};
use crate::runtime::engine::exec::{Command, Said};
use crate::runtime::engine::{Engine, Rules};
use crate::supervisor::Event;
use notify::RecommendedWatcher;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch as newest;
use tokio::task::JoinHandle;

/// Files copied at a time at the most.
const FILES_MAX: usize = 10_000;
/// What is never of interest, as in Compose.
const NEVER: &str = ".git\n**/.git\n";
/// Bytes kept of what a command in a container says.
const SAID_BYTES_MAX: usize = 2_000;

/// The containers as the newest plan has them, for whoever watches.
#[derive(Debug, Clone, Default)]
pub(super) struct Ruled(Arc<newest::Sender<BTreeMap<String, Unit>>>);

impl Ruled {
    pub(super) fn set(&self, units: &BTreeMap<String, Unit>) {
        self.0.send_replace(units.clone());
    }

    pub(super) fn subscribe(&self) -> newest::Receiver<BTreeMap<String, Unit>> {
        self.0.subscribe()
    }
}

/// Files that were copied into a part's container, by their place in it.
#[derive(Debug, Clone, Default)]
pub(super) struct Synced(Arc<Mutex<BTreeMap<String, BTreeMap<String, PathBuf>>>>);

impl Synced {
    fn with<T>(&self, f: impl FnOnce(&mut BTreeMap<String, BTreeMap<String, PathBuf>>) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What a new container of this part needs over its image.
    pub(super) fn of(&self, part: &str) -> Vec<(PathBuf, String)> {
        let all = self.with(|all| all.get(part).cloned().unwrap_or_default());
        all.into_iter().map(|(inside, here)| (here, inside)).filter(|(h, _)| h.exists()).collect()
    }
}

/// Watches until it is dropped.
pub(super) struct Watching {
    watcher: Option<RecommendedWatcher>,
    task: JoinHandle<()>,
}

impl Watching {
    /// Sees no more, and brings to its end what was seen.
    pub(super) fn retire(mut self) {
        self.watcher = None;
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        if self.watcher.is_some() {
            self.task.abort();
        }
    }
}

/// A rule of a part.
struct Rule {
    part: String,
    watch: Watch,
    /// The rule's path as the system names it.
    real: PathBuf,
    ignore: Rules,
    /// Nothing but these, where there are any.
    include: Option<Rules>,
}

/// Starts to watch for `by_part`, where there is anything to.
pub(super) fn watch(
    run: &Run,
    units: &Units,
    by_part: BTreeMap<String, Unit>,
    engine: &Engine,
) -> Option<Watching> {
    let rules: Vec<Rule> = by_part.values().flat_map(rules).collect();
    if rules.is_empty() || !run.plan.watch {
        return None;
    }
    let paths: BTreeSet<PathBuf> = rules.iter().map(|rule| rule.real.clone()).collect();
    let (watcher, changes) = observe(&paths, |text| run.hub.tell(Update::Note(text)))?;
    let (project, synced) = (units.project.clone(), units.synced.clone());
    let task = Task { run: run.clone(), engine: engine.clone(), project, synced, by_part, rules };
    Some(Watching { watcher: Some(watcher), task: tokio::spawn(task.run(changes)) })
}

/// Parts with rules that nobody carries out.
pub(in crate::control) fn unwatched(units: &Units) -> Vec<&str> {
    let watched = units.by_part.values().filter(|unit| !unit.service.watch.is_empty());
    watched.map(|unit| unit.part.as_str()).collect()
}

fn rules(unit: &Unit) -> Vec<Rule> {
    let build = unit.service.build.as_ref();
    let context = build.and_then(|b| std::fs::read_to_string(b.context.join(".dockerignore")).ok());
    let rule = |watch: &Watch| {
        let of_context = build.filter(|b| b.context == watch.path).and(context.as_deref());
        let patterns =
            format!("{NEVER}{}\n{}", of_context.unwrap_or_default(), watch.ignore.join("\n"));
        Rule {
            part: unit.part.clone(),
            real: watch.path.canonicalize().unwrap_or_else(|_| watch.path.clone()),
            watch: watch.clone(),
            ignore: Rules::read(&patterns),
            include: (!watch.include.is_empty()).then(|| Rules::read(&watch.include.join("\n"))),
        }
    };
    unit.service.watch.iter().map(rule).collect()
}

impl Rule {
    /// The place below the rule's path that `changed` is; `None` where the rule does not see it.
    fn sees(&self, changed: &Path) -> Option<PathBuf> {
        let below = changed.strip_prefix(&self.real).ok()?;
        let text = below.to_string_lossy();
        (text.is_empty() || !self.ignore.ignores(&text)).then(|| below.to_owned())
    }

    /// Whether a file is meant; a directory is for what is in it.
    fn takes(&self, below: &Path) -> bool {
        self.include.as_ref().is_none_or(|include| include.ignores(&below.to_string_lossy()))
    }

    fn at(&self, below: &Path) -> PathBuf {
        // Joined with nothing, a file would become a directory.
        if below.as_os_str().is_empty() { self.real.clone() } else { self.real.join(below) }
    }

    /// The files at and below a place: of a directory that is new, only itself is told.
    fn files(&self, below: &Path, found: &mut BTreeSet<PathBuf>) {
        let here = self.at(below);
        if here.is_file() && self.takes(below) {
            found.insert(below.to_owned());
        }
        for entry in std::fs::read_dir(&here).into_iter().flatten().flatten() {
            // A link may lead in a circle, and out of the project.
            let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
            if let Some(below) = self.sees(&entry.path()).filter(|_| !is_link)
                && found.len() < FILES_MAX
            {
                self.files(&below, found);
            }
        }
    }
}

struct Task {
    run: Run,
    engine: Engine,
    project: String,
    synced: Synced,
    by_part: BTreeMap<String, Unit>,
    rules: Vec<Rule>,
}

impl Task {
    async fn run(self, mut changes: Changes) {
        for rule in self.rules.iter().filter(|rule| rule.watch.initial_sync) {
            self.sync(rule, &BTreeSet::from([PathBuf::new()])).await;
        }
        while let Some(changed) = changes.next().await {
            self.batch(&changed).await;
        }
    }

    async fn batch(&self, changed: &BTreeSet<PathBuf>) {
        let mut restart = BTreeSet::new();
        let mut rebuild = BTreeSet::new();
        for rule in &self.rules {
            let below: BTreeSet<PathBuf> = changed.iter().filter_map(|p| rule.sees(p)).collect();
            let is_meant = |p: &PathBuf| rule.at(p).is_dir() || rule.takes(p);
            if !below.iter().any(is_meant) {
                continue;
            }
            match rule.watch.action.as_str() {
                "rebuild" => drop(rebuild.insert(rule.part.clone())),
                "restart" => drop(restart.insert(rule.part.clone())),
                action => {
                    self.sync(rule, &below).await;
                    if action == "sync+restart" {
                        restart.insert(rule.part.clone());
                    }
                    if let Some(hook) = &rule.watch.exec {
                        self.exec(&rule.part, hook).await;
                    }
                }
            }
        }
        for part in rebuild {
            if self.rebuild(&part).await {
                restart.insert(part);
            }
        }
        if !restart.is_empty() {
            let parts: Vec<String> = restart.into_iter().collect();
            self.note(format!("watch: {} is started again", parts.join(", ")));
            let _ = self.run.loop_.send(Message::Event(Event::Restart { parts })).await;
        }
    }

    /// Runs a rule's command in the container, where one runs.
    async fn exec(&self, part: &str, hook: &Hook) {
        let Ok(Some(id)) = self.engine.running(&self.project, part).await else { return };
        let command = Command {
            words: hook.command.clone(),
            user: hook.user.clone(),
            directory: hook.working_dir.clone(),
            privileged: hook.privileged,
            variables: hook
                .environment
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect(),
        };
        let mut words = Vec::new();
        let said = |said: Said<'_>| {
            let (Said::Out(bytes) | Said::Err(bytes)) = said;
            let room = SAID_BYTES_MAX.saturating_sub(words.len());
            words.extend_from_slice(&bytes[..bytes.len().min(room)]);
        };
        let shown = hook.command.join(" ");
        match self.engine.exec(&id, command, None, said).await {
            Ok(0) => self.note(format!("watch: {part}: `{shown}` was run")),
            Ok(code) => {
                let words = String::from_utf8_lossy(&words);
                let words = words.trim();
                self.note(format!("watch: {part}: `{shown}` ended with {code}: {words}"));
            }
            Err(problem) => self.note(format!("watch: {part}: `{shown}`: {}", problem.message)),
        }
    }

    fn note(&self, text: String) {
        self.run.hub.tell(Update::Note(text));
    }

    /// Copies what is there into the container, and takes away what is gone.
    async fn sync(&self, rule: &Rule, below: &BTreeSet<PathBuf>) {
        let target = rule.watch.target.as_deref().unwrap_or_default().trim_end_matches('/');
        let (mut copied, mut gone) = (Vec::new(), Vec::new());
        let inside = |below: &Path| match below.as_os_str().is_empty() {
            true => target.to_owned(),
            false => format!("{target}/{}", below.to_string_lossy()),
        };
        for below in below {
            let mut found = BTreeSet::new();
            if rule.at(below).exists() {
                rule.files(below, &mut found);
                copied.extend(found.iter().map(|below| (rule.at(below), inside(below))));
            } else if rule.takes(below) {
                gone.push(inside(below));
            }
        }
        copied.truncate(FILES_MAX);
        self.synced.with(|all| {
            let known = all.entry(rule.part.clone()).or_default();
            known.extend(copied.iter().map(|(here, inside)| (inside.clone(), here.clone())));
            gone.iter().for_each(|inside| drop(known.remove(inside)));
        });
        // A container that is not there gets them when it is made.
        let Ok(Some(id)) = self.engine.running(&self.project, &rule.part).await else { return };
        let told = |what: &str, n: usize| match n {
            0 => String::new(),
            1 => format!("1 file {what}"),
            n => format!("{n} files {what}"),
        };
        let counts = [told("copied", copied.len()), told("removed", gone.len())];
        let result = async {
            if !copied.is_empty() {
                self.engine.put(&id, copied).await?;
            }
            if !gone.is_empty() {
                let words = ["rm", "-rf", "--"].map(str::to_owned).into_iter().chain(gone);
                self.engine.exec(&id, Command::of(words.collect()), None, |_| {}).await?;
            }
            Ok::<(), Problem>(())
        };
        let counts: Vec<&str> =
            counts.iter().map(String::as_str).filter(|s| !s.is_empty()).collect();
        match result.await {
            Ok(()) if counts.is_empty() => {}
            Ok(()) => self.note(format!("watch: {}: {}", rule.part, counts.join(", "))),
            Err(problem) => self.note(format!("watch: {}: {}", rule.part, problem.message)),
        }
    }

    /// Makes the image before the container that runs is given up.
    async fn rebuild(&self, part: &str) -> bool {
        let Some(unit) = self.by_part.get(part) else { return false };
        let Some(build) = &unit.service.build else {
            self.note(format!("watch: {part} has no `build`, so that nothing is rebuilt"));
            return false;
        };
        match self.engine.build(part, &unit.tag, build, &self.run.hub).await {
            Ok(()) => {
                self.synced.with(|all| drop(all.remove(part)));
                true
            }
            Err(problem) => {
                self.note(format!("watch: {}", problem.message));
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_sees_what_is_below_it_and_not_ignored() {
        let watch = Watch { path: "/p/src".into(), action: "sync".to_owned(), ..Watch::default() };
        let ignore = Rules::read(&format!("{NEVER}node_modules\n*.log\n"));
        let include = Some(Rules::read("**/*.py\n"));
        let part = "api".to_owned();
        let rule = Rule { part, real: "/p/src".into(), watch, ignore, include };
        let sees = |path: &str| rule.sees(Path::new(path));
        assert_eq!(sees("/p/src/a/b.py"), Some("a/b.py".into()));
        assert_eq!(sees("/p/src"), Some("".into()));
        assert!(rule.takes(Path::new("a/b.py")) && !rule.takes(Path::new("a/b.js")));
        for path in ["/p/other", "/p/src/node_modules/x", "/p/src/x.log", "/p/src/.git/HEAD"] {
            assert_eq!(sees(path), None, "{path}");
        }
    }
}
