//! SES's tables, and the state that is read from them. The mails are in `mails`, their index in `search`.

mod events;
pub(super) mod forward;
pub(super) mod keys;
mod mails;
mod records;
mod search;

pub(super) use events::events;
pub use forward::SCHEMA as FORWARD_SCHEMA;
pub(super) use mails::{
    above, content, files, files_of, newest, newest_number, numbered, oldest, one, outdated,
    recorded,
};
pub(super) use search::{catch_up, search};

use super::limits::STATISTICS_MS;
use super::state::{Change, Home, Identity, State};
use crate::base::Millis;
use crate::services::Domain;
use crate::storage::Schema;
use crate::storage::Transaction;
use crate::storage::rusqlite::{self, Connection, params};

/// The tables.
pub const SCHEMA: Schema = Schema {
    name: "ses",
    scripts: &["CREATE TABLE ses_identity(
           account TEXT NOT NULL, region TEXT NOT NULL, name TEXT NOT NULL, created INTEGER NOT NULL,
           token TEXT NOT NULL, dkim TEXT NOT NULL, tags TEXT NOT NULL, config_set TEXT,
           PRIMARY KEY(account, region, name)) WITHOUT ROWID;
         CREATE TABLE ses_sent(
           account TEXT NOT NULL, region TEXT NOT NULL, slot INTEGER NOT NULL,
           recipients INTEGER NOT NULL, PRIMARY KEY(account, region, slot)) WITHOUT ROWID;
         CREATE TABLE ses_mail(
           seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, received INTEGER NOT NULL,
           account TEXT NOT NULL, region TEXT NOT NULL, via TEXT NOT NULL, source TEXT NOT NULL,
           recipients TEXT NOT NULL, subject TEXT NOT NULL, config_set TEXT, tags TEXT NOT NULL,
           size INTEGER NOT NULL);
         CREATE TABLE ses_mail_content(
           seq INTEGER PRIMARY KEY, head BLOB NOT NULL, body BLOB NOT NULL);",
        mails::SECOND, records::THIRD, events::FOURTH, keys::FIFTH],
};

impl Domain for State {
    type Change = Change;
    const SCHEMA: Schema = SCHEMA;
    const READS_TABLES: bool = true;
    const WEIGHT: usize = 4;

    fn load(connection: &Connection) -> rusqlite::Result<Self> {
        let mut state = State::default();
        let mut rows = connection.prepare(
            "SELECT account, region, name, created, token, dkim, tags, config_set, settings
             FROM ses_identity",
        )?;
        let mut rows = rows.query([])?;
        while let Some(row) = rows.next()? {
            let identity = Identity {
                created: Millis(row.get(3)?),
                token: row.get(4)?,
                dkim: from_json(row.get_ref(5)?.as_str()?)?,
                tags: from_json(row.get_ref(6)?.as_str()?)?,
                config_set: row.get(7)?,
                settings: from_json(row.get_ref(8)?.as_str()?)?,
            };
            let home: Home = (row.get(0)?, row.get(1)?);
            state.identities.entry(home).or_default().insert(row.get(2)?, identity);
        }
        let mut rows =
            connection.prepare("SELECT account, region, slot, recipients FROM ses_sent")?;
        let mut rows = rows.query([])?;
        while let Some(row) = rows.next()? {
            let home: Home = (row.get(0)?, row.get(1)?);
            let recipients = row.get::<_, i64>(3)? as u64;
            state.sent.entry(home).or_default().insert(row.get(2)?, recipients);
        }
        records::load(connection, &mut state)?;
        state.last_mail = mails::last(connection)?;
        Ok(state)
    }

    fn write(change: &Change, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        match change {
            Change::IdentityPut { home, name, identity } => {
                put_identity(transaction, home, name, identity)
            }
            Change::IdentityDelete { home, name } => transaction
                .prepare_cached(
                    "DELETE FROM ses_identity WHERE account=?1 AND region=?2 AND name=?3",
                )?
                .execute(params![home.0, home.1, name])
                .map(drop),
            Change::RecordPut { home, name, record } => {
                records::put(transaction, home, name, record)
            }
            Change::EventPut { home, event } => events::put(transaction, home, event),
            Change::RecordDelete { home, name } => records::delete(transaction, home, name),
            Change::MailPut { mail, head, body, finish } => {
                mails::put(transaction, mail, head, body, finish.as_deref())
            }
            Change::KeyPut { home, domain, selector, key } => {
                keys::put(transaction, &keys::Name::of(home, domain, selector), &key.0)
            }
            Change::MailsDelete { id: Some(id) } => mails::delete(transaction, id),
            Change::MailsDelete { id: None } => mails::delete_all(transaction),
            Change::SentPut { home, slot, recipients, first } => {
                put_sent(transaction, home, *slot, *recipients, *first)
            }
        }
    }

    fn record(changes: &[Change], into: &mut Vec<u8>) -> bool {
        super::journalled::record(changes, into)
    }

    fn recorded(record: &[u8]) -> Result<Vec<Change>, String> {
        super::journalled::changes(record)
    }

    fn forget(account: &str, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        mails::delete_of(transaction, account)
    }

    fn wipe(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        transaction.execute_batch(
            "DELETE FROM ses_identity; DELETE FROM ses_sent; DELETE FROM ses_record; DELETE FROM ses_key;",
        )?;
        events::delete_all(transaction)?;
        mails::delete_all(transaction)
    }
}

fn put_identity(
    transaction: &Transaction<'_>,
    home: &Home,
    name: &str,
    identity: &Identity,
) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare_cached(
        "INSERT OR REPLACE INTO ses_identity(account, region, name, created, token, dkim, tags, config_set,
           settings) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    statement
        .execute(params![
            home.0,
            home.1,
            name,
            identity.created.0,
            identity.token,
            to_json(&identity.dkim),
            to_json(&identity.tags),
            identity.config_set,
            to_json(&identity.settings)
        ])
        .map(drop)
}

fn put_sent(
    transaction: &Transaction<'_>,
    home: &Home,
    slot: i64,
    recipients: u64,
    first: bool,
) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare_cached(
        "INSERT OR REPLACE INTO ses_sent(account, region, slot, recipients) VALUES (?1, ?2, ?3, ?4)",
    )?;
    statement.execute(params![home.0, home.1, slot, recipients as i64])?;
    if first {
        transaction.execute(
            "DELETE FROM ses_sent WHERE account=?1 AND region=?2 AND slot < ?3",
            params![home.0, home.1, slot - STATISTICS_MS],
        )?;
    }
    Ok(())
}

fn to_json<T: serde::Serialize>(value: &T) -> String {
    // Strings and lists of them cannot fail to be written.
    serde_json::to_string(value).unwrap_or_default()
}

fn from_json<T: serde::de::DeserializeOwned>(text: &str) -> rusqlite::Result<T> {
    serde_json::from_str(text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error))
    })
}
