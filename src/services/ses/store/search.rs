//! Searching mails: an index of three-letter pieces (FTS5's trigrams) names candidates newest first, and
//! [`Filter`] decides. The index is filled when somebody searches, so that sending does not pay for it;
//! a search is answered only when every mail that was committed before is in it.
//!
//! <https://www.sqlite.org/fts5.html#the_trigram_tokenizer>

use super::mails::{COLUMNS, mail_of};
use crate::services::ses::mail::Mail;
use crate::services::ses::query::{Filter, searchable};
use crate::storage::rusqlite::{self, Connection, Rows, Transaction, params};
use crate::storage::{Storage, StorageError};

/// Mails that are put into the index in one transaction; others' commits wait as long.
const BATCH_MAX: i64 = 1000;
/// Candidates that are looked at for one page; the next page goes on behind them.
const EXAMINED_MAX: usize = 20_000;
/// Pieces that the index is asked for; the more, the fewer candidates.
const PIECES_MAX: usize = 12;
/// Characters of a piece.
const PIECE: usize = 3;

/// A page of what was found, newest first.
pub(in crate::services::ses) struct Page {
    /// The mails; there may be fewer than asked for, and none, although `next` leads on.
    pub(in crate::services::ses) mails: Vec<Mail>,
    /// The number before which the next page begins.
    pub(in crate::services::ses) next: Option<i64>,
}

/// Up to which mail the index reaches.
pub(super) fn mark(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("SELECT seq FROM ses_mail_indexed", [], |row| row.get(0))
}

/// Brings the index up to the newest committed mail, if `filter` would ask it.
pub(in crate::services::ses) async fn catch_up(
    storage: &Storage,
    filter: &Filter,
) -> Result<(), StorageError> {
    if pieces(filter).is_empty() {
        return Ok(());
    }
    loop {
        let behind = storage.read(|connection| {
            let newest: Option<i64> =
                connection.query_row("SELECT max(seq) FROM ses_mail", [], |row| row.get(0))?;
            Ok(newest.unwrap_or(0) - mark(connection)?)
        })?;
        if behind <= 0 {
            return Ok(());
        }
        storage.transact(index_batch).await?;
    }
}

fn index_batch(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    let from = mark(transaction)?;
    let mut last = from;
    let sql = format!("SELECT {COLUMNS} FROM ses_mail WHERE seq > ?1 ORDER BY seq LIMIT ?2");
    let mut rows = transaction.prepare_cached(&sql)?;
    let mut insert =
        transaction.prepare_cached("INSERT INTO ses_mail_text(rowid, words) VALUES (?1, ?2)")?;
    for mail in rows.query_map(params![from, BATCH_MAX], mail_of)? {
        let mail = mail?;
        last = mail.seq;
        insert.execute(params![mail.seq, searchable(&mail)])?;
    }
    transaction.execute("UPDATE ses_mail_indexed SET seq=?1", [last]).map(drop)
}

/// Mails that `filter` takes, with numbers below `before`.
pub(in crate::services::ses) fn search(
    connection: &Connection,
    filter: &Filter,
    before: Option<i64>,
    limit: usize,
) -> rusqlite::Result<Page> {
    let before = before.unwrap_or(i64::MAX);
    let pieces = pieces(filter);
    if pieces.is_empty() {
        let sql = format!("SELECT {COLUMNS} FROM ses_mail WHERE seq < ?1 ORDER BY seq DESC");
        let mut statement = connection.prepare_cached(&sql)?;
        return pick(statement.query([before])?, filter, limit);
    }
    let sql = format!(
        "SELECT {COLUMNS} FROM ses_mail_text t CROSS JOIN ses_mail m ON m.seq = t.rowid
         WHERE ses_mail_text MATCH ?1 AND t.rowid < ?2 ORDER BY t.rowid DESC"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    pick(statement.query(params![pieces.join(" AND "), before])?, filter, limit)
}

fn pick(mut rows: Rows<'_>, filter: &Filter, limit: usize) -> rusqlite::Result<Page> {
    let (mut mails, mut examined, mut last) = (Vec::new(), 0, 0);
    while let Some(row) = rows.next()? {
        if mails.len() == limit || examined == EXAMINED_MAX {
            return Ok(Page { mails, next: Some(last) });
        }
        let mail = mail_of(row)?;
        (last, examined) = (mail.seq, examined + 1);
        if filter.matches(&mail) {
            mails.push(mail);
        }
    }
    Ok(Page { mails, next: None })
}

/// The pieces of `filter`'s texts as the index's query language wants them; none if all are too short.
fn pieces(filter: &Filter) -> Vec<String> {
    let mut pieces = Vec::new();
    for needle in filter.needles() {
        let letters: Vec<char> = needle.chars().filter(|c| *c != '\0').collect();
        for piece in letters.windows(PIECE) {
            let piece: String = piece.iter().collect();
            let quoted = format!("\"{}\"", piece.replace('"', "\"\""));
            if !pieces.contains(&quoted) {
                pieces.push(quoted);
            }
        }
    }
    // Evenly from all of them: addresses of one domain differ at the front, subjects anywhere.
    let step = pieces.len().div_ceil(PIECES_MAX).max(1);
    pieces.into_iter().step_by(step).collect()
}
