//! Postgres: majors, identifiers, settings that devenv keeps for itself.

use super::{Checks, image, provider, setting};
use crate::profile::limits::{POSTGRES_MAJOR_DEFAULT, POSTGRES_MAJORS, POSTGRES_NAME_BYTES_MAX};
use crate::profile::raw;
use crate::profile::resolved::{PgVersion, Postgres};
use crate::profile::words;
use std::collections::BTreeMap;

/// Extensions of Postgres 15 to 18 (contrib), pgvector, and others in wide use: to tell a slip of
/// the pen from an extension that an image brings along.
const EXTENSIONS: &[&str] = &[
    "address_standardizer",
    "adminpack",
    "age",
    "amcheck",
    "autoinc",
    "bloom",
    "bool_plperl",
    "btree_gin",
    "btree_gist",
    "citext",
    "citus",
    "cube",
    "dblink",
    "dict_int",
    "dict_xsyn",
    "earthdistance",
    "file_fdw",
    "fuzzystrmatch",
    "hll",
    "hstore",
    "hstore_plperl",
    "http",
    "hypopg",
    "insert_username",
    "intagg",
    "intarray",
    "isn",
    "jsonb_plperl",
    "lo",
    "ltree",
    "moddatetime",
    "old_snapshot",
    "orafce",
    "pageinspect",
    "pg_buffercache",
    "pg_cron",
    "pg_freespacemap",
    "pg_hint_plan",
    "pg_ivm",
    "pg_jsonschema",
    "pg_logicalinspect",
    "pg_net",
    "pg_overexplain",
    "pg_partman",
    "pg_prewarm",
    "pg_repack",
    "pg_stat_statements",
    "pg_surgery",
    "pg_trgm",
    "pg_visibility",
    "pg_walinspect",
    "pgaudit",
    "pgcrypto",
    "pgjwt",
    "pgmq",
    "pgroonga",
    "pgrouting",
    "pgrowlocks",
    "pgstattuple",
    "pgtap",
    "plperl",
    "plperlu",
    "plpgsql",
    "plpython3u",
    "pltcl",
    "plv8",
    "postgis",
    "postgis_raster",
    "postgis_sfcgal",
    "postgis_tiger_geocoder",
    "postgis_topology",
    "postgres_fdw",
    "refint",
    "rum",
    "seg",
    "sslinfo",
    "tablefunc",
    "tcn",
    "timescaledb",
    "tsm_system_rows",
    "tsm_system_time",
    "unaccent",
    "uuid-ossp",
    "vector",
    "vectorscale",
    "xml2",
];

/// Names that people use for an extension, and the name it has.
const EXTENSION_ALIASES: &[(&str, &str)] = &[
    ("pgvector", "vector"),
    ("pg_vector", "vector"),
    ("uuid_ossp", "uuid-ossp"),
    ("uuid", "uuid-ossp"),
    ("trgm", "pg_trgm"),
];

/// Settings that devenv sets, and what to use instead.
const OWNED: &[(&str, &str)] = &[
    ("port", "`port.postgres`"),
    ("listen_addresses", "nothing: devenv listens on loopback only"),
    ("data_directory", "nothing: data lives in the state directory"),
    ("unix_socket_directories", "nothing: sockets live in the state directory"),
    ("hba_file", "`user` and `password`"),
    ("ident_file", "`user` and `password`"),
    ("config_file", "`settings`"),
    ("external_pid_file", "nothing"),
    ("logging_collector", "nothing: `devenv logs postgres` shows the log"),
    ("log_destination", "nothing: `devenv logs postgres` shows the log"),
];

/// The server, its defaults filled in.
pub(super) fn postgres(raw: &raw::Postgres, checks: &mut Checks<'_>) -> Postgres {
    let databases = raw.databases.clone().unwrap_or_else(|| vec!["app".to_owned()]);
    distinct("databases", &databases, checks);
    for (i, name) in databases.iter().enumerate() {
        identifier(&["postgres", "databases", &format!("\0{i}")], name, checks);
        if matches!(name.as_str(), "template0" | "template1") {
            checks.value(
                &["postgres", "databases"],
                format!("cannot hold `{name}`: Postgres makes new databases from it"),
            );
        }
    }
    let extensions = raw.extensions.clone().unwrap_or_default();
    distinct("extensions", &extensions, checks);
    for (i, name) in extensions.iter().enumerate() {
        extension(&["postgres", "extensions", &format!("\0{i}")], name, checks);
    }
    let user = raw.user.clone().unwrap_or_else(|| "postgres".to_owned());
    identifier(&["postgres", "user"], &user, checks);
    if user.starts_with("pg_") {
        checks.value(&["postgres", "user"], "must not start with `pg_`, which Postgres reserves");
    }
    let password = raw.password.clone().unwrap_or_else(|| "postgres".to_owned());
    // It is put into connection addresses and into the JSON of secrets as it stands.
    let awkward = |c: char| c.is_control() || matches!(c, '"' | '\\');
    if password.is_empty() || password.chars().any(awkward) {
        let path = ["postgres", "password"];
        checks.value(&path, "must not be empty or hold quotes, backslashes or control characters");
    }
    Postgres {
        provider: provider(raw.provider),
        version: version(raw.version.as_ref(), checks),
        image: image("postgres", raw.image.as_ref(), checks),
        databases,
        extensions,
        settings: settings(raw, checks),
        user,
        password,
        follow_clock: raw.follow_clock.unwrap_or_default(),
    }
}

fn version(raw: Option<&raw::PgVersion>, checks: &mut Checks<'_>) -> PgVersion {
    match raw {
        None => PgVersion { prefer: POSTGRES_MAJOR_DEFAULT, accept: Vec::new() },
        Some(raw::PgVersion::Major(major)) => PgVersion { prefer: *major, accept: Vec::new() },
        Some(raw::PgVersion::Range(range)) => {
            let mut accept: Vec<u32> = Vec::new();
            for major in range.accept.iter().flatten() {
                if accept.contains(major) {
                    checks
                        .value(&["postgres", "version", "accept"], format!("names {major} twice"));
                } else if *major != range.prefer && POSTGRES_MAJORS.contains(major) {
                    accept.push(*major);
                }
            }
            PgVersion { prefer: range.prefer, accept }
        }
    }
}

fn settings(raw: &raw::Postgres, checks: &mut Checks<'_>) -> BTreeMap<String, String> {
    let mut settings = BTreeMap::new();
    for (name, value) in raw.settings.iter().flatten() {
        let path = ["postgres", "settings", name.as_str()];
        let shaped = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'));
        if !shaped {
            let meant = name.replace('-', "_");
            checks.key(
                &path,
                format!(
                    "`{}` is no name of a Postgres setting; did you mean `{meant}`?",
                    name.escape_debug()
                ),
            );
        }
        if let Some((_, instead)) = OWNED.iter().find(|(owned, _)| owned.eq_ignore_ascii_case(name))
        {
            checks.key(&path, format!("`{name}` is set by devenv; use {instead}"));
        }
        let text = setting(value, ["on", "off"]);
        if text.chars().any(char::is_control) {
            checks.value(&path, "holds a control character");
        }
        settings.insert(name.clone(), text);
    }
    settings
}

fn identifier(path: &[&str], name: &str, checks: &mut Checks<'_>) {
    if name.len() > POSTGRES_NAME_BYTES_MAX {
        checks.value(
            path,
            format!(
                "is longer than {POSTGRES_NAME_BYTES_MAX} bytes, where Postgres cuts names off"
            ),
        );
    }
    let shaped = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    if !shaped {
        checks.value(path, "must be letters, digits, `_` and `-`, not starting with a digit");
    }
}

fn extension(path: &[&str], name: &str, checks: &mut Checks<'_>) {
    if EXTENSIONS.contains(&name) {
        return;
    }
    if let Some((_, meant)) =
        EXTENSION_ALIASES.iter().find(|(alias, _)| alias.eq_ignore_ascii_case(name))
    {
        return checks.value(
            path,
            format!("names no extension: `{name}` is called `{meant}`; did you mean `{meant}`?"),
        );
    }
    let shaped = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-'));
    let near = (name.len() > 4).then(|| words::nearest(name, EXTENSIONS.iter().copied())).flatten();
    match near {
        Some(meant) if strsim::damerau_levenshtein(name, meant) <= 2 => {
            checks
                .value(path, format!("names no extension that is known; did you mean `{meant}`?"));
        }
        _ if !shaped => checks.value(path, "must be lower-case letters, digits, `_` and `-`"),
        _ => {}
    }
}

fn distinct(key: &str, names: &[String], checks: &mut Checks<'_>) {
    for (i, name) in names.iter().enumerate() {
        if names[..i].contains(name) {
            checks.value(
                &["postgres", key, &format!("\0{i}")],
                format!("names `{name}` a second time"),
            );
        }
    }
}
