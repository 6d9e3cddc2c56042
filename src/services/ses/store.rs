//! SES's tables. A mail is a row and its bytes lie in a table of their own, so that a listing reads no
//! content; head and body are two columns so that a big body is never copied.

use super::limits::{LISTING_MAX, STATISTICS_MS};
use super::mail::{Mail, Via};
use super::state::{Change, Home, Identity, State};
use crate::base::Millis;
use crate::services::Domain;
use crate::storage::Schema;
use crate::storage::rusqlite::{self, Connection, OptionalExtension, Row, Transaction, params};

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
           seq INTEGER PRIMARY KEY, head BLOB NOT NULL, body BLOB NOT NULL);"],
};

const COLUMNS: &str =
    "seq, id, received, account, region, via, source, recipients, subject, config_set, tags, size";

impl Domain for State {
    type Change = Change;
    const SCHEMA: Schema = SCHEMA;

    fn load(connection: &Connection) -> rusqlite::Result<Self> {
        let mut state = State::default();
        let mut rows = connection.prepare(
            "SELECT account, region, name, created, token, dkim, tags, config_set FROM ses_identity",
        )?;
        let mut rows = rows.query([])?;
        while let Some(row) = rows.next()? {
            let identity = Identity {
                created: Millis(row.get(3)?),
                token: row.get(4)?,
                dkim: from_json(row.get(5)?)?,
                tags: from_json(row.get(6)?)?,
                config_set: row.get(7)?,
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
            Change::MailPut { mail, head, body } => put_mail(transaction, mail, head, body),
            Change::MailsDelete { id: Some(id) } => {
                transaction.execute(
                    "DELETE FROM ses_mail_content WHERE seq IN (SELECT seq FROM ses_mail WHERE id=?1)",
                    [id],
                )?;
                transaction.execute("DELETE FROM ses_mail WHERE id=?1", [id]).map(drop)
            }
            Change::MailsDelete { id: None } => {
                transaction.execute_batch("DELETE FROM ses_mail; DELETE FROM ses_mail_content;")
            }
            Change::SentAdd { home, slot, recipients } => {
                add_sent(transaction, home, *slot, *recipients)
            }
        }
    }

    fn wipe(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        transaction.execute_batch(
            "DELETE FROM ses_identity; DELETE FROM ses_sent; DELETE FROM ses_mail;
             DELETE FROM ses_mail_content;",
        )
    }
}

fn put_identity(
    transaction: &Transaction<'_>,
    home: &Home,
    name: &str,
    identity: &Identity,
) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare_cached(
        "INSERT OR REPLACE INTO ses_identity(account, region, name, created, token, dkim, tags, config_set)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
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
            identity.config_set
        ])
        .map(drop)
}

fn put_mail(
    transaction: &Transaction<'_>,
    mail: &Mail,
    head: &[u8],
    body: &[u8],
) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare_cached(
        "INSERT INTO ses_mail(id, received, account, region, via, source, recipients, subject,
           config_set, tags, size) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?;
    statement.execute(params![
        mail.id,
        mail.received.0,
        mail.account,
        mail.region,
        mail.via.name(),
        mail.source,
        to_json(&(&mail.to, &mail.cc, &mail.bcc)),
        mail.subject,
        mail.config_set,
        to_json(&mail.tags),
        mail.size as i64
    ])?;
    let seq = transaction.last_insert_rowid();
    let mut statement = transaction
        .prepare_cached("INSERT INTO ses_mail_content(seq, head, body) VALUES (?1, ?2, ?3)")?;
    statement.execute(params![seq, head, body]).map(drop)
}

fn add_sent(
    transaction: &Transaction<'_>,
    home: &Home,
    slot: i64,
    recipients: u64,
) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare_cached(
        "INSERT INTO ses_sent(account, region, slot, recipients) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO UPDATE SET recipients = recipients + ?4",
    )?;
    statement.execute(params![home.0, home.1, slot, recipients as i64])?;
    let mut statement = transaction
        .prepare_cached("DELETE FROM ses_sent WHERE account=?1 AND region=?2 AND slot < ?3")?;
    statement.execute(params![home.0, home.1, slot - STATISTICS_MS]).map(drop)
}

/// A page of mails, newest first; `before` is the number at which the page before ended.
pub(super) fn page(
    connection: &Connection,
    before: Option<i64>,
    limit: usize,
) -> rusqlite::Result<Vec<(i64, Mail)>> {
    let mut rows = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM ses_mail WHERE seq < ?1 ORDER BY seq DESC LIMIT ?2"
    ))?;
    let limit = limit.clamp(1, LISTING_MAX + 1) as i64;
    let mails = rows.query_map(params![before.unwrap_or(i64::MAX), limit], mail_of)?;
    mails.collect()
}

/// A mail and its bytes.
pub(super) fn one(connection: &Connection, id: &str) -> rusqlite::Result<Option<(Mail, Vec<u8>)>> {
    let sql = format!("SELECT {COLUMNS} FROM ses_mail WHERE id=?1");
    let found = connection.query_row(&sql, [id], mail_of).optional()?;
    let Some((seq, mail)) = found else { return Ok(None) };
    let raw = raw(connection, seq)?;
    Ok(raw.map(|raw| (mail, raw)))
}

/// Mails with their bytes, oldest first, for [`super::view`]: of the newest `count` of them those that
/// `wanted` takes, while they are fewer than `bytes` bytes together.
pub(super) fn newest(
    connection: &Connection,
    count: usize,
    bytes: usize,
    sender: Option<&str>,
) -> rusqlite::Result<Vec<(Mail, Vec<u8>)>> {
    let mut rows = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM ses_mail WHERE ?1 IS NULL OR source=?1 ORDER BY seq DESC LIMIT ?2"
    ))?;
    let (mut found, mut total) = (Vec::new(), 0);
    for row in rows.query_map(params![sender, count as i64], mail_of)? {
        let (seq, mail) = row?;
        total += mail.size;
        if total > bytes && !found.is_empty() {
            break;
        }
        if let Some(raw) = raw(connection, seq)? {
            found.push((mail, raw));
        }
    }
    found.reverse();
    Ok(found)
}

fn raw(connection: &Connection, seq: i64) -> rusqlite::Result<Option<Vec<u8>>> {
    let mut statement =
        connection.prepare_cached("SELECT head, body FROM ses_mail_content WHERE seq=?1")?;
    let whole = |row: &Row<'_>| {
        let (head, body) = (row.get_ref(0)?.as_blob()?, row.get_ref(1)?.as_blob()?);
        Ok([head, body].concat())
    };
    statement.query_row([seq], whole).optional()
}

fn mail_of(row: &Row<'_>) -> rusqlite::Result<(i64, Mail)> {
    let (to, cc, bcc) = from_json(row.get(7)?)?;
    let mail = Mail {
        id: row.get(1)?,
        received: Millis(row.get(2)?),
        account: row.get(3)?,
        region: row.get(4)?,
        via: Via::named(&row.get::<_, String>(5)?),
        source: row.get(6)?,
        to,
        cc,
        bcc,
        subject: row.get(8)?,
        config_set: row.get(9)?,
        tags: from_json(row.get(10)?)?,
        size: row.get::<_, i64>(11)? as usize,
    };
    Ok((row.get(0)?, mail))
}

fn to_json<T: serde::Serialize>(value: &T) -> String {
    // Strings and lists of them cannot fail to be written.
    serde_json::to_string(value).unwrap_or_default()
}

fn from_json<T: serde::de::DeserializeOwned>(text: String) -> rusqlite::Result<T> {
    serde_json::from_str(&text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error))
    })
}
