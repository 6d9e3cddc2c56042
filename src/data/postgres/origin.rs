//! Which database a session reads, told so exactly that a later session can say whether it reads the same.

use serde::{Deserialize, Serialize};
use tokio_postgres::Client;

/// A database of a server, in one of its lives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Origin {
    /// What the server was initialised as; its copies are called the same.
    system: String,
    /// Another one after every return to a backup, and every change of the primary.
    timeline: String,
    database: u32,
    /// Who reads: others may see other rows.
    role: String,
    /// Values are written by the server and its extensions.
    version: String,
    extensions: String,
}

/// How far the server's log had come, in bytes: what is written, or on a copy what is carried out.
pub(crate) const LOG: &str = "(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END - '0/0'::pg_lsn)::bigint";

/// The database of a session outside a transaction, and how far its log had come; `None`: it does not say.
pub(crate) async fn origin(client: &Client) -> Option<(Origin, i64)> {
    let query = format!(
        "SELECT (SELECT system_identifier::text FROM pg_control_system()),
                CASE WHEN pg_is_in_recovery() THEN (SELECT lpad(to_hex(timeline_id), 8, '0') FROM pg_control_checkpoint())
                     ELSE lower(left(pg_walfile_name(pg_current_wal_lsn()), 8)) END,
                (SELECT oid FROM pg_database WHERE datname = current_database()), current_user::text,
                current_setting('server_version'),
                (SELECT coalesce(string_agg(extname || ' ' || extversion, ', ' ORDER BY extname), '') FROM pg_extension),
                {LOG}"
    );
    // A server that is only like Postgres may lack any of it.
    let row = client.query_one(&query, &[]).await.ok()?;
    let log: Option<i64> = row.get(6);
    let origin = Origin {
        system: row.get(0),
        timeline: row.get(1),
        database: row.get(2),
        role: row.get(3),
        version: row.get(4),
        extensions: row.get(5),
    };
    Some((origin, log?))
}
