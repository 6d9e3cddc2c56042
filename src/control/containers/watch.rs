//! `develop.watch`: what changes in the project is brought into its running containers.
//!
//! The watcher's thread only hands paths over; one task carries the rules out, one batch after another.
//! `sync` copies into the container (and again into the one that takes its place), `sync+restart` and
//! `restart` start it anew, `rebuild` makes its image first. Invariant: a rule that cannot be carried out
//! is told, and stops nothing. Source: the Compose Specification, develop.

use super::super::Update;
use super::super::drive::{Message, Run};
use super::plan::{Unit, Units};
use crate::compose::Watch;
use crate::runtime::engine::{Engine, Rules};
use crate::supervisor::Event;
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Changes that follow one another within this time are one; but none waits for longer than the other.
const SETTLE: Duration = Duration::from_millis(100);
const SETTLE_MAX: Duration = Duration::from_secs(1);
/// Batches that may wait; beyond that the watcher itself waits, and the system tells it what it missed.
const BATCHES_MAX: usize = 64;
/// Files copied at a time at the most.
const FILES_MAX: usize = 10_000;
/// What is never of interest, as in Compose.
const NEVER: &str = ".git\n**/.git\n";

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
    _watcher: RecommendedWatcher,
    task: JoinHandle<()>,
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A rule of a part.
struct Rule {
    part: String,
    watch: Watch,
    /// The rule's path as the system names it.
    real: PathBuf,
    ignore: Rules,
}

/// Starts to watch, where there is anything to.
pub(super) fn watch(run: &Run, units: &Units, engine: &Engine) -> Option<Watching> {
    let rules: Vec<Rule> = units.by_part.values().flat_map(rules).collect();
    if rules.is_empty() || !run.plan.watch {
        return None;
    }
    let note = |text: String| run.hub.tell(Update::Note(text));
    let (sender, batches) = mpsc::channel(BATCHES_MAX);
    let paths: BTreeSet<PathBuf> = rules.iter().map(|rule| rule.real.clone()).collect();
    let every: Vec<PathBuf> = paths.iter().cloned().collect();
    let hand_over = move |result: notify::Result<notify::Event>| {
        let changed = match result {
            // Reading is no change: every build reads what it is made of.
            Ok(event) if event.kind.is_access() => return,
            Ok(event) if !event.need_rescan() => event.paths,
            // Something was missed: everything may have changed.
            _ => every.clone(),
        };
        let _ = sender.blocking_send(changed);
    };
    let mut watcher = match notify::recommended_watcher(hand_over) {
        Ok(watcher) => watcher,
        Err(error) => {
            note(format!("files cannot be watched: {error}"));
            return None;
        }
    };
    // A file that is replaced by another is another to the system: its directory knows of both.
    let (directories, files): (Vec<PathBuf>, Vec<PathBuf>) =
        paths.into_iter().partition(|path| path.is_dir());
    let above = files.iter().filter_map(|file| file.parent());
    let above: BTreeSet<PathBuf> = above.map(Path::to_owned).collect();
    let above = above.into_iter().map(|path| (path, RecursiveMode::NonRecursive));
    let below = directories.into_iter().map(|path| (path, RecursiveMode::Recursive));
    for (path, mode) in above.chain(below) {
        if let Err(error) = watcher.watch(&path, mode) {
            note(format!("{} cannot be watched: {error}", path.display()));
        }
    }
    let task = Task { run: run.clone(), engine: engine.clone(), rules };
    Some(Watching { _watcher: watcher, task: tokio::spawn(task.run(batches)) })
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

    fn at(&self, below: &Path) -> PathBuf {
        // Joined with nothing, a file would become a directory.
        if below.as_os_str().is_empty() { self.real.clone() } else { self.real.join(below) }
    }

    /// The files at and below a place: of a directory that is new, only itself is told.
    fn files(&self, below: &Path, found: &mut BTreeSet<PathBuf>) {
        let here = self.at(below);
        if here.is_file() {
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
    rules: Vec<Rule>,
}

impl Task {
    async fn run(self, mut batches: mpsc::Receiver<Vec<PathBuf>>) {
        while let Some(first) = batches.recv().await {
            let mut changed: BTreeSet<PathBuf> = first.into_iter().collect();
            // What belongs together comes together.
            let until = tokio::time::Instant::now() + SETTLE_MAX;
            while let Ok(Some(more)) = tokio::time::timeout(
                SETTLE.min(until - tokio::time::Instant::now()),
                batches.recv(),
            )
            .await
            {
                changed.extend(more);
            }
            self.batch(&changed).await;
        }
    }

    async fn batch(&self, changed: &BTreeSet<PathBuf>) {
        let mut restart = BTreeSet::new();
        let mut rebuild = BTreeSet::new();
        for rule in &self.rules {
            let below: BTreeSet<PathBuf> = changed.iter().filter_map(|p| rule.sees(p)).collect();
            if below.is_empty() {
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

    fn note(&self, text: String) {
        self.run.hub.tell(Update::Note(text));
    }

    /// Copies what is there into the container, and takes away what is gone.
    async fn sync(&self, rule: &Rule, below: &BTreeSet<PathBuf>) {
        let Some(units) = self.run.plan.units.as_ref() else { return };
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
            } else {
                gone.push(inside(below));
            }
        }
        copied.truncate(FILES_MAX);
        units.synced.with(|all| {
            let known = all.entry(rule.part.clone()).or_default();
            known.extend(copied.iter().map(|(here, inside)| (inside.clone(), here.clone())));
            gone.iter().for_each(|inside| drop(known.remove(inside)));
        });
        // A container that is not there gets them when it is made.
        let Ok(Some(id)) = self.engine.running(&units.project, &rule.part).await else { return };
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
                let mut command: Vec<String> =
                    ["rm", "-rf", "--"].iter().map(|s| (*s).to_owned()).collect();
                command.extend(gone);
                self.engine.exec(&id, command, None, |_| {}).await?;
            }
            Ok::<(), crate::base::Problem>(())
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
        let Some(units) = self.run.plan.units.as_ref() else { return false };
        let Some(unit) = units.by_part.get(part) else { return false };
        let Some(build) = &unit.service.build else {
            self.note(format!("watch: {part} has no `build`, so that nothing is rebuilt"));
            return false;
        };
        match self.engine.build(part, &unit.tag, build, &self.run.hub).await {
            Ok(()) => {
                units.synced.with(|all| drop(all.remove(part)));
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
        let rule = Rule { part: "api".to_owned(), real: "/p/src".into(), watch, ignore };
        let sees = |path: &str| rule.sees(Path::new(path));
        assert_eq!(sees("/p/src/a/b.py"), Some("a/b.py".into()));
        assert_eq!(sees("/p/src"), Some("".into()));
        for path in ["/p/other", "/p/src/node_modules/x", "/p/src/x.log", "/p/src/.git/HEAD"] {
            assert_eq!(sees(path), None, "{path}");
        }
    }
}
