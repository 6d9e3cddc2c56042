//! Redis: names of directives, the values that people get wrong, directives that devenv keeps.

use super::{Checks, image, provider, setting};
use crate::profile::raw;
use crate::profile::resolved::Redis;
use crate::profile::words;
use std::collections::BTreeMap;

/// Directives of `redis.conf` (Redis 7): to tell a slip of the pen from a module's directive.
const DIRECTIVES: &[&str] = &[
    "acllog-max-len",
    "active-defrag-cycle-max",
    "active-defrag-cycle-min",
    "active-defrag-ignore-bytes",
    "active-defrag-threshold-lower",
    "active-defrag-threshold-upper",
    "activedefrag",
    "activerehashing",
    "always-show-logo",
    "aof-load-truncated",
    "aof-rewrite-incremental-fsync",
    "aof-timestamp-enabled",
    "aof-use-rdb-preamble",
    "appenddirname",
    "appendfilename",
    "appendfsync",
    "appendonly",
    "auto-aof-rewrite-min-size",
    "auto-aof-rewrite-percentage",
    "busy-reply-threshold",
    "client-output-buffer-limit",
    "client-query-buffer-limit",
    "databases",
    "dbfilename",
    "disable-thp",
    "dynamic-hz",
    "enable-debug-command",
    "enable-module-command",
    "enable-protected-configs",
    "hash-max-listpack-entries",
    "hash-max-listpack-value",
    "hash-max-ziplist-entries",
    "hash-max-ziplist-value",
    "hll-sparse-max-bytes",
    "hz",
    "io-threads",
    "io-threads-do-reads",
    "jemalloc-bg-thread",
    "latency-monitor-threshold",
    "latency-tracking",
    "lazyfree-lazy-eviction",
    "lazyfree-lazy-expire",
    "lazyfree-lazy-server-del",
    "lazyfree-lazy-user-del",
    "lazyfree-lazy-user-flush",
    "lfu-decay-time",
    "lfu-log-factor",
    "list-compress-depth",
    "list-max-listpack-size",
    "list-max-ziplist-size",
    "loadmodule",
    "locale-collate",
    "loglevel",
    "lua-time-limit",
    "maxclients",
    "maxmemory",
    "maxmemory-clients",
    "maxmemory-eviction-tenacity",
    "maxmemory-policy",
    "maxmemory-samples",
    "min-replicas-max-lag",
    "min-replicas-to-write",
    "no-appendfsync-on-rewrite",
    "notify-keyspace-events",
    "oom-score-adj",
    "proto-max-bulk-len",
    "proto-inline-max-size",
    "rdb-del-sync-files",
    "rdb-save-incremental-fsync",
    "rdbchecksum",
    "rdbcompression",
    "rename-command",
    "repl-backlog-size",
    "repl-backlog-ttl",
    "requirepass",
    "sanitize-dump-payload",
    "save",
    "set-max-intset-entries",
    "set-max-listpack-entries",
    "set-max-listpack-value",
    "slowlog-log-slower-than",
    "slowlog-max-len",
    "socket-mark-id",
    "stop-writes-on-bgsave-error",
    "stream-node-max-bytes",
    "stream-node-max-entries",
    "tcp-backlog",
    "tcp-keepalive",
    "timeout",
    "tracking-table-max-keys",
    "user",
    "zset-max-listpack-entries",
    "zset-max-listpack-value",
    "zset-max-ziplist-entries",
    "zset-max-ziplist-value",
];

/// Directives that devenv sets, and what to use instead.
const OWNED: &[(&str, &str)] = &[
    ("port", "`port.redis`"),
    ("bind", "nothing: devenv listens on loopback only"),
    ("protected-mode", "nothing: devenv listens on loopback only"),
    ("dir", "nothing: data lives in the state directory"),
    ("daemonize", "nothing: devenv supervises Redis"),
    ("supervised", "nothing: devenv supervises Redis"),
    ("pidfile", "nothing: devenv supervises Redis"),
    ("logfile", "nothing: `devenv logs redis` shows the log"),
    ("unixsocket", "nothing: sockets live in the state directory"),
    ("include", "`settings`"),
];

/// Values of `maxmemory-policy`.
const POLICIES: &[&str] = &[
    "noeviction",
    "allkeys-lru",
    "allkeys-lfu",
    "allkeys-random",
    "volatile-lru",
    "volatile-lfu",
    "volatile-random",
    "volatile-ttl",
];

/// Characters of `notify-keyspace-events`.
const EVENTS: &str = "KEg$lshzxetdmnA";

/// The server, its defaults filled in.
pub(super) fn redis(raw: &raw::Redis, checks: &mut Checks<'_>) -> Redis {
    let mut settings = BTreeMap::new();
    for (name, value) in raw.settings.iter().flatten() {
        let text = setting(value, ["yes", "no"]);
        directive(name, &text, checks);
        settings.insert(name.clone(), text);
    }
    Redis {
        provider: provider(raw.provider),
        image: image("redis", raw.image.as_ref(), checks),
        settings,
        follow_clock: raw.follow_clock.unwrap_or_default(),
    }
}

fn directive(name: &str, value: &str, checks: &mut Checks<'_>) {
    let path = ["redis", "settings", name];
    if let Some((_, instead)) = OWNED.iter().find(|(owned, _)| *owned == name) {
        return checks.key(&path, format!("`{name}` is set by devenv; use {instead}"));
    }
    if !DIRECTIVES.contains(&name) {
        let shaped = !name.is_empty()
            && name.chars().all(|c| {
                c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.' | '_')
            });
        match words::nearest(name, DIRECTIVES.iter().copied())
            .filter(|m| strsim::damerau_levenshtein(name, m) <= 2)
        {
            Some(meant) => checks
                .key(&path, format!("Redis has no directive `{name}`; did you mean `{meant}`?")),
            None if !shaped => checks
                .key(&path, format!("`{}` is no name of a Redis directive", name.escape_debug())),
            None => {}
        }
    }
    if value.chars().any(char::is_control) {
        checks.value(&path, "holds a control character");
    }
    if name == "maxmemory-policy" && !POLICIES.contains(&value) {
        checks.value(
            &path,
            format!("cannot be `{value}`{}", words::suggestion(value, POLICIES, "policies")),
        );
    }
    if name == "notify-keyspace-events" {
        if let Some(wrong) = value.chars().find(|c| !EVENTS.contains(*c)) {
            checks.value(
                &path,
                format!("knows no event class `{wrong}`; the classes are `{EVENTS}`"),
            );
        } else if !value.is_empty() && !value.contains(['K', 'E']) {
            checks.value(&path, format!("`{value}` sends nothing without `K` (keyspace) or `E` (keyevent); did you mean `E{value}`?"));
        }
    }
}
