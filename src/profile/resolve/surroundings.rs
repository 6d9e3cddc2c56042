//! What stands around the servers: containers, seed data, hooks.

use super::{Checks, not_blank, queues};
use crate::profile::raw::{OneOrMany, RawProfile, Replacement};
use crate::profile::resolved::{Containers, Hooks};
use crate::profile::words;
use serde_json::{Value, json};

/// The project's containers.
pub(super) fn containers(raw: &RawProfile, checks: &mut Checks<'_>) -> Containers {
    let Some(containers) = &raw.containers else {
        return Containers::default();
    };
    let compose = containers.compose.clone().unwrap_or_default();
    not_blank(&["containers", "compose"], &compose, "path", checks);
    let catalog = containers.catalog.clone().unwrap_or_default();
    not_blank(&["containers", "catalog"], &catalog, "name", checks);
    let mut replace = std::collections::BTreeMap::new();
    for (service, part) in containers.replace.iter().flatten() {
        let (part, runs) = match part {
            Replacement::Postgres => ("postgres", checks.declared.postgres),
            Replacement::Redis => ("redis", checks.declared.redis),
            Replacement::Gateway => ("gateway", true),
        };
        if !runs {
            checks.value(
                &["containers", "replace", service],
                format!("names `{part}`, but this profile has no `[{part}]`"),
            );
        }
        replace.insert(service.clone(), part.to_owned());
    }
    Containers { compose, replace, catalog }
}

/// What `devenv seed` loads, one entry a step, in order: `{"sql": "seed/schema.sql"}`.
pub(super) fn seed(raw: &RawProfile, checks: &mut Checks<'_>) -> Vec<Value> {
    let Some(seed) = &raw.seed else {
        return Vec::new();
    };
    let mut steps = Vec::new();
    let files = [("archives", &seed.archives), ("sql", &seed.sql), ("fixtures", &seed.fixtures)];
    seed_files(&files, &mut steps, checks);
    if seed.sql.is_some() && !checks.declared.postgres {
        checks.key(
            &["seed", "sql"],
            "`seed.sql` needs `[postgres]`, which this profile does not have",
        );
    }
    for (i, objects) in seed.objects.iter().flatten().enumerate() {
        let index = format!("\0{i}");
        if !checks.declared.buckets.contains(&objects.bucket) {
            let names = checks.declared.buckets.clone();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let suggestion = words::suggestion(&objects.bucket, &names, "buckets of this profile");
            let message = format!(
                "names `{}`, which this profile does not declare{suggestion}",
                objects.bucket
            );
            checks.value(&["seed", "objects", &index, "bucket"], message);
        }
        steps.extend(
            checks
                .document
                .get(&["seed", "objects", &index])
                .map(|n| json!({ "objects": n.to_json() })),
        );
    }
    for (i, message) in seed.messages.iter().flatten().enumerate() {
        let index = format!("\0{i}");
        if queues::find(&message.queue, raw, checks).is_none() {
            let names = checks.declared.queues.clone();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let suggestion = words::suggestion(&message.queue, &names, "queues of this profile");
            let said = format!(
                "names `{}`, which this profile does not declare{suggestion}",
                message.queue
            );
            checks.value(&["seed", "messages", &index, "queue"], said);
        }
        if message.body.is_some() == message.file.is_some() {
            checks.missing(&["seed", "messages", &index], "needs either `body` or `file`");
        }
        steps.extend(
            checks
                .document
                .get(&["seed", "messages", &index])
                .map(|n| json!({ "messages": n.to_json() })),
        );
    }
    seed_files(&[("mails", &seed.mails), ("redis", &seed.redis)], &mut steps, checks);
    if seed.redis.is_some() && !checks.declared.redis {
        checks.key(
            &["seed", "redis"],
            "`seed.redis` needs `[redis]`, which this profile does not have",
        );
    }
    steps
}

/// A step for each file of these lists.
fn seed_files(
    lists: &[(&str, &Option<OneOrMany<String>>)],
    steps: &mut Vec<Value>,
    checks: &mut Checks<'_>,
) {
    for (key, paths) in lists {
        let paths = paths.as_ref().map(OneOrMany::list).unwrap_or_default();
        not_blank(&["seed", key], &paths, "path", checks);
        steps.extend(paths.into_iter().map(|path| json!({ *key: path })));
    }
}

/// Commands around the environment's life.
pub(super) fn hooks(raw: &RawProfile, checks: &mut Checks<'_>) -> Hooks {
    let Some(hooks) = &raw.hooks else {
        return Hooks::default();
    };
    let mut list = |key: &str, commands: &Option<OneOrMany<String>>| {
        let commands = commands.as_ref().map(OneOrMany::list).unwrap_or_default();
        not_blank(&["hooks", key], &commands, "command", checks);
        commands
    };
    Hooks {
        before_up: list("before_up", &hooks.before_up),
        after_ready: list("after_ready", &hooks.after_ready),
        before_down: list("before_down", &hooks.before_down),
    }
}
