//! The variables that point programs at an environment: what `devenv env` prints and hooks see.

use crate::data::{Facts, Server};
use crate::profile::Profile;
use crate::runtime::Dirs;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::collections::BTreeMap;

use super::boot::{GATEWAY, POSTGRES, PROXIES, REDIS};

/// Where every part listens.
pub(super) const HOST: &str = "127.0.0.1";
/// The account that the credentials `test`/`test` belong to.
const DEFAULT_ACCOUNT: &str = "000000000000";
/// What a URL may hold unescaped in its user and password.
const URL: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The gateway's address for clients.
pub(super) fn endpoint(port: u16) -> String {
    format!("http://{HOST}:{port}")
}

/// What the profile's texts may refer to.
pub(super) fn facts(profile: &Profile, ports: &BTreeMap<String, u16>) -> Facts {
    let server = |part: &str, user: &str, password: &str, database: &str| {
        ports.get(part).map(|port| Server {
            host: HOST.to_owned(),
            port: *port,
            user: user.to_owned(),
            password: password.to_owned(),
            database: database.to_owned(),
        })
    };
    let postgres = profile.postgres.as_ref();
    Facts {
        endpoint: ports.get(GATEWAY).map(|port| endpoint(*port)).unwrap_or_default(),
        postgres: postgres.and_then(|p| {
            let database = p.databases.first().map_or("postgres", String::as_str);
            server(POSTGRES, &p.user, &p.password, database)
        }),
        redis: server(REDIS, "", "", ""),
    }
}

/// The usual ports, by which containers know the servers.
pub(super) const USUAL: [(&str, u16); 4] =
    [(GATEWAY, 4566), (POSTGRES, 5432), (REDIS, 6379), (super::boot::SMTP, 1025)];

/// The variables of programs in an exported environment, where each server is a service of its own
/// name and `devenv` is the gateway's.
pub fn exported(profile: &Profile) -> BTreeMap<String, String> {
    let dirs = Dirs::at(std::path::Path::new(""), std::path::PathBuf::new());
    let mut all = BTreeMap::new();
    let hosts = [(GATEWAY, "devenv"), (super::boot::SMTP, "devenv")];
    for (part, host) in hosts.into_iter().chain([(POSTGRES, POSTGRES), (REDIS, REDIS)]) {
        let ports = USUAL.iter().filter(|(name, _)| *name == part);
        let ports = ports.map(|(name, port)| ((*name).to_owned(), *port)).collect();
        let is_there = match part {
            POSTGRES => profile.postgres.is_some(),
            REDIS => profile.redis.is_some(),
            _ => true,
        };
        if is_there {
            all.extend(variables(profile, &ports, &dirs, host));
        }
    }
    all.remove("DEVENV_STATE_DIR");
    all
}

/// The variables, by name, for programs that reach the parts at `host`. Parts that do not run have none.
pub(super) fn variables(
    profile: &Profile,
    ports: &BTreeMap<String, u16>,
    dirs: &Dirs,
    host: &str,
) -> BTreeMap<String, String> {
    let mut facts = facts(profile, ports);
    // Programs on this machine go through the proxies, where there are any; containers have ways of
    // their own.
    for (part, name, _) in PROXIES {
        let server = if part == POSTGRES { &mut facts.postgres } else { &mut facts.redis };
        if let (Some(server), Some(port), true) = (server, ports.get(name), host == HOST) {
            server.port = *port;
        }
    }
    let mut all = BTreeMap::new();
    let mut set = |key: &str, value: &str| all.insert(key.to_owned(), value.to_owned());
    if ports.contains_key(GATEWAY) {
        // The account of a request is its access key, where that is twelve digits.
        let key = if profile.account == DEFAULT_ACCOUNT { "test" } else { &profile.account };
        let endpoint = facts.endpoint.replace(HOST, host);
        set("AWS_ENDPOINT_URL", &endpoint);
        set("AWS_ACCESS_KEY_ID", key);
        set("AWS_SECRET_ACCESS_KEY", "test");
        set("AWS_REGION", &profile.region);
        set("AWS_DEFAULT_REGION", &profile.region);
    }
    if let Some(server) = &facts.postgres {
        let quoted = |text: &str| utf8_percent_encode(text, URL).to_string();
        let (user, password) = (quoted(&server.user), quoted(&server.password));
        let (port, database) = (server.port, quoted(&server.database));
        set("DATABASE_URL", &format!("postgresql://{user}:{password}@{host}:{port}/{database}"));
        set("PGHOST", host);
        set("PGPORT", &port.to_string());
        set("PGUSER", &server.user);
        set("PGPASSWORD", &server.password);
        set("PGDATABASE", &server.database);
    }
    if let Some(server) = &facts.redis {
        set("REDIS_URL", &format!("redis://{host}:{}", server.port));
    }
    if let Some(port) = ports.get(super::boot::SMTP) {
        set("SMTP_HOST", host);
        set("SMTP_PORT", &port.to_string());
    }
    if let Some(port) = ports.get(super::boot::SMTPS) {
        set("SMTPS_PORT", &port.to_string());
    }
    set("DEVENV_STATE_DIR", &dirs.state.to_string_lossy());
    all
}
