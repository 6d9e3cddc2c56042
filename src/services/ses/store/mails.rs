//! Mails on disk: one row each, written at the end of one table, with the content behind all that a
//! listing reads. Big bodies lie in files; their names have an index of their own, which small mails
//! do not touch.

use super::{from_json, to_json};
use crate::base::Millis;
use crate::services::ses::finish::Finish;
use crate::services::ses::limits::LISTING_MAX;
use crate::services::ses::mail::{Body, Mail, Via};
use crate::services::ses::query::Filter;
use crate::storage::Transaction;
use crate::storage::rusqlite::{self, Connection, OptionalExtension, Row, named_params, params};

/// The second version of the tables: one row a mail instead of two, and the index for searches, which
/// is filled when somebody searches. `ses_mail_indexed` says up to which mail.
pub(super) const SECOND: &str = "
    ALTER TABLE ses_mail RENAME TO ses_mail_first;
    CREATE TABLE ses_mail(
      seq INTEGER PRIMARY KEY, id TEXT NOT NULL, received INTEGER NOT NULL,
      account TEXT NOT NULL, region TEXT NOT NULL, via TEXT NOT NULL, source TEXT NOT NULL,
      recipients TEXT NOT NULL, subject TEXT NOT NULL, config_set TEXT, tags TEXT NOT NULL,
      size INTEGER NOT NULL, file TEXT, head BLOB NOT NULL, body BLOB);
    INSERT INTO ses_mail SELECT m.seq, id, received, account, region, via, source, recipients, subject,
      config_set, tags, size, NULL, head, body
      FROM ses_mail_first m JOIN ses_mail_content c ON m.seq = c.seq ORDER BY m.seq;
    DROP TABLE ses_mail_first;
    DROP TABLE ses_mail_content;
    CREATE INDEX ses_mail_id ON ses_mail(id);
    CREATE INDEX ses_mail_file ON ses_mail(file) WHERE file IS NOT NULL;
    CREATE VIRTUAL TABLE ses_mail_text USING fts5(
      words, content='', contentless_delete=1, detail=none, tokenize='trigram');
    CREATE TABLE ses_mail_indexed(seq INTEGER NOT NULL);
    INSERT INTO ses_mail_indexed VALUES (0);";

pub(super) const COLUMNS: &str =
    "seq, id, received, account, region, via, source, recipients, subject, config_set, tags, size";

/// A mail's bytes, as far as they lie in its row.
pub(in crate::services::ses) struct Content {
    /// Its header, and its body unless that lies in a file.
    pub(in crate::services::ses) bytes: Vec<u8>,
    /// The file that goes on behind `bytes`.
    pub(in crate::services::ses) file: Option<String>,
    /// What is done to it before anybody sees it.
    pub(in crate::services::ses) finish: Option<Finish>,
}

pub(super) fn put(
    transaction: &Transaction<'_>,
    mail: &Mail,
    head: &[u8],
    body: &Body,
    finish: Option<&Finish>,
) -> rusqlite::Result<()> {
    let (file, bytes) = match body {
        Body::Held(bytes) => (None, Some(&bytes[..])),
        Body::Stored { file, .. } => (Some(file), None),
    };
    let mut statement = transaction.prepare_cached(
        "INSERT INTO ses_mail(seq, id, received, account, region, via, source, recipients, subject,
           config_set, tags, size, file, head, body, finish)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
    )?;
    let tags = if mail.tags.is_empty() { "[]".into() } else { to_json(&mail.tags) };
    statement
        .execute(params![
            mail.seq,
            mail.id,
            mail.received.0,
            mail.account,
            mail.region,
            mail.via.name(),
            mail.source,
            to_json(&(&mail.to, &mail.cc, &mail.bcc)),
            mail.subject,
            mail.config_set,
            tags,
            mail.size as i64,
            file,
            head,
            bytes,
            finish.map(to_json)
        ])
        .map(drop)
}

pub(super) fn delete(transaction: &Transaction<'_>, id: &str) -> rusqlite::Result<()> {
    let indexed = super::search::mark(transaction)?;
    let mut statement =
        transaction.prepare_cached("DELETE FROM ses_mail WHERE id=?1 RETURNING seq")?;
    let gone: Vec<i64> =
        statement.query_map([id], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    for seq in gone.into_iter().filter(|seq| *seq <= indexed) {
        transaction.execute("DELETE FROM ses_mail_text WHERE rowid=?1", [seq])?;
    }
    Ok(())
}

/// Deletes the mails of an account.
pub(super) fn delete_of(transaction: &Transaction<'_>, account: &str) -> rusqlite::Result<()> {
    let ids: Vec<String> = transaction
        .prepare_cached("SELECT id FROM ses_mail WHERE account=?1")?
        .query_map([account], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    ids.iter().try_for_each(|id| delete(transaction, id))
}

/// The files of an account's mails.
pub(in crate::services::ses) fn files_of(
    connection: &Connection,
    account: &str,
) -> rusqlite::Result<Vec<String>> {
    let sql = "SELECT file FROM ses_mail WHERE account=?1 AND file IS NOT NULL";
    let mut rows = connection.prepare_cached(sql)?;
    let rows = rows.query_map([account], |row| row.get(0))?;
    rows.collect()
}

pub(super) fn delete_all(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute_batch(
        "DELETE FROM ses_mail; INSERT INTO ses_mail_text(ses_mail_text) VALUES ('delete-all');
         UPDATE ses_mail_indexed SET seq=0; UPDATE ses_forward_mark SET seq=0; DELETE FROM ses_forward;",
    )
}

/// The highest number that a mail has, or that is still known of one.
pub(super) fn last(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row(
        "SELECT max(coalesce((SELECT max(seq) FROM ses_mail), 0),
                    coalesce((SELECT max(seq) FROM ses_mail_indexed), 0),
                    coalesce((SELECT max(seq) FROM ses_forward_mark), 0))",
        [],
        |row| row.get(0),
    )
}

/// Whether a mail's body lies in the file `name`.
pub(in crate::services::ses) fn recorded(
    transaction: &Transaction<'_>,
    name: &str,
) -> rusqlite::Result<bool> {
    let mut statement = transaction.prepare_cached("SELECT 1 FROM ses_mail WHERE file=?1")?;
    statement.exists([name])
}

/// The files of one mail or of all.
pub(in crate::services::ses) fn files(
    connection: &Connection,
    id: Option<&str>,
) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare_cached(
        "SELECT file FROM ses_mail WHERE file IS NOT NULL AND (:id IS NULL OR id=:id)",
    )?;
    let names = statement.query_map(named_params! {":id": id}, |row| row.get(0))?;
    names.collect()
}

/// Mails above `floor`, oldest first.
pub(in crate::services::ses) fn above(
    connection: &Connection,
    floor: i64,
    limit: usize,
) -> rusqlite::Result<Vec<Mail>> {
    let mut rows = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM ses_mail WHERE seq > ?1 ORDER BY seq LIMIT ?2"
    ))?;
    let mails = rows.query_map(params![floor, limit as i64], mail_of)?;
    mails.collect()
}

/// The highest number of a mail that is there.
pub(in crate::services::ses) fn newest_number(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("SELECT coalesce(max(seq), 0) FROM ses_mail", [], |row| row.get(0))
}

/// The ids of mails beyond the newest `count`, or accepted before an instant; oldest first.
pub(in crate::services::ses) fn outdated(
    connection: &Connection,
    count: Option<u64>,
    before: Option<Millis>,
    limit: usize,
) -> rusqlite::Result<Vec<String>> {
    let floor: Option<i64> = match count {
        Some(count) => connection
            .prepare_cached("SELECT seq FROM ses_mail ORDER BY seq DESC LIMIT 1 OFFSET ?1")?
            .query_row([count.min(i64::MAX as u64) as i64], |row| row.get(0))
            .optional()?,
        None => None,
    };
    let mut rows = connection.prepare_cached(
        "SELECT id FROM (SELECT id, seq, received FROM ses_mail ORDER BY seq LIMIT ?3)
         WHERE seq <= ?1 OR received < ?2",
    )?;
    let before = before.map_or(i64::MIN, |before| before.0);
    let ids =
        rows.query_map(params![floor.unwrap_or(0), before, limit as i64], |row| row.get(0))?;
    ids.collect()
}

/// When the oldest mail was accepted.
pub(in crate::services::ses) fn oldest(
    connection: &Connection,
) -> rusqlite::Result<Option<Millis>> {
    let sql = "SELECT received FROM ses_mail ORDER BY seq LIMIT 1";
    Ok(connection.query_row(sql, [], |row| row.get(0)).optional()?.map(Millis))
}

/// The mail with this number.
pub(in crate::services::ses) fn numbered(
    connection: &Connection,
    seq: i64,
) -> rusqlite::Result<Option<Mail>> {
    let sql = format!("SELECT {COLUMNS} FROM ses_mail WHERE seq=?1");
    connection.prepare_cached(&sql)?.query_row([seq], mail_of).optional()
}

/// A mail.
pub(in crate::services::ses) fn one(
    connection: &Connection,
    id: &str,
) -> rusqlite::Result<Option<Mail>> {
    let sql = format!("SELECT {COLUMNS} FROM ses_mail WHERE id=?1");
    connection.prepare_cached(&sql)?.query_row([id], mail_of).optional()
}

/// The newest `count` mails that `filter` takes while they are fewer than `bytes` bytes together, oldest first.
pub(in crate::services::ses) fn newest(
    connection: &Connection,
    count: usize,
    bytes: usize,
    filter: &Filter,
) -> rusqlite::Result<Vec<Mail>> {
    let (mut found, mut total, mut before) = (Vec::new(), 0, None);
    while found.len() < count {
        let page = super::search::search(connection, filter, before, LISTING_MAX)?;
        for mail in page.mails {
            total += mail.size;
            if found.len() == count || (total > bytes && !found.is_empty()) {
                found.reverse();
                return Ok(found);
            }
            found.push(mail);
        }
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    found.reverse();
    Ok(found)
}

/// What lies in a mail's row.
pub(in crate::services::ses) fn content(
    connection: &Connection,
    seq: i64,
) -> rusqlite::Result<Option<Content>> {
    let mut statement =
        connection.prepare_cached("SELECT head, body, file, finish FROM ses_mail WHERE seq=?1")?;
    let whole = |row: &Row<'_>| {
        let (head, body) = (row.get_ref(0)?.as_blob()?, row.get_ref(1)?.as_blob_or_null()?);
        let bytes = [head, body.unwrap_or_default()].concat();
        let finish = row.get_ref(3)?.as_str_or_null()?.map(from_json).transpose()?;
        Ok(Content { bytes, file: row.get(2)?, finish })
    };
    statement.query_row([seq], whole).optional()
}

pub(super) fn mail_of(row: &Row<'_>) -> rusqlite::Result<Mail> {
    let (to, cc, bcc) = from_json(row.get_ref(7)?.as_str()?)?;
    Ok(Mail {
        seq: row.get(0)?,
        id: row.get(1)?,
        received: Millis(row.get(2)?),
        account: row.get(3)?,
        region: row.get(4)?,
        via: Via::named(row.get_ref(5)?.as_str()?),
        source: row.get(6)?,
        to,
        cc,
        bcc,
        subject: row.get(8)?,
        config_set: row.get(9)?,
        tags: from_json(row.get_ref(10)?.as_str()?)?,
        size: row.get::<_, i64>(11)? as usize,
    })
}
