//! `[upstream]`: who answers for services that devenv does not serve.

use super::Checks;
use crate::profile::raw::{self, RawProfile};
use crate::profile::resolved::Upstream;
use std::collections::BTreeMap;
use url::Url;

/// Services that devenv serves itself, by signing name.
const OWN: &[&str] = &["s3", "sqs", "ses", "secretsmanager", "kms", "sts", "iam", "ssm"];
/// What the host names of AWS end with.
const REAL: &[&str] = &["amazonaws.com", "amazonaws.com.cn", "api.aws"];

/// All of them by signing name.
pub(super) fn upstreams(raw: &RawProfile, checks: &mut Checks<'_>) -> BTreeMap<String, Upstream> {
    let may_be_real = raw.allow_real_aws.unwrap_or_default();
    let mut all = BTreeMap::new();
    for (name, upstream) in raw.upstream.iter().flatten() {
        let path = ["upstream", name.as_str()];
        if OWN.contains(&name.as_str()) {
            checks.key(&path, format!("`{name}` is served by devenv itself; an upstream answers for what it does not serve"));
            continue;
        }
        let upstream = match upstream {
            raw::Upstream::Address(url) => read(&path, &path, url, None, may_be_real, checks),
            raw::Upstream::Table(table) => {
                let place = [&path[..], &["url"]].concat();
                read(&path, &place, &table.url, Some(table), may_be_real, checks)
            }
        };
        all.extend(upstream.map(|upstream| (name.clone(), upstream)));
    }
    all
}

fn read(
    path: &[&str],
    place: &[&str],
    url: &str,
    table: Option<&raw::UpstreamTable>,
    may_be_real: bool,
    checks: &mut Checks<'_>,
) -> Option<Upstream> {
    let parsed = Url::parse(url).ok().filter(|u| matches!(u.scheme(), "http" | "https"));
    let Some(parsed) = parsed.filter(|u| u.has_host() && u.query().is_none()) else {
        checks.value(place, "must be an address such as `http://127.0.0.1:5000`");
        return None;
    };
    let host = parsed.host_str().unwrap_or_default().to_ascii_lowercase();
    let is_real = REAL.iter().any(|end| host == *end || host.ends_with(&format!(".{end}")));
    if is_real && !may_be_real {
        checks.value(place, "is AWS itself; `allow_real_aws = true` says that this is meant");
    }
    let key = table.and_then(|t| t.access_key_id.clone());
    let secret = table.and_then(|t| t.secret_access_key_env.clone());
    if key.is_some() != secret.is_some() {
        checks.missing(path, "needs `access_key_id` and `secret_access_key_env`, or neither");
    }
    Some(Upstream {
        url: url.trim_end_matches('/').to_owned(),
        access_key_id: key,
        secret_access_key_env: secret,
        ca: table.and_then(|t| t.ca.clone()),
    })
}
