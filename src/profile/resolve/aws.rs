//! Region, mail identities, KMS keys. Sources: SES API reference, `VerifyEmailIdentity` and
//! `VerifyDomainIdentity`; KMS API reference, `CreateKey` and `CreateAlias`.

use super::Checks;
use crate::base::{REGIONS, duration};
use crate::profile::limits::SMTPS_PORT_DEFAULT;
use crate::profile::raw::RawProfile;
use crate::profile::raw::mail::{Forward, Keep, SesMode};
use crate::profile::resolved::Ses;
use crate::profile::words;
use serde_json::Value;
use std::collections::BTreeMap;

/// A region's shape, and the nearest known one for a slip.
pub(super) fn region(region: &str, checks: &mut Checks<'_>) {
    let parts: Vec<&str> = region.split('-').collect();
    let shaped = parts.len() >= 3
        && parts[0].len() == 2
        && parts[..parts.len() - 1]
            .iter()
            .all(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_lowercase()))
        && parts[parts.len() - 1].bytes().all(|b| b.is_ascii_digit())
        && !parts[parts.len() - 1].is_empty();
    let words_of = |r: &str| r.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned();
    let known = REGIONS.iter().any(|r| words_of(r) == words_of(region));
    if shaped && known {
        return;
    }
    match words::nearest(region, REGIONS.iter().copied()) {
        Some(meant) => checks.value(&["region"], format!("is no region; did you mean `{meant}`?")),
        None if !shaped => checks.value(&["region"], "is no region; it looks like `us-east-1`"),
        None => {}
    }
}

/// Mail settings.
pub(super) fn ses(raw: &RawProfile, checks: &mut Checks<'_>) -> Ses {
    let Some(ses) = &raw.ses else {
        return Ses::default();
    };
    let identities = ses.identities.clone().unwrap_or_default();
    for (i, identity) in identities.iter().enumerate() {
        let index = format!("\0{i}");
        let path = ["ses", "identities", &index];
        if let Some(why) = wrong_identity(identity) {
            checks.value(
                &path,
                format!("`{}` is neither an address nor a domain: {why}", identity.escape_debug()),
            );
        } else if identities[..i].iter().any(|other| other.eq_ignore_ascii_case(identity)) {
            checks.value(&path, format!("names `{identity}` a second time"));
        }
    }
    for key in ses.outcomes.iter().flat_map(|outcomes| outcomes.keys()) {
        if let Some(why) = wrong_identity(key) {
            let shown = key.escape_debug();
            let text = format!("`{shown}` is neither an address nor a domain: {why}");
            checks.key(&["ses", "outcomes", key], text);
        }
    }
    for (name, template) in ses.templates.iter().flatten() {
        let path = ["ses", "templates", name.as_str()];
        if name.is_empty()
            || !name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
        {
            checks.key(
                &path,
                format!(
                    "template name `{}`: letters, digits, `-` and `_` only",
                    name.escape_debug()
                ),
            );
        }
        if template.html.is_none() && template.text.is_none() {
            checks.missing(&path, "needs `html` or `text`");
        }
    }
    if let Some(forward) = &ses.forward {
        check_forward(forward, checks);
    }
    if let Some(keep) = &ses.keep {
        check_keep(keep, checks);
    }
    let kept =
        |key: &str| checks.document.get(&["ses", key]).map(|node| (key.to_owned(), node.to_json()));
    Ses {
        identities,
        strict: ses.mode.is_some_and(|mode| mode != SesMode::Lenient),
        sandbox: ses.mode == Some(SesMode::Sandbox),
        outcomes: ses
            .outcomes
            .iter()
            .flatten()
            .map(|(key, outcome)| (key.clone(), outcome.0.name().to_owned()))
            .collect(),
        subscriptions: ses.subscriptions.clone().unwrap_or_default(),
        smtps: ses.smtps.map(|port| super::port(Some(port), SMTPS_PORT_DEFAULT)),
        settings: ["templates", "forward", "keep"].into_iter().filter_map(kept).collect(),
    }
}

fn check_keep(keep: &Keep, checks: &mut Checks<'_>) {
    if keep.count.is_none() && keep.age.is_none() {
        checks.missing(&["ses", "keep"], "needs `count` or `age`");
    }
    if let Some(Err(why)) = keep.age.as_deref().map(duration::parse) {
        checks.value(&["ses", "keep", "age"], format!("is no duration: {why}"));
    }
}

fn check_forward(forward: &Forward, checks: &mut Checks<'_>) {
    if forward.host.is_empty() || forward.host.contains(|c: char| c.is_whitespace() || c == '/') {
        checks.value(&["ses", "forward", "host"], "is no host name");
    }
    for (i, only) in forward.only.iter().enumerate() {
        if let Some(why) = wrong_identity(only) {
            let index = format!("\0{i}");
            checks.value(
                &["ses", "forward", "only", &index],
                format!("`{}` is neither an address nor a domain: {why}", only.escape_debug()),
            );
        }
    }
}

/// Why this is neither an address nor a domain.
fn wrong_identity(identity: &str) -> Option<&'static str> {
    let (local, domain) = match identity.rsplit_once('@') {
        Some((local, domain)) => (Some(local), domain),
        None => (None, identity),
    };
    let atom = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
    let label = |l: &str| {
        !l.is_empty()
            && l.len() <= 63
            && l.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            && !l.starts_with('-')
            && !l.ends_with('-')
    };
    match local {
        Some("") => return Some("nothing stands before the `@`"),
        Some(local) if local.len() > 64 => {
            return Some("more than 64 characters stand before the `@`");
        }
        Some(local)
            if !local.chars().all(atom)
                || local.starts_with('.')
                || local.ends_with('.')
                || local.contains("..") =>
        {
            return Some("what stands before the `@` has characters that no address has");
        }
        _ => {}
    }
    if domain.is_empty() || domain.len() > 253 || !domain.split('.').all(label) {
        return Some("the domain is not one");
    }
    (local.is_none() && !domain.contains('.')).then_some("a domain has a dot")
}

/// Bytes of the material of a key that is only bytes.
fn material_bytes(spec: Option<&str>) -> Option<usize> {
    match spec.unwrap_or("SYMMETRIC_DEFAULT") {
        "SYMMETRIC_DEFAULT" | "HMAC_256" => Some(32),
        "HMAC_224" => Some(28),
        "HMAC_384" => Some(48),
        "HMAC_512" => Some(64),
        _ => None,
    }
}

/// KMS keys as typed, with their alias.
pub(super) fn kms_keys(raw: &RawProfile, checks: &mut Checks<'_>) -> BTreeMap<String, Value> {
    let typed = raw.kms.as_ref().and_then(|k| k.keys.as_ref());
    let mut keys = BTreeMap::new();
    let mut aliases: BTreeMap<String, String> = BTreeMap::new();
    for (name, key) in typed.into_iter().flatten() {
        let path = ["kms", "keys", name.as_str()];
        let shaped = |s: &str| {
            !s.is_empty()
                && s.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '-'))
        };
        if !shaped(name) {
            checks.key(
                &path,
                format!(
                    "key name `{}`: letters, digits, `/`, `_` and `-` only",
                    name.escape_debug()
                ),
            );
        }
        let alias = key.alias.as_deref().unwrap_or(name);
        let alias = alias.strip_prefix("alias/").unwrap_or(alias);
        let alias_path = [&path[..], &["alias"]].concat();
        if key.alias.is_some() && (!shaped(alias) || alias.starts_with("aws/")) {
            checks.value(
                &alias_path,
                "must be letters, digits, `/`, `_` and `-`, not starting with `aws/`",
            );
        }
        if let Some(other) = aliases.insert(alias.to_owned(), name.clone()) {
            checks.value(&alias_path, format!("is `{alias}`, which is `{other}`'s alias too"));
        }
        let base64 = |m: &str| {
            m.len().is_multiple_of(4)
                && m.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(&b))
        };
        if let Some(material) = key.material.as_deref() {
            let at = [&path[..], &["material"]].concat();
            let bytes = material.trim_end_matches('=').len() * 3 / 4;
            match material_bytes(key.spec.as_deref()) {
                _ if material.is_empty() || !base64(material) => {
                    checks.value(&at, "must be base64")
                }
                Some(wanted) if wanted != bytes => {
                    checks.value(&at, format!("holds {bytes} bytes; this spec has {wanted}"));
                }
                _ => {}
            }
        }
        let Some(Value::Object(mut settings)) =
            checks.document.get(&path).map(|node| node.to_json())
        else {
            continue;
        };
        settings.insert("alias".into(), format!("alias/{alias}").into());
        settings.entry("spec").or_insert_with(|| "SYMMETRIC_DEFAULT".into());
        keys.insert(name.clone(), Value::Object(settings));
    }
    keys
}
