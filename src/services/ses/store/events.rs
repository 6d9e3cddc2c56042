//! The table of events, and the messages that they post to queues.

use super::super::events::{Deposit, Event};
use super::super::mail::Body;
use super::super::state::Home;
use crate::services::outbox::{self, Call, PutObject};
use crate::storage::Transaction;
use crate::storage::rusqlite::{self, Connection, params};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A script of the schema. A mail takes its events with it.
pub(super) const FOURTH: &str = "
    CREATE TABLE ses_event(
      id INTEGER PRIMARY KEY AUTOINCREMENT, mail TEXT NOT NULL, account TEXT NOT NULL,
      region TEXT NOT NULL, at INTEGER NOT NULL, kind TEXT NOT NULL, document TEXT NOT NULL,
      targets TEXT NOT NULL);
    CREATE INDEX ses_event_mail ON ses_event(mail);
    CREATE TRIGGER ses_event_gone AFTER DELETE ON ses_mail BEGIN
      DELETE FROM ses_event WHERE mail = OLD.id;
    END;";

/// Keeps an event and posts its messages.
pub(super) fn put(
    transaction: &Transaction<'_>,
    home: &Home,
    event: &Event,
) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare_cached(
        "INSERT INTO ses_event(mail, account, region, at, kind, document, targets)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    let targets = super::to_json(&event.targets);
    statement.execute(params![
        event.mail,
        home.0,
        home.1,
        event.at.0,
        event.kind,
        event.document,
        targets
    ])?;
    for (queue, body) in &event.messages {
        outbox::post(transaction, &Call::send_message(queue, body.clone()))?;
    }
    for object in &event.objects {
        outbox::post(transaction, &put_object(home, object))?;
    }
    Ok(())
}

fn put_object(home: &Home, object: &Deposit) -> Call {
    let (content, mail) = match &object.body {
        Body::Held(body) => (STANDARD.encode([&object.head[..], body].concat()), None),
        Body::Stored { file, .. } => (STANDARD.encode(&object.head), Some(file.clone())),
    };
    Call::PutObject(PutObject {
        account: home.0.clone(),
        region: home.1.clone(),
        bucket: object.bucket.clone(),
        key: object.key.clone(),
        content,
        mail,
    })
}

/// Forgets all.
pub(super) fn delete_all(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute_batch("DELETE FROM ses_event")
}

/// Kind, instant in milliseconds, document, targets.
pub(in crate::services::ses) type Kept = (String, i64, String, String);

/// The events of a mail, or the newest of all, oldest first.
pub(in crate::services::ses) fn events(
    connection: &Connection,
    mail: Option<&str>,
    limit: usize,
) -> rusqlite::Result<Vec<Kept>> {
    let mut statement = connection.prepare_cached(
        "SELECT kind, at, document, targets FROM ses_event WHERE ?1 IS NULL OR mail = ?1
         ORDER BY id DESC LIMIT ?2",
    )?;
    let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
    let found = statement.query_map(params![mail, limit as i64], row)?;
    let mut found = found.collect::<rusqlite::Result<Vec<_>>>()?;
    found.reverse();
    Ok(found)
}
