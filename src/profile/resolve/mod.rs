//! RawProfile → Profile: the checks that a schema cannot express, and the defaults. One file a
//! subject; each reports what is wrong with `Checks` and goes on.

mod aws;
mod buckets;
mod faults;
mod postgres;
mod queues;
mod redis;
mod rotation;
mod secrets;
mod surroundings;
mod upstream;

pub(crate) use queues::ATTRIBUTES;

use crate::profile::document::{Files, Node, Value, shown};
use crate::profile::limits::{PORTS_DEFAULT, TAG_KEY_MAX, TAG_VALUE_MAX, TAGS_MAX};
use crate::profile::raw::{self, RawProfile, Scalar, SqsMode};

use crate::profile::resolved::{Auth, Port, Ports, Profile, Provider};
use crate::profile::structure::Broken;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What the profile declares by name, also where the declaration itself is wrong: a reference to a
/// queue with a mistake in it is no second mistake.
#[derive(Debug, Default)]
pub(crate) struct Declared {
    pub(crate) buckets: Vec<String>,
    pub(crate) queues: Vec<String>,
    pub(crate) kms_keys: Vec<String>,
    pub(crate) postgres: bool,
    pub(crate) redis: bool,
}

impl Declared {
    /// Looks before anything is pruned.
    pub(crate) fn of(document: &Node) -> Self {
        let gone = |node: &Node| matches!(node.value, Value::Boolean(false));
        let names = |path: &[&str]| -> Vec<String> {
            let entries = document.get(path).and_then(Node::entries);
            let kept = entries.into_iter().flatten().filter(|(_, e)| !gone(&e.node));
            kept.map(|(name, _)| name.clone()).collect()
        };
        let part = |name: &str| document.get(&[name]).is_some_and(|node| !gone(node));
        let mut kms_keys = names(&["kms", "keys"]);
        for name in kms_keys.clone() {
            let alias = document.get(&["kms", "keys", &name, "alias"]);
            if let Some(Node { value: Value::Text(alias), .. }) = alias {
                kms_keys.push(alias.strip_prefix("alias/").unwrap_or(alias).to_owned());
            }
        }
        Declared {
            buckets: names(&["s3", "buckets"]),
            queues: names(&["sqs", "queues"]),
            kms_keys,
            postgres: part("postgres"),
            redis: part("redis"),
        }
    }
}

/// Where the checks report.
pub(crate) struct Checks<'a> {
    pub(crate) document: &'a Node,
    pub(crate) files: &'a mut Files,
    pub(crate) declared: Declared,
    pub(crate) broken: Broken,
}

impl Checks<'_> {
    /// A mistake in the value at `path`; its message starts with the path.
    pub(crate) fn value(&mut self, path: &[&str], message: impl AsRef<str>) {
        let at = self.document.value_at(path);
        self.files.mistake(at, format!("`{}` {}", shown(path), message.as_ref()));
    }

    /// A mistake in the key that ends `path`.
    pub(crate) fn key(&mut self, path: &[&str], message: impl AsRef<str>) {
        let at = self.document.key_at(path);
        self.files.mistake(at, message);
    }

    /// A mistake for what is missing at `path`; silent where a wrong key was found there.
    fn missing(&mut self, path: &[&str], message: &str) {
        if !self.broken.contains(path) {
            let at = self.document.key_at(path);
            self.files.mistake(at, format!("`{}` {message}", shown(path)));
        }
    }

    /// Tags within AWS's limits.
    fn tags(&mut self, path: &[&str], tags: Option<&BTreeMap<String, String>>) {
        let Some(tags) = tags else { return };
        if tags.len() > TAGS_MAX {
            self.value(path, format!("has {} tags; AWS takes {TAGS_MAX}", tags.len()));
        }
        for (key, value) in tags {
            let place = [path, &[key.as_str()]].concat();
            if key.is_empty() || key.chars().count() > TAG_KEY_MAX || key.starts_with("aws:") {
                self.key(&place, format!("a tag's key has 1 to {TAG_KEY_MAX} characters and does not start with `aws:`"));
            }
            if value.chars().count() > TAG_VALUE_MAX {
                self.value(&place, format!("is longer than {TAG_VALUE_MAX} characters"));
            }
        }
    }
}

/// The profile with its defaults filled in; what is wrong went to `checks`.
pub(crate) fn profile(
    name: String,
    project_dir: PathBuf,
    raw: &RawProfile,
    checks: &mut Checks<'_>,
) -> Profile {
    let account = raw.account.clone().unwrap_or_else(|| "000000000000".to_owned());
    if account.len() != 12 || !account.bytes().all(|b| b.is_ascii_digit()) {
        checks.value(&["account"], "must be 12 digits");
    }
    let region = raw.region.clone().unwrap_or_else(|| "us-east-1".to_owned());
    aws::region(&region, checks);
    let auth = match raw.auth {
        None | Some(raw::Auth::Lenient) => Auth::Lenient,
        Some(raw::Auth::Strict) => Auth::Strict,
        Some(raw::Auth::Enforce) => Auth::Enforce,
    };
    Profile {
        name,
        project_dir,
        ports: ports(raw, checks),
        auth,
        account,
        region,
        postgres: raw.postgres.as_ref().map(|p| postgres::postgres(p, checks)),
        redis: raw.redis.as_ref().map(|r| redis::redis(r, checks)),
        buckets: buckets::buckets(raw, checks),
        queues: queues::queues(raw, checks),
        sqs_strict: raw.sqs.as_ref().is_some_and(|s| s.mode == Some(SqsMode::Strict)),
        ses: aws::ses(raw, checks),
        secrets: secrets::secrets(raw, checks),
        rotators: rotation::rotators(raw, checks),
        upstreams: upstream::upstreams(raw, checks),
        kms_keys: aws::kms_keys(raw, checks),
        containers: surroundings::containers(raw, checks),
        seed: surroundings::seed(raw, checks),
        faults: faults::faults(raw, checks),
        hooks: surroundings::hooks(raw, checks),
    }
}

/// Ports: defaults, and no two parts on one.
fn ports(raw: &RawProfile, checks: &mut Checks<'_>) -> Ports {
    let [gateway, postgres, redis, smtp] = PORTS_DEFAULT;
    let each = match &raw.port {
        Some(raw::Port::Auto(_)) => {
            let auto = Port::Auto;
            return Ports {
                gateway: auto(gateway),
                postgres: auto(postgres),
                redis: auto(redis),
                smtp: auto(smtp),
            };
        }
        Some(raw::Port::Each(each)) => each,
        None => &raw::Ports::default(),
    };
    let ports = Ports {
        gateway: port(each.gateway, gateway),
        postgres: port(each.postgres, postgres),
        redis: port(each.redis, redis),
        smtp: port(each.smtp, smtp),
    };
    let all = [
        ("gateway", ports.gateway, true, each.gateway.is_some()),
        ("postgres", ports.postgres, checks.declared.postgres, each.postgres.is_some()),
        ("redis", ports.redis, checks.declared.redis, each.redis.is_some()),
        ("smtp", ports.smtp, true, each.smtp.is_some()),
    ];
    let mut taken: Vec<(&str, u16)> = Vec::new();
    // What the profile says comes last, so that it is the one reported when it hits a default.
    for said in [false, true] {
        for (name, port, runs, typed) in all {
            let Port::Fixed(number) = port else { continue };
            let unknown = !typed && checks.broken.contains(&["port"]);
            if typed != said || (!runs && !typed) || unknown {
                continue;
            }
            if let Some((other, _)) = taken.iter().find(|(_, n)| *n == number) {
                checks.value(&["port", name], format!("is {number}, which is {other}'s port too"));
            }
            taken.push((name, number));
        }
    }
    ports
}

/// A port as typed.
fn port(given: Option<raw::PortNumber>, default: u16) -> Port {
    match given {
        Some(raw::PortNumber::Auto(_)) => Port::Auto(default),
        Some(raw::PortNumber::Number(number)) => Port::Fixed(number),
        None => Port::Fixed(default),
    }
}

/// A provider, `auto` unless said.
fn provider(raw: Option<raw::Provider>) -> Provider {
    match raw {
        None | Some(raw::Provider::Auto) => Provider::Auto,
        Some(raw::Provider::Native) => Provider::Native,
        Some(raw::Provider::Docker) => Provider::Docker,
    }
}

/// An image's name, if it can be one.
fn image(part: &str, image: Option<&String>, checks: &mut Checks<'_>) -> Option<String> {
    let image = image?;
    if image.is_empty()
        || image.contains(char::is_whitespace)
        || image.chars().any(char::is_control)
    {
        checks.value(&[part, "image"], "is no image name; it looks like `name:tag`");
    }
    Some(image.clone())
}

/// A setting as a server's configuration file reads it. `on`/`off` or `yes`/`no` for booleans.
fn setting(value: &Scalar, words: [&str; 2]) -> String {
    match value {
        Scalar::Boolean(true) => words[0].to_owned(),
        Scalar::Boolean(false) => words[1].to_owned(),
        Scalar::Integer(i) => i.to_string(),
        Scalar::Float(f) => f.to_string(),
        Scalar::Text(s) => s.clone(),
    }
}

/// A command line or path that is there.
fn not_blank(path: &[&str], texts: &[String], what: &str, checks: &mut Checks<'_>) {
    if texts.iter().any(|t| t.trim().is_empty()) {
        checks.value(path, format!("holds an empty {what}"));
    }
}
