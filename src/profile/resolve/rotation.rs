//! Rotation of secrets: functions that there are, one kind each, and schedules that look like some.
//! Source: Secrets Manager API reference, `RotateSecret`.

use super::{Checks, queues};
use crate::profile::limits::{ROTATOR_NAME_MAX, ROTATOR_SECONDS, ROTATOR_SECONDS_DEFAULT};
use crate::profile::raw::{self, Command, RawProfile};
use crate::profile::resolved::{ROTATORS_BUILT_IN, Rotator, RotatorKind, SecretRotation};
use crate::profile::words;
use std::collections::BTreeMap;
use std::time::Duration;

/// All functions by name.
pub(super) fn rotators(raw: &RawProfile, checks: &mut Checks<'_>) -> BTreeMap<String, Rotator> {
    let mut all = BTreeMap::new();
    for (name, rotator) in raw.rotators.iter().flatten() {
        let path = ["rotators", name.as_str()];
        let shaped = name.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
        if name.is_empty() || name.len() > ROTATOR_NAME_MAX || !shaped {
            checks.key(
                &path,
                format!("the name of a function has 1 to {ROTATOR_NAME_MAX} letters, digits, `-` and `_`, as Lambda's"),
            );
        }
        let timeout = rotator.timeout.as_ref().and_then(|timeout| {
            queues::duration(&[&path[..], &["timeout"]].concat(), timeout, &ROTATOR_SECONDS, checks)
        });
        let timeout = Duration::from_secs(timeout.unwrap_or(ROTATOR_SECONDS_DEFAULT));
        if let Some(kind) = kind(&path, rotator, checks) {
            all.insert(name.clone(), Rotator { kind, timeout });
        }
    }
    all
}

fn kind(path: &[&str], rotator: &raw::Rotator, checks: &mut Checks<'_>) -> Option<RotatorKind> {
    let command = rotator.command.as_ref().map(|command| match command {
        Command::Text(text) => {
            RotatorKind::Command(["sh", "-c", text.as_str()].map(str::to_owned).to_vec())
        }
        Command::Words(words) => RotatorKind::Command(words.clone()),
    });
    let kinds = [
        ("command", command),
        ("url", rotator.url.clone().map(RotatorKind::Url)),
        ("container", rotator.container.clone().map(RotatorKind::Container)),
        ("rotate", rotator.rotate.map(|rotate| RotatorKind::BuiltIn(rotate.name().to_owned()))),
    ];
    let mut given = kinds.into_iter().filter_map(|(key, kind)| Some((key, kind?)));
    let Some((key, kind)) = given.next() else {
        checks.missing(path, "needs `command`, `url`, `container` or `rotate`");
        return None;
    };
    if let Some((other, _)) = given.next() {
        let place = [path, &[other]].concat();
        checks.value(&place, format!("stands beside `{key}`; a function has one of them"));
    }
    match &kind {
        RotatorKind::Command(words) if words.first().is_none_or(String::is_empty) => {
            checks.value(&[path, &["command"]].concat(), "names no program");
        }
        RotatorKind::Url(url) if !url.starts_with("http://") && !url.starts_with("https://") => {
            checks.value(&[path, &["url"]].concat(), "must begin with `http://` or `https://`");
        }
        _ => {}
    }
    Some(kind)
}

/// The rotation of the secret at `path`.
pub(super) fn of_secret(
    path: &[&str],
    secret: &raw::Secret,
    raw: &RawProfile,
    checks: &mut Checks<'_>,
) -> Option<SecretRotation> {
    let rotation = secret.rotation.as_ref()?;
    let place = [path, &["rotation"]].concat();
    match (&rotation.schedule, rotation.days) {
        (Some(_), Some(_)) => checks.value(&place, "has `days` and `schedule`; one of them"),
        (None, None) => checks.missing(&place, "needs `days` or `schedule`"),
        (Some(schedule), None) => {
            let shaped = (schedule.starts_with("rate(") || schedule.starts_with("cron("))
                && schedule.ends_with(')');
            if !shaped {
                checks.value(
                    &[&place[..], &["schedule"]].concat(),
                    "is no schedule; it looks like `rate(10 days)` or `cron(0 8 1 * ? *)`",
                );
            }
        }
        (None, Some(_)) => {}
    }
    let lambda = function(&place, secret, rotation, raw, checks)?;
    Some(SecretRotation {
        days: rotation.days,
        schedule: rotation.schedule.clone(),
        window: rotation.window.clone(),
        lambda,
    })
}

/// The name of the function that rotates a secret.
fn function(
    place: &[&str],
    secret: &raw::Secret,
    rotation: &raw::Rotation,
    raw: &RawProfile,
    checks: &mut Checks<'_>,
) -> Option<String> {
    let lambda = match (&rotation.lambda, rotation.rotate) {
        (Some(_), Some(_)) => {
            checks.value(place, "has `lambda` and `rotate`; one of them");
            return None;
        }
        (None, Some(built_in)) => return Some(built_in.name().to_owned()),
        // What was made at random is made anew at random.
        (None, None) if secret.generate.is_some() => return Some(ROTATORS_BUILT_IN[0].to_owned()),
        (None, None) => {
            checks.missing(
                place,
                "needs `rotate` (a built-in function) or `lambda` (one of `rotators`)",
            );
            return None;
        }
        (Some(lambda), None) => lambda,
    };
    let name = lambda.split_once(":function:").map_or(lambda.as_str(), |(_, name)| name);
    let name = name.split(':').next().unwrap_or(name);
    let declared = raw.rotators.iter().flatten().map(|(name, _)| name.as_str());
    let known: Vec<&str> = declared.chain(ROTATORS_BUILT_IN).collect();
    if !known.contains(&name) {
        let suggestion = words::suggestion(name, &known, "functions");
        let message = format!("names `{name}`, which this profile does not declare{suggestion}");
        checks.value(&[place, &["lambda"]].concat(), message);
        return None;
    }
    Some(name.to_owned())
}
