//! Another plan for an environment that runs: what differs, and only that, is carried out.
//!
//! Containers come, go, or are made anew; what the profile declares of buckets, queues, secrets, keys and
//! identities is declared; a server of devenv's own is started anew where its settings are others. What is
//! there is never taken away by an edit, and what cannot be had while it runs is named.

use super::boot::{GATEWAY, Plan, same};
use super::drive::Message;
use super::server::Access;
use super::{Update, parts};
use crate::base::Problem;
use crate::profile::{self, Profile, Source};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Keys whose entries are declared while the environment runs.
const DECLARED: [&str; 5] = ["s3", "sqs", "ses", "secrets", "kms"];
/// Keys that only say how the profile is called and what is planned from it.
const PLANNED: [&str; 3] = ["name", "project_dir", "containers"];

/// What differs from one plan to another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Changes {
    /// Parts that come.
    pub(super) added: Vec<String>,
    /// Parts that go.
    pub(super) removed: Vec<String>,
    /// Parts that are made anew.
    pub(super) changed: Vec<String>,
    /// Parts whose files are watched by other rules.
    pub(super) rules: Vec<String>,
    /// What is declared anew, or no more, as lines.
    pub(super) declared: Vec<String>,
    /// What is not carried out before the next start.
    pub(super) later: Vec<String>,
}

impl Changes {
    /// The plan for people, a line each.
    pub(super) fn lines(&self) -> Vec<String> {
        let marked = |mark: &str, all: &[String], what: &str| -> Vec<String> {
            all.iter().map(|name| format!("{mark} {name}{what}")).collect()
        };
        [
            marked("+", &self.added, " is started"),
            marked("-", &self.removed, " is stopped"),
            marked("~", &self.changed, " is made anew"),
            marked("~", &self.rules, " is watched by other rules"),
            self.declared.clone(),
            marked("!", &self.later, " has changed: `devenv down` and `devenv up` carry it out"),
        ]
        .concat()
    }

    /// What the containers of two plans differ in.
    fn of_parts(&mut self, old: &Plan, new: &Plan) {
        let facts = |plan: &Plan| plan.units.as_ref().map(|u| u.facts()).unwrap_or_default();
        let (before, after) = (facts(old), facts(new));
        for (part, made_of) in &after {
            match before.get(part) {
                None => self.added.push(part.clone()),
                Some(was) if was != made_of => self.changed.push(part.clone()),
                Some(_) => {}
            }
        }
        if new.watch {
            let rules = |plan: &Plan| plan.units.as_ref().map(|u| u.rules()).unwrap_or_default();
            let was = rules(old);
            let stays =
                rules(new).into_iter().filter_map(|(part, is)| Some((was.get(&part)?, part, is)));
            self.rules.extend(stays.filter(|(was, _, is)| *was != is).map(|(_, part, _)| part));
        }
        self.removed.extend(before.into_keys().filter(|part| !after.contains_key(part)));
    }

    /// What two profiles differ in, containers aside.
    fn of_profiles(&mut self, old: &Profile, new: &Profile) {
        let (old, new) = (profile::show_json(old), profile::show_json(new));
        let keys = |value: &Value| value.as_object().map(|o| o.keys().cloned().collect());
        let all: BTreeSet<String> = [keys(&old), keys(&new)]
            .into_iter()
            .flatten()
            .flat_map(|k: BTreeSet<String>| k)
            .collect();
        let mut gateway = BTreeSet::new();
        for key in
            all.iter().filter(|key| !PLANNED.contains(&key.as_str()) && old[*key] != new[*key])
        {
            match key.as_str() {
                key if DECLARED.contains(&key) => self.of_tables(key, &old[key], &new[key]),
                "postgres" | "redis" => self.changed.push(key.clone()),
                "auth" | "upstream" | "rotators" => drop(gateway.insert(GATEWAY.to_owned())),
                "hooks" | "seed" => self.declared.push(format!("~ `{key}` is taken over")),
                _ => self.later.push(format!("`{key}`")),
            }
        }
        self.changed.extend(gateway);
    }

    /// Servers that come, go or move into a container.
    fn of_servers(&mut self, old: &Profile, wished: &Profile) {
        let stays = [
            ("postgres", same(&old.postgres, &wished.postgres, |p| p.provider)),
            ("redis", same(&old.redis, &wished.redis, |r| r.provider)),
        ];
        let moved = stays.into_iter().filter(|(_, stays)| !stays);
        self.later.extend(moved.map(|(name, _)| format!("`{name}`")));
    }

    /// Entries of a declared section: `s3.buckets.uploads`.
    fn of_tables(&mut self, path: &str, old: &Value, new: &Value) {
        let empty = Map::new();
        let (old, new) = (old.as_object().unwrap_or(&empty), new.as_object().unwrap_or(&empty));
        for (key, value) in new {
            let path = format!("{path}.{key}");
            match old.get(key) {
                Some(was) if was == value => {}
                _ if matches!(key.as_str(), "buckets" | "queues" | "keys") && value.is_object() => {
                    self.of_tables(&path, old.get(key).unwrap_or(&Value::Null), value);
                }
                None => self.declared.push(format!("+ {path} is declared")),
                Some(_) => self
                    .declared
                    .push(format!("~ {path} is declared anew; what is there keeps what it has")),
            }
        }
        let gone = old.keys().filter(|key| !new.contains_key(*key));
        self.declared
            .extend(gone.map(|key| format!("- {path}.{key} is declared no more, and stays")));
    }
}

/// What is asked for.
pub(super) enum Wish {
    /// The profile as it is now: a shipped name or a file.
    Profile(String),
    /// So many containers of these services.
    Scale(BTreeMap<String, u32>),
}

/// Makes the other plan, carries out what differs, and hands back what that was.
pub(super) async fn replan(wish: Wish, access: &Access, old: Arc<Plan>) -> Result<Update, Problem> {
    let _turn = access.turn.lock().await;
    // Whoever had the turn before may have put another one in its place.
    let old = access.plan.get().unwrap_or(old);
    let plan = old.clone();
    let made = tokio::task::spawn_blocking(move || another(wish, &plan)).await;
    let (plan, changes) =
        made.map_err(|error| Problem::failed("replan", format!("the new plan failed: {error}")))??;
    if changes == Changes::default() {
        return Ok(Update::Planned { lines: vec![], parts: vec![] });
    }
    let plan = Arc::new(plan);
    prepare(&old, &plan).await?;
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let message = Message::Replan { plan: plan.clone(), changes: changes.clone(), done: sender };
    let told = access.loop_.send(message).await.is_ok();
    match receiver.await {
        Ok(result) if told => result?,
        _ => return Err(Problem::failed("replan", "the environment is going down").retryable()),
    }
    access.plan.set(plan.clone());
    if !changes.declared.is_empty()
        && let Some(services) = access.services.get()
    {
        parts::seed(&plan, &services).await?;
    }
    let parts = changes.added.iter().chain(&changes.changed).cloned().collect();
    Ok(Update::Planned { lines: changes.lines(), parts })
}

/// The profile that is meant by a shipped name or a file's absolute path.
pub(super) fn source(named: String, plan: &Plan) -> Source {
    match named.starts_with('/') {
        true => Source::File(named.into()),
        false => Source::Shipped { name: named, project_dir: plan.home.project.clone() },
    }
}

fn another(wish: Wish, old: &Plan) -> Result<(Plan, Changes), Problem> {
    let (profile, scale) = match wish {
        Wish::Profile(named) => (profile::load(&source(named, old))?, old.scale.clone()),
        Wish::Scale(counts) => {
            let mut scale = old.scale.clone();
            scale.extend(counts);
            ((*old.profile).clone(), scale)
        }
    };
    let mut changes = Changes::default();
    changes.of_servers(&old.profile, &profile);
    let plan = old.again(profile, scale)?;
    changes.of_parts(old, &plan);
    changes.of_profiles(&old.profile, &plan.profile);
    Ok((plan, changes))
}

/// What new containers stand on. Networks are made with the part `network`, which is then started anew.
async fn prepare(old: &Plan, new: &Plan) -> Result<(), Problem> {
    match (&old.units, &new.units) {
        (Some(_), Some(units)) => units.make_volumes().await,
        _ => Ok(()),
    }
}

/// Whether the networks differ, so that all containers are taken off them.
pub(super) fn moves_ground(old: &Plan, new: &Plan) -> bool {
    match (&old.units, &new.units) {
        (Some(old), Some(new)) => old.network_names() != new.network_names(),
        _ => false,
    }
}
